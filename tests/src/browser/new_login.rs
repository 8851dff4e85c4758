//! A session that ends while a form is open.

use serde_json::json;

use crate::{browser::Browser, response::text, service::Account};

/// What the dialog for the new login says.
pub const NOTICE: &str = "Log in again within five minutes of its end to keep what is open here.";

impl Browser {
    /// Ends the session of the browser from elsewhere.
    pub async fn end_session(&self, account: &Account) {
        let other = self.service.login(&account.email).await;
        self.service.delete("/v1/auth/sessions", &other).await.expect(204);
    }
}

/// Opens the dialog for a new key, fills it in, and submits it after the session has ended.
async fn submit_after_the_end() -> (Browser, Account) {
    let (browser, account) = Browser::logged_in().await;
    browser.click("Create API key").await;
    browser.fill("Name", "Ward server").await;
    browser.check("write").await;
    browser.end_session(&account).await;
    browser.click("Create key").await;
    browser.wait_for_text(NOTICE).await;
    (browser, account)
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn same_member_logs_in_and_the_form_is_sent() {
    let (browser, account) = submit_after_the_end().await;
    assert_eq!(browser.field_value("Email").await, account.email);
    assert_eq!(browser.focused().await, "Password");
    browser.log_in_with(&account.email, "a lizard on the 8th wall").await;
    browser.wait_for_text("Incorrect email or password.").await;
    browser.log_in(&account.email).await;
    browser.wait_for_text("You won’t see it again").await;
    let session = browser.service.login(&account.email).await;
    let keys = browser.service.get("/v1/api-keys", &session).await.expect(200);
    assert_eq!(keys["data"].as_array().map(Vec::len), Some(1), "{keys}");
    assert_eq!(
        (&keys["data"][0]["name"], &keys["data"][0]["permissions"]),
        (&json!("Ward server"), &json!(["read", "write"]))
    );
    browser.click("Done").await;
    browser.click("Yes, I saved it").await;
    browser.end(&["401 /v1/api-keys", "401 /v1/auth/login"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn cancelled_login_keeps_the_form_which_can_be_sent_later() {
    let (browser, account) = submit_after_the_end().await;
    browser.click("Cancel").await;
    browser.wait_for_text("Your session has ended. Log in again to continue.").await;
    assert_eq!(browser.field_value("Name").await, "Ward server");
    assert_eq!(
        browser.field("write").await.prop("checked").await.expect("a property").as_deref(),
        Some("true")
    );
    browser.click("Create key").await;
    browser.wait_for_text(NOTICE).await;
    browser.log_in(&account.email).await;
    browser.wait_for_text("You won’t see it again").await;
    browser.click("Done").await;
    browser.click("Yes, I saved it").await;
    browser.end(&["401 /v1/api-keys"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn another_member_logs_in_and_the_form_is_discarded() {
    let (browser, _) = submit_after_the_end().await;
    let other = browser.service.account().await;
    browser.log_in(&other.email).await;
    browser.wait_for_text(&other.email).await;
    browser.wait_for_text("No API keys").await;
    assert_eq!(browser.value("return document.querySelectorAll('dialog').length", &[]).await, 0);
    let keys = browser.service.get("/v1/api-keys", &other.session).await.expect(200);
    assert_eq!(keys["data"], json!([]));
    browser.end(&["401 /v1/api-keys"]).await;
}

/// The new session may be that of another member.
#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn login_whose_member_stays_unknown_discards_the_form_when_it_is_closed() {
    let (browser, _) = submit_after_the_end().await;
    let other = browser.service.account().await;
    browser.fail_request("/auth/me").await;
    browser.log_in(&other.email).await;
    browser.wait_for_text("The service is temporarily unavailable.").await;
    browser.click("Cancel").await;
    browser.wait_for_text(&other.email).await;
    browser.wait_for_text("No API keys").await;
    assert_eq!(browser.value("return document.querySelectorAll('dialog').length", &[]).await, 0);
    browser.end(&["401 /v1/api-keys"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn form_of_a_page_is_kept_too() {
    let (browser, account) = Browser::logged_in().await;
    browser.go("Account").await;
    browser.fill("Name", "Sleep study").await;
    browser.end_session(&account).await;
    browser.submit("Save").await;
    browser.wait_for_text(NOTICE).await;
    browser.log_in(&account.email).await;
    browser.wait_for_text("Saved the account").await;
    let session = browser.service.login(&account.email).await;
    let saved = browser.service.get("/v1/account", &session).await.expect(200);
    assert_eq!(text(&saved, "name"), "Sleep study");
    browser.end(&["401 /v1/account"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn login_that_succeeds_after_the_page_was_cleared_opens_the_dashboard() {
    let (browser, account) = submit_after_the_end().await;
    browser.hold("/auth/login").await;
    browser.log_in(&account.email).await;
    browser
        .release(async || {
            browser.move_clock(5).await;
            browser.wait_for_text("Your session has ended. Log in again to continue.").await;
        })
        .await;
    browser.wait_for_text("No API keys").await;
    browser.end(&["401 /v1/api-keys"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn new_session_that_ends_at_once_needs_another_login() {
    let (browser, account) = submit_after_the_end().await;
    browser.hold("/auth/me").await;
    browser.log_in(&account.email).await;
    browser.release(async || browser.end_session(&account).await).await;
    browser.wait_for_text("Your session has ended. Log in again to continue.").await;
    browser.log_in(&account.email).await;
    browser.wait_for_text("You won’t see it again").await;
    browser.click("Done").await;
    browser.click("Yes, I saved it").await;
    browser.end(&["401 /v1/api-keys", "401 /v1/auth/me"]).await;
}
