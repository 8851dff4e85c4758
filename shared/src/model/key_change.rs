//! Changes of an API key by the API's `PATCH` operation.

use crate::{
    model::{
        account_policy::AccountPolicy,
        api_key::{ApiKey, DisabledBy, NotChangeable},
    },
    primitives::{
        allowed_ips::AllowedIps, name::Name, permission::Permissions, scope::Scope, timestamp::Timestamp,
    },
};

/// The new values of the fields that change. A field that is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyChange {
    pub name: Option<Name>,
    pub permissions: Option<Permissions>,
    pub scope: Option<Scope>,
    /// `Some(None)` means that the key never expires.
    pub expires_at: Option<Option<Timestamp>>,
    pub allowed_ips: Option<AllowedIps>,
    /// Whether the key is disabled.
    pub disabled: Option<bool>,
}

impl KeyChange {
    /// Returns true if the change does nothing but disable the key.
    #[must_use]
    pub fn only_disables(&self) -> bool {
        *self == Self { disabled: Some(true), ..Self::default() }
    }

    /// Checks that the change may be made to `key` in an account with this policy.
    ///
    /// # Errors
    /// Returns an error if the key has expired, was revoked, has a restriction that this version does not know, or is idle and the
    /// change does not enable it.
    pub fn check(&self, key: &ApiKey, policy: &AccountPolicy, now: Timestamp) -> Result<(), NotChangeable> {
        key.check_changeable(now)?;
        if key.is_idle(policy, now) && self.disabled != Some(false) {
            return Err(NotChangeable::Idle);
        }
        Ok(())
    }
}

/// Who changes a key, when, and by which rules.
#[derive(Debug, Clone, Copy)]
pub struct ChangeContext<'a> {
    /// Whether a session with `admin` makes the change.
    pub is_admin_session: bool,
    /// The policy of the key's account.
    pub policy: &'a AccountPolicy,
    pub now: Timestamp,
}

impl ApiKey {
    /// Returns the changed key. Whether the key [may be changed](KeyChange::check) at all must be checked separately.
    #[must_use]
    pub fn changed(&self, change: KeyChange, context: ChangeContext<'_>) -> Self {
        let ChangeContext { is_admin_session, policy, now } = context;
        let is_enabled =
            change.disabled == Some(false) && (self.disabled_by.is_some() || self.is_idle(policy, now));
        let disabled_by = match change.disabled {
            None => self.disabled_by,
            Some(false) => None,
            Some(true) if is_admin_session => Some(DisabledBy::AdminSession),
            // A key that a session with `admin` disabled stays disabled by it.
            Some(true) => self.disabled_by.or(Some(DisabledBy::Other)),
        };
        let changed = Self {
            name: change.name.unwrap_or_else(|| self.name.clone()),
            permissions: change.permissions.unwrap_or(self.permissions),
            scope: change.scope.unwrap_or_else(|| self.scope.clone()),
            expires_at: change.expires_at.unwrap_or(self.expires_at),
            allowed_ips: change.allowed_ips.unwrap_or_else(|| self.allowed_ips.clone()),
            disabled_by,
            enabled_at: if is_enabled { Some(now) } else { self.enabled_at },
            ..self.clone()
        }
        .with_restriction_names();
        let is_changed = changed != *self;
        Self { revision: self.revision + u32::from(is_changed), ..changed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            account_policy::tests::idle_after,
            api_key::{KeyState, tests::api_key},
            restrictions::{Restrictions, tests::restrictions},
        },
        primitives::{allowed_ips::tests::allowed_ips, permission::Permission, timestamp::tests::timestamp},
    };

    const DAY: i64 = 86_400;

