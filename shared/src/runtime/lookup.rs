//! Loads entities that a caller names in a request.

use crate::{
    authorization::{
        delegation::{may_manage_key, reaches_key},
        denial::Forbidden,
        principal::Principal,
    },
    error::Error,
    model::api_key::ApiKey,
    primitives::id::KeyId,
    runtime::app::App,
};

/// Loads the API key `id` if `principal` may see it.
///
/// # Errors
/// 404 if the key does not exist, and also if the caller may not see it, so that the two cases look the same.
pub async fn reachable_key(app: &App, principal: &Principal, id: KeyId) -> Result<ApiKey, Error> {
    let key = app.store.key(principal.account_id(), id).await?;
    key.filter(|key| reaches_key(principal, key)).ok_or_else(Error::not_found)
}

/// Loads the API key `id` if `principal` may manage it.
///
/// # Errors
/// 404 as for [`reachable_key`]; 403 if the caller sees the key but may not manage it.
pub async fn manageable_key(app: &App, principal: &Principal, id: KeyId) -> Result<ApiKey, Error> {
    let key = reachable_key(app, principal, id).await?;
    if may_manage_key(principal, &key) { Ok(key) } else { Err(Error::forbidden(Forbidden::NotCreator)) }
}
