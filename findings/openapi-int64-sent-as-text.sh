#!/usr/bin/env bash
# A generated client sends every int64 as a string, even a small one.
#
# A good guess: `"format": "int64"` is turned into number or bigint. In both cases the client sends a JSON number, as the document
# requires and as the client itself receives it.
# Seen: @hey-api/openapi-ts 0.99.0 with its transformers, configured as its manual describes (they are often used for dates),
# represents an int64 as a bigint and sends {"grace_period":"3600"}, even if the maximum is 604800. So a value from a response
# differs if it is sent back unchanged. Without the transformers, a value that was parsed by the generated Zod schema is also sent
# as a string.
# Why it matters: Tools for Rust and Go write int64 for each i64 into the documents that they generate. A strict server then
# responds 400 to a client that was generated from its own document, and a lenient server stores a string. Use int32 or no format
# for small numbers.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true,"type":"module"}' > package.json
npm install --silent --no-fund --no-audit @hey-api/openapi-ts@0.99.0 zod@4.6.7 typescript@5.9.3 tsx@4.20.6

cat > api.json <<'JSON'
{"openapi": "3.1.1", "info": {"title": "Example", "version": "1"}, "paths": {"/rotate": {"post": {"operationId": "rotate",
  "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Rotation"}}}},
  "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Rotation"}}}}}}}},
 "components": {"schemas": {"Rotation": {"type": "object", "required": ["grace_period"], "properties": {
  "grace_period": {"type": "integer", "format": "int64", "minimum": 0, "maximum": 604800}}}}}}
JSON
npx openapi-ts -i ./api.json -o ./plain -p @hey-api/sdk @hey-api/typescript @hey-api/client-fetch zod > /dev/null 2>&1
cat > with.config.mjs <<'JS'
export default { input: './api.json', output: './with',
  plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/transformers', { name: '@hey-api/sdk', transformer: true }] };
JS
npx openapi-ts -f with.config.mjs > /dev/null 2>&1

cat > probe.ts <<'TS'
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import * as plain from './plain/client.gen';
import { rotate as rotatePlain } from './plain/sdk.gen';
import { zRotation } from './plain/zod.gen';
import * as withTransformers from './with/client.gen';
import { rotate } from './with/sdk.gen';

let sent = '';
const server = createServer((request, response) => {
  sent = '';
  request.on('data', (part) => { sent += part; });
  request.on('end', () => response.setHeader('content-type', 'application/json').end('{"grace_period":3600}'));
});
await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
const baseUrl = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
plain.client.setConfig({ baseUrl });
withTransformers.client.setConfig({ baseUrl });
const type = (path: string) => readFileSync(path, 'utf8').match(/grace_period: (\w+)/)![1];

await rotatePlain({ body: { grace_period: 3600 } });
console.log('plain, typed', type('plain/types.gen.ts'), 'sent', sent);
await rotatePlain({ body: zRotation.parse({ grace_period: 3600 }) as any });
console.log('plain, parsed first, sent', sent);
const { data } = await rotate({ body: { grace_period: 3600n } });
console.log('with transformers, typed', type('with/types.gen.ts'), 'sent', sent, 'received', typeof data!.grace_period);
await rotate({ body: data! });
console.log('with transformers, what was received, sent', sent);
server.close();
TS
cat > stated <<'END'
plain, typed number sent {"grace_period":3600}
plain, parsed first, sent {"grace_period":"3600"}
with transformers, typed bigint sent {"grace_period":"3600"} received bigint
with transformers, what was received, sent {"grace_period":"3600"}
END
npx tsx probe.ts > seen

echo '@hey-api/openapi-ts 0.99.0; expected by most: {"grace_period":3600} each time. Observed:'
cat seen
diff stated seen && echo 'As stated.'
