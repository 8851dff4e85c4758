//! Reads and writes of the audit trail. The event of a change is written in the same transaction as the change.

use crate::{
    model::{
        audit_event::{Action, Actor, AuditContext, AuditEvent},
        audit_event_filter::{ActorFilter, AuditEventFilter},
        creator::Creator,
    },
    primitives::{
        id::AccountId,
        pagination::{Page, Paging},
    },
    store::{
        Store,
        dynamodb::{
            attributes::{attribute, to_item},
            key::Key,
            read::Filter,
            write::Write,
        },
        error::StoreError,
        keys::{self, audit_event_range, audit_partition},
    },
};

/// How long the event of a rejected attempt is stored, in seconds: 90 days. Anyone can cause such an event, so the events
/// must not accumulate. All other events are stored permanently.
const REJECTION_LIFETIME: u32 = 90 * 24 * 60 * 60;

impl Store {
    /// Lists the account's audit events that match `filter`, newest first, with one query.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn audit_events(
        &self,
        account: AccountId,
        filter: &AuditEventFilter,
        paging: &Paging,
    ) -> Result<Page<AuditEvent>, StoreError> {
        let range = audit_event_range(filter.since, filter.until);
        self.table.page(audit_partition(account), keys::AUDIT_EVENTS, range, conditions(filter), paging).await
    }

    /// Records a rejected attempt in the audit trail of `account`.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn record_rejection(
        &self,
        account: AccountId,
        actor: Option<Actor>,
        action: Action,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        self.table.write(rejection_write(account, actor, action, audit_context)?).await.map(drop)
    }

    /// Writes an item that is never read. A rejected attempt that belongs to no account makes this write instead of
    /// [`Store::record_rejection`], so that both take the same time.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn write_decoy_event(&self) -> Result<(), StoreError> {
        self.table.write(Write::put(Key::decoy_event().into_attributes())).await.map(drop)
    }
}

/// Returns the conditions of `filter` on the content of an event.
fn conditions(filter: &AuditEventFilter) -> Filter {
    const KEY_ID: (&str, &str) = ("#key_id", "key_id");
    const USER_ID: (&str, &str) = ("#user_id", "user_id");
    const ACTOR: (&str, &str) = ("#actor", "actor");
    const TYPE: (&str, &str) = ("#type", "type");
    let AuditEventFilter { key, event_type, actor, since: _, until: _ } = filter;
    let mut conditions = Filter::default();
    if let Some(key) = key {
        let is_about_key = "(#key_id = :key OR #actor.#key_id = :key)";
        conditions.and(is_about_key, &[KEY_ID, ACTOR], (":key", key.to_string()));
    }
    if let Some(event_type) = event_type {
        conditions.and("#type = :type", &[TYPE], (":type", event_type.as_str().to_owned()));
    }
    if let Some(actor) = actor {
        let (is_actor, name) = match actor {
            ActorFilter::Principal(Creator::Member(_)) => ("#actor.#user_id = :actor", USER_ID),
            ActorFilter::Principal(Creator::ApiKey(_)) => ("#actor.#key_id = :actor", KEY_ID),
            ActorFilter::Operator => ("#actor.#type = :actor", TYPE),
        };
        conditions.and(is_actor, &[ACTOR, name], (":actor", actor.to_string()));
    }
    conditions
}

/// Returns the write that records a rejected attempt in the audit trail of `account`.
pub(super) fn rejection_write(
    account: AccountId,
    actor: Option<Actor>,
    action: Action,
    audit_context: &AuditContext,
) -> Result<Write, StoreError> {
    let event = AuditEvent::new(actor, action, audit_context);
    let mut item = to_item(Key::audit_event(account, event.id), event)?;
    let end = audit_context.at.plus_seconds(REJECTION_LIFETIME);
    item.insert("ttl".to_owned(), attribute(end.unix_seconds())?);
    Ok(Write::put(item))
}

/// Returns the write that records an action of `actor` in the audit trail of `account`.
pub(super) fn event_write(
    account: AccountId,
    actor: Actor,
    action: Action,
    audit_context: &AuditContext,
) -> Result<Write, StoreError> {
    change_write(account, Some(actor), action, audit_context)
}

/// Returns the write that records a change in the audit trail of `account`. A change that somebody caused who did not
/// authenticate has no `actor`.
pub(super) fn change_write(
    account: AccountId,
    actor: Option<Actor>,
    action: Action,
    audit_context: &AuditContext,
) -> Result<Write, StoreError> {
    let event = AuditEvent::new(actor, action, audit_context);
    Ok(Write::put_new(to_item(Key::audit_event(account, event.id), event)?, StoreError::id_taken))
}
