//! The authorizer's context: the caller and its rate-limit decision, as the authorizer passes them to the functions. This
//! module both writes and reads it.
//!
//! API Gateway allows strings, numbers and booleans as values; this module uses strings only. Lists are joined by commas.
//! A scope that includes every project is `*`, allowed addresses that include every address are `*`, and a key that never
//! expires has `never`. The times of a secret that was replaced are in `secret_replaced_at` and `secret_ends_at`; the first is
//! missing if it is unknown, and both are missing for the current secret.
//!
//! A missing value never means unlimited access. The authorizer of the previous version does not write these fields:
//! - Without `allowed_ips`, every address is allowed, because that version rejects keys with allowed addresses.
//! - Without `revision`, it is 0, so writes of a key that was changed fail.
//! - Without `originating_member`, it is unknown.
//! - Without `account_epoch`, it is 0, so writes of a session fail whose account was ever suspended.
//! - Without `authenticated_at`, it is the time of the login, which is never later than the last authentication.
//! - Without `factors`, the session has the password alone.
//! - Without `key_epoch`, it is 0, so writes of a key fail whose account has ended all of its credentials before.
//! - Without `account_restrictions`, the account has none, so writes fail if it has some.
//! - Without `reauthentication_minutes`, the account has no such rule. That version rejects sessions of accounts that have it.

use std::{collections::HashMap, hash::BuildHasher};

use serde_json::Value;

use crate::{
    authorization::principal::{KeyPrincipal, Principal, SecretAge, SecretDeprecation, SessionPrincipal},
    model::{restrictions::Restrictions, session::SESSION_LIFETIME},
    primitives::{
        allowed_ips::{AllowedIps, Networks},
        environment::Environment,
        factor::{Factor, Factors},
        permission::{Permission, Permissions},
        project_id::ProjectId,
        quota::Quota,
        scope::Scope,
        timestamp::Timestamp,
    },
    rate_limit::decision::{RateLimitDecision, RateLimitStatus},
};

const NEVER: &str = "never";
const EVERY_PROJECT: &str = "*";
const EVERY_ADDRESS: &str = "*";
const ORIGINATING_MEMBER: &str = "originating_member";
const ACCOUNT_EPOCH: &str = "account_epoch";
const AUTHENTICATED_AT: &str = "authenticated_at";
const FACTORS: &str = "factors";
const KEY_EPOCH: &str = "key_epoch";
const ACCOUNT_RESTRICTIONS: &str = "account_restrictions";
const REAUTHENTICATION_MINUTES: &str = "reauthentication_minutes";
const SECRET_REPLACED_AT: &str = "secret_replaced_at";
const SECRET_ENDS_AT: &str = "secret_ends_at";
const WITHIN: &str = "within";
const EXCEEDED: &str = "exceeded";
/// The maximum number of fields of a context, including those of the rate limit.
const MAX_FIELDS: usize = 21;

/// The context of a request does not have the form that [`write()`] gives it.
#[derive(Debug, thiserror::Error)]
#[error("the authorizer's context is missing or malformed")]
pub struct MalformedContext;

/// Returns the context for a caller and its rate-limit decision. `rate_limit` is `None` for a session, and for a key whose
/// limit could not be determined.
#[must_use]
pub fn write(principal: &Principal, rate_limit: Option<RateLimitDecision>) -> Vec<(&'static str, String)> {
    let mut context = Vec::with_capacity(MAX_FIELDS);
    context.extend([
        ("account_id", principal.account_id().to_string()),
        ("permissions", join(principal.permissions().iter().map(Permission::as_str))),
    ]);
    match principal {
        Principal::ApiKey(key) => {
            context.extend([
                ("type", "api_key".to_owned()),
                ("key_id", key.key_id.to_string()),
                ("name", key.name.as_str().to_owned()),
                ("key_type", key.environment.as_str().to_owned()),
                ("scope", write_scope(&key.scope)),
                ("allowed_ips", write_allowed_ips(&key.allowed_ips)),
                ("expires_at", key.expires_at.map_or_else(|| NEVER.to_owned(), |end| end.to_string())),
                ("secret", key.secret.as_str().to_owned()),
                ("generation", key.generation.to_string()),
                ("revision", key.revision.to_string()),
            ]);
            context.extend((key.epoch > 0).then(|| (KEY_EPOCH, key.epoch.to_string())));
            context.extend(key.originating_member.map(|member| (ORIGINATING_MEMBER, member.to_string())));
            context.extend(key.deprecation.into_iter().flat_map(write_deprecation));
        }
        Principal::Session(session) => {
            context.extend([
                ("type", "session".to_owned()),
                ("user_id", session.user_id.to_string()),
                ("session_id", session.session_id.to_string()),
                ("session_epoch", session.session_epoch.to_string()),
                (ACCOUNT_EPOCH, session.account_epoch.to_string()),
                ("email", session.email.as_str().to_owned()),
                ("expires_at", session.expires_at.to_string()),
                (AUTHENTICATED_AT, session.authenticated_at.to_string()),
                (FACTORS, join(session.factors.iter().map(Factor::as_str))),
            ]);
            let minutes = session.reauthentication_minutes;
            context.extend(minutes.map(|minutes| (REAUTHENTICATION_MINUTES, minutes.to_string())));
        }
    }
    let restrictions = principal.account_restrictions();
    if !restrictions.is_empty() {
        context.push((ACCOUNT_RESTRICTIONS, join(restrictions.names())));
    }
    context.extend(rate_limit.into_iter().flat_map(write_rate_limit));
    context
}

