//! What a credential may do.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A permission. Permissions don't imply each other: for example, `write` does not include `read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// All there are, in the order in which answers name them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Delete, Self::Admin];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Admin => "admin",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == name)
    }
}

/// A set of at least one permission.
#[derive(Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(inline, extend("minItems" = 1), description = "One or more permissions.")]
pub struct Permissions(#[schemars(with = "Vec<Permission>")] u8);

/// No permission was named.
#[derive(Debug, thiserror::Error)]
#[error("must name at least one of read, write, delete, admin")]
pub struct EmptyPermissions;

impl Permissions {
    /// All four.
    pub const ALL: Self = Self(15);

    /// The set of these, each counted once.
    ///
    /// # Errors
    /// When there are none.
    pub fn new(permissions: impl IntoIterator<Item = Permission>) -> Result<Self, EmptyPermissions> {
        match permissions.into_iter().fold(0, |bits, permission| bits | permission as u8) {
            0 => Err(EmptyPermissions),
            bits => Ok(Self(bits)),
        }
    }

    /// Whether `permission` is among them.
    #[must_use]
    pub fn contains(self, permission: Permission) -> bool {
        self.0 & permission as u8 != 0
    }

    /// Whether every one of `others` is among them.
    #[must_use]
    pub fn contains_all(self, others: Self) -> bool {
        others.0 & !self.0 == 0
    }

    /// Those that are not among `others`, or `None` where all are.
    #[must_use]
    pub fn without(self, others: Self) -> Option<Self> {
        match self.0 & !others.0 {
            0 => None,
            bits => Some(Self(bits)),
        }
    }

    /// Each of them, in the order read, write, delete, admin.
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
    fn a_permission_holds_for_itself_alone() {
        for one in Permission::ALL {
            for other in Permission::ALL {
                assert_eq!(Permissions::new([one]).unwrap().contains(other), one == other);
            }
        }
    }

    #[test]
    fn each_is_found_by_its_name_and_no_other() {
        assert_eq!(Permission::ALL.map(Permission::as_str), ["read", "write", "delete", "admin"]);
        assert_eq!(
            ["read", "write", "delete", "admin"].map(Permission::from_name),
            Permission::ALL.map(Some)
        );
        assert_eq!(["", "READ", "root"].map(Permission::from_name), [None; 3]);
    }

    #[test]
    fn they_come_back_in_order_and_each_once() {
        let permissions: Permissions = serde_json::from_str(r#"["admin", "read", "admin"]"#).unwrap();
        assert_eq!(serde_json::to_string(&permissions).unwrap(), r#"["read","admin"]"#);
    }

    #[test]
    fn none_and_unknown_ones_are_refused() {
        for text in ["[]", r#"["root"]"#, r#"["READ"]"#, r#""read""#, "null", "[null]"] {
            assert!(serde_json::from_str::<Permissions>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_left_over_is_what_the_other_lacks(one in any_permissions(), other in any_permissions()) {
            prop_assert_eq!(one.without(other).is_none(), other.contains_all(one));
            for permission in Permission::ALL {
                let left = one.without(other).is_some_and(|left| left.contains(permission));
                prop_assert_eq!(left, one.contains(permission) && !other.contains(permission));
            }
        }
    }
}
