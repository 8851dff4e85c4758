//! The only code that speaks `DynamoDB`: one table, one item a thing.
//!
//! | item | `pk` | `sk` |
//! |---|---|---|
//! | account | `ACCOUNT#{account}` | `ACCOUNT` |
//! | API key | `ACCOUNT#{account}` | `KEY#{key}` |
//! | member | `ACCOUNT#{account}` | `MEMBER#{user}` |
//! | address | `EMAIL#{address}` | `EMAIL` |
//! | session | `ACCOUNT#{account}#USER#{user}` | `SESSION#{session}` |
//! | project | `ACCOUNT#{account}#{live or test}` | `PROJECT#{project}` |
//! | audit event | `ACCOUNT#{account}#AUDIT` | `EVENT#{event}` |
//! | attempts with an address | `ATTEMPTS#{pseudonym of the address}` | `HISTORY` |
//! | attempts with an address that is nobody's | `ATTEMPTS#{pseudonym of the address}` | `NOBODY` |
//! | attempts from a source | `ATTEMPTS#{pseudonym of the source}` | `HOUR#{hours since 1970}` |
//! | kept answer | `ACCOUNT#{account}#CALLER#{key or user}` | `REQUEST#{digest of its idempotency key}` |
//! | what is never read | `NOTHING` | `UNREAD` |
//!
//! Every read that decides is strongly consistent, and so none uses an index. Every change that
//! depends on what is there is one conditional write or one transaction.

mod accounts;
mod api_keys;
mod attributes;
mod audit_events;
mod authorization;
mod caller;
mod credentials;
mod failure;
mod fast_path;
mod kept_answers;
mod keys;
mod login_attempts;
mod members;
mod projects;
mod read;
mod retries;
mod sessions;
mod usage;
mod write;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;

use self::fast_path::FastPath;
pub use self::{credentials::Credentials, failure::StoreError, fast_path::DynamoDb, login_attempts::Claim};

/// The table.
pub struct Store {
    client: Client,
    fast_path: Arc<FastPath>,
    table: String,
}

impl Store {
    /// The table `table` of `dynamodb`.
    #[must_use]
    pub fn new(dynamodb: DynamoDb, table: String) -> Self {
        let DynamoDb { client, fast_path } = dynamodb;
        Self { client, fast_path, table }
    }
}
