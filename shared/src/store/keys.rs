//! The primary key of each entity. Only this module decides what primary keys look like.

use std::fmt;

use crate::{
    idempotency::IdempotencyKey,
    primitives::{
        challenge::Challenge,
        email::EmailAddress,
        environment::Environment,
        id::{AccountId, EventId, KeyId, PasskeyId, SessionId, UserId},
        project_id::ProjectId,
        timestamp::Timestamp,
        usage::Day,
    },
    rate_limit::login_throttle::Attempt,
    store::dynamodb::key::{ItemKind, Key},
};

pub(super) const API_KEYS: ItemKind = ItemKind { sort_key_prefix: "KEY#" };
pub(super) const MEMBERS: ItemKind = ItemKind { sort_key_prefix: "MEMBER#" };
pub(super) const SESSIONS: ItemKind = ItemKind { sort_key_prefix: "SESSION#" };
pub(super) const PASSKEYS: ItemKind = ItemKind { sort_key_prefix: "PASSKEY#" };
pub(super) const PROJECTS: ItemKind = ItemKind { sort_key_prefix: "PROJECT#" };
pub(super) const MEMBER_KEYS: ItemKind = ItemKind { sort_key_prefix: "MEMBER_KEY#" };
pub(super) const AUDIT_EVENTS: ItemKind = ItemKind { sort_key_prefix: "EVENT#" };

pub(super) const ADDRESSES: ItemKind = ItemKind { sort_key_prefix: "ADDRESS#" };

// The sort keys of items of which a partition has one at most.
pub(super) const ACCOUNT: &str = "ACCOUNT";
pub(super) const LOGIN_TOKEN: &str = "LOGIN_TOKEN";
pub(super) const PASSWORD_RESETS: &str = "PASSWORD_RESETS";
pub(super) const RECOVERY_CODES: &str = "RECOVERY_CODES";
pub(super) const TOMBSTONE: &str = "TOMBSTONE";

// Prefixes of the sort keys of items that no list contains.
pub(super) const CHALLENGES: &str = "CHALLENGE#";
pub(super) const EVENT_SOURCES: &str = "SOURCE#";
pub(super) const INVITED_ADDRESSES: &str = "INVITED#";
pub(super) const MAILED_INVITATIONS: &str = "MAILED_INVITATIONS#";
pub(super) const KEY_COUNTS: &str = "KEY_COUNT#";
// The event source mapping in the template selects the items by the same text.
pub(super) const KEY_EXPIRY_REMINDERS: &str = "KEY_EXPIRY#";
pub(super) const REQUESTS: &str = "REQUEST#";
pub(super) const USAGE: &str = "USAGE#";

pub(super) const EMAIL_PARTITION_PREFIX: &str = "EMAIL#";

impl Key {
    pub fn account(account: AccountId) -> Self {
        Self { pk: account_partition(account), sk: ACCOUNT.to_owned() }
    }

    pub fn api_key(account: AccountId, key: KeyId) -> Self {
        API_KEYS.key(account_partition(account), key)
    }

    /// Returns the key of the number of unrevoked API keys of an account in one epoch.
    pub fn key_count(account: AccountId, environment: Environment, epoch: u32) -> Self {
        // Earlier versions know only the first epoch.
        let epoch = if epoch == 0 { String::new() } else { format!("#{epoch}") };
        let sk = format!("{KEY_COUNTS}{}{epoch}", environment.as_str());
        Self { pk: account_partition(account), sk }
    }

    /// Returns the key of the reminder that is due so many days before the expiry of an API key.
    pub fn key_expiry_reminder(account: AccountId, key: KeyId, days: u32) -> Self {
        Self { pk: account_partition(account), sk: format!("{KEY_EXPIRY_REMINDERS}{key}#{days}") }
    }

    pub fn member(account: AccountId, user: UserId) -> Self {
        MEMBERS.key(account_partition(account), user)
    }

    /// Returns the key of the item that reserves an address within an account for a member who has not accepted an invitation.
    pub fn invited_address(account: AccountId, address: &EmailAddress) -> Self {
        Self { pk: account_partition(account), sk: format!("{INVITED_ADDRESSES}{}", address.as_str()) }
    }

