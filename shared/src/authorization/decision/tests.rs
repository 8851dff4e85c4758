use proptest::{option, prelude::*, sample::select};
use rand::{SeedableRng, rngs::StdRng};

use super::*;
use crate::{
    authorization::{denial::DenialReason, principal::tests::any_principal, routes::PROTECTED},
    credentials::{
        pepper::tests::peppers,
        token::{NewToken, Token},
        token_mac::tests::token_mac_key,
    },
    model::{
        account_policy::{IdleKeyRule, tests::idle_after},
        api_key::{DisabledBy, tests::api_key},
        member::MemberStatus,
        restrictions::{Restriction, Restrictions, tests::restrictions},
    },
    primitives::{
        allowed_ips::{
            AllowedIps,
            tests::{any_address, any_allowed_ips},
        },
        factor::{Factor, Factors},
        permission::{Permissions, tests::any_permissions},
        random::Random,
        scope::tests::any_scope,
        timestamp::tests::timestamp,
    },
};

const NOW: i64 = 1_000;
const ACTIVE: AccountSummary = AccountSummary {
    status: AccountStatus::Active,
    quotas: None,
    session_epoch: 2,
    key_epoch: 0,
    max_key_lifetime_days: None,
    idle_keys: None,
    require_second_factor: false,
    reauthentication_minutes: None,
    restrictions: Restrictions::NONE,
};

/// The protected routes, and one of another API below a project.
fn routes() -> Vec<&'static str> {
    PROTECTED.into_iter().chain(["/v1/projects/{project_id}/samples"]).collect()
}

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"];

fn request<'a>(method: &'a str, route: &'a str) -> AuthorizationRequest<'a> {
    AuthorizationRequest { method, route, key_id: None, project_id: None, environments: &[], source_ip: None }
}

#[test]
fn session_of_a_suspended_account_or_of_an_earlier_epoch_has_ended() {
    let ended = Err(Unauthenticated::SessionEnded.into());
    let decide =
        |change: fn(&mut LoadedSession)| decide_on_changed_session(NOW + 1, Some(active_member()), change);
    assert_eq!(decide(|loaded| loaded.account.status = AccountStatus::Suspended), ended);
    assert_eq!(decide(|loaded| loaded.account.session_epoch = 3), ended);
    assert_eq!(decide(|loaded| loaded.session.account_epoch = 0), ended);
}

/// Decides on `GET /v1/auth/me` with the token `presented`. The stored key is the result of `change` on the usual test
/// key, and the account has `status`.
fn decide_on_key(
    presented: &NewToken,
    change: impl FnOnce(ApiKey) -> ApiKey,
    status: AccountStatus,
) -> Result<Principal, Denied> {
    let loaded = LoadedKey { key: change(api_key()), account: AccountSummary { status, ..ACTIVE } };
    authorize(&request("GET", "/v1/auth/me"), presented, &loaded)
}

/// Decides on a request with the token `presented`.
fn authorize(
    request: &AuthorizationRequest<'_>,
    presented: &NewToken,
    loaded: &LoadedKey,
) -> Result<Principal, Denied> {
    let value = format!("Bearer {}", presented.expose());
    let Ok(Token::ApiKey(token)) = Token::from_authorization(&value, &token_mac_key()) else {
        panic!("no key token")
    };
    authorize_key(request, &token, loaded, &peppers("1"), timestamp(NOW))
}

fn token(seed: u64) -> NewToken {
    let key = api_key();
    NewToken::for_key(
        key.environment,
        key.account_id,
        key.id,
        &token_mac_key(),
        &Random::new(StdRng::seed_from_u64(seed)),
    )
}

fn with_secrets(current: &NewToken, previous: Option<(&NewToken, i64)>) -> ApiKey {
    let digest = |token: &NewToken| TokenDigest::of(token.expose(), &peppers("1"));
    let previous = previous
        .map(|(token, ends_at)| PreviousSecret { digest: digest(token), ends_at: timestamp(ends_at) });
    ApiKey { state: KeyState::Active { current: digest(current), previous, generation: 1 }, ..api_key() }
}

fn secret_age(decision: &Result<Principal, Denied>) -> Option<SecretAge> {
    match decision {
        Ok(Principal::ApiKey(key)) => Some(key.secret),
        _ => None,
    }
}

