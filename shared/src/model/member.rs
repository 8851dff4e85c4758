//! Members: the people who belong to an account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    model::{
        account::{Account, AccountStatus},
        invitation::Invitation,
        restrictions::{Restriction, Restrictions},
    },
    primitives::{
        email::EmailAddress,
        id::{AccountId, UserId},
        permission::{Permission, Permissions},
        timestamp::Timestamp,
    },
};

/// A member. The password is stored separately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredMember", into = "StoredMember")]
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
    /// Whether the member has accepted an invitation, or was created before there were invitations. Others have no password.
    pub has_accepted: bool,
    /// The invitation that the member can accept, if there is one. It may have expired.
    pub invitation: Option<Invitation>,
    /// The number of the member's passkeys. It is stored with the member, so that one conditional write changes it together with
    /// [`Restriction::Passkeys`].
    pub passkeys: u32,
    /// The restrictions of the member's sessions.
    pub restrictions: Restrictions,
}

/// A member as stored. The previous version of the service knows no invitations. It treats a member who has not accepted one as
/// suspended.
#[derive(Serialize, Deserialize)]
struct StoredMember {
    id: UserId,
    account_id: AccountId,
    email: EmailAddress,
    permissions: Permissions,
    status: MemberStatus,
    created_at: Timestamp,
    session_epoch: u32,
    /// Set for a member who has not accepted an invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unaccepted: Option<MemberStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    invitation: Option<Invitation>,
    #[serde(default, skip_serializing_if = "is_zero")]
    passkeys: u32,
    #[serde(default, skip_serializing_if = "Restrictions::is_empty")]
    restrictions: Restrictions,
}

impl From<StoredMember> for Member {
    fn from(stored: StoredMember) -> Self {
        Self {
            id: stored.id,
            account_id: stored.account_id,
            email: stored.email,
            permissions: stored.permissions,
            status: stored.unaccepted.unwrap_or(stored.status),
            created_at: stored.created_at,
            session_epoch: stored.session_epoch,
            has_accepted: stored.unaccepted.is_none(),
            invitation: stored.invitation,
            passkeys: stored.passkeys,
            restrictions: stored.restrictions,
        }
    }
}

impl From<Member> for StoredMember {
    fn from(member: Member) -> Self {
        Self {
            status: member.stored_status(),
            unaccepted: member.unaccepted(),
            id: member.id,
            account_id: member.account_id,
            email: member.email,
            permissions: member.permissions,
            created_at: member.created_at,
            session_epoch: member.session_epoch,
            invitation: member.invitation,
            passkeys: member.passkeys,
            restrictions: member.restrictions,
        }
    }
}

/// The status of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MemberStatus {
    /// The member has not accepted the invitation yet, and can't log in.
    Invited,
    /// The member may log in.
    Active,
    /// The member can't log in, and their sessions have ended.
    Suspended,
}

