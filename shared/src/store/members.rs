//! Members in the table, and the addresses they log in with.

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{Delete, Put, TransactWriteItem, Update, builders::TransactWriteItemBuilder},
};
use serde::{Deserialize, Serialize};

use super::{
    Store,
    attributes::{Item, item, thing, value},
    failure::StoreError,
    keys::{Key, Kind, account_partition},
    transaction::Outcome,
};
use crate::{
    account::Account,
    cursor::Paging,
    email::EmailAddress,
    id::{AccountId, Id, SessionId, UserId},
    member::Member,
    password::PasswordHash,
};

/// Whose an address is. Addresses are unique over all accounts, because a login names no account.
#[derive(Serialize, Deserialize)]
struct AddressOwner {
    account_id: AccountId,
    user_id: UserId,
}

impl AddressOwner {
    /// Who is read where an address is nobody's. No id is made with these digits: they are the year 1970.
    fn nobody() -> Self {
        const DIGITS: &str = "0000000000000000";
        Self {
            account_id: Id::from_digits(DIGITS).expect("sixteen digits"),
            user_id: Id::from_digits(DIGITS).expect("sixteen digits"),
        }
    }
}

/// A member and the hash of their password.
#[derive(Debug)]
pub struct Credentials {
    /// The member.
    pub member: Member,
    /// The hash.
    pub password: PasswordHash,
}

/// How a change of a member ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberChange {
    /// It was done.
    Done,
    /// The address belongs to a member already, of this account or another.
    AddressTaken,
    /// The account would be left without an active admin.
    LastAdmin,
    /// Another change came first.
    Overtaken,
}

/// The attribute of a member that holds the hash of the password.
const PASSWORD: &str = "password";

