//! The input is a single value of a request or of the authorizer's context.

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

/// A parsed value is within its limits, and its printed text parses to the same value.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    for printed in [
        text.parse::<AccountId>().map(|id| id.to_string()).ok(),
        text.parse::<KeyId>().map(|id| id.to_string()).ok(),
        text.parse::<UserId>().map(|id| id.to_string()).ok(),
        text.parse::<SessionId>().map(|id| id.to_string()).ok(),
        text.parse::<ProjectId>().map(|id| id.to_string()).ok(),
        Permission::from_name(text).map(|permission| permission.as_str().to_owned()),
        Environment::from_name(text).map(|environment| environment.as_str().to_owned()),
    ]
    .into_iter()
    .flatten()
    {
        assert_eq!(printed, text, "these values have only one spelling");
    }

    if let Ok(timestamp) = text.parse::<Timestamp>() {
        let printed = timestamp.to_string();
        assert_eq!(
            printed.len(),
            "2027-01-30T12:00:00Z".len(),
            "all have the same length, so that they sort by time"
        );
        assert_parses_to(&timestamp, printed.parse());
    }
    if let Ok(name) = Name::try_from(text.to_owned()) {
        let printed = name.as_str();
        assert!((1..=MAX_NAME_CHARS).contains(&printed.chars().count()));
        assert!(!printed.contains(char::is_control) && printed.trim() == printed);
        assert_parses_to(&name, printed.to_owned().try_into());
    }
    if let Ok(address) = EmailAddress::try_from(text.to_owned()) {
        let printed = address.as_str();
        assert!(printed.is_ascii() && printed.to_ascii_lowercase() == printed);
        let (user, domain) = printed.rsplit_once('@').expect("a user and a domain");
        assert!((1..=64).contains(&user.len()) && (1..=254).contains(&domain.len()));
        assert_parses_to(&address, printed.to_owned().try_into());
    }
}

fn assert_parses_to<T: PartialEq + fmt::Debug, E: fmt::Debug>(value: &T, parsed: Result<T, E>) {
    assert_eq!(*value, parsed.expect("the printed text is valid"));
}
