//! That a caller is still who the authorizer let in, checked in the same transaction as what they do: a key
//! that was revoked or has expired, a session that was ended, an admin who was demoted or an account that was
//! suspended a moment ago hands out nothing more.

use crate::{
    authorization::principal::{KeyPrincipal, Principal, SessionPrincipal},
    model::{
        account::AccountStatus,
        member::{Member, MemberStatus},
    },
    primitives::{id::AccountId, timestamp::Timestamp},
    store::{
        dynamodb::{key::Key, write::Write},
        error::StoreError,
    },
};

/// The checks that `caller` may still do what the authorizer let them do.
pub(super) fn still_authorized(caller: &Principal, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    let mut checks = credential_still_authorized(caller, now)?;
    checks.push(account_still_active(caller.account_id())?);
    Ok(checks)
}

/// The check that the account is not suspended. A transaction may not name one item twice, so where the account itself
/// is changed, the condition of that is to hold this.
pub(super) fn account_still_active(account: AccountId) -> Result<Write, StoreError> {
    Write::check(Key::account(account))
        .only_if("#status = :active", || StoreError::Conflict)
        .name("#status", "status")
        .value(":active", AccountStatus::Active)
}

/// The checks of the credential alone, for a transaction that sees to the account itself.
pub(super) fn credential_still_authorized(
    caller: &Principal,
    now: Timestamp,
) -> Result<Vec<Write>, StoreError> {
    match caller {
        Principal::ApiKey(key) => Ok(vec![secret_still_valid(key, now)?]),
        Principal::Session(session) => {
            let member = Write::check(Key::member(session.account_id, session.user_id))
                .only_if(
                    "#status = :active AND #session_epoch = :epoch AND #permissions = :permissions",
                    || StoreError::Conflict,
                )
                .name("#status", "status")
                .name("#session_epoch", "session_epoch")
                .name("#permissions", "permissions")
                .value(":active", MemberStatus::Active)?
                .value(":epoch", session.session_epoch)?
                .value(":permissions", session.permissions)?;
            Ok(vec![member, session_still_valid(session, now)?])
        }
    }
}

/// The same, of a caller who changes the member `seen`: where they change themselves, what was seen of them is
/// compared here, and the change's own condition holds it.
pub(super) fn credential_still_authorized_to_change(
    caller: &Principal,
    seen: &Member,
    now: Timestamp,
) -> Result<Vec<Write>, StoreError> {
    match caller {
        Principal::Session(session) if session.user_id == seen.id => {
            let as_let_in =
                seen.has_session_of(session.session_epoch) && seen.permissions == session.permissions;
            if as_let_in { Ok(vec![session_still_valid(session, now)?]) } else { Err(StoreError::Conflict) }
        }
        _ => credential_still_authorized(caller, now),
    }
}

/// The check that the secret that a key came with works, and the key has not expired.
fn secret_still_valid(key: &KeyPrincipal, now: Timestamp) -> Result<Write, StoreError> {
    // As `ApiKey::still_authorizes` and `ApiKey::has_expired` have it.
    const WORKS: &str = "#state.#status = :active \
                         AND (#state.#generation = :generation \
                              OR (#state.#generation = :next AND #state.#previous.#ends_at > :now)) \
                         AND (attribute_type(#expires_at, :null) OR #expires_at > :now)";
    Write::check(Key::api_key(key.account_id, key.key_id))
        .only_if(WORKS, || StoreError::Conflict)
        .name("#state", "state")
        .name("#status", "status")
        .name("#generation", "generation")
        .name("#previous", "previous")
        .name("#ends_at", "ends_at")
        .name("#expires_at", "expires_at")
        .value(":active", "active")?
        .value(":generation", key.generation)?
        .value(":next", key.generation.saturating_add(1))?
        .value(":null", "NULL")?
        .value(":now", now)
}

/// The check that a session was not ended by name, and is not over for its age.
fn session_still_valid(session: &SessionPrincipal, now: Timestamp) -> Result<Write, StoreError> {
    Write::check(Key::session(session.account_id, session.user_id, session.session_id))
        .only_if("#epoch = :epoch AND #expires_at > :now", || StoreError::Conflict)
        .name("#epoch", "epoch")
        .name("#expires_at", "expires_at")
        .value(":epoch", session.session_epoch)?
        .value(":now", now)
}
