//! Reads of the credentials that a member logs in with: an email address and a password.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    credentials::password::PasswordHash,
    model::{account::Account, member::Member},
    primitives::{
        email::EmailAddress,
        id::{AccountId, UserId},
    },
    rate_limit::login_throttle::MAX_CONSECUTIVE_FAILURES,
    store::{
        Store,
        dynamodb::{
            attributes::{to_entity, value},
            item::BatchItem,
            key::Key,
        },
        error::StoreError,
    },
};

/// The member who has an email address. An address is unique over all accounts, because a login does not name an account.
#[derive(Serialize, Deserialize)]
pub(super) struct AddressOwner {
    pub account_id: AccountId,
    pub user_id: UserId,
}

/// A member with their password hash and consecutive failures.
#[derive(Debug)]
pub struct Credentials {
    pub member: Member,
    pub password: PasswordHash,
    /// The number of consecutive failures before the current attempt.
    pub failures: u32,
    /// The number of sessions that were created for the member. It shows whether one was created since the member was read.
    pub logins: u32,
}

impl Credentials {
    /// Returns true if failures have disabled the password. A disabled password must not be verified.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.failures >= MAX_CONSECUTIVE_FAILURES
    }
}

/// The attribute of a member that contains the password hash.
pub(super) const PASSWORD: &str = "password";
/// The attribute of a member that contains the number of consecutive attempts that have failed or are in progress.
pub(super) const FAILURES: &str = "failures";
/// The attribute of a member that contains the number of sessions that were created for them.
pub(super) const LOGINS: &str = "logins";
/// The attribute of a member that contains the number of their [passkeys](Member::passkeys).
pub(super) const PASSKEYS: &str = "passkeys";

impl Store {
    /// Loads the member who has this address, and their account.
    ///
    /// # Errors
    /// If a read fails.
    pub async fn member_with_address(
        &self,
        address: &EmailAddress,
    ) -> Result<Option<(Member, Account)>, StoreError> {
        let Some(AddressOwner { account_id, user_id }) = self.address_owner(address).await? else {
            return Ok(None);
        };
        self.member_and_account(account_id, user_id).await
    }

    /// Returns the ids of the member who has this address.
    pub(super) async fn address_owner(
        &self,
        address: &EmailAddress,
    ) -> Result<Option<AddressOwner>, StoreError> {
        self.table.get(Key::email(address)).await?.map(to_entity).transpose()
    }

    /// Loads the credentials and the account of the member who has an address. If there is no `owner`, it reads decoys, which
    /// takes as long.
    pub(super) async fn load_credentials(
        &self,
        owner: Option<BatchItem>,
    ) -> Result<Option<(Credentials, Account)>, StoreError> {
        let keys = match owner.map(to_entity).transpose()? {
            Some(AddressOwner { account_id, user_id }) => {
                [Key::member(account_id, user_id), Key::account(account_id)]
            }
            None => [Key::decoy(), Key::second_decoy()],
        };
        let [Some(member), Some(account)] = self.table.get_many(keys).await? else { return Ok(None) };
        Ok(Some((credentials(member)?, to_entity(account)?)))
    }
}

pub(super) fn credentials(mut item: BatchItem) -> Result<Credentials, StoreError> {
    let password = remove(&mut item, PASSWORD)?;
    let failures = remove(&mut item, FAILURES)?;
    let logins = created_sessions(&mut item)?;
    Ok(Credentials { password, failures, logins, member: to_entity(item)? })
}

/// Returns the number of sessions that were created for the member with this item. An earlier version did not count them.
pub(super) fn created_sessions(item: &mut BatchItem) -> Result<u32, StoreError> {
    Ok(item.remove(LOGINS).map(value).transpose()?.unwrap_or_default())
}

/// Returns the number of consecutive failures of the member with this item.
pub(super) fn consecutive_failures(mut item: BatchItem) -> Result<u32, StoreError> {
    remove(&mut item, FAILURES)
}

/// Returns the password hash of the member with this item, or `None` if failures have disabled it.
pub(super) fn enabled_password(member: &BatchItem) -> Result<Option<PasswordHash>, StoreError> {
    let failures: Option<u32> = member.get(FAILURES).cloned().map(value).transpose()?;
    if failures.is_some_and(|failures| failures >= MAX_CONSECUTIVE_FAILURES) {
        return Ok(None);
    }
    member.get(PASSWORD).cloned().map(value).transpose()
}

fn remove<T: DeserializeOwned>(item: &mut BatchItem, name: &str) -> Result<T, StoreError> {
    let attribute = item.remove(name);
    value(attribute.ok_or_else(|| StoreError::malformed("a member has no password or failures"))?)
}
