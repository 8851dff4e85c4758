//! Reads and writes of members.

use crate::{
    authorization::principal::Principal,
    credentials::password::PasswordHash,
    model::{
        account::{Account, AccountStatus, AccountSummary},
        audit_event::{Action, AuditContext},
        member::Member,
        restrictions::Restrictions,
    },
    primitives::{
        email::EmailAddress,
        id::{AccountId, UserId},
        pagination::{Page, Paging},
    },
    store::{
        Store,
        audit_events::event_write,
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
            if_account_active,
        },
    },
};

/// The number of members on each page that a search for admins reads.
const MEMBERS_PER_READ: usize = 100;

impl Store {
    /// Loads a member.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn member(&self, account: AccountId, user: UserId) -> Result<Option<Member>, StoreError> {
        self.table.get(Key::member(account, user)).await?.map(to_entity).transpose()
    }

    /// Loads a member and their account.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn member_and_account(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<Option<(Member, AccountSummary)>, StoreError> {
        match self.table.get_many([Key::member(account, user), Key::account(account)]).await? {
            [Some(member), Some(account)] => Ok(Some((to_entity(member)?, to_entity(account)?))),
            _ => Ok(None),
        }
    }

    /// Lists the account's members, newest first.
    ///
    /// # Errors
    /// If a read fails.
    pub async fn members(&self, account: AccountId, paging: &Paging) -> Result<Page<Member>, StoreError> {
        self.table.list(account_partition(account), keys::MEMBERS, paging, |_| true).await
    }

    /// Returns the addresses of the active members with `admin` who joined first, at most `limit`. It reads all members.
    ///
    /// # Errors
    /// If a read fails.
    pub async fn first_admins(
        &self,
        account: AccountId,
        limit: usize,
    ) -> Result<Vec<EmailAddress>, StoreError> {
        let mut admins = Vec::new();
        let mut paging = Paging { limit: MEMBERS_PER_READ, after: None };
        loop {
            let pk = account_partition(account);
            let page = self.table.list(pk, keys::MEMBERS, &paging, Member::is_active_admin).await?;
            admins.extend(page.entities.into_iter().map(|member| member.email));
            // The newest come first, so the last ones joined first.
            admins.drain(..admins.len().saturating_sub(limit));
            if page.next.is_none() {
                return Ok(admins);
            }
            paging.after = page.next;
        }
    }

    /// Creates a member on behalf of `caller`.
    ///
    /// # Errors
    /// If the email address is in use, the caller is no longer authorized, or the write fails.
    pub async fn create_member(
        &self,
        member: &Member,
        password: &PasswordHash,
        caller: &Principal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let mut writes = new_member_writes(member, password)?;
        writes.extend(credential_still_authorized(caller, audit_context.at)?);
        writes.push(admin_count_write(caller, None, Some(member))?);
        let created = Action::MemberCreated {
            user_id: member.id,
            email: member.email.clone(),
            permissions: member.permissions,
        };
        writes.push(event_write(member.account_id, caller.into(), created, audit_context)?);
        self.table.transact(writes).await
    }

    /// Changes the member from `before` to `after` on behalf of `caller`.
    ///
    /// # Errors
    /// If the stored member is no longer as in `before`, the caller is no longer authorized, the account would lose its last
    /// active admin, or the write fails.
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
        let mut writes = vec![if_unchanged(update, before)?];
        writes.extend(credential_still_authorized_to_change(caller, before, audit_context.at)?);
        writes.push(admin_count_write(caller, Some(before), Some(after))?);
        let Member { id: user_id, permissions, status, .. } = *after;
        let changed = Action::MemberChanged { user_id, permissions, status };
        writes.push(event_write(before.account_id, caller.into(), changed, audit_context)?);
        self.table.transact(writes).await
    }

    /// Ends all sessions of `member` on behalf of `caller`, including those of logins in progress, in one write.
    ///
    /// # Errors
    /// If the stored member is no longer as in `member`, the caller is no longer authorized, or the write fails.
    pub async fn end_member_sessions(
        &self,
        member: &Member,
        caller: &Principal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let key = Key::member(member.account_id, member.id);
        let update =
            Write::update(key, "SET #session_epoch = :next").value(":next", member.session_epoch + 1)?;
        let mut writes = vec![if_unchanged(update, member)?, account_still_active(caller)?];
        writes.extend(credential_still_authorized_to_change(caller, member, audit_context.at)?);
        let ended = Action::MemberSessionsEnded { user_id: member.id, kept_session_id: None };
        writes.push(event_write(member.account_id, caller.into(), ended, audit_context)?);
        self.table.transact(writes).await
    }

    /// Removes a member on behalf of `caller`. The member's email address can then be used again.
    ///
    /// # Errors
    /// If the stored member is no longer as in `member`, the caller is no longer authorized, the account would lose its last
    /// active admin, or the write fails.
    pub async fn remove_member(
        &self,
        member: &Member,
        caller: &Principal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let delete = Write::delete(Key::member(member.account_id, member.id));
        let mut writes = vec![if_unchanged(delete, member)?, Write::delete(Key::email(&member.email))];
        writes.extend(credential_still_authorized_to_change(caller, member, audit_context.at)?);
        writes.push(admin_count_write(caller, Some(member), None)?);
        let removed = Action::MemberRemoved { user_id: member.id };
        writes.push(event_write(member.account_id, caller.into(), removed, audit_context)?);
        self.table.transact(writes).await
    }
}

