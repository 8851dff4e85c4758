//! `POST /v1/api-keys/{key_id}/rotate`: gives an API key a new secret.
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    authorization::{
        delegation::{may_rotate_key, still_authorizes},
        denial::Forbidden,
        principal::Principal,
    },
    credentials::{digest::TokenDigest, token::NewToken},
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode, examples,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
        views::{ApiKeyView, WithSecret},
    },
    primitives::{id::KeyId, timestamp::Timestamp},
    runtime::{app::App, function::Function, lookup::reachable_key},
    store::StoreError,
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "POST /v1/api-keys/{key_id}/rotate",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::ApiKeys,
    name: "rotateApiKey",
    summary: "Give an API key a new secret",
    description: "By a session, a key with `admin`, or the key itself. The old secret works until `grace_period` seconds have passed, and never past the key's own expiry; a third secret ends the first at once. Whoever rotates another's key must hold all of its permissions: 403 otherwise. An expired or revoked key can't be rotated, and of rotations that race one wins: 409 otherwise.",
    credentials: Credentials::KeyOrSession,
    id: Some(schema_of::<KeyId>),
    parameters: &[http::idempotency::PARAMETER],
    body: Some(Body {
        schema: schema_of::<Rotation>,
        example: || json!({"grace_period": 86400}),
        optional: true,
    }),
    success: Success {
        status: 200,
        description: "The key. Its new secret stands in `key`, once: an answer that came before, as `Idempotency-Replayed` says, has none.",
        body: Some((schema_of::<WithSecret<RotatedKey>>, || {
            examples::with(
                examples::api_key(),
                json!({"previous_expires_at": "2026-01-31T12:00:00Z", "key": examples::SECRET}),
            )
        })),
    },
    errors: &[
        (403, "The caller may not rotate this key, or lacks a permission of the key."),
        (
            409,
            "The key has expired or was revoked, or another rotation came first. Or the same request, by its `Idempotency-Key`, is under way, or the caller's credential ended meanwhile.",
        ),
        (422, "The `Idempotency-Key` came with another request within a day."),
    ],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, handle)
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Rotation {
    /// For how many seconds the old secret works still.
    grace_period: GracePeriod,
}

/// How many seconds the old secret works still.
#[derive(Deserialize, JsonSchema)]
#[schemars(inline, extend("minimum" = 0, "maximum" = MAX_GRACE, "default" = DEFAULT_GRACE))]
#[serde(try_from = "i64")]
struct GracePeriod(u32);

/// A day.
const DEFAULT_GRACE: u32 = 24 * 60 * 60;
/// A week.
const MAX_GRACE: u32 = 7 * 24 * 60 * 60;

impl Default for GracePeriod {
    fn default() -> Self {
        Self(DEFAULT_GRACE)
    }
}

impl TryFrom<i64> for GracePeriod {
    type Error = String;

    fn try_from(seconds: i64) -> Result<Self, String> {
        let seconds = u32::try_from(seconds).ok().filter(|seconds| *seconds <= MAX_GRACE);
        seconds.map(Self).ok_or_else(|| format!("must be from 0 to {MAX_GRACE} seconds"))
    }
}

#[derive(Serialize, JsonSchema)]
struct RotatedKey {
    #[serde(flatten)]
    view: ApiKeyView,
    /// From when on the old secret is not let in any more.
    previous_expires_at: Timestamp,
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let Rotation { grace_period: GracePeriod(grace) } = request.body_or_default()?;
    let key = reachable_key(&app, &principal, request.path_id("key_id")?).await?;
    if !may_rotate_key(&principal, &key) {
        return Err(Error::forbidden(Forbidden::ExceedsCaller));
    }
    let idempotency = request.idempotency(&principal)?;
    if let Some(answer) = idempotency.replay(&app, app.clock.now()).await? {
        return Ok(answer);
    }
    // After all reads, since whether the caller is still let in is told by it.
    let audit_context = request.audit_context(&app);
    let now = audit_context.at;
    if !still_authorizes(&key, &principal, now) {
        return Err(StoreError::Conflict.into());
    }

    let token = NewToken::for_key(key.environment, key.account_id, key.id, &app.random);
    let digest = TokenDigest::of(token.expose(), &*app.peppers().await?);
    let (rotated, previous_expires_at) = key
        .rotated(digest, token.hint(key.environment), grace, now)
        .map_err(|reason| Error::conflict(reason.message()))?;
    let record = RotatedKey { view: ApiKeyView::new(rotated.clone(), now), previous_expires_at };
    let result = idempotency.result(StatusCode::OK, &record, now);
    app.store
        .rotate_key(&key, &rotated, previous_expires_at, &principal, &audit_context, result.as_ref())
        .await?;
    Ok(http::json(StatusCode::OK, &WithSecret { record, key: Some(token.expose()) }))
}
