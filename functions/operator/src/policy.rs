//! `set_policy`.

use serde::Deserialize;
use serde_json::json;
use shared::{
    error::Error,
    http::policy_patch::PolicyPatch,
    model::{
        account::AccountChange,
        account_policy::PolicySettings,
        mail::{Mail, Message},
    },
    primitives::id::AccountId,
};

use crate::call::{Call, Completed};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPolicy {
    account_id: AccountId,
    policy: PolicyPatch,
}

impl NewPolicy {
    /// Changes the policy. The result contains the whole policy.
    pub(crate) async fn set(self, call: &Call<'_>) -> Result<Completed, Error> {
        let Self { account_id, policy } = self;
        let (app, audit_context) = (call.app, call.audit_context());
        let change = AccountChange { name: None, policy: policy.try_into()? };
        let before = app.store.account(account_id).await?.ok_or_else(Error::not_found)?;
        if before.has_unknown_restriction() {
            return Err(Error::conflict("A newer version of the service has restricted the account"));
        }
        let after = before.changed(change, audit_context.at);
        if after != before {
            app.store.set_account_policy(&before, &after, &audit_context).await?;
            let message = Message::PolicyChanged((&audit_context).into());
            app.send_mail(&Mail::to_admins(account_id, message)).await;
        }
        let policy = PolicySettings::from(after.policy);
        Ok(Completed::for_account(account_id, json!({"account_id": account_id, "policy": policy})))
    }
}
