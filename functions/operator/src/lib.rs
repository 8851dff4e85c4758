//! What the operator of the service does by hand. It has no route: whoever may invoke the function may
//! send it one command.

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    account::{Account, AccountStatus},
    app::App,
    email::EmailAddress,
    error::Error,
    function::Function,
    id::{AccountId, UserId},
    member::{Member, MemberStatus},
    name::Name,
    password::{NewPassword, PasswordHash},
    permission::Permissions,
    store::MemberChange,
    strict_json, telemetry,
};
use tracing::{error, info};

/// The function.
#[must_use]
pub fn service(app: Arc<App>) -> impl Function<Value> {
    service_fn(move |event: LambdaEvent<Value>| handle(Arc::clone(&app), event))
}

/// An invocation: exactly one of these commands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Commands {
    #[serde(rename = "create_account")]
    create: Option<NewAccount>,
    #[serde(rename = "suspend_account")]
    suspend: Option<NamedAccount>,
    #[serde(rename = "restore_account")]
    restore: Option<NamedAccount>,
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

/// What a command did.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Done {
    /// An account was made, and its first member.
    Created {
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
}

async fn handle(app: Arc<App>, event: LambdaEvent<Value>) -> Result<Done, Error> {
    let request_id = event.context.request_id;
    let done = command(&app, &event.payload).await;
    match &done {
        Ok(Done::Created { account_id, user_id }) => {
            info!(target: telemetry::TARGET, request_id, %account_id, %user_id, "account created");
        }
        Ok(Done::Status { account_id, status }) => {
            info!(target: telemetry::TARGET, request_id, %account_id, ?status, "account status set");
        }
        Err(refused) if refused.is_fault() => {
            error!(target: telemetry::TARGET, request_id, reason = refused.reason(), "command failed");
        }
        Err(refused) => {
            info!(target: telemetry::TARGET, request_id, reason = refused.reason(), "command refused");
        }
    }
    done
}

async fn command(app: &App, payload: &Value) -> Result<Done, Error> {
    match strict_json::parse(payload.to_string().as_bytes())? {
        Commands { create: Some(new), suspend: None, restore: None } => create_account(app, new).await,
        Commands { create: None, suspend: Some(named), restore: None } => {
            set_status(app, named.account_id, AccountStatus::Suspended).await
        }
        Commands { create: None, suspend: None, restore: Some(named) } => {
            set_status(app, named.account_id, AccountStatus::Active).await
        }
        _ => Err(Error::bad_request(
            "The body must hold exactly one of create_account, suspend_account, restore_account",
        )),
    }
}

async fn create_account(app: &App, new: NewAccount) -> Result<Done, Error> {
    let NewAccount { name, email, password } = new;
    let account = Account {
        id: AccountId::new(&app.clock, &app.random),
        name,
        status: AccountStatus::Active,
        created_at: app.clock.now(),
        active_admins: 1,
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
    let hash = PasswordHash::of(password, Arc::clone(app.pepper()?), &app.random).await?;
    match app.store.create_account(&account, &member, &hash).await? {
        MemberChange::Done => Ok(Done::Created { account_id: account.id, user_id: member.id }),
        MemberChange::AddressTaken => Err(Error::conflict("The address belongs to a member already")),
        MemberChange::LastAdmin | MemberChange::Overtaken => Err(Error::overtaken()),
    }
}

async fn set_status(app: &App, account_id: AccountId, status: AccountStatus) -> Result<Done, Error> {
    if app.store.set_account_status(account_id, status).await? {
        Ok(Done::Status { account_id, status })
    } else {
        Err(Error::not_found())
    }
}
