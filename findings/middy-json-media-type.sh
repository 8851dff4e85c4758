#!/usr/bin/env bash
# A JSON parser for Lambda answers 415 to "Application/JSON" and to a space before the semicolon, which other frameworks accept.
#
# A good guess: RFC 9110, section 8.3.1: type and subtype are compared without regard to case, and white space is allowed before and
# after the semicolon. RFC 9110, section 5.1: the same for a field's name. All frameworks parse the field before they compare it.
# Seen: @middy/http-json-body-parser 6.4.5 compares the text with a regular expression. It throws 415 for Application/JSON, for
# "application/json ; charset=utf-8" and for "application/json;", and does not find the field Content-type. It accepts
# application/problem+json. Express 5.2.1 and Hono 4.13.19 read the body in all these cases, except that Express ignores problem+json.
# Why it matters: API Gateway's REST APIs and load balancers pass the value, and REST APIs also the name, as the client wrote it. A client
# that works with the same handler behind a server gets 415 in Lambda, and the message only says that the type is not supported.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit @middy/core@6.4.5 @middy/http-json-body-parser@6.4.5 express@5.2.1 hono@4.13.19

cat > probe.mjs <<'JS'
import { request } from 'node:http';
import middy from '@middy/core';
import httpJsonBodyParser from '@middy/http-json-body-parser';
import express from 'express';
import { Hono } from 'hono';
import { validator } from 'hono/validator';

const text = '{"id":1}';
const read = (body) => (body?.id === 1 ? 'read' : 'not read');

const handler = middy(async (event) => read(event.body)).use(httpJsonBodyParser());
const lambda = (name, type) => handler({ headers: { [name]: type }, body: text }, {}).catch((error) => error.statusCode);

const app = express().use(express.json()).post('/', (incoming, response) => response.send(read(incoming.body)));
const server = app.listen(0, '127.0.0.1');
await new Promise((ready) => server.once('listening', ready));
const served = (name, type) => new Promise((done) => {
  const headers = { [name]: type, 'content-length': text.length };
  request({ port: server.address().port, host: '127.0.0.1', method: 'POST', agent: false, headers }, (response) => {
    let body = '';
    response.on('data', (part) => { body += part; }).on('end', () => done(response.statusCode === 200 ? body : response.statusCode));
  }).end(text);
});

const hono = new Hono().post('/', validator('json', (value) => value), (c) => c.text(read(c.req.valid('json'))));
const fetched = async (name, type) => {
  const response = await hono.request('/', { method: 'POST', headers: { [name]: type }, body: text });
  return response.ok ? response.text() : response.status;
};

for (const [name, type] of [
  ['Content-Type', 'application/json'], ['Content-Type', 'application/json;charset=utf-8'], ['Content-Type', 'application/problem+json'],
  ['Content-Type', 'Application/JSON'], ['Content-Type', 'application/json ; charset=utf-8'], ['Content-Type', 'application/json;'],
  ['Content-type', 'application/json'],
]) {
  console.log(`${name}: ${type} | middy ${await lambda(name, type)} | Express ${await served(name, type)} | Hono ${await fetched(name, type)}`);
}
server.close();
JS
cat > stated <<'END'
Content-Type: application/json | middy read | Express read | Hono read
Content-Type: application/json;charset=utf-8 | middy read | Express read | Hono read
Content-Type: application/problem+json | middy read | Express not read | Hono read
Content-Type: Application/JSON | middy 415 | Express read | Hono read
Content-Type: application/json ; charset=utf-8 | middy 415 | Express read | Hono read
Content-Type: application/json; | middy 415 | Express read | Hono read
Content-type: application/json | middy 415 | Express read | Hono read
END
node probe.mjs > seen

echo 'A JSON body with different spellings of its type; expected by most: read each time. Observed:'
cat seen
diff stated seen && echo 'As stated.'
