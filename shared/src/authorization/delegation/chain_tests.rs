//! Random chains of creations, changes and rotations of keys. No key ever allows what none of its creators and editors could do
//! at the time of their request.

use std::{collections::HashSet, net::IpAddr};

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{Index, select},
};

use super::{may_change_key, may_create_key, may_manage_key, may_rotate_key, reaches_key};
use crate::{
    authorization::principal::{KeyPrincipal, Principal, SecretAge, SessionPrincipal},
    model::{
        account_policy::{AccountPolicy, tests::idle_after},
        api_key::{ApiKey, KeyAccess, tests::api_key},
        key_change::{ChangeContext, KeyChange},
        restrictions::Restrictions,
    },
    primitives::{
        allowed_ips::{
            AllowedIps,
            tests::{addresses, any_allowed_ips},
        },
        environment::Environment,
        factor::Factors,
        permission::{Permission, Permissions, tests::any_permissions},
        project_id::ProjectId,
        scope::{Scope, tests::any_scope},
        timestamp::{Timestamp, tests::timestamp},
    },
};

/// A step of a chain. An index selects one of the callers, members or keys that exist then.
#[derive(Debug, Clone)]
enum Step {
    Create {
        by: Index,
        access: OwnedAccess,
    },
    Change {
        by: Index,
        key: Index,
        change: KeyChange,
    },
    Rotate {
        by: Index,
        key: Index,
    },
    SetPermissions {
        member: Index,
        permissions: Permissions,
    },
    /// Nothing happens for some days. Keys are idle after a week.
    Wait {
        days: i64,
    },
}

type OwnedAccess = (Environment, Permissions, Scope, AllowedIps);

fn any_access() -> impl Strategy<Value = OwnedAccess> {
    (select(&Environment::ALL[..]), any_permissions(), any_scope(), any_allowed_ips())
}

fn any_change() -> impl Strategy<Value = KeyChange> {
    let access = (option::of(any_permissions()), option::of(any_scope()), option::of(any_allowed_ips()));
    let expiry = option::of(option::of((1..9_i64).prop_map(timestamp)));
    (access, option::of(any::<bool>()), expiry).prop_map(
        |((permissions, scope, allowed_ips), disabled, expires_at)| KeyChange {
            permissions,
            scope,
            allowed_ips,
            disabled,
            expires_at,
            name: None,
        },
    )
}

fn any_step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    prop_oneof![
        (index(), any_access()).prop_map(|(by, access)| Step::Create { by, access }),
        (index(), index(), any_change()).prop_map(|(by, key, change)| Step::Change { by, key, change }),
        (index(), index()).prop_map(|(by, key)| Step::Rotate { by, key }),
        (index(), any_permissions())
            .prop_map(|(member, permissions)| Step::SetPermissions { member, permissions }),
        (0..3_i64).prop_map(|days| Step::Wait { days }),
    ]
}

