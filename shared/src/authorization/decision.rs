//! The authorization decision: verifies a token against the entities that it names, and checks the request against the
//! rule of its route.
//!
//! A route without a rule is denied.

use std::net::IpAddr;

use crate::{
    authorization::{
        denial::{Denial, Forbidden, Unauthenticated},
        principal::{KeyPrincipal, Principal, SecretAge, SessionPrincipal},
        routes::{PROJECT, PROTECTED},
        step_up::lacks_second_factor,
    },
    credentials::{
        digest::TokenDigest,
        pepper::{Peppers, UnknownPepper},
        token::{ApiKeyToken, SessionToken},
    },
    model::{
        account::{AccountStatus, AccountSummary},
        api_key::{ApiKey, KeyState, PreviousSecret},
        member::Member,
        session::Session,
    },
    primitives::{
        environment::Environment, id::KeyId, permission::Permission, scope::Scope, timestamp::Timestamp,
    },
};

/// The parts of a request that the authorization decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct AuthorizationRequest<'a> {
    pub method: &'a str,
    /// The route as declared in the template, such as `/v1/projects/{project_id}`.
    pub route: &'a str,
    /// The value of the path parameter `{key_id}`. It may be malformed.
    pub key_id: Option<&'a str>,
    /// The value of the path parameter `{project_id}`. It may be malformed.
    pub project_id: Option<&'a str>,
    /// All values of the query parameter `environment`. They may be malformed.
    pub environments: &'a [String],
    /// The address that API Gateway received the request from, or `None` if it is unknown.
    pub source_ip: Option<IpAddr>,
}

/// The stored entities that an API key's token names.
pub struct LoadedKey {
    pub key: ApiKey,
    pub account: AccountSummary,
}

/// The stored entities that a session's token names.
pub struct LoadedSession {
    pub session: Session,
    /// The session's member, or `None` if the member was removed.
    pub member: Option<Member>,
    pub account: AccountSummary,
}

impl LoadedKey {
    /// Returns the pepper versions that are needed to verify the secrets that are valid at `now`.
    pub fn pepper_versions(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let (current, previous) = self.key.state.secrets();
        let previous = previous.filter(|previous| now < previous.ends_at).map(|previous| &previous.digest);
        current.into_iter().chain(previous).map(TokenDigest::pepper_version)
    }
}

/// The reason why a request is not authorized.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The credential is not valid: 401.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// The credential is valid, but the caller may not make this request: 403.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The credential cannot be verified, because its pepper is not available: 503.
    #[error(transparent)]
    UnknownPepper(#[from] UnknownPepper),
}

impl From<Denial> for Denied {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Unauthenticated(reason) => reason.into(),
            Denial::Forbidden(reason) => reason.into(),
        }
    }
}

