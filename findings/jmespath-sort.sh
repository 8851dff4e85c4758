#!/usr/bin/env bash
# None of four JMESPath libraries for JavaScript sorts both numbers and strings as the specification says.
#
# A good guess: sort() takes a dozen lines, and the specification has a compliance suite. So all libraries agree, at least on
# numbers.
# Seen: jmespath 0.16.0 (37 million downloads a month), @metrichor/jmespath and @jmespath-community/jmespath sort numbers as
# strings, so 10 comes before 9. Powertools for AWS Lambda sorts numbers correctly, but sorts strings by the language of the user,
# so "a" comes before "B". Python's jmespath 1.1.0, which the AWS CLI uses, follows the specification in both cases.
# Why it matters: An expression that was tried with `aws --query` can select another first or last element in a Lambda function.
# For example, the newest three of several versions are wrong as soon as there are ten.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check jmespath==1.1.0
echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit jmespath@0.16.0 @metrichor/jmespath@0.3.1 \
  @jmespath-community/jmespath@1.3.0 @aws-lambda-powertools/jmespath@2.36.0

cat > sort.py <<'PY'
import json, jmespath
print("jmespath (Python) 1.1.0", *(json.dumps(jmespath.search("sort(@)", x), separators=(",", ":")) for x in ([10, 9, 1], ["a", "B"])))
PY
cat > sort.cjs <<'JS'
for (const [name, version] of [['jmespath', '0.16.0'], ['@metrichor/jmespath', '0.3.1'],
  ['@jmespath-community/jmespath', '1.3.0'], ['@aws-lambda-powertools/jmespath', '2.36.0']]) {
  const { search } = require(name);
  const sort = (x) => JSON.stringify(name.startsWith('@aws') ? search('sort(@)', x) : search(x, 'sort(@)'));
  console.log(name, version, sort([10, 9, 1]), sort(['a', 'B']));
}
JS
cat > stated <<'END'
jmespath (Python) 1.1.0 [1,9,10] ["B","a"]
jmespath 0.16.0 [1,10,9] ["B","a"]
@metrichor/jmespath 0.3.1 [1,10,9] ["B","a"]
@jmespath-community/jmespath 1.3.0 [1,10,9] ["B","a"]
@aws-lambda-powertools/jmespath 2.36.0 [1,9,10] ["a","B"]
END
{ v/bin/python sort.py; node sort.cjs; } > seen

echo 'sort([10, 9, 1]) and sort(["a", "B"]); expected by most: [1,9,10] and ["B","a"], everywhere. Observed:'
cat seen
diff stated seen && echo 'As stated.'
