//! `GET /v1/auth/me`: returns the caller's identity and permissions.

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
        factor::Factors,
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
    summary: "Get the caller",
    description: "Returns who the credential of this request belongs to and what it may do.",
    credentials: Credentials::KeyOrSession,
    id: None,
    parameters: &[],
    body: None,
    success: Success {
        status: 200,
        description: "The caller.",
        body: Some((
            schema_of::<Me>,
            || json!({"type": "api_key", "account_id": "acct_0VpZbQ3kd81xTq7M", "key_id": "key_0VpZbQ9sWm40aYeK", "name": "Production Server", "key_type": "live", "permissions": ["read", "write"], "scope": null, "expires_at": null, "secret": "current"}),
        )),
    },
    errors: &[],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Me {
    /// The caller uses an API key.
    ApiKey {
        /// The account that the key belongs to.
        account_id: AccountId,
        /// The id of the key.
        key_id: KeyId,
        /// The name of the key.
        name: Name,
        /// Whether the key accesses live or test data.
        key_type: Environment,
        /// What the key may do.
        permissions: Permissions,
        /// The projects that the key can access, or null if it can access all projects.
        scope: Option<ProjectScope>,
        /// When the key expires, or null if it never expires.
        expires_at: Option<Timestamp>,
        /// Which secret of the key the request was sent with.
        secret: SecretAge,
    },
    /// The caller is a member with a session.
    Session {
        /// The account that the member belongs to.
        account_id: AccountId,
        /// The id of the member.
        user_id: UserId,
        /// The address that the member logs in with.
        email: EmailAddress,
        /// What the member may do.
        permissions: Permissions,
        /// When the session expires. It ends earlier if it is not used for an hour.
        expires_at: Timestamp,
        /// When the member last authenticated in this session. The login is the first authentication.
        authenticated_at: Timestamp,
        /// What the member proved at the login and since then.
        factors: Factors,
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
                let SessionPrincipal {
                    account_id,
                    user_id,
                    email,
                    permissions,
                    expires_at,
                    authenticated_at,
                    factors,
                    ..
                } = session;
                Self::Session {
                    account_id,
                    user_id,
                    email,
                    permissions,
                    expires_at,
                    authenticated_at,
                    factors,
                }
            }
        }
    }
}

async fn handle(_app: Arc<App>, principal: Principal, _request: Request) -> Result<Response, Error> {
    Ok(http::json(StatusCode::OK, &Me::from(principal)))
}
