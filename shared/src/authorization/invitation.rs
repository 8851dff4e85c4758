//! The decision whether an invitation can be accepted.

use crate::{
    authorization::{decision::Denied, denial::Unauthenticated},
    credentials::{one_time_token::OneTimeToken, pepper::Peppers},
    model::{
        account::{Account, AccountStatus},
        member::{Member, MemberStatus},
    },
    primitives::timestamp::Timestamp,
};

/// Verifies `token` against the member and the account that it names, and returns these. `loaded` is `None` if there is no such member.
///
/// # Errors
/// Returns an error if the invitation does not exist, was accepted, or has ended.
pub fn verify_invitation(
    token: &OneTimeToken<'_>,
    loaded: Option<(Member, Account)>,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<(Member, Account), Denied> {
    let (member, account) = loaded.ok_or(Unauthenticated::Unknown)?;
    let invitation = member.invitation.as_ref().ok_or(Unauthenticated::Unknown)?;
    if !invitation.digest.matches(token.expose(), peppers)? {
        return Err(Unauthenticated::WrongSecret.into());
    }
    let is_restricted = account.has_unknown_restriction() || member.restrictions.has_other_than(&[]);
    if is_restricted {
        return Err(Unauthenticated::UnknownRestriction.into());
    }
    if invitation.has_expired(now) {
        return Err(Unauthenticated::Expired.into());
    }
    let has_ended = member.status != MemberStatus::Invited
        || account.status != AccountStatus::Active
        || invitation.account_epoch != account.session_epoch;
    if has_ended {
        return Err(Unauthenticated::SessionEnded.into());
    }
    Ok((member, account))
}
