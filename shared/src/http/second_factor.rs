//! The response to a login with the right password of a member who has a passkey.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{http::request_options::RequestOptionsView, primitives::timestamp::Timestamp};

/// A login that needs a second factor.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SecondFactorNeeded")]
pub struct SecondFactorNeededView<'a> {
    pub second_factor: SecondFactorView<'a>,
}

/// What is needed to complete a login with `POST /v1/auth/login/second-factor`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SecondFactor")]
pub struct SecondFactorView<'a> {
    /// A token for this login. It works once.
    pub login_token: &'a str,
    /// The options for the passkey.
    pub options: RequestOptionsView,
    /// When the token expires: after five minutes. It ends earlier after five failed attempts.
    pub expires_at: Timestamp,
}