    /// Returns the key of the number of invitations of the account that are mailed in this hour of the clock, counted since 1970.
    pub fn mailed_invitations(account: AccountId, hour: i64) -> Self {
        Self { pk: account_partition(account), sk: format!("{MAILED_INVITATIONS}{hour}") }
    }

    pub fn email(address: &EmailAddress) -> Self {
        Self { pk: format!("{EMAIL_PARTITION_PREFIX}{}", address.as_str()), sk: "EMAIL".to_owned() }
    }

    /// Returns a key without an item. Reading it takes as long as reading an existing item.
    pub fn decoy() -> Self {
        Self { pk: "NOTHING".to_owned(), sk: "NOTHING".to_owned() }
    }

    /// Returns a second key without an item, because a batch must not contain the same key twice.
    pub fn second_decoy() -> Self {
        Self { pk: "NOTHING".to_owned(), sk: "NOTHING ELSE".to_owned() }
    }

    /// Returns the keys of two items that are never read. They are written instead of an audit event and its IP address if there is no
    /// account, so that the request takes the same time. Each event has keys of its own, because concurrent transactions of the
    /// same item conflict.
    pub fn decoy_event(event: EventId) -> [Self; 2] {
        ["EVENT", "SOURCE"].map(|sk| Self { pk: format!("NOTHING#{event}"), sk: sk.to_owned() })
    }

    /// Returns the key of the history of login attempts with the address of `attempt`.
    pub fn attempt_history(attempt: &Attempt) -> Self {
        Self { pk: attempts_partition(&attempt.address), sk: "HISTORY".to_owned() }
    }

    /// Returns the key of an item that is never read. It is written instead of the member's failures if the address is
    /// unknown, so that the request takes the same time.
    pub fn decoy_member(attempt: &Attempt) -> Self {
        Self { pk: attempts_partition(&attempt.address), sk: "NOBODY".to_owned() }
    }

    /// Returns the key of the attempts from the source of `attempt`, in the same hour of the clock, that failed or are in
    /// progress.
    ///
    /// All logins from a source write this item. It must not be part of a transaction, because these would conflict.
    pub fn source_hour(attempt: &Attempt) -> Self {
        Self { pk: attempts_partition(&attempt.source), sk: format!("HOUR#{}", attempt.hour()) }
    }

    /// Returns the key of the requests for password resets from the source of `attempt`, in the same hour of the clock.
    pub fn reset_hour(attempt: &Attempt) -> Self {
        Self { pk: attempts_partition(&attempt.source), sk: format!("RESETS#{}", attempt.hour()) }
    }

    /// Returns the key of an item that is never read. It is written instead of the source's hour if the address recognizes the
    /// source, so that the request takes the same time.
    pub fn decoy_source_hour(attempt: &Attempt) -> Self {
        Self { pk: attempts_partition(&attempt.source), sk: "RECOGNIZED".to_owned() }
    }

    pub fn session(account: AccountId, user: UserId, session: SessionId) -> Self {
        SESSIONS.key(member_partition(account, user), session)
    }

    pub fn passkey(account: AccountId, user: UserId, passkey: PasskeyId) -> Self {
        PASSKEYS.key(member_partition(account, user), passkey)
    }

    pub fn recovery_codes(account: AccountId, user: UserId) -> Self {
        Self { pk: member_partition(account, user), sk: RECOVERY_CODES.to_owned() }
    }

    pub fn login_token(account: AccountId, user: UserId) -> Self {
        Self { pk: member_partition(account, user), sk: LOGIN_TOKEN.to_owned() }
    }

    /// Returns the key of a challenge. Only a login has no `member`.
    pub fn challenge(challenge: &Challenge, member: Option<(AccountId, UserId)>) -> Self {
        match member {
            Some((account, user)) => {
                Self { pk: member_partition(account, user), sk: format!("{CHALLENGES}{challenge}") }
            }
            None => Self { pk: format!("CHALLENGE#{challenge}"), sk: "CHALLENGE".to_owned() },
        }
    }

    /// Returns the key of the entry that says that the API key `key` originates from the member `user`.
    pub fn member_key(account: AccountId, user: UserId, key: KeyId) -> Self {
        MEMBER_KEYS.key(member_partition(account, user), key)
    }

