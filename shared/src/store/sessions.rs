//! Reads and writes of sessions.

use std::num::NonZeroU32;

use crate::{
    authorization::principal::SessionPrincipal,
    credentials::digest::TokenDigest,
    model::{
        audit_event::{Action, Actor, AuditContext, EndReason},
        member::MemberStatus,
        restrictions::Restrictions,
        session::Session,
    },
    primitives::{
        id::{AccountId, SessionId, UserId},
        pagination::{Page, Paging},
        timestamp::Timestamp,
    },
    store::{
        Store,
        audit_events::{change_write, event_write},
        dynamodb::{
            attributes::{attribute, to_item},
            key::Key,
            retry::Cause,
            write::Write,
        },
        error::StoreError,
        keys::{self, member_partition},
        login_attempts::{AttemptReservation, correct_password_writes, login_writes},
        member_credentials::{Credentials, created_sessions},
    },
};

/// The number of sessions that one transaction ends. It makes two writes for each, and at most 100 writes.
const MAX_ENDED: usize = 40;

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
    /// `audit_context` returns the context of one event.
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
    ) -> Result<(), StoreError> {
        let Session { id: session_id, account_id, user_id, created_at, .. } = *session;
        let actor = Actor::Session { user_id, session_id };
        let limit = usize::try_from(limit.get()).map_err(StoreError::bug)?;
        let mut logins = credentials.logins;
        let mut retries = self.table.retries();
        loop {
            let (dead, mut live): (Vec<_>, Vec<_>) =
                self.all_sessions(account_id, user_id).await?.into_iter().partition(|stored| {
                    stored.has_expired(created_at)
                        || stored.epoch < session.epoch
                        || stored.account_epoch < session.account_epoch
                });
            // The oldest ones, because the newest come first.
            let mut excess = live.split_off(live.len().min(limit - 1));
            let ends_all = excess.len() <= MAX_ENDED;
            let excess = excess.split_off(excess.len().saturating_sub(MAX_ENDED));
            let mut writes = Vec::new();
            for ended in &excess {
                let reason = EndReason::SessionLimit;
                let action = Action::SessionEnded { user_id, session_id: ended.id, reason };
                let key = Key::session(account_id, user_id, ended.id);
                writes.push(Write::delete(key).condition("attribute_exists(pk)", || StoreError::Conflict));
                writes.push(event_write(account_id, actor, action, &audit_context())?);
            }
            if ends_all {
                for stored in dead.iter().rev().take(MAX_DELETED) {
                    // When all other sessions of a member end, the caller's session moves to the new epoch.
                    let delete = Write::delete(Key::session(account_id, user_id, stored.id))
                        .condition("attribute_not_exists(pk) OR #epoch = :epoch", || StoreError::Conflict)
                        .name("#epoch", "epoch")
                        .value(":epoch", stored.epoch)?;
                    writes.push(delete);
                }
                let mut all = login_writes(reservation, account_id, user_id, logins)?;
                all.push(new_session_write(session)?);
                if reservation.must_record_login(user_id) {
                    let action = Action::LoginSucceeded { user_id, session_id };
                    all.push(event_write(account_id, actor, action, &audit_context())?);
                }
                all.append(&mut writes);
                writes = all;
            }
            let written = if ends_all {
                self.succeed(reservation, writes).await
            } else {
                // A transaction cannot end all of them. The next iteration ends the rest.
                self.table.transact(writes).await
            };
            match written {
                Ok(()) if ends_all => return Ok(()),
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

    /// Records that the member of the session `caller` has authenticated at `now`, and marks the attempt as successful.
    ///
    /// # Errors
    /// If the session has ended in the meantime, or the write fails.
    pub async fn record_authentication(
        &self,
        caller: &SessionPrincipal,
        reservation: &AttemptReservation,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let SessionPrincipal { account_id, user_id, session_id, session_epoch, .. } = *caller;
        let key = Key::session(account_id, user_id, session_id);
        let update = Write::update(key, "SET #authenticated_at = :now")
            .condition(
                "#epoch = :epoch AND #expires_at > :now AND attribute_not_exists(#restrictions)",
                || StoreError::Conflict,
            )
            .name("#authenticated_at", "authenticated_at")
            .name("#epoch", "epoch")
            .name("#expires_at", "expires_at")
            .name("#restrictions", Restrictions::ATTRIBUTE)
            .value(":epoch", session_epoch)?
            .value(":now", now)?;
        let mut writes = correct_password_writes(reservation, account_id, user_id)?;
        writes.push(update);
        self.succeed(reservation, writes).await
    }

    /// Ends the session `id` of the caller's member.
    ///
    /// # Errors
    /// If the session does not exist, or the write fails.
    pub async fn end_session(
        &self,
        caller: &SessionPrincipal,
        id: SessionId,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let SessionPrincipal { account_id, user_id, session_epoch, .. } = *caller;
        // A session of an earlier epoch has ended, although its item still exists.
        let delete = Write::delete(Key::session(account_id, user_id, id))
            .if_exists()
            .and("#epoch = :epoch AND #expires_at > :now")
            .name("#epoch", "epoch")
            .name("#expires_at", "expires_at")
            .value(":epoch", session_epoch)?
            .value(":now", audit_context.at)?;
        let action = Action::SessionEnded { user_id, session_id: id, reason: EndReason::Requested };
        let event = event_write(account_id, caller.into(), action, audit_context)?;
        self.table.transact(vec![delete, event]).await
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
            .condition(
                "#session_epoch = :epoch AND #status = :active AND attribute_not_exists(#restrictions)",
                || StoreError::Conflict,
            )
            .name("#session_epoch", "session_epoch")
            .name("#status", "status")
            .name("#restrictions", Restrictions::ATTRIBUTE)
            .value(":active", MemberStatus::Active)?
            .value(":epoch", session_epoch)?
            .value(":next", next)?;
        let action = Action::MemberSessionsEnded { user_id, kept_session_id: Some(session_id) };
        let event = event_write(account_id, caller.into(), action, audit_context)?;
        self.table.transact(vec![member, next_epoch_write(caller, next)?, event]).await
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
        let event = change_write(account_id, actor, action, audit_context)?;
        self.table.transact(vec![delete, event]).await
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

/// Returns the write that moves the caller's session to the epoch `next` of its member, so that it does not end with the others.
pub(super) fn next_epoch_write(caller: &SessionPrincipal, next: u32) -> Result<Write, StoreError> {
    let SessionPrincipal { account_id, user_id, session_id, .. } = *caller;
    Write::update(Key::session(account_id, user_id, session_id), "SET #epoch = :next")
        .condition("attribute_exists(pk) AND attribute_not_exists(#restrictions)", || StoreError::Conflict)
        .name("#restrictions", Restrictions::ATTRIBUTE)
        .name("#epoch", "epoch")
        .value(":next", next)
}

/// Returns the write that creates a session.
fn new_session_write(session: &Session) -> Result<Write, StoreError> {
    let mut item = to_item(Key::session(session.account_id, session.user_id, session.id), session)?;
    item.insert("ttl".to_owned(), attribute(session.expires_at.unix_seconds())?);
    Ok(Write::put_new(item, StoreError::id_taken))
}
