//! Primary keys.

use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, Serializer};

use crate::store::{dynamodb::item::Item, error::StoreError};

/// The primary key of an item.
#[derive(Clone, Serialize)]
pub(crate) struct Key {
    #[serde(serialize_with = "as_attribute")]
    pub pk: String,
    #[serde(serialize_with = "as_attribute")]
    pub sk: String,
}

/// Serializes a string as a string attribute in `DynamoDB`'s JSON format.
fn as_attribute<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map([("S", text)])
}

impl Key {
    /// Returns the primary key of `item`.
    pub fn of(item: &Item) -> Result<Self, StoreError> {
        let text = |name: &str| {
            let value = item.get(name).and_then(|value| value.as_s().ok());
            value.cloned().ok_or_else(|| StoreError::malformed("an item has no primary key"))
        };
        Ok(Self { pk: text("pk")?, sk: text("sk")? })
    }

    pub fn into_attributes(self) -> Item {
        Item::from([
            ("pk".to_owned(), AttributeValue::S(self.pk)),
            ("sk".to_owned(), AttributeValue::S(self.sk)),
        ])
    }
}

/// A kind of item that can be listed. Items of one kind share a partition, and their sort keys consist of a prefix and an id.
#[derive(Clone, Copy)]
pub(crate) struct ItemKind {
    pub sort_key_prefix: &'static str,
}

impl ItemKind {
    /// Extracts the id from the sort key of an item of this kind.
    pub fn id(self, item: &Item) -> Result<String, StoreError> {
        let sk = item.get("sk").and_then(|sk| sk.as_s().ok());
        let id = sk.and_then(|sk| sk.strip_prefix(self.sort_key_prefix));
        id.map(str::to_owned)
            .ok_or_else(|| StoreError::malformed("a listed item has the sort key of another kind"))
    }

    /// Extracts the id from the sort key of an item of this kind, and parses it.
    pub fn parsed_id<T: FromStr>(self, item: &Item) -> Result<T, StoreError> {
        let invalid = |_| StoreError::malformed("an item has an invalid id in its sort key");
        self.id(item)?.parse().map_err(invalid)
    }

    /// Returns the primary key of the item of this kind with `id`, in the partition `pk`.
    pub fn key(self, pk: String, id: impl std::fmt::Display) -> Key {
        Key { pk, sk: format!("{}{id}", self.sort_key_prefix) }
    }
}
