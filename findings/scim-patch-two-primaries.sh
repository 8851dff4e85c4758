#!/usr/bin/env bash
# A SCIM library leaves a user with two primary addresses, and stores a second attribute if a name is written in other letters.
#
# A good guess: RFC 7644, section 3.5.2: if a PATCH sets "primary" to true, the server sets it to false for the other values. RFC 7643,
# section 2.1: names of attributes are compared without regard to case. A library for SCIM's PATCH operations does both.
# Seen: After scim-patch 0.8.3 (npm, 600,000 downloads a month), both addresses are primary, whether the new one is added or an old one is
# replaced. "username" becomes a second attribute next to userName. It does compare the operator of a filter without regard to case.
# scim2-models 0.12.3 (PyPI) is right in all cases.
# Why it matters: Identity providers change addresses with such a PATCH, and the service sends its mail to the primary address. Of two, it
# takes the first, which is the old one. Nothing is rejected, and the provider shows the new address.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit scim-patch@0.8.3
python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check scim2-models==0.12.3

cat > user.json <<'END'
{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada",
 "emails": [{"value": "old@example.com", "type": "work", "primary": true}, {"value": "home@example.com", "type": "home"}]}
END
cat > patches.json <<'END'
[{"op": "add", "path": "emails", "value": [{"value": "new@example.com", "type": "other", "primary": true}]},
 {"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true},
 {"op": "replace", "path": "emails[type EQ \"home\"].primary", "value": true},
 {"op": "replace", "path": "userName", "value": "lovelace"},
 {"op": "replace", "path": "username", "value": "lovelace"}]
END
cat > probe.cjs <<'JS'
const { scimPatch } = require('scim-patch');
const user = require('./user.json');
for (const patch of require('./patches.json')) {
  const { schemas, ...changed } = scimPatch(structuredClone(user), [patch]);
  const primary = changed.emails.filter((email) => email.primary).map((email) => email.value);
  const names = Object.entries(changed).filter(([name]) => name !== 'emails').map(([name, value]) => `${name}=${value}`);
  console.log(`scim-patch 0.8.3 | ${patch.path} | ${primary.join(' ')} | ${names.join(' ')}`);
}
JS
cat > probe.py <<'PY'
import json
from scim2_models import Context, PatchOp, User
for patch in json.load(open("patches.json")):
    user = User.model_validate(json.load(open("user.json")))
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [patch]}
    PatchOp[User].model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST).patch(user)
    print(f"scim2-models 0.12.3 | {patch['path']} |", *[email.value for email in user.emails if email.primary], "|", f"userName={user.user_name}")
PY
cat > stated <<'END'
scim-patch 0.8.3 | emails | old@example.com new@example.com | userName=ada
scim-patch 0.8.3 | emails[type eq "home"].primary | old@example.com home@example.com | userName=ada
scim-patch 0.8.3 | emails[type EQ "home"].primary | old@example.com home@example.com | userName=ada
scim-patch 0.8.3 | userName | old@example.com | userName=lovelace
scim-patch 0.8.3 | username | old@example.com | userName=ada username=lovelace
scim2-models 0.12.3 | emails | new@example.com | userName=ada
scim2-models 0.12.3 | emails[type eq "home"].primary | home@example.com | userName=ada
scim2-models 0.12.3 | emails[type EQ "home"].primary | home@example.com | userName=ada
scim2-models 0.12.3 | userName | old@example.com | userName=lovelace
scim2-models 0.12.3 | username | old@example.com | userName=lovelace
END
node probe.cjs > seen
v/bin/python probe.py >> seen

echo 'Primary addresses and names after each PATCH; expected by most: one address, and one userName. Observed:'
cat seen
diff stated seen && echo 'As stated.'
