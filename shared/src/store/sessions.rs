//! Reads and writes of sessions.

use std::num::NonZeroU32;

use crate::{
    authorization::principal::{Principal, SessionPrincipal},
    credentials::digest::TokenDigest,
    model::{
        audit_event::{Action, Actor, AuditContext, EndReason},
        challenge::ClaimedChallenge,
        login_token::LoginToken,
        member::MemberStatus,
        session::Session,
    },
    primitives::{
        factor::Factor,
        id::{AccountId, SessionId, UserId},
        pagination::{Page, Paging},
        timestamp::Timestamp,
    },
    rate_limit::login_throttle::Attempt,
    store::{
        Store,
        audit_events::{change_writes, event_writes},
        challenges,
        dynamodb::{
            attributes::{to_item, with_ttl},
            key::Key,
            retry::Cause,
            write::Write,
        },
        error::StoreError,
        keys::{self, member_partition},
        login_attempts::{AttemptReservation, Login, correct_password_writes},
        login_tokens,
        member_credentials::{Credentials, created_sessions},
        passkeys::{self, UsedPasskey},
        preconditions::{account_still_active, if_member_has_no_unknown_restriction, if_session_valid},
        recovery_codes::{self, UsedRecoveryCode},
    },
};

/// What completes a login after the password.
#[derive(Debug)]
pub enum SecondFactor<'a> {
    Passkey(UsedPasskey<'a>),
    RecoveryCode(UsedRecoveryCode<'a>),
}

/// The number of sessions that one transaction ends. It makes three writes for each, and at most 100 writes.
const MAX_ENDED: usize = 24;

/// The number of expired sessions that a login deletes. `DynamoDB` may delete them days after they expire. A login reads all
/// sessions of the member, so their number must not grow with each login.
const MAX_DELETED: usize = 16;

/// The number of sessions that one query reads.
const SESSIONS_PER_READ: usize = 100;

impl Store {
    /// Creates a session of the member with `credentials` and marks the login attempt as successful. Ends the member's oldest
    /// sessions, so that at most `limit` remain, also if the member logs in several times at once. `DynamoDB` deletes a session some
    /// time after it expires.
    ///
    /// `audit_context` returns the context of one event. Returns true if the address did not recognize the source before the login.
    ///
    /// # Errors
    /// If the member no longer exists, too many other logins of the member succeed at the same time, or a read or a write fails.
    pub async fn create_session(
        &self,
        session: &Session,
        credentials: &Credentials,
        limit: NonZeroU32,
        reservation: &AttemptReservation,
        audit_context: impl Fn() -> AuditContext,
    ) -> Result<bool, StoreError> {
        let login = Login::Attempt(reservation);
        self.insert_session(session, credentials.logins, limit, &login, &[], audit_context).await
    }

    /// Creates a session as [`create_session`](Self::create_session) does, and uses the login token and the second factor up.
    ///
    /// # Errors
    /// Also if the login token or the second factor is no longer valid.
    #[expect(clippy::too_many_arguments, reason = "one transaction ends all that the login has used")]
    pub async fn create_session_with_second_factor(
        &self,
        session: &Session,
        credentials: &Credentials,
        limit: NonZeroU32,
        reservation: &AttemptReservation,
        token: &LoginToken,
        factor: &SecondFactor<'_>,
        audit_context: impl Fn() -> AuditContext,
    ) -> Result<bool, StoreError> {
        let Session { id: session_id, account_id, user_id, created_at, .. } = *session;
        let writes = match factor {
            SecondFactor::Passkey(used) => vec![
                login_tokens::use_write(token, true, created_at)?,
                passkeys::use_write(used, created_at)?,
            ],
            SecondFactor::RecoveryCode(used) => {
                let actor = Actor::Session { user_id, session_id };
                let action = Action::RecoveryCodeUsed { user_id, session_id };
                let mut writes = vec![
                    login_tokens::use_write(token, false, created_at)?,
                    recovery_codes::use_write(account_id, user_id, used)?,
                ];
                writes.extend(event_writes(account_id, actor, action, &audit_context())?);
                writes
            }
        };
        let login = Login::Attempt(reservation);
        self.insert_session(session, credentials.logins, limit, &login, &writes, audit_context).await
    }

    /// Creates a session as [`create_session`](Self::create_session) does, for a member who logged in with a passkey alone, and uses
    /// the challenge up. A passkey can't be guessed, so no attempt is reserved. The failures of the password stay as they are.
    ///
    /// # Errors
    /// Also if the challenge or the passkey is no longer valid.
    #[expect(clippy::too_many_arguments, reason = "one transaction ends all that the login has used")]
    pub async fn create_session_with_passkey(
        &self,
        session: &Session,
        credentials: &Credentials,
        limit: NonZeroU32,
        attempt: &Attempt,
        claimed: &ClaimedChallenge,
        used: &UsedPasskey<'_>,
        audit_context: impl Fn() -> AuditContext,
    ) -> Result<bool, StoreError> {
        let now = session.created_at;
        let writes = [challenges::use_write(claimed, now)?, passkeys::use_write(used, now)?];
        let login = Login::Passkey(attempt);
        self.insert_session(session, credentials.logins, limit, &login, &writes, audit_context).await
    }

    /// Creates a session together with the writes of the login and with `further` ones. `logins` is the number of sessions that were
    /// created for the member before. Returns true if the address did not recognize the source before the login.
    async fn insert_session(
        &self,
        session: &Session,
        mut logins: u32,
        limit: NonZeroU32,
        login: &Login<'_>,
        further: &[Write],
        audit_context: impl Fn() -> AuditContext,
    ) -> Result<bool, StoreError> {
        let Session { id: session_id, account_id, user_id, created_at, .. } = *session;
        let actor = Actor::Session { user_id, session_id };
        let limit = usize::try_from(limit.get()).map_err(StoreError::bug)?;
        let mut retries = self.table.retries();
        loop {
            let (ended, mut active): (Vec<_>, Vec<_>) =
                self.all_sessions(account_id, user_id).await?.into_iter().partition(|stored| {
                    stored.has_expired(created_at)
                        || stored.epoch < session.epoch
                        || stored.account_epoch < session.account_epoch
                });
            // The oldest ones, because the newest come first.
            let mut excess = active.split_off(active.len().min(limit - 1));
            let ends_all = excess.len() <= MAX_ENDED;
            let excess = excess.split_off(excess.len().saturating_sub(MAX_ENDED));
            let mut writes = Vec::new();
            let mut is_from_unrecognized_source = false;
            for oldest in &excess {
                let reason = EndReason::SessionLimit;
                let action = Action::SessionEnded { user_id, session_id: oldest.id, reason };
                let key = Key::session(account_id, user_id, oldest.id);
                writes.push(Write::delete(key).condition("attribute_exists(pk)", || StoreError::Conflict));
                writes.extend(event_writes(account_id, actor, action, &audit_context())?);
            }
            if ends_all {
                for stored in ended.iter().rev().take(MAX_DELETED) {
                    // When all other sessions of a member end, the caller's session moves to the new epoch.
                    let delete = Write::delete(Key::session(account_id, user_id, stored.id))
                        .condition("attribute_not_exists(pk) OR #epoch = :epoch", || StoreError::Conflict)
                        .name("#epoch", "epoch")
                        .value(":epoch", stored.epoch)?;
                    writes.push(delete);
                }
                let login = self.login_writes(login, account_id, user_id, logins).await?;
                is_from_unrecognized_source = login.is_from_unrecognized_source;
                // The first condition that fails determines the error.
                let mut all = further.to_vec();
                all.extend(login.writes);
                all.push(new_session_write(session)?);
                if login.must_record {
                    let action = Action::LoginSucceeded { user_id, session_id };
                    all.extend(event_writes(account_id, actor, action, &audit_context())?);
                }
                all.append(&mut writes);
                writes = all;
            }
            let written = if ends_all {
                self.log_in(login, writes).await
            } else {
                // A transaction cannot end all of them. The next iteration ends the rest.
                self.table.transact(writes).await
            };
            match written {
                Ok(()) if ends_all => return Ok(is_from_unrecognized_source),
                Ok(()) => {}
                Err(StoreError::Conflict) if retries.pause(Cause::Conflict).await => {
                    let [member] = self.table.get_many([Key::member(account_id, user_id)]).await?;
                    logins = created_sessions(&mut member.ok_or(StoreError::NotFound)?)?;
                }
                Err(StoreError::Conflict) => return Err(StoreError::Contended),
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads all sessions of a member, newest first.
    async fn all_sessions(&self, account: AccountId, user: UserId) -> Result<Vec<Session>, StoreError> {
        let mut sessions = Vec::new();
        let mut paging = Paging { limit: SESSIONS_PER_READ, after: None };
        loop {
            let page = self.sessions(account, user, &paging, |_| true).await?;
            sessions.extend(page.entities);
            if page.next.is_none() {
                return Ok(sessions);
            }
            paging.after = page.next;
        }
    }

    /// Lists the member's sessions that match `filter`, newest first.
    ///
    /// # Errors
    /// If a read fails.
    pub async fn sessions(
        &self,
        account: AccountId,
        user: UserId,
        paging: &Paging,
        filter: impl Fn(&Session) -> bool,
    ) -> Result<Page<Session>, StoreError> {
        self.table.list(member_partition(account, user), keys::SESSIONS, paging, filter).await
    }

    /// Records that the member of the session `caller` has authenticated with the password at `now`, and marks the attempt as successful.
    ///
    /// # Errors
    /// If the session has ended in the meantime, or the write fails.
    pub async fn record_authentication(
        &self,
        caller: &SessionPrincipal,
        reservation: &AttemptReservation,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut writes = correct_password_writes(reservation, caller.account_id, caller.user_id)?;
        writes.push(authentication_write(caller, Factor::Password, now)?);
        self.succeed(reservation, writes).await
    }

    /// Records that the member of the session `caller` has authenticated with a passkey at `now`, and uses the challenge up. The failures
    /// of the password stay as they are.
    ///
    /// # Errors
    /// Also if the challenge or the passkey is no longer valid.
    pub async fn record_passkey_authentication(
        &self,
        caller: &SessionPrincipal,
        claimed: &ClaimedChallenge,
        used: &UsedPasskey<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let writes = vec![
            challenges::use_write(claimed, now)?,
            passkeys::use_write(used, now)?,
            authentication_write(caller, Factor::Passkey, now)?,
        ];
        self.table.transact(writes).await
    }

    /// Ends the session `id` of the caller's member.
    ///
    /// # Errors
    /// If the session does not exist or has ended, or the write fails.
    pub async fn end_session(
        &self,
        caller: &SessionPrincipal,
        id: SessionId,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let SessionPrincipal { account_id, user_id, session_epoch, account_epoch, .. } = *caller;
        let now = audit_context.at;
        // A session of an earlier epoch has ended, although its item still exists. So has an expired one.
        let delete = Write::delete(Key::session(account_id, user_id, id))
            .if_exists()
            .and("#epoch = :epoch AND #expires_at > :now AND (#created_at > :idle OR #last_used_at > :idle)")
            .name("#epoch", "epoch")
            .name("#expires_at", "expires_at")
            .name("#created_at", "created_at")
            .name("#last_used_at", "last_used_at")
            .value(":epoch", session_epoch)?
            .value(":now", now)?
            .value(":idle", Session::last_expired_use(now))?
            .name("#account_epoch", "account_epoch")
            .value(":account_epoch", account_epoch)?;
        // Sessions of earlier versions do not have the attribute.
        let delete = delete.and(if account_epoch == 0 {
            "(attribute_not_exists(#account_epoch) OR #account_epoch = :account_epoch)"
        } else {
            "#account_epoch = :account_epoch"
        });
        let action = Action::SessionEnded { user_id, session_id: id, reason: EndReason::Requested };
        let mut writes = vec![delete];
        writes.extend(event_writes(account_id, caller.into(), action, audit_context)?);
        self.table.transact(writes).await
    }

    /// Ends all sessions of the caller's member except for the caller's, including those of logins in progress, in one write.
    ///
    /// # Errors
    /// If the caller's session has ended in the meantime or all other sessions were ended by another request, or the write fails.
    pub async fn end_other_sessions(
        &self,
        caller: &SessionPrincipal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let SessionPrincipal { account_id, user_id, session_id, session_epoch, .. } = *caller;
        let next = session_epoch + 1;
        let member = Write::update(Key::member(account_id, user_id), "SET #session_epoch = :next")
            .condition("#session_epoch = :epoch AND #status = :active", || StoreError::Conflict);
        let member = if_member_has_no_unknown_restriction(member)?
            .name("#session_epoch", "session_epoch")
            .name("#status", "status")
            .value(":active", MemberStatus::Active)?
            .value(":epoch", session_epoch)?
            .value(":next", next)?;
        let action = Action::MemberSessionsEnded { user_id, kept_session_id: Some(session_id) };
        let mut writes = vec![
            member,
            next_epoch_write(caller, next, audit_context.at)?,
            account_still_active(&Principal::Session(caller.clone()))?,
        ];
        writes.extend(event_writes(account_id, caller.into(), action, audit_context)?);
        self.table.transact(writes).await
    }

    /// Ends a session on behalf of the operator. Succeeds if the session has ended already.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn end_session_as_operator(
        &self,
        session: &Session,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let actor = Some(Actor::Operator);
        if_ended(self.end_recorded(id(session), actor, EndReason::Requested, audit_context).await)
    }

    /// Ends a session, because somebody reported its token as leaked. Succeeds if the session has ended already.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn end_reported_session(
        &self,
        session: &Session,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        if_ended(self.end_recorded(id(session), None, EndReason::Reported, audit_context).await)
    }

    /// Ends a session and records that in the audit trail.
    async fn end_recorded(
        &self,
        (account_id, user_id, session_id): (AccountId, UserId, SessionId),
        actor: Option<Actor>,
        reason: EndReason,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let delete = Write::delete(Key::session(account_id, user_id, session_id)).if_exists();
        let action = Action::SessionEnded { user_id, session_id, reason };
        let mut writes = vec![delete];
        writes.extend(change_writes(account_id, actor, action, audit_context)?);
        self.table.transact(writes).await
    }

    /// Records the use of `session` and stores `digest` as the digest of its token. A session that has ended in the meantime
    /// stays ended.
    ///
    /// # Errors
    /// If the write fails.
    pub async fn record_session_use(
        &self,
        session: &Session,
        digest: &TokenDigest,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = Key::session(session.account_id, session.user_id, session.id);
        let update = Write::update(key, "SET #last_used_at = :now, #digest = :digest")
            .if_exists()
            .name("#last_used_at", "last_used_at")
            .name("#digest", "digest")
            .value(":now", now)?
            .value(":digest", digest)?;
        match self.table.write(update).await {
            Ok(_) | Err(StoreError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn id(session: &Session) -> (AccountId, UserId, SessionId) {
    (session.account_id, session.user_id, session.id)
}

/// Treats a session that had ended before as ended.
fn if_ended(result: Result<(), StoreError>) -> Result<(), StoreError> {
    match result {
        Err(StoreError::NotFound) => Ok(()),
        result => result,
    }
}

/// Returns the write that moves the caller's session to the epoch `next` of its member, so that it does not end with the others. It fails
/// if the session has ended.
pub(super) fn next_epoch_write(
    caller: &SessionPrincipal,
    next: u32,
    now: Timestamp,
) -> Result<Write, StoreError> {
    let SessionPrincipal { account_id, user_id, session_id, .. } = *caller;
    let key = Key::session(account_id, user_id, session_id);
    let write = Write::update(key, "SET #epoch = :next").value(":next", next)?;
    if_session_valid(write, caller, now)
}

/// Returns the write that records an authentication of the member of the session `caller`. It fails if the session has ended.
fn authentication_write(
    caller: &SessionPrincipal,
    factor: Factor,
    now: Timestamp,
) -> Result<Write, StoreError> {
    let SessionPrincipal { account_id, user_id, session_id, factors, .. } = *caller;
    let write = Write::update(
        Key::session(account_id, user_id, session_id),
        "SET #authenticated_at = :now, #factors = :factors",
    )
    .name("#authenticated_at", "authenticated_at")
    .name("#factors", "factors")
    .value(":factors", factors.with(factor))?;
    if_session_valid(write, caller, now)
}

/// Returns the write that creates a session.
pub(super) fn new_session_write(session: &Session) -> Result<Write, StoreError> {
    let item = to_item(Key::session(session.account_id, session.user_id, session.id), session)?;
    Ok(Write::put_new(with_ttl(item, session.expires_at)?, StoreError::id_taken))
}
