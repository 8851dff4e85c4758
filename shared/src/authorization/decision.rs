//! The decision on access: given a token and what was found for it, may this request pass?
//!
//! No I/O, so that it can be tried on all inputs. What no rule allows is denied.

use crate::{
    authorization::{
        denial::{Forbidden, Unauthenticated},
        principal::{KeyPrincipal, Principal, SecretAge, SessionPrincipal},
    },
    credentials::{
        digest::TokenDigest,
        pepper::{Peppers, UnknownPepper},
        token::{ApiKeyToken, SessionToken},
    },
    model::{
        account::{AccountStatus, AccountSummary},
        api_key::{ApiKey, State, Superseded},
        member::Member,
        session::Session,
    },
    primitives::{
        environment::Environment, id::KeyId, permission::Permission, scope::Scope, timestamp::Timestamp,
    },
};

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub struct AuthorizationRequest<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The route's path as the template has it, such as `/v1/projects/{project_id}`.
    pub route: &'a str,
    /// What stands in the path for `{key_id}`.
    pub key_id: Option<&'a str>,
    /// What stands in the path for `{project_id}`.
    pub project_id: Option<&'a str>,
    /// The values of the query's `environment`.
    pub environments: &'a [String],
}

/// What the table holds for an API key's token.
pub struct LoadedKey {
    /// The key.
    pub key: ApiKey,
    /// Its account.
    pub account: AccountSummary,
}

/// What the table holds for a session's token.
pub struct LoadedSession {
    /// The session.
    pub session: Session,
    /// Its member, who may be gone.
    pub member: Option<Member>,
    /// Its account.
    pub account: AccountSummary,
}

impl LoadedKey {
    /// The versions of the peppers that its secrets were digested with: those that work `now`.
    pub fn pepper_versions(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let (current, previous) = self.key.state.secrets();
        let previous = previous.filter(|previous| now < previous.ends_at).map(|previous| &previous.digest);
        current.into_iter().chain(previous).map(TokenDigest::pepper_version)
    }
}

/// Why a request may not pass.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The credential is not valid: 401.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// The credential is valid, but not for this: 403.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// It can't be told whether the credential is valid: neither.
    #[error(transparent)]
    Undecidable(#[from] UnknownPepper),
}

