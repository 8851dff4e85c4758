//! API keys, the credentials of programs. A rotation replaces the secret of a key and keeps the key.

use std::{iter, net::IpAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    credentials::{digest::TokenDigest, pepper::Peppers},
    model::{
        account_policy::AccountPolicy,
        creator::Creator,
        restrictions::{Restriction, Restrictions},
    },
    primitives::{
        allowed_ips::AllowedIps,
        environment::Environment,
        id::{AccountId, KeyId, UserId},
        name::Name,
        permission::Permissions,
        quota::Counter,
        scope::Scope,
        timestamp::Timestamp,
        usage::RecentUsage,
    },
};

/// An API key. Its id, account, environment and creator never change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    pub id: KeyId,
    /// The account that owns the key. The key stays valid if the member who created it is removed.
    pub account_id: AccountId,
    pub name: Name,
    /// The API calls this the key's type.
    #[serde(rename = "type")]
    pub environment: Environment,
    pub permissions: Permissions,
    pub scope: Scope,
    /// The addresses from which the key may be used. Always set together with [`restrictions`](Self::restrictions).
    #[serde(default, skip_serializing_if = "AllowedIps::is_any")]
    pub allowed_ips: AllowedIps,
    /// Who disabled the key, or `None` if it is not disabled. Always set together with [`restrictions`](Self::restrictions).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_by: Option<DisabledBy>,
    /// When the key was last enabled, or `None` if it never was disabled or idle and enabled again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled_at: Option<Timestamp>,
    /// The beginning and the end of the current token, such as `mt_live_…x7Qd`.
    pub hint: String,
    pub created_at: Timestamp,
    /// Who created the key, or `None` if it was created before this was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<Creator>,
    /// The member who created the key, or the first one in the chain of keys that created it. `None` if it was created before
    /// this was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub originating_member: Option<UserId>,
    /// The number of changes of the key. A rotation, a revocation and a use are not changes. A write that depends on the
    /// key's permissions, scope, expiry or restrictions checks that the revision is the same.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u32,
    /// The account's [`key_epoch`](crate::model::account::Account::key_epoch) when the key was created.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub epoch: u32,
    /// `None` if the key never expires.
    pub expires_at: Option<Timestamp>,
    /// The last recorded use, or `None` if no use was recorded.
    pub last_used_at: Option<Timestamp>,
    /// The address of the last recorded use, or `None` if it is unknown. Always written together with
    /// [`last_used_at`](Self::last_used_at).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_ip: Option<IpAddr>,
    /// The use of the key's quota, or `None` if the key was never used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<Counter>,
    /// The usage of the last two days on which the key was used, or `None` if it was not used since this is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<RecentUsage>,
    /// The names of the key's restrictions.
    #[serde(default, skip_serializing_if = "Restrictions::is_empty")]
    pub restrictions: Restrictions,
    pub state: KeyState,
    /// What is known about the secret that the last rotation replaced, or `None` if the key was not rotated since this is
    /// recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_secret: Option<ReplacedSecret>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(revision: &u32) -> bool {
    *revision == 0
}

/// Who disabled a key, which decides who may enable it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisabledBy {
    /// A session with `admin`. Only such a session may enable the key.
    AdminSession,
    /// Another session, or an API key.
    Other,
}

/// The status of an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyStatus {
    /// The key can be used.
    Active,
    /// The key can't be used, because its `expires_at` has passed.
    Expired,
    /// The key can't be used until it is enabled.
    Disabled,
    /// The key was not used for as many days as the account's policy allows. It can't be used until an admin enables it in a
    /// session.
    Idle,
    /// The key was revoked and can never be used again.
    Revoked,
}

impl KeyStatus {
    pub const ALL: [Self; 5] = [Self::Active, Self::Expired, Self::Disabled, Self::Idle, Self::Revoked];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Disabled => "disabled",
            Self::Idle => "idle",
            Self::Revoked => "revoked",
        }
    }
}

/// What a key may do, with which data, and from which addresses.
#[derive(Debug, Clone, Copy)]
pub struct KeyAccess<'a> {
    pub environment: Environment,
    pub permissions: Permissions,
    pub scope: &'a Scope,
    pub allowed_ips: &'a AllowedIps,
}

