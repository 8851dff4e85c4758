//! Items, as the SDK and as a direct `BatchGetItem` represent them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// An item as the SDK represents it.
pub(in crate::store) type Item = HashMap<String, AttributeValue>;

/// An item as a `BatchGetItem` returned it, by way of the SDK or directly.
pub(in crate::store) type BatchItem = serde_dynamo::Item;
