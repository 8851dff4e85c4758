//! What a member logs in with, in the table: an address and a password.

use serde::{Deserialize, Serialize};

use crate::{
    credentials::password::PasswordHash,
    model::{account::Account, member::Member},
    primitives::id::{AccountId, UserId},
    rate_limit::login_throttle::MAX_FAILURES_IN_A_ROW,
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

/// Whose an address is. Addresses are unique over all accounts, because a login names no account.
#[derive(Serialize, Deserialize)]
pub(super) struct AddressOwner {
    pub account_id: AccountId,
    pub user_id: UserId,
}

/// A member, the hash of their password, and how often that was tried in vain.
#[derive(Debug)]
pub struct Credentials {
    /// The member.
    pub member: Member,
    /// The hash.
    pub password: PasswordHash,
    /// The failures in a row up to the attempt that has read this, but for itself.
    pub failures: u32,
}

impl Credentials {
    /// Whether failures have disabled the password: then no attempt is compared with it.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.failures >= MAX_FAILURES_IN_A_ROW
    }
}

/// The attribute of a member that holds the hash of the password.
pub(super) const PASSWORD: &str = "password";
/// The one that holds how many attempts in a row have failed or are under way.
pub(super) const FAILURES: &str = "failures";

impl Store {
    /// The credentials of the member who has the address `owner`, and their account. It takes a read where there is
    /// none, too.
    pub(super) async fn credentials_of(
        &self,
        owner: Option<BatchItem>,
    ) -> Result<Option<(Credentials, Account)>, StoreError> {
        let keys = match owner.map(to_entity).transpose()? {
            Some(AddressOwner { account_id, user_id }) => {
                [Key::member(account_id, user_id), Key::account(account_id)]
            }
            None => [Key::nothing(), Key::nothing_else()],
        };
        let [Some(member), Some(account)] = self.table.get_together(keys).await? else { return Ok(None) };
        Ok(Some((credentials(member)?, to_entity(account)?)))
    }
}

fn credentials(mut item: BatchItem) -> Result<Credentials, StoreError> {
    let mut take = |name| item.remove(name).ok_or_else(|| StoreError::malformed("a member has no password"));
    let (password, failures) = (value(take(PASSWORD)?)?, value(take(FAILURES)?)?);
    Ok(Credentials { password, failures, member: to_entity(item)? })
}
