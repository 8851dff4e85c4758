//! `POST /v1/api-keys`: creates an API key.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shared::{
    authorization::{
        delegation::may_create_key, denial::Forbidden, principal::Principal,
        step_up::require_recent_authentication,
    },
    credentials::{digest::TokenDigest, token::NewToken},
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode, examples,
        key_lifetime::check_key_lifetime,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
        views::{ApiKeyView, WithSecret},
    },
    model::{
        api_key::{ApiKey, KeyAccess, KeyState},
        restrictions::Restrictions,
    },
    primitives::{
        allowed_ips::{AllowedIps, Networks},
        environment::Environment,
        id::KeyId,
        name::Name,
        permission::{Permission, Permissions},
        scope::{ProjectScope, Scope},
        timestamp::Timestamp,
    },
    runtime::{app::App, function::Function, lookup::own_account, new_admin::report_admin_key},
    store::StoreError,
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "POST /v1/api-keys",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::ApiKeys,
    name: "createApiKey",
    summary: "Create an API key",
    description: "Creates an API key and returns it with its secret, which is shown only once. Requires a session, or an API key with `admin`. The new key can't exceed its creator: the creator must hold all of its permissions, a key with a scope can only create keys whose scope is within its own, a key with `allowed_ips` can only create keys whose addresses are within its own, and a test key can only create test keys. An account has a limit of unrevoked keys of each type.",
    credentials: Credentials::KeyOrSession,
    id: None,
    parameters: &[http::idempotency::PARAMETER],
    body: Some(Body {
        schema: schema_of::<NewKey>,
        example: || json!({"name": "Production Server", "permissions": ["read", "write"], "type": "live", "scope": {"projects": ["proj_abc123"]}, "expires_at": "2027-01-30T12:00:00Z", "allowed_ips": ["192.0.2.0/24"]}),
        optional: false,
    }),
    success: Success {
        status: 201,
        description: "The new API key, with its secret in `key`. A replayed response (see `Idempotency-Replayed`) omits the secret.",
        body: Some((schema_of::<WithSecret<ApiKeyView>>, || {
            examples::with(examples::api_key(), json!({"key": examples::SECRET}))
        })),
    },
    errors: &[
        (403, "The caller may not create API keys, or the new key would exceed the caller."),
        (
            409,
            "The account has reached its limit of unrevoked keys of this type, another request with the same `Idempotency-Key` is in progress, the account was changed during the request, or the caller's credential became invalid during the request.",
        ),
    ],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    name: Name,
    /// What the key may do. The creator must hold all of these permissions.
    permissions: Permissions,
    /// Whether the key accesses live or test data. A test key can only create test keys.
    #[serde(rename = "type", default = "live")]
    environment: Environment,
    /// The projects that the key can access. If left out or null, it can access all projects. A key with a scope can only
    /// create keys whose scope is within its own.
    scope: Option<ProjectScope>,
    /// When the key expires. Must be in the future, and within the account's `max_key_lifetime_days` if there is such a limit. If left
    /// out or null, the key never expires.
    expires_at: Option<Timestamp>,
    /// The IP addresses and networks from which the key can be used, compared with the address from which API Gateway receives the
    /// request. If left out or null, the key can be used from every address. A key with allowed addresses can only create keys
    /// whose addresses are within its own.
    allowed_ips: Option<Networks>,
}

fn live() -> Environment {
    Environment::Live
}

async fn handle(app: Arc<App>, creator: Principal, request: Request) -> Result<Response, Error> {
    let NewKey { name, permissions, environment, scope, expires_at, allowed_ips } = request.body()?;
    if permissions.contains(Permission::Admin) {
        require_recent_authentication(&creator, app.clock.now())?;
    }
    let idempotency = request.idempotency(&creator)?;
    let account = own_account(&app, &creator).await?;
    let check_expiry = |now| {
        if expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(Error::bad_field("expires_at", "must be in the future"));
        }
        check_key_lifetime(&account.policy, expires_at, now)
    };
    let scope = Scope::from(scope);
    let allowed_ips = AllowedIps::from(allowed_ips);
    let access = KeyAccess { environment, permissions, scope: &scope, allowed_ips: &allowed_ips };
    if !may_create_key(&creator, access) {
        // A malformed request gets 400 even if it also exceeds the creator.
        check_expiry(app.clock.now())?;
        return Err(Error::forbidden(Forbidden::ExceedsCaller));
    }
    if let Some(response) = idempotency.replay(&app, app.clock.now()).await? {
        return Ok(response);
    }
    let limit = account.limits.keys.or(app.key_limits()?).of(environment);
    let count = app.store.number_of_keys(&account, environment).await?;
    // Created after all reads, because the write checks that the creator is still authorized at this time.
    let audit_context = request.audit_context(&app);
    let now = audit_context.at;
    // After the replay, because the request may be the retry of one that created a key whose expiry has passed since then.
    check_expiry(now)?;
    // The write checks this again.
    if count >= u64::from(limit) {
        return Err(Error::key_limit_reached(environment, limit));
    }

    let account_id = creator.account_id();
    let id = KeyId::new(&app.clock, &app.random);
    let token = NewToken::for_key(environment, account_id, id, app.token_mac_key()?, &app.random);
    let key = ApiKey {
        id,
        account_id,
        name,
        environment,
        permissions,
        scope,
        allowed_ips,
        disabled_by: None,
        enabled_at: None,
        hint: token.hint(environment),
        created_at: now,
        created_by: Some((&creator).into()),
        originating_member: creator.originating_member(),
        revision: 0,
        epoch: account.key_epoch,
        expires_at,
        last_used_at: None,
        last_used_ip: None,
        counter: None,
        usage: None,
        restrictions: Restrictions::NONE,
        state: KeyState::Active {
            current: TokenDigest::of(token.expose(), &*app.peppers().await?),
            previous: None,
            generation: 0,
        },
        replaced_secret: None,
    }
    .with_restriction_names();
    let record = ApiKeyView::new(key.clone(), &account.policy, now);
    let result = idempotency.result(StatusCode::CREATED, &record, now);
    let created =
        app.store.create_key(&key, &account, limit, &creator, &audit_context, result.as_ref()).await;
    created.map_err(|error| match error {
        StoreError::KeyLimitReached => Error::key_limit_reached(environment, limit),
        error => error.into(),
    })?;
    report_admin_key(&app, None, &key, &audit_context).await;
    Ok(http::json(StatusCode::CREATED, &WithSecret { record, key: Some(token.expose()) }))
}
