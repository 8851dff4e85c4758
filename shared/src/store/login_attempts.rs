//! Reads and writes of login attempts. An attempt is reserved before its password or second factor is verified.

use std::{pin::pin, sync::OnceLock, time::Duration};

use serde::Deserialize;
use serde_dynamo::number_set::NumberSet;
use tokio::time::{timeout, timeout_at};
use tracing::warn;

use crate::{
    model::{
        account::Account,
        audit_event::{Action, Actor, AuditContext, LoginRejection},
        member::Member,
    },
    primitives::{
        email::EmailAddress,
        id::{AccountId, UserId},
        timestamp::Timestamp,
    },
    rate_limit::login_throttle::{
        AdmittedAttempt, Attempt, AttemptHistory, CountedAttempt, MAX_CONSECUTIVE_FAILURES,
        MAX_UNRECOGNIZED_FAILURES, RecordedLogin, SourceHistory, SourceHour,
    },
    store::{
        Store,
        audit_events::{event_writes, rejection_writes},
        dynamodb::{
            attributes::{to_entity, to_item, with_ttl},
            item::BatchItem,
            key::Key,
            retry::{Cause, Retries, deadline},
            write::Write,
        },
        error::StoreError,
        member_credentials::{AddressOwner, Credentials, FAILURES, LOGINS, consecutive_failures},
    },
    telemetry::{error_chain::error_chain, log::TARGET},
};

/// How long the release of an attempt may take. The time for retries, the time for the last call and this one are together less
/// than an invocation's timeout.
const RELEASE_TIME: Duration = Duration::from_millis(1_500);
/// How long a call in progress may continue after the last moment for a retry. Then the attempt is released.
const LAST_CALL_TIME: Duration = Duration::from_secs(1);

/// An admitted login attempt. It counts as a failure until it is marked as successful or released.
pub struct AttemptReservation {
    attempt: Attempt,
    /// Whether the source's hour may contain the attempt.
    is_in_source_hour: bool,
    /// What the attempt history may contain.
    in_history: Option<ReservedInHistory>,
    /// Empty while the result is unknown.
    result: OnceLock<AttemptResult>,
}

/// The result of an attempt. It never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AttemptResult {
    /// The password or the second factor is wrong, or the address is unknown.
    Failed,
    /// The attempt counts neither as a failure nor as a success of the password.
    Uncounted,
    /// The success was recorded.
    Succeeded,
}

struct ReservedInHistory {
    counted: CountedAttempt,
    /// The member whose failures include the attempt.
    member: Option<(AccountId, UserId)>,
}

impl AttemptReservation {
    /// States that the password or the second factor is wrong, or the address is unknown. From now on, the attempt is not released.
    pub fn fail(&self) {
        self.result.get_or_init(|| AttemptResult::Failed);
    }

    /// Returns true if the address did not recognize the source when the attempt was reserved.
    fn is_from_unrecognized_source(&self) -> bool {
        self.in_history.as_ref().is_some_and(|reserved| reserved.counted.is_unrecognized)
    }

    /// States that the attempt counts neither as a failure nor as a success of the password: the password is right, but the member has
    /// to prove a second factor, or the member has authenticated with a passkey alone.
    pub fn do_not_count(&self) {
        self.result.get_or_init(|| AttemptResult::Uncounted);
    }

    /// Returns the last login from the same source that the audit trail contains.
    fn last_recorded_login(&self) -> Option<RecordedLogin> {
        self.in_history.as_ref().and_then(|reserved| reserved.counted.recorded_login)
    }

    /// Returns true if a login as `user` with this attempt must be recorded, because it is the first one of this member from this
    /// source in this hour of the clock.
    pub(super) fn must_record_login(&self, user: UserId) -> bool {
        self.last_recorded_login() != Some(self.attempt.recorded_login(user))
    }

    fn has_succeeded(&self) -> bool {
        self.result.get() == Some(&AttemptResult::Succeeded)
    }
}

