//! Delegation: which keys and members a caller may create, change or reach. A caller never grants more access than it
//! has itself.
//!
//! These rules apply to requests that the [authorization decision](crate::authorization::decision) has already
//! authorized. They depend on the request's body and on stored entities, so the functions apply them, not the authorizer.

use crate::{
    authorization::principal::Principal,
    model::{
        api_key::{ApiKey, DisabledBy, KeyAccess},
        creator::Creator,
        member::Member,
    },
    primitives::{
        environment::Environment,
        permission::{Permission, Permissions},
        timestamp::Timestamp,
    },
};

/// Returns true if `creator` may create a key with this access.
///
/// The permissions must be a subset of the creator's. For a key as the creator, the scope and the addresses must be within its
/// own, and a test key may only create test keys.
#[must_use]
pub fn may_create_key(creator: &Principal, access: KeyAccess<'_>) -> bool {
    let may_use_environment = match creator {
        Principal::Session(_) => true,
        Principal::ApiKey(key) => {
            key.environment == Environment::Live || access.environment == Environment::Test
        }
    };
    may_grant(creator, access.permissions)
        && access.scope.is_within(creator.scope())
        && access.allowed_ips.is_within(creator.allowed_ips())
        && may_use_environment
}

/// Returns true if `principal` may see `key`. Otherwise the response must be the same as for a key that does not exist.
#[must_use]
pub fn reaches_key(principal: &Principal, key: &ApiKey) -> bool {
    match principal {
        Principal::Session(_) => true,
        Principal::ApiKey(caller) => {
            caller.key_id == key.id
                || (caller.permissions.contains(Permission::Admin)
                    && caller.environment == key.environment
                    && key.scope.is_within(&caller.scope)
                    && key.allowed_ips.is_within(&caller.allowed_ips))
        }
    }
}

/// Returns true if `principal`, which [reaches](reaches_key) `key`, may revoke it, and may rotate or change it as far as the
/// rules for these allow. A session of another member than the creator needs `admin`.
#[must_use]
pub fn may_manage_key(principal: &Principal, key: &ApiKey) -> bool {
    match principal {
        Principal::Session(session) => {
            principal.is_admin_session() || key.created_by == Some(Creator::Member(session.user_id))
        }
        Principal::ApiKey(_) => true,
    }
}

/// Returns true if `principal`, which [may manage](may_manage_key) `key`, may rotate it. A rotation returns a secret, so the
/// caller must be the key itself or hold all of its permissions.
#[must_use]
pub fn may_rotate_key(principal: &Principal, key: &ApiKey) -> bool {
    is_itself(principal, key) || may_grant(principal, key.permissions)
}

/// Returns true if `principal`, which [may manage](may_manage_key) the key, may change it from `before` to `after`.
///
/// A key may not change itself. A key that a session with `admin` disabled, and one that is idle before the change, can be enabled
/// only by such a session. What a change adds must be within the caller's own access.
#[must_use]
pub fn may_change_key(principal: &Principal, before: &ApiKey, after: &ApiKey, is_idle: bool) -> bool {
    let needs_admin_session = is_idle || before.disabled_by == Some(DisabledBy::AdminSession);
    let may_enable = !needs_admin_session || principal.is_admin_session();
    !is_itself(principal, before)
        && (may_enable || !enables(before, after))
        && adds_access_within(principal, before, after)
}

/// Returns true if the change from `before` to `after` enables a disabled or an idle key.
fn enables(before: &ApiKey, after: &ApiKey) -> bool {
    // A disabled key can be enabled twice in a second. An idle key was not enabled recently.
    (before.disabled_by.is_some() && after.disabled_by.is_none()) || before.enabled_at != after.enabled_at
}

