#!/usr/bin/env bash
# A generated client sends every int64 as text, small ones too.
#
# A good guess: `"format": "int64"` gives number or bigint; either way the JSON that is sent has a number, as the document demands
# and as the same client receives it.
# Seen: @hey-api/openapi-ts 0.99.0 with its transformers, set up as its manual has it (many use them for dates), types an int64
# as bigint and sends {"grace_period":"3600"}, even where the maximum is 604800. So an answer, sent back unchanged, differs
# from what came. Without the transformers, a value that went through the Zod schema of the same run is sent as text too.
# Why it matters: Rust's and Go's tools write int64 into their documents by themselves, for each i64. A strict server answers
# 400 to a client that was generated from its own document; a lenient one stores text. Give small numbers no format, or int32.
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
