#!/usr/bin/env bash
# Three of four parsers attribute the error of the second challenge to the first scheme.
#
# A good guess: WWW-Authenticate may contain several challenges in one line (RFC 9110, 11.6.1). A parser for this header separates
# them, or at least ignores the second one.
# Seen: For `Session realm="api", Bearer realm="api", error="invalid_token"`, Werkzeug 3.1.9 and www-authenticate 0.6.3 (npm)
# return one challenge, Session, with a parameter named "Bearer realm" and with the error of Bearer. auth-header 1.0.0 returns
# Session with the error, two realms and "Bearer" as its token. Only www-authenticate 0.9.2 (PyPI, 2015) returns two challenges.
# Why it matters: Some APIs accept two kinds of credentials and list both in one line of a 401. Such clients then conclude that
# the session is invalid although the key is. Send each challenge in a line of its own, or send only one.
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
