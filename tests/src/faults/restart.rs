//! Restarts of a gateway that stores its data in a folder.

use std::{ffi::OsStr, fs, path::Path};

use gateway::{Data, Gateway, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::service::{OwnService, key_path};

/// Starts a service with the data in `folder`. The folder's name is the name of the stack, so that tables in an external
/// `DynamoDB` are found again.
async fn start(folder: &Path) -> OwnService {
    let name = folder.file_name().and_then(OsStr::to_str).expect("a name");
    OwnService::start_with(|options| {
        options.data = Data::Folder(folder.to_owned());
        options.stack = format!("test{name}");
    })
    .await
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Changes the file with the secrets of a gateway that is not running. Removes the secrets that become null.
fn change_secrets(folder: &Path, change: impl FnOnce(&mut Value)) {
    let file = folder.join("secrets.json");
    let mut secrets = serde_json::from_slice(&fs::read(&file).expect("the secrets")).expect("JSON");
    change(&mut secrets);
    secrets.as_object_mut().expect("an object").retain(|_, secret| !secret.is_null());
    fs::write(file, secrets.to_string()).expect("the secrets are changed");
}

#[tokio::test]
async fn valid_credentials_stay_valid_and_revoked_ones_stay_revoked() {
    let folder = folder();
    let service = start(folder.path()).await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({"name": "Kept"})).await;
    let (revoked, revoked_record) = service.key(&account.session, json!({})).await;
    service.delete(&key_path(&revoked_record), &account.session).await.expect(204);
    let logged_out = service.login(&account.email).await;
    service.request("POST", "/v1/auth/logout").with(&logged_out).send().await.expect(204);
    let project = format!("/v1/projects/{}", service.project(&key).await);
    let valid = [&key, &account.session];
    let mut before = Vec::new();
    for credential in valid {
        before.push(service.me(credential).await.expect(200));
    }
    let list = service.get("/v1/api-keys?status=all", &account.session).await.expect(200);
    service.gateway.stop().await;

    let service = start(folder.path()).await;
    service.time.pass(60);
    assert_eq!(service.get("/v1/api-keys?status=all", &account.session).await.expect(200), list);
    for (credential, before) in valid.into_iter().zip(before) {
        assert_eq!(service.me(credential).await.expect(200), before);
    }
    for credential in [revoked, logged_out] {
        service.me(&credential).await.assert_unauthorized();
    }
    service.get(&project, &key).await.expect(200);
    // Password hashes depend on the pepper, too.
    service.login(&account.email).await;
    service.delete(&key_path(&record), &account.session).await.expect(204);
    service.me(&key).await.assert_unauthorized();
}

#[tokio::test]
async fn grace_period_ends_at_the_same_time() {
    let folder = folder();
    let service = start(folder.path()).await;
    let account = service.account().await;
    let (previous, record) = service.key(&account.session, json!({})).await;
    let (current, _) = service.rotate(&record, &account.session, 3600).await;
    service.gateway.stop().await;

    let service = start(folder.path()).await;
    service.time.pass(3599);
    assert_eq!(service.me(&previous).await.expect(200)["secret"], "previous");
    assert_eq!(service.me(&current).await.expect(200)["secret"], "current");
    service.time.pass(1);
    service.me(&previous).await.assert_unauthorized();
    service.me(&current).await.expect(200);
}

#[tokio::test]
async fn missing_pepper_returns_503() {
    let folder = folder();
    let service = start(folder.path()).await;
    let account = service.account().await;
    service.gateway.stop().await;
    change_secrets(folder.path(), |secrets| drop(secrets["Pepper"].take()));

    // The status is not 401, because the credential may be valid.
    let service = start(folder.path()).await;
    service.me(&account.session).await.assert_error(503, "UNAVAILABLE");
}

#[tokio::test]
async fn data_without_a_token_mac_key_gets_a_new_one_which_ends_all_tokens() {
    let folder = folder();
    let service = start(folder.path()).await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    service.gateway.stop().await;
    change_secrets(folder.path(), |secrets| drop(secrets["TokenMacKey"].take()));

    let service = start(folder.path()).await;
    for credential in [&key, &account.session] {
        service.me(credential).await.assert_unauthorized();
    }
    // The member logs in and rotates the key, so that its token has a new MAC.
    let session = service.login(&account.email).await;
    let (rotated, _) = service.rotate(&record, &session, 0).await;
    service.me(&rotated).await.expect(200);
    service.gateway.stop().await;

    let service = start(folder.path()).await;
    service.me(&rotated).await.expect(200);
}

#[tokio::test]
async fn short_token_mac_key_prevents_the_start() {
    let folder = folder();
    start(folder.path()).await.gateway.stop().await;
    change_secrets(folder.path(), |secrets| secrets["TokenMacKey"]["current"]["value"] = json!("too short"));
    let options = Options { data: Data::Folder(folder.path().to_owned()), ..Options::ephemeral() };
    let error = Gateway::start(options).await.err().expect("the gateway does not start").to_string();
    assert!(error.contains("the key of the token MACs has fewer than 32 bytes"), "{error}");
}
