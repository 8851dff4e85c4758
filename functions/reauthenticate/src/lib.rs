//! `/v1/auth/reauthenticate`: records that the caller has authenticated again.

mod passkey;
mod password;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shared::{
    authorization::principal::Principal,
    credentials::password::Password,
    error::Error,
    http::{
        self, Event, Request, Response,
        authenticator_response::AuthenticatorResponse,
        examples,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
        patch::{present, without_defaults},
        request_options::RequestOptionsView,
    },
    runtime::{app::App, function::Function},
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        route: "POST /v1/auth/reauthenticate",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Sessions,
        name: "reauthenticate",
        summary: "Authenticate again",
        description: "Records that the member of the session has just authenticated. Send this request after a 403 with the code `REAUTHENTICATION_REQUIRED`, and then repeat the rejected one. A member with a passkey authenticates with it, and all others with their password. A wrong password or passkey counts as a failed login.",
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
            (
                400,
                "A field is invalid. Or the passkey is right, but its options were used, have expired, or belong to another member or operation.",
            ),
            (
                403,
                "The password is wrong or disabled, the passkey is wrong, the member has a passkey and sent the password, or the caller is an API key.",
            ),
            (
                409,
                "The session was ended by a concurrent request, or the request has a passkey and the service has no public URL.",
            ),
            (
                429,
                "Too many attempts with this member's email address or from this IP address failed, or the service received too many requests.",
            ),
        ],
    },
    Operation {
        route: "POST /v1/auth/reauthenticate/options",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Sessions,
        name: "createReauthenticationOptions",
        summary: "Get the options to authenticate again",
        description: "Returns the options with which a browser asks for one of the caller's passkeys. They can be used once, by the same member, within five minutes.",
        credentials: Credentials::Session,
        id: None,
        parameters: &[],
        body: None,
        success: Success {
            status: 200,
            description: "The options.",
            body: Some((schema_of::<RequestOptionsView>, examples::request_options)),
        },
        errors: &[(409, "The member has no passkey, or the service has no public URL.")],
    },
];

/// Exactly one of the two fields.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = without_defaults, extend("minProperties" = 1, "maxProperties" = 1))]
struct Reauthentication {
    /// The caller's password, if they have no passkey.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Password")]
    password: Option<Password>,
    /// The result of `navigator.credentials.get`.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "AuthenticatorResponse")]
    credential: Option<AuthenticatorResponse>,
}

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let session = principal.session()?;
    match (request.method(), request.route()) {
        ("POST", "/v1/auth/reauthenticate") => {}
        ("POST", "/v1/auth/reauthenticate/options") => return passkey::options(&app, session).await,
        _ => return Err(Error::not_found()),
    }
    let Reauthentication { password, credential } = request.body()?;
    match (password, credential) {
        (Some(password), None) => password::authenticate(&app, session, &request, password).await?,
        (None, Some(credential)) => passkey::authenticate(&app, session, &request, &credential).await?,
        _ => {
            let problem = "is required unless there is a `credential`, and must be missing otherwise";
            return Err(Error::bad_field("password", problem));
        }
    }
    Ok(http::no_content())
}
