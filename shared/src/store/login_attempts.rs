//! Reads and writes of login attempts. An attempt is reserved before its password is checked.

use serde::{Deserialize, Serialize};

use crate::{
    model::{
        account::Account,
        audit_event::{Action, Actor, AuditContext, LoginRefusal},
        member::Member,
    },
    primitives::{
        email::EmailAddress,
        id::{AccountId, UserId},
        timestamp::Timestamp,
    },
    rate_limit::login_throttle::{
        AdmittedAttempt, Attempt, AttemptHistory, MAX_CONSECUTIVE_FAILURES, MAX_UNRECOGNIZED_FAILURES,
        SourceHistory,
    },
    store::{
        Store,
        audit_events::{event_write, rejection_write},
        dynamodb::{
            attributes::{attribute, to_entity, to_item},
            item::Item,
            key::Key,
            retry::{ATTEMPTS, pause_before},
            write::Write,
        },
        error::StoreError,
        member_credentials::{AddressOwner, Credentials, FAILURES},
    },
};

/// An admitted login attempt. It counts as a failure until it is marked as successful.
pub struct AttemptReservation {
    attempt: Attempt,
    /// Whether the address did not recognize the source.
    is_unrecognized: bool,
}

/// The number of attempts from a source in one hour of the clock that failed or are in progress. It only includes attempts
/// with an address that did not recognize the source.
#[derive(Default, Serialize, Deserialize)]
struct SourceHour {
    failures: u32,
}

