//! `GET /v1/auth/me`: says who is calling.
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::{
    authorization::principal::{KeyPrincipal, Principal, SecretAge, SessionPrincipal},
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode,
        openapi::{Credentials, Operation, Success, Tag, schema_of},
    },
    primitives::{
        email::EmailAddress,
        environment::Environment,
        id::{AccountId, KeyId, UserId},
        name::Name,
        permission::Permissions,
        scope::ProjectScope,
        timestamp::Timestamp,
    },
    runtime::{app::App, function::Function},
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "GET /v1/auth/me",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::Sessions,
    name: "getMe",
    summary: "Who is calling?",
    description: "What the credential that came is, and may do.",
    credentials: Credentials::KeyOrSession,
    id: None,
    parameters: &[],
    body: None,
    success: Success {
        status: 200,
        description: "Who is calling.",
        body: Some((
            schema_of::<Me>,
            || json!({"type": "api_key", "account_id": "acct_0VpZbQ3kd81xTq7M", "key_id": "key_0VpZbQ9sWm40aYeK", "name": "Production Server", "key_type": "live", "permissions": ["read", "write"], "scope": null, "expires_at": null, "secret": "current"}),
        )),
    },
    errors: &[],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Me {
    /// A program with an API key.
    ApiKey {
        /// Whose data it sees.
        account_id: AccountId,
        /// The key.
        key_id: KeyId,
        /// What people call the key.
        name: Name,
        /// Which data it sees.
        key_type: Environment,
        /// What it may do.
        permissions: Permissions,
        /// The projects that it reaches, or null: every project.
        scope: Option<ProjectScope>,
        /// From when on it is not let in any more, or null: never.
        expires_at: Option<Timestamp>,
        /// Which of the key's secrets came.
        secret: SecretAge,
    },
    /// A person with a session.
    Session {
        /// Whose data they see.
        account_id: AccountId,
        /// The member.
        user_id: UserId,
        /// The address they log in with.
        email: EmailAddress,
        /// What they may do.
        permissions: Permissions,
        /// When the session ends, if it is not left unused for an hour before.
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