/// Returns true if the access that the change from `before` to `after` adds is within the caller's.
///
/// A further permission applies to the whole scope, and a further project or address, a later expiry and enabling the key apply
/// to all permissions. For a key as the caller, the expiry may be extended up to its own. The scope and the addresses of a
/// key that it [reaches](reaches_key) were within its own before the change.
fn adds_access_within(principal: &Principal, before: &ApiKey, after: &ApiKey) -> bool {
    let is_extended = expires_later(after.expires_at, before.expires_at);
    let may_extend = match principal {
        Principal::Session(_) => true,
        Principal::ApiKey(caller) => !expires_later(after.expires_at, caller.expires_at),
    };
    added_permissions(before, after).is_none_or(|permissions| {
        may_grant(principal, permissions)
            && after.scope.is_within(principal.scope())
            && after.allowed_ips.is_within(principal.allowed_ips())
            && (may_extend || !is_extended)
    })
}

/// Returns the permissions that the change from `before` to `after` adds somewhere, or `None` if it adds no access.
fn added_permissions(before: &ApiKey, after: &ApiKey) -> Option<Permissions> {
    let is_extended = expires_later(after.expires_at, before.expires_at);
    let is_wider = !after.scope.is_within(&before.scope) || !after.allowed_ips.is_within(&before.allowed_ips);
    if enables(before, after) || is_extended || is_wider {
        Some(after.permissions)
    } else {
        after.permissions.without(before.permissions)
    }
}

/// Returns true if the change from `before` to `after` adds access to a key that has or gains `admin`.
#[must_use]
pub fn adds_access_to_admin_key(before: &ApiKey, after: &ApiKey) -> bool {
    let is_admin = |key: &ApiKey| key.permissions.contains(Permission::Admin);
    (is_admin(before) || is_admin(after)) && added_permissions(before, after).is_some()
}

/// Returns true if a key that expires at `one` is valid for longer than one that expires at `other`. `None` means never.
fn expires_later(one: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    match (one, other) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(one), Some(other)) => one > other,
    }
}

fn is_itself(principal: &Principal, key: &ApiKey) -> bool {
    matches!(principal, Principal::ApiKey(caller) if caller.key_id == key.id)
}

/// Returns true if `principal` may change a member from `before` to `after`. The caller must hold every permission that
/// the member gains. Ending a suspension grants all of the member's permissions. To take a permission from a member or to suspend them,
/// the caller must hold all permissions that the member holds. A key never changes a member who has or would get `admin`.
#[must_use]
pub fn may_change_member(principal: &Principal, before: &Member, after: &Member) -> bool {
    after.permissions_gained_since(before).is_none_or(|gained| may_grant(principal, gained))
        && (!after.loses_access_since(before) || may_grant(principal, before.permissions))
        && may_act_on_admins(principal, before.permissions)
        && may_act_on_admins(principal, after.permissions)
}

/// Returns true if `principal` may invite, invite again or remove a member with these permissions: the caller must hold all of them, and
/// a key may not do so if the member has `admin`.
#[must_use]
pub fn may_manage_member(principal: &Principal, permissions: Permissions) -> bool {
    may_grant(principal, permissions) && may_act_on_admins(principal, permissions)
}

/// Returns true unless `principal` is a key and a member with these permissions is an admin: members with `admin` must be able to act
/// against a leaked key, so it must not act against them.
fn may_act_on_admins(principal: &Principal, permissions: Permissions) -> bool {
    matches!(principal, Principal::Session(_)) || !permissions.contains(Permission::Admin)
}

/// Returns true if `principal` may end the sessions of `member`. A key may not end those of a member with `admin`.
#[must_use]
pub fn may_end_sessions(principal: &Principal, member: &Member) -> bool {
    may_act_on_admins(principal, member.permissions)
}

/// Returns true if `principal` holds all of `permissions` and may therefore grant them.
#[must_use]
pub fn may_grant(principal: &Principal, permissions: Permissions) -> bool {
    principal.permissions().contains_all(permissions)
}

