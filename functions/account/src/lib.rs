//! `/v1/account`: returns and changes the account.

use std::{num::NonZeroU32, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    authorization::principal::Principal,
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
        patch::{present, without_defaults},
        policy_patch::PolicyPatch,
    },
    model::{
        account::{Account, AccountChange, AccountStatus, KeysPerAccount},
        account_policy::PolicySettings,
    },
    primitives::{id::AccountId, name::Name, quota::Quotas, timestamp::Timestamp},
    runtime::{app::App, function::Function, lookup::own_account},
};

pub const OPERATIONS: &[Operation] = &[
    Operation {
        route: "GET /v1/account",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Account,
        name: "getAccount",
        summary: "Get the account",
        description: "Returns the caller's account with its policy and its limits. Requires a session, or a live API key with `admin` and without a scope.",
        credentials: Credentials::KeyOrSession,
        id: None,
        parameters: &[],
        body: None,
        success: Success {
            status: 200,
            description: "The account.",
            body: Some((schema_of::<AccountView>, example)),
        },
        errors: &[],
    },
    Operation {
        route: "PATCH /v1/account",
        function: env!("CARGO_PKG_NAME"),
        tag: Tag::Account,
        name: "changeAccount",
        summary: "Update the account",
        description: "Changes the name or the policy of the account. Fields that are left out stay as they are, also those of the policy. The policy applies to new and changed API keys at once, and changes and ends none by itself. Requires a session with `admin`.",
        credentials: Credentials::Session,
        id: None,
        parameters: &[],
        body: Some(Body {
            schema: schema_of::<AccountPatch>,
            example: || json!({"policy": {"max_key_lifetime_days": 365, "idle_key_days": 90}}),
            optional: false,
        }),
        success: Success {
            status: 200,
            description: "The account.",
            body: Some((schema_of::<AccountView>, example)),
        },
        errors: &[
            (403, "The caller lacks `admin`."),
            (
                409,
                "A concurrent request changed the account first, or the caller's credential became invalid during the request.",
            ),
        ],
    },
];

fn example() -> Value {
    json!({
        "id": "acct_0VpZbQ3kd81xTq7M",
        "name": "Study A",
        "status": "active",
        "created_at": "2026-01-30T12:00:00Z",
        "policy": {
            "require_second_factor": false,
            "reauthentication_minutes": null,
            "max_key_lifetime_days": 365,
            "idle_key_days": 90,
        },
        "limits": {
            "requests_per_minute": {"live": 6_000, "test": 100},
            "keys": {"live": 500, "test": 20},
            "sessions_per_member": 50,
        },
    })
}

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

/// An account, which owns members, API keys and projects.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Account")]
struct AccountView {
    /// The id of the account.
    id: AccountId,
    /// The name of the account.
    name: Name,
    /// Whether the account can be used. Only the operator of the service changes it.
    status: AccountStatus,
    /// When the account was created.
    created_at: Timestamp,
    /// The rules for members and API keys of the account.
    policy: PolicySettings,
    /// The limits of the account. Only the operator of the service changes them.
    limits: Limits,
}

/// The limits of an account.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AccountLimits")]
struct Limits {
    /// How many requests per minute each API key may send.
    requests_per_minute: Quotas,
    /// How many API keys that are not revoked the account may have.
    keys: KeysPerAccount,
    /// How many sessions each member may have. A further login ends the oldest one.
    sessions_per_member: NonZeroU32,
}

impl AccountView {
    fn new(app: &App, account: Account) -> Result<Self, Error> {
        let sessions_per_member = app.sessions_per_member(&account)?;
        let Account { id, name, status, created_at, quotas, limits, policy, .. } = account;
        let limits = Limits {
            requests_per_minute: quotas.map_or_else(|| app.quotas(), Ok)?,
            keys: limits.keys.or(app.key_limits()?),
            sessions_per_member,
        };
        Ok(Self { id, name, status, created_at, policy: policy.into(), limits })
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = without_defaults, extend("minProperties" = 1))]
struct AccountPatch {
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Name")]
    name: Option<Name>,
    /// The fields of the policy that change. The others stay as they are.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "PolicyPatch")]
    policy: Option<PolicyPatch>,
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let account = match request.method() {
        "GET" => own_account(&app, &principal).await?,
        "PATCH" => change(&app, &principal, &request).await?,
        _ => return Err(Error::not_found()),
    };
    Ok(http::json(StatusCode::OK, &AccountView::new(&app, account)?))
}

/// Changes the account as the body says, and returns it.
async fn change(app: &App, principal: &Principal, request: &Request) -> Result<Account, Error> {
    let AccountPatch { name, policy } = request.body()?;
    if name.is_none() && policy.is_none() {
        return Err(Error::bad_request("The body must have at least one field"));
    }
    let policy = policy.map(TryInto::try_into).transpose()?.unwrap_or_default();
    let change = AccountChange { name, policy };
    let before = own_account(app, principal).await?;
    // Created after all reads, because the write checks that the caller is still authorized at this time.
    let audit_context = request.audit_context(app);
    let after = before.changed(change, audit_context.at);
    if after != before {
        app.store.change_account(&before, &after, principal, &audit_context).await?;
    }
    Ok(after)
}
