//! What people log in with: addresses and passwords in the table.

use serde::{Deserialize, Serialize};

use super::{
    Store,
    attributes::{Found, thing, value},
    audit_events::record,
    failure::StoreError,
    keys::Key,
    login_attempts::{Claim, succeeded},
    write::Write,
};
use crate::{
    account::Account,
    audit::{Action, Occasion},
    id::{AccountId, UserId},
    member::Member,
    password::PasswordHash,
    principal::SessionPrincipal,
    throttling::MAX_FAILURES_IN_A_ROW,
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
        owner: Option<Found>,
    ) -> Result<Option<(Credentials, Account)>, StoreError> {
        let keys = match owner.map(thing).transpose()? {
            Some(AddressOwner { account_id, user_id }) => {
                [Key::member(account_id, user_id), Key::account(account_id)]
            }
            None => [Key::nothing(), Key::nothing_else()],
        };
        let [Some(member), Some(account)] = self.get_together(keys).await? else { return Ok(None) };
        Ok(Some((credentials(member)?, thing(account)?)))
    }

    /// Gives a member another password, whose present one `claim` has tried, and ends all of their sessions but the
    /// one of `caller`.
    ///
    /// # Errors
    /// When another change came first, or the table can't be written.
    pub async fn change_password(
        &self,
        seen: &Credentials,
        new: &PasswordHash,
        claim: &Claim,
        caller: &SessionPrincipal,
        occasion: &Occasion,
    ) -> Result<(), StoreError> {
        let Member { account_id, id, session_epoch, .. } = seen.member;
        let member = Write::update(
            Key::member(account_id, id),
            "SET #password = :new, #session_epoch = :next, #failures = :none",
        )
        .only_if("#password = :seen AND #session_epoch = :epoch", || StoreError::Overtaken)
        .name("#password", PASSWORD)
        .name("#session_epoch", "session_epoch")
        .name("#failures", FAILURES)
        .value(":none", 0)?
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
        let mut writes = vec![member, session, record];
        writes.extend(succeeded(claim)?);
        self.write_together(writes).await
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

fn credentials(mut item: Found) -> Result<Credentials, StoreError> {
    let mut take = |name| item.remove(name).ok_or_else(|| StoreError::malformed("a member has no password"));
    let (password, failures) = (value(take(PASSWORD)?)?, value(take(FAILURES)?)?);
    Ok(Credentials { password, failures, member: thing(item)? })
}