/// Decides on a request with an API key, and returns the caller if the request is authorized.
///
/// # Errors
/// Returns an error if the request is not authorized.
pub fn authorize_key(
    request: &AuthorizationRequest<'_>,
    token: &ApiKeyToken<'_>,
    loaded: &LoadedKey,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<Principal, Denied> {
    let secret = verify_secret(&loaded.key, token, peppers, now)?;
    Ok(decide_on_key(request, loaded, secret, now)?)
}

/// Decides on a request as if it were sent with the current secret of an API key.
///
/// # Errors
/// Returns an error if the request would not be authorized.
pub fn simulate_key(
    request: &AuthorizationRequest<'_>,
    loaded: &LoadedKey,
    now: Timestamp,
) -> Result<Principal, Denial> {
    let KeyState::Active { generation, .. } = loaded.key.state else {
        return Err(Unauthenticated::Revoked.into());
    };
    let secret = VerifiedSecret { age: SecretAge::Current, generation };
    decide_on_key(request, loaded, secret, now)
}

/// A secret that matches the key. The key itself may have expired, or be disabled or idle.
#[derive(Clone, Copy)]
struct VerifiedSecret {
    age: SecretAge,
    /// The number of rotations of the key before this secret.
    generation: u32,
}

/// Decides on a request with a secret of an API key that was verified.
fn decide_on_key(
    request: &AuthorizationRequest<'_>,
    loaded: &LoadedKey,
    secret: VerifiedSecret,
    now: Timestamp,
) -> Result<Principal, Denial> {
    let LoadedKey { key, account } = loaded;
    check_key(key, account, now)?;
    if !key.allowed_ips.allows(request.source_ip) {
        return Err(Forbidden::AddressNotAllowed.into());
    }
    let principal = Principal::ApiKey(KeyPrincipal {
        account_id: key.account_id,
        key_id: key.id,
        name: key.name.clone(),
        environment: key.environment,
        permissions: key.permissions,
        scope: key.scope.clone(),
        allowed_ips: key.allowed_ips.clone(),
        expires_at: key.expires_at,
        secret: secret.age,
        generation: secret.generation,
        deprecation: key.previous_secret(now).filter(|_| secret.age == SecretAge::Previous).map(Into::into),
        revision: key.revision,
        originating_member: key.originating_member,
        epoch: key.epoch,
        account_restrictions: account.restrictions.clone(),
    });
    check_rule(request, &principal, account.status)?;
    Ok(principal)
}

/// Decides on a request with a session, and returns the caller if the request is authorized.
///
/// # Errors
/// Returns an error if the request is not authorized.
pub fn authorize_session(
    request: &AuthorizationRequest<'_>,
    token: &SessionToken<'_>,
    loaded: &LoadedSession,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<Principal, Denied> {
    let LoadedSession { session, member, account } = loaded;
    if !session.digest.matches(token.expose(), peppers)? {
        return Err(Unauthenticated::WrongSecret.into());
    }
    if session.has_expired(now) {
        return Err(Unauthenticated::Expired.into());
    }
    let member = member.as_ref().filter(|member| member.accepts_session_epoch(session.epoch));
    let member = member.ok_or(Unauthenticated::SessionEnded)?;
    // A suspension starts a new epoch. The status is checked too, because the previous version suspends without one.
    let is_suspended = account.status == AccountStatus::Suspended;
    if is_suspended || !session.started_in_epochs(member.session_epoch, account.session_epoch) {
        return Err(Unauthenticated::SessionEnded.into());
    }
    if session.restrictions.has_other_than(&[])
        || member.has_unknown_restriction()
        || account.has_unknown_restriction()
    {
        return Err(Unauthenticated::UnknownRestriction.into());
    }
    let session = SessionPrincipal {
        account_id: session.account_id,
        user_id: session.user_id,
        session_id: session.id,
        session_epoch: session.epoch,
        account_epoch: session.account_epoch,
        email: member.email.clone(),
        permissions: member.permissions,
        expires_at: session.expires_at,
        authenticated_at: session.authenticated_at(),
        factors: session.factors,
        account_restrictions: account.restrictions.clone(),
        reauthentication_minutes: account.reauthentication_minutes,
    };
    // The functions of this API check their routes themselves, because their response says what is missing.
    if lacks_second_factor(&session) && !PROTECTED.contains(&request.route) {
        return Err(Forbidden::NoSecondFactor.into());
    }
    let principal = Principal::Session(session);
    check_rule(request, &principal, account.status)?;
    Ok(principal)
}

/// Checks that a key whose secret was verified may be used at all.
fn check_key(key: &ApiKey, account: &AccountSummary, now: Timestamp) -> Result<(), Unauthenticated> {
    if key.has_ended_before(account.key_epoch) {
        Err(Unauthenticated::Revoked)
    } else if key.has_expired(now) {
        Err(Unauthenticated::Expired)
    } else if key.has_unknown_restriction() || account.has_unknown_restriction() {
        Err(Unauthenticated::UnknownRestriction)
    } else if key.disabled_by.is_some() {
        Err(Unauthenticated::Disabled)
    } else if key.is_idle(&account.policy(), now) {
        Err(Unauthenticated::Idle)
    } else {
        Ok(())
    }
}

/// Returns the denial for a token whose key does not exist. It takes as much work as a wrong secret, so that the response
/// time does not reveal which keys exist.
#[must_use]
pub fn deny_unknown_key(token: &ApiKeyToken<'_>, peppers: &Peppers, now: Timestamp) -> Denied {
    match find_matching_secret(None, token, peppers, now) {
        Ok(_) => Unauthenticated::Unknown.into(),
        Err(cause) => cause.into(),
    }
}

/// Returns the denial for a token whose session does not exist. It takes as much work as a wrong secret, so that the
/// response time does not reveal which sessions exist.
#[must_use]
pub fn deny_unknown_session(token: &SessionToken<'_>, peppers: &Peppers) -> Denied {
    match TokenDigest::matches_with_equal_work(None, token.expose(), peppers) {
        Ok(_) => Unauthenticated::Unknown.into(),
        Err(cause) => cause.into(),
    }
}

/// Verifies the token against the secrets of `key`, and returns the secret that it contains.
fn verify_secret(
    key: &ApiKey,
    token: &ApiKeyToken<'_>,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<VerifiedSecret, Denied> {
    let matching = find_matching_secret(Some(&key.state), token, peppers, now)?;
    let KeyState::Active { previous, generation, .. } = &key.state else {
        return Err(Unauthenticated::Revoked.into());
    };
    match (matching, previous) {
        (Some(age @ SecretAge::Current), _) => Ok(VerifiedSecret { age, generation: *generation }),
        (Some(age @ SecretAge::Previous), Some(PreviousSecret { ends_at, .. })) if now < *ends_at => {
            Ok(VerifiedSecret { age, generation: generation.saturating_sub(1) })
        }
        (Some(SecretAge::Previous), _) => Err(Unauthenticated::SecretReplaced.into()),
        (None, _) => Err(Unauthenticated::WrongSecret.into()),
    }
}

/// Returns which secret of a key in `state` the token contains, or `None` if it contains another secret.
///
/// A wrong secret takes the same work for a key with two secrets, with one, with none (revoked) and for a key that does
/// not exist (`state` is `None`).
fn find_matching_secret(
    state: Option<&KeyState>,
    token: &ApiKeyToken<'_>,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<Option<SecretAge>, UnknownPepper> {
    let (current, previous) = state.map(KeyState::secrets).unwrap_or_default();
    let is_current = TokenDigest::matches_with_equal_work(current, token.expose(), peppers);
    if is_current == Ok(true) {
        return Ok(Some(SecretAge::Current));
    }
    let is_previous = TokenDigest::matches_with_equal_work(
        previous.map(|previous| &previous.digest),
        token.expose(),
        peppers,
    );
    match (is_previous, previous) {
        (Ok(true), _) => Ok(Some(SecretAge::Previous)),
        (Err(unknown), Some(previous)) if now < previous.ends_at => Err(unknown),
        // The secret counts as wrong only if it could be compared with the current one. After the grace period, a failed
        // comparison with the previous one does not matter, because that secret is invalid anyway.
        _ => is_current.map(|_| None),
    }
}

/// Which callers a route authorizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Every caller with a valid credential.
    AnyCredential,
    /// Sessions only.
    Session,
    /// Sessions with `admin`.
    AdminSession,
    /// Sessions, and unscoped live keys with `admin`, for the same reason as for [`AccountAdmin`](Self::AccountAdmin).
    SessionOrAccountAdminKey,
    /// Sessions, and keys with `admin`.
    SessionOrAdminKey,
    /// Sessions, keys with `admin`, and the key that the path names.
    SessionOrAdminKeyOrItself,
    /// Sessions with `admin`, and unscoped live keys with `admin`. Test keys and scoped keys are excluded, because members
    /// see live data and every project.
    AccountAdmin,
    /// Callers with the permission that the method requires. Scoped keys may only list projects.
    Projects,
    /// Callers with the permission that the method requires, if their scope includes the project that the path names.
    Project,
}

/// Returns the rule of a route, or `None` if the route has no rule. This is the only place that assigns rules to routes.
/// `HEAD` has the rule of `GET`.
fn rule(method: &str, route: &str) -> Option<Rule> {
    let method = if method == "HEAD" { "GET" } else { method };
    Some(match (method, route) {
        ("GET", "/v1/auth/me") => Rule::AnyCredential,
        (
            "POST",
            "/v1/auth/logout"
            | "/v1/auth/password"
            | "/v1/auth/reauthenticate"
            | "/v1/auth/reauthenticate/options"
            | "/v1/auth/passkeys/options"
            | "/v1/auth/recovery-codes",
        )
        | ("GET" | "DELETE", "/v1/auth/sessions")
        | ("GET" | "POST", "/v1/auth/passkeys")
        | ("DELETE", "/v1/auth/sessions/{session_id}" | "/v1/auth/passkeys/{passkey_id}") => Rule::Session,
        ("GET" | "POST", "/v1/api-keys") | ("PATCH", "/v1/api-keys/{key_id}") => Rule::SessionOrAdminKey,
        ("POST", "/v1/api-keys/revoke") | ("PATCH", "/v1/account") => Rule::AdminSession,
        ("GET", "/v1/account") => Rule::SessionOrAccountAdminKey,
        ("GET" | "DELETE", "/v1/api-keys/{key_id}")
        | ("GET", "/v1/api-keys/{key_id}/usage")
        | ("POST", "/v1/api-keys/{key_id}/rotate" | "/v1/api-keys/{key_id}/simulate") => {
            Rule::SessionOrAdminKeyOrItself
        }
        ("GET", "/v1/audit-events")
        | ("GET" | "POST", "/v1/members")
        | ("GET" | "PATCH" | "DELETE", "/v1/members/{user_id}")
        | ("POST", "/v1/members/{user_id}/invite")
        | ("GET" | "DELETE", "/v1/members/{user_id}/sessions") => Rule::AccountAdmin,
        (_, "/v1/projects") => Rule::Projects,
        (_, route)
            if route.strip_prefix(PROJECT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) =>
        {
            Rule::Project
        }
        _ => return None,
    })
}

/// Returns the permission that a method requires on projects.
fn required_permission(method: &str) -> Option<Permission> {
    match method {
        "GET" | "HEAD" => Some(Permission::Read),
        "POST" | "PUT" | "PATCH" => Some(Permission::Write),
        "DELETE" => Some(Permission::Delete),
        _ => None,
    }
}

/// Checks the account's status and the rule of the route for an authenticated caller.
fn check_rule(
    request: &AuthorizationRequest<'_>,
    principal: &Principal,
    account: AccountStatus,
) -> Result<(), Forbidden> {
    if account == AccountStatus::Suspended {
        return Err(Forbidden::AccountSuspended);
    }
    let require = |permission| {
        if principal.permissions().contains(permission) {
            Ok(())
        } else {
            Err(Forbidden::MissingPermission(permission))
        }
    };
    match (rule(request.method, request.route).ok_or(Forbidden::NoRoute)?, principal) {
        (Rule::AnyCredential, _)
        | (
            Rule::Session
            | Rule::SessionOrAccountAdminKey
            | Rule::SessionOrAdminKey
            | Rule::SessionOrAdminKeyOrItself,
            Principal::Session(_),
        ) => Ok(()),
        (Rule::Session | Rule::AdminSession, Principal::ApiKey(_)) => Err(Forbidden::WrongCredential),
        (Rule::SessionOrAdminKeyOrItself, Principal::ApiKey(key)) if request.names_key(key.key_id) => Ok(()),
        (Rule::SessionOrAdminKey | Rule::SessionOrAdminKeyOrItself, Principal::ApiKey(_))
        | (Rule::AdminSession | Rule::AccountAdmin, Principal::Session(_)) => require(Permission::Admin),
        (Rule::AccountAdmin | Rule::SessionOrAccountAdminKey, Principal::ApiKey(key)) => {
            require(Permission::Admin)?;
            if key.environment == Environment::Test {
                return Err(Forbidden::WrongEnvironment);
            }
            if key.scope == Scope::All { Ok(()) } else { Err(Forbidden::OutsideScope) }
        }
        (Rule::Projects, _) => {
            require(required_permission(request.method).ok_or(Forbidden::NoRoute)?)?;
            request.check_environments(principal)?;
            // A scoped key sees only its own projects in the list. A new project would be outside its scope.
            let is_list = matches!(request.method, "GET" | "HEAD");
            if is_list || *principal.scope() == Scope::All { Ok(()) } else { Err(Forbidden::OutsideScope) }
        }
        (Rule::Project, _) => {
            require(required_permission(request.method).ok_or(Forbidden::NoRoute)?)?;
            request.check_environments(principal)?;
            if request.names_project_within(principal.scope()) {
                Ok(())
            } else {
                Err(Forbidden::OutsideScope)
            }
        }
    }
}

impl AuthorizationRequest<'_> {
    fn names_key(&self, key: KeyId) -> bool {
        self.key_id.and_then(|id| id.parse().ok()) == Some(key)
    }

    fn names_project_within(&self, scope: &Scope) -> bool {
        *scope == Scope::All
            || self.project_id.and_then(|id| id.parse().ok()).is_some_and(|project| scope.reaches(&project))
    }

    /// Checks that the caller may use every environment that the request names. It ignores unknown names: the function
    /// rejects them with a 400.
    fn check_environments(&self, principal: &Principal) -> Result<(), Forbidden> {
        let mut environments = self.environments.iter().filter_map(|name| Environment::from_name(name));
        environments.try_for_each(|environment| principal.environment(Some(environment)).map(drop))
    }
}

#[cfg(test)]
mod tests;
