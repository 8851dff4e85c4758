//! `export_account`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    error::Error,
    primitives::id::AccountId,
    store::{ExportPosition, StoreError},
};

use crate::call::{Call, Completed};

/// The size of the result at which it ends, in bytes of JSON. One more read adds at most 1 MB of items, whose JSON is at most twice as
/// large, and the response of a function is at most 6 MB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const FULL: usize = 2_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportedAccount {
    account_id: AccountId,
    /// Continues after the items of an earlier result.
    #[serde(default)]
    cursor: Option<String>,
}

impl ExportedAccount {
    /// Returns the next items, and the cursor after them, which is null at the end.
    pub(crate) async fn export(self, call: &Call<'_>) -> Result<Completed, Error> {
        let Self { account_id, cursor } = self;
        let store = &call.app.store;
        let position = cursor.map(|cursor| parse(&cursor)).transpose()?;
        if store.account(account_id).await?.is_none() {
            return Err(Error::not_found());
        }
        let partitions = store.account_partitions(account_id).await?;
        let (mut items, mut size) = (Vec::new(), 0);
        let mut next = Some(position.unwrap_or_else(|| partitions.start()));
        while let Some(position) = next.take() {
            let (read, after) =
                store.exported_items(&partitions, position).await.map_err(|error| match error {
                    StoreError::NotFound => not_a_cursor(),
                    other => other.into(),
                })?;
            size += read.iter().map(|item| Value::from(item.clone()).to_string().len()).sum::<usize>();
            items.extend(read);
            next = after;
            if size >= FULL || !call.has_time() {
                break;
            }
        }
        let cursor = next.map(|position| URL_SAFE_NO_PAD.encode(position.to_string()));
        let result = json!({"account_id": account_id, "items": items, "cursor": cursor});
        Ok(Completed::for_account(account_id, result))
    }
}

fn parse(cursor: &str) -> Result<ExportPosition, Error> {
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| text.parse().ok()).ok_or_else(not_a_cursor)
}

fn not_a_cursor() -> Error {
    Error::bad_field("cursor", "is not a cursor of an export of this account")
}
