//! The commands.

use serde::Deserialize;
use shared::{error::Error, model::account::AccountStatus};

use crate::{
    account::TargetAccount,
    call::{Call, Completed},
    erasure::{ErasedAccount, FormerMember},
    export::ExportedAccount,
    limits::NewLimits,
    member::{TargetAddress, TargetMember, TargetPassword},
    new_account::NewAccount,
    policy::NewPolicy,
    restored_credentials::RestoredCredentials,
};

#[derive(Deserialize)]
pub(crate) enum Command {
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
    /// Gives a member all four permissions.
    #[serde(rename = "grant_admin")]
    GrantAdmin(TargetMember),
    /// Makes a new invitation for a member who has not accepted one, and ends the previous one.
    #[serde(rename = "invite_again")]
    InviteAgain(TargetMember),
    /// Sets the rate limits of the account's keys and the limits on the numbers of keys and sessions, or resets them to the
    /// default, from the next request on.
    #[serde(rename = "set_limits")]
    SetLimits(NewLimits),
    /// Changes the account's policy, from the next request on.
    #[serde(rename = "set_policy")]
    SetPolicy(NewPolicy),
    /// Ends all sessions, keys and invitations of the account, from the next request on.
    #[serde(rename = "end_all_credentials")]
    EndAllCredentials(TargetAccount),
    /// Ends the credentials that a restore of the table made valid again.
    #[serde(rename = "end_restored_credentials")]
    EndRestoredCredentials(RestoredCredentials),
    /// Returns all that is stored about the account.
    #[serde(rename = "export_account")]
    Export(ExportedAccount),
    /// Erases the account and all that is stored about it.
    #[serde(rename = "delete_account")]
    Delete(ErasedAccount),
    /// Erases the addresses of a former member.
    #[serde(rename = "forget_member")]
    ForgetMember(FormerMember),
}

impl Command {
    /// The name of the operation in the log.
    pub(crate) fn operation(&self) -> &'static str {
        match self {
            Self::Create(_) => "operator create_account",
            Self::Suspend(_) => "operator suspend_account",
            Self::Restore(_) => "operator restore_account",
            Self::EnablePassword(_) => "operator enable_password",
            Self::ResetPassword(_) => "operator reset_password",
            Self::RemoveSecondFactor(_) => "operator remove_second_factor",
            Self::GrantAdmin(_) => "operator grant_admin",
            Self::InviteAgain(_) => "operator invite_again",
            Self::SetLimits(_) => "operator set_limits",
            Self::SetPolicy(_) => "operator set_policy",
            Self::EndAllCredentials(_) => "operator end_all_credentials",
            Self::EndRestoredCredentials(_) => "operator end_restored_credentials",
            Self::Export(_) => "operator export_account",
            Self::Delete(_) => "operator delete_account",
            Self::ForgetMember(_) => "operator forget_member",
        }
    }

    pub(crate) async fn execute(self, call: &Call<'_>) -> Result<Completed, Error> {
        match self {
            Self::Create(new) => new.create(call).await,
            Self::Suspend(target) => target.set_status(call, AccountStatus::Suspended).await,
            Self::Restore(target) => target.set_status(call, AccountStatus::Active).await,
            Self::EnablePassword(target) => target.enable(call).await,
            Self::ResetPassword(target) => target.reset_password(call).await,
            Self::RemoveSecondFactor(target) => target.remove_second_factor(call).await,
            Self::GrantAdmin(target) => target.grant_admin(call).await,
            Self::InviteAgain(target) => target.invite_again(call).await,
            Self::SetLimits(new) => new.set(call).await,
            Self::SetPolicy(new) => new.set(call).await,
            Self::EndAllCredentials(target) => target.end_all_credentials(call).await,
            Self::EndRestoredCredentials(credentials) => credentials.end(call).await,
            Self::Export(account) => account.export(call).await,
            Self::Delete(account) => account.erase(call).await,
            Self::ForgetMember(member) => member.forget(call).await,
        }
    }
}
