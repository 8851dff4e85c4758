//! Restrictions on the use of an entity's credentials, by their names.
//!
//! While a deployment is in progress, and after it is rolled back, an older version of the service reads what a newer one
//! has stored. If a newer version restricts a credential in a way that an older one does not know, the older one must
//! reject the credential instead of ignoring the restriction. Therefore a restriction consists of two parts: its details,
//! in attributes of its own, and its name in this set. Each version rejects what has a name that it does not know.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The names of all restrictions of an account, a member, a key or a session.
///
/// The attribute is a string set. An entity without restrictions does not have it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Restrictions(#[serde(with = "serde_dynamo::string_set")] BTreeSet<String>);

/// A restriction that this version enforces. "Versions side by side" in docs/architecture.md describes how to add one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restriction {
    /// An API key may be used only from certain IP addresses.
    AllowedIps,
    /// An API key is disabled.
    Disabled,
    /// The API keys of an account become idle when they are not used.
    IdleKeys,
    /// The API keys of an earlier [`key_epoch`](crate::model::account::Account::key_epoch) of an account have ended.
    KeyEpoch,
    /// The sessions of an account that change API keys must have authenticated recently.
    Reauthentication,
    /// The sessions of an account need a second factor.
    SecondFactor,
    /// A member has passkeys, so the password alone does not log them in.
    Passkeys,
}

impl Restriction {
    fn name(self) -> &'static str {
        match self {
            Self::AllowedIps => "allowed_ips",
            Self::Disabled => "disabled",
            Self::IdleKeys => "idle_keys",
            Self::KeyEpoch => "key_epoch",
            Self::Reauthentication => "reauthentication",
            Self::SecondFactor => "second_factor",
            Self::Passkeys => "passkeys",
        }
    }
}

impl Restrictions {
    /// The name of the attribute.
    pub const ATTRIBUTE: &str = "restrictions";

    /// No restrictions.
    pub const NONE: Self = Self(BTreeSet::new());

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Returns the restrictions with these names. They may be unknown.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(str::to_owned).collect())
    }

    #[must_use]
    pub fn contains(&self, restriction: Restriction) -> bool {
        self.0.contains(restriction.name())
    }

    /// Returns true if there is a restriction that is not one of `enforced`. The credential must then be rejected. `enforced`
    /// are the restrictions whose details the entity contains.
    #[must_use]
    pub fn has_other_than(&self, enforced: &[Restriction]) -> bool {
        self.0.iter().any(|name| !enforced.iter().any(|restriction| restriction.name() == name))
    }
}

impl FromIterator<Restriction> for Restrictions {
    fn from_iter<I: IntoIterator<Item = Restriction>>(restrictions: I) -> Self {
        Self(restrictions.into_iter().map(|restriction| restriction.name().to_owned()).collect())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::{collection::vec, prelude::*};
    use serde_dynamo::AttributeValue;

    use super::*;

    const ALL: [Restriction; 7] = [
        Restriction::AllowedIps,
        Restriction::Disabled,
        Restriction::IdleKeys,
        Restriction::KeyEpoch,
        Restriction::Reauthentication,
        Restriction::SecondFactor,
        Restriction::Passkeys,
    ];

    pub(crate) fn restrictions(names: &[&str]) -> Restrictions {
        Restrictions::from_names(names.iter().copied())
    }

    #[test]
    fn only_restrictions_with_details_are_enforced() {
        assert!(!Restrictions::NONE.has_other_than(&[]));
        let all: Restrictions = ALL.into_iter().collect();
        assert!(!all.has_other_than(&ALL));
        for enforced in [&[][..], &ALL[..1], &ALL[..2], &ALL[1..]] {
            assert!(all.has_other_than(enforced), "{enforced:?}");
        }
    }

    #[test]
    fn attribute_is_a_string_set() {
        let names: Restrictions = [Restriction::Disabled].into_iter().collect();
        let attribute: AttributeValue = serde_dynamo::to_attribute_value(&names).unwrap();
        assert_eq!(attribute, AttributeValue::Ss(vec!["disabled".to_owned()]));
        assert_eq!(serde_dynamo::from_attribute_value::<_, Restrictions>(attribute).unwrap(), names);
    }

    proptest! {
        #[test]
        fn any_other_name_is_unknown(
            other in ".*".prop_filter("not enforced", |name| ALL.iter().all(|known| known.name() != name)),
            names in vec(".*", 0..3),
        ) {
            let names = names.into_iter().chain([other]).collect();
            prop_assert!(Restrictions(names).has_other_than(&ALL));
        }
    }
}
