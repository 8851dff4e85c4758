//! Commands for the operator of the service. The function has no route: each invocation sends one command, and anyone who
//! is allowed to invoke the function can send any command.

mod restored_credentials;

use std::{net::IpAddr, num::NonZeroU32, sync::Arc};

use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::{
    credentials::{
        digest::TokenDigest, one_time_token::Purpose, password::NewPassword, password_rules::PasswordContext,
        token::NewToken,
    },
    error::Error,
    http::{
        json,
        new_invitation::{InvitationView, NewInvitation},
        openapi::Operation,
        patch::present,
        policy_patch::PolicyPatch,
    },
    model::{
        account::{Account, AccountChange, AccountLimits, AccountStatus, KeyLimits},
        account_policy::{AccountPolicy, PolicySettings},
        audit_event::AuditContext,
        mail::{Mail, MailToken, Message},
        member::{Member, MemberStatus},
        password_reset::{PasswordReset, may_reset},
        restrictions::Restrictions,
    },
    primitives::{
        email::EmailAddress,
        id::{AccountId, KeyId, UserId},
        name::Name,
        permission::Permissions,
        quota::Quotas,
        timestamp::Timestamp,
    },
    rate_limit::login_throttle::Attempt,
    runtime::{app::App, function::Function, invocation::Invocation, password_workers},
    telemetry::metrics::Outcome,
};

use crate::restored_credentials::RestoredCredentials;

/// Empty, because the operator function has no route.
pub const OPERATIONS: &[Operation] = &[];

#[must_use]
pub fn service(app: Arc<App>) -> impl Function<Box<RawValue>> {
    service_fn(move |event: LambdaEvent<Box<RawValue>>| handle(Arc::clone(&app), event))
}

#[derive(Deserialize)]
enum Command {
    /// Creates an account and its first member, who has all permissions.
    #[serde(rename = "create_account")]
    Create(NewAccount),
    /// Ends the account's sessions and rejects its keys, from the next request on.
    #[serde(rename = "suspend_account")]
    Suspend(TargetAccount),
    /// Accepts the account's keys and logins again, from the next request on.
    #[serde(rename = "restore_account")]
    Restore(TargetAccount),
    /// Enables a password that was disabled after too many failed logins in a row. If the command has a source, that source
    /// counts as recognized from now on.
    #[serde(rename = "enable_password")]
    EnablePassword(TargetPassword),
    /// Creates a token with which the member can reset their password.
    #[serde(rename = "reset_password")]
    ResetPassword(TargetAddress),
    /// Removes the member's passkeys and recovery codes and ends their sessions.
    #[serde(rename = "remove_second_factor")]
    RemoveSecondFactor(TargetAddress),
    /// Sets the rate limits of the account's keys and the limits on the numbers of keys and sessions, or resets them to the
    /// default, from the next request on.
    #[serde(rename = "set_limits")]
    SetLimits(NewLimits),
    /// Gives a member all four permissions.
    #[serde(rename = "grant_admin")]
    GrantAdmin(TargetMember),
    /// Ends all sessions, keys and invitations of the account, from the next request on.
    #[serde(rename = "end_all_credentials")]
    EndAllCredentials(TargetAccount),
    /// Changes the account's policy, from the next request on.
    #[serde(rename = "set_policy")]
    SetPolicy(NewPolicy),
    /// Ends the credentials that a restore of the table made valid again.
    #[serde(rename = "end_restored_credentials")]
    EndRestoredCredentials(RestoredCredentials),
}

