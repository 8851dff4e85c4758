#!/usr/bin/env bash
# The Rust port of zxcvbn gives all strong passwords the same strength.
#
# A good guess: A port returns the numbers of the original. guesses_log10 of a longer passphrase is larger.
# Seen: zxcvbn-rs-py 0.3.0, the Rust zxcvbn for Python, counts guesses in 64 bits and stops at 10^19.27. So a sentence of six
# words and one of sixteen get the same number. zxcvbn 4.4.2 (npm) and 4.5.0 (PyPI) return 10^31.92 and 10^94.31.
# Why it matters: A policy may require "at least 2^66 guesses" (10^19.9). In the browser, the JavaScript library accepts passwords
# under this rule, but on the server no password can meet it. A strength meter based on the number shows no difference above the
# limit.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check zxcvbn==4.5.0
python3 -m venv r && r/bin/pip install --quiet --no-compile --disable-pip-version-check zxcvbn-rs-py==0.3.0
echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit zxcvbn@4.4.2

cat > sentences <<'END'
lizards paint quiet harbours before supper
lizards paint quiet harbours before supper while seven clocks argue about marmalade and forgotten umbrellas in winter
END
cat > original.py <<'PY'
from zxcvbn import zxcvbn
print("zxcvbn (PyPI) 4.5.0", *(f"{float(zxcvbn(s, max_length=200)['guesses_log10']):.2f}" for s in open("sentences").read().splitlines()))
PY
cat > rust.py <<'PY'
from zxcvbn_rs_py import zxcvbn
print("zxcvbn-rs-py 0.3.0", *(f"{zxcvbn(s).guesses_log10:.2f}" for s in open("sentences").read().splitlines()))
PY
cat > original.cjs <<'JS'
const sentences = require('node:fs').readFileSync('sentences', 'utf8').trim().split('\n');
console.log('zxcvbn (npm) 4.4.2', ...sentences.map((s) => require('zxcvbn')(s).guesses_log10.toFixed(2)));
JS
cat > stated <<'END'
zxcvbn (npm) 4.4.2 31.92 94.31
zxcvbn (PyPI) 4.5.0 31.92 94.31
zxcvbn-rs-py 0.3.0 19.27 19.27
END
{ node original.cjs; v/bin/python original.py; r/bin/python rust.py; } > seen

echo 'guesses_log10 of a short and of a long sentence; expected by most: the same two numbers from all. Observed:'
cat seen
diff stated seen && echo 'As stated.'
