//! Primary keys, and the only code that makes them.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, Serializer};

use super::{attributes::Item, failure::StoreError};
use crate::{
    email::EmailAddress,
    environment::Environment,
    id::{AccountId, EventId, KeyId, SessionId, UserId},
    idempotency::Place,
    project::ProjectId,
    throttling::Attempt,
};

/// The primary key of an item.
#[derive(Clone, Serialize)]
pub(super) struct Key {
    #[serde(serialize_with = "as_attribute")]
    pub pk: String,
    #[serde(serialize_with = "as_attribute")]
    pub sk: String,
}

/// As `DynamoDB` has text.
fn as_attribute<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map([("S", text)])
}

/// The begin of the sort keys of one kind of item in a partition.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    ApiKey,
    Member,
    Session,
    Project,
    AuditEvent,
}

impl Kind {
    pub fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "KEY#",
            Self::Member => "MEMBER#",
            Self::Session => "SESSION#",
            Self::Project => "PROJECT#",
            Self::AuditEvent => "EVENT#",
        }
    }

    /// The id of the thing of this kind that `item` holds.
    pub fn id(self, item: &Item) -> Result<String, StoreError> {
        let sk = item.get("sk").and_then(|sk| sk.as_s().ok());
        let id = sk.and_then(|sk| sk.strip_prefix(self.prefix()));
        id.map(str::to_owned).ok_or_else(|| StoreError::malformed("an item of a list has a foreign sort key"))
    }

    /// The key of the item of this kind with `id`, in the partition `pk`.
    pub fn key(self, pk: String, id: impl fmt::Display) -> Key {
        Key { pk, sk: format!("{}{id}", self.prefix()) }
    }
}

impl Key {
    pub fn account(account: AccountId) -> Self {
        Self { pk: account_partition(account), sk: "ACCOUNT".to_owned() }
    }

    pub fn api_key(account: AccountId, key: KeyId) -> Self {
        Kind::ApiKey.key(account_partition(account), key)
    }

    pub fn member(account: AccountId, user: UserId) -> Self {
        Kind::Member.key(account_partition(account), user)
    }

    pub fn email(address: &EmailAddress) -> Self {
        Self { pk: format!("EMAIL#{}", address.as_str()), sk: "EMAIL".to_owned() }
    }

    /// A key at which nothing is: for a read that finds nothing and takes as long as one that does.
    pub fn nothing() -> Self {
        Self { pk: "NOTHING".to_owned(), sk: "NOTHING".to_owned() }
    }

    /// Another one, since a batch may not name one key twice.
    pub fn nothing_else() -> Self {
        Self { pk: "NOTHING".to_owned(), sk: "NOTHING ELSE".to_owned() }
    }

    /// A key at which something may be that nobody reads: for a write that only takes its time.
    pub fn unread() -> Self {
        Self { pk: "NOTHING".to_owned(), sk: "UNREAD".to_owned() }
    }

    /// What is remembered of the attempts with the address of `attempt`.
    pub fn history(attempt: &Attempt) -> Self {
        Self { pk: attempts_partition(&attempt.address), sk: "HISTORY".to_owned() }
    }

    /// A key at which something may be that nobody reads, for a write where the address is nobody's.
    pub fn nobody(attempt: &Attempt) -> Self {
        Self { pk: attempts_partition(&attempt.address), sk: "NOBODY".to_owned() }
    }

    /// How often somebody from the source of `attempt` has failed in its hour.
    pub fn source_hour(attempt: &Attempt) -> Self {
        Self { pk: attempts_partition(&attempt.source), sk: format!("HOUR#{}", attempt.hour()) }
    }

    pub fn session(account: AccountId, user: UserId, session: SessionId) -> Self {
        Kind::Session.key(session_partition(account, user), session)
    }

    pub fn project(account: AccountId, environment: Environment, project: &ProjectId) -> Self {
        Kind::Project.key(project_partition(account, environment), project)
    }

    pub fn audit_event(account: AccountId, event: EventId) -> Self {
        Kind::AuditEvent.key(audit_partition(account), event)
    }

    pub fn kept_answer(place: &Place) -> Self {
        let Place { account_id, caller, key } = place;
        Self { pk: format!("ACCOUNT#{account_id}#CALLER#{caller}"), sk: format!("REQUEST#{key}") }
    }

    pub fn into_attributes(self) -> Item {
        Item::from([
            ("pk".to_owned(), AttributeValue::S(self.pk)),
            ("sk".to_owned(), AttributeValue::S(self.sk)),
        ])
    }
}

pub(super) fn account_partition(account: AccountId) -> String {
    format!("ACCOUNT#{account}")
}

pub(super) fn session_partition(account: AccountId, user: UserId) -> String {
    format!("ACCOUNT#{account}#USER#{user}")
}

/// Live and test data lie in partitions of their own: a request of one environment can't name the other's.
pub(super) fn project_partition(account: AccountId, environment: Environment) -> String {
    format!("ACCOUNT#{account}#{}", environment.as_str())
}

fn attempts_partition(pseudonym: &str) -> String {
    format!("ATTEMPTS#{pseudonym}")
}

pub(super) fn audit_partition(account: AccountId) -> String {
    format!("ACCOUNT#{account}#AUDIT")
}
