//! Loads what a caller names, if it may see it.

use crate::{
    authorization::{delegation::reaches_key, principal::Principal},
    error::Error,
    model::api_key::ApiKey,
    primitives::id::KeyId,
    runtime::app::App,
};

/// Loads the API key `id` if `principal` reaches it.
///
/// # Errors
/// 404 if there is no such key or the caller does not reach it, so that both look the same.
pub async fn reachable_key(app: &App, principal: &Principal, id: KeyId) -> Result<ApiKey, Error> {
    let key = app.store.key(principal.account_id(), id).await?;
    key.filter(|key| reaches_key(principal, key)).ok_or_else(Error::not_found)
}
