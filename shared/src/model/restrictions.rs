//! Restrictions on the use of an entity's credentials, by their names.
//!
//! While a deployment is in progress, and after it is rolled back, an older version of the service reads what a newer one
//! has stored. If a newer version restricts a credential in a way that an older one does not know, the older one must
//! reject the credential instead of ignoring the restriction. Therefore a restriction consists of two parts: its details,
//! in attributes of its own, and its name in this set. Each version rejects what has a name that it does not know.

use serde::{Deserialize, Serialize};

/// The names of the restrictions that this version enforces. A version that adds a restriction adds its name here.
/// "Versions side by side" in docs/architecture.md lists what else it changes.
const ENFORCED: [&str; 0] = [];

/// The names of all restrictions of an account, a member, a key or a session.
///
/// The attribute is a string set. An entity without restrictions does not have it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Restrictions(#[serde(with = "serde_dynamo::string_set")] Vec<String>);

impl Restrictions {
    /// The name of the attribute.
    pub const ATTRIBUTE: &str = "restrictions";

    /// No restrictions.
    pub const NONE: Self = Self(Vec::new());

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if there is a restriction that this version does not enforce. The credential must then be rejected.
    #[must_use]
    pub fn has_unknown(&self) -> bool {
        self.0.iter().any(|name| !ENFORCED.contains(&name.as_str()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::{collection::vec, prelude::*};
    use serde_dynamo::AttributeValue;

    use super::*;

    pub(crate) fn restrictions(names: &[&str]) -> Restrictions {
        Restrictions(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn no_restriction_and_enforced_restrictions_are_known() {
        assert!(!Restrictions::NONE.has_unknown());
        assert!(!restrictions(&ENFORCED).has_unknown());
    }

    #[test]
    fn attribute_is_a_string_set() {
        let names = restrictions(&["disabled"]);
        let attribute: AttributeValue = serde_dynamo::to_attribute_value(&names).unwrap();
        assert_eq!(attribute, AttributeValue::Ss(vec!["disabled".to_owned()]));
        assert_eq!(serde_dynamo::from_attribute_value::<_, Restrictions>(attribute).unwrap(), names);
    }

    proptest! {
        #[test]
        fn any_other_name_is_unknown(
            other in ".*".prop_filter("not enforced", |name| !ENFORCED.contains(&name.as_str())),
            mut names in vec(".*", 0..3),
            at: prop::sample::Index,
        ) {
            names.insert(at.index(names.len() + 1), other);
            prop_assert!(Restrictions(names).has_unknown());
        }
    }
}
