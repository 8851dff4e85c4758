//! Attempts to log in, as the table remembers them. Each is claimed before its password is looked at.

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
        AdmittedAttempt, Attempt, AttemptHistory, MAX_CONSECUTIVE_FAILURES, MAX_UNRECOGNIZED_FAILURES, SourceHistory,
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

/// An attempt that was let through. It counts as a failure until it has succeeded.
pub struct AttemptReservation {
    attempt: Attempt,
    is_unrecognized: bool,
}

/// How many attempts of a source have failed or are under way in one hour, each while the source was strange.
#[derive(Default, Serialize, Deserialize)]
struct SourceHour {
    failures: u32,
}

impl Store {
    /// Claims an attempt to log in with `address`, and finds the credentials of the member who has it, and their
    /// account.
    ///
    /// It takes the same calls whether or not there is such a member, so that the time they take tells nothing.
    ///
    /// # Errors
    /// When it was tried too often, or the table can't be read or written.
    pub async fn reserve_login_attempt(
        &self,
        address: Option<&EmailAddress>,
        attempt: Attempt,
    ) -> Result<(AttemptReservation, Option<(Credentials, Account)>), StoreError> {
        for round in 0..ATTEMPTS {
            pause_before(round).await;
            let owner = address.map_or_else(Key::decoy, Key::email);
            let keys = [owner, Key::attempt_history(&attempt), Key::source_hour(&attempt)];
            let [owner, history, hour] = self.table.get_together(keys).await?;
            let history: AttemptHistory = history.map(to_entity).transpose()?.unwrap_or_default();
            let hour: SourceHour = hour.map(to_entity).transpose()?.unwrap_or_default();
            let admitted = history.admit(&attempt, hour.failures)?;
            let found = self.credentials_of(owner).await?;
            let credentials = found.as_ref().map(|(credentials, _)| credentials);
            match self.table.write_together(reservation_writes(&attempt, &admitted, credentials)?).await {
                Ok(()) => {
                    return Ok((
                        AttemptReservation { attempt, is_unrecognized: admitted.is_unrecognized },
                        found,
                    ));
                }
                // Another attempt came between. Whether this one may go on is to be seen anew.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        // There are too many of them at this moment.
        Err(StoreError::Throttled { retry_after: 1 })
    }

    /// The attempt had the right password of `member`, though nothing came of it.
    ///
    /// # Errors
    /// When the member is gone, or the table can't be written.
    pub async fn record_correct_password(&self, reservation: &AttemptReservation, member: &Member) -> Result<(), StoreError> {
        self.table.write_together(correct_password_writes(reservation, member.account_id, member.id)?).await
    }

    /// The attempt had the right password of a member who may not log in.
    ///
    /// # Errors
    /// When the member is gone, or the table can't be written.
    pub async fn reject_suspended_login(
        &self,
        reservation: &AttemptReservation,
        member: &Member,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let Member { account_id, id: user_id, .. } = *member;
        let refused = Action::LoginRefused { user_id, reason: LoginRefusal::Suspended };
        let mut writes = correct_password_writes(reservation, account_id, user_id)?;
        writes.push(rejection_write(account_id, None, refused, audit_context)?);
        self.table.write_together(writes).await
    }

    /// Lets the password of the member who has `address` work again, where failures have disabled it, and knows the
    /// source of `from` as theirs. Returns who they are.
    ///
    /// # Errors
    /// When there is no such member, an attempt came between, or the table can't be read or written.
    pub async fn enable_password(
        &self,
        address: &EmailAddress,
        from: Option<&Attempt>,
        audit_context: &AuditContext,
    ) -> Result<(AccountId, UserId), StoreError> {
        let owner = self.table.get(Key::email(address)).await?.ok_or(StoreError::NotFound)?;
        let AddressOwner { account_id, user_id } = to_entity(owner)?;
        let enabled = Action::PasswordEnabled { user_id };
        let event = event_write(account_id, Actor::Operator, enabled, audit_context)?;
        let mut writes = vec![reset_failures_write(account_id, user_id)?, event];
        if let Some(attempt) = from {
            let history: AttemptHistory =
                self.table.get(Key::attempt_history(attempt)).await?.map(to_entity).transpose()?.unwrap_or_default();
            writes.push(history_write(attempt, &history.with_recognized_source(attempt))?);
        }
        self.table.write_together(writes).await?;
        Ok((account_id, user_id))
    }
}

/// The writes that claim an attempt, each only if nothing came between that it did not see.
fn reservation_writes(
    attempt: &Attempt,
    admitted: &AdmittedAttempt,
    credentials: Option<&Credentials>,
) -> Result<Vec<Write>, StoreError> {
    let history = history_write(attempt, &admitted.history)?;
    let password = match credentials {
        Some(Credentials { member, failures, .. }) => {
            Write::update(Key::member(member.account_id, member.id), "SET #failures = :failures")
                .condition("#failures = :seen", || StoreError::Conflict)
                .name("#failures", FAILURES)
                .value(":failures", MAX_CONSECUTIVE_FAILURES.min(failures + 1))?
                .value(":seen", failures)?
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

/// The write that puts `history` in the place of the one before it.
fn history_write(attempt: &Attempt, history: &AttemptHistory) -> Result<Write, StoreError> {
    Write::put(with_expiry(to_item(Key::attempt_history(attempt), history)?, history)?)
        .condition("attribute_not_exists(pk) OR #revision = :seen", || StoreError::Conflict)
        .name("#revision", "revision")
        .value(":seen", history.revision - 1)
}

/// `item`, which is deleted when `history` is forgotten.
fn with_expiry(mut item: Item, history: &AttemptHistory) -> Result<Item, StoreError> {
    if let Some(end) = history.expires_at() {
        item.insert("ttl".to_owned(), attribute(end.unix_seconds())?);
    }
    Ok(item)
}

/// The writes that turn a claimed attempt into a success, but for the member's own failures in a row.
pub(super) fn success_writes(reservation: &AttemptReservation) -> Result<Vec<Write>, StoreError> {
    let AttemptReservation { attempt, is_unrecognized } = reservation;
    let source = SourceHistory::recognized(attempt.at);
    let end = source.recognized_until().map(Timestamp::unix_seconds);
    let history = Write::update(
        Key::attempt_history(attempt),
        "SET #sources.#source = :known, #revision = #revision + :one, #ttl = :end",
    )
    .name("#sources", "sources")
    .name("#source", &attempt.source)
    .name("#revision", "revision")
    .name("#ttl", "ttl")
    .value(":known", source)?
    .value(":one", 1)?
    .value(":end", end)?;
    let mut writes = vec![history];
    if *is_unrecognized {
        let hour = Write::update(Key::source_hour(attempt), "ADD #failures :less")
            .name("#failures", "failures")
            .value(":less", -1)?;
        writes.push(hour);
    }
    Ok(writes)
}

/// The writes after an attempt with the right password of the member.
pub(super) fn correct_password_writes(
    reservation: &AttemptReservation,
    account: AccountId,
    user: UserId,
) -> Result<Vec<Write>, StoreError> {
    let mut writes = success_writes(reservation)?;
    writes.push(reset_failures_write(account, user)?);
    Ok(writes)
}

/// The write after which no failures of the member are counted.
fn reset_failures_write(account: AccountId, user: UserId) -> Result<Write, StoreError> {
    Write::update(Key::member(account, user), "SET #failures = :none")
        .if_exists()
        .name("#failures", FAILURES)
        .value(":none", 0)
}
