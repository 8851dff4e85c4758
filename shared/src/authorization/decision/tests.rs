use proptest::{option, prelude::*, sample::select};
use rand::{SeedableRng, rngs::StdRng};

use super::*;
use crate::{
    authorization::principal::tests::any_principal,
    credentials::{
        pepper::tests::peppers,
        token::{NewToken, Token},
    },
    model::{api_key::tests::api_key, member::MemberStatus},
    primitives::{
        permission::{Permissions, tests::any_permissions},
        random::Random,
        scope::tests::any_scope,
        timestamp::tests::timestamp,
    },
};

const NOW: i64 = 1_000;
const ACTIVE: AccountSummary = AccountSummary { status: AccountStatus::Active, quotas: None };

const ROUTES: [&str; 14] = [
    "/v1/auth/me",
    "/v1/auth/logout",
    "/v1/auth/password",
    "/v1/auth/sessions",
    "/v1/auth/sessions/{session_id}",
    "/v1/api-keys",
    "/v1/api-keys/{key_id}",
    "/v1/api-keys/{key_id}/rotate",
    "/v1/audit-events",
    "/v1/members",
    "/v1/members/{user_id}",
    "/v1/projects",
    "/v1/projects/{project_id}",
    "/v1/projects/{project_id}/samples",
];
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"];

fn asked<'a>(method: &'a str, route: &'a str) -> AuthorizationRequest<'a> {
    AuthorizationRequest { method, route, key_id: None, project_id: None, environments: &[] }
}

/// Decides on `GET /v1/auth/me` with `presented`, for a key that `change` made of the usual one with the
/// current secret `one`.
fn decided(
    presented: &NewToken,
    change: impl FnOnce(ApiKey) -> ApiKey,
    status: AccountStatus,
) -> Result<Principal, Denied> {
    let value = format!("Bearer {}", presented.expose());
    let Ok(Token::ApiKey(token)) = Token::from_authorization(&value) else { panic!("no key token") };
    let found = LoadedKey { key: change(api_key()), account: AccountSummary { status, quotas: None } };
    decide_key(&asked("GET", "/v1/auth/me"), &token, &found, &peppers("1"), timestamp(NOW))
}

fn token(seed: u64) -> NewToken {
    let key = api_key();
    NewToken::for_key(key.environment, key.account_id, key.id, &Random::new(StdRng::seed_from_u64(seed)))
}

fn with_secrets(current: &NewToken, previous: Option<(&NewToken, i64)>) -> ApiKey {
    let digest = |token: &NewToken| TokenDigest::of(token.expose(), &peppers("1"));
    let previous =
        previous.map(|(token, ends_at)| Superseded { digest: digest(token), ends_at: timestamp(ends_at) });
    ApiKey { state: State::Active { current: digest(current), previous, generation: 1 }, ..api_key() }
}

fn secret(decided: &Result<Principal, Denied>) -> Option<SecretAge> {
    match decided {
        Ok(Principal::ApiKey(key)) => Some(key.secret),
        _ => None,
    }
}

#[test]
fn the_current_secret_passes_and_another_does_not() {
    let decision = decided(&token(1), |_| with_secrets(&token(1), None), AccountStatus::Active);
    assert_eq!(secret(&decision), Some(SecretAge::Current));
    let decision = decided(&token(2), |_| with_secrets(&token(1), None), AccountStatus::Active);
    assert_eq!(decision, Err(Unauthenticated::WrongSecret.into()));
}

#[test]
fn the_previous_secret_passes_until_its_overlap_ends() {
    let old = token(1);
    let during = decided(&old, |_| with_secrets(&token(2), Some((&old, NOW + 1))), AccountStatus::Active);
    assert_eq!(secret(&during), Some(SecretAge::Previous));
    let after = decided(&old, |_| with_secrets(&token(2), Some((&old, NOW))), AccountStatus::Active);
    assert_eq!(after, Err(Unauthenticated::SecretSuperseded.into()));
}

