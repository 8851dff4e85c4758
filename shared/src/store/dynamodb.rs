//! Access to `DynamoDB`: keys, items, reads and writes. This module does not depend on any entity.

pub(super) mod attributes;
mod direct_batch_get;
pub(super) mod item;
pub(super) mod key;
pub(super) mod read;
pub(super) mod retry;
mod signer;
pub(super) mod write;

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::{Client, config::retry::RetryConfig};

use self::{
    direct_batch_get::DirectBatchGet,
    retry::{Jitter, Retries},
};
pub use self::{direct_batch_get::DynamoDb, retry::with_retry_limit};
use crate::primitives::random::Random;

pub(super) struct Table {
    client: Client,
    /// Shares the connections and credentials of `client`.
    client_without_retries: Client,
    direct_batch_get: Arc<DirectBatchGet>,
    name: String,
    jitter: Jitter,
}

impl Table {
    pub fn new(dynamodb: DynamoDb, name: String, random: &Random) -> Self {
        let DynamoDb { client, direct_batch_get } = dynamodb;
        let config = client.config().to_builder().retry_config(RetryConfig::disabled()).build();
        let client_without_retries = Client::from_conf(config);
        Self { client, client_without_retries, direct_batch_get, name, jitter: Jitter::new(random) }
    }

    /// Starts an operation whose retries end with those of the invocation.
    pub fn retries(&self) -> Retries<'_> {
        Retries::new(&self.jitter)
    }

    /// Starts an operation whose retries end after `limit`.
    pub fn retries_within(&self, limit: Duration) -> Retries<'_> {
        Retries::within(&self.jitter, limit)
    }
}
