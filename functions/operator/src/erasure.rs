//! `delete_account` and `forget_member`.

use serde::Deserialize;
use serde_json::json;
use shared::{
    error::Error,
    primitives::{
        email::EmailAddress,
        id::{AccountId, UserId},
        name::Name,
    },
    rate_limit::login_throttle::Attempt,
    store::Erasure,
};

use crate::call::{Call, Completed};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErasedAccount {
    account_id: AccountId,
    /// The name of the account, so that a mistyped id erases nothing.
    confirm: Name,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FormerMember {
    account_id: AccountId,
    user_id: UserId,
}

impl ErasedAccount {
    /// Suspends the account for good and erases it. The result says whether the command has to be repeated.
    pub(crate) async fn erase(self, call: &Call<'_>) -> Result<Completed, Error> {
        let Self { account_id, confirm } = self;
        let (store, now) = (&call.app.store, call.app.clock.now());
        let erasure = match store.account(account_id).await? {
            Some(account) if account.name != confirm => {
                return Err(Error::bad_field("confirm", "is not the name of the account"));
            }
            Some(account) => {
                if account.deleted_at.is_none() {
                    store.close_account(&account, now).await?;
                }
                let deleted_at = account.deleted_at.unwrap_or(now);
                let peppers = call.app.peppers().await?;
                let attempt = |email: &EmailAddress| {
                    Attempt::new(email.as_str(), None, now, &peppers, &call.app.random)
                };
                store.erase_account(account_id, deleted_at, now, attempt, || call.has_time()).await?
            }
            None => {
                let erasure = store.erase_remains(account_id, now, || call.has_time()).await?;
                erasure.ok_or_else(Error::not_found)?
            }
        };
        let status = if erasure == Erasure::Complete { "deleted" } else { "deleting" };
        Ok(Completed::for_account(account_id, json!({"account_id": account_id, "status": status})))
    }
}

impl FormerMember {
    /// Erases the addresses of a member who was removed. The result says whether the command has to be repeated.
    pub(crate) async fn forget(self, call: &Call<'_>) -> Result<Completed, Error> {
        let Self { account_id, user_id } = self;
        let store = &call.app.store;
        if store.member(account_id, user_id).await?.is_some() {
            return Err(Error::conflict("The member must be removed first"));
        }
        let erasure =
            store.forget_member(account_id, user_id, &call.audit_context(), || call.has_time()).await?;
        let more = erasure == Erasure::Incomplete;
        let result = json!({"account_id": account_id, "user_id": user_id, "more": more});
        Ok(Completed::for_member(account_id, user_id, result))
    }
}
