//! API keys: what a server calls with.

use std::iter;

use serde::{Deserialize, Serialize};

use crate::{
    credentials::{digest::TokenDigest, pepper::Peppers},
    primitives::{
        environment::Environment,
        id::{AccountId, KeyId},
        name::Name,
        permission::Permissions,
        quota::Counter,
        scope::Scope,
        timestamp::Timestamp,
    },
};

/// An API key, as the table holds it. Its id, type, permissions, scope and expiry never change; a rotation
/// changes its secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// Whose it is. Keys outlive the member who made them.
    pub account_id: AccountId,
    /// What people call it.
    pub name: Name,
    /// Its type: which data it sees.
    #[serde(rename = "type")]
    pub environment: Environment,
    /// What it may do.
    pub permissions: Permissions,
    /// Which projects it reaches.
    pub scope: Scope,
    /// What is shown of its current token.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, or `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, where that is known.
    pub last_used_at: Option<Timestamp>,
    /// How much of its limit was taken, once it was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<Counter>,
    /// Which secrets it has.
    pub state: State,
}

/// Which secrets a key has. A revoked one has none, so nothing can match it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum State {
    /// It works.
    Active {
        /// The secret that was given out last.
        current: TokenDigest,
        /// The one before it, in the overlap after a rotation.
        previous: Option<Superseded>,
        /// How many there were before it.
        generation: u32,
    },
    /// It is over for good.
    Revoked,
}

impl State {
    /// What is kept of the secret that was given out last, and of the one before it.
    pub(crate) fn secrets(&self) -> (Option<&TokenDigest>, Option<&Superseded>) {
        match self {
            Self::Active { current, previous, .. } => (Some(current), previous.as_ref()),
            Self::Revoked => (None, None),
        }
    }
}

/// A secret that a rotation replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Superseded {
    /// What is kept of its token.
    pub digest: TokenDigest,
    /// From when on it no longer works.
    pub ends_at: Timestamp,
}

/// Why a key can't be rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRotatable {
    /// It has expired.
    Expired,
    /// It was revoked.
    Revoked,
}

impl NotRotatable {
    /// What a caller is told.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Expired => "The key has expired",
            Self::Revoked => "The key was revoked",
        }
    }
}

