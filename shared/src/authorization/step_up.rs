//! Step-up: which requests of a session need a second factor, and which need a recent authentication.
//!
//! The authorizer authorizes these requests, because only a function can return their error codes. Each function applies these
//! rules before it reads the body. An API key has no factors and never needs either.

use crate::{
    authorization::principal::{Principal, SessionPrincipal},
    model::restrictions::Restriction,
    primitives::{factor::Factor, timestamp::Timestamp},
};

/// How long ago the last authentication may be for operations that always need a recent one, in seconds: 15 minutes.
const RECENT: u32 = 15 * 60;

/// What a session lacks for a request: 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StepUpRequired {
    /// The account requires a second factor, and the session has none.
    #[error("second factor required")]
    SecondFactor,
    /// The last authentication is too long ago.
    #[error("reauthentication required")]
    Reauthentication,
}

/// Which requests need a recent authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reauthentication {
    /// Requests of sessions that did not authenticate in the last 15 minutes.
    Always,
    /// Requests of sessions that did not authenticate within the limit of the account's policy, if it has one.
    ByPolicy,
    Never,
}

/// Returns when a request needs a recent authentication. This is the only place that says so for routes. Operations that depend on
/// the body or on stored data also use [`require_recent_authentication`].
fn reauthentication(method: &str, route: &str) -> Reauthentication {
    match (method, route) {
        (
            "POST",
            "/v1/api-keys/revoke"
            | "/v1/auth/passkeys"
            | "/v1/auth/passkeys/options"
            | "/v1/auth/recovery-codes"
            | "/v1/members"
            | "/v1/members/{user_id}/invite",
        )
        | ("PATCH" | "DELETE", "/v1/members/{user_id}")
        | ("DELETE", "/v1/auth/passkeys/{passkey_id}")
        | ("PATCH", "/v1/account") => Reauthentication::Always,
        ("POST", "/v1/api-keys" | "/v1/api-keys/{key_id}/rotate") | ("PATCH", "/v1/api-keys/{key_id}") => {
            Reauthentication::ByPolicy
        }
        _ => Reauthentication::Never,
    }
}

/// Returns true if a session without a second factor may make a request although the account requires one: to add a passkey, to
/// change the password, to authenticate again, to show who is calling, and to log out.
fn is_allowed_without_second_factor(method: &str, route: &str) -> bool {
    matches!(
        (method, route),
        ("GET", "/v1/auth/me")
            | (
                "POST",
                "/v1/auth/reauthenticate"
                    | "/v1/auth/passkeys"
                    | "/v1/auth/passkeys/options"
                    | "/v1/auth/password"
                    | "/v1/auth/logout"
            )
    )
}

/// Returns true if the account of `session` requires a second factor, and the session has none.
#[must_use]
pub fn lacks_second_factor(session: &SessionPrincipal) -> bool {
    session.account_restrictions.contains(Restriction::SecondFactor)
        && ![Factor::Passkey, Factor::RecoveryCode].iter().any(|factor| session.factors.contains(*factor))
}

/// Checks that `principal` may make a request at `now`. The method of a `HEAD` request is `GET`.
///
/// # Errors
/// Returns what the session lacks.
pub fn check(principal: &Principal, method: &str, route: &str, now: Timestamp) -> Result<(), StepUpRequired> {
    let Principal::Session(session) = principal else { return Ok(()) };
    if lacks_second_factor(session) && !is_allowed_without_second_factor(method, route) {
        return Err(StepUpRequired::SecondFactor);
    }
    let valid_until = match reauthentication(method, route) {
        Reauthentication::Always => Some(session.authenticated_at.plus_seconds(RECENT)),
        Reauthentication::ByPolicy => {
            session.reauthentication_minutes.map(|limit| limit.after(session.authenticated_at))
        }
        Reauthentication::Never => None,
    };
    if valid_until.is_some_and(|end| end <= now) { Err(StepUpRequired::Reauthentication) } else { Ok(()) }
}

