//! The relying party: the site that passkeys belong to.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use shared::{
    error::Error, http::request_options::site, primitives::challenge::Challenge, runtime::app::App,
};
use webauthn_rs::{
    Webauthn, WebauthnBuilder,
    prelude::{Url, WebauthnError},
};

/// The name of the service, which authenticators may show.
pub(crate) const NAME: &str = "MedTWIN";

/// The site that passkeys belong to.
pub struct RelyingParty {
    pub(crate) webauthn: Webauthn,
}

impl RelyingParty {
    /// Returns the site at the service's public URL.
    ///
    /// # Errors
    /// 409 if the stack has no public URL, or one whose host is not a domain.
    pub fn new(app: &App) -> Result<Self, Error> {
        let site = site(app)?;
        let not_a_domain =
            || Error::conflict("Passkeys are not available, because the service has no domain");
        let origin = Url::parse(site.origin()).map_err(|_| not_a_domain())?;
        let builder = WebauthnBuilder::new(site.host(), &origin).map_err(|_| not_a_domain())?;
        let webauthn = builder.rp_name(NAME).build().map_err(|_| not_a_domain())?;
        Ok(Self { webauthn })
    }
}

/// Replaces the challenge in the state of a ceremony. `part` is the field of the state that contains it.
pub(crate) fn with_challenge<S: Serialize + DeserializeOwned>(
    state: &S,
    part: &str,
    challenge: &Challenge,
) -> Result<S, serde_json::Error> {
    let mut state = serde_json::to_value(state)?;
    state[part]["challenge"] = Value::from(challenge.to_string());
    serde_json::from_value(state)
}

/// Returns why `webauthn-rs` rejected something, without any part of the request.
pub(crate) fn reason(error: &WebauthnError) -> &'static str {
    match error {
        WebauthnError::MismatchedChallenge => "the challenge is another one",
        WebauthnError::InvalidRPOrigin => "the origin is another one",
        WebauthnError::InvalidRPIDHash => "it belongs to another site",
        WebauthnError::UserNotPresent => "the user was not present",
        WebauthnError::UserNotVerified => "the user was not verified",
        WebauthnError::AuthenticationFailure => "the signature is wrong",
        WebauthnError::InvalidClientDataType => "it is the result of another ceremony",
        WebauthnError::CredentialNotFound => "the passkey is unknown",
        _ => "it is malformed or not supported",
    }
}
