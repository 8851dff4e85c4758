#!/usr/bin/env bash
# A WebAuthn server registers passkeys with which nobody can ever log in.
#
# A good guess: If a library cannot verify the signatures of an algorithm, it rejects such a passkey at registration, even if the
# server offered the algorithm.
# Seen: If supportedAlgorithmIDs contains ES256K (-47), ESP256 (-9) or Ed25519 (-19), @simplewebauthn/server 14.0.3 offers them
# and returns verified: true when such a passkey is registered. Each login with it then fails with an error. ES256 (-7) and EdDSA
# (-8), the older numbers of the same keys and signatures as -9 and -19, work for both.
# Why it matters: RFC 9864 (2025) deprecates -7 and -8 in favour of -9 and -19, so a careful team adds the new numbers. The user
# sees "passkey saved", may delete the password, and is locked out at the next login. Test a login with each algorithm of the
# list.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit @simplewebauthn/server@14.0.3

cat > probe.mjs <<'JS'
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { generateRegistrationOptions, verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server';

const rp = { expectedOrigin: 'https://example.com', expectedRPID: 'example.com', requireUserVerification: false };
const number = (n) => (n < 0 ? (-1 - n < 24 ? [0x20 - 1 - n] : [0x38, -1 - n]) : [n]); // as CBOR
const bytes = (b) => [0x58, b.length, ...b];
const text = (s) => [0x60 + s.length, ...Buffer.from(s)];
const base64url = (b) => Buffer.from(b).toString('base64url');

for (const [name, alg, curve] of [['ES256', -7, 'P-256'], ['EdDSA', -8], ['ES256K', -47, 'secp256k1'], ['ESP256', -9, 'P-256'], ['Ed25519', -19]]) {
  const { publicKey, privateKey } = curve ? generateKeyPairSync('ec', { namedCurve: curve }) : generateKeyPairSync('ed25519');
  const { x, y } = publicKey.export({ format: 'jwk' });
  const point = (s) => bytes(Buffer.from(s, 'base64url'));
  const cose = curve
    ? [0xa5, 1, 2, 3, ...number(alg), 0x20, curve === 'P-256' ? 1 : 8, 0x21, ...point(x), 0x22, ...point(y)]
    : [0xa4, 1, 1, 3, ...number(alg), 0x20, 6, 0x21, ...point(x)];
  const id = Buffer.alloc(16, 1);
  const head = (flags) => [...createHash('sha256').update('example.com').digest(), flags, 0, 0, 0, 0];
  const client = (type, challenge) => Buffer.from(JSON.stringify({ type, challenge, origin: 'https://example.com', crossOrigin: false }));
  const credential = (response) => ({ id: base64url(id), rawId: base64url(id), type: 'public-key', clientExtensionResults: {}, response });
  const words = [];

  const options = await generateRegistrationOptions({ rpID: 'example.com', rpName: 'Example', userName: 'ada', supportedAlgorithmIDs: [alg] });
  words.push('asked for', options.pubKeyCredParams.map((p) => p.alg).join());
  const made = await verifyRegistrationResponse({ ...rp, supportedAlgorithmIDs: [alg], expectedChallenge: options.challenge, response: credential({
    clientDataJSON: base64url(client('webauthn.create', options.challenge)),
    attestationObject: base64url([0xa3, ...text('fmt'), ...text('none'), ...text('attStmt'), 0xa0, ...text('authData'),
      ...bytes([...head(0x41), ...Buffer.alloc(16), 0, id.length, ...id, ...cose])]),
  }) });
  words.push(made.verified ? 'registered' : 'not registered');

  const authenticatorData = Buffer.from(head(0x01));
  const clientData = client('webauthn.get', 'AAAA');
  const signed = Buffer.concat([authenticatorData, createHash('sha256').update(clientData).digest()]);
  words.push(await verifyAuthenticationResponse({ ...rp, expectedChallenge: 'AAAA', credential: made.registrationInfo.credential, response: credential({
    clientDataJSON: base64url(clientData), authenticatorData: base64url(authenticatorData),
    signature: base64url(sign(curve ? 'sha256' : null, signed, privateKey)),
  }) }).then((login) => (login.verified ? 'logged in' : 'not logged in'), (error) => `login: ${error.message}`));
  console.log(name, alg, ...words);
}
JS
cat > stated <<'END'
ES256 -7 asked for -7 registered logged in
EdDSA -8 asked for -8 registered logged in
ES256K -47 asked for -47 registered login: Unexpected COSE crv value of 8 (EC2)
ESP256 -9 asked for -9 registered login: Could not map COSE alg value of -9 to a WebCrypto hash alg name
Ed25519 -19 asked for -19 registered login: Public key had invalid alg -19 (OKP)
END
node probe.mjs > seen

echo '@simplewebauthn/server 14.0.3; expected by most: what is registered can log in. Observed:'
cat seen
diff stated seen && echo 'As stated.'
