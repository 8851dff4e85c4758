//! What the operator of the service does by hand. It has no route: whoever may invoke the function may
//! send it one command.
use std::{net::IpAddr, sync::Arc};

use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{
    credentials::password::NewPassword,
    error::Error,
    http::{json, openapi::Operation},
    model::{
        account::{Account, AccountStatus},
        audit_event::AuditContext,
        member::{Member, MemberStatus},
    },
    primitives::{
        email::EmailAddress,
        id::{AccountId, UserId},
        name::Name,
        permission::Permissions,
        quota::Quotas,
    },
    rate_limit::login_throttle::Attempt,
    runtime::{app::App, function::Function, invocation::Invocation},
    telemetry::metrics::Outcome,
};

/// None: the operator has no route.
pub const OPERATIONS: &[Operation] = &[];

#[must_use]
pub fn service(app: Arc<App>) -> impl Function<Box<RawValue>> {
    service_fn(move |event: LambdaEvent<Box<RawValue>>| handle(Arc::clone(&app), event))
}

/// What an operator can say.
#[derive(Deserialize)]
enum Command {
    /// Makes an account and its first member, who has all permissions.
    #[serde(rename = "create_account")]
    Create(NewAccount),
    /// Keeps the account's credentials out, from the next request on.
    #[serde(rename = "suspend_account")]
    Suspend(NamedAccount),
    /// Lets them in again, from the next request on.
    #[serde(rename = "restore_account")]
    Restore(NamedAccount),
    /// Lets the password of a member work again that failures in a row have disabled, and knows their source.
    #[serde(rename = "enable_password")]
    EnablePassword(NamedMember),
    /// Gives the account's keys other limits than the usual ones, from the next request on, or the usual ones again.
    #[serde(rename = "set_limits")]
    SetLimits(NewLimits),
}

impl Command {
    /// What the log calls it.
    fn operation(&self) -> &'static str {
        match self {
            Self::Create(_) => "operator create_account",
            Self::Suspend(_) => "operator suspend_account",
            Self::Restore(_) => "operator restore_account",
            Self::EnablePassword(_) => "operator enable_password",
            Self::SetLimits(_) => "operator set_limits",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    name: Name,
    email: EmailAddress,
    password: NewPassword,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedAccount {
    account_id: AccountId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedMember {
    /// What they log in with, and so what they can tell the operator.
    email: EmailAddress,
    /// Where they log in from, if others take all the attempts of strange sources there.
    source_ip: Option<IpAddr>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLimits {
    account_id: AccountId,
    #[serde(deserialize_with = "Option::deserialize")]
    requests_per_minute: Option<Quotas>,
}

/// What a command did.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Done {
    /// An account was made, and its first member; or a member's password was enabled.
    Member {
        /// The account.
        account_id: AccountId,
        /// The member.
        user_id: UserId,
    },
    /// An account has this status from the next request on.
    Status {
        /// The account.
        account_id: AccountId,
        /// Its status.
        status: AccountStatus,
    },
    /// An account's keys have these limits from the next request on.
    Limits {
        /// The account.
        account_id: AccountId,
        /// Requests a minute, or `None` for the usual ones.
        requests_per_minute: Option<Quotas>,
    },
}

async fn handle(app: Arc<App>, event: LambdaEvent<Box<RawValue>>) -> Result<Done, Error> {
    let command = json::parse::<Command>(event.payload.get().as_bytes());
    let operation = command.as_ref().map_or("operator", Command::operation);
    let invocation = Invocation::begin(&app, &event.context.request_id, operation.to_owned());
    let done = match command {
        Ok(command) => {
            let done = invocation.run(carry_out(&app, command, &event.context.request_id)).await;
            done.map_err(Error::unavailable).flatten()
        }
        Err(malformed) => Err(malformed),
    };
    match &done {
        Ok(Done::Member { account_id, user_id }) => {
            invocation.of(*account_id, user_id.to_string()).end(Outcome::Succeeded, None);
        }
        Ok(Done::Status { account_id, .. } | Done::Limits { account_id, .. }) => {
            invocation.of(*account_id, account_id.to_string()).end(Outcome::Succeeded, None);
        }
        Err(error) => {
            let outcome = if error.is_fault() { Outcome::Failed } else { Outcome::Refused };
            invocation.end(outcome, Some(&error.reason()));
        }
    }
    done
}

async fn carry_out(app: &App, command: Command, request_id: &str) -> Result<Done, Error> {
    let audit_context = AuditContext::now(&app.clock, &app.random, request_id, None);
    match command {
        Command::Create(new) => create_account(app, new, &audit_context).await,
        Command::Suspend(named) => set_status(app, named, AccountStatus::Suspended, &audit_context).await,
        Command::Restore(named) => set_status(app, named, AccountStatus::Active, &audit_context).await,
        Command::EnablePassword(named) => enable_password(app, named, &audit_context).await,
        Command::SetLimits(limits) => set_limits(app, limits, &audit_context).await,
    }
}

async fn create_account(app: &App, new: NewAccount, audit_context: &AuditContext) -> Result<Done, Error> {
    let NewAccount { name, email, password } = new;
    let account = Account {
        id: AccountId::new(&app.clock, &app.random),
        name,
        status: AccountStatus::Active,
        created_at: audit_context.at,
        active_admins: 1,
        quotas: None,
    };
    let member = Member {
        id: UserId::new(&app.clock, &app.random),
        account_id: account.id,
        email,
        permissions: Permissions::ALL,
        status: MemberStatus::Active,
        created_at: account.created_at,
        session_epoch: 0,
    };
    let hash = password
        .hash(app.peppers().await?, &app.random)
        .await
        .map_err(|cause| Error::password_not_hashed("password", cause))?;
    app.store.create_account(&account, &member, &hash, audit_context).await?;
    Ok(Done::Member { account_id: account.id, user_id: member.id })
}

async fn enable_password(
    app: &App,
    NamedMember { email, source_ip }: NamedMember,
    audit_context: &AuditContext,
) -> Result<Done, Error> {
    let from = match source_ip.map(|address| address.to_string()) {
        Some(source) => {
            Some(Attempt::new(email.as_str(), Some(&source), audit_context.at, &*app.peppers().await?))
        }
        None => None,
    };
    let (account_id, user_id) = app.store.enable_password(&email, from.as_ref(), audit_context).await?;
    Ok(Done::Member { account_id, user_id })
}

async fn set_status(
    app: &App,
    NamedAccount { account_id }: NamedAccount,
    status: AccountStatus,
    audit_context: &AuditContext,
) -> Result<Done, Error> {
    app.store.set_account_status(account_id, status, audit_context).await?;
    Ok(Done::Status { account_id, status })
}

async fn set_limits(
    app: &App,
    NewLimits { account_id, requests_per_minute }: NewLimits,
    audit_context: &AuditContext,
) -> Result<Done, Error> {
    app.store.set_account_quotas(account_id, requests_per_minute, audit_context).await?;
    Ok(Done::Limits { account_id, requests_per_minute })
}
