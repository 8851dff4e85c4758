//! Our types as `DynamoDB`'s attributes, and back.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};
use serde_dynamo::{
    aws_sdk_dynamodb_1::{to_attribute_value, to_item},
    from_attribute_value, from_item,
};

use super::{failure::StoreError, keys::Key};

/// An item as the SDK has it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// An item as it was read together with others.
pub(super) type Found = serde_dynamo::Item;

/// The item that holds `thing` at `key`.
pub(super) fn item(key: Key, thing: impl Serialize) -> Result<Item, StoreError> {
    let mut item: Item = to_item(thing).map_err(StoreError::bug)?;
    item.extend(key.into_attributes());
    Ok(item)
}

/// `value` as an attribute.
pub(super) fn attribute(value: impl Serialize) -> Result<AttributeValue, StoreError> {
    to_attribute_value(value).map_err(StoreError::bug)
}

/// What `item` holds.
pub(super) fn thing<T: DeserializeOwned>(item: impl Into<Found>) -> Result<T, StoreError> {
    from_item(item).map_err(StoreError::malformed)
}

/// What `attribute` holds.
pub(super) fn value<T: DeserializeOwned>(attribute: serde_dynamo::AttributeValue) -> Result<T, StoreError> {
    from_attribute_value(attribute).map_err(StoreError::malformed)
}
