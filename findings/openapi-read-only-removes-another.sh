#!/usr/bin/env bash
# Marking one member read-only makes another one disappear from a generated client.
#
# A good guess: `readOnly: true` on created_at takes created_at out of what is sent, and touches nothing else.
# Seen: with it, @hey-api/openapi-ts 0.99.0 also leaves out each free-form object, `"metadata": {"type": "object"}`, even a
# required one: from the types and the Zod schemas, of what is sent and of what is read. parse() then succeeds and returns the
# answer without it. Without readOnly, or with additionalProperties: true beside it, metadata is there. orval 8.38.0 keeps it.
# Why it matters: metadata, labels and details are what callers put into an API themselves. After a change of the docs alone, a
# client that reads, validates and writes back deletes them, and TypeScript agrees that there never were any.
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
