//! Commands for a member who cannot log in or accept the invitation, or for an account whose members lack a permission.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::json;
use shared::{
    error::Error,
    http::new_invitation::NewInvitation,
    model::{
        account::AccountStatus,
        mail::{Mail, Message},
    },
    primitives::{
        email::EmailAddress,
        id::{AccountId, UserId},
        permission::Permissions,
    },
    rate_limit::login_throttle::Attempt,
    runtime::new_password_reset::NewPasswordReset,
};

use crate::call::{Call, Completed};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetMember {
    account_id: AccountId,
    user_id: UserId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetAddress {
    /// The address that the member logs in with.
    email: EmailAddress,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetPassword {
    /// The address that the member logs in with.
    email: EmailAddress,
    /// The IP address that the member logs in from. It becomes a recognized source. Needed if other clients use up the
    /// login attempts that all unrecognized sources share.
    source_ip: Option<IpAddr>,
}

fn changed(account_id: AccountId, user_id: UserId) -> Completed {
    Completed::for_member(account_id, user_id, json!({"account_id": account_id, "user_id": user_id}))
}

impl TargetMember {
    pub(crate) async fn grant_admin(self, call: &Call<'_>) -> Result<Completed, Error> {
        let Self { account_id, user_id } = self;
        let (app, audit_context) = (call.app, call.audit_context());
        let member = app.store.member(account_id, user_id).await?.ok_or_else(Error::not_found)?;
        if member.permissions != Permissions::ALL {
            app.store.grant_all_permissions(&member, &audit_context).await?;
            let message = Message::AllPermissionsGranted { user_id, context: (&audit_context).into() };
            app.send_mail(&Mail::to_admins(account_id, message)).await;
        }
        Ok(changed(account_id, user_id))
    }

    /// Makes a new invitation for a member who has not accepted one.
    pub(crate) async fn invite_again(self, call: &Call<'_>) -> Result<Completed, Error> {
        let Self { account_id, user_id } = self;
        let (app, audit_context) = (call.app, call.audit_context());
        let loaded = app.store.member_and_account(account_id, user_id).await?;
        let (before, account) = loaded.ok_or_else(Error::not_found)?;
        if account.status != AccountStatus::Active {
            return Err(Error::conflict("The account is suspended"));
        }
        let invited = NewInvitation::again(app, &before, &account, audit_context.at).await?;
        app.store.invite_member_again_as_operator(&before, &invited.member, &account, &audit_context).await?;
        let invitation = invited.deliver(app).await;
        let result = json!({"account_id": account_id, "user_id": user_id, "invitation": invitation});
        Ok(Completed::for_member(account_id, user_id, result))
    }
}

impl TargetPassword {
    pub(crate) async fn enable(self, call: &Call<'_>) -> Result<Completed, Error> {
        let Self { email, source_ip } = self;
        let (app, audit_context) = (call.app, call.audit_context());
        let attempt = match source_ip.map(|address| address.to_string()) {
            Some(source) => {
                let peppers = app.peppers().await?;
                Some(Attempt::new(email.as_str(), Some(&source), audit_context.at, &peppers, &app.random))
            }
            None => None,
        };
        let (account_id, user_id) =
            app.store.enable_password(&email, attempt.as_ref(), &audit_context).await?;
        let message = Message::PasswordEnabled((&audit_context).into());
        app.send_mail(&Mail::to(account_id, &email, message)).await;
        Ok(changed(account_id, user_id))
    }
}

impl TargetAddress {
    /// Creates a token of a password reset. Those that the member has stay valid.
    pub(crate) async fn reset_password(self, call: &Call<'_>) -> Result<Completed, Error> {
        let Self { email } = self;
        let (app, audit_context) = (call.app, call.audit_context());
        let owner = app.store.member_with_resets_by_address(&email).await?.ok_or_else(Error::not_found)?;
        if !owner.member.may_log_in(&owner.account) {
            return Err(Error::conflict("The member or the account is suspended"));
        }
        let NewPasswordReset { token, expires_at, resets } =
            NewPasswordReset::new(app, &owner, audit_context.at).await?;
        app.store.issue_password_reset(&owner, &resets, expires_at, &audit_context).await?;
        let (account_id, user_id) = (owner.member.account_id, owner.member.id);
        let message = Message::PasswordResetIssued((&audit_context).into());
        app.send_mail(&Mail::to(account_id, &email, message)).await;
        let result = json!({"token": token, "expires_at": expires_at});
        Ok(Completed::for_member(account_id, user_id, result))
    }

    pub(crate) async fn remove_second_factor(self, call: &Call<'_>) -> Result<Completed, Error> {
        let Self { email } = self;
        let app = call.app;
        let (member, _) = app.store.member_with_address(&email).await?.ok_or_else(Error::not_found)?;
        let (account_id, user_id) = (member.account_id, member.id);
        if member.has_passkeys() {
            let passkeys = app.store.all_passkeys(account_id, user_id).await?;
            app.store.remove_second_factor(&member, &passkeys, || call.audit_context()).await?;
            let message = Message::SecondFactorRemoved((&call.audit_context()).into());
            app.send_mail(&Mail::to(account_id, &email, message)).await;
        }
        Ok(changed(account_id, user_id))
    }
}
