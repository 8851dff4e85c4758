//! `POST /v1/auth/recovery-codes`: replaces the caller's recovery codes.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::{
    authorization::principal::Principal,
    credentials::recovery_code::{NewRecoveryCodes, RECOVERY_CODES},
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode, examples,
        openapi::{Credentials, Operation, Success, Tag, schema_of},
    },
    model::recovery_codes::RecoveryCodes,
    runtime::{app::App, function::Function},
    store::StoreError,
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "POST /v1/auth/recovery-codes",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::SecondFactor,
    name: "replaceRecoveryCodes",
    summary: "Replace your recovery codes",
    description: "Returns ten new recovery codes, which are shown only once. All earlier ones end. Each code logs the member in once instead of a passkey, after the password.",
    credentials: Credentials::Session,
    id: None,
    parameters: &[],
    body: None,
    success: Success {
        status: 200,
        description: "The recovery codes.",
        body: Some((
            schema_of::<RecoveryCodesView>,
            || json!({"recovery_codes": examples::recovery_codes()}),
        )),
    },
    errors: &[(
        409,
        "The member has no passkey, or a concurrent request changed the member or ended the session first.",
    )],
}];

/// New recovery codes.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RecoveryCodes")]
struct RecoveryCodesView<'a> {
    /// Ten codes. Case, spaces and hyphens do not matter when they are used.
    #[schemars(with = "Vec<String>")]
    recovery_codes: [&'a str; RECOVERY_CODES],
}

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let caller = principal.session()?;
    let member = app.store.member(caller.account_id, caller.user_id).await?.ok_or(StoreError::Conflict)?;
    if !member.has_passkeys() {
        return Err(Error::conflict("Add a passkey first. Recovery codes take its place"));
    }
    let audit_context = request.audit_context(&app);
    let codes = NewRecoveryCodes::new(&app.random);
    let digests = RecoveryCodes::new(&codes, &*app.peppers().await?, audit_context.at);
    app.store.replace_recovery_codes(&digests, caller, &audit_context).await?;
    Ok(http::json(StatusCode::OK, &RecoveryCodesView { recovery_codes: codes.expose() }))
}
