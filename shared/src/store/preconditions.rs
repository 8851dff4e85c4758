//! Checks that the caller is still authorized. A change includes them in its transaction, so it fails if, since the
//! authorizer decided, the key was changed or revoked or has expired, the session has ended, the member's permissions have changed, or
//! the account was suspended. It also fails if the session has a restriction, the member has one that this version does not know, or
//! the restrictions of the account have changed.

use crate::{
    authorization::principal::{KeyPrincipal, Principal, SessionPrincipal},
    model::{
        account::{Account, AccountStatus},
        member::{Member, MemberStatus},
        restrictions::{Restriction, Restrictions},
    },
    primitives::timestamp::Timestamp,
    store::{
        accounts::{KEY_EPOCH, SESSION_EPOCH},
        dynamodb::{key::Key, write::Write},
        error::StoreError,
        member_credentials::PASSKEYS,
    },
};

/// Returns the checks that the credential of `caller` is still authorized and the account is still active.
pub(super) fn still_authorized(caller: &Principal, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    let mut checks = credential_still_authorized(caller, now)?;
    checks.push(account_still_active(caller)?);
    Ok(checks)
}

/// Returns the check that the caller's account is not suspended, and has not been since the caller's session started.
///
/// A transaction must not contain an item twice. A transaction that changes the account includes this condition in that write
/// instead.
pub(super) fn account_still_active(caller: &Principal) -> Result<Write, StoreError> {
    let check = Write::check(Key::account(caller.account_id()));
    if_account_active(check.condition("#status = :active", || StoreError::Conflict), caller)
}

/// Completes the condition `#status = :active` of a write of the caller's account: also, the account must have the same restrictions as
/// when the authorizer decided, and must still be in the epoch of the caller's session or key.
pub(super) fn if_account_active(write: Write, caller: &Principal) -> Result<Write, StoreError> {
    let write = write.name("#status", "status").value(":active", AccountStatus::Active)?;
    with_account_epoch(with_restrictions(write, caller.account_restrictions())?, caller)
}

/// Adds the condition that the restrictions of an item are exactly `expected` to a write of that item.
pub(super) fn with_restrictions(write: Write, expected: &Restrictions) -> Result<Write, StoreError> {
    let write = write.name("#restrictions", Restrictions::ATTRIBUTE);
    if expected.is_empty() {
        Ok(write.and("attribute_not_exists(#restrictions)"))
    } else {
        write.and("#restrictions = :expected_restrictions").value(":expected_restrictions", expected)
    }
}

/// Adds the condition that the account is still in the epoch of the caller's session or key to a write of the account.
fn with_account_epoch(write: Write, caller: &Principal) -> Result<Write, StoreError> {
    match caller {
        Principal::Session(session) => with_session_epoch(write, session.account_epoch),
        Principal::ApiKey(key) => with_epoch(write.name("#epoch", KEY_EPOCH), key.epoch),
    }
}

/// Adds the condition that the account is in the session epoch `expected` to a write of the account.
fn with_session_epoch(write: Write, expected: u32) -> Result<Write, StoreError> {
    with_epoch(write.name("#epoch", SESSION_EPOCH), expected)
}

/// Adds the condition that the account is active, and has the same restrictions and is in the same session epoch as in `expected`, to a
/// write of the account on behalf of somebody who has no credential yet.
pub(super) fn if_account_unchanged(write: Write, expected: &Account) -> Result<Write, StoreError> {
    let write = write
        .condition("#status = :active", || StoreError::Conflict)
        .name("#status", "status")
        .value(":active", AccountStatus::Active)?;
    with_session_epoch(with_restrictions(write, &expected.restrictions)?, expected.session_epoch)
}

/// Adds the condition that the epoch `#epoch` of an account is `expected`. An account does not have the attribute in the epoch 0.
fn with_epoch(write: Write, expected: u32) -> Result<Write, StoreError> {
    if expected == 0 {
        Ok(write.and("attribute_not_exists(#epoch)"))
    } else {
        write.and("#epoch = :epoch").value(":epoch", expected)
    }
}

/// Returns the checks that the credential of `caller` is still authorized, and that `account`, which is the caller's, is still
/// active and has still the same limits and policy.
pub(super) fn still_authorized_under(
    account: &Account,
    caller: &Principal,
    now: Timestamp,
) -> Result<Vec<Write>, StoreError> {
    let mut checks = credential_still_authorized(caller, now)?;
    checks.push(account_still_active_and_unchanged(account, caller)?);
    Ok(checks)
}

/// Returns the check that `account`, which is the caller's, is [still active](account_still_active) and has still the same limits and
/// policy.
pub(super) fn account_still_active_and_unchanged(
    account: &Account,
    caller: &Principal,
) -> Result<Write, StoreError> {
    with_revision(account_still_active(caller)?, account.revision)
}

