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
//! | idempotency record | `ACCOUNT#{account}#CALLER#{key or user}` | `REQUEST#{digest of its idempotency key}` |
//! | what is never read | `NOTHING` | `UNREAD` |
//!
//! Every read that decides is strongly consistent, and so none uses an index. Every change that
//! depends on what is there is one conditional write or one transaction.

mod accounts;
mod api_keys;
mod audit_events;
mod credential_lookup;
mod dynamodb;
mod error;
mod idempotency_records;
mod keys;
mod login_attempts;
mod member_credentials;
mod members;
mod passwords;
mod preconditions;
mod projects;
mod sessions;
mod usage;

use self::dynamodb::Table;
pub use self::{
    dynamodb::DynamoDb, error::StoreError, login_attempts::AttemptReservation,
    member_credentials::Credentials,
};

/// The table, entity by entity.
pub struct Store {
    table: Table,
}

impl Store {
    /// The table called `table`.
    #[must_use]
    pub fn new(dynamodb: DynamoDb, table: String) -> Self {
        Self { table: Table::new(dynamodb, table) }
    }
}