fn write_scope(scope: &Scope) -> String {
    match scope {
        Scope::All => EVERY_PROJECT.to_owned(),
        Scope::Projects(projects) => join(projects.as_slice().iter().map(ProjectId::as_str)),
    }
}

fn write_allowed_ips(allowed: &AllowedIps) -> String {
    match allowed {
        AllowedIps::Any => EVERY_ADDRESS.to_owned(),
        AllowedIps::Networks(networks) => networks.to_compact(),
    }
}

fn write_deprecation(deprecation: SecretDeprecation) -> impl Iterator<Item = (&'static str, String)> {
    let SecretDeprecation { replaced_at, ends_at } = deprecation;
    let replaced_at = replaced_at.map(|time| (SECRET_REPLACED_AT, time.to_string()));
    replaced_at.into_iter().chain([(SECRET_ENDS_AT, ends_at.to_string())])
}

fn write_rate_limit(decision: RateLimitDecision) -> [(&'static str, String); 4] {
    let (name, status) = match decision {
        RateLimitDecision::Within(status) => (WITHIN, status),
        RateLimitDecision::Exceeded(status) => (EXCEEDED, status),
    };
    [
        ("rate_limit", name.to_owned()),
        ("rate_limit_quota", status.quota.get().to_string()),
        ("rate_limit_remaining", status.remaining.to_string()),
        ("rate_limit_resets_in", status.resets_in.to_string()),
    ]
}

fn join<'a>(values: impl Iterator<Item = &'a str>) -> String {
    values.collect::<Vec<_>>().join(",")
}

/// Reads the caller and its rate-limit decision from a context.
///
/// # Errors
/// Returns an error if a field is missing or malformed. Such a request must be treated as unauthenticated.
pub fn read<S: BuildHasher>(
    context: &HashMap<String, Value, S>,
) -> Result<(Principal, Option<RateLimitDecision>), MalformedContext> {
    Ok((read_principal(context)?, read_rate_limit(context)?))
}