impl ApiKey {
    /// Whether it is over for its age.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| now >= expires_at)
    }

    /// Whether it was revoked.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        matches!(self.state, State::Revoked)
    }

    /// Whether a secret of `generation` works: the current one, or the one before it in its overlap.
    #[must_use]
    pub(crate) fn has_secret_of(&self, of: u32, now: Timestamp) -> bool {
        match &self.state {
            State::Active { generation, .. } if *generation == of => true,
            State::Active { previous: Some(previous), generation, .. } => {
                *generation == of.saturating_add(1) && now < previous.ends_at
            }
            _ => false,
        }
    }

    /// Its state with the digest of `token`, one of its secrets, made anew, where an older pepper than the current one
    /// made it.
    #[must_use]
    pub fn rehashed(&self, token: &str, peppers: &Peppers) -> Option<State> {
        let mut state = self.state.clone();
        let State::Active { current, previous, .. } = &mut state else { return None };
        let digests = iter::once(current).chain(previous.as_mut().map(|previous| &mut previous.digest));
        let digest = digests.into_iter().find(|digest| digest.matches(token, peppers) == Ok(true))?;
        *digest = digest.rehashed(token, peppers)?;
        Some(state)
    }

    /// The key with a new secret. The one it had works for `grace` seconds more, but not past the key's own
    /// end; the one before that ends at once. Returns also when the overlap ends.
    ///
    /// # Errors
    /// When the key has expired or was revoked.
    pub fn rotated(
        &self,
        new: TokenDigest,
        hint: String,
        grace: u32,
        now: Timestamp,
    ) -> Result<(Self, Timestamp), NotRotatable> {
        if self.has_expired(now) {
            return Err(NotRotatable::Expired);
        }
        let State::Active { current, generation, .. } = &self.state else {
            return Err(NotRotatable::Revoked);
        };
        let wanted = now.plus_seconds(grace);
        let ends_at = self.expires_at.map_or(wanted, |expires_at| wanted.min(expires_at));
        let previous = (ends_at > now).then_some(Superseded { digest: current.clone(), ends_at });
        Ok((
            Self {
                hint,
                state: State::Active { current: new, previous, generation: generation + 1 },
                ..self.clone()
            },
            ends_at,
        ))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        credentials::pepper::tests::{pepper, peppers},
        primitives::timestamp::tests::timestamp,
    };

    pub(crate) fn api_key() -> ApiKey {
        ApiKey {
            id: "key_0000000000000001".parse().unwrap(),
            account_id: "acct_0000000000000001".parse().unwrap(),
            name: "Key".to_owned().try_into().unwrap(),
            environment: Environment::Live,
            permissions: Permissions::ALL,
            scope: Scope::All,
            hint: "mt_live_…abcd".to_owned(),
            created_at: timestamp(0),
            expires_at: None,
            last_used_at: None,
            counter: None,
            state: State::Active { current: digest("one"), previous: None, generation: 0 },
        }
    }

    fn digest(token: &str) -> TokenDigest {
        TokenDigest::of(token, &peppers("1"))
    }

    pub(crate) fn rotated(
        key: &ApiKey,
        token: &str,
        grace: u32,
        now: i64,
    ) -> Result<(ApiKey, Timestamp), NotRotatable> {
        key.rotated(digest(token), "mt_live_…efgh".to_owned(), grace, timestamp(now))
    }

    #[test]
    fn a_third_secret_ends_the_first() {
        let (key, _) = rotated(&api_key(), "two", 100, 10).unwrap();
        let (key, ends_at) = rotated(&key, "three", 100, 20).unwrap();
        let superseded = Superseded { digest: digest("two"), ends_at: timestamp(120) };
        assert_eq!(ends_at, timestamp(120));
        assert_eq!(
            key.state,
            State::Active { current: digest("three"), previous: Some(superseded), generation: 2 }
        );
    }

    #[test]
    fn without_grace_nothing_is_left_of_the_old_secret() {
        let (key, ends_at) = rotated(&api_key(), "two", 0, 10).unwrap();
        assert_eq!(ends_at, timestamp(10));
        assert_eq!(key.state, State::Active { current: digest("two"), previous: None, generation: 1 });
        assert_eq!(key.hint, "mt_live_…efgh");
    }

    #[test]
    fn expired_and_revoked_keys_are_not_rotated() {
        let expired = ApiKey { expires_at: Some(timestamp(10)), ..api_key() };
        let revoked = ApiKey { state: State::Revoked, ..api_key() };
        assert_eq!(rotated(&expired, "two", 1, 10).unwrap_err(), NotRotatable::Expired);
        assert_eq!(rotated(&revoked, "two", 1, 10).unwrap_err(), NotRotatable::Revoked);
    }

    #[test]
    fn the_secret_that_came_is_digested_anew_and_no_other() {
        let (key, _) = rotated(&api_key(), "two", 100, 10).unwrap();
        let newer = Peppers::new(pepper("2"), Some(pepper("1")));
        let State::Active { current, previous: Some(previous), generation } = key.state.clone() else {
            panic!("it was rotated")
        };
        let anew = |token| TokenDigest::of(token, &newer);
        let superseded = Superseded { digest: anew("one"), ..previous.clone() };
        for (token, state) in [
            ("two", Some(State::Active { current: anew("two"), previous: Some(previous), generation })),
            ("one", Some(State::Active { current, previous: Some(superseded), generation })),
            ("three", None),
        ] {
            assert_eq!(key.rehashed(token, &newer), state, "{token}");
            assert_eq!(key.rehashed(token, &peppers("1")), None, "{token}");
        }
        assert_eq!(ApiKey { state: State::Revoked, ..key }.rehashed("two", &newer), None);
    }

    #[test]
    fn not_rotatable_says_why() {
        assert_eq!(NotRotatable::Expired.message(), "The key has expired");
        assert_eq!(NotRotatable::Revoked.message(), "The key was revoked");
    }

    proptest! {
        #[test]
        fn the_overlap_never_outlives_the_key(grace in 0..604_801_u32, expires_at in 11..1_000_000_i64) {
            let key = ApiKey { expires_at: Some(timestamp(expires_at)), ..api_key() };
            let (_, ends_at) = rotated(&key, "two", grace, 10).unwrap();
            prop_assert_eq!(ends_at, timestamp(expires_at.min(10 + i64::from(grace))));
        }
    }
}
