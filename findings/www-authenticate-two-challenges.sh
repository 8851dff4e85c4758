#!/usr/bin/env bash
# Three of four parsers give the second challenge's error to the first scheme.
#
# A good guess: WWW-Authenticate may hold several challenges in one line (RFC 9110, 11.6.1), and a parser made for that header
# splits them, or at the least drops the second one.
# Seen: for `Session realm="api", Bearer realm="api", error="invalid_token"`, Werkzeug 3.1.9 and www-authenticate 0.6.3 (npm)
# return one challenge, Session, with a parameter named "Bearer realm" and with Bearer's error; auth-header 1.0.0 returns
# Session with the error, two realms and "Bearer" as its token. Only www-authenticate 0.9.2 (PyPI, of 2015) sees two challenges.
# Why it matters: an API with two ways in that answers 401 with one line tells such clients that the session was at fault when
# the key was. Send one WWW-Authenticate line for each challenge, or one challenge alone.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check werkzeug==3.1.9 www-authenticate==0.9.2
echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit auth-header@1.0.0 www-authenticate@0.6.3

export LINE='Session realm="api", Bearer realm="api", error="invalid_token"'
cat > parse.py <<'PY'
import json, os
from importlib.metadata import version
import www_authenticate
from werkzeug.datastructures import WWWAuthenticate
line = os.environ["LINE"]
one = WWWAuthenticate.from_header(line)
print("werkzeug", version("werkzeug"), one.type, json.dumps(dict(one.parameters)))
print("www-authenticate (PyPI)", version("www-authenticate"), json.dumps(www_authenticate.parse(line)))
PY
cat > parse.mjs <<'JS'
import { parse } from 'auth-header';
import other from 'www-authenticate';
const one = parse(process.env.LINE);
console.log('auth-header 1.0.0', one.scheme, JSON.stringify(one.params), one.token);
const two = new other.parsers.WWW_Authenticate(process.env.LINE);
console.log('www-authenticate (npm) 0.6.3', two.scheme, JSON.stringify(two.parms));
JS
cat > stated <<'END'
werkzeug 3.1.9 session {"realm": "api", "Bearer realm": "api", "error": "invalid_token"}
www-authenticate (PyPI) 0.9.2 {"session": {"realm": "api"}, "bearer": {"realm": "api", "error": "invalid_token"}}
auth-header 1.0.0 Session {"realm":["api","api"],"error":"invalid_token"} Bearer
www-authenticate (npm) 0.6.3 Session {"realm":"api","Bearer realm":"api","error":"invalid_token"}
END
{ v/bin/python parse.py; node parse.mjs; } > seen

echo "$LINE"
echo 'Expected by most: Session without an error, Bearer with one. Observed:'
cat seen
diff stated seen && echo 'As stated.'
