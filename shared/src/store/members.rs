//! Members in the table.

use crate::{
    authorization::principal::Principal,
    credentials::password::PasswordHash,
    model::{
        account::{AccountStatus, AccountSummary},
        audit_event::{Action, AuditContext},
        member::Member,
    },
    primitives::{
        id::{AccountId, UserId},
        pagination::{Page, Paging},
    },
    store::{
        Store,
        audit_events::record,
        dynamodb::{
            attributes::{attribute, to_entity, to_item},
            key::Key,
            write::Write,
        },
        error::StoreError,
        keys::{self, account_partition},
        member_credentials::{AddressOwner, FAILURES, PASSWORD},
        preconditions::{
            account_still_active, credential_still_authorized, credential_still_authorized_to_change,
        },
    },
};

impl Store {
    /// The member with this id.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn member(&self, account: AccountId, user: UserId) -> Result<Option<Member>, StoreError> {
        self.table.get(Key::member(account, user)).await?.map(to_entity).transpose()
    }

    /// The account's members, newest first.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn members(&self, account: AccountId, paging: &Paging) -> Result<Page<Member>, StoreError> {
        self.table.newest(account_partition(account), keys::MEMBERS, paging, |_| true).await
    }

    /// Puts a new member into the table, whom `caller` makes.
    ///
    /// # Errors
    /// When the address is taken, the caller is no longer let in, or the table can't be written.
    pub async fn create_member(
        &self,
        member: &Member,
        password: &PasswordHash,
        caller: &Principal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let mut writes = new_member(member, password)?;
        writes.extend(credential_still_authorized(caller, audit_context.at)?);
        writes.push(count_admins(member.account_id, None, Some(member))?);
        let created = Action::MemberCreated {
            user_id: member.id,
            email: member.email.clone(),
            permissions: member.permissions,
        };
        writes.push(record(member.account_id, caller.into(), created, audit_context)?);
        self.table.write_together(writes).await
    }

    /// Puts `after` in the place of `before`, the same member before the change, as `caller` asks.
    ///
    /// # Errors
    /// When another change came first, the caller is no longer let in, the account would lose its last
    /// active admin, or the table can't be written.
    pub async fn change_member(
        &self,
        before: &Member,
        after: &Member,
        caller: &Principal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let update = Write::update(
            Key::member(before.account_id, before.id),
            "SET #permissions = :permissions, #status = :status, #session_epoch = :session_epoch",
        )
        .value(":permissions", after.permissions)?
        .value(":status", after.status)?
        .value(":session_epoch", after.session_epoch)?;
        let mut writes = vec![only_if_unchanged(update, before)?];
        writes.extend(credential_still_authorized_to_change(caller, before, audit_context.at)?);
        writes.push(count_admins(before.account_id, Some(before), Some(after))?);
        let Member { id: user_id, permissions, status, .. } = *after;
        let changed = Action::MemberChanged { user_id, permissions, status };
        writes.push(record(before.account_id, caller.into(), changed, audit_context)?);
        self.table.write_together(writes).await
    }

    /// Removes a member as they were seen, and frees their address, as `caller` asks.
    ///
    /// # Errors
    /// When another change came first, the caller is no longer let in, the account would lose its last
    /// active admin, or the table can't be written.
    pub async fn remove_member(
        &self,
        seen: &Member,
        caller: &Principal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let member = Write::delete(Key::member(seen.account_id, seen.id));
        let mut writes = vec![only_if_unchanged(member, seen)?, Write::delete(Key::email(&seen.email))];
        writes.extend(credential_still_authorized_to_change(caller, seen, audit_context.at)?);
        writes.push(count_admins(seen.account_id, Some(seen), None)?);
        let removed = Action::MemberRemoved { user_id: seen.id };
        writes.push(record(seen.account_id, caller.into(), removed, audit_context)?);
        self.table.write_together(writes).await
    }
}

/// The writes that put a new member into the table.
pub(super) fn new_member(member: &Member, password: &PasswordHash) -> Result<Vec<Write>, StoreError> {
    let owner = AddressOwner { account_id: member.account_id, user_id: member.id };
    let mut member_item = to_item(Key::member(member.account_id, member.id), member)?;
    member_item.insert(PASSWORD.to_owned(), attribute(password)?);
    member_item.insert(FAILURES.to_owned(), attribute(0)?);
    let address_item = to_item(Key::email(&member.email), owner)?;
    Ok(vec![
        Write::put_new(member_item, StoreError::id_taken),
        Write::put_new(address_item, || StoreError::AddressTaken),
    ])
}

/// `write`, only if the member is as it was seen.
fn only_if_unchanged(write: Write, seen: &Member) -> Result<Write, StoreError> {
    const UNCHANGED: &str = "#permissions = :seen_permissions AND #status = :seen_status \
                             AND #session_epoch = :seen_session_epoch";
    write
        .only_if(UNCHANGED, || StoreError::Conflict)
        .name("#permissions", "permissions")
        .name("#status", "status")
        .name("#session_epoch", "session_epoch")
        .value(":seen_permissions", seen.permissions)?
        .value(":seen_status", seen.status)?
        .value(":seen_session_epoch", seen.session_epoch)
}

/// The write to the account where a change of a member adds an active admin or takes one away, which fails where it would
/// take away the last; and where it does neither, a check. Both are done only while the account is let in.
fn count_admins(
    account: AccountId,
    before: Option<&Member>,
    after: Option<&Member>,
) -> Result<Write, StoreError> {
    let is_admin = |member: Option<&Member>| member.is_some_and(Member::is_active_admin);
    let write = match (is_admin(before), is_admin(after)) {
        (false, true) => Write::update(Key::account(account), "SET #active_admins = #active_admins + :one")
            .only_if("#status = :active", || StoreError::Conflict),
        (true, false) => Write::update(Key::account(account), "SET #active_admins = #active_admins - :one")
            .only_if_with_item("#status = :active AND #active_admins > :one", |account| {
                match to_entity::<AccountSummary>(account) {
                    Ok(AccountSummary { status: AccountStatus::Active, .. }) => StoreError::LastAdmin,
                    Ok(_) => StoreError::Conflict,
                    Err(error) => error,
                }
            }),
        _ => return account_still_active(account),
    };
    write
        .name("#status", "status")
        .name("#active_admins", "active_admins")
        .value(":active", AccountStatus::Active)?
        .value(":one", 1)
}
