//! Commands for a whole account.

use serde::Deserialize;
use serde_json::json;
use shared::{error::Error, model::account::AccountStatus, primitives::id::AccountId};

use crate::call::{Call, Completed};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetAccount {
    account_id: AccountId,
}

impl TargetAccount {
    pub(crate) async fn set_status(self, call: &Call<'_>, status: AccountStatus) -> Result<Completed, Error> {
        let Self { account_id } = self;
        call.app.store.set_account_status(account_id, status, &call.audit_context()).await?;
        Ok(Completed::for_account(account_id, json!({"account_id": account_id, "status": status})))
    }

    pub(crate) async fn end_all_credentials(self, call: &Call<'_>) -> Result<Completed, Error> {
        let Self { account_id } = self;
        call.app.store.end_all_credentials(account_id, &call.audit_context()).await?;
        Ok(Completed::for_account(account_id, json!({"account_id": account_id})))
    }
}
