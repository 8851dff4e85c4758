//! Whether somebody who reports a credential as leaked has it. Only who knows a valid secret of a credential can end it by a
//! report.

use crate::{
    credentials::{
        digest::TokenDigest,
        pepper::{Peppers, UnknownPepper},
    },
    model::{api_key::ApiKey, session::Session},
    primitives::timestamp::Timestamp,
};

/// Returns the pepper versions that are needed to verify the secrets of `key` that are valid at `now`.
pub fn pepper_versions(key: &ApiKey, now: Timestamp) -> impl Iterator<Item = &str> {
    valid_digests(key, now).map(TokenDigest::pepper_version)
}

/// Returns the digests of the secrets of `key` that are valid at `now`, even if the key has expired.
fn valid_digests(key: &ApiKey, now: Timestamp) -> impl Iterator<Item = &TokenDigest> {
    let (current, previous) = key.state.secrets();
    let previous = previous.filter(|previous| now < previous.ends_at).map(|previous| &previous.digest);
    current.into_iter().chain(previous)
}

/// Returns true if `token` is the current token of `key`, or the previous one in its grace period. The key may have expired.
///
/// # Errors
/// Returns an error if the pepper of a digest that decides this is not available.
pub fn is_token_of_key(
    token: &str,
    key: &ApiKey,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<bool, UnknownPepper> {
    let mut result = Ok(false);
    for digest in valid_digests(key, now) {
        match digest.matches(token, peppers) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            // The other digest may match.
            Err(unknown) => result = Err(unknown),
        }
    }
    result
}

/// Returns true if `token` is the token of `session`. The session may have expired.
///
/// # Errors
/// Returns an error if the pepper of the session's digest is not available.
pub fn is_token_of_session(token: &str, session: &Session, peppers: &Peppers) -> Result<bool, UnknownPepper> {
    session.digest.matches(token, peppers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        credentials::pepper::tests::{pepper, peppers},
        model::{
            api_key::{
                KeyState,
                tests::{api_key, rotated},
            },
            session::tests::session,
        },
        primitives::timestamp::tests::timestamp,
    };

    fn is_token(token: &str, key: &ApiKey, now: i64) -> Result<bool, UnknownPepper> {
        is_token_of_key(token, key, &peppers("1"), timestamp(now))
    }

    #[test]
    fn current_and_unexpired_previous_token_belong_to_the_key() {
        let (key, _) = rotated(&api_key(), "two", 100, 10).unwrap();
        for (token, now, belongs) in [
            ("two", 20, true),
            ("one", 109, true),
            ("one", 110, false),
            ("two", 110, true),
            ("three", 20, false),
        ] {
            assert_eq!(is_token(token, &key, now), Ok(belongs), "{token} at {now}");
        }
    }

    #[test]
    fn token_of_an_expired_key_still_belongs_to_it() {
        let key = ApiKey { expires_at: Some(timestamp(10)), ..api_key() };
        assert_eq!(is_token("one", &key, 20), Ok(true));
    }

    #[test]
    fn revoked_key_has_no_token() {
        let key = ApiKey { state: KeyState::Revoked, ..api_key() };
        assert_eq!(is_token("one", &key, 20), Ok(false));
    }

    #[test]
    fn token_with_an_unavailable_pepper_is_an_error_unless_the_other_one_matches() {
        let newer = Peppers::new(pepper("2"), None);
        let now = timestamp(20);
        let (mut key, _) = rotated(&api_key(), "two", 100, 10).unwrap();
        assert_eq!(is_token_of_key("one", &key, &newer, now), Err(UnknownPepper));
        let KeyState::Active { current, .. } = &mut key.state else { panic!("the key is active") };
        *current = TokenDigest::of("two", &newer);
        assert_eq!(is_token_of_key("two", &key, &newer, now), Ok(true));
        assert_eq!(is_token_of_key("one", &key, &newer, now), Err(UnknownPepper));
        // The grace period is over, so the digest with the unavailable pepper no longer matters.
        assert_eq!(is_token_of_key("one", &key, &newer, timestamp(110)), Ok(false));
    }

    #[test]
    fn session_has_only_its_own_token() {
        let session = session(None);
        for (token, belongs) in [("token", true), ("other", false)] {
            assert_eq!(is_token_of_session(token, &session, &peppers("1")), Ok(belongs));
        }
        let newer = Peppers::new(pepper("2"), None);
        assert_eq!(is_token_of_session("token", &session, &newer), Err(UnknownPepper));
    }
}
