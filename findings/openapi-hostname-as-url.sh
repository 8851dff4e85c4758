#!/usr/bin/env bash
# A generated client rejects every valid host name.
#
# A good guess: `"format": "hostname"` is turned into a pattern for host names, or is ignored. Either way, api.example.com is
# accepted.
# Seen: openapi-zod-client 1.18.3 generates z.string().url(). So requests and responses with api.example.com or localhost are
# rejected, whereas a URL, which is not a host name, is accepted. orval 8.38.0 handles the format correctly, and
# @hey-api/openapi-ts 0.99.0 ignores it.
# Why it matters: Custom domains, allowed origins and hosts of webhooks are fields of this format. The client fails at the first
# response that contains one. A test whose example omits the field does not notice it.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true,"type":"module"}' > package.json
npm install --silent --no-fund --no-audit openapi-zod-client@1.18.3 @zodios/core@10.9.6 axios@1.7.9 zod@3.25.76 tsx@4.20.6

cat > api.json <<'JSON'
{"openapi": "3.0.3", "info": {"title": "Example", "version": "1"}, "paths": {"/domain": {"get": {"operationId": "getDomain",
  "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Domain"}}}}}}}},
 "components": {"schemas": {"Domain": {"type": "object", "required": ["host"], "properties": {"host": {"type": "string", "format": "hostname"}}}}}}
JSON
npx openapi-zod-client api.json -o client.ts --export-schemas > /dev/null 2>&1
cat > probe.ts <<'TS'
import { schemas } from './client';
for (const host of ['api.example.com', 'localhost', 'https://api.example.com/a?b=c']) {
  console.log('openapi-zod-client 1.18.3', host, schemas.Domain.safeParse({ host }).success ? 'taken' : 'refused');
}
TS
cat > stated <<'END'
openapi-zod-client 1.18.3 api.example.com refused
openapi-zod-client 1.18.3 localhost refused
openapi-zod-client 1.18.3 https://api.example.com/a?b=c taken
END
npx tsx probe.ts > seen

echo 'A member with the format hostname; expected by most: taken, taken, refused. Observed:'
cat seen
diff stated seen && echo 'As stated.'
