//! Loads entities that a caller names in a request.

use crate::{
    authorization::{
        delegation::{may_manage_key, reaches_key},
        denial::Forbidden,
        principal::Principal,
    },
    error::Error,
    model::{account::Account, api_key::ApiKey},
    primitives::id::KeyId,
    runtime::app::App,
    store::StoreError,
};

/// Loads the account of `principal`.
///
/// # Errors
/// 409 if the account was deleted since the authorizer decided; 503 if the read fails.
pub async fn own_account(app: &App, principal: &Principal) -> Result<Account, Error> {
    Ok(app.store.account(principal.account_id()).await?.ok_or(StoreError::Conflict)?)
}

/// Loads the API key `id` if `principal` may see it.
///
/// # Errors
/// 404 if the key does not exist, and also if the caller may not see it, so that the two cases look the same.
pub async fn reachable_key(app: &App, principal: &Principal, id: KeyId) -> Result<ApiKey, Error> {
    reachable(principal, app.store.key(principal.account_id(), id).await?)
}

/// Loads the API key `id` if `principal` may manage it.
///
/// # Errors
/// 404 as for [`reachable_key`]; 403 if the caller sees the key but may not manage it.
pub async fn manageable_key(app: &App, principal: &Principal, id: KeyId) -> Result<ApiKey, Error> {
    manageable(principal, reachable_key(app, principal, id).await?)
}

/// Loads the API key `id` if `principal` may see it, and its account.
///
/// # Errors
/// Those of [`reachable_key`] and of [`own_account`].
pub async fn reachable_key_and_account(
    app: &App,
    principal: &Principal,
    id: KeyId,
) -> Result<(ApiKey, Account), Error> {
    let (key, account) = app.store.key_and_account(principal.account_id(), id).await?;
    Ok((reachable(principal, key)?, account.ok_or(StoreError::Conflict)?))
}

/// Loads the API key `id` if `principal` may manage it, and its account.
///
/// # Errors
/// Those of [`manageable_key`] and of [`own_account`].
pub async fn manageable_key_and_account(
    app: &App,
    principal: &Principal,
    id: KeyId,
) -> Result<(ApiKey, Account), Error> {
    let (key, account) = reachable_key_and_account(app, principal, id).await?;
    Ok((manageable(principal, key)?, account))
}

fn reachable(principal: &Principal, key: Option<ApiKey>) -> Result<ApiKey, Error> {
    key.filter(|key| reaches_key(principal, key)).ok_or_else(Error::not_found)
}

fn manageable(principal: &Principal, key: ApiKey) -> Result<ApiKey, Error> {
    if may_manage_key(principal, &key) { Ok(key) } else { Err(Error::forbidden(Forbidden::NotCreator)) }
}
