//! Random histories of changes of members, by members and by API keys. No account ever locks itself out: some active member can always
//! restore every permission.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::{depends_on_another_member_with_all_permissions, may_change_member, may_manage_member};
use crate::{
    authorization::principal::{
        KeyPrincipal, Principal, SessionPrincipal,
        tests::{any_key_principal, any_session_principal},
    },
    model::member::{Member, MemberStatus},
    primitives::{
        permission::{Permission, Permissions, tests::any_permissions},
        scope::Scope,
        timestamp::tests::timestamp,
    },
};

/// A step of a history. An index selects one of the callers or members that exist then.
#[derive(Debug, Clone, Copy)]
enum Step {
    Invite { by: Index, permissions: Permissions },
    Accept { member: Index },
    Change { by: Index, member: Index, permissions: Option<Permissions>, suspended: Option<bool> },
    Remove { by: Index, member: Index },
}

fn any_step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    prop_oneof![
        (index(), any_permissions()).prop_map(|(by, permissions)| Step::Invite { by, permissions }),
        index().prop_map(|member| Step::Accept { member }),
        (index(), index(), proptest::option::of(any_permissions()), any::<Option<bool>>()).prop_map(
            |(by, member, permissions, suspended)| Step::Change { by, member, permissions, suspended }
        ),
        (index(), index()).prop_map(|(by, member)| Step::Remove { by, member }),
    ]
}

/// An account with its members, and API keys, which keep their permissions.
struct Account {
    members: Vec<Member>,
    keys: Vec<KeyPrincipal>,
    session: SessionPrincipal,
    invited: usize,
}

impl Account {
    fn new(session: SessionPrincipal, keys: Vec<KeyPrincipal>) -> Self {
        // The routes of members are open only to keys without a scope.
        let keys = keys.into_iter().map(|key| KeyPrincipal { scope: Scope::All, ..key }).collect();
        let mut account = Self { members: Vec::new(), keys, session, invited: 0 };
        account.add(Permissions::ALL);
        account.members[0] = account.members[0].accepted();
        account
    }

    fn add(&mut self, permissions: Permissions) {
        let id = format!("user_{:016}", self.invited).parse().unwrap();
        let email = "user@example.com".to_owned().try_into().unwrap();
        self.members.push(Member::invited(id, self.session.account_id, email, permissions, timestamp(0)));
        self.invited += 1;
    }

    /// Returns a session of an active member with `admin`, or a key with `admin`.
    fn caller(&self, index: Index) -> Principal {
        let admins = self.members.iter().filter(|member| member.is_active_admin());
        let sessions = admins.map(|member| {
            let (user_id, permissions) = (member.id, member.permissions);
            Principal::Session(SessionPrincipal { user_id, permissions, ..self.session.clone() })
        });
        let keys = self.keys.iter().filter(|key| key.permissions.contains(Permission::Admin));
        let callers: Vec<_> = sessions.chain(keys.cloned().map(Principal::ApiKey)).collect();
        index.get(&callers).clone()
    }

    /// Returns true if the account allows this change of the member `before`. `after` is `None` if the member is removed.
    fn allows(&self, caller: &Principal, before: &Member, after: Option<&Member>) -> bool {
        let is_other = |member: &&Member| member.id != before.id && member.is_active_with_all_permissions();
        !depends_on_another_member_with_all_permissions(caller, before, after)
            || self.members.iter().any(|member| is_other(&member))
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Invite { by, permissions } => {
                if may_manage_member(&self.caller(by), permissions) {
                    self.add(permissions);
                }
            }
            Step::Accept { member } => {
                let number = member.index(self.members.len());
                let member = &mut self.members[number];
                if member.status == MemberStatus::Invited {
                    *member = member.accepted();
                }
            }
            Step::Change { by, member, permissions, suspended } => {
                let (caller, number) = (self.caller(by), member.index(self.members.len()));
                let before = self.members[number].clone();
                let suspended = suspended.unwrap_or(before.is_suspended());
                let after = before.changed(permissions.unwrap_or(before.permissions), suspended);
                let is_allowed = may_change_member(&caller, &before, &after);
                if is_allowed && self.allows(&caller, &before, Some(&after)) {
                    self.members[number] = after;
                }
            }
            Step::Remove { by, member } => {
                let (caller, number) = (self.caller(by), member.index(self.members.len()));
                let before = &self.members[number];
                let is_allowed = may_manage_member(&caller, before.permissions);
                if is_allowed && self.allows(&caller, before, None) {
                    self.members.remove(number);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn some_active_member_can_always_restore_every_permission(
        session in any_session_principal(),
        keys in vec(any_key_principal(), 0..3),
        steps in vec(any_step(), 0..60),
    ) {
        let mut account = Account::new(session, keys);
        for step in steps {
            account.apply(step);
            prop_assert!(account.members.iter().any(Member::is_active_with_all_permissions));
        }
    }
}
