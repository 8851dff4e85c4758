//! `POST /v1/api-keys/{key_id}/rotate`: replaces the secret of an API key.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    authorization::{
        delegation::{may_rotate_key, still_authorizes},
        denial::Forbidden,
        principal::Principal,
        step_up::require_recent_authentication,
    },
    credentials::{digest::TokenDigest, token::NewToken},
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode, examples,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
        views::{ApiKeyView, WithSecret},
    },
    primitives::{id::KeyId, permission::Permission, timestamp::Timestamp},
    runtime::{app::App, function::Function, lookup::manageable_key_and_account},
    store::StoreError,
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "POST /v1/api-keys/{key_id}/rotate",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::ApiKeys,
    name: "rotateApiKey",
    summary: "Rotate an API key",
    description: "Creates a new secret for an API key and returns the key with the new secret, which is shown only once. Everything else about the key stays the same. The previous secret stays valid for `grace_period` seconds, but not beyond the key's own expiry. Only one previous secret can be valid: rotating again during the grace period invalidates the older one immediately. Requires a session with `admin`, a session of the member who created the key, an API key with `admin` that can access the key, or the key itself. A caller other than the key itself must hold all permissions of the key.",
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
        description: "The API key, with its new secret in `key`. A replayed response (see `Idempotency-Replayed`) omits the secret.",
        body: Some((schema_of::<WithSecret<RotatedKey>>, || {
            examples::with(
                examples::api_key(),
                json!({"previous_expires_at": "2026-01-31T12:00:00Z", "key": examples::SECRET}),
            )
        })),
    },
    errors: &[
        (
            403,
            "The caller is neither an admin, nor the creator of the key, nor the key itself, or lacks a permission of the key.",
        ),
        (
            409,
            "The key has expired, was revoked, is disabled or is idle, a concurrent rotation came first, another request with the same `Idempotency-Key` is in progress, the account was changed during the request, or the caller's credential became invalid during the request.",
        ),
    ],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Rotation {
    /// How many seconds the previous secret stays valid.
    grace_period: GracePeriod,
}

#[derive(Deserialize, JsonSchema)]
// Some generated clients send an `int64` as a string, so the schema says `int32`.
#[schemars(inline, extend("format" = "int32", "minimum" = 0, "maximum" = MAX_GRACE, "default" = DEFAULT_GRACE))]
#[serde(try_from = "i64")]
struct GracePeriod(u32);

/// One day, in seconds.
const DEFAULT_GRACE: u32 = 24 * 60 * 60;
/// One week, in seconds.
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
    /// When the previous secret stops being valid.
    previous_expires_at: Timestamp,
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    // Read before the body, because it decides whether a recent authentication is required. If there is no such key, a malformed body
    // is the first error all the same. Only unknown query parameters were rejected before.
    let found = match request.path_id("key_id") {
        Ok(id) => manageable_key_and_account(&app, &principal, id).await,
        Err(error) => Err(error),
    };
    if let Ok((key, _)) = &found
        && key.permissions.contains(Permission::Admin)
    {
        require_recent_authentication(&principal, app.clock.now())?;
    }
    let Rotation { grace_period: GracePeriod(grace) } = request.body_or_default()?;
    let idempotency = request.idempotency(&principal)?;
    let (key, account) = found?;
    let policy = &account.policy;
    if !may_rotate_key(&principal, &key) {
        return Err(Error::forbidden(Forbidden::ExceedsCaller));
    }
    if let Some(response) = idempotency.replay(&app, app.clock.now()).await? {
        return Ok(response);
    }
    // Created after all reads, because the write checks that the caller is still authorized at this time.
    let audit_context = request.audit_context(&app);
    let now = audit_context.at;
    if !still_authorizes(&key, &principal, now) {
        return Err(StoreError::Conflict.into());
    }

    let token = NewToken::for_key(key.environment, key.account_id, key.id, app.token_mac_key()?, &app.random);
    let digest = TokenDigest::of(token.expose(), &*app.peppers().await?);
    let (rotated, previous_expires_at) = key
        .rotated(digest, token.hint(key.environment), grace, policy, now)
        .map_err(|reason| Error::conflict(reason.message()))?;
    let record = RotatedKey { view: ApiKeyView::new(rotated.clone(), policy, now), previous_expires_at };
    let result = idempotency.result(StatusCode::OK, &record, now);
    app.store
        .rotate_key(
            &key,
            &rotated,
            previous_expires_at,
            &account,
            &principal,
            &audit_context,
            result.as_ref(),
        )
        .await?;
    Ok(http::json(StatusCode::OK, &WithSecret { record, key: Some(token.expose()) }))
}