impl Command {
    /// The name of the operation in the log.
    fn operation(&self) -> &'static str {
        match self {
            Self::Create(_) => "operator create_account",
            Self::Suspend(_) => "operator suspend_account",
            Self::Restore(_) => "operator restore_account",
            Self::EnablePassword(_) => "operator enable_password",
            Self::ResetPassword(_) => "operator reset_password",
            Self::RemoveSecondFactor(_) => "operator remove_second_factor",
            Self::SetLimits(_) => "operator set_limits",
            Self::GrantAdmin(_) => "operator grant_admin",
            Self::EndAllCredentials(_) => "operator end_all_credentials",
            Self::SetPolicy(_) => "operator set_policy",
            Self::EndRestoredCredentials(_) => "operator end_restored_credentials",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    name: Name,
    email: EmailAddress,
    /// Without a password, the first member is invited.
    password: Option<NewPassword>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetAccount {
    account_id: AccountId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetMember {
    account_id: AccountId,
    user_id: UserId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetAddress {
    /// The address that the member logs in with.
    email: EmailAddress,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetPassword {
    /// The address that the member logs in with.
    email: EmailAddress,
    /// The IP address that the member logs in from. It becomes a recognized source. Needed if other clients use up the
    /// login attempts that all unrecognized sources share.
    source_ip: Option<IpAddr>,
}

/// A limit that is left out stays as it is. Null is the default limit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "null and a field that is left out differ")]
struct NewLimits {
    account_id: AccountId,
    #[serde(default, deserialize_with = "present")]
    requests_per_minute: Option<Option<Quotas>>,
    /// Also makes the service count the account's keys again.
    #[serde(default, deserialize_with = "present")]
    keys: Option<NewKeyLimits>,
    #[serde(default, deserialize_with = "present")]
    sessions_per_member: Option<Option<NonZeroU32>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "null and a field that is left out differ")]
struct NewKeyLimits {
    #[serde(default, deserialize_with = "present")]
    live: Option<Option<u32>>,
    #[serde(default, deserialize_with = "present")]
    test: Option<Option<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPolicy {
    account_id: AccountId,
    policy: PolicyPatch,
}

/// The result of a command.
#[derive(Serialize)]
#[serde(untagged)]
pub enum CommandResult {
    /// The account and the first member that were created, or the member whom the command changed.
    Member { account_id: AccountId, user_id: UserId },
    /// The account whose first member is invited.
    Invited { account_id: AccountId, user_id: UserId, invitation: InvitationView },
    /// The account whose credentials have all ended.
    Account { account_id: AccountId },
    /// The new status of the account.
    Status { account_id: AccountId, status: AccountStatus },
    /// All limits of the account. `None` is the default limit.
    Limits {
        account_id: AccountId,
        requests_per_minute: Option<Quotas>,
        keys: KeyLimits,
        sessions_per_member: Option<NonZeroU32>,
    },
    /// The whole policy of the account.
    Policy { account_id: AccountId, policy: PolicySettings },
    /// The token of a password reset, which the operator gives to the member.
    ResetToken {
        #[serde(skip)]
        account_id: AccountId,
        #[serde(skip)]
        user_id: UserId,
        token: MailToken,
        expires_at: Timestamp,
    },
    /// The credentials that were ended after a restore.
    EndedCredentials {
        /// The number of named keys that are revoked now, plus the number of keys that the scan revoked.
        revoked_keys: usize,
        /// The named keys that the table does not contain.
        unknown_keys: Vec<KeyId>,
        /// The number of sessions that the scan ended.
        ended_sessions: usize,
        /// Where the next command continues, or `None` if nothing is left to do.
        cursor: Option<String>,
    },
}

async fn handle(app: Arc<App>, event: LambdaEvent<Box<RawValue>>) -> Result<CommandResult, Error> {
    let command = json::parse::<Command>(event.payload.get().as_bytes());
    let operation = command.as_ref().map_or("operator", Command::operation);
    let invocation = Invocation::start(&app, &event.context.request_id, operation.to_owned());
    let result = match command {
        Ok(command) => invocation.run(execute(&app, command, &event.context.request_id)).await,
        Err(malformed) => Err(malformed),
    };
    match &result {
        Ok(
            CommandResult::Member { account_id, user_id }
            | CommandResult::Invited { account_id, user_id, .. }
            | CommandResult::ResetToken { account_id, user_id, .. },
        ) => {
            invocation.for_principal(*account_id, user_id.to_string()).finish(Outcome::Succeeded, None);
        }
        Ok(
            CommandResult::Account { account_id }
            | CommandResult::Status { account_id, .. }
            | CommandResult::Limits { account_id, .. }
            | CommandResult::Policy { account_id, .. },
        ) => {
            invocation.for_principal(*account_id, account_id.to_string()).finish(Outcome::Succeeded, None);
        }
        Ok(CommandResult::EndedCredentials { .. }) => invocation.finish(Outcome::Succeeded, None),
        Err(error) => invocation.finish_with_error(error),
    }
    result
}

async fn execute(app: &App, command: Command, request_id: &str) -> Result<CommandResult, Error> {
    let audit_context = AuditContext::now(&app.clock, &app.random, request_id, None);
    match command {
        Command::Create(new) => create_account(app, new, &audit_context).await,
        Command::Suspend(target) => set_status(app, target, AccountStatus::Suspended, &audit_context).await,
        Command::Restore(target) => set_status(app, target, AccountStatus::Active, &audit_context).await,
        Command::EnablePassword(target) => enable_password(app, target, &audit_context).await,
        Command::ResetPassword(target) => reset_password(app, target, &audit_context).await,
        Command::RemoveSecondFactor(target) => remove_second_factor(app, target, request_id).await,
        Command::SetLimits(limits) => set_limits(app, limits, &audit_context).await,
        Command::GrantAdmin(target) => grant_admin(app, target, &audit_context).await,
        Command::EndAllCredentials(target) => end_all_credentials(app, target, &audit_context).await,
        Command::SetPolicy(policy) => set_policy(app, policy, &audit_context).await,
        Command::EndRestoredCredentials(credentials) => credentials.end(app, request_id).await,
    }
}

async fn create_account(
    app: &App,
    new: NewAccount,
    audit_context: &AuditContext,
) -> Result<CommandResult, Error> {
    let NewAccount { name, email, password } = new;
    let has_accepted = password.is_some();
    let account = Account {
        id: AccountId::new(&app.clock, &app.random),
        name,
        status: AccountStatus::Active,
        created_at: audit_context.at,
        active_admins: u32::from(has_accepted),
        quotas: None,
        limits: AccountLimits::default(),
        revision: 0,
        session_epoch: 0,
        key_epoch: 0,
        policy: AccountPolicy::default(),
        restrictions: Restrictions::NONE,
    };
    let member = Member {
        id: UserId::new(&app.clock, &app.random),
        account_id: account.id,
        email,
        permissions: Permissions::ALL,
        status: if has_accepted { MemberStatus::Active } else { MemberStatus::Invited },
        created_at: account.created_at,
        session_epoch: 0,
        has_accepted,
        invitation: None,
        passkeys: 0,
        restrictions: Restrictions::NONE,
    };
    let (account_id, user_id) = (account.id, member.id);
    let Some(password) = password else {
        let invited = NewInvitation::new(app, member, &account, audit_context.at).await?;
        app.store.create_account(&account, &invited.member, None, audit_context).await?;
        return Ok(CommandResult::Invited {
            account_id,
            user_id,
            invitation: invited.deliver_alone(app).await,
        });
    };
    let context = PasswordContext::new(member.email.clone(), account.name.clone());
    let peppers = app.peppers().await?;
    let hash = password_workers::hash(password, None, context, "password", peppers, &app.random).await?;
    app.store.create_account(&account, &member, Some(&hash), audit_context).await?;
    Ok(CommandResult::Member { account_id, user_id })
}

async fn grant_admin(
    app: &App,
    TargetMember { account_id, user_id }: TargetMember,
    audit_context: &AuditContext,
) -> Result<CommandResult, Error> {
    let member = app.store.member(account_id, user_id).await?.ok_or_else(Error::not_found)?;
    if member.permissions != Permissions::ALL {
        app.store.grant_all_permissions(&member, audit_context).await?;
        let message = Message::AllPermissionsGranted { user_id, context: audit_context.into() };
        app.send_mail(&Mail::to_admins(account_id, message)).await;
    }
    Ok(CommandResult::Member { account_id, user_id })
}

async fn end_all_credentials(
    app: &App,
    TargetAccount { account_id }: TargetAccount,
    audit_context: &AuditContext,
) -> Result<CommandResult, Error> {
    app.store.end_all_credentials(account_id, audit_context).await?;
    Ok(CommandResult::Account { account_id })
}

async fn enable_password(
    app: &App,
    TargetPassword { email, source_ip }: TargetPassword,
    audit_context: &AuditContext,
) -> Result<CommandResult, Error> {
    let attempt = match source_ip.map(|address| address.to_string()) {
        Some(source) => {
            let peppers = app.peppers().await?;
            Some(Attempt::new(email.as_str(), Some(&source), audit_context.at, &peppers, &app.random))
        }
        None => None,
    };
    let (account_id, user_id) = app.store.enable_password(&email, attempt.as_ref(), audit_context).await?;
    let message = Message::PasswordEnabled(audit_context.into());
    app.send_mail(&Mail::to(account_id, &email, message)).await;
    Ok(CommandResult::Member { account_id, user_id })
}

/// Creates the token of a password reset, in place of any other one of the member.
async fn reset_password(
    app: &App,
    TargetAddress { email }: TargetAddress,
    audit_context: &AuditContext,
) -> Result<CommandResult, Error> {
    let (member, account) = app.store.member_with_address(&email).await?.ok_or_else(Error::not_found)?;
    if !may_reset(&member, &account) {
        return Err(Error::conflict("The member or the account is suspended"));
    }
    let (account_id, user_id) = (member.account_id, member.id);
    let token =
        NewToken::for_one_use(Purpose::PasswordReset, account_id, user_id, app.token_mac_key()?, &app.random);
    let digest = TokenDigest::of(token.expose(), &*app.peppers().await?);
    let reset = PasswordReset::new(&member, &account, digest, audit_context.at);
    app.store.issue_password_reset(&reset, audit_context).await?;
    let message = Message::PasswordResetIssued(audit_context.into());
    app.send_mail(&Mail::to(account_id, &email, message)).await;
    let (token, expires_at) = (MailToken::new(token.expose()), reset.expires_at);
    Ok(CommandResult::ResetToken { account_id, user_id, token, expires_at })
}

async fn remove_second_factor(
    app: &App,
    TargetAddress { email }: TargetAddress,
    request_id: &str,
) -> Result<CommandResult, Error> {
    let (member, _) = app.store.member_with_address(&email).await?.ok_or_else(Error::not_found)?;
    let (account_id, user_id) = (member.account_id, member.id);
    if member.has_passkeys() {
        let passkeys = app.store.all_passkeys(account_id, user_id).await?;
        let audit_context = || AuditContext::now(&app.clock, &app.random, request_id, None);
        app.store.remove_second_factor(&member, &passkeys, audit_context).await?;
        let message = Message::SecondFactorRemoved((&audit_context()).into());
        app.send_mail(&Mail::to(account_id, &email, message)).await;
    }
    Ok(CommandResult::Member { account_id, user_id })
}

async fn set_status(
    app: &App,
    TargetAccount { account_id }: TargetAccount,
    status: AccountStatus,
    audit_context: &AuditContext,
) -> Result<CommandResult, Error> {
    app.store.set_account_status(account_id, status, audit_context).await?;
    Ok(CommandResult::Status { account_id, status })
}

async fn set_limits(app: &App, new: NewLimits, audit_context: &AuditContext) -> Result<CommandResult, Error> {
    let NewLimits { account_id, requests_per_minute, keys: new_keys, sessions_per_member } = new;
    if requests_per_minute.is_none() && new_keys.is_none() && sessions_per_member.is_none() {
        return Err(Error::bad_field(
            "requests_per_minute",
            "is required, or `keys` or `sessions_per_member`",
        ));
    }
    let before = app.store.account(account_id).await?.ok_or_else(Error::not_found)?;
    let requests_per_minute = requests_per_minute.unwrap_or(before.quotas);
    let mut keys = before.limits.keys;
    if let Some(NewKeyLimits { live, test }) = new_keys {
        keys = KeyLimits { live: live.unwrap_or(keys.live), test: test.unwrap_or(keys.test) };
    }
    let sessions_per_member = sessions_per_member.unwrap_or(before.limits.sessions_per_member);
    let limits = AccountLimits { keys, sessions_per_member };
    let counts_keys = new_keys.is_some();
    app.store.set_account_limits(&before, requests_per_minute, limits, counts_keys, audit_context).await?;
    Ok(CommandResult::Limits { account_id, requests_per_minute, keys, sessions_per_member })
}

async fn set_policy(app: &App, new: NewPolicy, audit_context: &AuditContext) -> Result<CommandResult, Error> {
    let NewPolicy { account_id, policy } = new;
    let change = AccountChange { name: None, policy: policy.try_into()? };
    let before = app.store.account(account_id).await?.ok_or_else(Error::not_found)?;
    if before.has_unknown_restriction() {
        return Err(Error::conflict("A newer version of the service has restricted the account"));
    }
    let after = before.changed(change, audit_context.at);
    if after != before {
        app.store.set_account_policy(&before, &after, audit_context).await?;
        let message = Message::PolicyChanged(audit_context.into());
        app.send_mail(&Mail::to_admins(account_id, message)).await;
    }
    Ok(CommandResult::Policy { account_id, policy: after.policy.into() })
}
