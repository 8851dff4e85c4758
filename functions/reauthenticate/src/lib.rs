//! `POST /v1/auth/reauthenticate`: records that the caller has authenticated again.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shared::{
    authorization::{denial::Forbidden, principal::Principal},
    credentials::password::Password,
    error::Error,
    http::{
        self, Event, Request, Response, examples,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
    },
    rate_limit::login_throttle::Attempt,
    runtime::{app::App, function::Function, own_password::OwnPasswordAttempt, password_workers},
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "POST /v1/auth/reauthenticate",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::Sessions,
    name: "reauthenticate",
    summary: "Authenticate again",
    description: "Records that the member of the session has just authenticated. Send this request after a 403 with the code `REAUTHENTICATION_REQUIRED`, and then repeat the rejected one. A wrong password counts as a failed login.",
    credentials: Credentials::Session,
    id: None,
    parameters: &[],
    body: Some(Body {
        schema: schema_of::<Reauthentication>,
        example: || json!({"password": examples::PASSWORD}),
        optional: false,
    }),
    success: Success::NO_CONTENT,
    errors: &[
        (403, "The password is wrong or disabled, or the caller is an API key."),
        (409, "The session was ended by a concurrent request."),
        (
            429,
            "Too many attempts with this member's email address or from this IP address failed, or the service received too many requests.",
        ),
    ],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reauthentication {
    /// The caller's password.
    password: Password,
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let session = principal.session()?;
    let Reauthentication { password } = request.body()?;
    let audit_context = request.audit_context(&app);
    let peppers = app.peppers().await?;
    let attempt =
        Attempt::new(session.email.as_str(), request.source_ip(), audit_context.at, &peppers, &app.random);
    // Acquired before the attempt is reserved: a request that gets no permit must not count as a failed attempt.
    let permit = password_workers::acquire_permit()?;
    let (reservation, loaded) = app.store.reserve_login_attempt(Some(&session.email), attempt).await?;
    let reauthenticate = async {
        let attempt = OwnPasswordAttempt {
            session,
            password,
            permit,
            reservation: &reservation,
            audit_context: &audit_context,
        };
        let verified = attempt.verify(&app, loaded).await?;
        verified.ok_or_else(|| Error::forbidden(Forbidden::WrongPassword))?;
        Ok(app.store.record_authentication(session, &reservation, app.clock.now()).await?)
    };
    // Boxed, because it is too large for the stack.
    app.store.settle_attempt::<_, Error>(&reservation, Box::pin(reauthenticate)).await?;
    Ok(http::no_content())
}
