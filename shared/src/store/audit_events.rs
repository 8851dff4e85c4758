//! The audit trail in the table. An event is put in the same transaction as the change that it tells of.

use super::{
    Store,
    attributes::{attribute, item},
    failure::StoreError,
    keys::{Key, Kind, audit_partition},
    write::Write,
};
use crate::{
    audit::{Action, Actor, AuditEvent, Occasion},
    cursor::{Paging, Slice},
    id::AccountId,
};

/// How long a refusal stays in the trail, in seconds: 90 days. Anybody can cause one, so they may not pile up
/// for ever; all else stays.
const REFUSAL_LIFETIME: u32 = 90 * 24 * 60 * 60;

impl Store {
    /// The account's events that pass `keep`, newest first.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn audit_events(
        &self,
        account: AccountId,
        paging: &Paging,
        keep: impl Fn(&AuditEvent) -> bool,
    ) -> Result<Slice<AuditEvent>, StoreError> {
        self.newest(audit_partition(account), Kind::AuditEvent, paging, keep).await
    }

    /// Leaves in the trail of `account` that `actor` was refused something.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn record_refusal(
        &self,
        account: AccountId,
        actor: Option<Actor>,
        action: Action,
        occasion: &Occasion,
    ) -> Result<(), StoreError> {
        self.write(refusal(account, actor, action, occasion)?).await.map(drop)
    }

    /// Writes where nobody reads. A refusal takes as long where there is no account in whose trail it could
    /// stand.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn record_nothing(&self) -> Result<(), StoreError> {
        self.write(Write::put(Key::unread().into_attributes())).await.map(drop)
    }
}

/// The write that leaves in the trail of `account` that `actor` was refused something.
pub(super) fn refusal(
    account: AccountId,
    actor: Option<Actor>,
    action: Action,
    occasion: &Occasion,
) -> Result<Write, StoreError> {
    let event = AuditEvent::new(actor, action, occasion);
    let mut item = item(Key::audit_event(account, event.id), event)?;
    let end = occasion.at.plus_seconds(REFUSAL_LIFETIME);
    item.insert("ttl".to_owned(), attribute(end.unix_seconds())?);
    Ok(Write::put(item))
}

/// The write that leaves in the trail of `account` what `actor` did.
pub(super) fn record(
    account: AccountId,
    actor: Actor,
    action: Action,
    occasion: &Occasion,
) -> Result<Write, StoreError> {
    let event = AuditEvent::new(Some(actor), action, occasion);
    Ok(Write::put_new(item(Key::audit_event(account, event.id), event)?, StoreError::id_taken))
}
