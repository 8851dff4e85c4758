//! Accounts. An account owns members, keys and projects.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    model::{
        account_policy::{
            AccountPolicy, IdleKeyRule, MaxKeyLifetimeDays, PolicyChange, ReauthenticationMinutes,
        },
        restrictions::{Restriction, Restrictions},
    },
    primitives::{environment::Environment, id::AccountId, name::Name, quota::Quotas, timestamp::Timestamp},
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub id: AccountId,
    pub name: Name,
    pub status: AccountStatus,
    pub created_at: Timestamp,
    /// The number of active members with `admin`. It is stored with the account, so that a condition of a write can ensure
    /// that at least one remains.
    pub active_admins: u32,
    /// The quotas of the account's keys, or `None` for the default quotas.
    pub quotas: Option<Quotas>,
    /// The limits on the numbers of keys and sessions.
    #[serde(default, skip_serializing_if = "AccountLimits::are_defaults")]
    pub limits: AccountLimits,
    /// The number of changes of the name, the limits and the policy. A write that relies on them compares it with the one that was
    /// read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u32,
    /// The epoch of the account's valid sessions. Incrementing it ends all existing sessions in one write.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub session_epoch: u32,
    /// The epoch of the account's valid API keys. Incrementing it ends all existing keys in one write. Unless it is 0, the account has
    /// the restriction [`Restriction::KeyEpoch`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub key_epoch: u32,
    /// When the erasure of the account began, which cannot be undone. Such an account is suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// The rules for the account's keys.
    #[serde(flatten)]
    pub policy: AccountPolicy,
    /// The restrictions of all credentials of the account.
    #[serde(default, skip_serializing_if = "Restrictions::is_empty")]
    pub restrictions: Restrictions,
}

/// Limits on the numbers of an account's keys and sessions. `None` is the default limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountLimits {
    /// The maximum numbers of unrevoked keys.
    #[serde(default)]
    pub keys: KeyLimits,
    /// The maximum number of sessions of each member.
    #[serde(default)]
    pub sessions_per_member: Option<NonZeroU32>,
}

/// The maximum numbers of unrevoked keys, by type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyLimits {
    /// The maximum number of live keys. Null means the default limit.
    #[serde(default)]
    pub live: Option<u32>,
    /// The maximum number of test keys. Null means the default limit.
    #[serde(default)]
    pub test: Option<u32>,
}

/// The maximum numbers of unrevoked API keys of an account, by type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeysPerAccount {
    /// The maximum number of live keys.
    pub live: u32,
    /// The maximum number of test keys.
    pub test: u32,
}

impl KeysPerAccount {
    #[must_use]
    pub fn of(self, environment: Environment) -> u32 {
        match environment {
            Environment::Live => self.live,
            Environment::Test => self.test,
        }
    }
}

impl KeyLimits {
    /// Returns the limits of an account, where `default` applies if it has none of its own.
    #[must_use]
    pub fn or(self, default: KeysPerAccount) -> KeysPerAccount {
        KeysPerAccount { live: self.live.unwrap_or(default.live), test: self.test.unwrap_or(default.test) }
    }
}

impl AccountLimits {
    fn are_defaults(&self) -> bool {
        *self == Self::default()
    }
}

/// The new values of the fields that change. A field that is `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct AccountChange {
    pub name: Option<Name>,
    pub policy: PolicyChange,
}

impl Account {
    /// Returns a new account without members.
    #[must_use]
    pub fn new(id: AccountId, name: Name, created_at: Timestamp) -> Self {
        Self {
            id,
            name,
            status: AccountStatus::Active,
            created_at,
            active_admins: 0,
            quotas: None,
            limits: AccountLimits::default(),
            revision: 0,
            session_epoch: 0,
            key_epoch: 0,
            deleted_at: None,
            policy: AccountPolicy::default(),
            restrictions: Restrictions::NONE,
        }
    }

    /// Returns the account after a change at `now`.
    #[must_use]
    pub fn changed(&self, change: AccountChange, now: Timestamp) -> Self {
        let policy = self.policy.changed(change.policy, now);
        let changed = Self {
            name: change.name.unwrap_or_else(|| self.name.clone()),
            policy,
            restrictions: enforced_restrictions(policy, self.key_epoch).into_iter().collect(),
            ..self.clone()
        };
        let is_changed = changed != *self;
        Self { revision: self.revision + u32::from(is_changed), ..changed }
    }

    /// Returns true if the account has a restriction that this version does not know, or whose details are missing.
    #[must_use]
    pub fn has_unknown_restriction(&self) -> bool {
        !self.restrictions.is_empty()
            && self.restrictions.has_other_than(&enforced_restrictions(self.policy, self.key_epoch))
    }
}

/// Returns the restrictions that the other fields of an account describe.
fn enforced_restrictions(policy: AccountPolicy, key_epoch: u32) -> Vec<Restriction> {
    let mut restrictions = policy.enforced_restrictions();
    restrictions.extend((key_epoch > 0).then_some(Restriction::KeyEpoch));
    restrictions
}

/// The part of an account that the authorizer needs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AccountSummary {
    pub status: AccountStatus,
    /// The quotas of the account's keys, or `None` for the default quotas.
    pub quotas: Option<Quotas>,
    /// See [`Account::session_epoch`].
    #[serde(default)]
    pub session_epoch: u32,
    /// See [`Account::key_epoch`].
    #[serde(default)]
    pub key_epoch: u32,
    /// See [`AccountPolicy`]. These are four fields, because serde buffers an item with flattened fields, and each request waits for
    /// this one.
    #[serde(default)]
    pub max_key_lifetime_days: Option<MaxKeyLifetimeDays>,
    #[serde(default)]
    pub idle_keys: Option<IdleKeyRule>,
    #[serde(default)]
    pub require_second_factor: bool,
    #[serde(default)]
    pub reauthentication_minutes: Option<ReauthenticationMinutes>,
    /// The restrictions of all credentials of the account.
    #[serde(default)]
    pub restrictions: Restrictions,
}

impl AccountSummary {
    /// Returns the rules for the account's keys.
    #[must_use]
    pub fn policy(&self) -> AccountPolicy {
        AccountPolicy {
            require_second_factor: self.require_second_factor,
            reauthentication_minutes: self.reauthentication_minutes,
            max_key_lifetime_days: self.max_key_lifetime_days,
            idle_keys: self.idle_keys,
        }
    }

    /// Returns true if the account has a restriction that this version does not know, or whose details are missing.
    #[must_use]
    pub fn has_unknown_restriction(&self) -> bool {
        !self.restrictions.is_empty()
            && self.restrictions.has_other_than(&enforced_restrictions(self.policy(), self.key_epoch))
    }
}

/// The status of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    /// The account can be used.
    Active,
    /// No credential of the account is authorized until an operator restores it. The suspension ended all sessions for good.
    Suspended,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
