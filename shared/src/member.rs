//! Members: the people of an account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    email::EmailAddress,
    id::{AccountId, Named, UserId},
    permission::{Permission, Permissions},
    timestamp::Timestamp,
};

/// A member, as the table holds it, without the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Their id.
    pub id: UserId,
    /// Their account.
    pub account_id: AccountId,
    /// The address they log in with.
    pub email: EmailAddress,
    /// What they may do.
    pub permissions: Permissions,
    /// Whether they may log in.
    pub status: MemberStatus,
    /// When they were made a member.
    pub created_at: Timestamp,
    /// Which of their sessions count: those of this epoch. A step ends all earlier ones at once, however
    /// many there are.
    pub session_epoch: u32,
}

/// Whether a member may log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MemberStatus {
    /// They may.
    Active,
    /// They may not, and their sessions have ended.
    Suspended,
}

impl Named for Member {
    const PREFIX: &'static str = "user_";
}

impl Member {
    /// Whether they are one of those of whom an account keeps at least one.
    #[must_use]
    pub fn is_active_admin(&self) -> bool {
        self.is_active() && self.permissions.contains(Permission::Admin)
    }

    /// Whether they may log in.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == MemberStatus::Active
    }

    /// Whether their sessions of `epoch` count.
    #[must_use]
    pub fn has_session_of(&self, epoch: u32) -> bool {
        self.is_active() && self.session_epoch == epoch
    }

    /// The member after a change. A suspension ends their sessions for good: they don't come back with
    /// the member.
    #[must_use]
    pub fn changed(&self, permissions: Permissions, status: MemberStatus) -> Self {
        let suspended = self.is_active() && status == MemberStatus::Suspended;
        let session_epoch = self.session_epoch + u32::from(suspended);
        Self { permissions, status, session_epoch, ..self.clone() }
    }

    /// What this member can do that `before`, the same member earlier, could not.
    pub(crate) fn gained_since(&self, before: &Self) -> Option<Permissions> {
        if self.is_active() && !before.is_active() {
            Some(self.permissions)
        } else {
            self.permissions.without(before.permissions)
        }
    }
}

/// A member as answers show them.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Member")]
pub struct MemberView {
    id: UserId,
    email: EmailAddress,
    permissions: Permissions,
    status: MemberStatus,
    created_at: Timestamp,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        let Member { id, email, permissions, status, created_at, .. } = member;
        Self { id, email, permissions, status, created_at }
    }
}
