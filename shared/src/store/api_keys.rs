//! API keys in the table.

use crate::{
    authorization::principal::Principal,
    idempotency::IdempotencyResult,
    model::{
        api_key::{ApiKey, State},
        audit_event::{Action, AuditContext},
    },
    primitives::{
        id::{AccountId, KeyId},
        pagination::{Page, Paging},
        timestamp::Timestamp,
    },
    store::{
        Store,
        audit_events::record,
        dynamodb::{
            attributes::{to_entity, to_item},
            key::Key,
            write::Write,
        },
        error::StoreError,
        idempotency_records::store_result,
        keys::{self, account_partition},
        preconditions::{account_still_active, still_authorized},
    },
};

impl Store {
    /// Puts a new key into the table, which `maker` makes, and keeps the outcome.
    ///
    /// # Errors
    /// When the same request came first, the maker is no longer let in, or the table can't be written.
    pub async fn create_key(
        &self,
        key: &ApiKey,
        maker: &Principal,
        audit_context: &AuditContext,
        idempotency: Option<&IdempotencyResult>,
    ) -> Result<(), StoreError> {
        let put = Write::put_new(to_item(Key::api_key(key.account_id, key.id), key)?, StoreError::id_taken);
        let created = Action::KeyCreated {
            key_id: key.id,
            name: key.name.clone(),
            key_type: key.environment,
            permissions: key.permissions,
            scope: (&key.scope).into(),
            expires_at: key.expires_at,
        };
        let record = record(key.account_id, maker.into(), created, audit_context)?;
        let mut writes = vec![put, record];
        writes.extend(still_authorized(maker, audit_context.at)?);
        writes.extend(idempotency.map(store_result).transpose()?);
        self.table.write_together(writes).await
    }

    /// The key with this id.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn key(&self, account: AccountId, key: KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.table.get(Key::api_key(account, key)).await?.map(to_entity).transpose()
    }

    /// The account's keys that pass `keep`, newest first.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn keys(
        &self,
        account: AccountId,
        paging: &Paging,
        keep: impl Fn(&ApiKey) -> bool,
    ) -> Result<Page<ApiKey>, StoreError> {
        self.table.newest(account_partition(account), keys::API_KEYS, paging, keep).await
    }

    /// Puts `rotated` in the place of `seen`, the same key before, as `caller` asks. Its previous secret works
    /// until `previous_expires_at`. Keeps the outcome.
    ///
    /// # Errors
    /// When another change came first, the caller is no longer let in, or the table can't be written.
    pub async fn rotate_key(
        &self,
        seen: &ApiKey,
        rotated: &ApiKey,
        previous_expires_at: Timestamp,
        caller: &Principal,
        audit_context: &AuditContext,
        idempotency: Option<&IdempotencyResult>,
    ) -> Result<(), StoreError> {
        let update =
            Write::update(Key::api_key(seen.account_id, seen.id), "SET #state = :state, #hint = :hint")
                .only_if("#state = :seen", || StoreError::Conflict)
                .name("#state", "state")
                .name("#hint", "hint")
                .value(":seen", &seen.state)?
                .value(":state", &rotated.state)?
                .value(":hint", &rotated.hint)?;
        let action = Action::KeyRotated { key_id: seen.id, previous_expires_at };
        let mut writes = vec![update, record(seen.account_id, caller.into(), action, audit_context)?];
        if matches!(caller, Principal::ApiKey(key) if key.key_id == seen.id) {
            // Whether a key is let in that rotates itself was seen, and the update's condition holds it.
            writes.push(account_still_active(seen.account_id)?);
        } else {
            writes.extend(still_authorized(caller, audit_context.at)?);
        }
        writes.extend(idempotency.map(store_result).transpose()?);
        self.table.write_together(writes).await
    }

    /// Revokes the key that was `seen`, whatever secrets it has, as `caller` asks: they are gone from the
    /// table, so that no rotation that was under way can bring one back. Again, it changes nothing.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn revoke_key(
        &self,
        seen: &ApiKey,
        caller: &Principal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let update = Write::update(Key::api_key(seen.account_id, seen.id), "SET #state = :revoked")
            .only_if("#state.#status = :active", || StoreError::Conflict)
            .name("#state", "state")
            .name("#status", "status")
            .value(":active", "active")?
            .value(":revoked", State::Revoked)?;
        let action = Action::KeyRevoked { key_id: seen.id };
        let record = record(seen.account_id, caller.into(), action, audit_context)?;
        match self.table.write_together(vec![update, record]).await {
            // A key is never deleted, so what came first was a revocation.
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
