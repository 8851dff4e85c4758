//! The export of all items of an account, without digests.

use std::{collections::BTreeMap, fmt, str::FromStr};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};

use crate::store::{
    Store,
    account_partitions::AccountPartitions,
    dynamodb::{attributes::to_entity, item::Item, key::Key},
    error::StoreError,
    keys::{
        ACCOUNT, ADDRESSES, API_KEYS, AUDIT_EVENTS, CHALLENGES, EVENT_SOURCES, INVITED_ADDRESSES, KEY_COUNTS,
        KEY_EXPIRY_REMINDERS, LOGIN_TOKEN, MAILED_INVITATIONS, MEMBER_KEYS, MEMBERS, PASSKEYS,
        PASSWORD_RESETS, PROJECTS, RECOVERY_CODES, REQUESTS, SESSIONS, TOMBSTONE, USAGE,
    },
};

/// What each kind of item is called in an export, by the beginning of its sort key, and its attributes that are left out. Digests
/// and password hashes are left out in any case.
const KINDS: &[(&str, &str, &[&str])] = &[
    (ACCOUNT, "account", &[]),
    (TOMBSTONE, "tombstone", &[]),
    (API_KEYS.sort_key_prefix, "api_key", &[]),
    (KEY_COUNTS, "api_key_count", &[]),
    (KEY_EXPIRY_REMINDERS, "key_expiry_reminder", &[]),
    (MEMBERS.sort_key_prefix, "member", &[]),
    (INVITED_ADDRESSES, "invited_address", &[]),
    (MAILED_INVITATIONS, "mailed_invitations", &[]),
    (SESSIONS.sort_key_prefix, "session", &[]),
    (PASSWORD_RESETS, "password_resets", &[]),
    (PASSKEYS.sort_key_prefix, "passkey", &[]),
    (RECOVERY_CODES, "recovery_codes", &["pepper_version"]),
    (LOGIN_TOKEN, "login_token", &["challenge"]),
    (CHALLENGES, "challenge", &["sk"]),
    (MEMBER_KEYS.sort_key_prefix, "api_key_of_member", &[]),
    (PROJECTS.sort_key_prefix, "project", &[]),
    (AUDIT_EVENTS.sort_key_prefix, "audit_event", &[]),
    (ADDRESSES.sort_key_prefix, "member_address", &[]),
    (EVENT_SOURCES, "audit_event_source", &[]),
    (USAGE, "usage", &[]),
    (REQUESTS, "idempotency_record", &["sk", "request"]),
];

/// The attribute of digests and password hashes that names their pepper. Nothing else has it.
const PEPPER: &str = "pepper";

/// Where an export continues: in a partition, after an item if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportPosition {
    partition: String,
    after: Option<String>,
}

/// The text is not the text of a position.
#[derive(Debug, thiserror::Error)]
#[error("is not a position in an export")]
pub struct InvalidExportPosition;

impl ExportPosition {
    pub(super) fn at_start_of(partition: &str) -> Self {
        Self { partition: partition.to_owned(), after: None }
    }
}

impl fmt::Display for ExportPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.after {
            Some(sk) => write!(f, "{} {sk}", self.partition),
            None => f.write_str(&self.partition),
        }
    }
}

impl FromStr for ExportPosition {
    type Err = InvalidExportPosition;

    fn from_str(text: &str) -> Result<Self, InvalidExportPosition> {
        let (partition, after) = match text.split_once(' ') {
            Some((partition, after)) => (partition, Some(after)),
            None => (text, None),
        };
        if partition.is_empty() || after == Some("") {
            return Err(InvalidExportPosition);
        }
        Ok(Self { partition: partition.to_owned(), after: after.map(str::to_owned) })
    }
}

impl Store {
    /// Reads the items of an account from `position` on, at most 1 MB. Each is as it is stored, with its `kind`. Also returns the
    /// position after them, or `None` at the end.
    ///
    /// # Errors
    /// If the position is not in `partitions` ([`StoreError::NotFound`]), or the read fails.
    pub async fn exported_items(
        &self,
        partitions: &AccountPartitions,
        position: ExportPosition,
    ) -> Result<(Vec<Map<String, Value>>, Option<ExportPosition>), StoreError> {
        let ExportPosition { partition, after } = position;
        let mut remaining = partitions.iter();
        remaining.find(|name| **name == *partition).ok_or(StoreError::NotFound)?;
        let start = after.map(|sk| Key { pk: partition.clone(), sk });
        let (items, next) = self.table.partition(&partition, None, start, None).await?;
        let next = match next {
            Some(Key { sk, .. }) => Some(ExportPosition { partition, after: Some(sk) }),
            None => remaining.next().map(ExportPosition::at_start_of),
        };
        Ok((items.into_iter().map(exported).collect::<Result<_, _>>()?, next))
    }
}

