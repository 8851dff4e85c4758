//! Changes of an API key by the API's `PATCH` operation.

use crate::{
    model::api_key::{ApiKey, DisabledBy},
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

impl ApiKey {
    /// Returns the changed key. `is_admin_session` states whether a session with `admin` makes the change. Whether the key
    /// [may be changed](Self::check_changeable) at all must be checked separately.
    #[must_use]
    pub fn changed(&self, change: KeyChange, is_admin_session: bool) -> Self {
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
            api_key::{KeyState, NotChangeable, tests::api_key},
            restrictions::{Restrictions, tests::restrictions},
        },
        primitives::{allowed_ips::tests::allowed_ips, permission::Permission, timestamp::tests::timestamp},
    };

    fn changed(key: &ApiKey, change: KeyChange) -> ApiKey {
        key.changed(change, false)
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
        let by_admin = by_other.changed(disabled(true), true);
        assert_eq!(by_admin.disabled_by, Some(DisabledBy::AdminSession));
        assert_eq!(changed(&by_admin, disabled(true)), by_admin);
        let enabled = changed(&by_admin, disabled(false));
        assert_eq!((enabled.disabled_by, enabled.restrictions), (None, Restrictions::NONE));
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
