//! The registration of a passkey.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    authorization::principal::SessionPrincipal,
    error::Error,
    http::{
        authenticator_response::AuthenticatorResponse,
        request_options::{CredentialDescriptor, USER_VERIFICATION},
    },
    model::passkey::{Passkey, PasskeyKey, Transport, user_handle},
    primitives::challenge::{CHALLENGE_LIFETIME, Challenge},
};
use webauthn_rs::prelude::{PasskeyRegistration, RegisterPublicKeyCredential, Uuid};

use crate::relying_party::{RelyingParty, reason, with_challenge};

/// The options with which a browser asks an authenticator for a new passkey.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct CreationOptionsView(Value);

impl JsonSchema for CreationOptionsView {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CreationOptions".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "Options for a new passkey.",
            "required": ["publicKey"],
            "properties": {
                "publicKey": {
                    "type": "object",
                    "description": "The options for `PublicKeyCredential.parseCreationOptionsFromJSON`.",
                },
            },
        })
    }
}

/// A passkey that an authenticator has created.
#[derive(Debug)]
pub struct NewPasskeyKey {
    pub key: PasskeyKey,
    /// The counter of signatures that the authenticator reported.
    pub counter: u32,
}

/// The reason why a passkey cannot be registered.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    #[error("the passkey is registered already")]
    AlreadyRegistered,
    #[error("{0}")]
    Rejected(&'static str),
    #[error("the library does not work as expected")]
    Library(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<RegistrationError> for Error {
    fn from(error: RegistrationError) -> Self {
        match error {
            RegistrationError::AlreadyRegistered => Self::conflict("This passkey is registered already"),
            RegistrationError::Rejected(reason) => {
                Self::bad_field("credential", format_args!("was rejected: {reason}"))
            }
            RegistrationError::Library(_) => Self::internal(error),
        }
    }
}

fn unexpected(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RegistrationError {
    RegistrationError::Library(error.into())
}

impl RelyingParty {
    /// Returns the options for a further passkey of the caller, who has the passkeys `existing`.
    ///
    /// # Errors
    /// If the library does not work as expected.
    pub fn creation_options(
        &self,
        challenge: &Challenge,
        caller: &SessionPrincipal,
        existing: &[Passkey],
    ) -> Result<CreationOptionsView, RegistrationError> {
        let email = caller.email.as_str();
        let start = self.webauthn.start_passkey_registration(Uuid::nil(), email, email, None);
        let (options, _) = start.map_err(unexpected)?;
        let mut options = serde_json::to_value(options).map_err(unexpected)?;
        let excluded: Vec<_> = existing.iter().map(CredentialDescriptor::from).collect();
        let handle = user_handle(caller.account_id, caller.user_id);
        let public_key = &mut options["publicKey"];
        public_key["challenge"] = challenge.to_string().into();
        public_key["timeout"] = (CHALLENGE_LIFETIME * 1_000).into();
        public_key["user"]["id"] = BASE64_URL_SAFE_NO_PAD.encode(handle).into();
        public_key["excludeCredentials"] = json!(excluded);
        // The library would discourage discoverable passkeys, with which nobody can log in without a password.
        public_key["authenticatorSelection"] = json!({
            "residentKey": "required", "requireResidentKey": true, "userVerification": USER_VERIFICATION,
        });
        Ok(CreationOptionsView(options))
    }

    /// Verifies a new passkey of a member who has the passkeys `existing`.
    ///
    /// # Errors
    /// If the passkey is one of `existing`, or the authenticator did not verify the user or did not sign `challenge` for this site.
    pub fn register(
        &self,
        response: &AuthenticatorResponse,
        challenge: &Challenge,
        existing: &[Passkey],
    ) -> Result<NewPasskeyKey, RegistrationError> {
        let credential: RegisterPublicKeyCredential = serde_json::from_value(response.verified_parts())
            .map_err(|_| RegistrationError::Rejected("it is malformed"))?;
        let id = BASE64_URL_SAFE_NO_PAD.encode(&credential.raw_id);
        if existing.iter().any(|passkey| passkey.key.credential_id == id) {
            return Err(RegistrationError::AlreadyRegistered);
        }
        let state = self.registration_state(challenge)?;
        let passkey = self
            .webauthn
            .finish_passkey_registration(&credential, &state)
            .map_err(|error| RegistrationError::Rejected(reason(&error)))?;
        // The library reads the id from the signed data.
        let credential_id = BASE64_URL_SAFE_NO_PAD.encode(passkey.cred_id());
        if credential_id != id {
            return Err(RegistrationError::Rejected("it has two ids"));
        }
        let mut public_key = serde_json::to_value(passkey).map_err(unexpected)?;
        // The store has a counter of its own. With a zero here, the library compares no counters.
        let counter = public_key["cred"]["counter"].take().as_u64();
        let counter = counter
            .and_then(|counter| counter.try_into().ok())
            .ok_or_else(|| unexpected("a passkey of the library has no counter"))?;
        public_key["cred"]["counter"] = 0.into();
        let transports = transports(response);
        let key = PasskeyKey { credential_id, public_key: public_key.to_string(), transports };
        Ok(NewPasskeyKey { key, counter })
    }

    fn registration_state(&self, challenge: &Challenge) -> Result<PasskeyRegistration, RegistrationError> {
        let start = self.webauthn.start_passkey_registration(Uuid::nil(), "-", "-", None);
        let (_, state) = start.map_err(unexpected)?;
        with_challenge(&state, "rs", challenge).map_err(unexpected)
    }
}

/// Returns the known ways to reach the authenticator, each once. The library drops them, because they are not signed.
fn transports(response: &AuthenticatorResponse) -> Vec<Transport> {
    let mut known = Vec::new();
    for name in response.transports() {
        let transport = serde_json::from_value(name.into()).unwrap_or(Transport::Unknown);
        if transport != Transport::Unknown && !known.contains(&transport) {
            known.push(transport);
        }
    }
    known
}
