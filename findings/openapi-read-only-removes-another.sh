#!/usr/bin/env bash
# If one field is marked as read-only, a generated client loses another field.
#
# A good guess: `readOnly: true` on created_at removes created_at from the body of requests, and has no other effect.
# Seen: @hey-api/openapi-ts 0.99.0 then also omits each free-form object, such as `"metadata": {"type": "object"}`, even if it is
# required. It is missing in the types and the Zod schemas of both requests and responses. parse() succeeds and returns the
# response without it. Without readOnly, or if the object has additionalProperties: true, metadata is present. orval 8.38.0 keeps
# it in all cases.
# Why it matters: Callers store their own values in fields such as metadata, labels and details. After a change that seems to
# affect only the documentation, a client that reads, validates and writes back an entity deletes these values. The TypeScript
# compiler reports no error, because the types lack the field too.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true,"type":"module"}' > package.json
npm install --silent --no-fund --no-audit @hey-api/openapi-ts@0.99.0 orval@8.38.0 zod@4.6.7 typescript@5.9.3 tsx@4.20.6

cat > probe.mjs <<'JS'
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
const answer = JSON.stringify({ created_at: '2026-11-29', metadata: { study: 'A' } });
writeFileSync('orval.config.mjs', 'export default { a: { input: "./api.json", output: { target: "./orval/zod.ts", client: "zod" } } };');
for (const readOnly of [false, true]) {
  const content = { 'application/json': { schema: { $ref: '#/components/schemas/Key' } } };
  writeFileSync('api.json', JSON.stringify({
    openapi: '3.1.1', info: { title: 'Example', version: '1' },
    paths: { '/key': {
      get: { operationId: 'getKey', responses: { 200: { description: 'OK', content } } },
      put: { operationId: 'putKey', requestBody: { required: true, content }, responses: { 204: { description: 'Kept' } } } } },
    components: { schemas: { Key: { type: 'object', required: ['metadata'], properties: {
      created_at: { type: 'string', readOnly }, metadata: { type: 'object' } } } } },
  }));
  execFileSync('npx', ['openapi-ts', '-i', './api.json', '-o', './hey', '-p', 'zod', '@hey-api/typescript'], { stdio: 'ignore' });
  execFileSync('npx', ['orval', '--config', 'orval.config.mjs'], { stdio: 'ignore' });
  writeFileSync('parse.ts', `import { zKey } from './hey/zod.gen.ts'; import { GetKeyResponse } from './orval/zod.ts';
    console.log('readOnly ${readOnly} hey-api 0.99.0', JSON.stringify(zKey.parse(${answer})));
    console.log('readOnly ${readOnly} orval 8.38.0', JSON.stringify(GetKeyResponse.parse(${answer})));`);
  process.stdout.write(execFileSync('npx', ['tsx', 'parse.ts']));
  console.log(`readOnly ${readOnly} hey-api 0.99.0, its types name metadata:`, readFileSync('hey/types.gen.ts', 'utf8').includes('metadata'));
}
JS
cat > stated <<'END'
readOnly false hey-api 0.99.0 {"created_at":"2026-11-29","metadata":{"study":"A"}}
readOnly false orval 8.38.0 {"created_at":"2026-11-29","metadata":{"study":"A"}}
readOnly false hey-api 0.99.0, its types name metadata: true
readOnly true hey-api 0.99.0 {"created_at":"2026-11-29"}
readOnly true orval 8.38.0 {"created_at":"2026-11-29","metadata":{"study":"A"}}
readOnly true hey-api 0.99.0, its types name metadata: false
END
node probe.mjs > seen

echo 'An answer, parsed; created_at readOnly or not; expected by most: metadata is there each time. Observed:'
cat seen
diff stated seen && echo 'As stated.'
