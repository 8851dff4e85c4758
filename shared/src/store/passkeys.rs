//! Reads and writes of passkeys.

use crate::{
    authorization::principal::{Principal, SessionPrincipal},
    model::{
        audit_event::{Action, Actor, AuditContext},
        challenge::ClaimedChallenge,
        member::{Member, MemberStatus},
        passkey::{MAX_PASSKEYS, Passkey},
        recovery_codes::RecoveryCodes,
        restrictions::{Restriction, Restrictions},
    },
    primitives::{
        factor::Factor,
        id::{AccountId, PasskeyId, UserId},
        pagination::{Page, Paging},
        timestamp::Timestamp,
    },
    store::{
        Store,
        audit_events::event_writes,
        challenges,
        dynamodb::{
            attributes::{to_entity, to_item},
            key::Key,
            write::Write,
        },
        error::StoreError,
        keys::{self, member_partition},
        preconditions::{account_still_active, if_member_has_no_unknown_restriction, session_still_valid},
        recovery_codes::codes_write,
        sessions::next_epoch_write,
    },
};

/// A passkey with which a member has just authenticated.
#[derive(Debug)]
pub struct UsedPasskey<'a> {
    pub passkey: &'a Passkey,
    /// The counter of signatures that the authenticator reported.
    pub counter: u32,
}