fn read_principal<S: BuildHasher>(
    context: &HashMap<String, Value, S>,
) -> Result<Principal, MalformedContext> {
    let text = |name: &str| context.get(name).and_then(Value::as_str).ok_or(MalformedContext);
    // The authorizer of the previous version does not write this field.
    let new_text = |name: &str| match context.get(name) {
        Some(value) => value.as_str().map(Some).ok_or(MalformedContext),
        None => Ok(None),
    };
    let new_time = |name: &str| new_text(name)?.map(str::parse).transpose().map_err(|_| MalformedContext);
    let account_id = text("account_id")?.parse().map_err(|_| MalformedContext)?;
    let permissions = read_permissions(text("permissions")?)?;
    let account_restrictions = new_text(ACCOUNT_RESTRICTIONS)?
        .map_or(Restrictions::NONE, |names| Restrictions::from_names(names.split(',')));
    match text("type")? {
        "api_key" => Ok(Principal::ApiKey(KeyPrincipal {
            account_id,
            key_id: text("key_id")?.parse().map_err(|_| MalformedContext)?,
            name: text("name")?.to_owned().try_into().map_err(|_| MalformedContext)?,
            environment: Environment::from_name(text("key_type")?).ok_or(MalformedContext)?,
            permissions,
            scope: read_scope(text("scope")?)?,
            // The previous version rejects keys with allowed addresses, and knows no changes of keys.
            allowed_ips: new_text("allowed_ips")?.map_or(Ok(AllowedIps::Any), read_allowed_ips)?,
            revision: new_text("revision")?.map_or(Ok(0), str::parse).map_err(|_| MalformedContext)?,
            originating_member: new_text(ORIGINATING_MEMBER)?
                .map(str::parse)
                .transpose()
                .map_err(|_| MalformedContext)?,
            epoch: new_text(KEY_EPOCH)?.map_or(Ok(0), str::parse).map_err(|_| MalformedContext)?,
            expires_at: match text("expires_at")? {
                NEVER => None,
                end => Some(end.parse().map_err(|_| MalformedContext)?),
            },
            secret: SecretAge::from_name(text("secret")?).ok_or(MalformedContext)?,
            generation: text("generation")?.parse().map_err(|_| MalformedContext)?,
            deprecation: match (new_time(SECRET_REPLACED_AT)?, new_time(SECRET_ENDS_AT)?) {
                (replaced_at, Some(ends_at)) => Some(SecretDeprecation { replaced_at, ends_at }),
                (Some(_), None) => return Err(MalformedContext),
                (None, None) => None,
            },
            account_restrictions,
        })),
        "session" => {
            let expires_at: Timestamp = text("expires_at")?.parse().map_err(|_| MalformedContext)?;
            Ok(Principal::Session(SessionPrincipal {
                account_id,
                user_id: text("user_id")?.parse().map_err(|_| MalformedContext)?,
                session_id: text("session_id")?.parse().map_err(|_| MalformedContext)?,
                session_epoch: text("session_epoch")?.parse().map_err(|_| MalformedContext)?,
                account_epoch: new_text(ACCOUNT_EPOCH)?
                    .map_or(Ok(0), str::parse)
                    .map_err(|_| MalformedContext)?,
                email: text("email")?.to_owned().try_into().map_err(|_| MalformedContext)?,
                permissions,
                expires_at,
                authenticated_at: new_time(AUTHENTICATED_AT)?
                    .unwrap_or_else(|| expires_at.minus_seconds(SESSION_LIFETIME)),
                factors: new_text(FACTORS)?.map_or(Ok(Factors::PASSWORD), read_factors)?,
                account_restrictions,
                reauthentication_minutes: new_text(REAUTHENTICATION_MINUTES)?
                    .map(|minutes| minutes.parse::<i64>().ok().and_then(|minutes| minutes.try_into().ok()))
                    .map(|minutes| minutes.ok_or(MalformedContext))
                    .transpose()?,
            }))
        }
        _ => Err(MalformedContext),
    }
}

/// Reads factors. A session without factors has an empty text.
fn read_factors(names: &str) -> Result<Factors, MalformedContext> {
    if names.is_empty() {
        return Ok(Factors::NONE);
    }
    names.split(',').map(Factor::from_name).collect::<Option<_>>().ok_or(MalformedContext)
}

fn read_permissions(names: &str) -> Result<Permissions, MalformedContext> {
    let permissions: Option<Vec<_>> = names.split(',').map(Permission::from_name).collect();
    Permissions::new(permissions.ok_or(MalformedContext)?).map_err(|_| MalformedContext)
}

fn read_scope(text: &str) -> Result<Scope, MalformedContext> {
    if text == EVERY_PROJECT {
        return Ok(Scope::All);
    }
    let ids: Result<Vec<ProjectId>, _> = text.split(',').map(str::parse).collect();
    let projects = ids.map_err(|_| MalformedContext)?.try_into().map_err(|_| MalformedContext)?;
    Ok(Scope::Projects(projects))
}

fn read_allowed_ips(text: &str) -> Result<AllowedIps, MalformedContext> {
    if text == EVERY_ADDRESS {
        return Ok(AllowedIps::Any);
    }
    Networks::from_compact(text).map(AllowedIps::Networks).map_err(|_| MalformedContext)
}

