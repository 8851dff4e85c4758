//! Accounts: who owns the members, keys and projects.

use serde::{Deserialize, Serialize};

use crate::primitives::{id::AccountId, name::Name, quota::Quotas, timestamp::Timestamp};

/// An account, as the table holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: Name,
    /// Whether its credentials are let in.
    pub status: AccountStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// How many of its members are active and have `admin`. Counted here, so that one condition can keep
    /// the last of them.
    pub active_admins: u32,
    /// The quotas of its keys, where they are not the usual ones.
    pub quotas: Option<Quotas>,
}

/// What the authorizer needs to know of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct AccountSummary {
    /// Whether its credentials are let in.
    pub status: AccountStatus,
    /// The quotas of its keys, where they are not the usual ones.
    pub quotas: Option<Quotas>,
}

/// Whether an account's credentials are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    /// They are.
    Active,
    /// They are not, until an operator restores the account.
    Suspended,
}
