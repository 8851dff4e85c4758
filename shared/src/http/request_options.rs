//! The options with which a browser asks an authenticator for the use of a passkey, as
//! `PublicKeyCredential.parseRequestOptionsFromJSON` takes them (`WebAuthn` Level 3, 5.1.9).

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    error::Error,
    model::passkey::{Passkey, Transport},
    primitives::{
        challenge::{CHALLENGE_LIFETIME, Challenge},
        public_url::PublicUrl,
    },
    runtime::app::App,
};

/// The only value of `userVerification` that this service uses. Without a user verification, a passkey is one factor.
pub const USER_VERIFICATION: &str = "required";

/// What the `OpenAPI` document says about the error of [`site`].
pub const NO_PUBLIC_URL: (u16, &str) = (409, "The service has no public URL, so it has no passkeys.");

/// Options for the use of a passkey. Pass `publicKey` to `PublicKeyCredential.parseRequestOptionsFromJSON`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RequestOptions")]
#[serde(rename_all = "camelCase")]
pub struct RequestOptionsView {
    public_key: PublicKeyView,
}

/// The value of `publicKey` for `navigator.credentials.get`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PublicKeyRequestOptions")]
#[serde(rename_all = "camelCase")]
struct PublicKeyView {
    /// A random value that the authenticator signs. It can be used once, within five minutes.
    challenge: String,
    /// How long the browser may take, in milliseconds.
    timeout: u32,
    /// The domain that the passkeys belong to.
    rp_id: String,
    /// The passkeys that can be used. Empty if every passkey of this domain can be used.
    allow_credentials: Vec<CredentialDescriptor>,
    /// Always `required`.
    user_verification: &'static str,
}

/// A passkey that a browser should use, or should not register again.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialDescriptor {
    /// Always `public-key`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The id that the authenticator chose, in base64url.
    id: String,
    /// How the browser can reach the authenticator.
    #[schemars(with = "Vec<String>")]
    transports: Vec<Transport>,
}

impl RequestOptionsView {
    /// Returns the options for a ceremony with one of `passkeys`, or with any passkey if there are none.
    #[must_use]
    pub fn new(site: &PublicUrl, challenge: &Challenge, passkeys: &[Passkey]) -> Self {
        Self {
            public_key: PublicKeyView {
                challenge: challenge.to_string(),
                timeout: CHALLENGE_LIFETIME * 1_000,
                rp_id: site.host().to_owned(),
                allow_credentials: passkeys.iter().map(CredentialDescriptor::from).collect(),
                user_verification: USER_VERIFICATION,
            },
        }
    }
}

impl From<&Passkey> for CredentialDescriptor {
    fn from(passkey: &Passkey) -> Self {
        let known = passkey.key.transports.iter().filter(|transport| **transport != Transport::Unknown);
        Self {
            kind: "public-key",
            id: passkey.key.credential_id.clone(),
            transports: known.copied().collect(),
        }
    }
}

/// Returns the site that passkeys belong to. It comes from configuration, never from a request.
///
/// # Errors
/// 409 if the stack has no public URL.
pub fn site(app: &App) -> Result<&PublicUrl, Error> {
    app.public_url()
        .ok_or_else(|| Error::conflict("Passkeys are not available, because the service has no public URL"))
}
