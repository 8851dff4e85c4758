//! The values that requests and the authorizer's context are made of.

use std::fmt;

use shared::primitives::{
    email::EmailAddress,
    environment::Environment,
    id::{AccountId, KeyId, SessionId, UserId},
    name::{MAX_NAME_CHARS, Name},
    permission::Permission,
    project_id::ProjectId,
    timestamp::Timestamp,
};

/// A value that is read from a text and printed is read again as the same, and keeps within its limits.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    for read in [
        text.parse::<AccountId>().map(|id| id.to_string()).ok(),
        text.parse::<KeyId>().map(|id| id.to_string()).ok(),
        text.parse::<UserId>().map(|id| id.to_string()).ok(),
        text.parse::<SessionId>().map(|id| id.to_string()).ok(),
        text.parse::<ProjectId>().map(|id| id.to_string()).ok(),
        Permission::named(text).map(|permission| permission.as_str().to_owned()),
        Environment::named(text).map(|environment| environment.as_str().to_owned()),
    ]
    .into_iter()
    .flatten()
    {
        assert_eq!(read, text, "these have one spelling alone");
    }

    if let Ok(moment) = text.parse::<Timestamp>() {
        let printed = moment.to_string();
        assert_eq!(printed.len(), "2027-01-30T12:00:00Z".len(), "texts sort as the moments do");
        is_same(&moment, printed.parse());
    }
    if let Ok(name) = Name::try_from(text.to_owned()) {
        let printed = name.as_str();
        assert!((1..=MAX_NAME_CHARS).contains(&printed.chars().count()));
        assert!(!printed.contains(char::is_control) && printed.trim() == printed);
        is_same(&name, printed.to_owned().try_into());
    }
    if let Ok(address) = EmailAddress::try_from(text.to_owned()) {
        let printed = address.as_str();
        assert!(printed.is_ascii() && printed.to_ascii_lowercase() == printed);
        let (user, domain) = printed.rsplit_once('@').expect("a user and a domain");
        assert!((1..=64).contains(&user.len()) && (1..=254).contains(&domain.len()));
        is_same(&address, printed.to_owned().try_into());
    }
}

fn is_same<T: PartialEq + fmt::Debug, E: fmt::Debug>(value: &T, again: Result<T, E>) {
    assert_eq!(*value, again.expect("what is printed is read"));
}