#[test]
fn the_pepper_of_a_previous_secret_is_asked_for_until_its_overlap_ends() {
    let old = token(1);
    let value = format!("Bearer {}", old.expose());
    let Ok(Token::ApiKey(token)) = Token::from_authorization(&value) else { panic!("no key token") };
    let previous =
        Superseded { digest: TokenDigest::of(old.expose(), &peppers("1")), ends_at: timestamp(NOW + 1) };
    let current = TokenDigest::of("another", &peppers("2"));
    let state = State::Active { current, previous: Some(previous), generation: 1 };
    let found = LoadedKey { key: ApiKey { state, ..api_key() }, account: ACTIVE };
    let decided = |now| {
        let versions: Vec<_> = found.pepper_versions(timestamp(now)).collect();
        (versions, decide_key(&asked("GET", "/v1/auth/me"), &token, &found, &peppers("2"), timestamp(now)))
    };
    assert_eq!(decided(NOW), (vec!["2", "1"], Err(UnknownPepper.into())));
    assert_eq!(decided(NOW + 1), (vec!["2"], Err(Unauthenticated::WrongSecret.into())));
}

#[test]
fn an_expired_or_revoked_key_is_rejected() {
    let one = token(1);
    let with_end = |end| ApiKey { expires_at: Some(timestamp(end)), ..with_secrets(&one, None) };
    assert!(secret(&decided(&one, |_| with_end(NOW + 1), AccountStatus::Active)).is_some());
    assert_eq!(decided(&one, |_| with_end(NOW), AccountStatus::Active), Err(Unauthenticated::Expired.into()));
    let revoked = |key| ApiKey { state: State::Revoked, ..key };
    assert_eq!(decided(&one, revoked, AccountStatus::Active), Err(Unauthenticated::Revoked.into()));
}

#[test]
fn a_suspended_account_is_forbidden_only_after_the_right_secret() {
    let one = token(1);
    let right = decided(&one, |_| with_secrets(&one, None), AccountStatus::Suspended);
    assert_eq!(right, Err(Forbidden::AccountSuspended.into()));
    let wrong = decided(&token(2), |_| with_secrets(&one, None), AccountStatus::Suspended);
    assert_eq!(wrong, Err(Unauthenticated::WrongSecret.into()));
}

#[test]
fn a_digest_of_another_pepper_decides_nothing() {
    let one = token(1);
    let value = format!("Bearer {}", one.expose());
    let Ok(Token::ApiKey(token)) = Token::from_authorization(&value) else { panic!("no key token") };
    let found = LoadedKey { key: with_secrets(&one, None), account: ACTIVE };
    assert!(decide_key(&asked("GET", "/v1/auth/me"), &token, &found, &peppers("2"), timestamp(NOW)).is_err());
}

/// Decides on a session of epoch 1 that ends at `expires_at`, for `member`.
fn session_decided(expires_at: i64, member: Option<Member>) -> Result<Principal, Denied> {
    let random = Random::new(StdRng::seed_from_u64(1));
    let (account_id, user_id, id) = (
        "acct_0000000000000001".parse().unwrap(),
        "user_0000000000000001".parse().unwrap(),
        "sid_0000000000000001".parse().unwrap(),
    );
    let new = NewToken::for_session(account_id, user_id, id, &random);
    let value = format!("Session {}", new.expose());
    let Ok(Token::Session(token)) = Token::from_authorization(&value) else { panic!("no session token") };
    let session = Session {
        id,
        account_id,
        user_id,
        digest: TokenDigest::of(new.expose(), &peppers("1")),
        epoch: 1,
        created_at: timestamp(0),
        expires_at: timestamp(expires_at),
        last_used_at: None,
        user_agent: None,
    };
    let found = LoadedSession { session, member, account: ACTIVE };
    decide_session(&asked("GET", "/v1/auth/me"), &token, &found, &peppers("1"), timestamp(NOW))
}

