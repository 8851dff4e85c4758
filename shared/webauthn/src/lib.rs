//! Passkeys: the ceremonies of `WebAuthn` that register a passkey and authenticate with it (<https://www.w3.org/TR/webauthn-3/>).
//!
//! `webauthn-rs` verifies what authenticators return. It is large, so only the functions that register or verify passkeys link this
//! package.
//!
//! Between the two requests of a ceremony, the service stores only the challenge. The other parts of the library's state are computed
//! again from the configuration and the stored passkey when the ceremony ends. So a passkey that was removed or changed in the meantime
//! is not used as it was, and the challenge can be drawn from the service's own source of randomness.

mod authentication;
mod registration;
mod relying_party;

pub use self::{
    authentication::{AuthenticationError, record_use},
    registration::{CreationOptionsView, NewPasskeyKey, RegistrationError},
    relying_party::RelyingParty,
};
