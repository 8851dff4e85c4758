//! Our types as `DynamoDB`'s attributes, and back.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_attribute_value, to_item};

use super::{failure::StoreError, keys::Key};

/// An item as the SDK has it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The item that holds `thing` at `key`.
pub(super) fn item(key: Key, thing: impl Serialize) -> Result<Item, StoreError> {
    let mut item: Item = to_item(thing).map_err(StoreError::malformed)?;
    item.extend(key.into_attributes());
    Ok(item)
}

/// One value, for an expression.
pub(super) fn value(thing: impl Serialize) -> Result<AttributeValue, StoreError> {
    to_attribute_value(thing).map_err(StoreError::malformed)
}

/// What `item` holds.
pub(super) fn thing<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    from_item(item).map_err(StoreError::malformed)
}
