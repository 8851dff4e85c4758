//! Accounts in the table.

use super::{
    Store,
    attributes::{item, value},
    failure::{StoreError, done},
    keys::Key,
    members::MemberChange,
    transaction::Outcome,
};
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
    /// When the table can't be written.
    pub async fn create_account(
        &self,
        account: &Account,
        member: &Member,
        password: &PasswordHash,
    ) -> Result<MemberChange, StoreError> {
        let mut writes = self.new_member(member, password)?;
        writes.push(self.put_new(item(Key::account(account.id), account)?)?);
        Ok(match self.transact(writes).await? {
            Outcome::Done => MemberChange::Done,
            Outcome::ConditionFailed(_) => MemberChange::AddressTaken,
            Outcome::Conflict => MemberChange::Overtaken,
        })
    }

    /// Suspends or restores an account. Says whether there is one.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn set_account_status(
        &self,
        account: AccountId,
        status: AccountStatus,
    ) -> Result<bool, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Key::account(account).into_attributes()))
            .update_expression("SET #status = :status")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", value(status)?);
        Ok(done(update.send().await)?.is_some())
    }
}