impl Member {
    /// Returns a new member who has not accepted an invitation.
    #[must_use]
    pub fn invited(
        id: UserId,
        account_id: AccountId,
        email: EmailAddress,
        permissions: Permissions,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            account_id,
            email,
            permissions,
            status: MemberStatus::Invited,
            created_at,
            session_epoch: 0,
            has_accepted: false,
            invitation: None,
            passkeys: 0,
            restrictions: Restrictions::NONE,
        }
    }

    /// Returns true if the member is active and has `admin`. An account always keeps at least one such member.
    #[must_use]
    pub fn is_active_admin(&self) -> bool {
        self.is_active() && self.permissions.contains(Permission::Admin)
    }

    /// Returns true if the member is active and has all four permissions, and so can give every permission to any member. An account
    /// always keeps at least one such member.
    #[must_use]
    pub fn is_active_with_all_permissions(&self) -> bool {
        self.is_active() && self.permissions.contains_all(Permissions::ALL)
    }

    /// Returns the status that is stored where the previous version of the service reads it.
    #[must_use]
    pub fn stored_status(&self) -> MemberStatus {
        if self.has_accepted { self.status } else { MemberStatus::Suspended }
    }

    /// Returns the status if the member has not accepted an invitation.
    #[must_use]
    pub fn unaccepted(&self) -> Option<MemberStatus> {
        (!self.has_accepted).then_some(self.status)
    }

    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == MemberStatus::Active
    }

    /// Returns true if the password alone does not log the member in.
    #[must_use]
    pub fn has_passkeys(&self) -> bool {
        self.passkeys > 0
    }

    /// Returns true if the member has a restriction that this version does not know, or whose details are missing.
    #[must_use]
    pub fn has_unknown_restriction(&self) -> bool {
        self.restrictions.has_other_than(if self.has_passkeys() { &[Restriction::Passkeys] } else { &[] })
    }

    /// Returns true if the member of `account` may log in with the right credentials. A restriction that this version does not know
    /// may forbid it.
    #[must_use]
    pub fn may_log_in(&self, account: &Account) -> bool {
        self.is_active()
            && account.status == AccountStatus::Active
            && !account.has_unknown_restriction()
            && !self.has_unknown_restriction()
    }

    /// Returns true if the member's sessions of `epoch` are valid, as far as the member decides.
    #[must_use]
    pub fn accepts_session_epoch(&self, epoch: u32) -> bool {
        self.is_active() && self.session_epoch == epoch
    }

    /// Returns the member with these permissions, suspended or not. A suspension ends all sessions for good: they stay ended when the
    /// suspension ends. A suspension and a gain of a permission end the invitation, also for an acceptance that is in progress.
    #[must_use]
    pub fn changed(&self, permissions: Permissions, suspended: bool) -> Self {
        let is_suspended_now = suspended && self.status != MemberStatus::Suspended;
        let status = match (suspended, self.has_accepted) {
            (true, _) => MemberStatus::Suspended,
            (false, true) => MemberStatus::Active,
            (false, false) => MemberStatus::Invited,
        };
        let mut changed = Self { permissions, status, ..self.clone() };
        let ends_invitation = changed.ends_invitation_of(self);
        if ends_invitation {
            changed.invitation = None;
        }
        changed.session_epoch += u32::from(is_suspended_now || ends_invitation);
        changed
    }

    /// Returns true if the change from `before` to this member ends the invitation for good: a suspension, or a gain of a permission.
    /// Whoever made the invitation may know its token and lack that permission.
    pub(crate) fn ends_invitation_of(&self, before: &Self) -> bool {
        // A suspension has ended it already, and a suspended member can't be invited.
        !self.has_accepted
            && !before.is_suspended()
            && (self.is_suspended() || self.permissions.without(before.permissions).is_some())
    }

    /// Returns the member after accepting the invitation.
    #[must_use]
    pub fn accepted(&self) -> Self {
        Self { status: MemberStatus::Active, has_accepted: true, invitation: None, ..self.clone() }
    }

    /// Returns the permissions that the change from `before` to this member grants, or `None` if it grants none. Ending a
    /// suspension grants all of the member's permissions.
    pub(crate) fn permissions_gained_since(&self, before: &Self) -> Option<Permissions> {
        if before.is_suspended() && !self.is_suspended() {
            Some(self.permissions)
        } else {
            self.permissions.without(before.permissions)
        }
    }

    /// Returns true if the change from `before` to this member takes a permission or suspends the member.
    pub(crate) fn loses_access_since(&self, before: &Self) -> bool {
        (self.is_suspended() && !before.is_suspended())
            || before.permissions.without(self.permissions).is_some()
    }

    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.status == MemberStatus::Suspended
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::{prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner};

    use super::*;
    use crate::primitives::{permission::tests::any_permissions, timestamp::tests::timestamp};

    const STATUSES: [(MemberStatus, bool); 4] = [
        (MemberStatus::Active, true),
        (MemberStatus::Suspended, true),
        (MemberStatus::Invited, false),
        (MemberStatus::Suspended, false),
    ];

    pub(crate) fn any_member() -> impl Strategy<Value = Member> {
        (any_permissions(), select(&STATUSES[..]), 0..3_u32).prop_map(
            |(permissions, (status, has_accepted), session_epoch)| Member {
                id: "user_0000000000000001".parse().unwrap(),
                account_id: "acct_0000000000000001".parse().unwrap(),
                email: "user@example.com".to_owned().try_into().unwrap(),
                permissions,
                status,
                created_at: timestamp(0),
                session_epoch,
                has_accepted,
                invitation: None,
                passkeys: 0,
                restrictions: Restrictions::NONE,
            },
        )
    }

    #[test]
    fn restriction_for_passkeys_is_known_only_together_with_their_number() {
        let member = |passkeys, restrictions: &[Restriction]| Member {
            passkeys,
            restrictions: restrictions.iter().copied().collect(),
            ..any_member().new_tree(&mut TestRunner::deterministic()).unwrap().current()
        };
        assert!(!member(0, &[]).has_unknown_restriction());
        assert!(!member(1, &[Restriction::Passkeys]).has_unknown_restriction());
        assert!(member(0, &[Restriction::Passkeys]).has_unknown_restriction());
        assert!(member(1, &[Restriction::Passkeys, Restriction::Disabled]).has_unknown_restriction());
        assert!(member(1, &[]).has_passkeys());
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
        fn only_suspension_and_the_end_of_an_invitation_start_an_epoch(
            member in any_member(),
            permissions in any_permissions(),
            suspended: bool,
        ) {
            let changed = member.changed(permissions, suspended);
            prop_assert_eq!(changed.is_suspended(), suspended);
            let gains = !member.is_suspended() && permissions.without(member.permissions).is_some();
            let ends = (suspended && !member.is_suspended()) || (!member.has_accepted && gains);
            prop_assert_eq!(changed.session_epoch, member.session_epoch + u32::from(ends));
            let unchanged = member.changed(member.permissions, member.is_suspended());
            prop_assert_eq!(unchanged, member.clone());
            // Nobody becomes active who has no password.
            prop_assert_eq!(changed.is_active(), !suspended && member.has_accepted);
        }

        #[test]
        fn member_is_stored_and_read_unchanged_and_the_previous_version_sees_no_active_member_without_password(
            member in any_member(),
        ) {
            let stored = serde_json::to_value(&member).unwrap();
            let is_active = stored["status"] == "active";
            prop_assert_eq!(is_active, member.is_active());
            prop_assert!(is_active || stored["status"] == "suspended");
            prop_assert_eq!(serde_json::from_value::<Member>(stored).unwrap(), member);
        }

        #[test]
        fn gained_permissions_include_all_newly_usable_and_no_already_usable_ones(before in any_member(), after in any_member()) {
            let can = |member: &Member, permission| !member.is_suspended() && member.permissions.contains(permission);
            for permission in Permission::ALL {
                let gained = after.permissions_gained_since(&before).is_some_and(|gained| gained.contains(permission));
                if can(&after, permission) && !can(&before, permission) {
                    prop_assert!(gained);
                }
                // A permission granted to a suspended member counts as gained, although it cannot be used yet.
                if !after.permissions.contains(permission) || (!before.is_suspended() && before.permissions.contains(permission)) {
                    prop_assert!(!gained);
                }
            }
        }
    }
}
