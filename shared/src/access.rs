//! The decision on access: given a token and what was found for it, may this request pass?
//!
//! No I/O, so that it can be tried on all inputs. What no rule allows is denied.

use std::fmt;

use crate::{
    account::{Account, AccountStatus},
    api_key::{ApiKey, State, Superseded},
    environment::Environment,
    member::Member,
    pepper::{Pepper, UnknownPepper},
    permission::Permission,
    principal::{KeyPrincipal, Principal, SecretAge, SessionPrincipal},
    scope::Scope,
    session::Session,
    timestamp::Timestamp,
    token::{ApiKeyToken, SessionToken},
};

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
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
pub struct FoundKey {
    /// The key.
    pub key: Option<ApiKey>,
    /// Its account.
    pub account: Option<Account>,
}

/// What the table holds for a session's token.
pub struct FoundSession {
    /// The session.
    pub session: Option<Session>,
    /// Its member.
    pub member: Option<Member>,
    /// Its account.
    pub account: Option<Account>,
}

/// Whether a request may pass.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may, and this is who sent it.
    Allow(Principal),
    /// The credential is valid, but not for this: 403.
    Forbid(Refusal),
    /// The credential is not valid: 401.
    Reject(Refusal),
}

/// Why a request may not pass. For the log alone; a caller is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The credential could never have been given out, or there were two.
    Malformed,
    /// There is no such key or session.
    Unknown,
    /// The secret is not one that was given out for it.
    WrongSecret,
    /// The secret was replaced, and its overlap is over.
    SecretSuperseded,
    /// The key was revoked.
    Revoked,
    /// The key or session is over for its age.
    Expired,
    /// The session was ended, or its member is suspended or gone.
    SessionEnded,
    /// The account is suspended.
    AccountSuspended,
    /// The route does not take a credential of this kind.
    WrongCredential,
    /// The credential lacks this permission.
    Lacks(Permission),
    /// The key does not reach this.
    OutsideScope,
    /// The key belongs to the other environment.
    WrongEnvironment,
    /// What is asked for would have more permissions, scope or environments than the caller.
    ExceedsCaller,
    /// No rule names the route.
    NoRule,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "malformed credential",
            Self::Unknown => "unknown credential",
            Self::WrongSecret => "wrong secret",
            Self::SecretSuperseded => "secret superseded",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::SessionEnded => "session ended",
            Self::AccountSuspended => "account suspended",
            Self::WrongCredential => "wrong kind of credential",
            Self::Lacks(permission) => return write!(f, "lacks {}", permission.as_str()),
            Self::OutsideScope => "outside scope",
            Self::WrongEnvironment => "wrong environment",
            Self::ExceedsCaller => "exceeds the caller",
            Self::NoRule => "no rule for the route",
        })
    }
}

/// Decides on a request that came with an API key.
///
/// # Errors
/// When a digest was made with a pepper that is not at hand: then nothing can be decided.
pub fn decide_key(
    asked: &Asked<'_>,
    token: &ApiKeyToken<'_>,
    found: FoundKey,
    pepper: &Pepper,
    now: Timestamp,
) -> Result<Decision, UnknownPepper> {
    let FoundKey { key: Some(key), account: Some(account) } = found else {
        return Ok(Decision::Reject(Refusal::Unknown));
    };
    let secret = match matching_secret(&key, token, pepper, now)? {
        Ok(secret) => secret,
        Err(refusal) => return Ok(Decision::Reject(refusal)),
    };
    if key.has_expired(now) {
        return Ok(Decision::Reject(Refusal::Expired));
    }
    let principal = Principal::ApiKey(KeyPrincipal {
        account_id: key.account_id,
        key_id: key.id,
        name: key.name,
        environment: key.environment,
        permissions: key.permissions,
        scope: key.scope,
        expires_at: key.expires_at,
        secret,
    });
    Ok(decide(asked, principal, &account))
}

/// Decides on a request that came with a session.
///
/// # Errors
/// When the digest was made with a pepper that is not at hand: then nothing can be decided.
pub fn decide_session(
    asked: &Asked<'_>,
    token: &SessionToken<'_>,
    found: FoundSession,
    pepper: &Pepper,
    now: Timestamp,
) -> Result<Decision, UnknownPepper> {
    let FoundSession { session: Some(session), member, account: Some(account) } = found else {
        return Ok(Decision::Reject(Refusal::Unknown));
    };
    if !pepper.verify(token.expose(), &session.digest)? {
        return Ok(Decision::Reject(Refusal::WrongSecret));
    }
    if session.has_expired(now) {
        return Ok(Decision::Reject(Refusal::Expired));
    }
    let Some(member) = member.filter(|member| member.is_active() && member.session_epoch == session.epoch)
    else {
        return Ok(Decision::Reject(Refusal::SessionEnded));
    };
    let principal = Principal::Session(SessionPrincipal {
        account_id: session.account_id,
        user_id: session.user_id,
        session_id: session.id,
        session_epoch: session.epoch,
        email: member.email,
        permissions: member.permissions,
        expires_at: session.expires_at,
    });
    Ok(decide(asked, principal, &account))
}

