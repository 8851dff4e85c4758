#!/usr/bin/env bash
# Two widely used TOTP libraries reject the example secret that most guides to one-time passwords show.
#
# A good guess: JBSWY3DPEHPK3PXP has 80 bits. It is the common example, Google Authenticator started with this length, and many
# users are enrolled with such secrets. Every TOTP library accepts it.
# Seen: pyotp 2.12.0 (11/2026) raises an error if the secret has fewer than 112 bits, and otplib 13.5.0 if it has fewer than 128.
# They do so at enrolment, and whenever a code is generated or verified. otpauth 9.5.2 and speakeasy 2.0.0 return the code. pyotp
# accepts a secret of 15 bytes, 120 bits, and otplib does not.
# Why it matters: An update of the library locks out every user with a short secret as soon as it is deployed. Create secrets of
# 160 bits, as RFC 4226 recommends, and count the short ones before an update.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check pyotp==2.12.0
echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit otplib@13.5.0 otpauth@9.5.2 speakeasy@2.0.0

cat > probe.py <<'PY'
import pyotp
for secret in ("JBSWY3DPEHPK3PXP", "GEZDGNBVGY3TQOJQGEZDGNBV", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"):
    try:
        print("pyotp 2.12.0", len(secret) * 5, "bits", pyotp.TOTP(secret).at(59))
    except ValueError as error:
        print("pyotp 2.12.0", len(secret) * 5, "bits", error)
PY
cat > probe.mjs <<'JS'
import { generate } from 'otplib';
import { TOTP } from 'otpauth';
import speakeasy from 'speakeasy';
const libraries = {
  'otplib 13.5.0': (secret) => generate({ secret, epoch: 59 }),
  'otpauth 9.5.2': (secret) => new TOTP({ secret }).generate({ timestamp: 59_000 }),
  'speakeasy 2.0.0': (secret) => speakeasy.totp({ secret, encoding: 'base32', time: 59 }),
};
for (const [name, f] of Object.entries(libraries)) {
  for (const secret of ['JBSWY3DPEHPK3PXP', 'GEZDGNBVGY3TQOJQGEZDGNBV', 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ']) {
    console.log(name, secret.length * 5, 'bits', await Promise.resolve(secret).then(f).catch((error) => error.message));
  }
}
JS
{ v/bin/python probe.py; node probe.mjs; } > seen

echo 'The code at 59 s after 1970; expected by most: a code from each, for each secret. Observed:'
cat seen
cat > stated <<'END'
pyotp 2.12.0 80 bits Secrets must be at least 112 bits after decoding
pyotp 2.12.0 120 bits 617190
pyotp 2.12.0 160 bits 287082
otplib 13.5.0 80 bits Secret must be at least 16 bytes (128 bits), got 10 bytes
otplib 13.5.0 120 bits Secret must be at least 16 bytes (128 bits), got 15 bytes
otplib 13.5.0 160 bits 287082
otpauth 9.5.2 80 bits 996554
otpauth 9.5.2 120 bits 617190
otpauth 9.5.2 160 bits 287082
speakeasy 2.0.0 80 bits 996554
speakeasy 2.0.0 120 bits 617190
speakeasy 2.0.0 160 bits 287082
END
diff stated seen && echo 'As stated.'
