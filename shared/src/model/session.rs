//! Sessions, the credentials of members. A login creates one.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{
    credentials::digest::TokenDigest,
    model::restrictions::Restrictions,
    primitives::{
        factor::Factors,
        id::{AccountId, SessionId, UserId},
        timestamp::Timestamp,
    },
};

/// The lifetime of a session in seconds: 12 hours. NIST SP 800-63B-4 recommends at most 24 hours at AAL2.
pub const SESSION_LIFETIME: u32 = 12 * 60 * 60;
/// The time after which an unused session expires, in seconds: 1 hour, as NIST SP 800-63B-4 recommends at AAL2.
const IDLE_LIFETIME: u32 = 60 * 60;
/// The minimum time between two records of a session's use, in seconds.
const LAST_USE_PRECISION: u32 = 60;
/// The maximum length of a stored user agent. Longer ones are truncated.
pub const MAX_USER_AGENT_CHARS: usize = 256;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// The id of the session. It is not a credential.
    pub id: SessionId,
    pub account_id: AccountId,
    /// The member who logged in.
    pub user_id: UserId,
    /// The digest of the session's token.
    pub digest: TokenDigest,
    /// The member's [`session_epoch`](crate::model::member::Member::session_epoch) at login.
    pub epoch: u32,
    /// The account's [`session_epoch`](crate::model::account::Account::session_epoch) at login. Sessions of earlier versions have 0.
    #[serde(default)]
    pub account_epoch: u32,
    /// The time of the login.
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// The last recorded use, or `None` if no use was recorded. The last use may be up to a minute later.
    pub last_used_at: Option<Timestamp>,
    /// The `User-Agent` header of the login.
    pub user_agent: Option<String>,
    /// The IP address of the login. `None` if it is unknown, and for sessions of earlier versions.
    #[serde(default)]
    pub ip_address: Option<IpAddr>,
    /// The restrictions of the session.
    #[serde(default, skip_serializing_if = "Restrictions::is_empty")]
    pub restrictions: Restrictions,
    /// The last authentication after the login, or `None` if there was none. See [`authenticated_at`](Self::authenticated_at).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticated_at: Option<Timestamp>,
    /// What the member proved at the login and since then.
    #[serde(default = "password")]
    pub factors: Factors,
}

/// The factors of sessions of earlier versions, which knew no other factor.
fn password() -> Factors {
    Factors::PASSWORD
}

impl Session {
    /// Returns when the member last authenticated in this session. The login is the first authentication.
    #[must_use]
    pub fn authenticated_at(&self) -> Timestamp {
        self.authenticated_at.unwrap_or(self.created_at)
    }

    /// Returns true if the session has reached its maximum lifetime or has been unused for too long.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        let last_used_at = self.last_used_at.unwrap_or(self.created_at);
        now >= self.expires_at || now >= last_used_at.plus_seconds(IDLE_LIFETIME)
    }

    /// Returns the time for which this holds: a session that was last used then or earlier has expired at `now`.
    #[must_use]
    pub fn last_expired_use(now: Timestamp) -> Timestamp {
        now.minus_seconds(IDLE_LIFETIME)
    }

    /// Returns true if the session started in these session epochs of its member and of its account. Otherwise it has ended.
    #[must_use]
    pub fn started_in_epochs(&self, member: u32, account: u32) -> bool {
        self.epoch == member && self.account_epoch == account
    }

    /// Returns true if a use at `now` should be recorded, because the last record is at least a minute old.
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
            account_epoch: 0,
            created_at: timestamp(0),
            expires_at: timestamp(END),
            last_used_at: last_used_at.map(timestamp),
            user_agent: None,
            ip_address: None,
            restrictions: Restrictions::NONE,
            authenticated_at: None,
            factors: Factors::PASSWORD,
        }
    }

    #[test]
    fn session_expires_after_one_idle_hour_or_twelve_hours() {
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
        assert_eq!(timestamp(0).plus_seconds(SESSION_LIFETIME), timestamp(END));
    }

    #[test]
    fn login_is_the_authentication_of_a_session_without_a_later_one() {
        assert_eq!(session(None).authenticated_at(), timestamp(0));
        let later = Session { authenticated_at: Some(timestamp(60)), ..session(None) };
        assert_eq!(later.authenticated_at(), timestamp(60));
    }

    #[test]
    fn session_of_an_earlier_version_authenticated_at_its_login_by_password() {
        let mut item = serde_json::to_value(session(None)).unwrap();
        for name in ["authenticated_at", "factors"] {
            item.as_object_mut().unwrap().remove(name);
        }
        let stored: Session = serde_json::from_value(item).unwrap();
        assert_eq!((stored.authenticated_at(), stored.factors), (timestamp(0), Factors::PASSWORD));
    }

    #[test]
    fn use_is_recorded_once_a_minute() {
        assert!(session(None).should_record_use(timestamp(0)));
        assert!(!session(Some(100)).should_record_use(timestamp(159)));
        assert!(session(Some(100)).should_record_use(timestamp(160)));
    }
}