impl Store {
    /// Reserves a login attempt with `address`. Returns the reservation, and the member's credentials and account if the
    /// address is known.
    ///
    /// It makes the same calls for an unknown address, so that its duration does not reveal whether the address is known.
    ///
    /// # Errors
    /// If the attempt is throttled, or a read or write fails.
    pub async fn reserve_login_attempt(
        &self,
        address: Option<&EmailAddress>,
        attempt: Attempt,
    ) -> Result<(AttemptReservation, Option<(Credentials, Account)>), StoreError> {
        for round in 0..ATTEMPTS {
            pause_before(round).await;
            let owner = address.map_or_else(Key::decoy, Key::email);
            let keys = [owner, Key::attempt_history(&attempt), Key::source_hour(&attempt)];
            let [owner, history, hour] = self.table.get_many(keys).await?;
            let history: AttemptHistory = history.map(to_entity).transpose()?.unwrap_or_default();
            let hour: SourceHour = hour.map(to_entity).transpose()?.unwrap_or_default();
            let admitted = history.admit(&attempt, hour.failures)?;
            let loaded = self.load_credentials(owner).await?;
            let credentials = loaded.as_ref().map(|(credentials, _)| credentials);
            match self.table.transact(reservation_writes(&attempt, &admitted, credentials)?).await {
                Ok(()) => {
                    return Ok((
                        AttemptReservation { attempt, is_unrecognized: admitted.is_unrecognized },
                        loaded,
                    ));
                }
                // A concurrent attempt was reserved first. Check the limits again with the new history.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        // There are too many concurrent attempts.
        Err(StoreError::Throttled { retry_after: 1 })
    }

    /// Marks an attempt as successful: its password was correct, but the request failed for another reason.
    ///
    /// # Errors
    /// If the member no longer exists, or the write fails.
    pub async fn record_correct_password(
        &self,
        reservation: &AttemptReservation,
        member: &Member,
    ) -> Result<(), StoreError> {
        self.table.transact(correct_password_writes(reservation, member.account_id, member.id)?).await
    }

    /// Marks an attempt as successful and records that the login was rejected because the member or account is suspended.
    ///
    /// # Errors
    /// If the member no longer exists, or the write fails.
    pub async fn reject_suspended_login(
        &self,
        reservation: &AttemptReservation,
        member: &Member,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let Member { account_id, id: user_id, .. } = *member;
        let rejected = Action::LoginRefused { user_id, reason: LoginRefusal::Suspended };
        let mut writes = correct_password_writes(reservation, account_id, user_id)?;
        writes.push(rejection_write(account_id, None, rejected, audit_context)?);
        self.table.transact(writes).await
    }

    /// Enables a password that failures have disabled. If there is a `recognized` attempt, the address recognizes its source
    /// from now on. Returns the account and the member.
    ///
    /// # Errors
    /// If no member has this address, a concurrent attempt was made, or a read or write fails.
    pub async fn enable_password(
        &self,
        address: &EmailAddress,
        recognized: Option<&Attempt>,
        audit_context: &AuditContext,
    ) -> Result<(AccountId, UserId), StoreError> {
        let owner = self.table.get(Key::email(address)).await?.ok_or(StoreError::NotFound)?;
        let AddressOwner { account_id, user_id } = to_entity(owner)?;
        let enabled = Action::PasswordEnabled { user_id };
        let event = event_write(account_id, Actor::Operator, enabled, audit_context)?;
        let mut writes = vec![reset_failures_write(account_id, user_id)?, event];
        if let Some(attempt) = recognized {
            let history: AttemptHistory = self
                .table
                .get(Key::attempt_history(attempt))
                .await?
                .map(to_entity)
                .transpose()?
                .unwrap_or_default();
            writes.push(history_write(attempt, &history.with_recognized_source(attempt))?);
        }
        self.table.transact(writes).await?;
        Ok((account_id, user_id))
    }
}

/// Returns the writes that reserve an attempt. They fail if a concurrent attempt was reserved first.
fn reservation_writes(
    attempt: &Attempt,
    admitted: &AdmittedAttempt,
    credentials: Option<&Credentials>,
) -> Result<Vec<Write>, StoreError> {
    let history = history_write(attempt, &admitted.history)?;
    let password = match credentials {
        Some(Credentials { member, failures, .. }) => {
            Write::update(Key::member(member.account_id, member.id), "SET #failures = :failures")
                .condition("#failures = :expected", || StoreError::Conflict)
                .name("#failures", FAILURES)
                .value(":failures", MAX_CONSECUTIVE_FAILURES.min(failures + 1))?
                .value(":expected", failures)?
        }
        None => Write::put(with_expiry(Key::decoy_member(attempt).into_attributes(), &admitted.history)?),
    };
    let mut writes = vec![history, password];
    if admitted.is_unrecognized {
        let hour = Write::update(Key::source_hour(attempt), "SET #ttl = :end ADD #failures :one")
            .condition("attribute_not_exists(#failures) OR #failures < :limit", || StoreError::Conflict)
            .name("#ttl", "ttl")
            .name("#failures", "failures")
            .value(":end", attempt.hour_expires_at())?
            .value(":one", 1)?
            .value(":limit", MAX_UNRECOGNIZED_FAILURES)?;
        writes.push(hour);
    }
    Ok(writes)
}

/// Returns the write that replaces the attempt history with its next revision.
fn history_write(attempt: &Attempt, history: &AttemptHistory) -> Result<Write, StoreError> {
    Write::put(with_expiry(to_item(Key::attempt_history(attempt), history)?, history)?)
        .condition("attribute_not_exists(pk) OR #revision = :expected", || StoreError::Conflict)
        .name("#revision", "revision")
        .value(":expected", history.revision - 1)
}

/// Adds the attribute that makes `DynamoDB` delete `item` when `history` expires.
fn with_expiry(mut item: Item, history: &AttemptHistory) -> Result<Item, StoreError> {
    if let Some(end) = history.expires_at() {
        item.insert("ttl".to_owned(), attribute(end.unix_seconds())?);
    }
    Ok(item)
}

/// Returns the writes that mark an attempt as successful, except the reset of the member's failures.
pub(super) fn success_writes(reservation: &AttemptReservation) -> Result<Vec<Write>, StoreError> {
    let AttemptReservation { attempt, is_unrecognized } = reservation;
    let source = SourceHistory::recognized(attempt.at);
    let end = source.recognized_until().map(Timestamp::unix_seconds);
    let history = Write::update(
        Key::attempt_history(attempt),
        "SET #sources.#source = :recognized, #revision = #revision + :one, #ttl = :end",
    )
    .name("#sources", "sources")
    .name("#source", &attempt.source)
    .name("#revision", "revision")
    .name("#ttl", "ttl")
    .value(":recognized", source)?
    .value(":one", 1)?
    .value(":end", end)?;
    let mut writes = vec![history];
    if *is_unrecognized {
        let hour = Write::update(Key::source_hour(attempt), "ADD #failures :minus_one")
            .name("#failures", "failures")
            .value(":minus_one", -1)?;
        writes.push(hour);
    }
    Ok(writes)
}

/// Returns the writes that mark an attempt with the member's correct password as successful.
pub(super) fn correct_password_writes(
    reservation: &AttemptReservation,
    account: AccountId,
    user: UserId,
) -> Result<Vec<Write>, StoreError> {
    let mut writes = success_writes(reservation)?;
    writes.push(reset_failures_write(account, user)?);
    Ok(writes)
}

/// Returns the write that resets the member's consecutive failures.
fn reset_failures_write(account: AccountId, user: UserId) -> Result<Write, StoreError> {
    Write::update(Key::member(account, user), "SET #failures = :zero")
        .if_exists()
        .name("#failures", FAILURES)
        .value(":zero", 0)
}
