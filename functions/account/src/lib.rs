//! `/v1/account`: returns and changes the account.

use std::{num::NonZeroU32, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Value, json};
use shared::{
    authorization::principal::Principal,
    error::Error,
    http::{
        self, Event, Request, Response, StatusCode,
        openapi::{Body, Credentials, Operation, Success, Tag, schema_of},
        patch::{present, without_defaults},
    },
    model::{
        account::{Account, AccountChange, AccountStatus, KeysPerAccount},
        account_policy::{IdleKeyDays, MaxKeyLifetimeDays, PolicyChange, PolicySettings},
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
        let Account { id, name, status, created_at, quotas, limits, policy, .. } = account;
        let limits = Limits {
            requests_per_minute: quotas.map_or_else(|| app.quotas(), Ok)?,
            keys: limits.keys.or(app.key_limits()?),
            sessions_per_member: limits.sessions_per_member.map_or_else(|| app.sessions_per_member(), Ok)?,
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

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "null and a field that is left out differ")]
#[schemars(inline, transform = without_defaults, extend("minProperties" = 1))]
struct PolicyPatch {
    /// Whether members need a second factor. Not available yet: it can only be false.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "bool", extend("const" = false))]
    require_second_factor: Option<NotRequired>,
    /// How old the last authentication of a session may be when it changes API keys, in minutes. Not available yet: it can only be
    /// null.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "()")]
    reauthentication_minutes: Option<Unlimited>,
    /// How many days ahead the expiry of a new or changed API key may be, or null for no limit. With a limit, a key that is created
    /// or changed needs an expiry. Other keys keep theirs.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<MaxKeyLifetimeDays>")]
    max_key_lifetime_days: Option<Option<MaxKeyLifetimeDays>>,
    /// After how many days without use an API key is idle, or null for never. An idle key cannot be used until an admin enables it
    /// in a session. The days count at the earliest from the last change of this number. A key that is idle when the number changes
    /// stays idle. With null, no key is idle.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<IdleKeyDays>")]
    idle_key_days: Option<Option<IdleKeyDays>>,
}

/// The only value of `require_second_factor` until members can have a second factor.
#[derive(Deserialize)]
#[serde(try_from = "bool")]
struct NotRequired;

impl TryFrom<bool> for NotRequired {
    type Error = &'static str;

    fn try_from(is_required: bool) -> Result<Self, &'static str> {
        if is_required {
            Err("must be false, because a second factor is not available yet")
        } else {
            Ok(Self)
        }
    }
}

/// The only value of `reauthentication_minutes` until sessions can authenticate again.
struct Unlimited;

impl<'de> Deserialize<'de> for Unlimited {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let unavailable = || D::Error::custom("must be null, because a limit is not available yet");
        Option::<()>::deserialize(deserializer)
            .ok()
            .filter(Option::is_none)
            .map(|_| Self)
            .ok_or_else(unavailable)
    }
}

impl PolicyPatch {
    fn is_empty(&self) -> bool {
        self.require_second_factor.is_none()
            && self.reauthentication_minutes.is_none()
            && self.max_key_lifetime_days.is_none()
            && self.idle_key_days.is_none()
    }
}

impl From<PolicyPatch> for PolicyChange {
    fn from(patch: PolicyPatch) -> Self {
        let PolicyPatch { max_key_lifetime_days, idle_key_days, .. } = patch;
        Self { max_key_lifetime_days, idle_key_days }
    }
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
    if policy.as_ref().is_some_and(PolicyPatch::is_empty) {
        return Err(Error::bad_field("policy", "must have at least one field"));
    }
    let change = AccountChange { name, policy: policy.unwrap_or_default().into() };
    let before = own_account(app, principal).await?;
    // Created after all reads, because the write checks that the caller is still authorized at this time.
    let audit_context = request.audit_context(app);
    let after = before.changed(change, audit_context.at);
    if after != before {
        app.store.change_account(&before, &after, principal, &audit_context).await?;
    }
    Ok(after)
}
