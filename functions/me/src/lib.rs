//! `GET /v1/auth/me`: says who is calling.

use std::sync::Arc;

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
    permission::Permissions,
    principal::{KeyPrincipal, Principal, SecretAge, SessionPrincipal},
    scope::ProjectScope,
    timestamp::Timestamp,
};

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

#[derive(Serialize)]
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
