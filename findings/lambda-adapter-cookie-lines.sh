#!/usr/bin/env bash
# Adapters between API Gateway and web frameworks join two Cookie lines with a comma, or drop one of them.
#
# A good guess: Repeated header lines are joined with commas, except for Cookie, whose lines RFC 9113, section 8.2.3, joins with "; ".
# A client may split its cookies over several lines in HTTP/2, and multiValueHeaders has each.
# Seen: apig-wsgi 2.20.0, mangum 0.22.0 and @codegenie/serverless-express 4.17.1 join them with a comma, so that the framework sees
# one cookie with the value "1,lang=en". serverless-wsgi 3.1.0, aws-wsgi 0.2.7 and serverless-http 4.0.0 pass on the last line only.
# Why it matters: A session cookie that is first becomes invalid, and one that is second is not found. Which of the two happens
# depends on the adapter and on how the client splits its cookies.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check apig-wsgi==2.20.0 mangum==0.22.0 serverless-wsgi==3.1.0 aws-wsgi==0.2.7
echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit @codegenie/serverless-express@4.17.1 serverless-http@4.0.0

cat > event.json <<'JSON'
{"resource": "/v1/me", "path": "/v1/me", "httpMethod": "GET", "headers": {"Host": "api.example.com", "Cookie": "lang=en"},
 "multiValueHeaders": {"Host": ["api.example.com"], "Cookie": ["theme=1", "lang=en"]}, "queryStringParameters": null,
 "multiValueQueryStringParameters": null, "pathParameters": null, "stageVariables": null, "body": null, "isBase64Encoded": false,
 "requestContext": {"resourcePath": "/v1/me", "httpMethod": "GET", "path": "/live/v1/me", "stage": "live", "requestId": "r", "apiId": "i",
 "accountId": "123456789012", "identity": {"sourceIp": "192.0.2.1", "userAgent": "example"}}}
JSON
cat > probe.py <<'PY'
import json
import apig_wsgi, awsgi, serverless_wsgi
from mangum import Mangum

event = json.load(open("event.json"))

def wsgi_app(environ, start_response):
    print(environ["HTTP_COOKIE"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]

async def asgi_app(scope, receive, send):
    print(*(value.decode() for name, value in scope["headers"] if name == b"cookie"))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})

for name, call in (("apig-wsgi", lambda: apig_wsgi.make_lambda_handler(wsgi_app)(event, None)),
                   ("mangum", lambda: Mangum(asgi_app, lifespan="off")(event, None)),
                   ("serverless-wsgi", lambda: serverless_wsgi.handle_request(wsgi_app, event, None)),
                   ("aws-wsgi", lambda: awsgi.response(wsgi_app, event, None))):
    print(name, end=" ")
    call()
PY
cat > probe.mjs <<'JS'
import fs from 'node:fs';
import { createRequire } from 'node:module';
import serverless from 'serverless-http';
const express = createRequire(import.meta.url)('@codegenie/serverless-express');
const event = JSON.parse(fs.readFileSync('event.json', 'utf8'));
let seen;
const app = (request, response) => { seen = JSON.stringify(request.headers.cookie); response.end('ok'); };
await express({ app })(structuredClone(event), {});
console.log('serverless-express', seen);
await serverless(app)(structuredClone(event), {});
console.log('serverless-http', seen);
JS
cat > stated <<'END'
apig-wsgi theme=1,lang=en
mangum theme=1, lang=en
serverless-wsgi lang=en
aws-wsgi lang=en
serverless-express "theme=1,lang=en"
serverless-http "lang=en"
END
{ v/bin/python probe.py; node probe.mjs 2> errors; } > seen

echo 'The lines "theme=1" and "lang=en"; expected by most: theme=1; lang=en. Observed:'
cat seen
diff stated seen && echo 'As stated.'
