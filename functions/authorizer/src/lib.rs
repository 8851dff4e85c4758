//! The Lambda authorizer: decides on every request before it reaches a function.

mod event;
mod policy;

use std::{fmt, sync::Arc, time::Instant};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use shared::{
    access::{Asked, Decision, Refusal, decide_key, decide_session},
    app::App,
    error::Error,
    function::Function,
    telemetry,
    token::{MalformedToken, Token},
};
use tracing::{error, info};

pub use self::{event::AuthorizerRequest, policy::Policy};

/// The function.
#[must_use]
pub fn service(app: Arc<App>) -> impl Function<AuthorizerRequest> {
    service_fn(move |event: LambdaEvent<AuthorizerRequest>| authorize(Arc::clone(&app), event.payload))
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

async fn authorize(app: Arc<App>, request: AuthorizerRequest) -> Result<Policy, Refused> {
    let started = Instant::now();
    let token = request.authorization().ok_or(MalformedToken).and_then(Token::from_authorization);
    let asked = request.asked();
    let decided = match &token {
        Ok(token) => decide(&app, token, &asked).await,
        Err(MalformedToken) => Ok(Decision::Reject(Refusal::Malformed)),
    };
    // What the token claims to be of. Where it was rejected, that is all that is known.
    let claimed = token.ok().map(|token| token.claims());

    let (outcome, refusal) = match &decided {
        Ok(Decision::Allow(_)) => ("allowed", None),
        Ok(Decision::Forbid(refusal)) => ("forbidden", Some(refusal.to_string())),
        Ok(Decision::Reject(refusal)) => ("unauthorized", Some(refusal.to_string())),
        Err(error) => ("failed", Some(error.reason())),
    };
    macro_rules! log {
        ($log:ident) => {
            $log!(
                target: telemetry::TARGET,
                request_id = request.request_context.request_id,
                operation = format!("{} {}", asked.method, asked.route),
                account_id = claimed.as_ref().map(|claimed| claimed.account_id.to_string()),
                principal_id = claimed.as_ref().map(|claimed| &claimed.principal_id),
                outcome,
                reason = refusal,
                microseconds = started.elapsed().as_micros(),
                "authorized"
            )
        };
    }
    if decided.is_err() {
        log!(error);
    } else {
        log!(info);
    }

    match decided {
        Ok(Decision::Allow(principal)) => Ok(Policy::allow(&principal, request.method_arn)),
        Ok(Decision::Forbid(_)) => {
            let principal_id = claimed.map(|claimed| claimed.principal_id).unwrap_or_default();
            Ok(Policy::deny(principal_id, request.method_arn))
        }
        Ok(Decision::Reject(_)) => Err(Refused::Unauthorized),
        Err(_) => Err(Refused::Failed),
    }
}

/// Decides on a request with `token`: one round trip to the table, and what it found goes to the rules.
async fn decide(app: &App, token: &Token<'_>, asked: &Asked<'_>) -> Result<Decision, Error> {
    let (pepper, now) = (app.pepper()?, app.clock.now());
    let decision = match token {
        Token::ApiKey(token) => {
            let found = app.store.find_key(token.account_id, token.key_id).await?;
            decide_key(asked, token, found, pepper, now)
        }
        Token::Session(token) => {
            let found = app.store.find_session(token.account_id, token.user_id, token.session_id).await?;
            decide_session(asked, token, found, pepper, now)
        }
    };
    decision.map_err(Error::internal)
}
