//! `/v1/auth/passkeys`: adds, lists and removes the caller's passkeys.

mod add;

use std::sync::Arc;

use serde_json::json;
use shared::{
    authorization::principal::{Principal, SessionPrincipal},
    error::Error,
    http::{
        self, Event, PAGING, Request, Response, StatusCode, examples,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
        views::{PageView, PasskeyView},
    },
    model::mail::{Mail, Message},
    primitives::{id::PasskeyId, pagination::List},
    runtime::{app::App, function::Function},
    store::StoreError,
};
use webauthn::CreationOptionsView;

use self::add::{AddedPasskeyView, NewPasskey};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        route: "POST /v1/auth/passkeys/options",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::SecondFactor,
        name: "createPasskeyOptions",
        summary: "Get the options for a new passkey",
        description: "Returns the options with which a browser asks an authenticator for a new passkey. They can be used once, by the same member, within five minutes. The authenticator must verify the user, and the passkey must be discoverable.",
        credentials: Credentials::Session,
        id: None,
        parameters: &[],
        body: None,
        success: Success {
            status: 200,
            description: "The options.",
            body: Some((schema_of::<CreationOptionsView>, creation_options)),
        },
        errors: &[(409, "The member already has 20 passkeys, or the service has no public URL.")],
    },
    Operation {
        route: "POST /v1/auth/passkeys",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::SecondFactor,
        name: "addPasskey",
        summary: "Add a passkey",
        description: "Adds a passkey that an authenticator has created with the options of `POST /v1/auth/passkeys/options`. From then on, the password alone does not log the member in. The session gets the factor `passkey`, and all other sessions of the member end. The response for a first passkey contains ten recovery codes, which are shown only once.",
        credentials: Credentials::Session,
        id: None,
        parameters: &[],
        body: Some(Body {
            schema: schema_of::<NewPasskey>,
            example: || json!({"name": "Laptop", "credential": attestation()}),
            optional: false,
        }),
        success: Success {
            status: 201,
            description: "The passkey.",
            body: Some((schema_of::<AddedPasskeyView>, || {
                examples::with(examples::passkey(), json!({"recovery_codes": examples::recovery_codes()}))
            })),
        },
        errors: &[
            (
                400,
                "A field is invalid, the options were used or have expired, or the authenticator's response does not fit them.",
            ),
            (
                409,
                "The passkey is registered already, the member already has 20 passkeys, a concurrent request changed the member or ended the session, or the service has no public URL.",
            ),
        ],
    },
    Operation {
        route: "GET /v1/auth/passkeys",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::SecondFactor,
        name: "listPasskeys",
        summary: "List your passkeys",
        description: "Returns the passkeys of the caller, newest first.",
        credentials: Credentials::Session,
        id: None,
        parameters: &PAGING,
        body: None,
        success: Success {
            status: 200,
            description: "A page of passkeys.",
            body: Some((schema_of::<PageView<PasskeyView>>, || examples::page(&examples::passkey()))),
        },
        errors: &[],
    },
    Operation {
        route: "DELETE /v1/auth/passkeys/{passkey_id}",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::SecondFactor,
        name: "removePasskey",
        summary: "Remove a passkey",
        description: "Removes one of the caller's passkeys. With the last one, the recovery codes end, and the password alone logs the member in.",
        credentials: Credentials::Session,
        id: Some(schema_of::<PasskeyId>),
        parameters: &[],
        body: None,
        success: Success::NO_CONTENT,
        errors: &[(
            409,
            "A concurrent request changed the passkeys of the member or ended the session first.",
        )],
    },
];

fn creation_options() -> serde_json::Value {
    json!({
        "publicKey": {
            "rp": {"name": "MedTWIN", "id": "auth.example.com"},
            "user": {"id": "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA", "name": "user@example.com", "displayName": "user@example.com"},
            "challenge": "q2V0LXRoaXMtaXMtYW4tZXhhbXBsZS1jaGFsbGVuZ2U",
            "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
            "timeout": 300_000,
            "excludeCredentials": [],
            "authenticatorSelection": {"residentKey": "required", "requireResidentKey": true, "userVerification": "required"},
            "attestation": "none",
        },
    })
}

fn attestation() -> serde_json::Value {
    json!({
        "id": "AQIDBAUGBwgJCgsMDQ4PEA",
        "rawId": "AQIDBAUGBwgJCgsMDQ4PEA",
        "type": "public-key",
        "response": {"clientDataJSON": "…", "attestationObject": "…", "transports": ["internal"]},
        "clientExtensionResults": {},
    })
}

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let caller = principal.session()?;
    match (request.method(), request.route()) {
        ("POST", "/v1/auth/passkeys/options") => add::options(&app, caller).await,
        ("POST", "/v1/auth/passkeys") => add::add(&app, caller, &request).await,
        ("GET", "/v1/auth/passkeys") => list(&app, caller, &request).await,
        ("DELETE", "/v1/auth/passkeys/{passkey_id}") => remove(&app, caller, &request).await,
        _ => Err(Error::not_found()),
    }
}

async fn list(app: &App, caller: &SessionPrincipal, request: &Request) -> Result<Response, Error> {
    let list = List::new("passkeys", caller.user_id);
    let paging = request.paging(&list)?;
    let passkeys = app.store.passkeys(caller.account_id, caller.user_id, &paging).await?;
    Ok(http::json(StatusCode::OK, &PageView::new(passkeys, &list, PasskeyView::from)))
}

async fn remove(app: &App, caller: &SessionPrincipal, request: &Request) -> Result<Response, Error> {
    let id = request.path_id("passkey_id")?;
    let passkey = app.store.passkey(caller.account_id, caller.user_id, id).await?;
    let member = app.store.member(caller.account_id, caller.user_id).await?.ok_or(StoreError::Conflict)?;
    let audit_context = request.audit_context(app);
    app.store.remove_passkey(&passkey, &member, caller, &audit_context).await?;
    let message = Message::PasskeyRemoved((&audit_context).into());
    app.send_mail(&Mail::to(caller.account_id, &caller.email, message)).await;
    Ok(http::no_content())
}