fn read_rate_limit<S: BuildHasher>(
    context: &HashMap<String, Value, S>,
) -> Result<Option<RateLimitDecision>, MalformedContext> {
    let text = |name: &str| context.get(name).and_then(Value::as_str);
    let Some(decision) = text("rate_limit") else { return Ok(None) };
    let number = |name: &str| text(name).and_then(|text| text.parse::<u32>().ok()).ok_or(MalformedContext);
    let status = RateLimitStatus {
        quota: number("rate_limit_quota")?.try_into().map(Quota::new).map_err(|_| MalformedContext)?,
        remaining: number("rate_limit_remaining")?,
        resets_in: number("rate_limit_resets_in")?,
    };
    match decision {
        WITHIN => Ok(Some(RateLimitDecision::Within(status))),
        EXCEEDED => Ok(Some(RateLimitDecision::Exceeded(status))),
        _ => Err(MalformedContext),
    }
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};

    use super::*;
    use crate::authorization::principal::tests::{any_key_principal, any_principal, any_session_principal};

    /// The fields that the authorizer of the previous version does not write.
    const NEW: [&str; 11] = [
        "key_epoch",
        "allowed_ips",
        "revision",
        "originating_member",
        "secret_replaced_at",
        "secret_ends_at",
        "account_epoch",
        "authenticated_at",
        "factors",
        "account_restrictions",
        "reauthentication_minutes",
    ];

    fn any_rate_limit() -> impl Strategy<Value = RateLimitDecision> {
        (any::<bool>(), 1..=u32::MAX, any::<u32>(), any::<u32>()).prop_map(
            |(is_within, quota, remaining, resets_in)| {
                let quota = Quota::new(quota.try_into().unwrap());
                let status = RateLimitStatus { quota, remaining, resets_in };
                if is_within {
                    RateLimitDecision::Within(status)
                } else {
                    RateLimitDecision::Exceeded(status)
                }
            },
        )
    }

    fn as_received(principal: &Principal, rate_limit: Option<RateLimitDecision>) -> HashMap<String, Value> {
        let context = write(principal, rate_limit);
        assert!(context.len() <= MAX_FIELDS);
        context.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
    }

    proptest! {
        #[test]
        fn written_context_reads_back_the_same(
            principal in any_principal(),
            rate_limit in option::of(any_rate_limit()),
        ) {
            let read = read(&as_received(&principal, rate_limit)).unwrap();
            prop_assert_eq!(read, (principal, rate_limit));
        }

        #[test]
        fn context_without_a_field_that_the_previous_version_writes_is_malformed(
            principal in any_principal(),
            missing: prop::sample::Index,
        ) {
            let mut context = as_received(&principal, None);
            let names: Vec<_> = context.keys().filter(|name| !NEW.contains(&&***name)).cloned().collect();
            context.remove(missing.get(&names));
            prop_assert!(read(&context).is_err());
        }

        #[test]
        fn context_without_the_new_fields_is_of_a_key_without_restrictions_and_changes(key in any_key_principal()) {
            let mut context = as_received(&Principal::ApiKey(key.clone()), None);
            context.retain(|name, _| !NEW.contains(&&**name));
            let unchanged = KeyPrincipal {
                allowed_ips: AllowedIps::Any,
                revision: 0,
                originating_member: None,
                epoch: 0,
                deprecation: None,
                account_restrictions: Restrictions::NONE,
                ..key
            };
            prop_assert_eq!(read(&context).unwrap().0, Principal::ApiKey(unchanged));
        }

        #[test]
        fn context_without_the_new_fields_is_of_a_session_of_the_first_epoch_that_authenticated_at_login_by_password(
            session in any_session_principal(),
        ) {
            let mut context = as_received(&Principal::Session(session.clone()), None);
            context.retain(|name, _| !NEW.contains(&&**name));
            let expected = SessionPrincipal {
                account_epoch: 0,
                authenticated_at: session.expires_at.minus_seconds(12 * 60 * 60),
                factors: Factors::PASSWORD,
                account_restrictions: Restrictions::NONE,
                reauthentication_minutes: None,
                ..session
            };
            prop_assert_eq!(read(&context).unwrap().0, Principal::Session(expected));
        }

        #[test]
        fn context_with_a_value_that_is_not_a_string_is_malformed(
            principal in any_principal(),
            at: prop::sample::Index,
        ) {
            let mut context = as_received(&principal, None);
            let names: Vec<_> = context.keys().cloned().collect();
            context.insert(at.get(&names).clone(), Value::Null);
            prop_assert!(read(&context).is_err());
        }

        #[test]
        fn context_with_a_malformed_rate_limit_is_malformed(
            principal in any_principal(),
            rate_limit in any_rate_limit(),
            at in 0_usize..4,
            value in "|-1|x|WITHIN|4294967296",
        ) {
            let mut context = as_received(&principal, Some(rate_limit));
            let (name, _) = write_rate_limit(rate_limit)[at];
            context.insert(name.to_owned(), value.into());
            prop_assert!(read(&context).is_err());
        }

        #[test]
        fn context_with_a_quota_of_zero_is_malformed(
            principal in any_principal(),
            rate_limit in any_rate_limit(),
        ) {
            let mut context = as_received(&principal, Some(rate_limit));
            context.insert("rate_limit_quota".to_owned(), "0".into());
            prop_assert!(read(&context).is_err());
        }
    }
}
