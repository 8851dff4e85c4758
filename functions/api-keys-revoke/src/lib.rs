//! `DELETE /v1/api-keys/{key_id}`: revokes an API key. `POST /v1/api-keys/revoke`: revokes several API keys.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    authorization::principal::Principal,
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
        patch::{present, without_defaults},
    },
    primitives::id::{KeyId, UserId},
    runtime::{app::App, function::Function, lookup::manageable_key},
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        route: "DELETE /v1/api-keys/{key_id}",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::ApiKeys,
        name: "revokeApiKey",
        summary: "Revoke an API key",
        description: "Revokes an API key permanently. All of its secrets are invalid as soon as this request returns. Revoking a revoked key has no effect. Requires a session with `admin`, a session of the member who created the key, an API key with `admin` that can access the key, or the key itself.",
        credentials: Credentials::KeyOrSession,
        id: Some(schema_of::<KeyId>),
        parameters: &[],
        body: None,
        success: Success::NO_CONTENT,
        errors: &[(403, "The caller is neither an admin, nor the creator of the key, nor the key itself.")],
    },
    Operation {
        route: "POST /v1/api-keys/revoke",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::ApiKeys,
        name: "revokeApiKeys",
        summary: "Revoke several API keys",
        description: "Revokes the API keys `ids`, or the keys that a member created: with `created_by`, also the keys that these keys created, at any depth, and also if the member was removed. Keys that were created before the service recorded this are not found by `created_by`; their `created_by` is null. The body must have exactly one of the two fields. If a request fails, some of the keys may be revoked already, and it is safe to repeat. Requires a session with `admin`.",
        credentials: Credentials::Session,
        id: None,
        parameters: &[],
        body: Some(Body {
            schema: schema_of::<Selection>,
            example: || json!({"ids": ["key_0VpZbQ9sWm40aYeK"]}),
            optional: false,
        }),
        success: Success {
            status: 200,
            description: "The revoked keys. Their secrets are invalid.",
            body: Some((
                schema_of::<Revocation>,
                || json!({"revoked": ["key_0VpZbQ9sWm40aYeK"], "more": false}),
            )),
        },
        errors: &[],
    },
];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    match (request.method(), request.route()) {
        ("DELETE", "/v1/api-keys/{key_id}") => revoke_one(&app, &principal, &request).await,
        ("POST", "/v1/api-keys/revoke") => revoke_several(&app, &principal, &request).await,
        _ => Err(Error::not_found()),
    }
}

async fn revoke_one(app: &App, principal: &Principal, request: &Request) -> Result<Response, Error> {
    let key = manageable_key(app, principal, request.path_id("key_id")?).await?;
    if !key.is_revoked() {
        app.store.revoke_key(&key, principal, &request.audit_context(app)).await?;
    }
    Ok(http::no_content())
}

/// The number of keys that one request revokes at most.
const MAX_KEYS: usize = 100;

/// The keys to revoke. Exactly one of the fields must be set.
#[derive(Deserialize, JsonSchema)]
#[schemars(transform = without_defaults, extend("minProperties" = 1, "maxProperties" = 1))]
#[serde(deny_unknown_fields)]
struct Selection {
    /// The ids of the keys. Unknown ids are ignored.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Ids")]
    ids: Option<Ids>,
    /// The id of the member whose keys to revoke.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "UserId")]
    created_by: Option<UserId>,
}

/// 1 to [`MAX_KEYS`] ids.
#[derive(Deserialize, JsonSchema)]
#[schemars(inline, extend("minItems" = 1, "maxItems" = MAX_KEYS))]
#[serde(try_from = "Vec<KeyId>")]
struct Ids(Vec<KeyId>);

impl TryFrom<Vec<KeyId>> for Ids {
    type Error = String;

    fn try_from(ids: Vec<KeyId>) -> Result<Self, String> {
        if !(1..=MAX_KEYS).contains(&ids.len()) {
            return Err(format!("must contain 1 to {MAX_KEYS} ids of API keys"));
        }
        Ok(Self(ids))
    }
}

#[derive(Serialize, JsonSchema)]
struct Revocation {
    /// The ids of the keys that are now revoked. With `ids`, these are the keys that exist, in the order of the request and without
    /// duplicates, including those that were revoked before. With `created_by`, these are the keys that this request found, newest
    /// first.
    revoked: Vec<KeyId>,
    /// Whether there are more keys to revoke. If true, send the same request again. Always false with `ids`.
    more: bool,
}

async fn revoke_several(app: &App, principal: &Principal, request: &Request) -> Result<Response, Error> {
    let revocation = match request.body()? {
        Selection { ids: Some(Ids(ids)), created_by: None } => {
            revoke_by_id(app, principal, request, ids).await?
        }
        Selection { ids: None, created_by: Some(member) } => {
            revoke_by_creator(app, principal, request, member).await?
        }
        Selection { ids: None, created_by: None } => {
            return Err(Error::bad_field("ids", "is required, or `created_by`"));
        }
        Selection { ids: Some(_), created_by: Some(_) } => {
            return Err(Error::bad_field("created_by", "must not be combined with `ids`"));
        }
    };
    Ok(http::json(StatusCode::OK, &revocation))
}

async fn revoke_by_id(
    app: &App,
    principal: &Principal,
    request: &Request,
    ids: Vec<KeyId>,
) -> Result<Revocation, Error> {
    let mut unique = Vec::with_capacity(ids.len());
    for id in ids {
        if !unique.contains(&id) {
            unique.push(id);
        }
    }
    let keys = app.store.keys_by_id(principal.account_id(), &unique).await?;
    app.store.revoke_keys(&keys, principal, || request.audit_context(app)).await?;
    unique.retain(|id| keys.iter().any(|key| key.id == *id));
    Ok(Revocation { revoked: unique, more: false })
}

async fn revoke_by_creator(
    app: &App,
    principal: &Principal,
    request: &Request,
    member: UserId,
) -> Result<Revocation, Error> {
    let account_id = principal.account_id();
    let ids = app.store.unrevoked_keys_of_member(account_id, member, MAX_KEYS).await?;
    let keys = if ids.is_empty() { Vec::new() } else { app.store.keys_by_id(account_id, &ids).await? };
    app.store.revoke_keys(&keys, principal, || request.audit_context(app)).await?;
    for id in &ids {
        // Revoking a key removes it from the keys of the member. Those that were not are left from a revocation by a previous
        // version of the service.
        if !keys.iter().any(|key| key.id == *id && !key.is_revoked()) {
            app.store.forget_key_of_member(account_id, member, *id).await?;
        }
    }
    // Read again, because a key may have created another one before it was revoked.
    let more = !app.store.unrevoked_keys_of_member(account_id, member, 1).await?.is_empty();
    Ok(Revocation { revoked: ids, more })
}
