//! An authenticator in software: it creates passkeys and signs challenges as `WebAuthn` Level 3 says, with ES256 and no attestation. A
//! test can make it break each rule.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::primitives::random::Random;

use crate::response::text;

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const HAS_CREDENTIAL: u8 = 1 << 6;

/// An authenticator with one passkey, and the browser that it is connected to.
#[derive(Clone)]
pub struct Authenticator {
    pub key: SigningKey,
    /// The id of the passkey.
    pub id: Vec<u8>,
    /// The handle of the member who registered it.
    pub user_handle: String,
    /// The origin of the page in the browser.
    pub origin: String,
    pub verifies_user: bool,
    /// Whether the passkey is synchronized with other devices.
    pub is_synchronized: bool,
    /// The counter of signatures. It does not count while it is 0.
    pub counter: u32,
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl Authenticator {
    /// An authenticator that verifies its user and does not count.
    pub fn new(origin: &str) -> Self {
        let random = Random::system();
        Self {
            key: SigningKey::from_slice(&random.bytes::<32>()).expect("a key"),
            id: random.bytes::<16>().to_vec(),
            user_handle: String::new(),
            origin: origin.to_owned(),
            verifies_user: true,
            is_synchronized: false,
            counter: 0,
        }
    }

    /// Creates a passkey with the options of the service. Returns what the browser sends.
    pub fn register(&mut self, options: &Value) -> Value {
        let options = &options["publicKey"];
        text(&options["user"], "id").clone_into(&mut self.user_handle);
        let point = self.key.verifying_key().to_sec1_point(false);
        let (x, y) = (point.x().expect("a point"), point.y().expect("a point"));
        let mut data = self.authenticator_data(text(&options["rp"], "id"), HAS_CREDENTIAL);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).expect("a short id").to_be_bytes());
        data.extend(&self.id);
        // A map with the key type EC2, the algorithm ES256, the curve P-256 and the coordinates, in CBOR.
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(x);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(y);
        let mut attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        attestation.extend(u16::try_from(data.len()).expect("a short text").to_be_bytes());
        attestation.extend(data);
        let client_data = self.client_data("webauthn.create", text(options, "challenge"));
        self.credential(&json!({
            "clientDataJSON": base64url(client_data), "attestationObject": base64url(attestation),
            "transports": ["internal", "unknown"], "publicKeyAlgorithm": -7,
        }))
    }

    /// Signs the challenge of the service's options. Returns what the browser sends.
    pub fn authenticate(&mut self, options: &Value) -> Value {
        let options = &options["publicKey"];
        if self.counter > 0 {
            self.counter += 1;
        }
        let data = self.authenticator_data(text(options, "rpId"), 0);
        let client_data = self.client_data("webauthn.get", text(options, "challenge"));
        let mut signed = data.clone();
        signed.extend(Sha256::digest(&client_data));
        let signature: Signature = self.key.sign(&signed);
        self.credential(&json!({
            "clientDataJSON": base64url(client_data), "authenticatorData": base64url(data),
            "signature": base64url(signature.to_der()), "userHandle": self.user_handle,
        }))
    }

    fn authenticator_data(&self, site: &str, flags: u8) -> Vec<u8> {
        let mut flags = flags | USER_PRESENT;
        if self.verifies_user {
            flags |= USER_VERIFIED;
        }
        if self.is_synchronized {
            flags |= BACKUP_ELIGIBLE | BACKED_UP;
        }
        let mut data = Sha256::digest(site).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn client_data(&self, ceremony: &str, challenge: &str) -> String {
        json!({"type": ceremony, "challenge": challenge, "origin": self.origin, "crossOrigin": false})
            .to_string()
    }

    fn credential(&self, response: &Value) -> Value {
        json!({
            "id": base64url(&self.id), "rawId": base64url(&self.id), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": {"credProps": {"rk": true}},
            "response": response,
        })
    }
}