/// Something that a credential may do: use a permission on a project's data of an environment, from an address.
type Ability = (Permission, &'static str, Environment, IpAddr);

/// Returns what a credential with this access may do. A live key may create test keys, so it counts as able to use test data.
fn abilities(access: KeyAccess<'_>) -> HashSet<Ability> {
    let mut abilities = HashSet::new();
    for project in ["proj_a", "proj_b", "proj_c", "proj_d", "proj_e"] {
        let id: ProjectId = project.parse().unwrap();
        for address in addresses() {
            if access.scope.reaches(&id) && access.allowed_ips.allows(Some(address)) {
                for permission in access.permissions.iter() {
                    abilities.insert((permission, project, Environment::Test, address));
                    abilities.insert((permission, project, access.environment, address));
                }
            }
        }
    }
    abilities
}

fn abilities_of_caller(caller: &Principal) -> HashSet<Ability> {
    abilities(KeyAccess {
        environment: match caller {
            Principal::ApiKey(key) => key.environment,
            Principal::Session(_) => Environment::Live,
        },
        permissions: caller.permissions(),
        scope: caller.scope(),
        allowed_ips: caller.allowed_ips(),
    })
}

fn policy() -> AccountPolicy {
    idle_after(7, 0)
}

/// An account with the permissions of its members, and its keys.
struct Account {
    members: Vec<Permissions>,
    keys: Vec<ApiKey>,
    now: Timestamp,
}

impl Account {
    fn is_usable(&self, key: &ApiKey) -> bool {
        key.disabled_by.is_none() && !key.is_idle(&policy(), self.now)
    }

    fn abilities_of_key(&self, key: &ApiKey) -> HashSet<Ability> {
        if self.is_usable(key) { abilities(key.access()) } else { HashSet::new() }
    }

    /// Returns a member's session or a key that is neither disabled nor idle.
    fn caller(&self, index: Index) -> Principal {
        let members = self.members.iter().enumerate().map(|(number, permissions)| {
            Principal::Session(SessionPrincipal {
                account_id: "acct_0000000000000001".parse().unwrap(),
                user_id: format!("user_000000000000000{number}").parse().unwrap(),
                session_id: "sid_0000000000000001".parse().unwrap(),
                session_epoch: 0,
                account_epoch: 0,
                email: "user@example.com".to_owned().try_into().unwrap(),
                permissions: *permissions,
                expires_at: timestamp(9),
                authenticated_at: timestamp(0),
                factors: Factors::PASSWORD,
                account_restrictions: Restrictions::NONE,
                reauthentication_minutes: None,
            })
        });
        let usable = self.keys.iter().filter(|key| self.is_usable(key));
        let keys = usable.cloned().map(|key| {
            Principal::ApiKey(KeyPrincipal {
                account_id: key.account_id,
                key_id: key.id,
                name: key.name,
                environment: key.environment,
                permissions: key.permissions,
                scope: key.scope,
                allowed_ips: key.allowed_ips,
                expires_at: key.expires_at,
                secret: SecretAge::Current,
                generation: 0,
                deprecation: None,
                revision: key.revision,
                originating_member: key.originating_member,
                epoch: 0,
                account_restrictions: Restrictions::NONE,
            })
        });
        let callers: Vec<_> = members.chain(keys).collect();
        index.get(&callers).clone()
    }

    /// Returns the number of a key that `caller` may manage.
    fn managed(&self, caller: &Principal, index: Index) -> Option<usize> {
        let is_managed = |key: &ApiKey| reaches_key(caller, key) && may_manage_key(caller, key);
        let managed = self.keys.iter().enumerate().filter(|(_, key)| is_managed(key));
        let numbers: Vec<_> = managed.map(|(number, _)| number).collect();
        (!numbers.is_empty()).then(|| *index.get(&numbers))
    }

    /// Applies the step if the rules allow it. Asserts that it adds nothing that its caller cannot do.
    fn apply(&mut self, step: Step) {
        match step {
            Step::Create { by, access: (environment, permissions, scope, allowed_ips) } => {
                let caller = self.caller(by);
                let key = ApiKey {
                    id: format!("key_{:016}", self.keys.len()).parse().unwrap(),
                    created_by: Some((&caller).into()),
                    environment,
                    permissions,
                    scope,
                    allowed_ips,
                    created_at: self.now,
                    ..api_key()
                };
                if may_create_key(&caller, key.access()) {
                    assert!(self.abilities_of_key(&key).is_subset(&abilities_of_caller(&caller)), "{key:?}");
                    self.keys.push(key);
                }
            }
            Step::Change { by, key, change } => {
                let caller = self.caller(by);
                let Some(number) = self.managed(&caller, key) else { return };
                let before = &self.keys[number];
                let (is_admin_session, now) = (caller.is_admin_session(), self.now);
                let after =
                    before.changed(change, ChangeContext { is_admin_session, policy: &policy(), now });
                if may_change_key(&caller, before, &after, before.is_idle(&policy(), now)) {
                    let added = &self.abilities_of_key(&after) - &self.abilities_of_key(before);
                    assert!(added.is_subset(&abilities_of_caller(&caller)), "{before:?} {after:?}");
                    self.keys[number] = after;
                }
            }
            Step::Rotate { by, key } => {
                let caller = self.caller(by);
                let Some(number) = self.managed(&caller, key) else { return };
                let key = &self.keys[number];
                // The caller gets the secret, so it must not be able to do more with it than without it.
                if may_rotate_key(&caller, key) {
                    assert!(self.abilities_of_key(key).is_subset(&abilities_of_caller(&caller)));
                }
            }
            Step::SetPermissions { member, permissions } => {
                let number = member.index(self.members.len());
                self.members[number] = permissions;
            }
            Step::Wait { days } => self.now = self.now.plus_seconds(u32::try_from(days).unwrap() * 86_400),
        }
    }
}

proptest! {
    #[test]
    fn key_allows_only_what_its_creators_and_editors_could_do(
        members in vec(any_permissions(), 1..4),
        steps in vec(any_step(), 100..200),
    ) {
        // With all permissions at first, a member creates keys from which long chains start.
        let members = [Permissions::ALL].into_iter().chain(members).collect();
        let mut account = Account { members, keys: Vec::new(), now: timestamp(0) };
        for step in steps {
            account.apply(step);
        }
    }
}
