//! The reminders that API keys expire soon. Each is an item whose time to live is the time at which it is due. It is written, moved and
//! removed in the same transaction as the expiry of its key.
//!
//! `DynamoDB` removes the item when it is due, and adds a record of the removal to the table's stream. Lambda delivers this record at
//! least once. The last reminder that was sent is stored with the key, so a repeated record leads to no second mail.

use serde::Deserialize;

use crate::{
    model::{
        account::Account,
        api_key::ApiKey,
        key_expiry_reminder::{KeyExpiryReminder, SentReminder},
    },
    primitives::timestamp::Timestamp,
    store::{
        Store,
        dynamodb::{
            attributes::{to_entity, to_item},
            item::BatchItem,
            key::Key,
            write::Write,
        },
        error::StoreError,
        keys::KEY_EXPIRY_REMINDERS,
    },
};

/// The attribute of a key that contains its last [`SentReminder`].
const LAST_REMINDER: &str = "last_reminder";

/// The attributes of an API key that only this module uses.
#[derive(Deserialize)]
struct Reminded {
    #[serde(default)]
    last_reminder: Option<SentReminder>,
}

/// A record of the table's stream, as far as it matters here, in the format in which Lambda delivers it
/// (<https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamRecord {
    event_name: String,
    /// Only a removal by `DynamoDB` itself has it.
    #[serde(default)]
    user_identity: Option<UserIdentity>,
    #[serde(rename = "dynamodb")]
    change: Change,
}

#[derive(Deserialize)]
struct UserIdentity {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "principalId")]
    principal: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    keys: StreamKeys,
    #[serde(default)]
    old_image: Option<BatchItem>,
}

#[derive(Deserialize)]
struct StreamKeys {
    sk: serde_dynamo::AttributeValue,
}

impl StreamRecord {
    /// Returns the reminder that `DynamoDB` has removed because it is due. Returns `None` if the record is about anything else, also if
    /// somebody else has removed a reminder.
    ///
    /// # Errors
    /// If the removed reminder is malformed.
    pub fn due_reminder(self) -> Result<Option<KeyExpiryReminder>, StoreError> {
        // What the record of a removal by time to live has and no other
        // (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html>).
        let is_by_dynamodb = self
            .user_identity
            .is_some_and(|by| by.kind == "Service" && by.principal == "dynamodb.amazonaws.com");
        let is_reminder = matches!(
            &self.change.keys.sk,
            serde_dynamo::AttributeValue::S(sk) if sk.starts_with(KEY_EXPIRY_REMINDERS)
        );
        if self.event_name != "REMOVE" || !is_by_dynamodb || !is_reminder {
            return Ok(None);
        }
        let removed = self.change.old_image.ok_or_else(|| StoreError::malformed("there is no old image"))?;
        to_entity(removed).map(Some)
    }
}

