//! Accounts. An account owns members, keys and projects.

use serde::{Deserialize, Serialize};

use crate::{
    model::restrictions::Restrictions,
    primitives::{id::AccountId, name::Name, quota::Quotas, timestamp::Timestamp},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// The restrictions of all credentials of the account.
    #[serde(default, skip_serializing_if = "Restrictions::is_empty")]
    pub restrictions: Restrictions,
}

/// The part of an account that the authorizer needs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AccountSummary {
    pub status: AccountStatus,
    /// The quotas of the account's keys, or `None` for the default quotas.
    pub quotas: Option<Quotas>,
    /// The restrictions of all credentials of the account.
    #[serde(default)]
    pub restrictions: Restrictions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    Active,
    /// No credential of the account is authorized until an operator restores it.
    Suspended,
}
