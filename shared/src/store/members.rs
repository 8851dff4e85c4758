//! Reads and writes of members.

use crate::{
    authorization::{delegation::depends_on_another_member_with_all_permissions, principal::Principal},
    credentials::password::PasswordHash,
    model::{
        account::{Account, AccountStatus},
        audit_event::{Action, Actor, AuditContext},
        member::{Member, MemberStatus},
    },
    primitives::{
        email::EmailAddress,
        id::{AccountId, UserId},
        pagination::{Page, Paging},
        permission::Permissions,
    },
    store::{
        Store,
        audit_events::event_writes,
        dynamodb::{
            attributes::{attribute, to_entity, to_item},
            key::Key,
            write::Write,
        },
        error::StoreError,
        keys::{self, account_partition},
        member_credentials::{AddressOwner, FAILURES, PASSWORD},
        personal_data::address_write,
        preconditions::{
            account_still_active, credential_still_authorized_to_change, if_account_active,
            if_account_unchanged, still_authorized, with_restrictions,
        },
    },
};

/// The number of members on each page of a read of all members.
pub(super) const MEMBERS_PER_READ: usize = 100;

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
    ) -> Result<Option<(Member, Account)>, StoreError> {
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

    /// Creates a member who is invited, on behalf of `caller`.
    ///
    /// # Errors
    /// If the address is a member of this account already, the caller is no longer authorized, or the write fails.
    pub async fn invite_member(
        &self,
        member: &Member,
        caller: &Principal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        // The address of an active member is not reserved within the account.
        let no_member_has_address = Write::check(Key::email(&member.email))
            .condition("attribute_not_exists(pk) OR #account_id <> :account_id", || StoreError::AddressTaken)
            .name("#account_id", "account_id")
            .value(":account_id", member.account_id)?;
        let mut writes = invited_member_writes(member)?;
        writes.push(no_member_has_address);
        writes.extend(still_authorized(caller, audit_context.at)?);
        writes.extend(event_writes(member.account_id, caller.into(), invited(member), audit_context)?);
        self.table.transact(writes).await
    }

    /// Replaces the invitation of the member `before` by that of `after`, on behalf of `caller`.
    ///
    /// # Errors
    /// If the stored member is no longer as in `before`, the caller is no longer authorized, or the write fails.
    pub async fn invite_member_again(
        &self,
        before: &Member,
        after: &Member,
        caller: &Principal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let mut writes = vec![new_invitation_write(before, after)?];
        writes.extend(still_authorized(caller, audit_context.at)?);
        writes.extend(event_writes(before.account_id, caller.into(), invited(after), audit_context)?);
        self.table.transact(writes).await
    }

    /// Replaces the invitation of the member `before` by that of `after`, on behalf of the operator.
    ///
    /// # Errors
    /// If the stored member is no longer as in `before`, the account is no longer active or as in `account`, or the write fails.
    pub async fn invite_member_again_as_operator(
        &self,
        before: &Member,
        after: &Member,
        account: &Account,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let mut writes = vec![
            new_invitation_write(before, after)?,
            // The invitation would be invalid in another epoch of the account.
            if_account_unchanged(Write::check(Key::account(account.id)), account)?,
        ];
        writes.extend(event_writes(before.account_id, Actor::Operator, invited(after), audit_context)?);
        self.table.transact(writes).await
    }

    /// Changes the member from `before` to `after` on behalf of `caller`.
    ///
    /// # Errors
    /// If the stored member is no longer as in `before`, the caller is no longer authorized, the account would lose its last
    /// active admin or its last active member with all permissions, or the write fails.
    pub async fn change_member(
        &self,
        before: &Member,
        after: &Member,
        caller: &Principal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let mut writes = vec![member_update(before, after)?];
        writes.extend(credential_still_authorized_to_change(caller, before, audit_context.at)?);
        writes.extend(self.other_member_with_all_permissions(caller, before, Some(after)).await?);
        writes.push(admin_count_write(caller, Some(before), Some(after))?);
        let Member { id: user_id, permissions, status, .. } = *after;
        let changed = Action::MemberChanged { user_id, permissions, status };
        writes.extend(event_writes(before.account_id, caller.into(), changed, audit_context)?);
        self.table.transact(writes).await
    }

    /// Gives a member all four permissions on behalf of the operator.
    ///
    /// # Errors
    /// If the stored member is no longer as in `before`, the account does not exist, or the write fails.
    pub async fn grant_all_permissions(
        &self,
        before: &Member,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let after = before.changed(Permissions::ALL, before.is_suspended());
        let adds_admin = after.is_active_admin() && !before.is_active_admin();
        let account = account_with_admin(before.account_id, adds_admin)?;
        let Member { id: user_id, permissions, status, .. } = after;
        let changed = Action::MemberChanged { user_id, permissions, status };
        let mut writes = vec![member_update(before, &after)?, account.if_exists()];
        writes.extend(event_writes(before.account_id, Actor::Operator, changed, audit_context)?);
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
        writes.extend(event_writes(member.account_id, caller.into(), ended, audit_context)?);
        self.table.transact(writes).await
    }

    /// Removes a member on behalf of `caller`, with their passkeys and recovery codes. The member's email address can then be used
    /// again.
    ///
    /// # Errors
    /// If the stored member is no longer as in `member`, the caller is no longer authorized, the account would lose its last
    /// active admin or its last active member with all permissions, or the write fails.
    pub async fn remove_member(
        &self,
        member: &Member,
        caller: &Principal,
        audit_context: &AuditContext,
    ) -> Result<(), StoreError> {
        let delete = Write::delete(Key::member(member.account_id, member.id));
        // The address of a member who has not accepted may belong to a member of another account.
        let address = if member.has_accepted {
            Key::email(&member.email)
        } else {
            Key::invited_address(member.account_id, &member.email)
        };
        let mut writes = vec![
            if_unchanged(delete, member)?,
            Write::delete(address),
            address_write(member, Some(audit_context.at))?,
        ];
        if member.has_passkeys() {
            let passkeys = self.all_passkeys(member.account_id, member.id).await?;
            let keys = passkeys.iter().map(|passkey| Key::passkey(member.account_id, member.id, passkey.id));
            writes.extend(keys.map(Write::delete));
            writes.push(Write::delete(Key::recovery_codes(member.account_id, member.id)));
        }
        writes.extend(credential_still_authorized_to_change(caller, member, audit_context.at)?);
        writes.extend(self.other_member_with_all_permissions(caller, member, None).await?);
        writes.push(admin_count_write(caller, Some(member), None)?);
        let removed = Action::MemberRemoved { user_id: member.id };
        writes.extend(event_writes(member.account_id, caller.into(), removed, audit_context)?);
        self.table.transact(writes).await
    }

    /// Returns the check that another active member has all four permissions, if the change of the member `before` could take them from
    /// the last one. `after` is `None` if the member is removed.
    ///
    /// After a change by somebody else, that caller is the other member, and the transaction checks the caller anyway. So no number of
    /// such members has to be stored, and none has to be determined for accounts of earlier versions.
    ///
    /// # Errors
    /// If no other active member has all permissions, or a read fails.
    async fn other_member_with_all_permissions(
        &self,
        caller: &Principal,
        before: &Member,
        after: Option<&Member>,
    ) -> Result<Option<Write>, StoreError> {
        if !depends_on_another_member_with_all_permissions(caller, before, after) {
            return Ok(None);
        }
        let is_other = |member: &Member| member.is_active_with_all_permissions() && member.id != before.id;
        let mut paging = Paging { limit: 1, after: None };
        let other = loop {
            let partition = account_partition(before.account_id);
            let Page { entities, next } =
                self.table.list(partition, keys::MEMBERS, &paging, is_other).await?;
            match entities.into_iter().next() {
                Some(other) => break other,
                None if next.is_none() => return Err(StoreError::LastMemberWithAllPermissions),
                None => paging.after = next,
            }
        };
        let check = Write::check(Key::member(other.account_id, other.id))
            .condition("#status = :active AND #permissions = :all", || StoreError::Conflict)
            .name("#status", "status")
            .name("#permissions", "permissions")
            .value(":active", MemberStatus::Active)?
            .value(":all", Permissions::ALL)?;
        Ok(Some(check))
    }
}

