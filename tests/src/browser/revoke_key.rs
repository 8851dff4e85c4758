//! The dialog to revoke an API key.

use serde_json::json;

use crate::browser::Browser;

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn revocation_requires_the_name_and_ends_the_key() {
    let (browser, account) = Browser::logged_in().await;
    let (key, _) = browser.service.key(&account.session, json!({"name": "Old  Server"})).await;
    browser.reload().await;
    browser.act("Revoke", "Old Server").await;
    browser.wait_for_text("You can’t restore a revoked key.").await;
    for wrong in ["", "old server"] {
        browser.fill("Type the name to confirm", wrong).await;
        browser.click("Revoke key").await;
        assert_eq!(browser.field_error("Type the name to confirm").await, "The name doesn’t match.");
        browser.service.me(&key).await.expect(200);
    }
    browser.fill("Type the name to confirm", "Old Server").await;
    browser.click("Revoke key").await;
    browser.wait_for_text("Revoked Old Server").await;
    browser.service.me(&key).await.assert_unauthorized();
    browser.wait_for_text("No API keys").await;
    assert_eq!(browser.focused().await, "API keys");
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn dialog_can_be_cancelled() {
    let (browser, account) = Browser::logged_in().await;
    let (key, _) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.reload().await;
    for leave in ["Cancel", "Close"] {
        browser.act("Revoke", "Server").await;
        browser.click(leave).await;
        browser.wait_until_gone("You can’t restore a revoked key.").await;
        assert_eq!(browser.focused().await, "Actions for Server", "the button has the focus again");
    }
    browser.act("Revoke", "Server").await;
    browser.press(&fantoccini::key::Key::Escape).await;
    browser.wait_until_gone("You can’t restore a revoked key.").await;
    browser.service.me(&key).await.expect(200);
    browser.end(&[]).await;
}
