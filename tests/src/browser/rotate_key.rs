//! The dialog to rotate an API key.

use serde_json::json;

use crate::{browser::Browser, service::Credential};

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn rotation_shows_when_the_old_secret_ends() {
    let (browser, account) = Browser::logged_in().await;
    let (old, record) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.reload().await;
    browser.act("Rotate", "Server").await;
    browser.wait_for_text("Both secrets work until").await;
    browser.choose("Grace period for the old secret", "1 hour").await;
    browser.click("Rotate key").await;
    browser.wait_for_text("The old secret works until").await;
    browser.wait_for_text("(in 1 hour)").await;
    let new = Credential::bearer(&browser.field_value("Secret").await);
    for (key, secret) in [(&new, "current"), (&old, "previous")] {
        let me = browser.service.me(key).await.expect(200);
        assert_eq!((&me["secret"], &me["key_id"]), (&json!(secret), &record["id"]));
    }
    browser.click("Done").await;
    browser.click("Yes, I saved it").await;
    browser.wait_for_rows(1).await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn rotation_without_grace_period_ends_the_old_secret() {
    let (browser, account) = Browser::logged_in().await;
    let (old, _) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.reload().await;
    browser.act("Rotate", "Server").await;
    browser.choose("Grace period for the old secret", "None").await;
    browser.wait_for_text("The old secret stops working immediately.").await;
    browser.click("Rotate key").await;
    browser.wait_for_text("The old secret no longer works.").await;
    browser.service.me(&old).await.assert_unauthorized();
    browser.click("Done").await;
    browser.click("Yes, I saved it").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn rotation_of_a_revoked_key_shows_an_error() {
    let (browser, account) = Browser::logged_in().await;
    let (_, record) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.reload().await;
    browser.act("Rotate", "Server").await;
    browser.service.delete(&crate::service::key_path(&record), &account.session).await.expect(204);
    browser.click("Rotate key").await;
    browser.wait_for_text("The key was revoked").await;
    browser.click("Cancel").await;
    browser
        .end(&["409 /v1/api-keys/{key}/rotate"
            .replace("{key}", crate::response::text(&record, "id"))
            .as_str()])
        .await;
}
