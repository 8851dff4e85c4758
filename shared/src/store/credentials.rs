//! What people log in with: addresses and passwords in the table.

use serde::{Deserialize, Serialize};

use super::{
    Store,
    attributes::{Item, thing, value},
    audit_events::record,
    failure::StoreError,
    keys::Key,
    write::Write,
};
use crate::{
    account::Account,
    audit::{Action, Occasion},
    email::EmailAddress,
    id::{AccountId, UserId},
    member::Member,
    password::PasswordHash,
    principal::SessionPrincipal,
};

/// Whose an address is. Addresses are unique over all accounts, because a login names no account.
#[derive(Serialize, Deserialize)]
pub(super) struct AddressOwner {
    pub account_id: AccountId,
    pub user_id: UserId,
}

/// A member and the hash of their password.
#[derive(Debug)]
pub struct Credentials {
    /// The member.
    pub member: Member,
    /// The hash.
    pub password: PasswordHash,
}

/// The attribute of a member that holds the hash of the password.
pub(super) const PASSWORD: &str = "password";

impl Store {
    /// The credentials of the member who has this address, and their account.
    ///
    /// It takes two reads whether or not there is such a member, so that the time they take tells nothing.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn credentials_of(
        &self,
        address: Option<&EmailAddress>,
    ) -> Result<Option<(Credentials, Account)>, StoreError> {
        let owner = self.get(address.map_or_else(Key::nothing, Key::email)).await?;
        let keys = match owner.map(thing).transpose()? {
            Some(AddressOwner { account_id, user_id }) => {
                [Key::member(account_id, user_id), Key::account(account_id)]
            }
            None => [Key::nothing(), Key::nothing_else()],
        };
        let [Some(member), Some(account)] = self.get_together(keys).await? else { return Ok(None) };
        Ok(Some((credentials(member)?, thing(account)?)))
    }

    /// The credentials of the member with this id.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn credentials(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<Option<Credentials>, StoreError> {
        self.get(Key::member(account, user)).await?.map(credentials).transpose()
    }

    /// Gives a member another password, and ends all of their sessions but the one of `caller`.
    ///
    /// # Errors
    /// When another change came first, or the table can't be written.
    pub async fn change_password(
        &self,
        seen: &Credentials,
        new: &PasswordHash,
        caller: &SessionPrincipal,
        occasion: &Occasion,
    ) -> Result<(), StoreError> {
        let Member { account_id, id, session_epoch, .. } = seen.member;
        let member =
            Write::update(Key::member(account_id, id), "SET #password = :new, #session_epoch = :next")
                .only_if("#password = :seen AND #session_epoch = :epoch", || StoreError::Overtaken)
                .name("#password", PASSWORD)
                .name("#session_epoch", "session_epoch")
                .value(":new", new)?
                .value(":next", session_epoch + 1)?
                .value(":seen", &seen.password)?
                .value(":epoch", session_epoch)?;
        let session = Write::update(Key::session(account_id, id, caller.session_id), "SET #epoch = :next")
            .only_if("attribute_exists(pk)", || StoreError::Overtaken)
            .name("#epoch", "epoch")
            .value(":next", session_epoch + 1)?;
        let action = Action::PasswordChanged { user_id: id };
        let record = record(account_id, caller.into(), action, occasion)?;
        self.write_together(vec![member, session, record]).await
    }

    /// Puts a hash of the same password in the place of the one that was seen. Where the password was
    /// changed meanwhile, that stays.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn renew_hash(&self, seen: &Credentials, renewed: &PasswordHash) -> Result<(), StoreError> {
        let Member { account_id, id, .. } = seen.member;
        let update = Write::update(Key::member(account_id, id), "SET #password = :renewed")
            .only_if("#password = :seen", || StoreError::Overtaken)
            .name("#password", PASSWORD)
            .value(":renewed", renewed)?
            .value(":seen", &seen.password)?;
        match self.write(update).await {
            Ok(_) | Err(StoreError::Overtaken) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn credentials(mut item: Item) -> Result<Credentials, StoreError> {
    let password = item.remove(PASSWORD).ok_or_else(|| StoreError::malformed("a member has no password"))?;
    Ok(Credentials { password: value(password)?, member: thing(item)? })
}
