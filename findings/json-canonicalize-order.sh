#!/usr/bin/env bash
# A library for canonical JSON does not sort the fields of an object that has a toJSON() method.
#
# A good guess: Canonical JSON sorts the fields. So two equal values give the same bytes with both of the popular packages.
# Seen: json-canonicalize 3.0.1 sorts plain objects. If an object has a toJSON() method, as entities and value classes often do,
# it writes the fields that toJSON() returned in the order in which they were set. canonicalize 2.1.0 sorts these too.
# Why it matters: The bytes are hashed or signed, for example for webhooks, audit trails and idempotency keys. A record that is
# created in code and the same record read from a database can get two digests. The verification of a signature then fails
# although nothing was changed.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit json-canonicalize@3.0.1 canonicalize@2.1.0

cat > canonical.cjs <<'JS'
const canonicalize = require('canonicalize');
const jsonCanonicalize = require('json-canonicalize').canonicalize;
class Key {
  constructor(members) { this.members = members; }
  toJSON() { return this.members; }
}
const made = { event: 'key.made', key: new Key({ id: 'key_1', environment: 'live' }) };
const read = { event: 'key.made', key: new Key({ environment: 'live', id: 'key_1' }) };
for (const [name, f] of [['canonicalize 2.1.0', canonicalize], ['json-canonicalize 3.0.1', jsonCanonicalize]]) {
  console.log(`${name} ${f(made) === f(read) ? 'equal' : 'different'} ${f(made)}`);
}
JS
cat > stated <<'END'
canonicalize 2.1.0 equal {"event":"key.made","key":{"environment":"live","id":"key_1"}}
json-canonicalize 3.0.1 different {"event":"key.made","key":{"id":"key_1","environment":"live"}}
END
node canonical.cjs > seen

echo 'One record, its members set in two orders; expected by most: equal bytes from both. Observed:'
cat seen
diff stated seen && echo 'As stated.'
