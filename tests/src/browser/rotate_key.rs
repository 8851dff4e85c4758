//! Rotate.

use serde_json::json;

use crate::{browser::Browser, service::Credential};

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn says_until_when_the_old_secret_works() {
    let (browser, account) = Browser::logged_in().await;
    let (old, record) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.reload().await;
    browser.click("Rotate Server").await;
    browser.sees(", both work.").await;
    browser.choose("How long the old secret works still", "For an hour").await;
    browser.click("Rotate key").await;
    browser.sees("The old secret still works until").await;
    browser.sees("which is in 1 hour").await;
    let new = Credential::bearer(&browser.written("Key").await);
    for (key, secret) in [(&new, "current"), (&old, "previous")] {
        let me = browser.service.me(key).await.expect(200);
        assert_eq!((&me["secret"], &me["key_id"]), (&json!(secret), &record["id"]));
    }
    browser.click("Done").await;
    browser.click("Yes, I have saved it").await;
    browser.sees_rows(1).await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn without_an_overlap_ends_the_old_secret() {
    let (browser, account) = Browser::logged_in().await;
    let (old, _) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.reload().await;
    browser.click("Rotate Server").await;
    browser.choose("How long the old secret works still", "It ends at once").await;
    browser.sees("is refused from now on").await;
    browser.click("Rotate key").await;
    browser.sees("The old secret has ended.").await;
    browser.service.me(&old).await.assert_unauthorized();
    browser.click("Done").await;
    browser.click("Yes, I have saved it").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn of_a_key_that_was_revoked_meanwhile_says_so() {
    let (browser, account) = Browser::logged_in().await;
    let (_, record) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.reload().await;
    browser.click("Rotate Server").await;
    browser.service.delete(&crate::service::key_path(&record), &account.session).await.expect(204);
    browser.click("Rotate key").await;
    browser.sees("The key was revoked").await;
    browser.click("Cancel").await;
    browser
        .end(&["409 /v1/api-keys/{key}/rotate"
            .replace("{key}", crate::response::text(&record, "id"))
            .as_str()])
        .await;
}
