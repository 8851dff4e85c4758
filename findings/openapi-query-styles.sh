#!/usr/bin/env bash
# Four clients that are generated from one OpenAPI document send three different queries for the same two parameters.
#
# A good guess: `explode: false` (ids=a,b) and `style: deepObject` (filter[env]=live) are among the oldest features of OpenAPI 3.
# A generator that accepts them also implements them.
# Seen: The clients of @hey-api/openapi-ts 0.99.0 and orval 8.38.0 send both as described. That of swagger-typescript-api 13.13.0
# repeats ids and sends filter=[object Object]. That of openapi-python-client 0.29.1 repeats ids and sends env=live, without
# "filter". No generator prints a warning.
# Why it matters: A server that follows the document sees one id of two, and no filter. The caller gets the first page of all
# items and believes that it is filtered. If clients of an API are generated, the API should use only repeated names and scalar
# values.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check openapi-python-client==0.29.1
echo '{"private":true,"type":"module"}' > package.json
npm install --silent --no-fund --no-audit @hey-api/openapi-ts@0.99.0 orval@8.38.0 swagger-typescript-api@13.13.0 typescript@5.9.3 tsx@4.20.6

cat > api.json <<'JSON'
{"openapi": "3.0.3", "info": {"title": "Example", "version": "1"}, "paths": {"/keys": {"get": {"operationId": "listKeys", "parameters": [
  {"name": "ids", "in": "query", "explode": false, "schema": {"type": "array", "items": {"type": "string"}}},
  {"name": "filter", "in": "query", "style": "deepObject", "explode": true,
   "schema": {"type": "object", "properties": {"env": {"type": "string"}}}}],
  "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": {"type": "array", "items": {"type": "string"}}}}}}}}}}
JSON
echo 'export default { a: { input: "./api.json", output: { target: "./orval/client.ts", client: "fetch", baseUrl: { runtime: "process.env.API" } } } };' > orval.config.mjs
npx openapi-ts -i api.json -o hey -p @hey-api/sdk @hey-api/typescript @hey-api/client-fetch > /dev/null 2>&1
npx orval --config orval.config.mjs > /dev/null 2>&1
npx swagger-typescript-api generate -p api.json -o swagger -n client.ts > /dev/null 2>&1
v/bin/openapi-python-client generate --path api.json --output-path python > /dev/null 2>&1

cat > probe.py <<'PY'
import sys
sys.path.insert(0, "python")
from example_client import Client
from example_client.api.default import list_keys
from example_client.models import ListKeysFilter
list_keys.sync_detailed(client=Client(base_url=sys.argv[1]), ids=["a", "b"], filter_=ListKeysFilter(env="live"))
PY
cat > probe.ts <<'TS'
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { client } from './hey/client.gen';
import { listKeys } from './hey/sdk.gen';
import { getListKeysUrl } from './orval/client';
import { Api } from './swagger/client';

let seen = '';
const server = createServer((request, response) => {
  seen = decodeURIComponent(request.url!);
  response.setHeader('content-type', 'application/json').end('[]');
});
await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
const api = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
const query: any = { ids: ['a', 'b'], filter: { env: 'live' } };
client.setConfig({ baseUrl: api });
await listKeys({ query });
console.log('hey-api 0.99.0', seen);
await fetch(api + '/' + getListKeysUrl(query).split('/').pop());
console.log('orval 8.38.0', seen);
await new Api({ baseUrl: api }).keys.listKeys(query);
console.log('swagger-typescript-api 13.13.0', seen);
await promisify(execFile)('v/bin/python', ['probe.py', api]);
console.log('openapi-python-client 0.29.1', seen);
server.close();
TS
cat > stated <<'END'
hey-api 0.99.0 /keys?ids=a,b&filter[env]=live
orval 8.38.0 /keys?ids=a,b&filter[env]=live
swagger-typescript-api 13.13.0 /keys?ids=a&ids=b&filter=[object Object]
openapi-python-client 0.29.1 /keys?ids=a&ids=b&env=live
END
npx tsx probe.ts > seen

echo 'Expected by most: /keys?ids=a,b&filter[env]=live from all. Observed, percent-decoded:'
cat seen
diff stated seen && echo 'As stated.'