#[test]
fn current_secret_is_accepted_and_wrong_secret_is_rejected() {
    let decision = decide_on_key(&token(1), |_| with_secrets(&token(1), None), AccountStatus::Active);
    assert_eq!(secret_age(&decision), Some(SecretAge::Current));
    let decision = decide_on_key(&token(2), |_| with_secrets(&token(1), None), AccountStatus::Active);
    assert_eq!(decision, Err(Unauthenticated::WrongSecret.into()));
}

#[test]
fn previous_secret_is_accepted_until_the_grace_period_ends() {
    let old = token(1);
    let during =
        decide_on_key(&old, |_| with_secrets(&token(2), Some((&old, NOW + 1))), AccountStatus::Active);
    assert_eq!(secret_age(&during), Some(SecretAge::Previous));
    let after = decide_on_key(&old, |_| with_secrets(&token(2), Some((&old, NOW))), AccountStatus::Active);
    assert_eq!(after, Err(Unauthenticated::SecretReplaced.into()));
}

#[test]
fn pepper_of_the_previous_secret_is_required_until_the_grace_period_ends() {
    let old = token(1);
    let value = format!("Bearer {}", old.expose());
    let Ok(Token::ApiKey(token)) = Token::from_authorization(&value, &token_mac_key()) else {
        panic!("no key token")
    };
    let previous =
        PreviousSecret { digest: TokenDigest::of(old.expose(), &peppers("1")), ends_at: timestamp(NOW + 1) };
    let current = TokenDigest::of("another", &peppers("2"));
    let state = KeyState::Active { current, previous: Some(previous), generation: 1 };
    let loaded = LoadedKey { key: ApiKey { state, ..api_key() }, account: ACTIVE };
    let decide_at = |now| {
        let versions: Vec<_> = loaded.pepper_versions(timestamp(now)).collect();
        (
            versions,
            authorize_key(&request("GET", "/v1/auth/me"), &token, &loaded, &peppers("2"), timestamp(now)),
        )
    };
    assert_eq!(decide_at(NOW), (vec!["2", "1"], Err(UnknownPepper.into())));
    assert_eq!(decide_at(NOW + 1), (vec!["2"], Err(Unauthenticated::WrongSecret.into())));
}

#[test]
fn expired_or_revoked_key_is_rejected() {
    let one = token(1);
    let with_end = |end| ApiKey { expires_at: Some(timestamp(end)), ..with_secrets(&one, None) };
    assert!(secret_age(&decide_on_key(&one, |_| with_end(NOW + 1), AccountStatus::Active)).is_some());
    assert_eq!(
        decide_on_key(&one, |_| with_end(NOW), AccountStatus::Active),
        Err(Unauthenticated::Expired.into())
    );
    let revoked = |key| ApiKey { state: KeyState::Revoked, ..key };
    assert_eq!(decide_on_key(&one, revoked, AccountStatus::Active), Err(Unauthenticated::Revoked.into()));
}

#[test]
fn suspended_account_is_forbidden_only_with_the_right_secret() {
    let one = token(1);
    let right = decide_on_key(&one, |_| with_secrets(&one, None), AccountStatus::Suspended);
    assert_eq!(right, Err(Forbidden::AccountSuspended.into()));
    let wrong = decide_on_key(&token(2), |_| with_secrets(&one, None), AccountStatus::Suspended);
    assert_eq!(wrong, Err(Unauthenticated::WrongSecret.into()));
}

#[test]
fn digest_with_an_unknown_pepper_is_not_authorized() {
    let one = token(1);
    let value = format!("Bearer {}", one.expose());
    let Ok(Token::ApiKey(token)) = Token::from_authorization(&value, &token_mac_key()) else {
        panic!("no key token")
    };
    let loaded = LoadedKey { key: with_secrets(&one, None), account: ACTIVE };
    assert!(
        authorize_key(&request("GET", "/v1/auth/me"), &token, &loaded, &peppers("2"), timestamp(NOW))
            .is_err()
    );
}

