//! Reads and writes of API keys.

use crate::{
    authorization::principal::Principal,
    idempotency::IdempotencyResult,
    model::{
        api_key::{ApiKey, KeyState},
        audit_event::{Action, AuditContext},
    },
    primitives::{
        id::{AccountId, KeyId},
        pagination::{Page, Paging},
        timestamp::Timestamp,
    },
    store::{
        Store,
        audit_events::event_write,
        dynamodb::{
            attributes::{to_entity, to_item},
            key::Key,
            write::Write,
        },
        error::StoreError,
        idempotency_records::result_write,
        keys::{self, account_partition},
        preconditions::{account_still_active, still_authorized},
    },
};

impl Store {
    /// Creates an API key on behalf of `creator` and stores the idempotency record.
    ///
    /// # Errors
    /// If a request with the same idempotency key was made first, the creator is no longer authorized, or the write fails.
    pub async fn create_key(
        &self,
        key: &ApiKey,
        creator: &Principal,
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
        let event = event_write(key.account_id, creator.into(), created, audit_context)?;
        let mut writes = vec![put, event];
        writes.extend(still_authorized(creator, audit_context.at)?);
        writes.extend(idempotency.map(result_write).transpose()?);
        self.table.transact(writes).await
    }

    /// Loads an API key.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn key(&self, account: AccountId, key: KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.table.get(Key::api_key(account, key)).await?.map(to_entity).transpose()
    }

    /// Lists the account's API keys that match `filter`, newest first.
    ///
    /// # Errors
    /// If a read fails.
    pub async fn keys(
        &self,
        account: AccountId,
        paging: &Paging,
        filter: impl Fn(&ApiKey) -> bool,
    ) -> Result<Page<ApiKey>, StoreError> {
        self.table.list(account_partition(account), keys::API_KEYS, paging, filter).await
    }

    /// Replaces `before` with the rotated key `after` on behalf of `caller` and stores the idempotency record. The previous
    /// secret works until `previous_expires_at`.
    ///
    /// # Errors
    /// If the stored key is no longer as in `before`, the caller is no longer authorized, or the write fails.
    pub async fn rotate_key(
        &self,
        before: &ApiKey,
        after: &ApiKey,
        previous_expires_at: Timestamp,
        caller: &Principal,
        audit_context: &AuditContext,
        idempotency: Option<&IdempotencyResult>,
    ) -> Result<(), StoreError> {
        let update =
            Write::update(Key::api_key(before.account_id, before.id), "SET #state = :state, #hint = :hint")
                .condition("#state = :expected", || StoreError::Conflict)
                .name("#state", "state")
                .name("#hint", "hint")
                .value(":expected", &before.state)?
                .value(":state", &after.state)?
                .value(":hint", &after.hint)?;
        let action = Action::KeyRotated { key_id: before.id, previous_expires_at };
        let mut writes = vec![update, event_write(before.account_id, caller.into(), action, audit_context)?];
        if matches!(caller, Principal::ApiKey(key) if key.key_id == before.id) {
            // The key rotates itself. Its authorization was checked against `before`, and the condition of the update
            // ensures that the stored key has not changed since.
            writes.push(account_still_active(before.account_id)?);
        } else {
            writes.extend(still_authorized(caller, audit_context.at)?);
        }
        writes.extend(idempotency.map(result_write).transpose()?);
        self.table.transact(writes).await
    }

    /// Revokes an API key on behalf of `caller`. A key that is already revoked stays as it is.
    ///
    /// This removes the digests of all its secrets from the table, so a concurrent rotation cannot make a secret valid again.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn revoke_key(
        &self,
        key: &ApiKey,
        caller: &Principal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let update = Write::update(Key::api_key(key.account_id, key.id), "SET #state = :revoked")
            .condition("#state.#status = :active", || StoreError::Conflict)
            .name("#state", "state")
            .name("#status", "status")
            .value(":active", "active")?
            .value(":revoked", KeyState::Revoked)?;
        let action = Action::KeyRevoked { key_id: key.id };
        let event = event_write(key.account_id, caller.into(), action, audit_context)?;
        match self.table.transact(vec![update, event]).await {
            // A key is never deleted, so the condition only fails if the key is already revoked.
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
