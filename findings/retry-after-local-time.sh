#!/usr/bin/env bash
# Four HTTP clients for JavaScript read one of the three date forms in Retry-After as local time, so the wait depends on the time zone.
#
# A good guess: RFC 9110, section 5.6.7: a recipient must accept three forms of a date, and all of them are in UTC, also the one that
# names no zone ("Sun Nov  6 08:49:37 1994"). A client either waits until then or ignores a form that it does not know.
# Seen: ky 1.14.3, got 14.6.6, axios-retry 4.5.0 and undici 7.30.2 accept the three forms. The form without a zone is right only if the
# process runs in UTC. In New York they wait hours longer than stated, in Tokyo they repeat the request too early. The forms with
# GMT are right everywhere. urllib3 2.5.0 (PyPI) is right in all cases.
# Why it matters: Lambda functions run in UTC, so the fault appears only on the computer of a developer or a customer: there a client
# seems to hang after a 503 or 429, or it repeats requests that the server asked it to hold back.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit ky@1.14.3 got@14.6.6 axios@1.21.1 axios-retry@4.5.0 undici@7.30.2
python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check urllib3==2.5.0

cat > probe.mjs <<'JS'
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import axios from 'axios';
import axiosRetry from 'axios-retry';
import got from 'got';
import ky from 'ky';
import { Agent, RetryAgent, request } from 'undici';

const two = (number) => String(number).padStart(2, '0');
const forms = {
  IMF: (date) => date.toUTCString(),
  'RFC 850': (date) => {
    const [day, month, year] = date.toUTCString().slice(5, 16).split(' ');
    const name = date.toLocaleDateString('en-US', { weekday: 'long', timeZone: 'UTC' });
    return `${name}, ${day}-${month}-${year.slice(2)} ${date.toUTCString().slice(17)}`;
  },
  asctime: (date) => {
    const [weekday, day, month, year, time] = date.toUTCString().replace(',', '').split(' ');
    return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`;
  },
};
const once = axios.create();
axiosRetry(once, { retries: 1 });
const python = `import sys, urllib3
urllib3.PoolManager(retries=urllib3.Retry(1, status_forcelist=[503])).request("GET", sys.argv[1])`;
const clients = {
  'ky 1.14.3': (url) => ky(url, { retry: { limit: 1 } }).text(),
  'got 14.6.6': (url) => got(url, { retry: { limit: 1 } }).text(),
  'axios-retry 4.5.0': (url) => once.get(url),
  'undici 7.30.2': async (url) => (await request(url, { dispatcher: new RetryAgent(new Agent(), { maxRetries: 1 }) })).body.text(),
  'urllib3 2.5.0': (url) => new Promise((done) => spawn('v/bin/python', ['-c', python, url]).on('close', done)),
};

async function probe(client, form) {
  const times = [];
  let again;
  const repeated = new Promise((done) => { again = done; });
  const server = createServer((incoming, response) => {
    times.push(Date.now());
    if (times.length === 1) {
      response.writeHead(503, { 'retry-after': forms[form](new Date(Date.now() + 5000)) }).end();
    } else {
      response.end('ok');
      again();
    }
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  clients[client](`http://127.0.0.1:${server.address().port}/`).catch(() => {});
  await Promise.race([repeated, new Promise((done) => setTimeout(done, 12000))]);
  server.close();
  if (times.length === 1) return 'late';
  return times[1] - times[0] < 3000 ? 'early' : 'right';
}
const results = await Promise.all(Object.keys(clients).map(async (client) => [client,
  ...await Promise.all(Object.keys(forms).map(async (form) => `${form} ${await probe(client, form)}`))].join(' | ')));
console.log(results.map((line) => `${process.env.TZ} | ${line}`).join('\n'));
process.exit();
JS
cat > stated <<'END'
UTC | ky 1.14.3 | IMF right | RFC 850 right | asctime right
UTC | got 14.6.6 | IMF right | RFC 850 right | asctime right
UTC | axios-retry 4.5.0 | IMF right | RFC 850 right | asctime right
UTC | undici 7.30.2 | IMF right | RFC 850 right | asctime right
UTC | urllib3 2.5.0 | IMF right | RFC 850 right | asctime right
America/New_York | ky 1.14.3 | IMF right | RFC 850 right | asctime late
America/New_York | got 14.6.6 | IMF right | RFC 850 right | asctime late
America/New_York | axios-retry 4.5.0 | IMF right | RFC 850 right | asctime late
America/New_York | undici 7.30.2 | IMF right | RFC 850 right | asctime late
America/New_York | urllib3 2.5.0 | IMF right | RFC 850 right | asctime right
Asia/Tokyo | ky 1.14.3 | IMF right | RFC 850 right | asctime early
Asia/Tokyo | got 14.6.6 | IMF right | RFC 850 right | asctime early
Asia/Tokyo | axios-retry 4.5.0 | IMF right | RFC 850 right | asctime early
Asia/Tokyo | undici 7.30.2 | IMF right | RFC 850 right | asctime early
Asia/Tokyo | urllib3 2.5.0 | IMF right | RFC 850 right | asctime right
END
for zone in UTC America/New_York Asia/Tokyo; do TZ=$zone node probe.mjs; done > seen

echo 'When clients repeat a request that got a Retry-After date; expected by most: right each time. Observed:'
cat seen
diff stated seen && echo 'As stated.'
