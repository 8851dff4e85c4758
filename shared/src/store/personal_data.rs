//! The email and IP addresses that audit events show. They are stored apart from the events, so that they can be erased while the
//! events stay: the address of each member once, and the IP address of each event. `DynamoDB` deletes an IP address some time after its
//! period of retention.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::{
    model::{
        audit_event::{AuditContext, AuditEvent, EventSource},
        member::Member,
    },
    primitives::{
        email::EmailAddress,
        id::{AccountId, UserId},
        timestamp::Timestamp,
    },
    store::{
        Store,
        dynamodb::{
            attributes::{to_entity, to_item},
            item::BatchItem,
            key::Key,
            write::Write,
        },
        error::StoreError,
        keys::audit_partition,
    },
};

/// The maximum number of keys of a batch
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>).
const MAX_BATCH: usize = 100;

/// The address of a member or of a former one.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredAddress {
    user_id: UserId,
    /// `None` if it was erased.
    email: Option<EmailAddress>,
    /// When the member was removed. The previous version does not state it. Then it is when the address was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    removed_at: Option<Timestamp>,
    /// The sort key of the last event from which the member's addresses were erased by a run that had no time for the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erased_until: Option<String>,
}

impl StoredAddress {
    /// Returns true if the address was erased.
    pub fn is_forgotten(&self) -> bool {
        self.email.is_none()
    }

    /// Returns the key of the event after which the erasure of addresses from events continues.
    pub fn erased_until(&self, account: AccountId) -> Option<Key> {
        self.erased_until.clone().map(|sk| Key { pk: audit_partition(account), sk })
    }

    /// Returns true if the member was removed at `time` or before.
    pub fn was_removed_before(&self, time: Timestamp) -> bool {
        self.removed_at.is_some_and(|removed_at| removed_at <= time)
    }

    /// Returns the write that erases the address at `now`. The item remains, because it shows that there was such a member.
    pub fn forgotten_write(&self, account: AccountId, now: Timestamp) -> Result<Write, StoreError> {
        let removed_at = Some(self.removed_at.unwrap_or(now));
        let forgotten = Self { email: None, removed_at, erased_until: None, ..*self };
        Ok(Write::put(to_item(Key::member_address(account, self.user_id), forgotten)?))
    }
}

/// Returns the write that records from which events of the account a member's addresses were erased.
pub(super) fn progress_write(account: AccountId, user: UserId, last: &Key) -> Result<Write, StoreError> {
    Write::update(Key::member_address(account, user), "SET #erased_until = :last")
        .if_exists()
        .name("#erased_until", "erased_until")
        .value(":last", &last.sk)
}

/// The IP address of an event.
#[derive(Serialize, Deserialize)]
struct StoredSource {
    source_ip: String,
    /// When it is deleted, in seconds since 1970.
    ttl: i64,
}

impl Store {
    /// Adds the addresses that are stored apart from `events` to them, unless they have been erased or have expired.
    pub(super) async fn add_addresses(
        &self,
        account: AccountId,
        events: &mut [AuditEvent],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut keys = BTreeMap::new();
        for event in &mut *events {
            let address = match event.action.address_mut() {
                Some((user, None)) => Some(Key::member_address(account, user)),
                _ => None,
            };
            keys.extend(
                source_key(account, event).into_iter().chain(address).map(|key| (key.sk.clone(), key)),
            );
        }
        let keys: Vec<_> = keys.into_values().collect();
        let mut items = HashMap::new();
        for batch in keys.chunks(MAX_BATCH) {
            for item in self.table.batch_get(batch).await? {
                items.insert(sort_key(&item)?, item);
            }
        }
        for event in events {
            if let Some(Key { sk, .. }) = source_key(account, event)
                && let Some(item) = items.remove(&sk)
            {
                let StoredSource { source_ip, ttl } = to_entity(item)?;
                event.source_ip = (ttl > now.unix_seconds()).then_some(source_ip);
            }
            if let Some((user, email @ None)) = event.action.address_mut()
                && let Some(item) = items.get(&Key::member_address(account, user).sk)
            {
                *email = to_entity::<StoredAddress>(item.clone())?.email;
            }
        }
        Ok(())
    }
}

/// Returns the key of the IP address of `event`, if one is stored apart from it.
fn source_key(account: AccountId, event: &AuditEvent) -> Option<Key> {
    event.source_ip.is_none().then(|| Key::event_source(account, event.person(), event.id))
}

fn sort_key(item: &BatchItem) -> Result<String, StoreError> {
    match item.get("sk") {
        Some(serde_dynamo::AttributeValue::S(sk)) => Ok(sk.clone()),
        _ => Err(StoreError::malformed("an item has no primary key")),
    }
}

/// Returns the write that stores the IP address of `event`, if it is known. It is deleted at `end` at the latest.
pub(super) fn source_write(
    account: AccountId,
    event: &AuditEvent,
    audit_context: &AuditContext,
    end: Option<Timestamp>,
) -> Result<Option<Write>, StoreError> {
    let Some(EventSource { ip_address, expires_at }) = audit_context.source() else { return Ok(None) };
    let ttl = end.map_or(*expires_at, |end| end.min(*expires_at)).unix_seconds();
    let stored = StoredSource { source_ip: ip_address.clone(), ttl };
    Ok(Some(Write::put(to_item(Key::event_source(account, event.person(), event.id), stored)?)))
}

/// Returns the write that stores the address of `member` for the events that show it. `removed_at` is when the member was removed, if
/// they were.
pub(super) fn address_write(member: &Member, removed_at: Option<Timestamp>) -> Result<Write, StoreError> {
    let stored = StoredAddress {
        user_id: member.id,
        email: Some(member.email.clone()),
        removed_at,
        erased_until: None,
    };
    Ok(Write::put(to_item(Key::member_address(member.account_id, member.id), stored)?))
}