/// Decides on `GET /v1/auth/me` with a session of epoch 1 that expires at `expires_at` and belongs to `member`.
fn decide_on_session(expires_at: i64, member: Option<Member>) -> Result<Principal, Denied> {
    decide_on_changed_session(expires_at, member, |_| ())
}

/// The same, after `change` has changed the stored entities.
fn decide_on_changed_session(
    expires_at: i64,
    member: Option<Member>,
    change: impl FnOnce(&mut LoadedSession),
) -> Result<Principal, Denied> {
    decide_on_request_of_changed_session(&request("GET", "/v1/auth/me"), expires_at, member, change)
}

fn decide_on_request_of_changed_session(
    request: &AuthorizationRequest<'_>,
    expires_at: i64,
    member: Option<Member>,
    change: impl FnOnce(&mut LoadedSession),
) -> Result<Principal, Denied> {
    let random = Random::new(StdRng::seed_from_u64(1));
    let (account_id, user_id, id) = (
        "acct_0000000000000001".parse().unwrap(),
        "user_0000000000000001".parse().unwrap(),
        "sid_0000000000000001".parse().unwrap(),
    );
    let new = NewToken::for_session(account_id, user_id, id, &token_mac_key(), &random);
    let value = format!("Session {}", new.expose());
    let Ok(Token::Session(token)) = Token::from_authorization(&value, &token_mac_key()) else {
        panic!("no session token")
    };
    let session = Session {
        id,
        account_id,
        user_id,
        digest: TokenDigest::of(new.expose(), &peppers("1")),
        epoch: 1,
        account_epoch: 2,
        created_at: timestamp(0),
        expires_at: timestamp(expires_at),
        last_used_at: None,
        user_agent: None,
        ip_address: None,
        restrictions: Restrictions::NONE,
        authenticated_at: None,
        factors: Factors::PASSWORD,
    };
    let mut loaded = LoadedSession { session, member, account: ACTIVE };
    change(&mut loaded);
    authorize_session(request, &token, &loaded, &peppers("1"), timestamp(NOW))
}

fn active_member() -> Member {
    Member {
        id: "user_0000000000000001".parse().unwrap(),
        account_id: "acct_0000000000000001".parse().unwrap(),
        email: "user@example.com".to_owned().try_into().unwrap(),
        permissions: Permissions::ALL,
        status: MemberStatus::Active,
        created_at: timestamp(0),
        session_epoch: 1,
        has_accepted: true,
        invitation: None,
        passkeys: 0,
        restrictions: Restrictions::NONE,
    }
}

#[test]
fn session_is_rejected_after_its_expiry_with_an_older_epoch_or_without_an_active_member() {
    let member = active_member();
    let ended = Err(Unauthenticated::SessionEnded.into());
    assert!(decide_on_session(NOW + 1, Some(member.clone())).is_ok());
    assert_eq!(decide_on_session(NOW, Some(member.clone())), Err(Unauthenticated::Expired.into()));
    assert_eq!(decide_on_session(NOW + 1, None), ended);
    assert_eq!(decide_on_session(NOW + 1, Some(Member { session_epoch: 2, ..member.clone() })), ended);
    assert_eq!(decide_on_session(NOW + 1, Some(Member { status: MemberStatus::Suspended, ..member })), ended);
}

/// Decides on `GET /v1/auth/me` with the token `presented`, if the stored key has the secret `stored` and these restrictions,
/// and the account has those of `account`.
fn decide_on_restricted_key(
    presented: &NewToken,
    stored: &NewToken,
    key: Restrictions,
    account: Restrictions,
) -> Result<Principal, Denied> {
    let key = ApiKey { restrictions: key, ..with_secrets(stored, None) };
    let loaded = LoadedKey { key, account: AccountSummary { restrictions: account, ..ACTIVE } };
    authorize(&request("GET", "/v1/auth/me"), presented, &loaded)
}

/// Returns the rule under which a key that was last active at `last_active` is idle.
fn idle_rule(last_active: Timestamp) -> Option<IdleKeyRule> {
    let rule = idle_after(7, 0).idle_keys;
    rule.map(|rule| IdleKeyRule { idle_cutoff: Some(last_active), ..rule })
}

