//! Reads and writes of sessions.

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
            write::Write,
        },
        error::StoreError,
        keys::{self, member_partition},
        login_attempts::{AttemptReservation, correct_password_writes},
    },
};

impl Store {
    /// Creates a session and marks the login attempt as successful. `DynamoDB` deletes the session some time after it expires.
    ///
    /// # Errors
    /// If the member no longer exists, or the write fails.
    pub async fn create_session(
        &self,
        session: &Session,
        reservation: &AttemptReservation,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let mut item = to_item(Key::session(session.account_id, session.user_id, session.id), session)?;
        item.insert("ttl".to_owned(), attribute(session.expires_at.unix_seconds())?);
        let Session { id: session_id, account_id, user_id, .. } = *session;
        let actor = Actor::Session { user_id, session_id };
        let action = Action::LoginSucceeded { user_id, session_id };
        let event = event_write(account_id, actor, action, audit_context)?;
        let session = Write::put_new(item, StoreError::id_taken);
        let mut writes = correct_password_writes(reservation, account_id, user_id)?;
        writes.extend([session, event]);
        self.succeed(reservation, writes).await
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
        let SessionPrincipal { account_id, user_id, .. } = *caller;
        let id = (account_id, user_id, id);
        self.end_recorded(id, Some(caller.into()), EndReason::Requested, audit_context).await
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
