//! Access to `DynamoDB`: keys, items, reads and writes. This module does not depend on any entity.

pub(super) mod attributes;
mod direct_batch_get;
pub(super) mod item;
pub(super) mod key;
mod read;
pub(super) mod retry;
pub(super) mod write;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;

use self::direct_batch_get::DirectBatchGet;
pub use self::direct_batch_get::DynamoDb;

pub(super) struct Table {
    client: Client,
    direct_batch_get: Arc<DirectBatchGet>,
    name: String,
}

impl Table {
    pub fn new(dynamodb: DynamoDb, name: String) -> Self {
        let DynamoDb { client, direct_batch_get } = dynamodb;
        Self { client, direct_batch_get, name }
    }
}