/// Decides on a key that was last used at the time 10, in an account whose policy made keys idle up to `cutoff`.
fn decide_on_key_unused_since_10(
    presented: &NewToken,
    change: impl FnOnce(ApiKey) -> ApiKey,
    cutoff: i64,
) -> Result<Principal, Denied> {
    let key = ApiKey { last_used_at: Some(timestamp(10)), ..with_secrets(&token(1), None) };
    let restrictions = restrictions(&["idle_keys"]);
    let account = AccountSummary { idle_keys: idle_rule(timestamp(cutoff)), restrictions, ..ACTIVE };
    let loaded = LoadedKey { key: change(key), account };
    authorize(&request("GET", "/v1/auth/me"), presented, &loaded)
}

#[test]
fn idle_key_is_unauthenticated_unless_another_reason_comes_first() {
    let decide =
        |change: fn(ApiKey) -> ApiKey, cutoff| decide_on_key_unused_since_10(&token(1), change, cutoff);
    assert!(decide(|key| key, 9).is_ok());
    assert_eq!(decide(|key| key, 10), Err(Unauthenticated::Idle.into()));
    let expired = decide(|key| ApiKey { expires_at: Some(timestamp(NOW)), ..key }, 10);
    assert_eq!(expired, Err(Unauthenticated::Expired.into()));
    let disabled = |key| ApiKey { disabled_by: Some(DisabledBy::Other), ..key }.with_restriction_names();
    assert_eq!(decide(disabled, 10), Err(Unauthenticated::Disabled.into()));
    let wrong = decide_on_key_unused_since_10(&token(2), |key| key, 10);
    assert_eq!(wrong, Err(Unauthenticated::WrongSecret.into()));
}

#[test]
fn idle_key_restriction_without_its_rule_is_unknown() {
    let one = token(1);
    let restricted = decide_on_restricted_key(&one, &one, Restrictions::NONE, restrictions(&["idle_keys"]));
    assert_eq!(restricted, Err(Unauthenticated::UnknownRestriction.into()));
}

#[test]
fn session_of_an_account_with_a_rule_for_idle_keys_is_authorized() {
    let session = decide_on_changed_session(NOW + 1, Some(active_member()), |loaded| {
        loaded.account.idle_keys = idle_rule(timestamp(NOW));
        loaded.account.restrictions = restrictions(&["idle_keys"]);
    });
    assert!(session.is_ok(), "{session:?}");
}

#[test]
fn session_without_the_required_second_factor_reaches_only_routes_of_this_api() {
    let decide = |route, factor: Option<Factor>| {
        let change = |loaded: &mut LoadedSession| {
            loaded.account.require_second_factor = true;
            loaded.account.restrictions = restrictions(&["second_factor"]);
            loaded.session.factors = factor.into_iter().fold(Factors::PASSWORD, Factors::with);
        };
        decide_on_request_of_changed_session(&request("GET", route), NOW + 1, Some(active_member()), change)
    };
    let other_api = "/v1/projects/{project_id}/samples";
    assert_eq!(decide(other_api, None), Err(Forbidden::NoSecondFactor.into()));
    for factor in [Factor::Passkey, Factor::RecoveryCode] {
        assert!(decide(other_api, Some(factor)).is_ok(), "{factor:?}");
    }
    for route in ["/v1/auth/me", "/v1/projects", "/v1/projects/{project_id}"] {
        assert!(decide(route, None).is_ok(), "{route}");
    }
}

#[test]
fn unknown_restriction_is_reported_only_with_the_right_secret() {
    let decision = decide_on_restricted_key(&token(2), &token(1), restrictions(&["new"]), Restrictions::NONE);
    assert_eq!(decision, Err(Unauthenticated::WrongSecret.into()));
}

fn key_principal(environment: Environment, permissions: Permissions, scope: Scope) -> Principal {
    Principal::ApiKey(KeyPrincipal {
        account_id: "acct_0000000000000001".parse().unwrap(),
        key_id: "key_0000000000000001".parse().unwrap(),
        name: "Key".to_owned().try_into().unwrap(),
        environment,
        permissions,
        scope,
        allowed_ips: AllowedIps::Any,
        expires_at: None,
        secret: SecretAge::Current,
        generation: 0,
        deprecation: None,
        revision: 0,
        originating_member: None,
        epoch: 0,
        account_restrictions: Restrictions::NONE,
    })
}

