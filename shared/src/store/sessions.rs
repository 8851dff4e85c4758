//! Sessions in the table.

use super::{
    Store,
    attributes::{item, value},
    failure::{StoreError, done},
    keys::{Key, Kind, session_partition},
};
use crate::{
    cursor::Paging,
    id::{AccountId, SessionId, UserId},
    session::Session,
};

impl Store {
    /// Puts a new session into the table. `DynamoDB` deletes it some time after its end.
    ///
    /// The condition lets the same session pass twice, so that an attempt whose answer was lost can be
    /// repeated.
    ///
    /// # Errors
    /// When the table can't be written, or its id is taken.
    pub async fn create_session(&self, session: &Session) -> Result<(), StoreError> {
        let mut item = item(Key::session(session.account_id, session.user_id, session.id), session)?;
        item.insert("ttl".to_owned(), value(session.expires_at.unix_seconds())?);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR digest = :digest")
            .expression_attribute_values(":digest", value(&session.digest)?);
        done(put.send().await)?.map(drop).ok_or_else(|| StoreError::malformed("a new id is taken"))
    }

    /// The member's sessions that pass `keep`, newest first; one more than a page where there is a next page.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn sessions(
        &self,
        account: AccountId,
        user: UserId,
        paging: &Paging,
        keep: impl Fn(&Session) -> bool,
    ) -> Result<Vec<Session>, StoreError> {
        self.newest(session_partition(account, user), Kind::Session, paging, keep).await
    }

    /// Ends a session. Says whether there was one.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn end_session(
        &self,
        account: AccountId,
        user: UserId,
        session: SessionId,
    ) -> Result<bool, StoreError> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(Key::session(account, user, session).into_attributes()))
            .condition_expression("attribute_exists(pk)");
        Ok(done(delete.send().await)?.is_some())
    }
}