impl Store {
    /// Lists the passkeys of a member, newest first.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn passkeys(
        &self,
        account: AccountId,
        user: UserId,
        paging: &Paging,
    ) -> Result<Page<Passkey>, StoreError> {
        self.table.list(member_partition(account, user), keys::PASSKEYS, paging, |_| true).await
    }

    /// Reads all passkeys of a member, newest first.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn all_passkeys(&self, account: AccountId, user: UserId) -> Result<Vec<Passkey>, StoreError> {
        let limit = usize::try_from(MAX_PASSKEYS).map_err(StoreError::bug)?;
        let page = self.passkeys(account, user, &Paging { limit, after: None }).await?;
        Ok(page.entities)
    }

    /// Reads a passkey of a member.
    ///
    /// # Errors
    /// If the passkey does not exist, or the read fails.
    pub async fn passkey(
        &self,
        account: AccountId,
        user: UserId,
        id: PasskeyId,
    ) -> Result<Passkey, StoreError> {
        let item = self.table.get(Key::passkey(account, user, id)).await?;
        to_entity(item.ok_or(StoreError::NotFound)?)
    }

    /// Adds a passkey of the member `before`, whose session `caller` is. Adds the passkey to the factors of that session and ends all
    /// other sessions of the member. `codes` are new recovery codes for a first passkey.
    ///
    /// # Errors
    /// If the challenge is no longer valid, the number of the member's passkeys has changed since `before` was read, the caller's
    /// session has ended in the meantime, or the write fails.
    pub async fn add_passkey(
        &self,
        passkey: &Passkey,
        before: &Member,
        codes: Option<&RecoveryCodes>,
        claimed: &ClaimedChallenge,
        caller: &SessionPrincipal,
        audit_context: impl Fn() -> AuditContext,
    ) -> Result<(), StoreError> {
        let SessionPrincipal { account_id, user_id, session_epoch, factors, .. } = *caller;
        let next = session_epoch + 1;
        let restrictions: Restrictions = [Restriction::Passkeys].into_iter().collect();
        let member = Write::update(
            Key::member(account_id, user_id),
            "SET #session_epoch = :next, #passkeys = :passkeys, #restrictions = :restrictions",
        )
        .value(":next", next)?
        .value(":passkeys", before.passkeys + 1)?
        .value(":restrictions", restrictions)?;
        let member = if_member_unchanged(member, before, caller)?;
        let session = next_epoch_write(caller, next, passkey.created_at)?
            .and_set("#factors = :factors")
            .name("#factors", "factors")
            .value(":factors", factors.with(Factor::Passkey))?;
        let item = to_item(Key::passkey(account_id, user_id, passkey.id), passkey)?;
        let action = Action::PasskeyAdded { user_id, passkey_id: passkey.id, name: passkey.name.clone() };
        let mut writes = vec![
            // First, because its error is the most specific one.
            challenges::use_write(claimed, passkey.created_at)?,
            member,
            session,
            Write::put_new(item, StoreError::id_taken),
            account_still_active(&Principal::Session(caller.clone()))?,
        ];
        writes.extend(event_writes(account_id, caller.into(), action, &audit_context())?);
        if let Some(codes) = codes {
            writes.push(codes_write(account_id, user_id, codes)?);
            let created = Action::RecoveryCodesCreated { user_id };
            writes.extend(event_writes(account_id, caller.into(), created, &audit_context())?);
        }
        self.table.transact(writes).await
    }

    /// Removes a passkey of the member `before`, whose session `caller` is. With the last one, the recovery codes end.
    ///
    /// # Errors
    /// If the passkey does not exist, the number of the member's passkeys has changed since `before` was read, the caller's session
    /// has ended in the meantime, or the write fails.
    pub async fn remove_passkey(
        &self,
        passkey: &Passkey,
        before: &Member,
        caller: &SessionPrincipal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        const REMOVE_LAST: &str = "REMOVE #passkeys, #restrictions";
        let Passkey { id, account_id, user_id, .. } = *passkey;
        let is_last = before.passkeys == 1;
        let member = Key::member(account_id, user_id);
        let member = if is_last {
            Write::update(member, REMOVE_LAST)
        } else {
            let rest = before.passkeys.checked_sub(1).ok_or(StoreError::Conflict)?;
            Write::update(member, "SET #passkeys = :passkeys").value(":passkeys", rest)?
        };
        let action = Action::PasskeyRemoved { user_id, passkey_id: id, name: passkey.name.clone() };
        let mut writes = vec![
            Write::delete(Key::passkey(account_id, user_id, id)).if_exists(),
            if_member_unchanged(member, before, caller)?,
            session_still_valid(caller, audit_context.at)?,
            account_still_active(&Principal::Session(caller.clone()))?,
        ];
        writes.extend(event_writes(account_id, caller.into(), action, audit_context)?);
        if is_last {
            writes.push(Write::delete(Key::recovery_codes(account_id, user_id)));
        }
        self.table.transact(writes).await
    }

    /// Removes all passkeys and the recovery codes of the member `before` on behalf of the operator, and ends their sessions. `passkeys`
    /// are all passkeys of the member.
    ///
    /// # Errors
    /// If the passkeys or the sessions of the member have changed since `before` was read, or the write fails.
    pub async fn remove_second_factor(
        &self,
        before: &Member,
        passkeys: &[Passkey],
        audit_context: impl Fn() -> AuditContext,
    ) -> Result<(), StoreError> {
        let Member { account_id, id: user_id, session_epoch, .. } = *before;
        let member = Write::update(
            Key::member(account_id, user_id),
            "SET #session_epoch = :next REMOVE #passkeys, #restrictions",
        )
        .condition("#session_epoch = :epoch AND #passkeys = :expected_passkeys", || StoreError::Conflict);
        let member = if_member_has_no_unknown_restriction(member)?
            .name("#session_epoch", "session_epoch")
            .value(":epoch", session_epoch)?
            .value(":next", session_epoch + 1)?
            .value(":expected_passkeys", before.passkeys)?;
        let mut writes = vec![member, Write::delete(Key::recovery_codes(account_id, user_id))];
        for Passkey { id, name, .. } in passkeys {
            writes.push(Write::delete(Key::passkey(account_id, user_id, *id)).if_exists());
            let action = Action::PasskeyRemoved { user_id, passkey_id: *id, name: name.clone() };
            writes.extend(event_writes(account_id, Actor::Operator, action, &audit_context())?);
        }
        self.table.transact(writes).await
    }

    /// Stores the counter of signatures that an authenticator reported, unless a greater one is stored.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn record_passkey_counter(&self, used: &UsedPasskey<'_>) -> Result<(), StoreError> {
        let Passkey { id, account_id, user_id, .. } = *used.passkey;
        let update = Write::update(Key::passkey(account_id, user_id, id), "SET #counter = :counter")
            .condition("#counter < :counter", || StoreError::Conflict)
            .name("#counter", "counter")
            .value(":counter", used.counter)?;
        match self.table.write(update).await {
            // A later use has stored a greater one, or the passkey was removed.
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Adds the conditions that the member still has the passkeys of `before` and is authorized as `caller`.
fn if_member_unchanged(
    write: Write,
    before: &Member,
    caller: &SessionPrincipal,
) -> Result<Write, StoreError> {
    let unchanged = "#session_epoch = :epoch AND #status = :active";
    let write = if_member_has_no_unknown_restriction(write.condition(unchanged, || StoreError::Conflict))?
        .name("#session_epoch", "session_epoch")
        .name("#status", "status")
        .value(":epoch", caller.session_epoch)?
        .value(":active", MemberStatus::Active)?;
    if before.passkeys == 0 {
        Ok(write.and("attribute_not_exists(#passkeys)"))
    } else {
        write.and("#passkeys = :expected_passkeys").value(":expected_passkeys", before.passkeys)
    }
}

/// Returns the write that records the use of a passkey. It fails if the passkey was removed in the meantime.
pub(super) fn use_write(used: &UsedPasskey<'_>, now: Timestamp) -> Result<Write, StoreError> {
    let Passkey { id, account_id, user_id, .. } = *used.passkey;
    Write::update(Key::passkey(account_id, user_id, id), "SET #last_used_at = :now")
        .condition("attribute_exists(pk)", || StoreError::NoLongerValid)
        .name("#last_used_at", "last_used_at")
        .value(":now", now)
}
