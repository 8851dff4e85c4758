#!/usr/bin/env bash
# Cedar rejects what most standard libraries write for the current time, and accepts offsets only in a form that RFC 3339 does not allow.
#
# A good guess: Cedar's datetime() reads RFC 3339, as AWS's own APIs and SDKs do. So "+01:00" is accepted, a fraction of a second may have
# any number of digits, and "+0100" is an error.
# Seen: Cedar in cedarpy 4.12.2 and in @cedar-policy/cedar-wasm 4.13.0 accepts "+0100" and rejects "+01:00" and "+00:00". A fraction has
# exactly three digits. So JavaScript's toISOString() is accepted, and Python's isoformat() in UTC is not, with or without microseconds.
# A date alone is accepted. A rejected text is an error of the policy, which is then skipped: the permit below does not apply.
# Why it matters: A policy such as "until the grant expires" gets the time as a text from a database or a request. It works in a test
# with "Z". With the text of another library each request is denied, and only the diagnostics of the decision name the reason.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit @cedar-policy/cedar-wasm@4.13.0
python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check cedarpy==4.12.2

cat > times.py <<'PY'
import datetime, json
zones = {"utc": datetime.timezone.utc, "paris": datetime.timezone(datetime.timedelta(hours=1))}
whole = datetime.datetime(2026, 1, 1, 12, tzinfo=zones["utc"])
split = whole.replace(microsecond=123456)
print(json.dumps(["2026-01-01T12:00:00Z", "2026-01-01T13:00:00+0100", "2026-01-01", whole.isoformat(), whole.astimezone(zones["paris"]).isoformat(),
                  split.isoformat(timespec="milliseconds").replace("+00:00", "Z"), split.isoformat().replace("+00:00", "Z"),
                  "2026-01-01T12:00:00.5Z"]))
PY
cat > cedar.py <<'PY'
import json, cedarpy
for text in json.load(open("times.json")):
    policy = f'permit(principal, action, resource) when {{ datetime("{text}") > datetime("2025-12-31") }};'
    request = {"principal": 'User::"ada"', "action": 'Action::"read"', "resource": 'Key::"k"', "context": {}}
    print(text, cedarpy.is_authorized(request, policy, []).decision.value.lower())
PY
cat > cedar.cjs <<'JS'
const cedar = require('@cedar-policy/cedar-wasm/nodejs');
for (const text of [...require('./times.json'), new Date('2026-01-01T12:00:00Z').toISOString()]) {
  const { response } = cedar.isAuthorized({
    principal: { type: 'User', id: 'ada' }, action: { type: 'Action', id: 'read' }, resource: { type: 'Key', id: 'k' }, context: {}, entities: [],
    policies: { staticPolicies: `permit(principal, action, resource) when { datetime("${text}") > datetime("2025-12-31") };` },
  });
  console.log(text, response.decision);
}
JS
cat > python <<'END'
2026-01-01T12:00:00Z allow
2026-01-01T13:00:00+0100 allow
2026-01-01 allow
2026-01-01T12:00:00+00:00 deny
2026-01-01T13:00:00+01:00 deny
2026-01-01T12:00:00.123Z allow
2026-01-01T12:00:00.123456Z deny
2026-01-01T12:00:00.5Z deny
END
(cat python; echo '2026-01-01T12:00:00.000Z allow') > javascript
python3 times.py > times.json
v/bin/python cedar.py > python-seen
node cedar.cjs > javascript-seen

echo 'Decisions for a permit that compares a time on 1 January with 31 December; expected by most: all but +0100 allow. Observed:'
cat javascript-seen
diff python python-seen && diff javascript javascript-seen && echo 'As stated.'
