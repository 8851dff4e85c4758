//! `GET /v1/api-keys`: lists the account's API keys.

use std::{iter, str::FromStr, sync::Arc};

use schemars::json_schema;
use shared::{
    authorization::{delegation::reaches_key, principal::Principal},
    error::Error,
    http::{
        self, Event, PAGING, Request, Response, StatusCode, examples,
        openapi::{Credentials, Location, Operation, Parameter, Success, Tag, schema_of},
        views::{ApiKeyView, PageView},
    },
    model::{
        account_policy::AccountPolicy,
        api_key::{ApiKey, KeyStatus},
        creator::Creator,
    },
    primitives::{environment::Environment, id::AccountId, pagination::List, timestamp::Timestamp},
    runtime::{app::App, function::Function, lookup::own_account},
};

pub const OPERATIONS: &[Operation] = &[Operation {
    route: "GET /v1/api-keys",
    function: env!("CARGO_PKG_NAME"),
    tag: Tag::ApiKeys,
    name: "listApiKeys",
    summary: "List API keys",
    description: "Returns the account's API keys without their secrets, newest first. Requires a session, or an API key with `admin`. An API key only gets the keys that it can access. With a filter, a page may contain fewer keys than `limit`, even none, although `next_cursor` is not null. A cursor belongs to the filters of its request: with other filters, it is a 400.",
    credentials: Credentials::KeyOrSession,
    id: None,
    parameters: &[
        PAGING[0],
        PAGING[1],
        Parameter {
            name: "status",
            location: Location::Query,
            description: "Only return keys with this status. If left out, all keys except revoked ones are returned. `all` includes them.",
            schema: |_| json_schema!({"enum": KeyStatus::ALL.map(KeyStatus::as_str).into_iter().chain([ALL]).collect::<Vec<_>>()}),
        },
        Parameter {
            name: "type",
            location: Location::Query,
            description: "Only return keys of this type.",
            schema: schema_of::<Environment>,
        },
        Parameter {
            name: "created_by",
            location: Location::Query,
            description: "Only return keys that this member or this API key created itself: keys whose `created_by` is this id.",
            schema: schema_of::<Creator>,
        },
        Parameter {
            name: "compliant",
            location: Location::Query,
            description: "With `false`, only return keys whose expiry the account's policy would refuse today, because it has a `max_key_lifetime_days`. With `true`, only return the others. In both cases, revoked and expired keys are left out.",
            schema: |_| json_schema!({"type": "boolean"}),
        },
    ],
    body: None,
    success: Success {
        status: 200,
        description: "A page of API keys.",
        body: Some((schema_of::<PageView<ApiKeyView>>, || examples::page(&examples::api_key()))),
    },
    errors: &[],
}];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::authorized(app, OPERATIONS, handle)
}

/// The value of the query parameter `status` that stands for every status.
const ALL: &str = "all";

/// The value of the query parameter `status`.
#[derive(Clone, Copy)]
enum StatusFilter {
    All,
    One(KeyStatus),
}

impl StatusFilter {
    fn as_str(self) -> &'static str {
        match self {
            Self::All => ALL,
            Self::One(status) => status.as_str(),
        }
    }
}

impl FromStr for StatusFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == ALL {
            return Ok(Self::All);
        }
        let status = KeyStatus::ALL.into_iter().find(|status| status.as_str() == text);
        let names = || KeyStatus::ALL.map(KeyStatus::as_str).join(", ");
        status.map(Self::One).ok_or_else(|| format!("must be one of {}, {ALL}", names()))
    }
}

/// The keys that a request asks for.
struct Filter {
    /// `None` stands for every status except revoked.
    status: Option<StatusFilter>,
    environment: Option<Environment>,
    created_by: Option<Creator>,
    compliant: Option<bool>,
}

/// The value of the query parameter `compliant`.
struct Flag(bool);

impl FromStr for Flag {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        text.parse().map(Self).map_err(|_| "must be true or false")
    }
}

impl Filter {
    fn of(request: &Request) -> Result<Self, Error> {
        Ok(Self {
            status: request.query("status")?,
            environment: request.query("type")?,
            created_by: request.query("created_by")?,
            compliant: request.query("compliant")?.map(|Flag(compliant)| compliant),
        })
    }

    fn matches(&self, key: &ApiKey, policy: &AccountPolicy, now: Timestamp) -> bool {
        let has_status = match self.status {
            None => !key.is_revoked(),
            Some(StatusFilter::All) => true,
            Some(StatusFilter::One(status)) => key.status(policy, now) == status,
        };
        has_status
            && self.environment.is_none_or(|environment| key.environment == environment)
            && self.created_by.is_none_or(|creator| key.created_by == Some(creator))
            && self.compliant.is_none_or(|compliant| {
                let has_ended = key.is_revoked() || key.has_expired(now);
                !has_ended && policy.allows_expiry(key.expires_at, now) == compliant
            })
    }

    /// Returns the list of the matching keys. Each filter has its own list, because a cursor of another filter would skip the
    /// keys before it.
    fn list(&self, account: AccountId) -> List {
        let Self { status, environment, created_by, compliant } = self;
        let parts = [
            status.map(|status| format!("status={}", status.as_str())),
            environment.map(|environment| format!("type={}", environment.as_str())),
            created_by.map(|creator| format!("created_by={creator}")),
            compliant.map(|compliant| format!("compliant={compliant}")),
        ];
        let name = iter::once("api-keys".to_owned()).chain(parts.into_iter().flatten());
        List::new(name.collect::<Vec<_>>().join("/"), account)
    }
}

async fn handle(app: Arc<App>, principal: Principal, request: Request) -> Result<Response, Error> {
    let filter = Filter::of(&request)?;
    let account_id = principal.account_id();
    let list = filter.list(account_id);
    let paging = request.paging(&list)?;
    let account = own_account(&app, &principal).await?;
    let policy = account.policy;
    let now = app.clock.now();
    let matches = |key: &ApiKey| reaches_key(&principal, key) && filter.matches(key, &policy, now);
    let keys = app.store.keys(&account, &paging, matches).await?;
    let page = PageView::new(keys, &list, |key| ApiKeyView::new(key, &policy, now));
    Ok(http::json(StatusCode::OK, &page))
}
