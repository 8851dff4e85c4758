//! Checks the expiry of a key against its account's policy.

use crate::{error::Error, model::account_policy::AccountPolicy, primitives::timestamp::Timestamp};

/// Checks that a key that is created or changed at `now` may have this expiry by its account's `policy`.
///
/// # Errors
/// 400 with the field `expires_at`.
pub fn check_key_lifetime(
    policy: &AccountPolicy,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Error> {
    match policy.max_key_lifetime_days {
        Some(max) if !policy.allows_expiry(expires_at, now) => Err(Error::bad_field(
            "expires_at",
            format_args!(
                "must be at most {} days from now, because the account's policy limits it",
                max.get()
            ),
        )),
        _ => Ok(()),
    }
}
