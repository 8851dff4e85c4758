//! The only code that uses `DynamoDB`. All entities are stored in one table, one item for each.
//!
//! | item | `pk` | `sk` |
//! |---|---|---|
//! | account | `ACCOUNT#{account}` | `ACCOUNT` |
//! | erased account | `ACCOUNT#{account}` | `TOMBSTONE` |
//! | API key | `ACCOUNT#{account}` | `KEY#{key}` |
//! | number of unrevoked API keys of a type | `ACCOUNT#{account}` | `KEY_COUNT#{live or test}`, with `#{epoch}` after the first epoch |
//! | entry of an unrevoked API key | `ACCOUNT#{account}#USER#{originating member}` | `MEMBER_KEY#{key}` |
//! | reminder of the expiry of an API key | `ACCOUNT#{account}` | `KEY_EXPIRY#{key}#{days before}` |
//! | member | `ACCOUNT#{account}` | `MEMBER#{user}` |
//! | email address | `EMAIL#{address}` | `EMAIL` |
//! | email address of a member who has not accepted the invitation | `ACCOUNT#{account}` | `INVITED#{address}` |
//! | session | `ACCOUNT#{account}#USER#{user}` | `SESSION#{session}` |
//! | tokens of password resets of a member | `ACCOUNT#{account}#USER#{user}` | `PASSWORD_RESETS` |
//! | passkey | `ACCOUNT#{account}#USER#{user}` | `PASSKEY#{passkey}` |
//! | recovery codes | `ACCOUNT#{account}#USER#{user}` | `RECOVERY_CODES` |
//! | login that waits for the second factor | `ACCOUNT#{account}#USER#{user}` | `LOGIN_TOKEN` |
//! | challenge for a member's authenticator | `ACCOUNT#{account}#USER#{user}` | `CHALLENGE#{challenge}` |
//! | challenge for a login with only a passkey | `CHALLENGE#{challenge}` | `CHALLENGE` |
//! | project | `ACCOUNT#{account}#{live or test}` | `PROJECT#{project}` |
//! | audit event | `ACCOUNT#{account}#AUDIT` | `EVENT#{event}` |
//! | email address of a member or a former one, for events | `ACCOUNT#{account}#PERSONAL` | `ADDRESS#{user}` |
//! | IP address of an audit event | `ACCOUNT#{account}#PERSONAL` | `SOURCE#{user, or -}#{event}` |
//! | usage of an API key on an earlier day | `ACCOUNT#{account}#USAGE` | `USAGE#{key}#{date}` |
//! | login attempts with an address | `ATTEMPTS#{pseudonym of the address}` | `HISTORY` |
//! | decoy for the member with an unknown address | `ATTEMPTS#{pseudonym of the address}` | `NOBODY` |
//! | login attempts from a source that failed or are in progress | `ATTEMPTS#{pseudonym of the source}` | `HOUR#{hours since 1970}` |
//! | requests for password resets from a source | `ATTEMPTS#{pseudonym of the source}` | `RESETS#{hours since 1970}` |
//! | decoy for these attempts | `ATTEMPTS#{pseudonym of the source}` | `RECOGNIZED` |
//! | idempotency record | `ACCOUNT#{account}#CALLER#{key or user}` | `REQUEST#{digest of the idempotency key}` |
//! | decoys for an audit event and its IP address | `NOTHING#{event}` | `EVENT`, `SOURCE` |
//!
//! A login with an unknown address reads and writes decoys, and so does a login from a recognized source. Therefore all failed
//! logins make the same calls, and their duration does not reveal whether the address is known.
//!
//! All reads are strongly consistent, so none uses an index. A change that depends on the current state of an item is one
//! conditional write or one transaction.

mod account_partitions;
mod accounts;
mod api_keys;
mod audit_events;
mod challenges;
mod credential_lookup;
mod credential_scan;
mod dynamodb;
mod erasure;
mod error;
mod export;
mod forgotten_members;
mod idempotency_records;
mod invitations;
mod key_counts;
mod key_expiry_reminders;
mod keys;
mod login_attempts;
mod login_tokens;
mod member_credentials;
mod members;
mod passkeys;
mod password_resets;
mod passwords;
mod personal_data;
mod preconditions;
mod projects;
mod recovery_codes;
mod reported_credentials;
mod sessions;
mod usage;

use self::dynamodb::Table;
pub use self::{
    account_partitions::AccountPartitions,
    credential_scan::{ScanPosition, StoredCredential},
    dynamodb::{DynamoDb, with_retry_limit},
    erasure::Erasure,
    error::StoreError,
    export::ExportPosition,
    key_expiry_reminders::StreamRecord,
    login_attempts::AttemptReservation,
    member_credentials::Credentials,
    passkeys::UsedPasskey,
    password_resets::MemberWithResets,
    recovery_codes::UsedRecoveryCode,
    reported_credentials::CredentialId,
    sessions::SecondFactor,
};
use crate::primitives::random::Random;

/// Reads and writes the entities in the table.
pub struct Store {
    table: Table,
}

impl Store {
    /// Creates a store that uses the table named `table`. `random` is the source of the seed for pauses between retries.
    #[must_use]
    pub fn new(dynamodb: DynamoDb, table: String, random: &Random) -> Self {
        Self { table: Table::new(dynamodb, table, random) }
    }
}
