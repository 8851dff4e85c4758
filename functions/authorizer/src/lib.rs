//! The Lambda authorizer: authorizes or rejects every request before it reaches a function.

mod event;
mod policy;
mod usage;

use std::{fmt, sync::Arc};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use shared::{
    authorization::{
        decision::{
            AuthorizationRequest, Denied, authorize_key, authorize_session, deny_unknown_key,
            deny_unknown_session,
        },
        denial::{Forbidden, Unauthenticated},
        principal::{Principal, SecretAge},
        revoked_keys::RevokedKeys,
    },
    credentials::{token::Token, token_mac::TokenMacKey},
    error::Error,
    http::openapi::Operation,
    primitives::timestamp::Timestamp,
    rate_limit::{
        decision::RateLimitDecision,
        key_use::{KeyUse, PreviousSecretUse},
        leases::Leases,
    },
    runtime::{app::App, function::Function, invocation::Invocation},
    store::StoreError,
    telemetry::metrics::Outcome,
};

pub use self::{event::AuthorizerRequest, policy::Policy};

/// Empty, because the authorizer has no route.
pub const OPERATIONS: &[Operation] = &[];

#[must_use]
pub fn service(app: Arc<App>) -> impl Function<AuthorizerRequest> {
    let memory = Arc::new(Memory::default());
    service_fn(move |event: LambdaEvent<AuthorizerRequest>| {
        authorize(Arc::clone(&app), Arc::clone(&memory), event.payload)
    })
}

/// What an execution environment remembers between invocations.
#[derive(Default)]
struct Memory {
    leases: Leases,
    revoked_keys: RevokedKeys,
}

/// The errors that the authorizer reports to API Gateway instead of a policy.
#[derive(Debug)]
pub enum AuthorizerError {
    /// The credential is not valid: 401.
    Unauthorized,
    /// No decision was possible. API Gateway returns 500 for any other error, never 401 or 403.
    Failed,
}

impl From<AuthorizerError> for Diagnostic {
    fn from(error: AuthorizerError) -> Self {
        let error_type = format!("{error:?}");
        Self { error_type, error_message: error.to_string() }
    }
}

impl fmt::Display for AuthorizerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            // API Gateway returns 401 for this exact message only.
            Self::Unauthorized => "Unauthorized",
            Self::Failed => "No decision was possible",
        })
    }
}

/// Why a request is not authorized.
enum Rejection {
    /// The credential is not valid: 401.
    Unauthenticated(Unauthenticated),
    /// The credential is valid, but not for this request: 403.
    Forbidden(Forbidden),
    /// No decision was possible.
    Failed(Error),
}

impl From<Denied> for Rejection {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthenticated(reason) => Self::Unauthenticated(reason),
            Denied::Forbidden(reason) => Self::Forbidden(reason),
            Denied::UnknownPepper(cause) => Self::Failed(Error::unavailable(cause)),
        }
    }
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Rejection {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

async fn authorize(
    app: Arc<App>,
    memory: Arc<Memory>,
    event: AuthorizerRequest,
) -> Result<Policy, AuthorizerError> {
    let request = event.authorization_request();
    let invocation = Invocation::start(
        &app,
        &event.request_context.request_id,
        format!("authorize {} {}", request.method, request.route),
    );
    let mac_key = app.token_mac_key().map_err(|error| {
        invocation.finish_with_error(&error);
        AuthorizerError::Failed
    })?;
    let token = parse_token(&event, mac_key).map_err(|reason| {
        invocation.finish(Outcome::Unauthenticated, Some(&reason.to_string()));
        AuthorizerError::Unauthorized
    })?;
    let claims = token.claims();
    match invocation.run(decide(&app, &memory, &token, &request)).await {
        Ok((principal, rate_limit)) => {
            let outcome = match (&principal, rate_limit) {
                (_, Some(RateLimitDecision::Exceeded(_))) => Outcome::RateLimited,
                (Principal::ApiKey(_), None) => Outcome::AllowedUncounted,
                _ => Outcome::Allowed,
            };
            invocation.for_principal(principal.account_id(), principal.id()).finish(outcome, None);
            Ok(Policy::allow(&principal, rate_limit, event.method_arn))
        }
        Err(Rejection::Forbidden(reason)) => {
            // The token was verified, so its claims are true.
            let invocation = invocation.for_principal(claims.account_id, claims.principal_id.clone());
            invocation.finish(Outcome::Forbidden, Some(&reason.to_string()));
            Ok(Policy::deny(claims.principal_id, event.method_arn))
        }
        Err(Rejection::Unauthenticated(reason)) => {
            invocation.with_claims(&claims).finish(Outcome::Unauthenticated, Some(&reason.to_string()));
            Err(AuthorizerError::Unauthorized)
        }
        Err(Rejection::Failed(error)) => {
            invocation.with_claims(&claims).finish_with_error(&error);
            Err(AuthorizerError::Failed)
        }
    }
}

fn parse_token<'a>(
    event: &'a AuthorizerRequest,
    mac_key: &TokenMacKey,
) -> Result<Token<'a>, Unauthenticated> {
    let authorization = event.authorization().ok_or(Unauthenticated::NotOneCredential)?;
    Ok(Token::from_authorization(authorization, mac_key)?)
}

