//! Primary keys, and the only code that makes them.

use std::{collections::HashMap, fmt};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    email::EmailAddress,
    environment::Environment,
    id::{AccountId, KeyId, SessionId, UserId},
    project::ProjectId,
};

/// The primary key of an item.
pub(super) struct Key {
    pub pk: String,
    pub sk: String,
}

/// The begin of the sort keys of one kind of item in a partition.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    ApiKey,
    Member,
    Session,
    Project,
}

impl Kind {
    pub fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "KEY#",
            Self::Member => "MEMBER#",
            Self::Session => "SESSION#",
            Self::Project => "PROJECT#",
        }
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

    /// `None` gives a key at which nothing is.
    pub fn email(address: Option<&EmailAddress>) -> Self {
        let address = address.map(EmailAddress::as_str).unwrap_or_default();
        Self { pk: format!("EMAIL#{address}"), sk: "EMAIL".to_owned() }
    }

    pub fn session(account: AccountId, user: UserId, session: SessionId) -> Self {
        Kind::Session.key(session_partition(account, user), session)
    }

    pub fn project(account: AccountId, environment: Environment, project: &ProjectId) -> Self {
        Kind::Project.key(project_partition(account, environment), project)
    }

    pub fn into_attributes(self) -> HashMap<String, AttributeValue> {
        HashMap::from([
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
