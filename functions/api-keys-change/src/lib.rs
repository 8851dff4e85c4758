//! `PATCH /v1/api-keys/{key_id}`: changes an API key.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shared::{
    authorization::{
        delegation::{adds_access_to_admin_key, may_change_key},
        denial::Forbidden,
        principal::Principal,
        step_up::require_recent_authentication,
    },
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode, examples,
        key_lifetime::check_key_lifetime,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
        patch::{present, without_defaults},
        views::ApiKeyView,
    },
    model::key_change::{ChangeContext, KeyChange},
    primitives::{
        allowed_ips::Networks, id::KeyId, name::Name, permission::Permissions, scope::ProjectScope,
        timestamp::Timestamp,
    },
    runtime::{
        app::App, function::Function, lookup::manageable_key_and_account, new_admin::report_admin_key,
    },
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "PATCH /v1/api-keys/{key_id}",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::ApiKeys,
    name: "changeApiKey",
    summary: "Update an API key",
    description: "Changes an API key. Fields that are left out stay as they are. The change applies from the key's next request. Requires a session with `admin`, a session of the member who created the key, or another API key with `admin` that can access the key. Every such caller may narrow the key or disable it. What a change adds must be within the caller's own access: a further permission must be one of the caller's, and to add projects or addresses, to extend the expiry or to enable the key, the caller must hold all of the key's permissions. An idle key can only be enabled, together with further changes. If the account's policy has a `max_key_lifetime_days`, the key must expire within it after the change, unless the change only disables the key.",
    credentials: Credentials::KeyOrSession,
    id: Some(schema_of::<KeyId>),
    parameters: &[],
    body: Some(Body {
        schema: schema_of::<KeyPatch>,
        example: || json!({"permissions": ["read"], "expires_at": "2027-01-30T12:00:00Z", "disabled": true}),
        optional: false,
    }),
    success: Success {
        status: 200,
        description: "The API key.",
        body: Some((schema_of::<ApiKeyView>, || {
            examples::with(examples::api_key(), json!({"permissions": ["read"], "status": "disabled"}))
        })),
    },
    errors: &[
        (
            403,
            "The caller is neither an admin nor the creator of the key, or is the key itself; or the change would add access that the caller does not have; or the caller may not enable a key that is idle or that an admin disabled in a session.",
        ),
        (
            409,
            "The key has expired or was revoked, or is idle and is not enabled by the change; a concurrent request changed, rotated or revoked the key or changed the account first, or the caller's credential became invalid during the request.",
        ),
    ],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "null and a field that is left out differ")]
#[schemars(transform = without_defaults, extend("minProperties" = 1))]
struct KeyPatch {
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Name")]
    name: Option<Name>,
    /// What the key may do.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Permissions")]
    permissions: Option<Permissions>,
    /// The projects that the key can access, or null for all projects.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<ProjectScope>")]
    scope: Option<Option<ProjectScope>>,
    /// When the key expires, or null for never. Must be in the future, and within the account's `max_key_lifetime_days` if there is such
    /// a limit. An API key can extend the expiry at most to its own.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<Timestamp>")]
    expires_at: Option<Option<Timestamp>>,
    /// The IP addresses and networks from which the key can be used, or null for every address.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<Networks>")]
    allowed_ips: Option<Option<Networks>>,
    /// Whether the key is disabled. A disabled key cannot be used until it is enabled. A key that an admin disabled in a
    /// session, and an idle key, can be enabled only by an admin in a session.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "bool")]
    disabled: Option<bool>,
}

impl From<KeyPatch> for KeyChange {
    fn from(patch: KeyPatch) -> Self {
        let KeyPatch { name, permissions, scope, expires_at, allowed_ips, disabled } = patch;
        Self {
            name,
            permissions,
            scope: scope.map(Into::into),
            expires_at,
            allowed_ips: allowed_ips.map(Into::into),
            disabled,
        }
    }
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let change = KeyChange::from(request.body::<KeyPatch>()?);
    if change == KeyChange::default() {
        return Err(Error::bad_request("The body must have at least one field"));
    }
    if change.expires_at.flatten().is_some_and(|expires_at| expires_at <= app.clock.now()) {
        return Err(Error::bad_field("expires_at", "must be in the future"));
    }
    let (before, account) = manageable_key_and_account(&app, &principal, request.path_id("key_id")?).await?;
    let policy = &account.policy;
    // Created after all reads, because the write checks that the caller is still authorized at this time.
    let audit_context = request.audit_context(&app);
    let now = audit_context.at;
    let is_admin_session = principal.is_admin_session();
    let after = before.changed(change.clone(), ChangeContext { is_admin_session, policy, now });
    if adds_access_to_admin_key(&before, &after) {
        require_recent_authentication(&principal, now)?;
    }
    // The policy must not keep anybody from disabling a key.
    if !change.only_disables() {
        check_key_lifetime(policy, after.expires_at, now)?;
    }
    if !may_change_key(&principal, &before, &after, before.is_idle(policy, now)) {
        return Err(Error::forbidden(Forbidden::ExceedsCaller));
    }
    change.check(&before, policy, now).map_err(|reason| Error::conflict(reason.message()))?;
    if after != before {
        app.store.change_key(&before, &after, &account, &principal, &audit_context).await?;
    }
    report_admin_key(&app, Some(&before), &after, &audit_context).await;
    Ok(http::json(StatusCode::OK, &ApiKeyView::new(after, policy, now)))
}
