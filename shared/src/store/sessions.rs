//! Sessions in the table.

use crate::{
    model::{
        audit_event::{Action, Actor, AuditContext},
        session::Session,
    },
    primitives::{
        id::{AccountId, SessionId, UserId},
        pagination::{Page, Paging},
    },
    store::{
        Store,
        audit_events::record,
        dynamodb::{
            attributes::{attribute, to_item},
            key::Key,
            write::Write,
        },
        error::StoreError,
        keys::{self, session_partition},
        login_attempts::{AttemptReservation, was_right},
    },
};

impl Store {
    /// Puts a new session of a member who logged in by `claim` into the table. `DynamoDB` deletes it some time after
    /// its end.
    ///
    /// # Errors
    /// When the member is gone, or the table can't be written.
    pub async fn create_session(
        &self,
        session: &Session,
        claim: &AttemptReservation,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let mut item = to_item(Key::session(session.account_id, session.user_id, session.id), session)?;
        item.insert("ttl".to_owned(), attribute(session.expires_at.unix_seconds())?);
        let Session { id: session_id, account_id, user_id, .. } = *session;
        let actor = Actor::Session { user_id, session_id };
        let action = Action::LoginSucceeded { user_id, session_id };
        let record = record(account_id, actor, action, audit_context)?;
        let session = Write::put_new(item, StoreError::id_taken);
        let mut writes = was_right(claim, account_id, user_id)?;
        writes.extend([session, record]);
        self.table.write_together(writes).await
    }

    /// The member's sessions that pass `keep`, newest first.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn sessions(
        &self,
        account: AccountId,
        user: UserId,
        paging: &Paging,
        keep: impl Fn(&Session) -> bool,
    ) -> Result<Page<Session>, StoreError> {
        self.table.newest(session_partition(account, user), keys::SESSIONS, paging, keep).await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When there is none, or the table can't be written.
    pub async fn end_session(
        &self,
        account: AccountId,
        user: UserId,
        session: SessionId,
    ) -> Result<(), StoreError> {
        self.table.write(Write::delete(Key::session(account, user, session)).only_if_exists()).await.map(drop)
    }
}