/// The secrets of a key. A revoked key has none, so no token can match it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum KeyState {
    /// Not revoked. The key may still have expired.
    Active {
        /// The digest of the token that was issued last.
        current: TokenDigest,
        /// The secret that the last rotation replaced, if there was a grace period.
        previous: Option<PreviousSecret>,
        /// The number of rotations of the key.
        generation: u32,
    },
    /// Revoked for good.
    Revoked,
}

impl KeyState {
    /// Returns the current digest and the previous secret, if the key has them.
    pub(crate) fn secrets(&self) -> (Option<&TokenDigest>, Option<&PreviousSecret>) {
        match self {
            Self::Active { current, previous, .. } => (Some(current), previous.as_ref()),
            Self::Revoked => (None, None),
        }
    }
}

/// A secret that a rotation replaced. It stays valid during the grace period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousSecret {
    pub digest: TokenDigest,
    /// The end of the grace period. The secret is invalid from this time on.
    pub ends_at: Timestamp,
}

/// What is known about a secret that a rotation replaced.
///
/// It is not a part of [`KeyState`], because writes compare the whole state with the one that they read. So a use of the
/// previous secret does not make a concurrent rotation fail, and the previous version of the service, which does not know these
/// fields, can still rotate the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplacedSecret {
    /// How many secrets the key had before this one. If this is not the generation of the previous secret, the entry is about
    /// an earlier secret.
    pub generation: u32,
    /// When the rotation replaced the secret, or `None` if that was not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_at: Option<Timestamp>,
    /// The last recorded use after the rotation, or `None` if no such use was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

/// A previous secret that is still valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidPreviousSecret {
    /// When the rotation replaced the secret, or `None` if that was not recorded.
    pub replaced_at: Option<Timestamp>,
    /// When the secret becomes invalid: the end of the grace period, or the key's expiry if that is earlier.
    pub ends_at: Timestamp,
    /// The last recorded use after the rotation, or `None` if no such use was recorded.
    pub last_used_at: Option<Timestamp>,
}

/// The reason why a key cannot be rotated or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotChangeable {
    Expired,
    Revoked,
    /// A disabled key can be changed, but not rotated.
    Disabled,
    /// An idle key can only be enabled.
    Idle,
    /// The key has a restriction that this version does not know, so it may be one that forbids the change.
    Restricted,
}

impl NotChangeable {
    /// Returns the message for the caller.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Expired => "The key has expired",
            Self::Revoked => "The key was revoked",
            Self::Disabled => "The key is disabled",
            Self::Idle => {
                "The key is idle. Set `disabled` to false in a session with `admin` first, to enable it"
            }
            Self::Restricted => "The key has a restriction that this version of the service does not support",
        }
    }
}

