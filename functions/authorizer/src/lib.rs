//! The Lambda authorizer: decides on every request before it reaches a function.

mod event;
mod policy;

use std::{fmt, sync::Arc};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use shared::{
    access::{Asked, decide_key, decide_session},
    app::App,
    error::Error,
    function::Function,
    http::StatusCode,
    invocation::Invocation,
    metrics::Outcome,
    principal::Principal,
    refusal::Unauthenticated,
    token::{MalformedToken, Token},
};

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
    let asked = request.asked();
    let invocation = Invocation::begin(
        &app,
        &request.request_context.request_id,
        format!("authorize {} {}", asked.method, asked.route),
    );
    let token = request.authorization().ok_or(MalformedToken).and_then(Token::from_authorization);
    let decided = match &token {
        Ok(token) => invocation.run(decide(&app, token, &asked)).await,
        Err(MalformedToken) => Err(Error::unauthorized(Unauthenticated::Malformed)),
    };
    let claims = token.ok().map(|token| token.claims());
    match (decided, claims) {
        (Ok(principal), _) => {
            invocation.of(principal.account_id(), principal.id()).end(Outcome::Allowed, None);
            Ok(Policy::allow(&principal, request.method_arn))
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

/// Decides on a request with `token`: one round trip to the table, and what it found goes to the rules.
async fn decide(app: &App, token: &Token<'_>, asked: &Asked<'_>) -> Result<Principal, Error> {
    let now = app.clock.now();
    let principal = match token {
        Token::ApiKey(token) => {
            let found = app.store.find_key(token.account_id, token.key_id).await?;
            let peppers = app.peppers_with(found.pepper_version()).await?;
            decide_key(asked, token, found, &peppers, now)?
        }
        Token::Session(token) => {
            let found = app.store.find_session(token.account_id, token.user_id, token.session_id).await?;
            let peppers = app.peppers_with(found.pepper_version()).await?;
            decide_session(asked, token, found, &peppers, now)?
        }
    };
    Ok(principal)
}
