//! The Lambda authorizer: decides on every request before it reaches a function.

mod event;
mod policy;
mod usage;

use std::{fmt, sync::Arc};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use shared::{
    access::{Asked, decide_key, decide_session, unknown_key, unknown_session},
    app::App,
    error::Error,
    function::Function,
    http::StatusCode,
    invocation::Invocation,
    limit::{Leases, Verdict},
    metrics::Outcome,
    principal::Principal,
    refusal::Unauthenticated,
    token::{MalformedToken, Token},
};

pub use self::{event::AuthorizerRequest, policy::Policy};

/// The function.
#[must_use]
pub fn service(app: Arc<App>) -> impl Function<AuthorizerRequest> {
    let leases = Arc::new(Leases::default());
    service_fn(move |event: LambdaEvent<AuthorizerRequest>| {
        authorize(Arc::clone(&app), Arc::clone(&leases), event.payload)
    })
}

/// No policy.
#[derive(Debug)]
pub enum Refused {
    /// The credential is not valid: API Gateway answers 401.
    Unauthorized,
    /// Nothing could be decided: API Gateway answers as for any other error, and never with a 401 or 403.
    Failed,
}

impl From<Refused> for Diagnostic {
    fn from(refused: Refused) -> Self {
        let error_type = format!("{refused:?}");
        Self { error_type, error_message: refused.to_string() }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            // API Gateway answers 401 to this word alone.
            Self::Unauthorized => "Unauthorized",
            Self::Failed => "Nothing could be decided",
        })
    }
}

async fn authorize(
    app: Arc<App>,
    leases: Arc<Leases>,
    request: AuthorizerRequest,
) -> Result<Policy, Refused> {
    let asked = request.asked();
    let invocation = Invocation::begin(
        &app,
        &request.request_context.request_id,
        format!("authorize {} {}", asked.method, asked.route),
    );
    let token = request.authorization().ok_or(MalformedToken).and_then(Token::from_authorization);
    let decided = match &token {
        Ok(token) => {
            let decided = invocation.run(decide(&app, &leases, token, &asked)).await;
            decided.map_err(Error::unavailable).flatten()
        }
        Err(MalformedToken) => Err(Error::unauthorized(Unauthenticated::Malformed)),
    };
    let claims = token.ok().map(|token| token.claims());
    match (decided, claims) {
        (Ok((principal, limit)), _) => {
            let outcome = match (&principal, limit) {
                (_, Some(Verdict::Exceeded(_))) => Outcome::RateLimited,
                (Principal::ApiKey(_), None) => Outcome::AllowedUncounted,
                _ => Outcome::Allowed,
            };
            invocation.of(principal.account_id(), principal.id()).end(outcome, None);
            Ok(Policy::allow(&principal, limit, request.method_arn))
        }
        (Err(error), Some(claims)) if error.status() == StatusCode::FORBIDDEN => {
            // The token is valid, so what it claims is true.
            invocation
                .of(claims.account_id, claims.principal_id.clone())
                .end(Outcome::Forbidden, Some(&error.reason()));
            Ok(Policy::deny(claims.principal_id, request.method_arn))
        }
        (Err(error), claims) if error.status() == StatusCode::UNAUTHORIZED => {
            invocation.claiming(claims.as_ref()).end(Outcome::Unauthenticated, Some(&error.reason()));
            Err(Refused::Unauthorized)
        }
        (Err(error), claims) => {
            invocation.claiming(claims.as_ref()).end(Outcome::Failed, Some(&error.reason()));
            Err(Refused::Failed)
        }
    }
}

/// Decides on a request with `token`: one round trip to the table, and what it found goes to the rules. Says also how
/// its limit stands, where it has one and that can be told.
async fn decide(
    app: &App,
    leases: &Leases,
    token: &Token<'_>,
    asked: &Asked<'_>,
) -> Result<(Principal, Option<Verdict>), Error> {
    let now = app.clock.now();
    match token {
        Token::ApiKey(token) => {
            let found = app.store.find_key(token.account_id, token.key_id).await?;
            let versions = found.iter().flat_map(|found| found.pepper_versions(now));
            let peppers = app.peppers_with(versions).await?;
            let found = found.ok_or_else(|| unknown_key(token, &peppers, now))?;
            let principal = decide_key(asked, token, &found, &peppers, now)?;
            Ok((principal, usage::of_key(app, leases, &found, token, &peppers, now).await?))
        }
        Token::Session(token) => {
            let found = app.store.find_session(token.account_id, token.user_id, token.session_id).await?;
            let version = found.as_ref().map(|found| found.session.digest.pepper_version());
            let peppers = app.peppers_with(version).await?;
            let found = found.ok_or_else(|| unknown_session(token, &peppers))?;
            let principal = decide_session(asked, token, &found, &peppers, now)?;
            usage::of_session(app, &found, token, &peppers, now).await;
            Ok((principal, None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_gateway_answers_401_to_one_word_alone() {
        for (refused, kind, message) in [
            (Refused::Unauthorized, "Unauthorized", "Unauthorized"),
            (Refused::Failed, "Failed", "Nothing could be decided"),
        ] {
            let diagnostic = Diagnostic::from(refused);
            assert_eq!((diagnostic.error_type.as_str(), diagnostic.error_message.as_str()), (kind, message));
        }
    }
}
