//! A scan of the whole table for credentials. Only the operator needs it, after the table was restored from a backup.

use std::{fmt, str::FromStr};

use crate::{
    model::{api_key::ApiKey, session::Session},
    primitives::timestamp::Timestamp,
    store::{
        Store,
        dynamodb::{attributes::to_entity, item::Item, key::Key},
        error::StoreError,
        keys::{API_KEYS, EMAIL_PARTITION_PREFIX, SESSIONS},
    },
};

/// A stored credential.
#[derive(Debug)]
pub enum StoredCredential {
    ApiKey(Box<ApiKey>),
    Session(Box<Session>),
}

/// A position in the table, after which a scan continues. Its text contains the primary key of an item.
#[derive(Clone)]
pub struct ScanPosition(Key);

/// The text is not the text of a position.
#[derive(Debug, thiserror::Error)]
#[error("is not a position in the table")]
pub struct InvalidPosition;

impl ScanPosition {
    /// Returns true if the text contains the email address of a member.
    #[must_use]
    pub fn contains_address(&self) -> bool {
        self.0.pk.starts_with(EMAIL_PARTITION_PREFIX)
    }
}

impl fmt::Display for ScanPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.pk, self.0.sk)
    }
}

impl FromStr for ScanPosition {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        match text.split_once(' ') {
            Some((pk, sk)) if !pk.is_empty() && !sk.is_empty() => {
                Ok(Self(Key { pk: pk.to_owned(), sk: sk.to_owned() }))
            }
            _ => Err(InvalidPosition),
        }
    }
}

impl Store {
    /// Reads the next part of the whole table after `after`. Returns the API keys and sessions in it that were created before
    /// `before`, each with its position, and the position of the next part, or `None` at the end of the table.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn credentials_created_before(
        &self,
        before: Timestamp,
        after: Option<ScanPosition>,
    ) -> Result<(Vec<(StoredCredential, ScanPosition)>, Option<ScanPosition>), StoreError> {
        // The texts of times sort in chronological order.
        const FILTER: &str = "created_at < :before AND (begins_with(sk, :key) OR begins_with(sk, :session))";
        let values = [
            (":before", &*before.to_string()),
            (":key", API_KEYS.sort_key_prefix),
            (":session", SESSIONS.sort_key_prefix),
        ];
        let (items, next) = self.table.scan(FILTER, &values, after.map(|ScanPosition(key)| key)).await?;
        let credentials = items.into_iter().map(credential).collect::<Result<_, _>>()?;
        Ok((credentials, next.map(ScanPosition)))
    }
}

fn credential(item: Item) -> Result<(StoredCredential, ScanPosition), StoreError> {
    let position = Key::of(&item)?;
    let credential = if position.sk.starts_with(API_KEYS.sort_key_prefix) {
        StoredCredential::ApiKey(to_entity(item)?)
    } else {
        StoredCredential::Session(to_entity(item)?)
    };
    Ok((credential, ScanPosition(position)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_parses_back_from_its_text() {
        let text = "ACCOUNT#acct_0000000000000001 KEY#key_0000000000000001";
        let position: ScanPosition = text.parse().unwrap();
        assert_eq!(position.to_string(), text);
        assert!(!position.contains_address());
        for invalid in ["", "ACCOUNT", " KEY", "ACCOUNT "] {
            assert!(invalid.parse::<ScanPosition>().is_err(), "{invalid}");
        }
    }

    #[test]
    fn position_at_an_email_item_contains_an_address() {
        let key = Key::email(&"ada@example.com".to_owned().try_into().unwrap());
        assert!(ScanPosition(key).contains_address());
    }
}
