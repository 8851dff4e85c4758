#!/usr/bin/env bash
# A router for Lambda sends only the last cookie of a Response object, but all cookies of an object or of a middleware.
#
# A good guess: A Response may have several Set-Cookie fields, which Headers keeps apart on purpose. A router that accepts a Response
# sends all of them: in multiValueHeaders to a REST API, and in cookies to an HTTP API.
# Seen: @aws-lambda-powertools/event-handler 2.35.0 sends only the last one in both formats, and so the first cookie is missing without an
# error. If the handler returns an object with cookies, or if a middleware appends them, both are sent. Other repeated fields, such as
# WWW-Authenticate, are complete. The Lambda adapter of hono 4.13.19 sends both cookies of the same Response.
# Why it matters: A login sets two cookies, for example the session and a second one for the protection against CSRF, and a logout deletes
# two. In a browser, the user is then not logged in, or still has a cookie.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit @aws-lambda-powertools/event-handler@2.35.0 hono@4.13.19

cat > probe.mjs <<'JS'
import { Router } from '@aws-lambda-powertools/event-handler/http';
import { Hono } from 'hono';
import { handle } from 'hono/aws-lambda';

const cookies = ['session=1; Path=/', 'csrf=2; Path=/'];
const challenges = ['Session', 'Bearer'];
const append = (headers) => {
  for (const cookie of cookies) headers.append('set-cookie', cookie);
  for (const challenge of challenges) headers.append('www-authenticate', challenge);
};
const response = () => {
  const headers = new Headers();
  append(headers);
  return new Response('x', { headers });
};
const router = new Router();
router.get('/response', response);
router.get('/object', () => ({ statusCode: 200, body: 'x', cookies, headers: { 'www-authenticate': challenges.join(', ') } }));
router.get('/middleware', [async ({ reqCtx, next }) => {
  await next();
  append(reqCtx.res.headers);
}], () => ({}));
const hono = handle(new Hono().get('/response', response));

const rest = (path) => ({
  resource: '/{proxy+}', path, httpMethod: 'GET', headers: { Host: 'api.example.com' }, multiValueHeaders: { Host: ['api.example.com'] },
  queryStringParameters: null, multiValueQueryStringParameters: null, pathParameters: null, stageVariables: null, body: null,
  isBase64Encoded: false,
  requestContext: {
    accountId: '123456789012', apiId: 'a', domainName: 'api.example.com', httpMethod: 'GET', identity: { sourceIp: '203.0.113.1' }, path,
    protocol: 'HTTP/1.1', requestId: 'r', requestTimeEpoch: 1, resourceId: 'x', resourcePath: '/{proxy+}', stage: 'prod',
  },
});
const http = (path) => ({
  version: '2.0', routeKey: '$default', rawPath: path, rawQueryString: '', headers: { host: 'api.example.com' }, isBase64Encoded: false,
  requestContext: {
    accountId: '123456789012', apiId: 'a', domainName: 'api.example.com', domainPrefix: 'api', requestId: 'r', routeKey: '$default',
    http: { method: 'GET', path, protocol: 'HTTP/1.1', sourceIp: '203.0.113.1', userAgent: 'x' }, stage: '$default', time: 't', timeEpoch: 1,
  },
});
const context = {
  callbackWaitsForEmptyEventLoop: true, functionName: 'f', functionVersion: '1', invokedFunctionArn: 'arn', memoryLimitInMB: '128',
  awsRequestId: 'r', logGroupName: 'g', logStreamName: 's', getRemainingTimeInMillis: () => 1000,
};
function print(name, result) {
  const all = (field) => [result.headers, result.multiValueHeaders].flatMap((fields) => Object.entries(fields ?? {}))
    .filter(([key]) => key.toLowerCase() === field).flatMap(([, value]) => value);
  const sent = [...result.cookies ?? [], ...all('set-cookie')].map((cookie) => cookie.split(';')[0]);
  console.log(`${name} | cookies ${sent.join(' ')} | challenges ${all('www-authenticate').join(', ')}`);
}
for (const [name, event] of [['REST', rest], ['HTTP', http]]) {
  for (const kind of ['response', 'object', 'middleware']) print(`Powertools ${name} ${kind}`, await router.resolve(event(`/${kind}`), context));
  print(`hono ${name} response`, await hono(event('/response'), context));
}
JS
cat > stated <<'END'
Powertools REST response | cookies csrf=2 | challenges Session, Bearer
Powertools REST object | cookies session=1 csrf=2 | challenges Session, Bearer
Powertools REST middleware | cookies session=1 csrf=2 | challenges Session, Bearer
hono REST response | cookies session=1 csrf=2 | challenges Session, Bearer
Powertools HTTP response | cookies csrf=2 | challenges Session, Bearer
Powertools HTTP object | cookies session=1 csrf=2 | challenges Session, Bearer
Powertools HTTP middleware | cookies session=1 csrf=2 | challenges Session, Bearer
hono HTTP response | cookies session=1 csrf=2 | challenges Session, Bearer
END
node probe.mjs > seen

echo 'Two cookies and two challenges from a handler; expected by most: both of each in every line. Observed:'
cat seen
diff stated seen && echo 'As stated.'