impl ApiKey {
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| now >= expires_at)
    }

    /// Returns true if the key was not used, and not created or enabled either, for as many days as the account's `policy` allows.
    /// A key in any other state can be idle, too.
    #[must_use]
    pub fn is_idle(&self, policy: &AccountPolicy, now: Timestamp) -> bool {
        policy.idle_keys.is_some_and(|rule| {
            let last_active = Some(self.created_at).max(self.last_used_at).max(self.enabled_at);
            last_active.is_some_and(|last_active| rule.is_idle(last_active, now))
        })
    }

    /// Returns the status at the time `now`: the first that applies of revoked, expired, disabled, idle and active. `policy` is
    /// the account's.
    #[must_use]
    pub fn status(&self, policy: &AccountPolicy, now: Timestamp) -> KeyStatus {
        if self.is_revoked() {
            KeyStatus::Revoked
        } else if self.has_expired(now) {
            KeyStatus::Expired
        } else if self.disabled_by.is_some() {
            KeyStatus::Disabled
        } else if self.is_idle(policy, now) {
            KeyStatus::Idle
        } else {
            KeyStatus::Active
        }
    }

    #[must_use]
    pub fn access(&self) -> KeyAccess<'_> {
        let Self { environment, permissions, scope, allowed_ips, .. } = self;
        KeyAccess { environment: *environment, permissions: *permissions, scope, allowed_ips }
    }

    /// Sets the names of the restrictions that the other fields of the key describe.
    #[must_use]
    pub fn with_restriction_names(self) -> Self {
        Self { restrictions: self.enforced_restrictions().into_iter().collect(), ..self }
    }

    /// Returns the restrictions that the other fields of the key describe.
    fn enforced_restrictions(&self) -> Vec<Restriction> {
        let allowed_ips = (!self.allowed_ips.is_any()).then_some(Restriction::AllowedIps);
        let disabled = self.disabled_by.map(|_| Restriction::Disabled);
        allowed_ips.into_iter().chain(disabled).collect()
    }

    /// Returns true if the key has a restriction that this version does not know, or whose details are missing.
    #[must_use]
    pub fn has_unknown_restriction(&self) -> bool {
        !self.restrictions.is_empty() && self.restrictions.has_other_than(&self.enforced_restrictions())
    }

    /// Returns the key as it is while its account is in the epoch `account`. A key of an earlier epoch is revoked.
    #[must_use]
    pub fn in_epoch(self, account: u32) -> Self {
        if self.has_ended_before(account) { Self { state: KeyState::Revoked, ..self } } else { self }
    }

    /// Returns true if the key ended because the account entered the epoch `account`.
    #[must_use]
    pub fn has_ended_before(&self, account: u32) -> bool {
        self.epoch < account
    }

    #[must_use]
    pub fn is_revoked(&self) -> bool {
        matches!(self.state, KeyState::Revoked)
    }

    /// Returns true if the key's secret of this generation is valid at `now`. This is the case for the current secret, and
    /// during the grace period for the previous one.
    #[must_use]
    pub(crate) fn accepts_generation(&self, generation: u32, now: Timestamp) -> bool {
        match &self.state {
            KeyState::Active { generation: current, .. } if generation == *current => true,
            KeyState::Active { previous: Some(previous), generation: current, .. } => {
                generation.saturating_add(1) == *current && now < previous.ends_at
            }
            _ => false,
        }
    }

    /// Checks that the key may be changed at all. Whether it is [idle](Self::is_idle), and so may only be enabled, must be checked
    /// separately.
    ///
    /// # Errors
    /// Returns an error if the key has expired, was revoked, or has a restriction that this version does not know. So a change
    /// never makes an ended key valid again.
    pub fn check_changeable(&self, now: Timestamp) -> Result<(), NotChangeable> {
        if self.is_revoked() {
            Err(NotChangeable::Revoked)
        } else if self.has_expired(now) {
            Err(NotChangeable::Expired)
        } else if self.has_unknown_restriction() {
            Err(NotChangeable::Restricted)
        } else {
            Ok(())
        }
    }

    /// Returns the previous secret if it is valid at `now`. Does not check whether the key is disabled.
    #[must_use]
    pub fn previous_secret(&self, now: Timestamp) -> Option<ValidPreviousSecret> {
        let KeyState::Active { previous: Some(previous), generation: current, .. } = &self.state else {
            return None;
        };
        let generation = current.saturating_sub(1);
        let recorded = self.replaced_secret.filter(|replaced| replaced.generation == generation);
        let secret = ValidPreviousSecret {
            replaced_at: recorded.and_then(|replaced| replaced.replaced_at),
            ends_at: self.expires_at.map_or(previous.ends_at, |expires_at| expires_at.min(previous.ends_at)),
            last_used_at: recorded.and_then(|replaced| replaced.last_used_at),
        };
        (now < secret.ends_at).then_some(secret)
    }

    /// Returns the state with a new digest of `token` that uses the current pepper. Returns `None` if `token` is not one of
    /// the key's secrets, or its digest uses the current pepper already.
    #[must_use]
    pub fn rehashed(&self, token: &str, peppers: &Peppers) -> Option<KeyState> {
        let mut state = self.state.clone();
        let KeyState::Active { current, previous, .. } = &mut state else { return None };
        let digests = iter::once(current).chain(previous.as_mut().map(|previous| &mut previous.digest));
        let digest = digests.into_iter().find(|digest| digest.matches(token, peppers) == Ok(true))?;
        *digest = digest.rehashed(token, peppers)?;
        Some(state)
    }

    /// Returns the key with the secret `new`, and the end of the grace period.
    ///
    /// The current secret becomes the previous one and stays valid for `grace_period` seconds, but not longer than the key
    /// itself. A secret that was replaced by an earlier rotation becomes invalid at once.
    ///
    /// # Errors
    /// Returns an error if the key has expired, was revoked, is disabled, is idle by the account's `policy`, or has a restriction
    /// that this version does not know.
    pub fn rotated(
        &self,
        new: TokenDigest,
        hint: String,
        grace_period: u32,
        policy: &AccountPolicy,
        now: Timestamp,
    ) -> Result<(Self, Timestamp), NotChangeable> {
        self.check_changeable(now)?;
        let KeyState::Active { current, generation, .. } = &self.state else {
            return Err(NotChangeable::Revoked);
        };
        if self.disabled_by.is_some() {
            return Err(NotChangeable::Disabled);
        }
        if self.is_idle(policy, now) {
            return Err(NotChangeable::Idle);
        }
        let requested = now.plus_seconds(grace_period);
        let ends_at = self.expires_at.map_or(requested, |expires_at| requested.min(expires_at));
        let previous = (ends_at > now).then_some(PreviousSecret { digest: current.clone(), ends_at });
        Ok((
            Self {
                hint,
                state: KeyState::Active { current: new, previous, generation: generation + 1 },
                replaced_secret: Some(ReplacedSecret {
                    generation: *generation,
                    replaced_at: Some(now),
                    last_used_at: None,
                }),
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
        model::{account_policy::tests::idle_after, restrictions::tests::restrictions},
        primitives::timestamp::tests::timestamp,
    };

    const DAY: i64 = 86_400;

    pub(crate) fn api_key() -> ApiKey {
        ApiKey {
            id: "key_0000000000000001".parse().unwrap(),
            account_id: "acct_0000000000000001".parse().unwrap(),
            name: "Key".to_owned().try_into().unwrap(),
            environment: Environment::Live,
            permissions: Permissions::ALL,
            scope: Scope::All,
            allowed_ips: AllowedIps::Any,
            disabled_by: None,
            enabled_at: None,
            hint: "mt_live_…abcd".to_owned(),
            created_at: timestamp(0),
            created_by: None,
            originating_member: None,
            revision: 0,
            epoch: 0,
            expires_at: None,
            last_used_at: None,
            last_used_ip: None,
            counter: None,
            usage: None,
            restrictions: Restrictions::NONE,
            state: KeyState::Active { current: digest("one"), previous: None, generation: 0 },
            replaced_secret: None,
        }
    }

    fn digest(token: &str) -> TokenDigest {
        TokenDigest::of(token, &peppers("1"))
    }

    pub(crate) fn rotated(
        key: &ApiKey,
        token: &str,
        grace_period: u32,
        now: i64,
    ) -> Result<(ApiKey, Timestamp), NotChangeable> {
        let policy = AccountPolicy::default();
        key.rotated(digest(token), "mt_live_…efgh".to_owned(), grace_period, &policy, timestamp(now))
    }

    #[test]
    fn second_rotation_invalidates_the_first_secret() {
        let (key, _) = rotated(&api_key(), "two", 100, 10).unwrap();
        let (key, ends_at) = rotated(&key, "three", 100, 20).unwrap();
        let previous = PreviousSecret { digest: digest("two"), ends_at: timestamp(120) };
        assert_eq!(ends_at, timestamp(120));
        assert_eq!(
            key.state,
            KeyState::Active { current: digest("three"), previous: Some(previous), generation: 2 }
        );
    }

    #[test]
    fn rotation_without_grace_period_removes_the_old_secret() {
        let (key, ends_at) = rotated(&api_key(), "two", 0, 10).unwrap();
        assert_eq!(ends_at, timestamp(10));
        assert_eq!(key.state, KeyState::Active { current: digest("two"), previous: None, generation: 1 });
        assert_eq!(key.hint, "mt_live_…efgh");
    }

    #[test]
    fn rotation_of_an_expired_revoked_disabled_or_idle_key_is_rejected() {
        let expired = ApiKey { expires_at: Some(timestamp(10)), ..api_key() };
        let revoked = ApiKey { state: KeyState::Revoked, ..api_key() };
        assert_eq!(rotated(&expired, "two", 1, 10).unwrap_err(), NotChangeable::Expired);
        assert_eq!(rotated(&revoked, "two", 1, 10).unwrap_err(), NotChangeable::Revoked);
        let disabled = ApiKey { disabled_by: Some(DisabledBy::Other), ..api_key() };
        assert_eq!(rotated(&disabled, "two", 1, 10).unwrap_err(), NotChangeable::Disabled);
        let rotated_when_idle =
            api_key().rotated(digest("two"), String::new(), 1, &idle_after(7, 0), timestamp(7 * DAY));
        assert_eq!(rotated_when_idle.unwrap_err(), NotChangeable::Idle);
    }

    #[test]
    fn rotation_of_a_key_with_an_unknown_restriction_is_rejected() {
        let restricted = ApiKey { restrictions: restrictions(&["unknown"]), ..api_key() };
        assert_eq!(rotated(&restricted, "two", 1, 10).unwrap_err(), NotChangeable::Restricted);
    }

    #[test]
    fn key_is_idle_when_the_days_have_passed_since_its_creation_last_use_and_enabling() {
        let at = |day| Some(timestamp(day * DAY));
        let created = ApiKey { created_at: timestamp(DAY), ..api_key() };
        for (key, idle_on) in [
            (created.clone(), 8),
            (ApiKey { last_used_at: at(3), ..created.clone() }, 10),
            (ApiKey { enabled_at: at(4), ..created.clone() }, 11),
            (ApiKey { last_used_at: at(5), enabled_at: at(4), ..created.clone() }, 12),
            (ApiKey { last_used_at: at(4), enabled_at: at(5), ..created }, 12),
        ] {
            let is_idle = |policy, now| key.is_idle(&policy, timestamp(now));
            assert!(!is_idle(idle_after(7, 0), idle_on * DAY - 1), "{key:?}");
            assert!(is_idle(idle_after(7, 0), idle_on * DAY), "{key:?}");
            assert!(!is_idle(idle_after(7, 6 * DAY), 13 * DAY - 1), "{key:?}");
            assert!(is_idle(idle_after(7, 6 * DAY), 13 * DAY), "{key:?}");
            assert!(!is_idle(AccountPolicy::default(), 10_000 * DAY), "{key:?}");
        }
    }

    #[test]
    fn status_names_are_those_of_responses() {
        for status in KeyStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }

    #[test]
    fn rehash_changes_only_the_digest_of_the_presented_secret() {
        let (key, _) = rotated(&api_key(), "two", 100, 10).unwrap();
        let newer = Peppers::new(pepper("2"), Some(pepper("1")));
        let KeyState::Active { current, previous: Some(previous), generation } = key.state.clone() else {
            panic!("the key was rotated")
        };
        let rehashed = |token| TokenDigest::of(token, &newer);
        let previous_rehashed = PreviousSecret { digest: rehashed("one"), ..previous.clone() };
        for (token, state) in [
            (
                "two",
                Some(KeyState::Active { current: rehashed("two"), previous: Some(previous), generation }),
            ),
            ("one", Some(KeyState::Active { current, previous: Some(previous_rehashed), generation })),
            ("three", None),
        ] {
            assert_eq!(key.rehashed(token, &newer), state, "{token}");
            assert_eq!(key.rehashed(token, &peppers("1")), None, "{token}");
        }
        assert_eq!(ApiKey { state: KeyState::Revoked, ..key }.rehashed("two", &newer), None);
    }

    #[test]
    fn not_changeable_message_names_the_reason() {
        assert_eq!(NotChangeable::Expired.message(), "The key has expired");
        assert_eq!(NotChangeable::Revoked.message(), "The key was revoked");
        assert_eq!(NotChangeable::Disabled.message(), "The key is disabled");
        let message =
            "The key is idle. Set `disabled` to false in a session with `admin` first, to enable it";
        assert_eq!(NotChangeable::Idle.message(), message);
        let message = "The key has a restriction that this version of the service does not support";
        assert_eq!(NotChangeable::Restricted.message(), message);
    }

    proptest! {
        #[test]
        fn grace_period_never_ends_after_the_key_expires(grace_period in 0..604_801_u32, expires_at in 11..1_000_000_i64) {
            let key = ApiKey { expires_at: Some(timestamp(expires_at)), ..api_key() };
            let (_, ends_at) = rotated(&key, "two", grace_period, 10).unwrap();
            prop_assert_eq!(ends_at, timestamp(expires_at.min(10 + i64::from(grace_period))));
        }
    }
}