/// Returns the writes that create a member.
pub(super) fn new_member_writes(member: &Member, password: &PasswordHash) -> Result<Vec<Write>, StoreError> {
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

/// Adds the condition that the stored member is still as in `expected`.
fn if_unchanged(write: Write, expected: &Member) -> Result<Write, StoreError> {
    const UNCHANGED: &str = "#permissions = :expected_permissions AND #status = :expected_status \
                             AND #session_epoch = :expected_session_epoch \
                             AND attribute_not_exists(#restrictions)";
    const UNCHANGED_AND_RESTRICTED: &str = "#permissions = :expected_permissions AND #status = :expected_status \
         AND #session_epoch = :expected_session_epoch AND attribute_exists(#restrictions)";
    let unchanged = if expected.restrictions.is_empty() { UNCHANGED } else { UNCHANGED_AND_RESTRICTED };
    write
        .condition(unchanged, || StoreError::Conflict)
        .name("#restrictions", Restrictions::ATTRIBUTE)
        .name("#permissions", "permissions")
        .name("#status", "status")
        .name("#session_epoch", "session_epoch")
        .value(":expected_permissions", expected.permissions)?
        .value(":expected_status", expected.status)?
        .value(":expected_session_epoch", expected.session_epoch)
}

/// Returns the write to the caller's account for the change of a member from `before` to `after`.
///
/// It updates the number of active admins if the change adds or removes one, and fails if it would remove the last one. It
/// also fails if the account is not [still active](account_still_active). If the number stays the same, it only checks that.
fn admin_count_write(
    caller: &Principal,
    before: Option<&Member>,
    after: Option<&Member>,
) -> Result<Write, StoreError> {
    let account = Key::account(caller.account_id());
    let is_admin = |member: Option<&Member>| member.is_some_and(Member::is_active_admin);
    let write = match (is_admin(before), is_admin(after)) {
        (false, true) => Write::update(account, "SET #active_admins = #active_admins + :one")
            .condition("#status = :active", || StoreError::Conflict),
        (true, false) => Write::update(account, "SET #active_admins = #active_admins - :one")
            .condition_with_item("#status = :active AND #active_admins > :one", |account| {
                match to_entity::<Account>(account) {
                    Ok(account)
                        if account.status == AccountStatus::Active
                            && account.active_admins <= 1
                            && !account.has_unknown_restriction() =>
                    {
                        StoreError::LastAdmin
                    }
                    Ok(_) => StoreError::Conflict,
                    Err(error) => error,
                }
            }),
        _ => return account_still_active(caller),
    };
    if_account_active(write, caller)?.name("#active_admins", "active_admins").value(":one", 1)
}