/// Decides on a request that came with an API key: may it pass, and who sent it?
///
/// # Errors
/// When it may not.
pub fn decide_key(
    asked: &AuthorizationRequest<'_>,
    token: &ApiKeyToken<'_>,
    found: &LoadedKey,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<Principal, Denied> {
    let LoadedKey { key, account } = found;
    let (secret, generation) = matching_secret(key, token, peppers, now)?;
    if key.has_expired(now) {
        return Err(Unauthenticated::Expired.into());
    }
    let principal = Principal::ApiKey(KeyPrincipal {
        account_id: key.account_id,
        key_id: key.id,
        name: key.name.clone(),
        environment: key.environment,
        permissions: key.permissions,
        scope: key.scope.clone(),
        expires_at: key.expires_at,
        secret,
        generation,
    });
    permit(asked, &principal, account.status)?;
    Ok(principal)
}

/// Decides on a request that came with a session: may it pass, and who sent it?
///
/// # Errors
/// When it may not.
pub fn decide_session(
    asked: &AuthorizationRequest<'_>,
    token: &SessionToken<'_>,
    found: &LoadedSession,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<Principal, Denied> {
    let LoadedSession { session, member, account } = found;
    if !session.digest.matches(token.expose(), peppers)? {
        return Err(Unauthenticated::WrongSecret.into());
    }
    if session.has_expired(now) {
        return Err(Unauthenticated::Expired.into());
    }
    let member = member.as_ref().filter(|member| member.has_session_of(session.epoch));
    let member = member.ok_or(Unauthenticated::SessionEnded)?;
    let principal = Principal::Session(SessionPrincipal {
        account_id: session.account_id,
        user_id: session.user_id,
        session_id: session.id,
        session_epoch: session.epoch,
        email: member.email.clone(),
        permissions: member.permissions,
        expires_at: session.expires_at,
    });
    permit(asked, &principal, account.status)?;
    Ok(principal)
}

/// Why the token of a key that was not found may not pass. It takes the work of a wrong secret, so that the time of the
/// decision does not tell what keys there are.
#[must_use]
pub fn unknown_key(token: &ApiKeyToken<'_>, peppers: &Peppers, now: Timestamp) -> Denied {
    match held_secret(None, token, peppers, now) {
        Ok(_) => Unauthenticated::Unknown.into(),
        Err(cause) => cause.into(),
    }
}

/// The same, for the token of a session.
#[must_use]
pub fn unknown_session(token: &SessionToken<'_>, peppers: &Peppers) -> Denied {
    match TokenDigest::kept_matches(None, token.expose(), peppers) {
        Ok(_) => Unauthenticated::Unknown.into(),
        Err(cause) => cause.into(),
    }
}

/// Which of the key's secrets the token holds and its generation, if it holds one that works.
fn matching_secret(
    key: &ApiKey,
    token: &ApiKeyToken<'_>,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<(SecretAge, u32), Denied> {
    let held = held_secret(Some(&key.state), token, peppers, now)?;
    let State::Active { previous, generation, .. } = &key.state else {
        return Err(Unauthenticated::Revoked.into());
    };
    match (held, previous) {
        (Some(SecretAge::Current), _) => Ok((SecretAge::Current, *generation)),
        (Some(SecretAge::Previous), Some(Superseded { ends_at, .. })) if now < *ends_at => {
            Ok((SecretAge::Previous, generation.saturating_sub(1)))
        }
        (Some(SecretAge::Previous), _) => Err(Unauthenticated::SecretSuperseded.into()),
        (None, _) => Err(Unauthenticated::WrongSecret.into()),
    }
}

/// Which secret of a key in `state` the token holds, if any. A wrong one takes the same work whether the key has two
/// secrets, one or none, or there is no key.
fn held_secret(
    state: Option<&State>,
    token: &ApiKeyToken<'_>,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<Option<SecretAge>, UnknownPepper> {
    let (current, previous) = state.map(State::secrets).unwrap_or_default();
    let is_current = TokenDigest::kept_matches(current, token.expose(), peppers);
    if is_current == Ok(true) {
        return Ok(Some(SecretAge::Current));
    }
    let is_previous =
        TokenDigest::kept_matches(previous.map(|previous| &previous.digest), token.expose(), peppers);
    match (is_previous, previous) {
        (Ok(true), _) => Ok(Some(SecretAge::Previous)),
        (Err(unknown), Some(previous)) if now < previous.ends_at => Err(unknown),
        // It is a wrong one only if it is known not to be the current one. What the one before was, nothing hangs on once
        // its overlap has ended.
        _ => is_current.map(|_| None),
    }
}

/// Who a route lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Whoever has a valid credential.
    AnyCredential,
    /// Sessions.
    Session,
    /// Sessions, and keys with `admin`.
    SessionOrAdminKey,
    /// Those, and the key that the path names.
    SessionOrAdminKeyOrItself,
    /// Whoever has `admin` over the whole account: no test key and no scoped one, since members see live
    /// data and every project.
    AccountAdmin,
    /// Whoever has the permission that the method asks for.
    Projects,
    /// Those, if they reach the project that the path names.
    Project,
}

/// The one table of which route lets whom in.
fn rule(method: &str, route: &str) -> Option<Rule> {
    const PROJECT: &str = "/v1/projects/{project_id}";
    Some(match (method, route) {
        ("GET", "/v1/auth/me") => Rule::AnyCredential,
        ("POST", "/v1/auth/logout" | "/v1/auth/password")
        | ("GET", "/v1/auth/sessions")
        | ("DELETE", "/v1/auth/sessions/{session_id}") => Rule::Session,
        ("GET" | "POST", "/v1/api-keys") => Rule::SessionOrAdminKey,
        ("GET" | "DELETE", "/v1/api-keys/{key_id}") | ("POST", "/v1/api-keys/{key_id}/rotate") => {
            Rule::SessionOrAdminKeyOrItself
        }
        ("GET", "/v1/audit-events")
        | ("GET" | "POST", "/v1/members")
        | ("GET" | "PATCH" | "DELETE", "/v1/members/{user_id}") => Rule::AccountAdmin,
        (_, "/v1/projects") => Rule::Projects,
        (_, route)
            if route.strip_prefix(PROJECT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) =>
        {
            Rule::Project
        }
        _ => return None,
    })
}

/// The permission that lets a method act on data.
fn needed_for(method: &str) -> Option<Permission> {
    match method {
        "GET" | "HEAD" => Some(Permission::Read),
        "POST" | "PUT" | "PATCH" => Some(Permission::Write),
        "DELETE" => Some(Permission::Delete),
        _ => None,
    }
}

/// Whether `principal`, who was found to be who they say, may do what is asked.
fn permit(
    asked: &AuthorizationRequest<'_>,
    principal: &Principal,
    account: AccountStatus,
) -> Result<(), Forbidden> {
    if account == AccountStatus::Suspended {
        return Err(Forbidden::AccountSuspended);
    }
    let holds = |permission| {
        if principal.permissions().contains(permission) { Ok(()) } else { Err(Forbidden::Lacks(permission)) }
    };
    match (rule(asked.method, asked.route).ok_or(Forbidden::NoRule)?, principal) {
        (Rule::AnyCredential, _)
        | (
            Rule::Session | Rule::SessionOrAdminKey | Rule::SessionOrAdminKeyOrItself,
            Principal::Session(_),
        ) => Ok(()),
        (Rule::Session, Principal::ApiKey(_)) => Err(Forbidden::WrongCredential),
        (Rule::SessionOrAdminKeyOrItself, Principal::ApiKey(key)) if asked.names_key(key.key_id) => Ok(()),
        (Rule::SessionOrAdminKey | Rule::SessionOrAdminKeyOrItself, Principal::ApiKey(_))
        | (Rule::AccountAdmin, Principal::Session(_)) => holds(Permission::Admin),
        (Rule::AccountAdmin, Principal::ApiKey(key)) => {
            holds(Permission::Admin)?;
            if key.environment == Environment::Test {
                return Err(Forbidden::WrongEnvironment);
            }
            if key.scope == Scope::All { Ok(()) } else { Err(Forbidden::OutsideScope) }
        }
        (Rule::Projects, _) => {
            holds(needed_for(asked.method).ok_or(Forbidden::NoRule)?)?;
            asked.keeps_to_environment_of(principal)?;
            // The list shows a scoped key its own projects alone; a new project would lie outside its scope.
            let lists = matches!(asked.method, "GET" | "HEAD");
            if lists || *principal.scope() == Scope::All { Ok(()) } else { Err(Forbidden::OutsideScope) }
        }
        (Rule::Project, _) => {
            holds(needed_for(asked.method).ok_or(Forbidden::NoRule)?)?;
            asked.keeps_to_environment_of(principal)?;
            if asked.names_project_in(principal.scope()) { Ok(()) } else { Err(Forbidden::OutsideScope) }
        }
    }
}

impl AuthorizationRequest<'_> {
    fn names_key(&self, key: KeyId) -> bool {
        self.key_id.and_then(|id| id.parse().ok()) == Some(key)
    }

    fn names_project_in(&self, scope: &Scope) -> bool {
        *scope == Scope::All
            || self.project_id.and_then(|id| id.parse().ok()).is_some_and(|project| scope.reaches(&project))
    }

    /// Malformed names are for the function to complain about.
    fn keeps_to_environment_of(&self, principal: &Principal) -> Result<(), Forbidden> {
        let mut named = self.environments.iter().filter_map(|name| Environment::named(name));
        named.try_for_each(|named| principal.environment(Some(named)).map(drop))
    }
}

#[cfg(test)]
mod tests;
