//! Accounts in the table.

use super::{Store, attributes::item, failure::StoreError, keys::Key, members::new_member, write::Write};
use crate::{
    account::{Account, AccountStatus},
    id::AccountId,
    member::Member,
    password::PasswordHash,
};

impl Store {
    /// Puts a new account and its first member into the table.
    ///
    /// # Errors
    /// When the member's address is taken, or the table can't be written.
    pub async fn create_account(
        &self,
        account: &Account,
        member: &Member,
        password: &PasswordHash,
    ) -> Result<(), StoreError> {
        let mut writes = new_member(member, password)?;
        writes.push(Write::put_new(item(Key::account(account.id), account)?, StoreError::id_taken));
        self.write_together(writes).await
    }

    /// Suspends or restores an account.
    ///
    /// # Errors
    /// When there is none, or the table can't be written.
    pub async fn set_account_status(
        &self,
        account: AccountId,
        status: AccountStatus,
    ) -> Result<(), StoreError> {
        let update = Write::update(Key::account(account), "SET #status = :status")
            .only_if_there()
            .name("#status", "status")
            .value(":status", status)?;
        self.write(update).await.map(drop)
    }
}
