//! Members: the people of an account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::primitives::{
    email::EmailAddress,
    id::{AccountId, UserId},
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
    pub fn accepts_session_epoch(&self, epoch: u32) -> bool {
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
            },
        )
    }

    proptest! {
        #[test]
        fn only_who_is_active_is_an_admin_and_has_sessions(member in any_member(), epoch in 0..3_u32) {
            let is_active = member.status == MemberStatus::Active;
            prop_assert_eq!(member.is_active(), is_active);
            let is_admin = member.permissions.contains(Permission::Admin);
            prop_assert_eq!(member.is_active_admin(), is_active && is_admin);
            prop_assert_eq!(member.accepts_session_epoch(epoch), is_active && member.session_epoch == epoch);
        }

        #[test]
        fn a_suspension_alone_ends_the_sessions(
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
        fn what_is_gained_is_what_they_can_do_now_and_could_not(before in any_member(), after in any_member()) {
            let can = |member: &Member, permission| member.is_active() && member.permissions.contains(permission);
            for permission in Permission::ALL {
                let gained = after.permissions_gained_since(&before).is_some_and(|gained| gained.contains(permission));
                if can(&after, permission) && !can(&before, permission) {
                    prop_assert!(gained);
                }
                // What a suspended member has is gained already, though it can be used only later.
                if !after.permissions.contains(permission) || (before.is_active() && before.permissions.contains(permission)) {
                    prop_assert!(!gained);
                }
            }
        }
    }
}