/// Which of the key's secrets the token holds, if it holds one that works.
fn matching_secret(
    key: &ApiKey,
    token: &ApiKeyToken<'_>,
    pepper: &Pepper,
    now: Timestamp,
) -> Result<Result<SecretAge, Refusal>, UnknownPepper> {
    let State::Active { current, previous } = &key.state else { return Ok(Err(Refusal::Revoked)) };
    if pepper.verify(token.expose(), current)? {
        return Ok(Ok(SecretAge::Current));
    }
    let Some(Superseded { digest, ends_at }) = previous else { return Ok(Err(Refusal::WrongSecret)) };
    Ok(if !pepper.verify(token.expose(), digest)? {
        Err(Refusal::WrongSecret)
    } else if now >= *ends_at {
        Err(Refusal::SecretSuperseded)
    } else {
        Ok(SecretAge::Previous)
    })
}

/// Decides on a request of a principal who was found to be who they say.
fn decide(asked: &Asked<'_>, principal: Principal, account: &Account) -> Decision {
    if account.status == AccountStatus::Suspended {
        return Decision::Forbid(Refusal::AccountSuspended);
    }
    match permit(asked, &principal) {
        Ok(()) => Decision::Allow(principal),
        Err(refusal) => Decision::Forbid(refusal),
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
        ("GET" | "POST", "/v1/members") | ("GET" | "PATCH" | "DELETE", "/v1/members/{user_id}") => {
            Rule::AccountAdmin
        }
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

fn permit(asked: &Asked<'_>, principal: &Principal) -> Result<(), Refusal> {
    let rule = rule(asked.method, asked.route).ok_or(Refusal::NoRule)?;
    let holds = |permission| {
        if principal.permissions().contains(permission) { Ok(()) } else { Err(Refusal::Lacks(permission)) }
    };
    match (rule, principal) {
        (Rule::AnyCredential, _)
        | (
            Rule::Session | Rule::SessionOrAdminKey | Rule::SessionOrAdminKeyOrItself,
            Principal::Session(_),
        ) => Ok(()),
        (Rule::Session, Principal::ApiKey(_)) => Err(Refusal::WrongCredential),
        (Rule::SessionOrAdminKeyOrItself, Principal::ApiKey(key))
            if asked.key_id.and_then(|id| id.parse().ok()) == Some(key.key_id) =>
        {
            Ok(())
        }
        (Rule::SessionOrAdminKey | Rule::SessionOrAdminKeyOrItself, Principal::ApiKey(_)) => {
            holds(Permission::Admin)
        }
        (Rule::AccountAdmin, Principal::Session(_)) => holds(Permission::Admin),
        (Rule::AccountAdmin, Principal::ApiKey(key)) => {
            holds(Permission::Admin)?;
            if key.environment == Environment::Test {
                return Err(Refusal::WrongEnvironment);
            }
            if key.scope == Scope::All { Ok(()) } else { Err(Refusal::OutsideScope) }
        }
        (Rule::Projects | Rule::Project, principal) => {
            holds(needed_for(asked.method).ok_or(Refusal::NoRule)?)?;
            match principal {
                Principal::Session(_) => Ok(()),
                Principal::ApiKey(key) => key_reaches_data(asked, rule, key),
            }
        }
    }
}

/// Whether the data that is asked for lies in the key's environment and scope.
fn key_reaches_data(asked: &Asked<'_>, rule: Rule, key: &KeyPrincipal) -> Result<(), Refusal> {
    let foreign = |name: &String| Environment::named(name).is_some_and(|named| named != key.environment);
    if asked.environments.iter().any(foreign) {
        return Err(Refusal::WrongEnvironment);
    }
    let reached = match rule {
        Rule::Project => {
            asked.project_id.and_then(|id| id.parse().ok()).is_some_and(|id| key.scope.reaches(&id))
        }
        // The list shows a scoped key its own projects alone; a new project would lie outside its scope.
        _ => asked.method == "GET" || asked.method == "HEAD",
    };
    if key.scope == Scope::All || reached { Ok(()) } else { Err(Refusal::OutsideScope) }
}

#[cfg(test)]
mod tests;
