//! The audit trail in the table. An event is put in the same transaction as the change that it tells of.

use crate::{
    model::audit_event::{Action, Actor, AuditContext, AuditEvent},
    primitives::{
        id::AccountId,
        pagination::{Page, Paging},
    },
    store::{
        Store,
        dynamodb::{
            attributes::{attribute, to_item},
            key::Key,
            write::Write,
        },
        error::StoreError,
        keys::{self, audit_partition},
    },
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
    ) -> Result<Page<AuditEvent>, StoreError> {
        self.table.newest(audit_partition(account), keys::AUDIT_EVENTS, paging, keep).await
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
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        self.table.write(refusal(account, actor, action, audit_context)?).await.map(drop)
    }

    /// Writes where nobody reads. A refusal takes as long where there is no account in whose trail it could
    /// stand.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn record_nothing(&self) -> Result<(), StoreError> {
        self.table.write(Write::put(Key::unread().into_attributes())).await.map(drop)
    }
}

/// The write that leaves in the trail of `account` that `actor` was refused something.
pub(super) fn refusal(
    account: AccountId,
    actor: Option<Actor>,
    action: Action,
    audit_context: &AuditContext,
) -> Result<Write, StoreError> {
    let event = AuditEvent::new(actor, action, audit_context);
    let mut item = to_item(Key::audit_event(account, event.id), event)?;
    let end = audit_context.at.plus_seconds(REFUSAL_LIFETIME);
    item.insert("ttl".to_owned(), attribute(end.unix_seconds())?);
    Ok(Write::put(item))
}

/// The write that leaves in the trail of `account` what `actor` did.
pub(super) fn record(
    account: AccountId,
    actor: Actor,
    action: Action,
    audit_context: &AuditContext,
) -> Result<Write, StoreError> {
    let event = AuditEvent::new(Some(actor), action, audit_context);
    Ok(Write::put_new(to_item(Key::audit_event(account, event.id), event)?, StoreError::id_taken))
}