impl Store {
    /// Loads what decides whether a reminder must be sent: the key, its account, and the last reminder that was sent. Returns `None` if
    /// the key or the account no longer exists.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn key_to_remind_of(
        &self,
        reminder: &KeyExpiryReminder,
    ) -> Result<Option<(ApiKey, Account, Option<SentReminder>)>, StoreError> {
        let KeyExpiryReminder { account_id, key_id, .. } = *reminder;
        match self.table.get_many([Key::api_key(account_id, key_id), Key::account(account_id)]).await? {
            [Some(key), Some(account)] => {
                let Reminded { last_reminder } = to_entity(key.clone())?;
                Ok(Some((to_entity(key)?, to_entity(account)?, last_reminder)))
            }
            _ => Ok(None),
        }
    }

    /// Stores that a reminder was sent. If its key has been removed or expires at another time by now, nothing is stored.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn mark_reminder_as_sent(&self, reminder: &KeyExpiryReminder) -> Result<(), StoreError> {
        let KeyExpiryReminder { account_id, key_id, .. } = *reminder;
        let update = Write::update(Key::api_key(account_id, key_id), "SET #last = :sent")
            .condition("#expires_at = :expires_at", || StoreError::Conflict)
            .name("#last", LAST_REMINDER)
            .name("#expires_at", "expires_at")
            .value(":sent", reminder.sent())?
            .value(":expires_at", reminder.expires_at)?;
        match self.table.write(update).await {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Returns the writes that store the reminders of a new key.
pub(super) fn new_reminders(key: &ApiKey, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    KeyExpiryReminder::pending(key, now).iter().map(reminder_write).collect()
}

/// Returns the writes that replace the reminders of the key `before` with those of the key `after`. There are none if the expiry is the
/// same: then a reminder that is due but not yet removed must stay.
pub(super) fn moved_reminders(
    before: &ApiKey,
    after: &ApiKey,
    now: Timestamp,
) -> Result<Vec<Write>, StoreError> {
    if before.expires_at == after.expires_at {
        return Ok(Vec::new());
    }
    let pending = KeyExpiryReminder::pending(after, now);
    let is_replaced = |old: &KeyExpiryReminder| pending.iter().any(|new| new.days == old.days);
    let obsolete = KeyExpiryReminder::pending(before, now).into_iter().filter(|old| !is_replaced(old));
    let deletions = obsolete.map(|reminder| Ok(Write::delete(reminder_key(&reminder))));
    deletions.chain(pending.iter().map(reminder_write)).collect()
}

/// Returns the writes that remove the reminders of an ended key. Those that are due already lead to no mail, and `DynamoDB` removes
/// them. So does a reminder of an expiry that a concurrent change has set.
pub(super) fn removed_reminders(key: &ApiKey, now: Timestamp) -> Vec<Write> {
    let pending = KeyExpiryReminder::pending(key, now);
    pending.iter().map(|reminder| Write::delete(reminder_key(reminder))).collect()
}

fn reminder_key(reminder: &KeyExpiryReminder) -> Key {
    Key::key_expiry_reminder(reminder.account_id, reminder.key_id, reminder.days)
}

fn reminder_write(reminder: &KeyExpiryReminder) -> Result<Write, StoreError> {
    Ok(Write::put(to_item(reminder_key(reminder), reminder)?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn removal() -> Value {
        let reminder = json!({
            "pk": {"S": "ACCOUNT#acct_0000000000000001"}, "sk": {"S": "KEY_EXPIRY#key_0000000000000001#7"},
            "account_id": {"S": "acct_0000000000000001"}, "key_id": {"S": "key_0000000000000001"},
            "expires_at": {"S": "2026-03-31T00:00:00Z"}, "days": {"N": "7"}, "ttl": {"N": "1774310400"},
        });
        json!({
            "eventID": "1", "eventName": "REMOVE", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
            "awsRegion": "eu-central-1",
            "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
            "dynamodb": {
                "ApproximateCreationDateTime": 1_774_310_400,
                "Keys": {"pk": reminder["pk"], "sk": reminder["sk"]}, "OldImage": reminder,
                "SequenceNumber": "100000000000000000001", "SizeBytes": 200, "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        })
    }

    fn due_reminder(record: Value) -> Result<Option<KeyExpiryReminder>, StoreError> {
        serde_json::from_value::<StreamRecord>(record).unwrap().due_reminder()
    }

    #[test]
    fn removal_by_dynamodb_returns_the_reminder() {
        let reminder = due_reminder(removal()).unwrap().unwrap();
        assert_eq!((reminder.key_id.to_string().as_str(), reminder.days), ("key_0000000000000001", 7));
        assert_eq!(reminder.expires_at.to_string(), "2026-03-31T00:00:00Z");
    }

    #[test]
    fn any_other_record_returns_none() {
        for (pointer, value) in [
            ("/eventName", json!("MODIFY")),
            ("/userIdentity", Value::Null),
            ("/userIdentity/type", json!("User")),
            ("/userIdentity/principalId", json!("AROAEXAMPLE:somebody")),
            ("/dynamodb/Keys/sk/S", json!("KEY#key_0000000000000001")),
        ] {
            let mut record = removal();
            *record.pointer_mut(pointer).unwrap() = value;
            assert_eq!(due_reminder(record).unwrap(), None, "{pointer}");
        }
    }

    #[test]
    fn removed_reminder_without_its_attributes_is_malformed() {
        for (pointer, value) in [
            ("/dynamodb/OldImage", Value::Null),
            ("/dynamodb/OldImage/days", json!({"S": "7"})),
            ("/dynamodb/OldImage/key_id", json!({"S": "key"})),
        ] {
            let mut record = removal();
            *record.pointer_mut(pointer).unwrap() = value;
            assert!(matches!(due_reminder(record), Err(StoreError::Malformed(_))), "{pointer}");
        }
    }
}
