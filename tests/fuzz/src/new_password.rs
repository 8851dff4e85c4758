//! The input has three lines: the address of a member, the name of the account, and a new password.

use shared::{
    credentials::{
        password::NewPassword,
        password_list::{self, comparable, letters},
        password_rules::{PasswordContext, WeakPassword::Personal},
    },
    primitives::{email::EmailAddress, name::Name},
};

/// Whether a password is personal or listed does not depend on the case of its ASCII letters. A listed password is
/// rejected, and so is one that adds little to the address, to the part before its `@` or to the account's name.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let mut lines = text.splitn(3, '\n');
    let (Some(email), Some(name), Some(password)) = (lines.next(), lines.next(), lines.next()) else {
        return;
    };
    let (Ok(email), Ok(name)) = (EmailAddress::try_from(email.to_owned()), Name::try_from(name.to_owned()))
    else {
        return;
    };
    if NewPassword::try_from(password.to_owned()).is_err() {
        return;
    }
    let words = [
        email.as_str().to_owned(),
        email.as_str().rsplit_once('@').expect("a domain").0.to_owned(),
        name.as_str().to_owned(),
    ];
    let context = PasswordContext::new(email, name);
    let result = context.check(password);

    let upper = password.to_ascii_uppercase();
    let form = comparable(password);
    assert_eq!(*comparable(&upper), *form);
    assert_eq!(context.check(&upper) == Err(Personal), result == Err(Personal));
    if password_list::contains(&form) {
        assert!(result.is_err(), "a listed password is accepted");
    }
    for word in words {
        let Some(long_enough) = Some(letters(&word)).filter(|letters| letters.chars().count() >= 3) else {
            continue;
        };
        for little_added in
            [word.clone(), format!("2026 {word}"), format!("{word}-12!x"), long_enough.to_string()]
        {
            assert_eq!(context.check(&little_added), Err(Personal), "{word}");
        }
    }
}
