#!/usr/bin/env bash
# A library for canonical JSON keeps the order in which members were set, where an object can turn itself into JSON.
#
# A good guess: canonicalising is sorting, so two equal values give the same bytes, whichever package of the two popular ones.
# Seen: json-canonicalize 3.0.1 sorts plain objects. Where an object has toJSON(), as entities and value classes often do, it
# writes what toJSON() returned with its members in the order in which they were set. canonicalize 2.1.0 sorts those too.
# Why it matters: the bytes are hashed or signed (webhooks, audit trails, idempotency keys). The same record, once made by
# code and once read from a database, gets two digests, and a check of the seal fails where nothing was changed.
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
