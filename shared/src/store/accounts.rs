//! Accounts in the table.

use crate::{
    credentials::password::PasswordHash,
    model::{
        account::{Account, AccountStatus},
        audit_event::{Action, Actor, AuditContext},
        member::Member,
    },
    primitives::{id::AccountId, quota::Quotas},
    store::{
        Store,
        audit_events::record,
        dynamodb::{attributes::to_item, key::Key, write::Write},
        error::StoreError,
        members::new_member,
    },
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
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let created = Action::AccountCreated {
            name: account.name.clone(),
            user_id: member.id,
            email: member.email.clone(),
        };
        let mut writes = new_member(member, password)?;
        writes.push(Write::put_new(to_item(Key::account(account.id), account)?, StoreError::id_taken));
        writes.push(record(account.id, Actor::Operator, created, audit_context)?);
        self.table.write_together(writes).await
    }

    /// Suspends or restores an account.
    ///
    /// # Errors
    /// When there is none, or the table can't be written.
    pub async fn set_account_status(
        &self,
        account: AccountId,
        status: AccountStatus,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let update = Write::update(Key::account(account), "SET #status = :status")
            .only_if_exists()
            .name("#status", "status")
            .value(":status", status)?;
        let action = match status {
            AccountStatus::Active => Action::AccountRestored,
            AccountStatus::Suspended => Action::AccountSuspended,
        };
        let record = record(account, Actor::Operator, action, audit_context)?;
        self.table.write_together(vec![update, record]).await
    }

    /// Gives an account's keys other quotas, or the usual ones again.
    ///
    /// # Errors
    /// When there is no such account, or the table can't be written.
    pub async fn set_account_quotas(
        &self,
        account: AccountId,
        quotas: Option<Quotas>,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let update = Write::update(Key::account(account), "SET #quotas = :quotas")
            .only_if_exists()
            .name("#quotas", "quotas")
            .value(":quotas", quotas)?;
        let action = Action::AccountLimitsChanged { requests_per_minute: quotas };
        let record = record(account, Actor::Operator, action, audit_context)?;
        self.table.write_together(vec![update, record]).await
    }
}
