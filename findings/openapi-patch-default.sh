#!/usr/bin/env bash
# A validator that is generated from the body of a PATCH adds a field that the caller omitted.
#
# A good guess: A default in the schema of a PATCH body only appears in the documentation. Validating {"name": "B"} returns
# {"name": "B"}, because PATCH does not change fields that are absent.
# Seen: The Zod schemas of @hey-api/openapi-ts 0.99.0 and orval 8.38.0 return {"name": "B", "note": null}. Code that passes on the
# result of parse() therefore deletes the note. The type that openapi-typescript 7.13.0 generates requires the note. Only
# datamodel-code-generator 0.89.0 (Python) distinguishes absent from null, and only with exclude_unset.
# Why it matters: It is common to use one schema for creating and for changing an entity. If servers and clients validate with it
# first, "rename" becomes "rename, and reset all other fields". The schema of a PATCH body must not contain defaults.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check datamodel-code-generator==0.89.0
echo '{"private":true,"type":"module"}' > package.json
npm install --silent --no-fund --no-audit @hey-api/openapi-ts@0.99.0 orval@8.38.0 openapi-typescript@7.13.0 zod@4.6.7 typescript@5.9.3 tsx@4.20.6

cat > api.json <<'JSON'
{"openapi": "3.1.1", "info": {"title": "Example", "version": "1"}, "paths": {"/project": {"patch": {"operationId": "changeProject",
  "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Change"}}}},
  "responses": {"204": {"description": "Changed"}}}}},
 "components": {"schemas": {"Change": {"type": "object", "minProperties": 1, "properties": {
  "name": {"type": "string"}, "note": {"type": ["string", "null"], "default": null}}}}}}
JSON
echo 'export default { a: { input: "./api.json", output: { target: "./orval/zod.ts", client: "zod" } } };' > orval.config.mjs
npx openapi-ts -i api.json -o hey -p zod > /dev/null 2>&1
npx orval --config orval.config.mjs > /dev/null 2>&1
npx openapi-typescript api.json -o types.ts > /dev/null 2>&1
v/bin/datamodel-codegen --input api.json --input-file-type openapi --output model.py --output-model-type pydantic_v2.BaseModel > /dev/null 2>&1

cat > probe.ts <<'TS'
import { zChange } from './hey/zod.gen';
import { ChangeProjectBody } from './orval/zod';
console.log('hey-api 0.99.0', JSON.stringify(zChange.parse({ name: 'B' })));
console.log('orval 8.38.0', JSON.stringify(ChangeProjectBody.parse({ name: 'B' })));
TS
cat > typed.ts <<'TS'
import type { components } from './types';
export const change: components['schemas']['Change'] = { name: 'B' };
TS
cat > probe.py <<'PY'
from model import Change
print("datamodel-code-generator 0.89.0", Change.model_validate_json('{"name": "B"}').model_dump_json(exclude_unset=True))
PY
cat > stated <<'END'
hey-api 0.99.0 {"name":"B","note":null}
orval 8.38.0 {"name":"B","note":null}
openapi-typescript 7.13.0 Property 'note' is missing
datamodel-code-generator 0.89.0 {"name":"B"}
END
{
  npx tsx probe.ts
  echo "openapi-typescript 7.13.0 $(npx tsc --noEmit --strict --skipLibCheck --module esnext --moduleResolution bundler typed.ts | grep -o "Property 'note' is missing")"
  v/bin/python probe.py
} > seen

echo 'The change {"name":"B"}; expected by most: {"name":"B"} from all. Observed:'
cat seen
diff stated seen && echo 'As stated.'