/// Returns an item with its kind and without what is left out.
fn exported(item: Item) -> Result<Map<String, Value>, StoreError> {
    let key = Key::of(&item)?;
    // The longest match, because some prefixes begin with others.
    let kind = KINDS.iter().filter(|(prefix, ..)| key.sk.starts_with(prefix)).max_by_key(|kind| kind.0.len());
    let (name, left_out) = match kind {
        Some((_, name, left_out)) => (*name, *left_out),
        // A newer version stored it. What is secret in it is not known.
        None => return Ok(Map::from_iter([("kind".to_owned(), Value::from("unknown"))])),
    };
    let attributes: BTreeMap<_, _> =
        item.into_iter().filter(|(name, _)| !left_out.contains(&name.as_str())).collect();
    let mut exported = Map::from_iter([("kind".to_owned(), Value::from(name))]);
    for (name, attribute) in attributes {
        if let Some(attribute) = without_digests(attribute) {
            let value: BTreeMap<String, Value> = to_entity(Item::from([(name, attribute)]))?;
            exported.extend(value);
        }
    }
    Ok(exported)
}

/// Returns an attribute without the digests and password hashes in it, or `None` if it is one.
fn without_digests(attribute: AttributeValue) -> Option<AttributeValue> {
    match attribute {
        AttributeValue::M(map) if map.contains_key(PEPPER) => None,
        AttributeValue::M(map) => {
            let rest = map.into_iter().filter_map(|(name, value)| Some((name, without_digests(value)?)));
            Some(AttributeValue::M(rest.collect()))
        }
        AttributeValue::L(list) => {
            Some(AttributeValue::L(list.into_iter().filter_map(without_digests).collect()))
        }
        AttributeValue::B(_) | AttributeValue::Bs(_) => None,
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::dynamodb::attributes::to_item;

    fn item(sk: &str, attributes: Value) -> Item {
        to_item(Key { pk: "ACCOUNT#1".to_owned(), sk: sk.to_owned() }, attributes).unwrap()
    }

    #[test]
    fn digests_and_hashes_are_left_out_at_any_depth() {
        let digest = json!({"pepper": "1", "mac": "m"});
        let attributes = json!({
            "id": "key_1",
            "password": {"pepper": "1", "phc": "p"},
            "state": {"status": "active", "current": digest, "previous": {"digest": digest, "ends_at": "e"}},
            "digests": {"1": digest},
            "list": [digest, 1, null, true],
        });
        let expected = json!({
            "kind": "api_key", "pk": "ACCOUNT#1", "sk": "KEY#key_1", "id": "key_1",
            "state": {"status": "active", "previous": {"ends_at": "e"}}, "digests": {}, "list": [1, null, true],
        });
        assert_eq!(Value::from(exported(item("KEY#key_1", attributes)).unwrap()), expected);
    }

    #[test]
    fn kind_is_that_of_the_longest_beginning() {
        for (sk, kind) in [
            ("KEY_COUNT#live", "api_key_count"),
            ("KEY_EXPIRY#key_1#7", "key_expiry_reminder"),
            ("MEMBER_KEY#key_1", "api_key_of_member"),
            ("MEMBER#user_1", "member"),
            ("MAILED_INVITATIONS#473352", "mailed_invitations"),
            ("ACCOUNT", "account"),
        ] {
            assert_eq!(exported(item(sk, json!({}))).unwrap()["kind"], kind, "{sk}");
        }
    }

    #[test]
    fn item_of_an_unknown_kind_shows_nothing() {
        let exported = exported(item("NEW#1", json!({"secret": "s"}))).unwrap();
        assert_eq!(Value::from(exported), json!({"kind": "unknown"}));
    }

    #[test]
    fn position_parses_back_from_its_text() {
        for text in ["ACCOUNT#1#AUDIT", "ACCOUNT#1 INVITED#ada@example.com"] {
            assert_eq!(text.parse::<ExportPosition>().unwrap().to_string(), text);
        }
        for invalid in ["", " KEY", "ACCOUNT#1 "] {
            assert!(invalid.parse::<ExportPosition>().is_err(), "{invalid}");
        }
    }
}