#[test]
fn disabled_key_is_rejected_and_reported_only_with_the_right_secret() {
    let disabled = |key| ApiKey { disabled_by: Some(DisabledBy::Other), ..key }.with_restriction_names();
    let (one, two) = (token(1), token(2));
    let decide =
        |presented| decide_on_key(presented, |_| disabled(with_secrets(&one, None)), AccountStatus::Active);
    assert_eq!(decide(&one), Err(Unauthenticated::Disabled.into()));
    assert_eq!(decide(&two), Err(Unauthenticated::WrongSecret.into()));
}

#[test]
fn restriction_without_its_details_is_unknown() {
    let one = token(1);
    for restriction in [Restriction::AllowedIps, Restriction::Disabled] {
        let restrictions: Restrictions = [restriction].into_iter().collect();
        let decision = decide_on_restricted_key(&one, &one, restrictions, Restrictions::NONE);
        assert_eq!(decision, Err(Unauthenticated::UnknownRestriction.into()));
    }
}

proptest! {
    #[test]
    fn key_is_authorized_only_from_its_allowed_addresses(
        allowed_ips in any_allowed_ips(),
        source_ip in option::of(any_address()),
    ) {
        let one = token(1);
        let request = AuthorizationRequest { source_ip, ..request("GET", "/v1/auth/me") };
        let is_allowed = allowed_ips.allows(source_ip);
        let key = ApiKey { allowed_ips, ..with_secrets(&one, None) }.with_restriction_names();
        let decision = authorize(&request, &one, &LoadedKey { key, account: ACTIVE });
        if is_allowed {
            prop_assert!(decision.is_ok());
        } else {
            prop_assert_eq!(decision, Err(Forbidden::AddressNotAllowed.into()));
        }
    }

    #[test]
    fn simulation_decides_as_for_a_request_with_the_current_secret(
        (method, route) in (select(&METHODS[..]), select(routes())),
        (environment, permissions, scope) in (select(&Environment::ALL[..]), any_permissions(), any_scope()),
        (allowed_ips, source_ip) in (any_allowed_ips(), option::of(any_address())),
        (is_revoked, is_disabled, is_idle, is_restricted, is_suspended) in any::<(bool, bool, bool, bool, bool)>(),
        expires_at in option::of(NOW - 1..NOW + 2),
        (key_id, project_id) in (option::of("key_000000000000000[12]"), option::of("proj_[a-e]")),
        environments in proptest::collection::vec("live|test|other", 0..3),
    ) {
        let one = token(1);
        let request = AuthorizationRequest {
            key_id: key_id.as_deref(),
            project_id: project_id.as_deref(),
            environments: &environments,
            source_ip,
            ..request(method, route)
        };
        let mut key = ApiKey {
            environment,
            permissions,
            scope,
            allowed_ips,
            expires_at: expires_at.map(timestamp),
            disabled_by: is_disabled.then_some(DisabledBy::Other),
            ..with_secrets(&one, None)
        }
        .with_restriction_names();
        if is_revoked {
            key.state = KeyState::Revoked;
        }
        let restrictions = if is_restricted { restrictions(&["new"]) } else { Restrictions::NONE };
        let status = if is_suspended { AccountStatus::Suspended } else { AccountStatus::Active };
        let idle_keys = if is_idle { idle_rule(timestamp(NOW)) } else { None };
        let loaded = LoadedKey { key, account: AccountSummary { status, idle_keys, restrictions, ..ACTIVE } };
        let simulated = simulate_key(&request, &loaded, timestamp(NOW));
        prop_assert_eq!(simulated.clone().map_err(Denied::from), authorize(&request, &one, &loaded));
        // The OpenAPI document lists each reason.
        if let Err(denial) = simulated {
            prop_assert!(DenialReason::of_a_known_key().any(|(reason, _)| reason == DenialReason(denial)), "{denial}");
        }
    }

    #[test]
    fn credential_is_rejected_if_anything_it_depends_on_has_an_unknown_restriction(
        name in "[a-z_]{1,20}",
        on_credential: bool,
        on_member: bool,
        on_account: bool,
    ) {
        let named = |is_restricted| if is_restricted { restrictions(&[&name]) } else { Restrictions::NONE };
        let unknown = Err(Unauthenticated::UnknownRestriction.into());

        let one = token(1);
        let key = decide_on_restricted_key(&one, &one, named(on_credential), named(on_account));
        if on_credential || on_account {
            prop_assert_eq!(&key, &unknown);
        } else {
            prop_assert!(key.is_ok());
        }

        let member = Member { restrictions: named(on_member), ..active_member() };
        let session = decide_on_changed_session(NOW + 1, Some(member), |loaded| {
            loaded.session.restrictions = named(on_credential);
            loaded.account.restrictions = named(on_account);
        });
        if on_credential || on_member || on_account {
            prop_assert_eq!(&session, &unknown);
        } else {
            prop_assert!(session.is_ok());
        }
    }

    #[test]
    fn route_without_a_rule_is_denied(method in "[A-Z]{3,7}", route in "/[a-z0-9/{}_-]{0,40}", principal in any_principal()) {
        prop_assume!(!routes().contains(&route.as_str()));
        prop_assert_eq!(check_rule(&request(&method, &route), &principal, AccountStatus::Active), Err(Forbidden::NoRoute));
    }

    #[test]
    fn head_is_decided_as_get(route in select(routes()), principal in any_principal(), project in option::of("proj_[a-e]")) {
        let decide = |method| {
            let request = AuthorizationRequest { project_id: project.as_deref(), ..request(method, route) };
            check_rule(&request, &principal, AccountStatus::Active)
        };
        prop_assert_eq!(decide("HEAD"), decide("GET"));
    }

    #[test]
    fn key_is_authorized_only_with_the_required_permission_and_scope(
        method in select(&METHODS[..]),
        route in select(routes()),
        environment in select(&Environment::ALL[..]),
        permissions in any_permissions(),
        scope in any_scope(),
        project in option::of("proj_[a-e]"),
    ) {
        let request = AuthorizationRequest { project_id: project.as_deref(), ..request(method, route) };
        let is_authorized = check_rule(&request, &key_principal(environment, permissions, scope.clone()), AccountStatus::Active).is_ok();
        if is_authorized && route != "/v1/auth/me" {
            let needed = match (route, method) {
                (route, _) if !route.starts_with("/v1/projects") => Permission::Admin,
                (_, "GET" | "HEAD") => Permission::Read,
                (_, "DELETE") => Permission::Delete,
                _ => Permission::Write,
            };
            prop_assert!(permissions.contains(needed));
        }
        if is_authorized && scope != Scope::All && route.starts_with("/v1/projects/") {
            prop_assert!(scope.reaches(&project.unwrap().parse().unwrap()));
        }
    }

    #[test]
    fn key_is_denied_the_other_environment(
        method in select(&METHODS[..]),
        permissions in any_permissions(),
        environment in select(&Environment::ALL[..]),
    ) {
        let other = if environment == Environment::Live { "test" } else { "live" };
        let environments = [environment.as_str().to_owned(), other.to_owned()];
        let principal = key_principal(environment, permissions, Scope::All);
        for route in ["/v1/projects", "/v1/projects/{project_id}"] {
            let request = AuthorizationRequest { environments: &environments, ..request(method, route) };
            prop_assert!(check_rule(&request, &principal, AccountStatus::Active).is_err());
        }
    }

    #[test]
    fn key_without_admin_is_authorized_for_itself_only(own: bool, permissions in any_permissions()) {
        let id = if own { "key_0000000000000001" } else { "key_0000000000000002" };
        let principal = key_principal(Environment::Live, permissions, Scope::All);
        for (method, route) in [
            ("GET", "/v1/api-keys/{key_id}"),
            ("DELETE", "/v1/api-keys/{key_id}"),
            ("POST", "/v1/api-keys/{key_id}/rotate"),
            ("POST", "/v1/api-keys/{key_id}/simulate"),
            ("GET", "/v1/api-keys/{key_id}/usage"),
        ] {
            let is_authorized = check_rule(&AuthorizationRequest { key_id: Some(id), ..request(method, route) }, &principal, AccountStatus::Active).is_ok();
            prop_assert_eq!(is_authorized, own || permissions.contains(Permission::Admin));
        }
    }
}
