//! `/v1/auth/login/…`: the logins with a passkey, alone or after the password, and with a recovery code after the password.

mod passkey;
mod second_factor;

use std::sync::Arc;

use serde_json::json;
use shared::{
    error::Error,
    http::{
        self, Event, Request, Response, examples,
        new_session::LOGGED_IN,
        openapi::{self, Body, Operation, Success, Tag, schema_of},
        request_options::{NO_PUBLIC_URL, RequestOptionsView},
    },
    runtime::{app::App, function::Function},
};

use self::{passkey::PasskeyLogin, second_factor::SecondFactorLogin};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        route: "POST /v1/auth/login/options",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::SecondFactor,
        name: "createLoginOptions",
        summary: "Get the options for a login with a passkey",
        description: "Returns the options with which a browser asks for any passkey of this service. They can be used once, within five minutes.",
        credentials: openapi::Credentials::None,
        id: None,
        parameters: &[],
        body: None,
        success: Success {
            status: 200,
            description: "The options.",
            body: Some((schema_of::<RequestOptionsView>, examples::request_options)),
        },
        errors: &[NO_PUBLIC_URL],
    },
    Operation {
        route: "POST /v1/auth/login/passkey",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::SecondFactor,
        name: "logInWithPasskey",
        summary: "Log in with a passkey",
        description: "Creates a session for the member whom a passkey names, without a password. `credential` must be the response of an authenticator to the options of `POST /v1/auth/login/options`. A login beyond the limit of a member's sessions ends the oldest one.",
        credentials: openapi::Credentials::None,
        id: None,
        parameters: &[],
        body: Some(Body {
            schema: schema_of::<PasskeyLogin>,
            example: || json!({"credential": examples::assertion()}),
            optional: false,
        }),
        success: LOGGED_IN,
        errors: &[
            (
                401,
                "The passkey is unknown or was removed, its signature is wrong, the user was not verified, or the options were used or have expired.",
            ),
            (
                403,
                "The passkey is right, but the member or the account is suspended. The message is `Account suspended`.",
            ),
            NO_PUBLIC_URL,
        ],
    },
    Operation {
        route: "POST /v1/auth/login/second-factor",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::SecondFactor,
        name: "completeLogIn",
        summary: "Complete a login with the second factor",
        description: "Creates a session for a member whose password was verified by `POST /v1/auth/login`. A login token works once, lasts five minutes and ends after five failed attempts. Its options can be used for one attempt with a passkey. Failed attempts count as failed logins.",
        credentials: openapi::Credentials::None,
        id: None,
        parameters: &[],
        body: Some(Body {
            schema: schema_of::<SecondFactorLogin>,
            example: || {
                json!({
                    "login_token": "login_0VpZbQ3kd81xTq7M0VpZbQ9sWm40aYeK4Vn1tqOQ5nXyLkB8c2pG7HfRzJdTwMsEx7Qd4f",
                    "recovery_code": "7KQ2-M0XD-9TVA-4HBN-C3PW-8ZRE",
                })
            },
            optional: false,
        }),
        success: LOGGED_IN,
        errors: &[
            (
                401,
                "The login token is not valid any more, or the passkey or the recovery code is wrong or was used.",
            ),
            NO_PUBLIC_URL,
            (
                429,
                "Too many attempts with this member's email address or from this IP address failed, or the service received too many requests.",
            ),
        ],
    },
];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::public(app, OPERATIONS, handle)
}

async fn handle(app: Arc<App>, request: Request) -> Result<Response, Error> {
    match (request.method(), request.route()) {
        ("POST", "/v1/auth/login/options") => passkey::options(&app).await,
        ("POST", "/v1/auth/login/passkey") => passkey::log_in(&app, &request).await,
        ("POST", "/v1/auth/login/second-factor") => second_factor::log_in(&app, &request).await,
        _ => Err(Error::not_found()),
    }
}
