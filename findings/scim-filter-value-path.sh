#!/usr/bin/env bash
# The most downloaded SCIM filter for JavaScript finds a user whose one address is of the wanted type and whose other has the wanted value.
#
# A good guess: RFC 7644, section 3.4.2.2: `emails[type eq "work" and value co ".org"]` needs one address that meets both conditions, which
# is what the brackets are for. Times are compared as moments, so an offset in the filter changes nothing.
# Seen: scim2-parse-filter 0.2.10 (900,000 downloads a month) treats it as `emails.type eq "work" and emails.value co ".org"` and finds a
# user with an address .com for work and .org at home, also as a part of a longer filter. scimmy 1.3.5 and scim-query-filter-parser 2.0.4 do not. Only
# scimmy compares lastModified as a moment with gt, but for eq it compares the texts, as the other two do for both.
# Why it matters: A directory looks up the user for an address in this way, and gets a second person. A synchronization that asks for
# what changed since a time with an offset fetches users again, or misses those of an hour.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit scim2-parse-filter@0.2.10 scimmy@1.3.5 scim-query-filter-parser@2.0.4

cat > probe.mjs <<'JS'
import { filter, parse } from 'scim2-parse-filter';
import { compileFilter } from 'scim-query-filter-parser';
import SCIMMY from 'scimmy';
const user = {
  userName: 'ada', meta: { lastModified: '2026-01-01T00:00:00Z' },
  emails: [{ type: 'work', value: 'ada@example.com' }, { type: 'home', value: 'ada@example.org' }],
};
const filters = [
  'emails[type eq "home" and value co ".org"]',
  'emails[type eq "work" and value co ".org"]',
  'userName eq "ada" and emails[type eq "work" and value co ".org"]',
  'meta.lastModified gt "2025-12-31T23:30:00Z"',
  'meta.lastModified gt "2025-12-31T23:30:00-01:00"',
  'meta.lastModified eq "2026-01-01T01:00:00+01:00"',
];
for (const text of filters) {
  console.log([text, filter(parse(text))(user), new SCIMMY.Types.Filter(text).match([user]).length === 1, compileFilter(text)(user)].join(' | '));
}
JS
cat > stated <<'END'
emails[type eq "home" and value co ".org"] | true | true | true
emails[type eq "work" and value co ".org"] | true | false | false
userName eq "ada" and emails[type eq "work" and value co ".org"] | true | false | false
meta.lastModified gt "2025-12-31T23:30:00Z" | true | true | true
meta.lastModified gt "2025-12-31T23:30:00-01:00" | true | false | true
meta.lastModified eq "2026-01-01T01:00:00+01:00" | false | false | false
END
node probe.mjs > seen

echo 'scim2-parse-filter, scimmy, scim-query-filter-parser; expected by most: true, false, false, true, false, true from each. Observed:'
cat seen
diff stated seen && echo 'As stated.'
