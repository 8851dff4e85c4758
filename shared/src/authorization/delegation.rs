//! What one principal may do to keys and to members: nobody hands out more than they hold.
//!
//! The [decision on access](crate::authorization::decision) has let the request in before; these rules need what is in its
//! body or in the table.

use crate::{
    authorization::principal::Principal,
    model::{api_key::ApiKey, member::Member},
    primitives::{
        environment::Environment,
        permission::{Permission, Permissions},
        scope::Scope,
        timestamp::Timestamp,
    },
};

/// Whether `maker` may make a key with this type, these permissions and this scope: it may not exceed its
/// maker in any.
#[must_use]
pub fn may_make_key(
    maker: &Principal,
    environment: Environment,
    permissions: Permissions,
    scope: &Scope,
) -> bool {
    may_grant(maker, permissions)
        && match maker {
            Principal::Session(_) => true,
            Principal::ApiKey(key) => {
                scope.lies_within(&key.scope)
                    && (key.environment == Environment::Live || environment == Environment::Test)
            }
        }
}

/// Whether `key` is there for `principal`. Where it isn't, it looks like one that does not exist.
#[must_use]
pub fn reaches_key(principal: &Principal, key: &ApiKey) -> bool {
    match principal {
        Principal::Session(_) => true,
        Principal::ApiKey(caller) => {
            caller.key_id == key.id
                || (caller.permissions.contains(Permission::Admin)
                    && caller.environment == key.environment
                    && key.scope.lies_within(&caller.scope))
        }
    }
}

/// Whether `principal` may be given a new secret of `key`, which it reaches: with it, it can do all that
/// the key can.
#[must_use]
pub fn may_rotate_key(principal: &Principal, key: &ApiKey) -> bool {
    let itself = matches!(principal, Principal::ApiKey(caller) if caller.key_id == key.id);
    itself || may_grant(principal, key.permissions)
}

/// Whether `principal` may change a member from `before` to `after`: nobody grants what they lack. Letting
/// a suspended member in again grants all that the member has.
#[must_use]
pub fn may_change_member(principal: &Principal, before: &Member, after: &Member) -> bool {
    after.gained_since(before).is_none_or(|gained| may_grant(principal, gained))
}

/// Whether `principal` has all of `permissions` and so may hand them out.
#[must_use]
pub fn may_grant(principal: &Principal, permissions: Permissions) -> bool {
    principal.permissions().contains_all(permissions)
}

/// Whether `caller` would still be authenticated by the secret that it sent. `key` is the stored key; a caller that is not
/// this key does not depend on it.
#[must_use]
pub fn still_authorizes(key: &ApiKey, caller: &Principal, now: Timestamp) -> bool {
    match caller {
        Principal::ApiKey(principal) if principal.key_id == key.id => {
            key.has_secret_of(principal.generation, now)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;
    use crate::{
        authorization::principal::{
            KeyPrincipal, SecretAge,
            tests::{any_key_principal, any_principal, any_session_principal},
        },
        model::{
            api_key::{
                State,
                tests::{api_key, rotated},
            },
            member::tests::any_member,
        },
        primitives::{
            permission::tests::any_permissions, scope::tests::any_scope, timestamp::tests::timestamp,
        },
    };

    #[test]
    fn caller_stays_authorized_with_the_current_secret_and_with_the_previous_one_until_it_expires() {
        let (key, _) = rotated(&api_key(), "two", 100, 10).unwrap();
        let (key, ends_at) = rotated(&key, "three", 100, 20).unwrap();
        let with = |generation| {
            Principal::ApiKey(KeyPrincipal {
                account_id: key.account_id,
                key_id: key.id,
                name: key.name.clone(),
                environment: key.environment,
                permissions: key.permissions,
                scope: key.scope.clone(),
                expires_at: None,
                secret: SecretAge::Current,
                generation,
            })
        };
        for (generation, now, is_let_in) in [
            (2, timestamp(0), true),
            (2, ends_at.plus_seconds(1), true),
            (1, timestamp(119), true),
            (1, ends_at, false),
            (0, timestamp(20), false),
            (3, timestamp(20), false),
        ] {
            assert_eq!(still_authorizes(&key, &with(generation), now), is_let_in, "{generation} {now}");
        }
        let revoked = ApiKey { state: State::Revoked, ..key.clone() };
        assert!(!still_authorizes(&revoked, &with(2), timestamp(20)));
        // Whoever else calls needs none of its secrets.
        let other = ApiKey { id: "key_0000000000000002".parse().unwrap(), ..revoked };
        assert!(still_authorizes(&other, &with(0), timestamp(20)));
    }

    proptest! {
        #[test]
        fn a_child_never_exceeds_its_parent(
            parent in any_key_principal(),
            environment in select(&Environment::ALL[..]),
            permissions in any_permissions(),
            scope in any_scope(),
        ) {
            let made = may_make_key(&Principal::ApiKey(parent.clone()), environment, permissions, &scope);
            let exceeds = Permission::ALL.into_iter().any(|one| permissions.contains(one) && !parent.permissions.contains(one))
                || !scope.lies_within(&parent.scope)
                || (parent.environment == Environment::Test && environment == Environment::Live);
            prop_assert_eq!(made, !exceeds);
        }

        #[test]
        fn another_keys_secret_is_given_only_to_who_has_its_permissions(
            principal in any_principal(),
            permissions in any_permissions(),
        ) {
            let key = ApiKey { id: "key_0000000000000002".parse().unwrap(), permissions, ..api_key() };
            prop_assert_eq!(may_rotate_key(&principal, &key), principal.permissions().contains_all(permissions));
        }

        #[test]
        fn a_key_reaches_no_key_outside_its_type_and_scope(
            caller in any_key_principal(),
            environment in select(&Environment::ALL[..]),
            scope in any_scope(),
        ) {
            let key = ApiKey { id: "key_0000000000000002".parse().unwrap(), environment, scope, ..api_key() };
            let may = caller.permissions.contains(Permission::Admin)
                && caller.environment == key.environment
                && key.scope.lies_within(&caller.scope);
            prop_assert_eq!(reaches_key(&Principal::ApiKey(caller.clone()), &key), may);
            // Itself it reaches, whatever it may do.
            let itself = ApiKey { id: caller.key_id, ..key };
            prop_assert!(reaches_key(&Principal::ApiKey(caller.clone()), &itself));
            prop_assert!(may_rotate_key(&Principal::ApiKey(caller), &itself));
        }

        #[test]
        fn a_session_reaches_every_key_and_makes_any_that_its_member_may(
            session in any_session_principal(),
            environment in select(&Environment::ALL[..]),
            permissions in any_permissions(),
            scope in any_scope(),
        ) {
            let principal = Principal::Session(session);
            let made = may_make_key(&principal, environment, permissions, &scope);
            prop_assert_eq!(made, principal.permissions().contains_all(permissions));
            let key = ApiKey { environment, permissions, scope, ..api_key() };
            prop_assert!(reaches_key(&principal, &key));
        }

        #[test]
        fn a_member_gains_only_what_the_caller_has(
            principal in any_principal(),
            before in any_member(),
            after in any_member(),
        ) {
            let gained = after.gained_since(&before);
            let has_all = gained.is_none_or(|gained| principal.permissions().contains_all(gained));
            prop_assert_eq!(may_change_member(&principal, &before, &after), has_all);
        }
    }
}
