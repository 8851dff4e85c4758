//! Sessions: what a member holds between login and logout.

use serde::{Deserialize, Serialize};

use crate::{
    digest::TokenDigest,
    id::{AccountId, Named, SessionId, UserId},
    timestamp::Timestamp,
};

/// How long a session lives, in seconds: 12 hours (NIST SP 800-63B-4 allows 24 at AAL2).
pub const SESSION_LIFETIME: u32 = 12 * 60 * 60;
/// How much is kept of the name that a browser gives itself, in characters.
pub const MAX_USER_AGENT_CHARS: usize = 256;

/// A session, as the table holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// Its id. It names the session and opens nothing.
    pub id: SessionId,
    /// Whose account.
    pub account_id: AccountId,
    /// Whose.
    pub user_id: UserId,
    /// What is kept of its token.
    pub digest: TokenDigest,
    /// Of which [`session_epoch`](crate::member::Member::session_epoch) it is.
    pub epoch: u32,
    /// When its member logged in.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, where that is known.
    pub last_used_at: Option<Timestamp>,
    /// What the browser called itself at login.
    pub user_agent: Option<String>,
}

impl Named for Session {
    const PREFIX: &'static str = "sid_";
}

impl Session {
    /// Whether it is over for its age.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }
}

/// A session as its member sees it.
#[derive(Debug, Serialize)]
pub struct SessionView {
    id: SessionId,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    expires_at: Timestamp,
    user_agent: Option<String>,
    current: bool,
}

impl SessionView {
    /// `session`, seen from the session `current`.
    #[must_use]
    pub fn new(session: Session, current: SessionId) -> Self {
        let Session { id, created_at, last_used_at, expires_at, user_agent, .. } = session;
        Self { id, created_at, last_used_at, expires_at, user_agent, current: id == current }
    }
}
