//! The conversion between Rust types and `DynamoDB` attributes.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};
use serde_dynamo::{aws_sdk_dynamodb_1, from_attribute_value, from_item};

use crate::{
    primitives::timestamp::Timestamp,
    store::{
        dynamodb::{
            item::{BatchItem, Item},
            key::Key,
        },
        error::StoreError,
    },
};

/// Converts `entity` to an item with this primary key.
pub(crate) fn to_item(key: Key, entity: impl Serialize) -> Result<Item, StoreError> {
    let mut item: Item = aws_sdk_dynamodb_1::to_item(entity).map_err(StoreError::bug)?;
    item.extend(key.into_attributes());
    Ok(item)
}

/// Adds the attribute that makes `DynamoDB` delete an item some time after `end`, if there is an end.
pub(crate) fn with_ttl(mut item: Item, end: impl Into<Option<Timestamp>>) -> Result<Item, StoreError> {
    if let Some(end) = end.into() {
        item.insert("ttl".to_owned(), attribute(end.unix_seconds())?);
    }
    Ok(item)
}

/// Converts `value` to an attribute.
pub(crate) fn attribute(value: impl Serialize) -> Result<AttributeValue, StoreError> {
    aws_sdk_dynamodb_1::to_attribute_value(value).map_err(StoreError::bug)
}

/// Converts an item to an entity.
pub(crate) fn to_entity<T: DeserializeOwned>(item: impl Into<BatchItem>) -> Result<T, StoreError> {
    from_item(item).map_err(StoreError::malformed)
}

/// Converts an attribute to a value.
pub(crate) fn value<T: DeserializeOwned>(attribute: serde_dynamo::AttributeValue) -> Result<T, StoreError> {
    from_attribute_value(attribute).map_err(StoreError::malformed)
}
