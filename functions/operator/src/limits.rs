//! `set_limits`.

use std::num::NonZeroU32;

use serde::Deserialize;
use serde_json::json;
use shared::{
    error::Error,
    http::patch::present,
    model::account::{AccountLimits, KeyLimits},
    primitives::{id::AccountId, quota::Quotas},
};

use crate::call::{Call, Completed};

/// A limit that is left out stays as it is. Null is the default limit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "null and a field that is left out differ")]
pub(crate) struct NewLimits {
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

impl NewLimits {
    /// Sets the limits. The result contains all limits of the account. Null is the default limit.
    pub(crate) async fn set(self, call: &Call<'_>) -> Result<Completed, Error> {
        let Self { account_id, requests_per_minute, keys: new_keys, sessions_per_member } = self;
        if requests_per_minute.is_none() && new_keys.is_none() && sessions_per_member.is_none() {
            return Err(Error::bad_field(
                "requests_per_minute",
                "is required, or `keys` or `sessions_per_member`",
            ));
        }
        let store = &call.app.store;
        let before = store.account(account_id).await?.ok_or_else(Error::not_found)?;
        let requests_per_minute = requests_per_minute.unwrap_or(before.quotas);
        let mut keys = before.limits.keys;
        if let Some(NewKeyLimits { live, test }) = new_keys {
            keys = KeyLimits { live: live.unwrap_or(keys.live), test: test.unwrap_or(keys.test) };
        }
        let sessions_per_member = sessions_per_member.unwrap_or(before.limits.sessions_per_member);
        let limits = AccountLimits { keys, sessions_per_member };
        let counts_keys = new_keys.is_some();
        let audit_context = call.audit_context();
        store.set_account_limits(&before, requests_per_minute, limits, counts_keys, &audit_context).await?;
        let result = json!({
            "account_id": account_id,
            "requests_per_minute": requests_per_minute,
            "keys": keys,
            "sessions_per_member": sessions_per_member,
        });
        Ok(Completed::for_account(account_id, result))
    }
}
