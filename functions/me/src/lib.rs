//! `GET /v1/auth/me`: says who is calling.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use shared::{
    app::App,
    email::EmailAddress,
    environment::Environment,
    error::Error,
    function::Function,
    http::{self, Event, Request, Response, StatusCode},
    id::{AccountId, KeyId, UserId},
    name::Name,
    operation::{Answer, Credentials, Operation, schema_of},
    permission::Permissions,
    principal::{KeyPrincipal, Principal, SecretAge, SessionPrincipal},
    scope::ProjectScope,
    timestamp::Timestamp,
};

/// What the API's description says of it.
pub const OPERATIONS: &[Operation] = &[Operation {
    route: "GET /v1/auth/me",
    name: "getMe",
    summary: "Who is calling?",
    description: "What the credential that came is, and may do.",
    credentials: Credentials::KeyOrSession,
    id: None,
    parameters: &[],
    body: None,
    answer: Answer {
        status: 200,
        description: "Who is calling.",
        body: Some((
            schema_of::<Me>,
            r#"{"type": "api_key", "account_id": "acct_0VpZbQ3kd81xTq7M", "key_id": "key_0VpZbQ9sWm40aYeK", "name": "Production Server", "key_type": "live", "permissions": ["read", "write"], "scope": null, "expires_at": null, "secret": "current"}"#,
        )),
    },
    refusals: &[],
}];

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Me {
    ApiKey {
        account_id: AccountId,
        key_id: KeyId,
        name: Name,
        key_type: Environment,
        permissions: Permissions,
        scope: Option<ProjectScope>,
        expires_at: Option<Timestamp>,
        secret: SecretAge,
    },
    Session {
        account_id: AccountId,
        user_id: UserId,
        email: EmailAddress,
        permissions: Permissions,
        expires_at: Timestamp,
    },
}

impl From<Principal> for Me {
    fn from(principal: Principal) -> Self {
        match principal {
            Principal::ApiKey(key) => {
                let KeyPrincipal { account_id, key_id, name, permissions, expires_at, secret, .. } = key;
                let scope = (&key.scope).into();
                Self::ApiKey {
                    account_id,
                    key_id,
                    name,
                    key_type: key.environment,
                    permissions,
                    scope,
                    expires_at,
                    secret,
                }
            }
            Principal::Session(session) => {
                let SessionPrincipal { account_id, user_id, email, permissions, expires_at, .. } = session;
                Self::Session { account_id, user_id, email, permissions, expires_at }
            }
        }
    }
}

async fn handle(_app: Arc<App>, principal: Principal, _request: Request) -> Result<Response, Error> {
    Ok(http::json(StatusCode::OK, &Me::from(principal)))
}