/// Checks that `principal` may make a change at `now` that always needs a recent authentication.
///
/// # Errors
/// If the caller is a session whose last authentication is 15 minutes ago or more.
pub fn require_recent_authentication(principal: &Principal, now: Timestamp) -> Result<(), StepUpRequired> {
    match principal {
        Principal::Session(session) if session.authenticated_at.plus_seconds(RECENT) <= now => {
            Err(StepUpRequired::Reauthentication)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner};

    use super::*;
    use crate::{
        authorization::{
            principal::tests::{any_key_principal, any_session_principal},
            routes::PROTECTED,
        },
        model::restrictions::Restrictions,
        primitives::{factor::Factors, timestamp::tests::timestamp},
    };

    const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

    /// The requests that need no second factor, as the API contract lists them.
    const WITHOUT_SECOND_FACTOR: [(&str, &str); 6] = [
        ("GET", "/v1/auth/me"),
        ("POST", "/v1/auth/reauthenticate"),
        ("POST", "/v1/auth/passkeys/options"),
        ("POST", "/v1/auth/passkeys"),
        ("POST", "/v1/auth/password"),
        ("POST", "/v1/auth/logout"),
    ];

    fn any_request() -> impl Strategy<Value = (&'static str, &'static str)> {
        (select(&METHODS[..]), select(&PROTECTED[..]))
    }

    #[test]
    fn reauthentication_is_needed_from_the_last_second_of_the_limit_on() {
        let at = |seconds: i64| timestamp(1_000 + seconds);
        let mut runner = TestRunner::deterministic();
        let session = any_session_principal().new_tree(&mut runner).unwrap().current();
        let session = SessionPrincipal {
            authenticated_at: at(0),
            account_restrictions: Restrictions::NONE,
            reauthentication_minutes: Some(5.try_into().unwrap()),
            ..session
        };
        let unlimited = SessionPrincipal { reauthentication_minutes: None, ..session.clone() };
        let needs = |session: &SessionPrincipal, method, route, now| {
            check(&Principal::Session(session.clone()), method, route, now).is_err()
        };
        for session in [&session, &unlimited] {
            assert!(!needs(session, "PATCH", "/v1/account", at(899)));
            assert!(needs(session, "PATCH", "/v1/account", at(900)));
            assert!(!needs(session, "DELETE", "/v1/api-keys/{key_id}", at(9_000)));
        }
        assert!(!needs(&session, "POST", "/v1/api-keys", at(299)));
        assert!(needs(&session, "POST", "/v1/api-keys", at(300)));
        assert!(!needs(&unlimited, "POST", "/v1/api-keys", at(9_000)));
    }

    proptest! {
        #[test]
        fn key_never_needs_a_step_up(key in any_key_principal(), request in any_request(), now in 0..4_000_000_000_i64) {
            let principal = Principal::ApiKey(key);
            prop_assert_eq!(check(&principal, request.0, request.1, timestamp(now)), Ok(()));
            prop_assert_eq!(require_recent_authentication(&principal, timestamp(now)), Ok(()));
        }

        #[test]
        fn session_with_a_second_factor_never_needs_another(
            session in any_session_principal(),
            request in any_request(),
            factor in select(&[Factor::Passkey, Factor::RecoveryCode][..]),
        ) {
            let factors = session.factors.with(factor);
            let session = Principal::Session(SessionPrincipal { factors, ..session });
            let checked = check(&session, request.0, request.1, timestamp(0));
            prop_assert_ne!(checked, Err(StepUpRequired::SecondFactor));
        }

        #[test]
        fn second_factor_comes_before_reauthentication_except_for_the_listed_requests(
            session in any_session_principal(),
        ) {
            let session = SessionPrincipal {
                factors: Factors::PASSWORD,
                account_restrictions: [Restriction::SecondFactor].into_iter().collect(),
                ..session
            };
            let now = session.authenticated_at.plus_seconds(100 * RECENT);
            let session = Principal::Session(session);
            for request in METHODS.iter().flat_map(|method| PROTECTED.iter().map(|route| (*method, *route))) {
                let checked = check(&session, request.0, request.1, now);
                let is_listed = WITHOUT_SECOND_FACTOR.contains(&request);
                prop_assert_eq!(checked == Err(StepUpRequired::SecondFactor), !is_listed, "{:?}", request);
            }
        }
    }
}
