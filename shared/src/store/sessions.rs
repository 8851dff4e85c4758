//! Reads and writes of sessions.

use crate::{
    credentials::digest::TokenDigest,
    model::{
        audit_event::{Action, Actor, AuditContext, EndReason},
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

    /// Ends a session.
    ///
    /// # Errors
    /// If the session does not exist, or the write fails.
    pub async fn end_session(
        &self,
        account: AccountId,
        user: UserId,
        session: SessionId,
    ) -> Result<(), StoreError> {
        self.table.write(Write::delete(Key::session(account, user, session)).if_exists()).await.map(drop)
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
        self.end_recorded(session, Some(Actor::Operator), EndReason::Requested, audit_context).await
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
        self.end_recorded(session, None, EndReason::Reported, audit_context).await
    }

    /// Ends a session and records that in the audit trail.
    async fn end_recorded(
        &self,
        session: &Session,
        actor: Option<Actor>,
        reason: EndReason,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let Session { id: session_id, account_id, user_id, .. } = *session;
        let delete = Write::delete(Key::session(account_id, user_id, session_id)).if_exists();
        let action = Action::SessionEnded { user_id, session_id, reason };
        let event = change_write(account_id, actor, action, audit_context)?;
        match self.table.transact(vec![delete, event]).await {
            Ok(()) | Err(StoreError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
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
