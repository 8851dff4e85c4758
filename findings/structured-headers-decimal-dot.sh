#!/usr/bin/env bash
# A library for structured header fields writes numbers such as 60.0004 as "60.", which neither it nor another library can read.
#
# A good guess: RFC 9651, section 4.1.5, rounds a decimal to three digits and keeps at least one digit after the dot: 60.0004 becomes
# 60.0. A library that serializes a value can read it again.
# Seen: structured-headers 2.1.0 (npm) writes 60. and 0. for numbers whose fraction rounds to nothing, also in a dictionary. Its own
# parser and http-sf 1.5.0 (PyPI) reject the text. Numbers with a fraction that remains are right.
# Why it matters: The time until a rate limit resets, from a clock with fractions of a second, is such a number about once in a
# thousand responses. The client then ignores the whole field.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit structured-headers@2.1.0
python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check http-sf==1.5.0

cat > probe.mjs <<'JS'
import { parseItem, serializeItem, serializeDictionary } from 'structured-headers';
for (const number of [59.9, 60.0004, 0.0004]) {
  const text = serializeItem(number, new Map());
  let read = 'read';
  try { parseItem(text); } catch { read = 'rejected'; }
  console.log(number, text, read);
}
console.log(serializeDictionary({ q: 100, t: 18.0002 }));
JS
cat > probe.py <<'PY'
import http_sf
for text in (b"59.9", b"60.", b"60.0"):
    try:
        http_sf.parse(text, tltype="item")
        print(text.decode(), "read")
    except ValueError as error:
        print(text.decode(), "rejected:", error)
PY
cat > stated <<'END'
59.9 59.9 read
60.0004 60. rejected
0.0004 0. rejected
q=100, t=18.
59.9 read
60. rejected: Decimal ends in '.' at position 2
60.0 read
END
{ node probe.mjs; v/bin/python probe.py; } > seen

echo 'Numbers as structured-headers writes and reads them, then as http-sf reads them; expected by most: 60.0, 0.0 and t=18.0, read by both. Observed:'
cat seen
diff stated seen && echo 'As stated.'
