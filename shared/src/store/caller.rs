//! That a caller is still who the authorizer let in, checked in the same transaction as what they do: a key
//! that was revoked, a session that was ended or an admin who was demoted a moment ago hands out nothing more.

use super::{failure::StoreError, keys::Key, write::Write};
use crate::{
    member::Member,
    principal::{Principal, SessionPrincipal},
    timestamp::Timestamp,
};

/// The checks that `caller` may still do what the authorizer let them do.
pub(super) fn still_let_in(caller: &Principal, now: Timestamp) -> Result<Vec<Write>, StoreError> {
    // As `ApiKey::still_lets_in` has it.
    const SECRET_WORKS: &str = "#state.#status = :active AND (#state.#generation = :generation \
                                OR (#state.#generation = :next AND #state.#previous.#ends_at > :now))";
    match caller {
        Principal::ApiKey(key) => {
            let secret = Write::check(Key::api_key(key.account_id, key.key_id))
                .only_if(SECRET_WORKS, || StoreError::Overtaken)
                .name("#state", "state")
                .name("#status", "status")
                .name("#generation", "generation")
                .name("#previous", "previous")
                .name("#ends_at", "ends_at")
                .value(":active", "active")?
                .value(":generation", key.generation)?
                .value(":next", key.generation.saturating_add(1))?
                .value(":now", now)?;
            Ok(vec![secret])
        }
        Principal::Session(session) => {
            let member = Write::check(Key::member(session.account_id, session.user_id))
                .only_if(
                    "#status = :active AND #session_epoch = :epoch AND #permissions = :permissions",
                    || StoreError::Overtaken,
                )
                .name("#status", "status")
                .name("#session_epoch", "session_epoch")
                .name("#permissions", "permissions")
                .value(":active", "active")?
                .value(":epoch", session.session_epoch)?
                .value(":permissions", session.permissions)?;
            Ok(vec![member, still_there(session)])
        }
    }
}

/// The check that a session was not ended by name.
fn still_there(session: &SessionPrincipal) -> Write {
    Write::check(Key::session(session.account_id, session.user_id, session.session_id))
        .only_if("attribute_exists(pk)", || StoreError::Overtaken)
}

/// The same, of a caller who changes the member `seen`: a transaction may not name one item twice, so where
/// they change themselves, what was seen of them is compared here, and the change's own condition holds it.
pub(super) fn still_let_in_to_change(
    caller: &Principal,
    seen: &Member,
    now: Timestamp,
) -> Result<Vec<Write>, StoreError> {
    match caller {
        Principal::Session(session) if session.user_id == seen.id => {
            let as_let_in =
                seen.has_session_of(session.session_epoch) && seen.permissions == session.permissions;
            if as_let_in { Ok(vec![still_there(session)]) } else { Err(StoreError::Overtaken) }
        }
        _ => still_let_in(caller, now),
    }
}
