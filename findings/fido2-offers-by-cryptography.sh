#!/usr/bin/env bash
# Which passkeys a python-fido2 server asks for depends on the version of another package.
#
# A good guess: pubKeyCredParams is a list in the WebAuthn library, so fido2 2.2.1 sends the same one everywhere: ES256, EdDSA,
# RS256 and a few more, of the classical kind.
# Seen: with cryptography 50.0.2, the same fido2 2.2.1 also offers -48, -49 and -50, which are ML-DSA-44, -65 and -87, the
# post-quantum signatures. With cryptography 46.0.7, or on a build whose backend lacks them, it doesn't.
# Why it matters: an update of a package that nobody looks at changes what the authenticators may answer. A public key is then
# 1,312 to 2,592 bytes instead of 65, which a column or an item may not hold, and a server that goes back to the older
# cryptography has users whose passkeys it can't check. Give the list yourself.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

cat > offer.py <<'PY'
from importlib.metadata import version
from fido2.server import Fido2Server
from fido2.webauthn import PublicKeyCredentialRpEntity, PublicKeyCredentialUserEntity
server = Fido2Server(PublicKeyCredentialRpEntity(id="example.com", name="Example"))
options, _ = server.register_begin(PublicKeyCredentialUserEntity(id=b"1", name="ada", display_name="Ada"))
print("fido2", version("fido2"), "cryptography", version("cryptography"), *(p.alg for p in options.public_key.pub_key_cred_params))
PY
for cryptography in 46.0.7 50.0.2; do
  python3 -m venv "v$cryptography"
  "v$cryptography/bin/pip" install --quiet --no-compile --disable-pip-version-check fido2==2.2.1 "cryptography==$cryptography"
  "v$cryptography/bin/python" offer.py
done > seen
cat > stated <<'END'
fido2 2.2.1 cryptography 46.0.7 -7 -8 -35 -36 -37 -257 -47
fido2 2.2.1 cryptography 50.0.2 -7 -8 -35 -36 -37 -257 -47 -48 -49 -50
END

echo 'Expected by most: one list, without -48, -49 and -50. Observed:'
cat seen
diff stated seen && echo 'As stated.'
