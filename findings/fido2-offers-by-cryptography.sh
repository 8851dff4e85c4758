#!/usr/bin/env bash
# The algorithms that a python-fido2 server offers for passkeys depend on the version of another package.
#
# A good guess: pubKeyCredParams is a fixed list in the WebAuthn library. So fido2 2.2.1 always sends the same classical
# algorithms: ES256, EdDSA, RS256 and a few more.
# Seen: With cryptography 50.0.2, fido2 2.2.1 also offers -48, -49 and -50. These are the post-quantum signatures ML-DSA-44, -65
# and -87. With cryptography 46.0.7, or a build whose backend lacks them, it does not.
# Why it matters: An update of an indirect dependency changes which algorithms authenticators may choose. A public key then has
# 1,312 to 2,592 bytes instead of 65, which may not fit into a column or an item. A server that returns to the older cryptography
# cannot verify the passkeys that users registered in the meantime. Pass the list of algorithms explicitly.
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
