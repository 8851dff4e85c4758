//! Permissions, and sets of them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A permission. Permissions don't imply each other: for example, `write` does not include `read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Permission {
    /// Allows `GET` and `HEAD`.
    Read = 1,
    /// Allows `POST`, `PUT` and `PATCH`.
    Write = 2,
    /// Allows `DELETE`.
    Delete = 4,
    /// Allows managing team members, billing and other API keys.
    Admin = 8,
}

impl Permission {
    /// All permissions, in the order in which responses contain them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Delete, Self::Admin];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Admin => "admin",
        }
    }

    /// Returns the permission with this exact name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == name)
    }
}

/// A set of at least one permission.
#[derive(Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(inline, extend("minItems" = 1), description = "One or more permissions.")]
pub struct Permissions(#[schemars(with = "Vec<Permission>")] u8);

#[derive(Debug, thiserror::Error)]
#[error("must contain at least one of read, write, delete, admin")]
pub struct EmptyPermissions;

impl Permissions {
    pub const ALL: Self = Self(15);

    /// Creates a set. Duplicates are ignored.
    ///
    /// # Errors
    /// Returns an error if `permissions` is empty.
    pub fn new(permissions: impl IntoIterator<Item = Permission>) -> Result<Self, EmptyPermissions> {
        match permissions.into_iter().fold(0, |bits, permission| bits | permission as u8) {
            0 => Err(EmptyPermissions),
            bits => Ok(Self(bits)),
        }
    }

    #[must_use]
    pub fn contains(self, permission: Permission) -> bool {
        self.0 & permission as u8 != 0
    }

    #[must_use]
    pub(crate) fn contains_all(self, others: Self) -> bool {
        others.0 & !self.0 == 0
    }

    /// Returns the permissions that are not in `others`, or `None` if there are none.
    #[must_use]
    pub fn without(self, others: Self) -> Option<Self> {
        match self.0 & !others.0 {
            0 => None,
            bits => Some(Self(bits)),
        }
    }

    /// Iterates over the permissions in the order read, write, delete, admin.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |permission| self.contains(*permission))
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::<Permission>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn any_permissions() -> impl Strategy<Value = Permissions> {
        (1..=15_u8).prop_map(Permissions)
    }

    #[test]
    fn permission_does_not_imply_another() {
        for one in Permission::ALL {
            for other in Permission::ALL {
                assert_eq!(Permissions::new([one]).unwrap().contains(other), one == other);
            }
        }
    }

    #[test]
    fn permission_is_found_only_by_its_exact_name() {
        assert_eq!(Permission::ALL.map(Permission::as_str), ["read", "write", "delete", "admin"]);
        assert_eq!(
            ["read", "write", "delete", "admin"].map(Permission::from_name),
            Permission::ALL.map(Some)
        );
        assert_eq!(["", "READ", "root"].map(Permission::from_name), [None; 3]);
    }

    #[test]
    fn permissions_serialize_in_fixed_order_without_duplicates() {
        let permissions: Permissions = serde_json::from_str(r#"["admin", "read", "admin"]"#).unwrap();
        assert_eq!(serde_json::to_string(&permissions).unwrap(), r#"["read","admin"]"#);
    }

    #[test]
    fn empty_and_unknown_permissions_are_rejected() {
        for text in ["[]", r#"["root"]"#, r#"["READ"]"#, r#""read""#, "null", "[null]"] {
            assert!(serde_json::from_str::<Permissions>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn difference_contains_exactly_the_permissions_that_the_other_set_lacks(one in any_permissions(), other in any_permissions()) {
            prop_assert_eq!(one.without(other).is_none(), other.contains_all(one));
            for permission in Permission::ALL {
                let is_in_difference = one.without(other).is_some_and(|rest| rest.contains(permission));
                prop_assert_eq!(is_in_difference, one.contains(permission) && !other.contains(permission));
            }
        }
    }
}
