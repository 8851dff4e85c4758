#!/usr/bin/env bash
# Powertools for Python and for TypeScript store different idempotency keys for one event, and only one of them takes 0 and false as a key.
#
# A good guess: Both editions store the MD5 digest of the selected part of the event, so with the same prefix and table they recognize
# each other's requests. A missing key is an error in both, and 0 is a key as any other number is.
# Seen: aws-lambda-powertools 3.37.0 (Python) writes the digest in hexadecimal, @aws-lambda-powertools/idempotency 2.35.0 (TypeScript) in
# Base64. The digests are equal only for plain values: a list and a letter outside ASCII are hashed in two spellings. 7 and 7.0 are two
# keys in Python and one in TypeScript. TypeScript rejects 0 and false as missing, Python takes them.
# Why it matters: When a function is ported, each request that is repeated during the deployment is executed again, although both
# editions use the same table. An order whose number is 0 is processed by one edition and rejected by the other.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check aws-lambda-powertools==3.37.0 boto3==1.43.106
echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit @aws-lambda-powertools/idempotency@2.35.0

cat > events.json <<'JSON'
[["id", "{\"id\": \"order_1\"}"],
 ["id", "{\"id\": 7}"],
 ["id", "{\"id\": 7.0}"],
 ["id", "{\"id\": 0}"],
 ["id", "{\"id\": false}"],
 ["id", "{\"id\": null}"],
 ["id", "{\"id\": \"caf\u00e9\"}"],
 ["[id, owner]", "{\"id\": 7, \"owner\": \"user_1\"}"]]
JSON
cat > probe.py <<'PY'
import json
from aws_lambda_powertools.utilities.idempotency import BasePersistenceLayer, IdempotencyConfig, idempotent
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyKeyError

class Memory(BasePersistenceLayer):
    """Keeps the last key."""
    key = None
    def _put_record(self, data_record): self.key = data_record.idempotency_key
    def _update_record(self, data_record): pass
    def _delete_record(self, data_record): pass
    def _get_record(self, idempotency_key): raise NotImplementedError

class Context:
    @staticmethod
    def get_remaining_time_in_millis(): return 1000

for path, event in json.load(open("events.json", encoding="utf-8")):
    memory = Memory()
    config = IdempotencyConfig(event_key_jmespath=path, raise_on_no_idempotency_key=True)
    handler = idempotent(lambda event, context: "done", config=config, persistence_store=memory, key_prefix="orders")
    try:
        handler(json.loads(event), Context())
        print("Python", path, event, memory.key)
    except IdempotencyKeyError:
        print("Python", path, event, "no key")
PY
cat > probe.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { BasePersistenceLayer } from '@aws-lambda-powertools/idempotency/persistence';

class Memory extends BasePersistenceLayer {
  async _putRecord(record) { this.key = record.idempotencyKey; }
  async _updateRecord() {}
  async _deleteRecord() {}
  async _getRecord() { throw new Error('unused'); }
}
for (const [path, event] of JSON.parse(readFileSync('events.json', 'utf8'))) {
  const memory = new Memory();
  const config = new IdempotencyConfig({ eventKeyJmesPath: path, throwOnNoIdempotencyKey: true });
  const handler = makeIdempotent(async () => 'done', { config, persistenceStore: memory, keyPrefix: 'orders' });
  try {
    await handler(JSON.parse(event), { getRemainingTimeInMillis: () => 1000 });
    console.log('TypeScript', path, event, memory.key, '=', Buffer.from(memory.key.split('#')[1], 'base64').toString('hex'));
  } catch (error) {
    if (error.cause?.name !== 'IdempotencyKeyError') throw error;
    console.log('TypeScript', path, event, 'no key');
  }
}
JS
cat > stated <<'END'
Python id {"id": "order_1"} orders#acc25f07237751aa62e6fc2121b1e2a5
Python id {"id": 7} orders#8f14e45fceea167a5a36dedd4bea2543
Python id {"id": 7.0} orders#01deebfa87b938c89ecb3dcb4effcbe2
Python id {"id": 0} orders#cfcd208495d565ef66e7dff9f98764da
Python id {"id": false} orders#68934a3e9455fa72420237eb05902327
Python id {"id": null} no key
Python id {"id": "café"} orders#792880d74f2791a68c2a8972d19c728e
Python [id, owner] {"id": 7, "owner": "user_1"} orders#ec3ed0e126bab7c6ff5cfd0703526dad
TypeScript id {"id": "order_1"} orders#rMJfByN3Uapi5vwhIbHipQ== = acc25f07237751aa62e6fc2121b1e2a5
TypeScript id {"id": 7} orders#jxTkX87qFnpaNt7dS+olQw== = 8f14e45fceea167a5a36dedd4bea2543
TypeScript id {"id": 7.0} orders#jxTkX87qFnpaNt7dS+olQw== = 8f14e45fceea167a5a36dedd4bea2543
TypeScript id {"id": 0} no key
TypeScript id {"id": false} no key
TypeScript id {"id": null} no key
TypeScript id {"id": "café"} orders#/r51DybqjrcS6vPQe0Cx6g== = febe750f26ea8eb712eaf3d07b40b1ea
TypeScript [id, owner] {"id": 7, "owner": "user_1"} orders#yVsf7DWcAWgkUAyV/PU4mg== = c95b1fec359c016824500c95fcf5389a
END
export AWS_LAMBDA_FUNCTION_NAME=orders POWERTOOLS_SERVICE_NAME=orders PYTHONIOENCODING=utf-8
{ v/bin/python probe.py; node probe.mjs; } > seen 2> errors || { cat errors; exit 1; }

echo 'The keys that are stored for events; expected by most: the same from both for each event, and no key only for null. Observed:'
cat seen
diff stated seen && echo 'As stated.'
