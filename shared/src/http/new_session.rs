//! New sessions: what a login, or another request that authenticates a member, creates and returns.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    credentials::{digest::TokenDigest, pepper::Peppers, token::NewToken},
    error::Error,
    http::{
        Request, examples,
        openapi::{Success, schema_of},
    },
    model::{
        member::Member,
        restrictions::Restrictions,
        session::{MAX_USER_AGENT_CHARS, SESSION_LIFETIME, Session},
    },
    primitives::{factor::Factors, id::SessionId, timestamp::Timestamp},
    runtime::app::App,
};

/// A session that is not stored yet, with its token.
pub struct NewSession {
    pub token: NewToken,
    pub session: Session,
}

/// What the `OpenAPI` document says about the response with a new session.
pub const LOGGED_IN: Success = Success {
    status: 200,
    description: "The session's token.",
    body: Some((schema_of::<LoggedInView>, examples::logged_in)),
};

/// The token of a new session.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LoggedIn")]
pub struct LoggedInView<'a> {
    /// The session's token. Send it as `Authorization: Session …`. It is shown only once.
    session_token: &'a str,
    /// When the session expires. It ends earlier if it is not used for an hour.
    expires_at: Timestamp,
}

impl NewSession {
    /// Creates a session of `member`, who proved `factors`, for the client that sent `request`.
    ///
    /// `member` and `account_epoch` must have been loaded before the member was authenticated. Then, if the password is changed, or the
    /// member or the account is suspended in the meantime, the session belongs to an earlier epoch and is invalid.
    ///
    /// # Errors
    /// If the template gives this function no key of the token MACs.
    pub fn new(
        app: &App,
        request: &Request,
        member: &Member,
        account_epoch: u32,
        factors: Factors,
        peppers: &Peppers,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let id = SessionId::new(&app.clock, &app.random);
        let Member { id: user_id, account_id, .. } = *member;
        let token = NewToken::for_session(account_id, user_id, id, app.token_mac_key()?, &app.random);
        let session = Session {
            id,
            account_id,
            user_id,
            digest: TokenDigest::of(token.expose(), peppers),
            epoch: member.session_epoch,
            account_epoch,
            created_at: now,
            expires_at: now.plus_seconds(SESSION_LIFETIME),
            last_used_at: None,
            user_agent: request.user_agent().map(|name| name.chars().take(MAX_USER_AGENT_CHARS).collect()),
            ip_address: request
                .source_ip()
                .and_then(|ip| ip.parse().ok())
                .map(|ip: IpAddr| ip.to_canonical()),
            restrictions: Restrictions::NONE,
            authenticated_at: None,
            factors,
        };
        Ok(Self { token, session })
    }

    /// Returns the body of the response.
    #[must_use]
    pub fn view(&self) -> LoggedInView<'_> {
        LoggedInView { session_token: self.token.expose(), expires_at: self.session.expires_at }
    }
}
