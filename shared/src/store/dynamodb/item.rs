//! The types of items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// An item as the SDK represents it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// An item that a `BatchGetItem` returned, through the SDK or directly.
pub(crate) type BatchItem = serde_dynamo::Item;
