#!/usr/bin/env bash
# A middleware for Lambda answers 406 to a client that does not ask for compression, because it offers compression.
#
# A good guess: RFC 9110, section 12.5.3: without Accept-Encoding any coding is acceptable, and an uncompressed response ("identity") is
# always acceptable unless it is excluded. So ["gzip", "br"] lists what may be used in addition, and no client gets 406 because of it.
# Seen: @middy/http-content-negotiation 6.4.5 with availableEncodings ["gzip", "br"] throws 406 if Accept-Encoding is missing, empty or
# "identity", and for "gzip;q=0". It takes gzip for a client that prefers identity. With "identity" as a third value all are right. With
# availableMediaTypes ["application/json"], it also throws 406 for "Accept: application/json; charset=utf-8".
# Why it matters: Browsers and most libraries send gzip, so nothing is seen in tests. A health check, a plain curl, an older client or
# a proxy that removes Accept-Encoding cannot use the API at all.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit @middy/core@6.4.5 @middy/http-content-negotiation@6.4.5

cat > probe.mjs <<'JS'
import middy from '@middy/core';
import httpContentNegotiation from '@middy/http-content-negotiation';

async function probe(options, chosen, field, values) {
  const handler = middy(async (event, context) => context[chosen]).use(httpContentNegotiation(options));
  for (const value of values) {
    const result = await handler({ headers: value === undefined ? {} : { [field]: value } }, {}).catch((error) => error.statusCode);
    console.log(JSON.stringify(Object.values(options)[0]), `${field}: ${value === undefined ? '(not sent)' : JSON.stringify(value)}`, '->', result);
  }
}
const encodings = [undefined, '', 'identity', 'gzip;q=0', 'identity;q=1, gzip;q=0.5', 'gzip, deflate, br'];
await probe({ availableEncodings: ['gzip', 'br'] }, 'preferredEncoding', 'Accept-Encoding', encodings);
await probe({ availableEncodings: ['gzip', 'br', 'identity'] }, 'preferredEncoding', 'Accept-Encoding', encodings);
await probe({ availableMediaTypes: ['application/json'] }, 'preferredMediaType', 'Accept',
  [undefined, '*/*', 'application/json', 'application/json; charset=utf-8']);
JS
cat > stated <<'END'
["gzip","br"] Accept-Encoding: (not sent) -> 406
["gzip","br"] Accept-Encoding: "" -> 406
["gzip","br"] Accept-Encoding: "identity" -> 406
["gzip","br"] Accept-Encoding: "gzip;q=0" -> 406
["gzip","br"] Accept-Encoding: "identity;q=1, gzip;q=0.5" -> gzip
["gzip","br"] Accept-Encoding: "gzip, deflate, br" -> gzip
["gzip","br","identity"] Accept-Encoding: (not sent) -> identity
["gzip","br","identity"] Accept-Encoding: "" -> identity
["gzip","br","identity"] Accept-Encoding: "identity" -> identity
["gzip","br","identity"] Accept-Encoding: "gzip;q=0" -> identity
["gzip","br","identity"] Accept-Encoding: "identity;q=1, gzip;q=0.5" -> identity
["gzip","br","identity"] Accept-Encoding: "gzip, deflate, br" -> gzip
["application/json"] Accept: (not sent) -> application/json
["application/json"] Accept: "*/*" -> application/json
["application/json"] Accept: "application/json" -> application/json
["application/json"] Accept: "application/json; charset=utf-8" -> 406
END
node probe.mjs > seen

echo 'What @middy/http-content-negotiation chooses; expected by most: no 406. Observed:'
cat seen
diff stated seen && echo 'As stated.'