impl Store {
    /// The member whose address this is, with the hash of their password and their account.
    ///
    /// It takes two reads whether or not there is such a member, so that the time they take tells nothing.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn login(
        &self,
        address: Option<&EmailAddress>,
    ) -> Result<Option<(Credentials, Account)>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(Key::email(address).into_attributes()))
            .consistent_read(true)
            .send()
            .await?;
        let owner = answer.item.map(thing).transpose()?.unwrap_or_else(AddressOwner::nobody);
        let keys = [Key::member(owner.account_id, owner.user_id), Key::account(owner.account_id)];
        let [Some(member), Some(account)] = self.get_together(keys).await? else { return Ok(None) };
        Ok(Some((credentials(member)?, thing(account)?)))
    }

    /// The member with this id and the hash of their password.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn credentials(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<Option<Credentials>, StoreError> {
        self.member_item(account, user).await?.map(credentials).transpose()
    }

    /// The member with this id.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn member(&self, account: AccountId, user: UserId) -> Result<Option<Member>, StoreError> {
        self.member_item(account, user).await?.map(thing).transpose()
    }

    /// The account's members, newest first; one more than a page where there is a next page.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn members(&self, account: AccountId, paging: &Paging) -> Result<Vec<Member>, StoreError> {
        self.newest(account_partition(account), Kind::Member, paging, |_| true).await
    }

    /// Puts a new member into the table.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn create_member(
        &self,
        member: &Member,
        password: &PasswordHash,
    ) -> Result<MemberChange, StoreError> {
        let mut writes = self.new_member(member, password)?;
        writes.extend(self.count_admins(None, Some(member))?);
        Ok(match self.transact(writes).await? {
            Outcome::Done => MemberChange::Done,
            Outcome::ConditionFailed(_) => MemberChange::AddressTaken,
            Outcome::Conflict => MemberChange::Overtaken,
        })
    }

    /// Puts `after` in the place of `before`, the same member before the change.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn change_member(&self, before: &Member, after: &Member) -> Result<MemberChange, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(Key::member(before.account_id, before.id).into_attributes()))
            .update_expression("SET #permissions = :permissions, #status = :status, session_epoch = :epoch")
            .condition_expression(UNCHANGED)
            .expression_attribute_names("#permissions", "permissions")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":permissions", value(after.permissions)?)
            .expression_attribute_values(":status", value(after.status)?)
            .expression_attribute_values(":epoch", value(after.session_epoch)?)
            .expression_attribute_values(":seen_permissions", value(before.permissions)?)
            .expression_attribute_values(":seen_status", value(before.status)?)
            .expression_attribute_values(":seen_epoch", value(before.session_epoch)?)
            .build();
        self.replace_member(before, Some(after), vec![write(update, TransactWriteItemBuilder::update)?]).await
    }

    /// Removes a member as they were seen, and frees their address.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn remove_member(&self, seen: &Member) -> Result<MemberChange, StoreError> {
        let member = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(Key::member(seen.account_id, seen.id).into_attributes()))
            .condition_expression(UNCHANGED)
            .expression_attribute_names("#permissions", "permissions")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":seen_permissions", value(seen.permissions)?)
            .expression_attribute_values(":seen_status", value(seen.status)?)
            .expression_attribute_values(":seen_epoch", value(seen.session_epoch)?)
            .build();
        let address = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(Key::email(Some(&seen.email)).into_attributes()))
            .build();
        let writes = [member, address]
            .into_iter()
            .map(|delete| write(delete, TransactWriteItemBuilder::delete))
            .collect::<Result<_, _>>()?;
        self.replace_member(seen, None, writes).await
    }

    /// Gives a member another password, and ends all of their sessions but `kept`. Says whether it was
    /// done: not, where another change came first.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn change_password(
        &self,
        seen: &Credentials,
        new: &PasswordHash,
        kept: SessionId,
    ) -> Result<bool, StoreError> {
        let Member { account_id, id, session_epoch, .. } = seen.member;
        let next_epoch = value(session_epoch + 1)?;
        let member = Update::builder()
            .table_name(&self.table)
            .set_key(Some(Key::member(account_id, id).into_attributes()))
            .update_expression("SET password = :new, session_epoch = :next")
            .condition_expression("password = :seen AND session_epoch = :epoch")
            .expression_attribute_values(":new", value(new)?)
            .expression_attribute_values(":next", next_epoch.clone())
            .expression_attribute_values(":seen", value(&seen.password)?)
            .expression_attribute_values(":epoch", value(session_epoch)?)
            .build();
        let session = Update::builder()
            .table_name(&self.table)
            .set_key(Some(Key::session(account_id, id, kept).into_attributes()))
            .update_expression("SET epoch = :next")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":next", next_epoch)
            .build();
        let writes = [member, session]
            .into_iter()
            .map(|update| write(update, TransactWriteItemBuilder::update))
            .collect::<Result<_, _>>()?;
        Ok(self.transact(writes).await? == Outcome::Done)
    }

    async fn member_item(&self, account: AccountId, user: UserId) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(Key::member(account, user).into_attributes()))
            .consistent_read(true)
            .send()
            .await?;
        Ok(answer.item)
    }

    /// The writes that put a new member into the table.
    pub(super) fn new_member(
        &self,
        member: &Member,
        password: &PasswordHash,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let owner = AddressOwner { account_id: member.account_id, user_id: member.id };
        let mut member_item = item(Key::member(member.account_id, member.id), member)?;
        member_item.insert(PASSWORD.to_owned(), value(password)?);
        let address_item = item(Key::email(Some(&member.email)), owner)?;
        [member_item, address_item].into_iter().map(|item| self.put_new(item)).collect()
    }

    /// The write that puts `item` where nothing is.
    pub(super) fn put_new(&self, item: Item) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .build();
        write(put, TransactWriteItemBuilder::put)
    }

    /// Does `writes`, the first of which takes `before` for `after`, and counts the account's admins anew.
    async fn replace_member(
        &self,
        before: &Member,
        after: Option<&Member>,
        mut writes: Vec<TransactWriteItem>,
    ) -> Result<MemberChange, StoreError> {
        writes.extend(self.count_admins(Some(before), after)?);
        Ok(match self.transact(writes).await? {
            Outcome::Done => MemberChange::Done,
            Outcome::ConditionFailed(0) | Outcome::Conflict => MemberChange::Overtaken,
            Outcome::ConditionFailed(_) => MemberChange::LastAdmin,
        })
    }

    /// The write to the account where a change of a member adds an active admin or takes one away. It
    /// fails where it would take away the last.
    fn count_admins(
        &self,
        before: Option<&Member>,
        after: Option<&Member>,
    ) -> Result<Option<TransactWriteItem>, StoreError> {
        let is_admin = |member: Option<&Member>| member.is_some_and(Member::is_active_admin);
        let (update, condition) = match (is_admin(before), is_admin(after)) {
            (false, true) => ("SET active_admins = active_admins + :one", "attribute_exists(pk)"),
            (true, false) => ("SET active_admins = active_admins - :one", "active_admins > :one"),
            _ => return Ok(None),
        };
        let Some(member) = before.or(after) else { return Ok(None) };
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(Key::account(member.account_id).into_attributes()))
            .update_expression(update)
            .condition_expression(condition)
            .expression_attribute_values(":one", value(1)?)
            .build();
        write(update, TransactWriteItemBuilder::update).map(Some)
    }
}

/// The condition that a member is as it was seen.
const UNCHANGED: &str =
    "#permissions = :seen_permissions AND #status = :seen_status AND session_epoch = :seen_epoch";

fn credentials(mut item: Item) -> Result<Credentials, StoreError> {
    let password = item.remove(PASSWORD).ok_or_else(|| StoreError::malformed("a member has no password"))?;
    let password = serde_dynamo::from_attribute_value(password).map_err(StoreError::malformed)?;
    Ok(Credentials { member: thing(item)?, password })
}

/// One write of a transaction, `built` and put in its place by `place`.
fn write<T>(
    built: Result<T, BuildError>,
    place: impl FnOnce(TransactWriteItemBuilder, T) -> TransactWriteItemBuilder,
) -> Result<TransactWriteItem, StoreError> {
    Ok(place(TransactWriteItem::builder(), built.map_err(StoreError::malformed)?).build())
}