#[test]
fn a_session_ends_with_its_time_its_epoch_and_its_member() {
    let member = Member {
        id: "user_0000000000000001".parse().unwrap(),
        account_id: "acct_0000000000000001".parse().unwrap(),
        email: "user@example.com".to_owned().try_into().unwrap(),
        permissions: Permissions::ALL,
        status: MemberStatus::Active,
        created_at: timestamp(0),
        session_epoch: 1,
    };
    let ended = Err(Unauthenticated::SessionEnded.into());
    assert!(session_decided(NOW + 1, Some(member.clone())).is_ok());
    assert_eq!(session_decided(NOW, Some(member.clone())), Err(Unauthenticated::Expired.into()));
    assert_eq!(session_decided(NOW + 1, None), ended);
    assert_eq!(session_decided(NOW + 1, Some(Member { session_epoch: 2, ..member.clone() })), ended);
    assert_eq!(session_decided(NOW + 1, Some(Member { status: MemberStatus::Suspended, ..member })), ended);
}

fn key_principal(environment: Environment, permissions: Permissions, scope: Scope) -> Principal {
    Principal::ApiKey(KeyPrincipal {
        account_id: "acct_0000000000000001".parse().unwrap(),
        key_id: "key_0000000000000001".parse().unwrap(),
        name: "Key".to_owned().try_into().unwrap(),
        environment,
        permissions,
        scope,
        expires_at: None,
        secret: SecretAge::Current,
        generation: 0,
    })
}

proptest! {
    #[test]
    fn what_no_rule_names_is_denied(method in "[A-Z]{3,7}", route in "/[a-z0-9/{}_-]{0,40}", principal in any_principal()) {
        prop_assume!(!ROUTES.contains(&route.as_str()));
        prop_assert_eq!(permit(&asked(&method, &route), &principal, AccountStatus::Active), Err(Forbidden::NoRule));
    }

    #[test]
    fn a_key_passes_only_with_a_permission_that_lets_it(
        method in select(&METHODS[..]),
        route in select(&ROUTES[..]),
        environment in select(&Environment::ALL[..]),
        permissions in any_permissions(),
        scope in any_scope(),
        project in option::of("proj_[a-e]"),
    ) {
        let asked = AuthorizationRequest { project_id: project.as_deref(), ..asked(method, route) };
        let passes = permit(&asked, &key_principal(environment, permissions, scope.clone()), AccountStatus::Active).is_ok();
        if passes && route != "/v1/auth/me" {
            let needed = match (route, method) {
                (route, _) if !route.starts_with("/v1/projects") => Permission::Admin,
                (_, "GET" | "HEAD") => Permission::Read,
                (_, "DELETE") => Permission::Delete,
                _ => Permission::Write,
            };
            prop_assert!(permissions.contains(needed));
        }
        if passes && scope != Scope::All && route.starts_with("/v1/projects/") {
            prop_assert!(scope.reaches(&project.unwrap().parse().unwrap()));
        }
    }

    #[test]
    fn a_key_never_names_the_other_environment(
        method in select(&METHODS[..]),
        permissions in any_permissions(),
        environment in select(&Environment::ALL[..]),
    ) {
        let other = if environment == Environment::Live { "test" } else { "live" };
        let environments = [environment.as_str().to_owned(), other.to_owned()];
        let principal = key_principal(environment, permissions, Scope::All);
        for route in ["/v1/projects", "/v1/projects/{project_id}"] {
            let asked = AuthorizationRequest { environments: &environments, ..asked(method, route) };
            prop_assert!(permit(&asked, &principal, AccountStatus::Active).is_err());
        }
    }

    #[test]
    fn a_key_without_admin_reaches_itself_alone_among_keys(own: bool, permissions in any_permissions()) {
        let id = if own { "key_0000000000000001" } else { "key_0000000000000002" };
        let principal = key_principal(Environment::Live, permissions, Scope::All);
        for (method, route) in [
            ("GET", "/v1/api-keys/{key_id}"),
            ("DELETE", "/v1/api-keys/{key_id}"),
            ("POST", "/v1/api-keys/{key_id}/rotate"),
        ] {
            let passes = permit(&AuthorizationRequest { key_id: Some(id), ..asked(method, route) }, &principal, AccountStatus::Active).is_ok();
            prop_assert_eq!(passes, own || permissions.contains(Permission::Admin));
        }
    }
}