/// Returns true if `caller` would still be authenticated by the secret that it sent, and with the same access.
///
/// `key` is a key as it is stored now. It only matters if it is the caller: any other caller does not depend on it.
#[must_use]
pub fn still_authorizes(key: &ApiKey, caller: &Principal, now: Timestamp) -> bool {
    match caller {
        Principal::ApiKey(principal) if principal.key_id == key.id => {
            key.accepts_generation(principal.generation, now) && key.revision == principal.revision
        }
        _ => true,
    }
}

/// Returns true if the change of a member from `before` to `after` is allowed only while another active member has all four
/// permissions. `after` is `None` if the member is removed.
///
/// Nobody takes anything from a member with all permissions without having them all, and a key takes nothing from a member with
/// `admin`. So a change by somebody else leaves that caller, and only a member's own change can leave nobody.
#[must_use]
pub fn depends_on_another_member_with_all_permissions(
    principal: &Principal,
    before: &Member,
    after: Option<&Member>,
) -> bool {
    let is_own_change = matches!(principal, Principal::Session(session) if session.user_id == before.id);
    let keeps_them = after.is_some_and(Member::is_active_with_all_permissions);
    is_own_change && before.is_active_with_all_permissions() && !keeps_them
}

#[cfg(test)]
mod chain_tests;
#[cfg(test)]
mod lockout_tests;
#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*, sample::select};

    use super::*;
    use crate::{
        authorization::principal::{
            KeyPrincipal, SecretAge,
            tests::{any_key_principal, any_principal, any_session_principal},
        },
        model::{
            api_key::{
                KeyState,
                tests::{api_key, rotated},
            },
            member::tests::any_member,
            restrictions::Restrictions,
        },
        primitives::{
            allowed_ips::tests::any_allowed_ips, permission::tests::any_permissions, scope::tests::any_scope,
            timestamp::tests::timestamp,
        },
    };

    #[test]
    fn caller_stays_authorized_with_the_current_secret_and_until_the_grace_period_ends_with_the_previous_one()
    {
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
                allowed_ips: key.allowed_ips.clone(),
                expires_at: None,
                secret: SecretAge::Current,
                generation,
                deprecation: None,
                revision: key.revision,
                originating_member: None,
                epoch: 0,
                account_restrictions: Restrictions::NONE,
            })
        };
        for (generation, now, is_authorized) in [
            (2, timestamp(0), true),
            (2, ends_at.plus_seconds(1), true),
            (1, timestamp(119), true),
            (1, ends_at, false),
            (0, timestamp(20), false),
            (3, timestamp(20), false),
        ] {
            assert_eq!(still_authorizes(&key, &with(generation), now), is_authorized, "{generation} {now}");
        }
        let revoked = ApiKey { state: KeyState::Revoked, ..key.clone() };
        assert!(!still_authorizes(&revoked, &with(2), timestamp(20)));
        let changed = ApiKey { revision: key.revision + 1, ..key.clone() };
        assert!(!still_authorizes(&changed, &with(2), timestamp(20)));
        // Another caller does not depend on the key's secrets.
        let other = ApiKey { id: "key_0000000000000002".parse().unwrap(), ..revoked };
        assert!(still_authorizes(&other, &with(0), timestamp(20)));
    }

    fn any_creator() -> impl Strategy<Value = Creator> {
        prop_oneof!["user_000000000000000[12]", "key_0000000000000002"]
            .prop_map(|id| id.parse().map_or_else(|_| Creator::ApiKey(id.parse().unwrap()), Creator::Member))
    }

    proptest! {
        #[test]
        fn key_is_created_only_within_its_creators_access(
            creator in any_key_principal(),
            environment in select(&Environment::ALL[..]),
            permissions in any_permissions(),
            scope in any_scope(),
            allowed_ips in any_allowed_ips(),
        ) {
            let access = KeyAccess { environment, permissions, scope: &scope, allowed_ips: &allowed_ips };
            let may_create = may_create_key(&Principal::ApiKey(creator.clone()), access);
            let exceeds = Permission::ALL.into_iter().any(|one| permissions.contains(one) && !creator.permissions.contains(one))
                || !scope.is_within(&creator.scope)
                || !allowed_ips.is_within(&creator.allowed_ips)
                || (creator.environment == Environment::Test && environment == Environment::Live);
            prop_assert_eq!(may_create, !exceeds);
        }

        #[test]
        fn rotation_of_another_key_requires_all_of_its_permissions(
            principal in any_principal(),
            permissions in any_permissions(),
        ) {
            let key = ApiKey { id: "key_0000000000000002".parse().unwrap(), permissions, ..api_key() };
            prop_assert_eq!(may_rotate_key(&principal, &key), principal.permissions().contains_all(permissions));
        }

        #[test]
        fn key_reaches_only_itself_and_keys_within_its_type_scope_and_addresses(
            caller in any_key_principal(),
            environment in select(&Environment::ALL[..]),
            scope in any_scope(),
            allowed_ips in any_allowed_ips(),
        ) {
            let key =
                ApiKey { id: "key_0000000000000002".parse().unwrap(), environment, scope, allowed_ips, ..api_key() };
            let reaches = caller.permissions.contains(Permission::Admin)
                && caller.environment == key.environment
                && key.scope.is_within(&caller.scope)
                && key.allowed_ips.is_within(&caller.allowed_ips);
            prop_assert_eq!(reaches_key(&Principal::ApiKey(caller.clone()), &key), reaches);
            // A key reaches itself without any permission.
            let itself = ApiKey { id: caller.key_id, ..key };
            prop_assert!(reaches_key(&Principal::ApiKey(caller.clone()), &itself));
            prop_assert!(may_rotate_key(&Principal::ApiKey(caller), &itself));
        }

        #[test]
        fn session_reaches_every_key_and_creates_keys_within_its_members_permissions(
            session in any_session_principal(),
            environment in select(&Environment::ALL[..]),
            permissions in any_permissions(),
            scope in any_scope(),
            allowed_ips in any_allowed_ips(),
        ) {
            let principal = Principal::Session(session);
            let key = ApiKey { environment, permissions, scope, allowed_ips, ..api_key() };
            let may_create = may_create_key(&principal, key.access());
            prop_assert_eq!(may_create, principal.permissions().contains_all(permissions));
            prop_assert!(reaches_key(&principal, &key));
        }

        #[test]
        fn session_manages_the_keys_of_its_member_and_with_admin_every_key(
            session in any_session_principal(),
            created_by in option::of(any_creator()),
        ) {
            let is_creator = created_by == Some(Creator::Member(session.user_id));
            let expected = is_creator || session.permissions.contains(Permission::Admin);
            let key = ApiKey { created_by, ..api_key() };
            prop_assert_eq!(may_manage_key(&Principal::Session(session), &key), expected);
        }

        #[test]
        fn member_change_requires_the_permissions_that_the_member_gains_or_has(
            principal in any_principal(),
            before in any_member(),
            after in any_member(),
        ) {
            let holds = |permissions| principal.permissions().contains_all(permissions);
            let may_give = after.permissions_gained_since(&before).is_none_or(holds);
            let may_take = !after.loses_access_since(&before) || holds(before.permissions);
            let is_key = matches!(principal, Principal::ApiKey(_));
            let concerns_admin = [&before, &after].iter().any(|member| member.permissions.contains(Permission::Admin));
            let allowed = may_give && may_take && !(is_key && concerns_admin);
            prop_assert_eq!(may_change_member(&principal, &before, &after), allowed);
        }

        #[test]
        fn key_may_not_end_the_sessions_of_a_member_with_admin(
            principal in any_principal(),
            member in any_member(),
        ) {
            let is_key = matches!(principal, Principal::ApiKey(_));
            let is_admin = member.permissions.contains(Permission::Admin);
            prop_assert_eq!(may_end_sessions(&principal, &member), !(is_key && is_admin));
        }
    }
}