    fn context(policy: &AccountPolicy, now: i64) -> ChangeContext<'_> {
        ChangeContext { is_admin_session: false, policy, now: timestamp(now) }
    }

    fn changed(key: &ApiKey, change: KeyChange) -> ApiKey {
        key.changed(change, context(&AccountPolicy::default(), 3))
    }

    fn disabled(disabled: bool) -> KeyChange {
        KeyChange { disabled: Some(disabled), ..KeyChange::default() }
    }

    #[test]
    fn only_the_given_fields_change_and_the_revision_is_incremented() {
        let before = ApiKey { revision: 4, expires_at: Some(timestamp(20)), ..api_key() };
        let name: Name = "New".to_owned().try_into().unwrap();
        let read = Permissions::new([Permission::Read]).unwrap();
        let scope = Scope::Projects(vec!["proj_a".parse().unwrap()].try_into().unwrap());
        let ips = allowed_ips(&["192.0.2.1"]);
        let names = restrictions(&["allowed_ips"]);
        for (change, after) in [
            (
                KeyChange { name: Some(name.clone()), ..KeyChange::default() },
                ApiKey { name, ..before.clone() },
            ),
            (
                KeyChange { permissions: Some(read), ..KeyChange::default() },
                ApiKey { permissions: read, ..before.clone() },
            ),
            (
                KeyChange { scope: Some(scope.clone()), ..KeyChange::default() },
                ApiKey { scope, ..before.clone() },
            ),
            (
                KeyChange { expires_at: Some(None), ..KeyChange::default() },
                ApiKey { expires_at: None, ..before.clone() },
            ),
            (
                KeyChange { allowed_ips: Some(ips.clone()), ..KeyChange::default() },
                ApiKey { allowed_ips: ips, restrictions: names, ..before.clone() },
            ),
        ] {
            assert_eq!(changed(&before, change), ApiKey { revision: 5, ..after });
        }
    }

    #[test]
    fn change_to_the_same_values_leaves_the_key_as_it_is() {
        let before = changed(&api_key(), disabled(true));
        for change in
            [KeyChange::default(), disabled(true), KeyChange { scope: Some(Scope::All), ..disabled(true) }]
        {
            assert_eq!(changed(&before, change), before);
        }
    }

    #[test]
    fn key_that_an_admin_session_disabled_stays_disabled_by_it() {
        let by_other = changed(&api_key(), disabled(true));
        assert_eq!(by_other.disabled_by, Some(DisabledBy::Other));
        let policy = AccountPolicy::default();
        let by_admin =
            by_other.changed(disabled(true), ChangeContext { is_admin_session: true, ..context(&policy, 3) });
        assert_eq!(by_admin.disabled_by, Some(DisabledBy::AdminSession));
        assert_eq!(changed(&by_admin, disabled(true)), by_admin);
        let enabled = changed(&by_admin, disabled(false));
        assert_eq!((enabled.disabled_by, enabled.restrictions), (None, Restrictions::NONE));
        assert_eq!(enabled.enabled_at, Some(timestamp(3)));
    }

    #[test]
    fn only_enabling_a_disabled_or_idle_key_stores_its_time() {
        let enable = |key: &ApiKey, now| key.changed(disabled(false), context(&idle_after(7, 0), now));
        assert_eq!(enable(&api_key(), 7 * DAY - 1), api_key());
        let enabled = ApiKey { enabled_at: Some(timestamp(7 * DAY)), revision: 1, ..api_key() };
        assert_eq!(enable(&api_key(), 7 * DAY), enabled);
        assert_eq!(enable(&enabled, 8 * DAY), enabled);
        let disabled_key = changed(&enabled, disabled(true));
        assert_eq!(disabled_key.enabled_at, enabled.enabled_at);
        assert_eq!(enable(&disabled_key, 8 * DAY).enabled_at, Some(timestamp(8 * DAY)));
    }

    #[test]
    fn idle_key_can_only_be_enabled() {
        let rename = KeyChange { name: Some("New".to_owned().try_into().unwrap()), ..KeyChange::default() };
        let enable_and_rename = KeyChange { disabled: Some(false), ..rename.clone() };
        for (change, result) in [
            (rename, Err(NotChangeable::Idle)),
            (disabled(true), Err(NotChangeable::Idle)),
            (disabled(false), Ok(())),
            (enable_and_rename, Ok(())),
        ] {
            let check = |now| change.check(&api_key(), &idle_after(7, 0), timestamp(now));
            assert_eq!(check(7 * DAY - 1), Ok(()));
            assert_eq!(check(7 * DAY), result);
        }
    }

    #[test]
    fn change_of_a_further_field_does_not_only_disable() {
        assert!(disabled(true).only_disables() && !disabled(false).only_disables());
        let further = KeyChange { expires_at: Some(None), ..disabled(true) };
        assert!(!further.only_disables() && !KeyChange::default().only_disables());
    }

    #[test]
    fn ended_key_and_key_with_an_unknown_restriction_are_not_changeable() {
        let expired = ApiKey { expires_at: Some(timestamp(10)), ..api_key() };
        let revoked = ApiKey { state: KeyState::Revoked, ..api_key() };
        let restricted = ApiKey { restrictions: restrictions(&["unknown"]), ..api_key() };
        for (key, reason) in [
            (expired, NotChangeable::Expired),
            (revoked, NotChangeable::Revoked),
            (restricted, NotChangeable::Restricted),
        ] {
            assert_eq!(key.check_changeable(timestamp(9)).is_err(), reason != NotChangeable::Expired);
            assert_eq!(key.check_changeable(timestamp(10)), Err(reason));
        }
    }
}