/// Returns the checks that the credential of `caller` is still authorized, without the check of the account.
pub(super) fn credential_still_authorized(
    caller: &Principal,
    now: Timestamp,
) -> Result<Vec<Write>, StoreError> {
    match caller {
        Principal::ApiKey(key) => Ok(vec![secret_still_valid(key, now)?]),
        Principal::Session(session) => {
            Ok(vec![member_still_authorized(session)?, session_still_valid(session, now)?])
        }
    }
}

/// Returns the check that the member of a session is still active, in the same epoch and with the same permissions.
pub(super) fn member_still_authorized(session: &SessionPrincipal) -> Result<Write, StoreError> {
    let check = Write::check(Key::member(session.account_id, session.user_id))
        .condition("#status = :active AND #session_epoch = :epoch AND #permissions = :permissions", || {
            StoreError::Conflict
        });
    if_member_has_no_unknown_restriction(check)?
        .name("#status", "status")
        .name("#session_epoch", "session_epoch")
        .name("#permissions", "permissions")
        .value(":active", MemberStatus::Active)?
        .value(":epoch", session.session_epoch)?
        .value(":permissions", session.permissions)
}

/// Adds to the condition of a write of a member that the member has no restriction that this version of the service does not know.
///
/// A first passkey, which adds a restriction, also starts a new session epoch. So a caller who is still in the same epoch has the
/// restrictions that the authorizer knew, or fewer.
pub(super) fn if_member_has_no_unknown_restriction(write: Write) -> Result<Write, StoreError> {
    let known: Restrictions = [Restriction::Passkeys].into_iter().collect();
    write
        .and(
            "(attribute_not_exists(#restrictions) \
              OR (#restrictions = :known_restrictions AND attribute_exists(#passkeys)))",
        )
        .name("#restrictions", Restrictions::ATTRIBUTE)
        .name("#passkeys", PASSKEYS)
        .value(":known_restrictions", known)
}

/// Returns the checks that the credential of `caller` is still authorized, for a transaction that changes or deletes
/// `member`.
///
/// If the caller changes themselves, their permissions and status are checked here against `member`, because a transaction
/// must not contain an item twice. The condition of the change ensures that the stored member is still as in `member`.
pub(super) fn credential_still_authorized_to_change(
    caller: &Principal,
    member: &Member,
    now: Timestamp,
) -> Result<Vec<Write>, StoreError> {
    match caller {
        Principal::Session(session) if session.user_id == member.id => {
            let is_authorized = member.accepts_session_epoch(session.session_epoch)
                && member.permissions == session.permissions
                && !member.has_unknown_restriction();
            if is_authorized {
                Ok(vec![session_still_valid(session, now)?])
            } else {
                Err(StoreError::Conflict)
            }
        }
        _ => credential_still_authorized(caller, now),
    }
}

/// Returns the check that the secret that the caller used is still valid and the key has not expired.
fn secret_still_valid(key: &KeyPrincipal, now: Timestamp) -> Result<Write, StoreError> {
    // This is the same rule as `delegation::still_authorizes` and `ApiKey::has_expired`. Each change of the key's permissions,
    // scope, expiry and restrictions increments its revision.
    const IS_VALID: &str = "#state.#status = :active \
                         AND (#state.#generation = :generation \
                              OR (#state.#generation = :next AND #state.#previous.#ends_at > :now)) \
                         AND (attribute_type(#expires_at, :null) OR #expires_at > :now)";
    let check = Write::check(Key::api_key(key.account_id, key.key_id))
        .condition(IS_VALID, || StoreError::Conflict)
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
        .value(":now", now)?;
    with_revision(check, key.revision)
}

/// Adds the condition that the revision of a key or an account is `revision` to a write of that item.
pub(super) fn with_revision(write: Write, revision: u32) -> Result<Write, StoreError> {
    let write = write.name("#revision", "revision");
    // An item that was never changed does not have the attribute.
    if revision == 0 {
        Ok(write.and("attribute_not_exists(#revision)"))
    } else {
        write.and("#revision = :revision").value(":revision", revision)
    }
}

/// Returns the check that a session is [still valid](if_session_valid).
pub(super) fn session_still_valid(session: &SessionPrincipal, now: Timestamp) -> Result<Write, StoreError> {
    let key = Key::session(session.account_id, session.user_id, session.session_id);
    if_session_valid(Write::check(key), session, now)
}

/// Adds the condition that a session still exists, has the same epoch, and has not expired to a write of that session.
pub(super) fn if_session_valid(
    write: Write,
    session: &SessionPrincipal,
    now: Timestamp,
) -> Result<Write, StoreError> {
    write
        .condition("#epoch = :epoch AND #expires_at > :now AND attribute_not_exists(#restrictions)", || {
            StoreError::Conflict
        })
        .name("#epoch", "epoch")
        .name("#restrictions", Restrictions::ATTRIBUTE)
        .name("#expires_at", "expires_at")
        .value(":epoch", session.session_epoch)?
        .value(":now", now)
}
