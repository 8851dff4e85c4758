//! What one principal may do to keys and to members: nobody hands out more than they hold.
//!
//! The [decision on access](crate::access) has let the request in before; these rules need what is in its
//! body or in the table.

use crate::{
    api_key::ApiKey,
    app::App,
    environment::Environment,
    error::Error,
    id::KeyId,
    member::Member,
    permission::{Permission, Permissions},
    principal::Principal,
    scope::Scope,
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

/// The API key `id`, where it is there for `principal`.
///
/// # Errors
/// 404, when it isn't.
pub async fn reachable_key(app: &App, principal: &Principal, id: KeyId) -> Result<ApiKey, Error> {
    let key = app.store.key(principal.account_id(), id).await?;
    key.filter(|key| reaches_key(principal, key)).ok_or_else(Error::not_found)
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;
    use crate::{
        api_key::tests::api_key,
        member::tests::any_member,
        permission::tests::any_permissions,
        principal::tests::{any_key_principal, any_principal, any_session_principal},
        scope::tests::any_scope,
    };

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