/// The attribute of a member that contains the invitation.
pub(super) const INVITATION: &str = "invitation";
/// The attribute of a member who has not accepted an invitation.
pub(super) const UNACCEPTED: &str = "unaccepted";

fn invited(member: &Member) -> Action {
    Action::MemberInvited { user_id: member.id, email: None, permissions: member.permissions }
}

/// Returns the writes that create a member with a password.
pub(super) fn new_member_writes(member: &Member, password: &PasswordHash) -> Result<Vec<Write>, StoreError> {
    let mut member_item = to_item(Key::member(member.account_id, member.id), member)?;
    member_item.insert(PASSWORD.to_owned(), attribute(password)?);
    member_item.insert(FAILURES.to_owned(), attribute(0)?);
    Ok(vec![
        Write::put_new(member_item, StoreError::id_taken),
        new_address_write(member)?,
        address_write(member, None)?,
    ])
}

/// Returns the write that makes the member's address belong to the member.
pub(super) fn new_address_write(member: &Member) -> Result<Write, StoreError> {
    let owner = AddressOwner { account_id: member.account_id, user_id: member.id };
    Ok(Write::put_new(to_item(Key::email(&member.email), owner)?, || StoreError::AddressTaken))
}

/// Returns the writes that create a member who is invited.
pub(super) fn invited_member_writes(member: &Member) -> Result<Vec<Write>, StoreError> {
    let Member { account_id, id: user_id, .. } = *member;
    let reserved = AddressOwner { account_id, user_id };
    Ok(vec![
        Write::put_new(to_item(Key::member(account_id, user_id), member)?, StoreError::id_taken),
        Write::put_new(to_item(Key::invited_address(account_id, &member.email), reserved)?, || {
            StoreError::AddressTaken
        }),
        address_write(member, None)?,
    ])
}

