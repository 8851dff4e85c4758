#!/usr/bin/env bash
# A parser for rate limits returns NaN for the fields that the rate limiter of the same authors sends.
#
# A good guess: express-rate-limit sends the fields of the drafts 6, 7 and 8 of "RateLimit header fields for HTTP", and
# ratelimit-header-parser, by the same authors, reads them. If it does not know a draft, it returns undefined, as without such a field.
# Seen: ratelimit-header-parser 0.1.0 reads the drafts 6 and 7 of express-rate-limit 8.7.5 and its older X-RateLimit fields. Draft 8 becomes
# an object with limit NaN, remaining NaN and an invalid date.
# Why it matters: "if (!info) return" does not find the missing value, and each comparison with NaN is false. So a client that waits if
# "remaining" is below 1 never waits, and setTimeout(retry, reset - now) runs at once: the client repeats its requests without a pause.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit express@5.3.0 express-rate-limit@8.7.5 ratelimit-header-parser@0.1.0

cat > probe.mjs <<'JS'
import express from 'express';
import { rateLimit } from 'express-rate-limit';
import { parseRateLimit } from 'ratelimit-header-parser';

for (const standardHeaders of [false, 'draft-6', 'draft-7', 'draft-8']) {
  const app = express();
  app.use(rateLimit({ windowMs: 60_000, limit: 100, standardHeaders, legacyHeaders: standardHeaders === false }));
  app.get('/', (_, response) => response.send('x'));
  const server = await new Promise((ready) => { const listening = app.listen(0, '127.0.0.1', () => ready(listening)); });
  const response = await fetch(`http://127.0.0.1:${server.address().port}/`);
  const info = parseRateLimit(response);
  console.log(`${standardHeaders || 'X-RateLimit'} | limit ${info?.limit} | remaining ${info?.remaining} | reset ${Number.isNaN(info?.reset?.getTime()) ? 'invalid' : 'a date'}`
    + ` | below 1: ${info?.remaining < 1}`);
  if (standardHeaders === 'draft-8') console.log(`RateLimit: ${response.headers.get('ratelimit')}`);
  server.close();
}
console.log(`without a field | ${parseRateLimit(new Response('x'))}`);
JS
cat > stated <<'END'
X-RateLimit | limit 100 | remaining 99 | reset a date | below 1: false
draft-6 | limit 100 | remaining 99 | reset a date | below 1: false
draft-7 | limit 100 | remaining 99 | reset a date | below 1: false
draft-8 | limit NaN | remaining NaN | reset invalid | below 1: false
RateLimit: "100-in-1min"; r=99; t=60
without a field | undefined
END
node probe.mjs > seen

echo 'What the parser reads from the first response of 100; expected by most: 100 and 99, or undefined. Observed:'
cat seen
diff stated seen && echo 'As stated.'
