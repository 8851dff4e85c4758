//! `POST /v1/api-keys`: makes an API key.

use std::sync::Arc;

use serde::Deserialize;
use shared::{
    api_key::{ApiKey, ApiKeyView, State, WithSecret},
    app::App,
    authority::may_make_key,
    digest::TokenDigest,
    environment::Environment,
    error::Error,
    function::Function,
    http::{self, Event, Request, Response, StatusCode},
    id::KeyId,
    name::Name,
    permission::Permissions,
    principal::Principal,
    refusal::Forbidden,
    scope::{ProjectScope, Scope},
    timestamp::Timestamp,
    token::NewToken,
};

/// The function.
pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    name: Name,
    permissions: Permissions,
    #[serde(rename = "type", default = "live")]
    environment: Environment,
    scope: Option<ProjectScope>,
    expires_at: Option<Timestamp>,
}

fn live() -> Environment {
    Environment::Live
}

async fn handle(app: Arc<App>, maker: Principal, request: Request) -> Result<Response, Error> {
    let NewKey { name, permissions, environment, scope, expires_at } = request.body()?;
    let scope = Scope::from(scope);
    let occasion = request.occasion(&app);
    let now = occasion.at;
    if !may_make_key(&maker, environment, permissions, &scope) {
        return Err(Error::forbidden(Forbidden::ExceedsCaller));
    }
    let idempotency = request.idempotency(&maker)?;
    if let Some(answer) = idempotency.replay(&app, now).await? {
        return Ok(answer);
    }
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
    let outcome = idempotency.outcome(StatusCode::CREATED, &record, now);
    app.store.create_key(&key, &maker, &occasion, outcome.as_ref()).await?;
    Ok(http::json(StatusCode::CREATED, &WithSecret { record, key: token.expose() }))
}
