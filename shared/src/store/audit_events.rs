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
        timestamp::Timestamp,
    },
    store::{
        Store,
        dynamodb::{
            attributes::{to_item, with_ttl},
            key::Key,
            read::Filter,
            write::Write,
        },
        error::StoreError,
        keys::{self, audit_event_range, audit_partition},
        personal_data::source_write,
    },
};

/// How long the event of a rejected attempt is stored, in seconds: 90 days. Anyone can cause such an event, so the events
/// must not accumulate. All other events are stored permanently.
const REJECTION_LIFETIME: u32 = 90 * 24 * 60 * 60;

impl Store {
    /// Lists the account's audit events that match `filter`, newest first, with one query. Reads the addresses that are stored apart
    /// from the events in at most two batches.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn audit_events(
        &self,
        account: AccountId,
        filter: &AuditEventFilter,
        paging: &Paging,
        now: Timestamp,
    ) -> Result<Page<AuditEvent>, StoreError> {
        let range = audit_event_range(filter.since, filter.until);
        let partition = audit_partition(account);
        let mut page =
            self.table.page(partition, keys::AUDIT_EVENTS, range, conditions(filter), paging).await?;
        self.add_addresses(account, &mut page.entities, now).await?;
        Ok(page)
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
        self.table.transact(rejection_writes(account, actor, action, audit_context)?).await
    }

    /// Writes items that are never read. A rejected attempt that belongs to no account makes these writes instead of those of
    /// [`Store::record_rejection`], so that both take the same time. `DynamoDB` deletes the items some time later.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn write_decoy_event(&self, audit_context: &AuditContext) -> Result<(), StoreError> {
        let count = if audit_context.source().is_some() { 2 } else { 1 };
        let keys = Key::decoy_event(audit_context.event_id()).into_iter().take(count);
        let decoy = |key: Key| Ok(Write::put(with_ttl(key.into_attributes(), audit_context.at)?));
        let decoys = keys.map(decoy).collect::<Result<_, StoreError>>()?;
        self.table.transact(decoys).await
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

/// Returns the writes that record a rejected attempt in the audit trail of `account`.
pub(super) fn rejection_writes(
    account: AccountId,
    actor: Option<Actor>,
    action: Action,
    audit_context: &AuditContext,
) -> Result<Vec<Write>, StoreError> {
    let event = AuditEvent::new(actor, action, audit_context);
    let end = audit_context.at.plus_seconds(REJECTION_LIFETIME);
    let item = to_item(Key::audit_event(account, event.id), &event)?;
    let mut writes = vec![Write::put(with_ttl(item, end)?)];
    writes.extend(source_write(account, &event, audit_context, Some(end))?);
    Ok(writes)
}

/// Returns the writes that record an action of `actor` in the audit trail of `account`: at most two.
pub(super) fn event_writes(
    account: AccountId,
    actor: Actor,
    action: Action,
    audit_context: &AuditContext,
) -> Result<Vec<Write>, StoreError> {
    change_writes(account, Some(actor), action, audit_context)
}

/// Returns the writes that record a change in the audit trail of `account`: at most two. A change that somebody caused who did not
/// authenticate has no `actor`.
pub(super) fn change_writes(
    account: AccountId,
    actor: Option<Actor>,
    action: Action,
    audit_context: &AuditContext,
) -> Result<Vec<Write>, StoreError> {
    let event = AuditEvent::new(actor, action, audit_context);
    let item = to_item(Key::audit_event(account, event.id), &event)?;
    let mut writes = vec![Write::put_new(item, StoreError::id_taken)];
    writes.extend(source_write(account, &event, audit_context, None)?);
    Ok(writes)
}
