//! New tokens of password resets: what a request for a reset and the operator's command create.

use crate::{
    credentials::{digest::TokenDigest, one_time_token::Purpose, token::NewToken},
    error::Error,
    model::{
        mail::MailToken,
        password_reset::{PasswordReset, PasswordResets},
    },
    primitives::timestamp::Timestamp,
    runtime::app::App,
    store::MemberWithResets,
};

/// A token that is not stored yet.
pub struct NewPasswordReset {
    pub token: MailToken,
    pub expires_at: Timestamp,
    /// The tokens of the member, with the new one.
    pub resets: PasswordResets,
}

impl NewPasswordReset {
    /// Creates a token of the member `owner`.
    ///
    /// # Errors
    /// If the template gives this function no peppers or no key of the token MACs.
    pub async fn new(app: &App, owner: &MemberWithResets, now: Timestamp) -> Result<Self, Error> {
        let MemberWithResets { member, account, resets, .. } = owner;
        let (purpose, mac_key) = (Purpose::PasswordReset, app.token_mac_key()?);
        let token = NewToken::for_one_use(purpose, member.account_id, member.id, mac_key, &app.random);
        let digest = TokenDigest::of(token.expose(), &*app.peppers().await?);
        let reset = PasswordReset::new(member, account, digest, now);
        Ok(Self {
            token: MailToken::new(token.expose()),
            expires_at: reset.expires_at,
            resets: resets.with(reset, member, account, now),
        })
    }
}
