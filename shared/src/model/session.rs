//! Sessions: what a member holds between login and logout.

use serde::{Deserialize, Serialize};

use crate::{
    credentials::digest::TokenDigest,
    primitives::{
        id::{AccountId, SessionId, UserId},
        timestamp::Timestamp,
    },
};

/// How long a session lives, in seconds: 12 hours (NIST SP 800-63B-4 allows 24 at AAL2).
pub const SESSION_LIFETIME: u32 = 12 * 60 * 60;
/// How long a session lives without use, in seconds: 1 hour (NIST SP 800-63B-4 at AAL2).
const IDLE_LIFETIME: u32 = 60 * 60;
/// How old what is known of a session's last use grows before it is written anew, in seconds.
const LAST_USE_PRECISION: u32 = 60;
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
    /// Of which [`session_epoch`](crate::model::member::Member::session_epoch) it is.
    pub epoch: u32,
    /// When its member logged in.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, once it was: at most a minute ago when it was used since.
    pub last_used_at: Option<Timestamp>,
    /// What the browser called itself at login.
    pub user_agent: Option<String>,
}

impl Session {
    /// Whether it is over, for its age or because it was not used.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        let last_used_at = self.last_used_at.unwrap_or(self.created_at);
        now >= self.expires_at || now >= last_used_at.plus_seconds(IDLE_LIFETIME)
    }

    /// Whether a use `now` is to be written down.
    #[must_use]
    pub fn should_record_use(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|last| now >= last.plus_seconds(LAST_USE_PRECISION))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{credentials::pepper::tests::peppers, primitives::timestamp::tests::timestamp};

    const END: i64 = 12 * 60 * 60;

    pub(crate) fn session(last_used_at: Option<i64>) -> Session {
        Session {
            id: "sid_0000000000000001".parse().unwrap(),
            account_id: "acct_0000000000000001".parse().unwrap(),
            user_id: "user_0000000000000001".parse().unwrap(),
            digest: TokenDigest::of("token", &peppers("1")),
            epoch: 0,
            created_at: timestamp(0),
            expires_at: timestamp(END),
            last_used_at: last_used_at.map(timestamp),
            user_agent: None,
        }
    }

    #[test]
    fn it_ends_after_an_hour_without_use_and_after_twelve_hours() {
        for (last_used_at, now, has_expired) in [
            (None, 3_599, false),
            (None, 3_600, true),
            (Some(1_000), 4_599, false),
            (Some(1_000), 4_600, true),
            (Some(END - 1), END - 1, false),
            (Some(END - 1), END, true),
        ] {
            assert_eq!(
                session(last_used_at).has_expired(timestamp(now)),
                has_expired,
                "{last_used_at:?} {now}"
            );
        }
        let lives = Timestamp::from(time::OffsetDateTime::UNIX_EPOCH).plus_seconds(SESSION_LIFETIME);
        assert_eq!(lives, timestamp(END));
    }

    #[test]
    fn a_use_is_news_once_a_minute() {
        assert!(session(None).should_record_use(timestamp(0)));
        assert!(!session(Some(100)).should_record_use(timestamp(159)));
        assert!(session(Some(100)).should_record_use(timestamp(160)));
    }
}
