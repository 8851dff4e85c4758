//! The erasure of the addresses of a former member. It may take long, so it stops when its time is over. A repetition continues, whatever
//! has stopped the one before.

use crate::{
    model::audit_event::{Action, Actor, AuditContext, AuditEvent},
    primitives::id::{AccountId, UserId},
    store::{
        Store,
        audit_events::event_writes,
        dynamodb::{attributes::to_entity, key::Key, write::Write},
        erasure::{Erasure, LONGEST_REQUEST, Stopped},
        error::StoreError,
        keys::{
            AUDIT_EVENTS, MEMBER_KEYS, audit_partition, event_source_prefix, member_partition,
            personal_data_partition,
        },
        personal_data::{StoredAddress, progress_write},
    },
};

impl Store {
    /// Erases the addresses of a former member, and their sessions. The events of the audit trail stay.
    ///
    /// # Errors
    /// If the account has no such former member ([`StoreError::NotFound`]), the member was not removed ([`StoreError::Conflict`]), or a
    /// read or a write fails.
    pub async fn forget_member(
        &self,
        account: AccountId,
        user: UserId,
        audit_context: &AuditContext,
        has_time: impl Fn() -> bool,
    ) -> Result<Erasure, StoreError> {
        let address = self.table.get(Key::member_address(account, user)).await?;
        let address: StoredAddress = to_entity(address.ok_or(StoreError::NotFound)?)?;
        if !address.is_forgotten() {
            let is_removed = Write::check(Key::member(account, user))
                .condition("attribute_not_exists(pk)", || StoreError::Conflict);
            let mut writes = vec![address.forgotten_write(account, audit_context.at)?, is_removed];
            let forgotten = Action::MemberForgotten { user_id: user };
            writes.extend(event_writes(account, Actor::Operator, forgotten, audit_context)?);
            self.table.transact(writes).await?;
        }
        let erased =
            self.erase_items_of_member(account, user, address.erased_until(account), &has_time).await;
        // Requests may be in progress that were authorized before the removal.
        let erased =
            erased.and(if address.was_removed_before(audit_context.at.minus_seconds(LONGEST_REQUEST)) {
                Ok(())
            } else {
                Err(Stopped::Incomplete)
            });
        Erasure::from_result(erased)
    }

    async fn erase_items_of_member(
        &self,
        account: AccountId,
        user: UserId,
        erased_until: Option<Key>,
        has_time: &impl Fn() -> bool,
    ) -> Result<(), Stopped> {
        let sources = event_source_prefix(Some(user));
        self.erase(&personal_data_partition(account), Some(&sources), |_| true, has_time).await?;
        // The entries of keys show which keys originate from the member.
        let is_personal = |key: &Key| !key.sk.starts_with(MEMBER_KEYS.sort_key_prefix);
        self.erase(&member_partition(account, user), None, is_personal, has_time).await?;
        self.erase_addresses_in_events(account, user, erased_until, has_time).await
    }

    /// Erases the addresses of a person from events of an earlier version, which contain them. Stores how far it got, because it leaves
    /// the events, and so would read the same ones again.
    async fn erase_addresses_in_events(
        &self,
        account: AccountId,
        user: UserId,
        mut after: Option<Key>,
        has_time: &impl Fn() -> bool,
    ) -> Result<(), Stopped> {
        let partition = audit_partition(account);
        loop {
            let (items, next) = self.table.partition(&partition, None, after, None).await?;
            for item in items {
                let Some(write) = without_addresses(account, user, to_entity(item)?)? else { continue };
                match self.table.write(write).await {
                    // A rejected attempt that has expired in the meantime.
                    Ok(_) | Err(StoreError::NotFound) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            let Some(last) = next else { return Ok(()) };
            if !has_time() {
                self.table.write(progress_write(account, user, &last)?).await?;
                return Err(Stopped::Incomplete);
            }
            after = Some(last);
        }
    }
}

/// Returns the write that erases the addresses of a person from `event`, if it contains any.
fn without_addresses(
    account: AccountId,
    user: UserId,
    mut event: AuditEvent,
) -> Result<Option<Write>, StoreError> {
    let has_source = event.source_ip.is_some() && event.person() == Some(user);
    let has_address = matches!(event.action.address_mut(), Some((of, Some(_))) if of == user);
    let set = match (has_source, has_address) {
        (false, false) => return Ok(None),
        (true, false) => "SET source_ip = :null",
        (false, true) => "SET email = :null",
        (true, true) => "SET source_ip = :null, email = :null",
    };
    let write = Write::update(AUDIT_EVENTS.key(audit_partition(account), event.id), set).if_exists();
    Ok(Some(write.value(":null", None::<&str>)?))
}