/// How a login is recorded in the attempt history of its address.
pub(super) enum Login<'a> {
    /// A login with the password. Its attempt was reserved.
    Attempt(&'a AttemptReservation),
    /// A login with a passkey alone. It takes part in no limit.
    Passkey(&'a Attempt),
}

/// What a login writes besides the session.
pub(super) struct LoginWrites {
    pub writes: Vec<Write>,
    /// The audit trail must contain the login.
    pub must_record: bool,
    /// The address did not recognize the source before the login.
    pub is_from_unrecognized_source: bool,
}

/// The attribute of a source's hour that contains the attempts.
const ATTEMPTS: &str = "attempts";

#[derive(Default, Deserialize)]
struct SourceHourItem {
    /// Missing if all attempts succeeded, because `DynamoDB` stores no empty set.
    #[serde(default)]
    attempts: SourceHour,
}

impl Store {
    /// Reserves a login attempt with `address`. Returns the reservation, and the member's credentials and account if the
    /// address is known.
    ///
    /// It makes the same calls whether or not the address is known and recognizes the source, so that its duration does not
    /// reveal whether the address is known.
    ///
    /// # Errors
    /// If the attempt is throttled, or a read or write fails. Then the attempt does not count.
    pub async fn reserve_login_attempt(
        &self,
        address: Option<&EmailAddress>,
        attempt: Attempt,
    ) -> Result<(AttemptReservation, Option<(Credentials, Account)>), StoreError> {
        let mut reservation = AttemptReservation {
            attempt,
            is_in_source_hour: false,
            in_history: None,
            result: OnceLock::new(),
        };
        let reserved = timeout_at(deadline() + LAST_CALL_TIME, self.reserve(address, &mut reservation)).await;
        match reserved.unwrap_or_else(|_| Err(StoreError::TimedOut)) {
            Ok(loaded) => Ok((reservation, loaded)),
            Err(error) => {
                self.release(&reservation).await;
                Err(error)
            }
        }
    }

    /// Reserves an attempt, first with its source and then with its address. `reservation` always states what may have been
    /// written, even if the returned future is dropped.
    async fn reserve(
        &self,
        address: Option<&EmailAddress>,
        reservation: &mut AttemptReservation,
    ) -> Result<Option<(Credentials, Account)>, StoreError> {
        let mut retries = self.table.retries();
        let mut is_first = true;
        loop {
            let attempt = &reservation.attempt;
            let owner = address.map_or_else(Key::decoy, Key::email);
            let keys = [owner, Key::attempt_history(attempt), Key::source_hour(attempt)];
            let [owner, history, hour] = self.table.get_many(keys).await?;
            let history = attempt_history(history)?;
            let SourceHourItem { attempts: hour } = hour.map(to_entity).transpose()?.unwrap_or_default();
            let AdmittedAttempt { history, counted } = history.admit(attempt, &hour)?;
            let loaded = self.load_credentials(owner).await?;
            let with_source = self.reserve_with_source(counted, is_first, reservation, &mut retries);
            let reserved = match with_source.await {
                Ok(()) => {
                    let credentials = loaded.as_ref().map(|(credentials, _)| credentials);
                    self.reserve_with_address(&history, counted, credentials, reservation, &mut retries).await
                }
                Err(error) => Err(error),
            };
            match reserved {
                Ok(()) => return Ok(loaded),
                // A concurrent attempt was reserved first. Check the limits again with the new state.
                Err(StoreError::Conflict) => {
                    if !retries.pause(Cause::Conflict).await {
                        // There are too many concurrent attempts.
                        return Err(StoreError::Throttled { retry_after: 1 });
                    }
                }
                Err(error) => return Err(error),
            }
            is_first = false;
        }
    }

    /// Adds the attempt to its source's hour if the address does not recognize the source. Otherwise writes a decoy.
    ///
    /// These writes are not part of a transaction, because all logins from a source write the same item. Writes of one item never conflict
    /// with each other, only with transactions ("Transaction conflict handling in `DynamoDB`", Amazon `DynamoDB` Developer
    /// Guide).
    async fn reserve_with_source(
        &self,
        counted: CountedAttempt,
        is_first: bool,
        reservation: &mut AttemptReservation,
        retries: &mut Retries<'_>,
    ) -> Result<(), StoreError> {
        match (counted.is_unrecognized, reservation.is_in_source_hour) {
            (true, false) => {
                let write = source_hour_write(&reservation.attempt)?;
                reservation.is_in_source_hour = true;
                match self.table.write_with(write, retries).await {
                    Err(error @ (StoreError::Conflict | StoreError::Contended)) => {
                        reservation.is_in_source_hour = false;
                        Err(error)
                    }
                    written => written.map(drop),
                }
            }
            // A concurrent login has made the source recognized.
            (false, true) => {
                self.leave_source_hour(&reservation.attempt, retries).await?;
                reservation.is_in_source_hour = false;
                Ok(())
            }
            (false, false) if is_first => {
                let write = decoy_source_hour_write(&reservation.attempt)?;
                self.table.write_with(write, retries).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Counts the attempt as a failure of its address and of the member.
    async fn reserve_with_address(
        &self,
        history: &AttemptHistory,
        counted: CountedAttempt,
        credentials: Option<&Credentials>,
        reservation: &mut AttemptReservation,
        retries: &mut Retries<'_>,
    ) -> Result<(), StoreError> {
        let writes = reservation_writes(&reservation.attempt, history, credentials)?;
        // The failures of a disabled password are at their maximum and do not change.
        let enabled = credentials.filter(|credentials| !credentials.is_disabled());
        let member = enabled.map(|Credentials { member, .. }| (member.account_id, member.id));
        reservation.in_history = Some(ReservedInHistory { counted, member });
        let reserved = self.table.transact_with(writes, retries).await;
        if matches!(reserved, Err(StoreError::Conflict | StoreError::Contended)) {
            reservation.in_history = None;
        }
        reserved
    }

    /// Runs `work`, which verifies a reserved attempt, and settles the attempt by its result:
    ///
    /// - If `work` has recorded a success, the attempt is removed from its source's hour. This has its own time, and its error
    ///   does not change the result.
    /// - If `work` has marked the attempt as [failed](AttemptReservation::fail), the attempt stays counted.
    /// - If the attempt is [not counted](AttemptReservation::do_not_count), it is released. The failures before it stay counted.
    /// - If `work` fails or takes too long before that, the attempt is released: a failure of the service must not count as
    ///   a failed login.
    ///
    /// # Errors
    /// The error of `work`, or [`StoreError::TimedOut`] if it takes too long and has not recorded a success.
    pub async fn settle_attempt<T, E: From<StoreError>>(
        &self,
        reservation: &AttemptReservation,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut work = pin!(work);
        let result = match timeout_at(deadline() + LAST_CALL_TIME, &mut work).await {
            Ok(result) => result,
            // The caller must learn of a recorded success, for example to get the session's token.
            Err(_) if reservation.has_succeeded() => work.await,
            Err(_) => Err(StoreError::TimedOut.into()),
        };
        match (reservation.result.get(), &result) {
            (None, Err(_)) | (Some(AttemptResult::Uncounted), _) => self.release(reservation).await,
            (Some(AttemptResult::Succeeded), _) => self.release_from_source(reservation).await,
            (None, Ok(_)) | (Some(AttemptResult::Failed), _) => {}
        }
        result
    }

    /// Undoes a reservation, so that the attempt no longer counts. What cannot be undone in time stays counted.
    async fn release(&self, reservation: &AttemptReservation) {
        let source = self.release_from_source(reservation);
        let address = self.release_from_address(reservation);
        // Concurrently, so that a call that hangs does not use up the time of the other part.
        tokio::join!(source, address);
    }

    /// Removes an attempt that is released or has succeeded from its source's hour. Logs a warning if that fails: the attempt
    /// then counts as a failure of its source until the hour ends.
    async fn release_from_source(&self, reservation: &AttemptReservation) {
        if !reservation.is_in_source_hour {
            return;
        }
        let mut retries = self.table.retries_within(RELEASE_TIME);
        // Boxed, because the SDK's futures are large.
        let leave = Box::pin(self.leave_source_hour(&reservation.attempt, &mut retries));
        if let Err(error) = timeout(RELEASE_TIME, leave).await.unwrap_or(Err(StoreError::TimedOut)) {
            let reason = error_chain(&error);
            warn!(target: TARGET, reason, "a login attempt still counts as a failure of its source");
        }
    }

    /// Removes an attempt that is released from the failures of its address and of the member. Logs a warning if that fails:
    /// the attempt then counts as a failure.
    async fn release_from_address(&self, reservation: &AttemptReservation) {
        let Some(reserved) = &reservation.in_history else { return };
        // Boxed, because the SDK's futures are large.
        let leave = Box::pin(self.leave_history(&reservation.attempt, reserved));
        if let Err(error) = timeout(RELEASE_TIME, leave).await.unwrap_or(Err(StoreError::TimedOut)) {
            let reason = error_chain(&error);
            warn!(target: TARGET, reason, "a login attempt still counts as a failure of its address");
        }
    }

    /// Removes the attempt from its source's hour. It is safe to repeat this.
    async fn leave_source_hour(
        &self,
        attempt: &Attempt,
        retries: &mut Retries<'_>,
    ) -> Result<(), StoreError> {
        // If there is no item yet, this creates one, which must expire, too.
        let remove = Write::update(Key::source_hour(attempt), "SET #ttl = :end DELETE #attempts :attempts")
            .name("#ttl", "ttl")
            .name("#attempts", ATTEMPTS)
            .value(":end", attempt.hour_expires_at())?
            .value(":attempts", NumberSet([attempt.id]))?;
        self.table.write_with(remove, retries).await.map(drop)
    }

    /// Removes the attempt from the history of its address and from the member's failures. This changes nothing if the attempt
    /// was removed before, or if the member has logged in with the password from the same source since.
    ///
    /// A login with the password from another source resets the member's failures, but the history of this source still contains the
    /// attempt. Then one later failure may be removed from the member's failures instead.
    async fn leave_history(&self, attempt: &Attempt, reserved: &ReservedInHistory) -> Result<(), StoreError> {
        let mut retries = self.table.retries_within(RELEASE_TIME);
        loop {
            let member_key =
                || reserved.member.map_or_else(Key::decoy, |(account, user)| Key::member(account, user));
            let keys = [Key::attempt_history(attempt), member_key()];
            let [history, member] = self.table.get_many(keys).await?;
            let history = attempt_history(history)?;
            let Some(released) = history.without_attempt(attempt, reserved.counted) else { return Ok(()) };
            let mut writes = vec![history_write(attempt, &released)?];
            let failures = member.map(consecutive_failures).transpose()?;
            if let Some(failures @ 1..) = failures {
                writes.push(failures_write(member_key(), failures, failures - 1)?);
            }
            match self.table.transact_with(writes, &mut retries).await {
                Err(StoreError::Conflict) => {
                    if !retries.pause(Cause::Conflict).await {
                        return Err(StoreError::Contended);
                    }
                }
                result => return result,
            }
        }
    }

    /// Makes `writes`, which mark an attempt as successful. [`settle_attempt`](Self::settle_attempt) then removes it from its
    /// source's hour.
    pub(super) async fn succeed(
        &self,
        reservation: &AttemptReservation,
        writes: Vec<Write>,
    ) -> Result<(), StoreError> {
        self.table.transact(writes).await?;
        reservation.result.get_or_init(|| AttemptResult::Succeeded);
        Ok(())
    }

    /// Makes `writes`, which contain the [writes of `login`](Self::login_writes).
    pub(super) async fn log_in(&self, login: &Login<'_>, writes: Vec<Write>) -> Result<(), StoreError> {
        match login {
            Login::Attempt(reservation) => self.succeed(reservation, writes).await,
            Login::Passkey(_) => self.table.transact(writes).await,
        }
    }

    /// Returns the writes that record a login and count a new session of the member. They fail with `Conflict` if another session was
    /// created since `logins` was read, and with `NotFound` if the member no longer exists.
    pub(super) async fn login_writes(
        &self,
        login: &Login<'_>,
        account: AccountId,
        user: UserId,
        logins: u32,
    ) -> Result<LoginWrites, StoreError> {
        match login {
            Login::Attempt(reservation) => {
                let recorded = reservation.attempt.recorded_login(user);
                let recognition = recognition_write(&reservation.attempt, Some(recorded))?;
                let member =
                    logged_in_write(account, user, logins, "SET #failures = :zero, #logins = :next")?
                        .name("#failures", FAILURES)
                        .value(":zero", 0)?;
                Ok(LoginWrites {
                    writes: vec![recognition, member],
                    must_record: reservation.must_record_login(user),
                    is_from_unrecognized_source: reservation.is_from_unrecognized_source(),
                })
            }
            Login::Passkey(attempt) => {
                let history = self.attempt_history(attempt).await?;
                let member = logged_in_write(account, user, logins, "SET #logins = :next")?;
                Ok(LoginWrites {
                    writes: vec![history_write(attempt, &history.with_login(attempt, user))?, member],
                    must_record: !history.has_recorded(attempt, user),
                    is_from_unrecognized_source: !history.recognizes(attempt),
                })
            }
        }
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
        let writes = correct_password_writes(reservation, member.account_id, member.id)?;
        self.succeed(reservation, writes).await
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
        let rejected = Action::LoginRefused { user_id, reason: LoginRejection::Suspended };
        let mut writes = correct_password_writes(reservation, account_id, user_id)?;
        writes.extend(rejection_writes(account_id, None, rejected, audit_context)?);
        self.succeed(reservation, writes).await
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
        let AddressOwner { account_id, user_id } =
            self.address_owner(address).await?.ok_or(StoreError::NotFound)?;
        let enabled = Action::PasswordEnabled { user_id };
        let mut writes = vec![reset_failures_write(account_id, user_id)?];
        writes.extend(event_writes(account_id, Actor::Operator, enabled, audit_context)?);
        if let Some(attempt) = recognized {
            let history = self.attempt_history(attempt).await?;
            writes.push(history_write(attempt, &history.with_recognized_source(attempt))?);
        }
        self.table.transact(writes).await?;
        Ok((account_id, user_id))
    }

    /// Returns the write that makes the address recognize the source of `attempt`, from which a member has accepted an invitation. It
    /// fails with `Conflict` if the history is changed before.
    pub(super) async fn acceptance_write(&self, attempt: &Attempt) -> Result<Write, StoreError> {
        history_write(attempt, &self.attempt_history(attempt).await?.with_success(attempt))
    }

    /// Loads the attempt history of the address of `attempt`.
    async fn attempt_history(&self, attempt: &Attempt) -> Result<AttemptHistory, StoreError> {
        attempt_history(self.table.get(Key::attempt_history(attempt)).await?)
    }
}

/// Returns the attempt history in an item. Without an item, there were no attempts.
fn attempt_history(item: Option<impl Into<BatchItem>>) -> Result<AttemptHistory, StoreError> {
    Ok(item.map(to_entity).transpose()?.unwrap_or_default())
}

/// Returns the writes that reserve an attempt with its address. They fail if a concurrent attempt was reserved first.
fn reservation_writes(
    attempt: &Attempt,
    history: &AttemptHistory,
    credentials: Option<&Credentials>,
) -> Result<Vec<Write>, StoreError> {
    let password = match credentials {
        Some(Credentials { member, failures, .. }) => {
            let next = MAX_CONSECUTIVE_FAILURES.min(failures + 1);
            failures_write(Key::member(member.account_id, member.id), *failures, next)?
        }
        None => Write::put(with_ttl(Key::decoy_member(attempt).into_attributes(), history.expires_at())?),
    };
    Ok(vec![history_write(attempt, history)?, password])
}

/// Returns the write that adds an attempt to its source's hour. It fails if the hour is full. It is safe to repeat, because
/// the attempts are a set.
fn source_hour_write(attempt: &Attempt) -> Result<Write, StoreError> {
    hour_write(Key::source_hour(attempt), attempt, MAX_UNRECOGNIZED_FAILURES)
}

/// Returns the write that adds the attempt to the hour `key`. It fails if the hour has `limit` attempts. It is safe to repeat,
/// because the attempts are a set.
pub(super) fn hour_write(key: Key, attempt: &Attempt, limit: u32) -> Result<Write, StoreError> {
    const HAS_ROOM: &str =
        "attribute_not_exists(#attempts) OR size(#attempts) < :limit OR contains(#attempts, :attempt)";
    Write::update(key, "SET #ttl = :end ADD #attempts :attempts")
        .condition(HAS_ROOM, || StoreError::Conflict)
        .name("#ttl", "ttl")
        .name("#attempts", ATTEMPTS)
        .value(":end", attempt.hour_expires_at())?
        .value(":attempt", attempt.id)?
        .value(":attempts", NumberSet([attempt.id]))?
        .value(":limit", limit)
}

/// Returns the write that takes the place of [`source_hour_write`] if the address recognizes the source.
fn decoy_source_hour_write(attempt: &Attempt) -> Result<Write, StoreError> {
    Write::update(Key::decoy_source_hour(attempt), "SET #ttl = :end")
        .name("#ttl", "ttl")
        .value(":end", attempt.hour_expires_at())
}

/// Returns the write that changes the member's consecutive failures from `before` to `after`.
fn failures_write(member: Key, before: u32, after: u32) -> Result<Write, StoreError> {
    Write::update(member, "SET #failures = :after")
        .condition("#failures = :before", || StoreError::Conflict)
        .name("#failures", FAILURES)
        .value(":before", before)?
        .value(":after", after)
}

/// Returns the write that replaces the attempt history with its next revision.
fn history_write(attempt: &Attempt, history: &AttemptHistory) -> Result<Write, StoreError> {
    let item = to_item(Key::attempt_history(attempt), history)?;
    Write::put(with_ttl(item, history.expires_at())?)
        .condition("attribute_not_exists(pk) OR #revision = :expected", || StoreError::Conflict)
        .name("#revision", "revision")
        .value(":expected", history.revision - 1)
}

/// Returns the write that marks an attempt as successful in the history of its address.
pub(super) fn success_write(reservation: &AttemptReservation) -> Result<Write, StoreError> {
    recognition_write(&reservation.attempt, reservation.last_recorded_login())
}

/// Returns the write that makes the address recognize the source of `attempt`, which succeeded.
fn recognition_write(attempt: &Attempt, recorded: Option<RecordedLogin>) -> Result<Write, StoreError> {
    let source = SourceHistory::recognized(attempt.at, recorded);
    let end = source.recognized_until().map(Timestamp::unix_seconds);
    Write::update(
        Key::attempt_history(attempt),
        "SET #sources.#source = :recognized, #revision = #revision + :one, #ttl = :end",
    )
    .name("#sources", "sources")
    .name("#source", &attempt.source)
    .name("#revision", "revision")
    .name("#ttl", "ttl")
    .value(":recognized", source)?
    .value(":one", 1)?
    .value(":end", end)
}

/// Returns the writes that mark an attempt with the member's correct password as successful.
pub(super) fn correct_password_writes(
    reservation: &AttemptReservation,
    account: AccountId,
    user: UserId,
) -> Result<Vec<Write>, StoreError> {
    Ok(vec![success_write(reservation)?, reset_failures_write(account, user)?])
}

/// Returns the write that counts a new session of the member. `update` sets `#logins` to `:next`.
fn logged_in_write(
    account: AccountId,
    user: UserId,
    logins: u32,
    update: &'static str,
) -> Result<Write, StoreError> {
    let condition = if logins == 0 {
        "attribute_exists(pk) AND (attribute_not_exists(#logins) OR #logins = :logins)"
    } else {
        "#logins = :logins"
    };
    Write::update(Key::member(account, user), update)
        .condition_with_item(condition, StoreError::not_found_or_conflict)
        .name("#logins", LOGINS)
        .value(":logins", logins)?
        .value(":next", logins.saturating_add(1))
}

/// Returns the write that resets the member's consecutive failures.
fn reset_failures_write(account: AccountId, user: UserId) -> Result<Write, StoreError> {
    Write::update(Key::member(account, user), "SET #failures = :zero")
        .if_exists()
        .name("#failures", FAILURES)
        .value(":zero", 0)
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::config::{BehaviorVersion, Builder};
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::{credentials::pepper::tests::peppers, primitives::random::Random, store::dynamodb::DynamoDb};

    /// Settles an attempt that has written nothing. Its work sets `result` and then takes 20 seconds. Returns the result of the
    /// work and the duration.
    async fn settle(result: Option<AttemptResult>) -> (Result<(), StoreError>, Duration) {
        let random = Random::system();
        let dynamodb = DynamoDb::new(Builder::new().behavior_version(BehaviorVersion::v2026_01_12()));
        let store = Store::new(dynamodb, "table".to_owned(), &random);
        let at = "2026-01-30T12:00:00Z".parse().unwrap();
        let reservation = AttemptReservation {
            attempt: Attempt::new("address", None, at, &peppers("1"), &random),
            is_in_source_hour: false,
            in_history: None,
            result: result.map_or_else(OnceLock::new, OnceLock::from),
        };
        let start = Instant::now();
        let work = async {
            sleep(Duration::from_secs(20)).await;
            Ok(())
        };
        (store.settle_attempt(&reservation, work).await, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn work_times_out_a_second_after_the_retries_unless_it_has_recorded_a_success() {
        for result in [None, Some(AttemptResult::Failed)] {
            let (settled, duration) = settle(result).await;
            assert!(matches!(settled, Err(StoreError::TimedOut)), "{result:?}: {settled:?}");
            assert_eq!(duration.as_secs(), 7, "{result:?}");
        }
        let (settled, duration) = settle(Some(AttemptResult::Succeeded)).await;
        assert!(settled.is_ok() && duration.as_secs() == 20, "{settled:?}");
    }
}
