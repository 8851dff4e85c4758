//! Members: the people who belong to an account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    model::restrictions::Restrictions,
    primitives::{
        email::EmailAddress,
        id::{AccountId, UserId},
        permission::{Permission, Permissions},
        timestamp::Timestamp,
    },
};

/// A member. The password is stored separately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub id: UserId,
    pub account_id: AccountId,
    /// The address that the member logs in with.
    pub email: EmailAddress,
    pub permissions: Permissions,
    pub status: MemberStatus,
    pub created_at: Timestamp,
    /// The epoch of the member's valid sessions. Incrementing it ends all existing sessions in one write.
    pub session_epoch: u32,
    /// The restrictions of the member's sessions.
    #[serde(default, skip_serializing_if = "Restrictions::is_empty")]
    pub restrictions: Restrictions,
}

/// The status of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MemberStatus {
    /// The member may log in.
    Active,
    /// The member can't log in, and their sessions have ended.
    Suspended,
}

impl Member {
    /// Returns true if the member is active and has `admin`. An account always keeps at least one such member.
    #[must_use]
    pub fn is_active_admin(&self) -> bool {
        self.is_active() && self.permissions.contains(Permission::Admin)
    }

    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == MemberStatus::Active
    }

    /// Returns true if the member's sessions of `epoch` are valid, as far as the member decides.
    #[must_use]
    pub fn accepts_session_epoch(&self, epoch: u32) -> bool {
        self.is_active() && self.session_epoch == epoch
    }

    /// Returns the member with these permissions and this status. A suspension ends all sessions for good: they stay ended
    /// when the suspension ends.
    #[must_use]
    pub fn changed(&self, permissions: Permissions, status: MemberStatus) -> Self {
        let is_suspended_now = self.is_active() && status == MemberStatus::Suspended;
        let session_epoch = self.session_epoch + u32::from(is_suspended_now);
        Self { permissions, status, session_epoch, ..self.clone() }
    }

    /// Returns the permissions that the change from `before` to this member grants, or `None` if it grants none. Ending a
    /// suspension grants all of the member's permissions.
    pub(crate) fn permissions_gained_since(&self, before: &Self) -> Option<Permissions> {
        if self.is_active() && !before.is_active() {
            Some(self.permissions)
        } else {
            self.permissions.without(before.permissions)
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;
    use crate::primitives::{permission::tests::any_permissions, timestamp::tests::timestamp};

    const STATUSES: [MemberStatus; 2] = [MemberStatus::Active, MemberStatus::Suspended];

    pub(crate) fn any_member() -> impl Strategy<Value = Member> {
        (any_permissions(), select(&STATUSES[..]), 0..3_u32).prop_map(
            |(permissions, status, session_epoch)| Member {
                id: "user_0000000000000001".parse().unwrap(),
                account_id: "acct_0000000000000001".parse().unwrap(),
                email: "user@example.com".to_owned().try_into().unwrap(),
                permissions,
                status,
                created_at: timestamp(0),
                session_epoch,
                restrictions: Restrictions::NONE,
            },
        )
    }

    proptest! {
        #[test]
        fn only_active_member_is_an_admin_and_accepts_sessions(member in any_member(), epoch in 0..3_u32) {
            let is_active = member.status == MemberStatus::Active;
            prop_assert_eq!(member.is_active(), is_active);
            let is_admin = member.permissions.contains(Permission::Admin);
            prop_assert_eq!(member.is_active_admin(), is_active && is_admin);
            prop_assert_eq!(member.accepts_session_epoch(epoch), is_active && member.session_epoch == epoch);
        }

        #[test]
        fn only_suspension_ends_the_sessions(
            member in any_member(),
            permissions in any_permissions(),
            status in select(&STATUSES[..]),
        ) {
            let changed = member.changed(permissions, status);
            let suspended = member.is_active() && status == MemberStatus::Suspended;
            let session_epoch = if suspended { member.session_epoch + 1 } else { member.session_epoch };
            prop_assert_eq!(changed, Member { permissions, status, session_epoch, ..member });
        }

        #[test]
        fn gained_permissions_include_all_newly_usable_and_no_already_usable_ones(before in any_member(), after in any_member()) {
            let can = |member: &Member, permission| member.is_active() && member.permissions.contains(permission);
            for permission in Permission::ALL {
                let gained = after.permissions_gained_since(&before).is_some_and(|gained| gained.contains(permission));
                if can(&after, permission) && !can(&before, permission) {
                    prop_assert!(gained);
                }
                // A permission granted to a suspended member counts as gained, although it cannot be used yet.
                if !after.permissions.contains(permission) || (before.is_active() && before.permissions.contains(permission)) {
                    prop_assert!(!gained);
                }
            }
        }
    }
}
