//! `create_account`.

use serde::Deserialize;
use serde_json::json;
use shared::{
    credentials::{password::NewPassword, password_rules::PasswordContext},
    error::Error,
    http::new_invitation::NewInvitation,
    model::{account::Account, member::Member},
    primitives::{
        email::EmailAddress,
        id::{AccountId, UserId},
        name::Name,
        permission::Permissions,
    },
    runtime::password_workers,
};

use crate::call::{Call, Completed};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    name: Name,
    email: EmailAddress,
    /// Without a password, the first member is invited.
    password: Option<NewPassword>,
}

impl NewAccount {
    pub(crate) async fn create(self, call: &Call<'_>) -> Result<Completed, Error> {
        let Self { name, email, password } = self;
        let (app, audit_context) = (call.app, call.audit_context());
        let has_accepted = password.is_some();
        let (account_id, user_id) =
            (AccountId::new(&app.clock, &app.random), UserId::new(&app.clock, &app.random));
        let invited = Member::invited(user_id, account_id, email, Permissions::ALL, audit_context.at);
        let member = if has_accepted { invited.accepted() } else { invited };
        let account = Account {
            active_admins: u32::from(has_accepted),
            ..Account::new(account_id, name, audit_context.at)
        };
        let mut result = json!({"account_id": account_id, "user_id": user_id});
        if let Some(password) = password {
            let context = PasswordContext::new(member.email.clone(), account.name.clone());
            let peppers = app.peppers().await?;
            let hash =
                password_workers::hash(password, None, context, "password", peppers, &app.random).await?;
            app.store.create_account(&account, &member, Some(&hash), &audit_context).await?;
        } else {
            let invited = NewInvitation::new(app, member, &account, audit_context.at).await?;
            app.store.create_account(&account, &invited.member, None, &audit_context).await?;
            result["invitation"] = json!(invited.deliver(app).await);
        }
        Ok(Completed::for_member(account_id, user_id, result))
    }
}