/// Returns the update of an invited member that replaces the invitation.
fn new_invitation_write(before: &Member, after: &Member) -> Result<Write, StoreError> {
    let update = Write::update(
        Key::member(before.account_id, before.id),
        "SET #invitation = :invitation, #session_epoch = :session_epoch",
    )
    .value(":invitation", &after.invitation)?
    .value(":session_epoch", after.session_epoch)?
    .name("#invitation", INVITATION);
    if_unchanged(update, before)
}

/// Returns the update of a member's permissions and status from `before` to `after`.
fn member_update(before: &Member, after: &Member) -> Result<Write, StoreError> {
    let update = Write::update(
        Key::member(before.account_id, before.id),
        "SET #permissions = :permissions, #status = :status, #session_epoch = :session_epoch",
    )
    .value(":permissions", after.permissions)?
    .value(":status", after.stored_status())?
    .value(":session_epoch", after.session_epoch)?;
    let update = match after.unaccepted() {
        Some(status) => update.and_set("#unaccepted = :unaccepted").value(":unaccepted", status)?,
        None => update,
    };
    // Also if there was none: the member may have been invited again since `before` was read.
    let update = if after.ends_invitation_of(before) {
        update.and_clause("REMOVE #invitation").name("#invitation", INVITATION)
    } else {
        update
    };
    if_unchanged(update, before)
}

/// Adds the condition that the stored member is still as in `expected`.
pub(super) fn if_unchanged(write: Write, expected: &Member) -> Result<Write, StoreError> {
    const UNCHANGED: &str = "#permissions = :expected_permissions AND #status = :expected_status \
                             AND #session_epoch = :expected_session_epoch";
    let write = write.condition(UNCHANGED, || StoreError::Conflict);
    let write = match expected.unaccepted() {
        Some(status) => {
            write.and("#unaccepted = :expected_unaccepted").value(":expected_unaccepted", status)?
        }
        None => write.and("attribute_not_exists(#unaccepted)"),
    };
    with_restrictions(write, &expected.restrictions)?
        .name("#unaccepted", UNACCEPTED)
        .name("#permissions", "permissions")
        .name("#status", "status")
        .name("#session_epoch", "session_epoch")
        .value(":expected_permissions", expected.permissions)?
        .value(":expected_status", expected.stored_status())?
        .value(":expected_session_epoch", expected.session_epoch)
}

/// Returns a write of the account, without its condition, that counts an active admin if the change of a member adds one. Otherwise it
/// only checks the account.
pub(super) fn account_with_admin(account: AccountId, adds_admin: bool) -> Result<Write, StoreError> {
    let key = Key::account(account);
    if adds_admin {
        Write::update(key, "SET #active_admins = #active_admins + :one")
            .name("#active_admins", "active_admins")
            .value(":one", 1)
    } else {
        Ok(Write::check(key))
    }
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