/// Decides on a request with `token`: loads the entities that the token names in one round trip to the table, and applies
/// the rules to them. Returns the principal and its rate-limit decision. The latter is `None` for a session, and if it could
/// not be determined.
///
/// A key that is known to be revoked is rejected without a read.
async fn decide(
    app: &App,
    memory: &Memory,
    token: &Token<'_>,
    request: &AuthorizationRequest<'_>,
) -> Result<(Principal, Option<RateLimitDecision>), Rejection> {
    let now = app.clock.now();
    match token {
        Token::ApiKey(token) => {
            let Memory { leases, revoked_keys } = memory;
            if revoked_keys.contains(token.account_id, token.key_id) {
                return Err(Rejection::Unauthenticated(Unauthenticated::Revoked));
            }
            let loaded = app.store.load_key(token.account_id, token.key_id).await?;
            let versions = loaded.iter().flat_map(|loaded| loaded.pepper_versions(now));
            let peppers = app.peppers_with(versions).await?;
            let loaded = loaded.ok_or_else(|| deny_unknown_key(token, &peppers, now))?;
            if loaded.key.is_revoked() {
                revoked_keys.add(loaded.key.account_id, loaded.key.id);
            }
            let principal = authorize_key(request, token, &loaded, &peppers, now)?;
            let key_use = KeyUse {
                at: now,
                source_ip: request.source_ip.map(|address| address.to_canonical()),
                previous_secret: previous_secret_use(&principal, now),
            };
            Ok((principal, usage::record_key_use(app, leases, &loaded, token, &peppers, key_use).await?))
        }
        Token::Session(token) => {
            let loaded = app.store.load_session(token.account_id, token.user_id, token.session_id).await?;
            let version = loaded.as_ref().map(|loaded| loaded.session.digest.pepper_version());
            let peppers = app.peppers_with(version).await?;
            let loaded = loaded.ok_or_else(|| deny_unknown_session(token, &peppers))?;
            let principal = authorize_session(request, token, &loaded, &peppers, now)?;
            usage::record_session_use(app, &loaded, token, &peppers, now).await;
            Ok((principal, None))
        }
    }
}

fn previous_secret_use(principal: &Principal, at: Timestamp) -> Option<PreviousSecretUse> {
    match principal {
        Principal::ApiKey(key) if key.secret == SecretAge::Previous => {
            Some(PreviousSecretUse { generation: key.generation, at })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorizer_error_has_the_message_unauthorized_only_for_an_invalid_credential() {
        for (error, kind, message) in [
            (AuthorizerError::Unauthorized, "Unauthorized", "Unauthorized"),
            (AuthorizerError::Failed, "Failed", "No decision was possible"),
        ] {
            let diagnostic = Diagnostic::from(error);
            assert_eq!((diagnostic.error_type.as_str(), diagnostic.error_message.as_str()), (kind, message));
        }
    }
}