    /// Returns the key of what remains of an account that was erased.
    pub fn tombstone(account: AccountId) -> Self {
        Self { pk: account_partition(account), sk: TOMBSTONE.to_owned() }
    }

    /// Returns the key of the tokens with which a member resets their password. One item contains all of them, so that one write
    /// ends them.
    pub fn password_resets(account: AccountId, user: UserId) -> Self {
        Self { pk: member_partition(account, user), sk: PASSWORD_RESETS.to_owned() }
    }

    pub fn project(account: AccountId, environment: Environment, project: &ProjectId) -> Self {
        PROJECTS.key(project_partition(account, environment), project)
    }

    pub fn audit_event(account: AccountId, event: EventId) -> Self {
        AUDIT_EVENTS.key(audit_partition(account), event)
    }

    /// Returns the key of the address of a member or a former one.
    pub fn member_address(account: AccountId, user: UserId) -> Self {
        ADDRESSES.key(personal_data_partition(account), user)
    }

    /// Returns the key of the IP address of an event. Those of the same `person` sort next to each other.
    pub fn event_source(account: AccountId, person: Option<UserId>, event: EventId) -> Self {
        let prefix = event_source_prefix(person);
        Self { pk: personal_data_partition(account), sk: format!("{prefix}{event}") }
    }

    /// Returns the key of the usage of an API key on one day. Dates sort in chronological order.
    pub fn day_usage(account: AccountId, key: KeyId, day: Day) -> Self {
        Self { pk: usage_partition(account), sk: format!("{USAGE}{key}#{day}") }
    }

    pub fn idempotency_record(key: &IdempotencyKey) -> Self {
        let IdempotencyKey { account_id, caller, digest } = key;
        Self { pk: caller_partition(*account_id, caller), sk: format!("{REQUESTS}{digest}") }
    }
}

pub(super) fn account_partition(account: AccountId) -> String {
    format!("ACCOUNT#{account}")
}

/// The partition of a member's sessions, passkeys, recovery codes, password resets, login token and challenges, and of the entries of
/// the API keys that originate from the member.
pub(super) fn member_partition(account: AccountId, user: UserId) -> String {
    format!("ACCOUNT#{account}#USER#{user}")
}

/// Live and test data are in different partitions, so a request of one environment cannot reach data of the other.
pub(super) fn project_partition(account: AccountId, environment: Environment) -> String {
    format!("ACCOUNT#{account}#{}", environment.as_str())
}

pub(super) fn usage_partition(account: AccountId) -> String {
    format!("ACCOUNT#{account}#USAGE")
}

/// The partition of the idempotency records of a member or a key.
pub(super) fn caller_partition(account: AccountId, caller: impl fmt::Display) -> String {
    format!("ACCOUNT#{account}#CALLER#{caller}")
}

/// The partition of the email and IP addresses that audit events show.
pub(super) fn personal_data_partition(account: AccountId) -> String {
    format!("ACCOUNT#{account}#PERSONAL")
}

/// Returns what the sort keys of the IP addresses of a person's events begin with.
pub(super) fn event_source_prefix(person: Option<UserId>) -> String {
    person.map_or_else(|| format!("{EVENT_SOURCES}-#"), |user| format!("{EVENT_SOURCES}{user}#"))
}

fn attempts_partition(pseudonym: &str) -> String {
    format!("ATTEMPTS#{pseudonym}")
}

pub(super) fn audit_partition(account: AccountId) -> String {
    format!("ACCOUNT#{account}#AUDIT")
}

/// Returns the first and the last sort key that an audit event from `since` on and before `until` can have.
pub(super) fn audit_event_range(since: Option<Timestamp>, until: Option<Timestamp>) -> (String, String) {
    let prefix = AUDIT_EVENTS.sort_key_prefix;
    let first =
        since.map_or_else(|| prefix.to_owned(), |time| format!("{prefix}{}", EventId::first_at(time)));
    // `~` sorts after all characters of ids.
    let last =
        until.map_or_else(|| format!("{prefix}~"), |time| format!("{prefix}{}", EventId::first_at(time)));
    (first, last)
}
