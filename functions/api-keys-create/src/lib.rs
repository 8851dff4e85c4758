//! `POST /v1/api-keys`: makes an API key.
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shared::{
    authorization::{delegation::may_make_key, denial::Forbidden, principal::Principal},
    credentials::{digest::TokenDigest, token::NewToken},
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode, examples,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
        views::{ApiKeyView, WithSecret},
    },
    model::api_key::{ApiKey, State},
    primitives::{
        environment::Environment,
        id::KeyId,
        name::Name,
        permission::Permissions,
        scope::{ProjectScope, Scope},
        timestamp::Timestamp,
    },
    runtime::{app::App, function::Function},
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "POST /v1/api-keys",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::ApiKeys,
    name: "createApiKey",
    summary: "Make an API key",
    description: "By a session, or a key with `admin`. A new key never exceeds its maker: 403 otherwise.",
    credentials: Credentials::KeyOrSession,
    id: None,
    parameters: &[http::idempotency::PARAMETER],
    body: Some(Body {
        schema: schema_of::<NewKey>,
        example: || json!({"name": "Production Server", "permissions": ["read", "write"], "type": "live", "scope": {"projects": ["proj_abc123"]}, "expires_at": "2027-01-30T12:00:00Z"}),
        optional: false,
    }),
    success: Success {
        status: 201,
        description: "The key. Its secret stands in `key`, once: an answer that came before, as `Idempotency-Replayed` says, has none.",
        body: Some((schema_of::<WithSecret<ApiKeyView>>, || {
            examples::with(examples::api_key(), json!({"key": examples::SECRET}))
        })),
    },
    errors: &[
        (403, "The caller may not make keys, or the key would exceed its maker."),
        (
            409,
            "The same request, by its `Idempotency-Key`, is under way, or the caller's credential ended meanwhile.",
        ),
        (422, "The `Idempotency-Key` came with another request within a day."),
    ],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    name: Name,
    /// What it may do. Its maker holds them all.
    permissions: Permissions,
    /// Which data it sees. A test key makes only test keys.
    #[serde(rename = "type", default = "live")]
    environment: Environment,
    /// The projects that it reaches, or null: every project. A scoped key gives a scope within its own.
    scope: Option<ProjectScope>,
    /// From when on it is not let in any more, or null: never. A moment in the future.
    expires_at: Option<Timestamp>,
}

fn live() -> Environment {
    Environment::Live
}

async fn handle(app: Arc<App>, maker: Principal, request: Request) -> Result<Response, Error> {
    let NewKey { name, permissions, environment, scope, expires_at } = request.body()?;
    let scope = Scope::from(scope);
    if !may_make_key(&maker, environment, permissions, &scope) {
        return Err(Error::forbidden(Forbidden::ExceedsCaller));
    }
    let idempotency = request.idempotency(&maker)?;
    if let Some(answer) = idempotency.replay(&app, app.clock.now()).await? {
        return Ok(answer);
    }
    // After all reads, since whether the maker is still let in is told by it.
    let audit_context = request.audit_context(&app);
    let now = audit_context.at;
    if expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(Error::bad_field("expires_at", "must be in the future"));
    }

    let account_id = maker.account_id();
    let id = KeyId::new(&app.clock, &app.random);
    let token = NewToken::for_key(environment, account_id, id, &app.random);
    let key = ApiKey {
        id,
        account_id,
        name,
        environment,
        permissions,
        scope,
        hint: token.hint(environment),
        created_at: now,
        expires_at,
        last_used_at: None,
        counter: None,
        state: State::Active {
            current: TokenDigest::of(token.expose(), &*app.peppers().await?),
            previous: None,
            generation: 0,
        },
    };
    let record = ApiKeyView::new(key.clone(), now);
    let result = idempotency.result(StatusCode::CREATED, &record, now);
    app.store.create_key(&key, &maker, &audit_context, result.as_ref()).await?;
    Ok(http::json(StatusCode::CREATED, &WithSecret { record, key: Some(token.expose()) }))
}
