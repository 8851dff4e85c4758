//! What the operator of the service does by hand. It has no route: whoever may invoke the function may
//! send it one command.

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{
    account::{Account, AccountStatus},
    app::App,
    email::EmailAddress,
    error::Error,
    function::Function,
    id::{AccountId, UserId},
    invocation::Invocation,
    member::{Member, MemberStatus},
    metrics::Outcome,
    name::Name,
    password::NewPassword,
    permission::Permissions,
    strict_json,
};

/// The function.
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
}

impl Command {
    /// What the log calls it.
    fn operation(&self) -> &'static str {
        match self {
            Self::Create(_) => "operator create_account",
            Self::Suspend(_) => "operator suspend_account",
            Self::Restore(_) => "operator restore_account",
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

async fn handle(app: Arc<App>, event: LambdaEvent<Box<RawValue>>) -> Result<Done, Error> {
    let command = strict_json::parse::<Command>(event.payload.get().as_bytes());
    let operation = command.as_ref().map_or("operator", Command::operation);
    let invocation = Invocation::begin(&app, &event.context.request_id, operation.to_owned());
    let done = match command {
        Ok(command) => invocation.run(carry_out(&app, command)).await,
        Err(malformed) => Err(malformed),
    };
    match &done {
        Ok(Done::Created { account_id, user_id }) => {
            invocation.of(*account_id, user_id.to_string()).end(Outcome::Succeeded, None);
        }
        Ok(Done::Status { account_id, .. }) => {
            invocation.of(*account_id, account_id.to_string()).end(Outcome::Succeeded, None);
        }
        Err(error) => {
            let outcome = if error.is_fault() { Outcome::Failed } else { Outcome::Refused };
            invocation.end(outcome, Some(&error.reason()));
        }
    }
    done
}

async fn carry_out(app: &App, command: Command) -> Result<Done, Error> {
    match command {
        Command::Create(new) => create_account(app, new).await,
        Command::Suspend(named) => set_status(app, named.account_id, AccountStatus::Suspended).await,
        Command::Restore(named) => set_status(app, named.account_id, AccountStatus::Active).await,
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
    let hash =
        password.hash(app.peppers()?, &app.random).await.map_err(|error| error.in_field("password"))?;
    app.store.create_account(&account, &member, &hash).await?;
    Ok(Done::Created { account_id: account.id, user_id: member.id })
}

async fn set_status(app: &App, account_id: AccountId, status: AccountStatus) -> Result<Done, Error> {
    app.store.set_account_status(account_id, status).await?;
    Ok(Done::Status { account_id, status })
}
