//! A change that needs a more recent authentication.

use serde_json::json;

use crate::{
    browser::Browser,
    response::text,
    service::{Account, OwnService},
};

/// What the dialog for the new authentication says.
const NOTICE: &str = "You logged in a while ago, and this change is sensitive.";

/// Logs in and opens the screen “Account”, with a new name filled in. The authentication is then 16 minutes old.
async fn open_changed_account() -> (Browser, Account) {
    let service = Box::pin(OwnService::start()).await;
    let account = service.account().await;
    let url = format!("{}/", service.url);
    let browser = Box::pin(Browser::open_at(service, &url)).await;
    browser.log_in(&account.email).await;
    browser.wait_for_text("No API keys").await;
    browser.go("Account").await;
    browser.fill("Name", "Sleep study").await;
    browser.service.time.pass(16 * 60);
    (browser, account)
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn login_is_asked_for_and_the_form_is_sent() {
    let (browser, account) = open_changed_account().await;
    browser.submit("Save").await;
    browser.wait_for_text(NOTICE).await;
    assert_eq!(browser.field_value("Email").await, account.email);
    assert_eq!(browser.focused().await, "Password");
    browser.click("Log in").await;
    assert_eq!(browser.field_error("Password").await, "Enter your password.");
    browser.log_in_with(&account.email, "a lizard on the 8th wall").await;
    browser.wait_for_text("Incorrect email or password.").await;
    browser.log_in(&account.email).await;
    browser.wait_for_text("Saved the account").await;
    let session = browser.service.login(&account.email).await;
    let saved = browser.service.get("/v1/account", &session).await.expect(200);
    assert_eq!(text(&saved, "name"), "Sleep study");

    // One authentication is enough for the next changes.
    browser.fill("Name", "Memory study").await;
    browser.submit("Save").await;
    browser.wait_for_text("Memory study").await;
    browser.end(&["403 /v1/account", "401 /v1/auth/login"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn session_is_replaced_by_a_new_one() {
    let (browser, account) = open_changed_account().await;
    let before = browser.session().await;
    browser.submit("Save").await;
    browser.wait_for_text(NOTICE).await;
    browser.service.me(&before).await.expect(200);
    browser.log_in(&account.email).await;
    browser.wait_for_text("Saved the account").await;
    browser.service.me(&before).await.assert_unauthorized();
    browser.service.me(&browser.session().await).await.expect(200);
    browser.service.me(&account.session).await.expect(200);
    browser.end(&["403 /v1/account"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn login_of_another_member_ends_the_session_and_discards_the_form() {
    let (browser, account) = open_changed_account().await;
    let before = browser.session().await;
    let other = browser.service.account().await;
    browser.submit("Save").await;
    browser.wait_for_text(NOTICE).await;
    browser.log_in(&other.email).await;
    browser.wait_for_text(&other.email).await;
    browser.service.me(&before).await.assert_unauthorized();
    for session in [&account.session, &other.session] {
        let saved = browser.service.get("/v1/account", session).await.expect(200);
        assert_ne!(text(&saved, "name"), "Sleep study");
    }
    browser.end(&["403 /v1/account"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn cancelled_authentication_keeps_the_form_which_can_be_sent_later() {
    let (browser, account) = open_changed_account().await;
    browser.submit("Save").await;
    browser.wait_for_text(NOTICE).await;
    browser.click("Cancel").await;
    browser.wait_for_text("Nothing has changed, because you didn’t confirm that it’s you.").await;
    assert_eq!(browser.field_value("Name").await, "Sleep study");
    let session = browser.service.login(&account.email).await;
    let saved = browser.service.get("/v1/account", &session).await.expect(200);
    assert_ne!(text(&saved, "name"), "Sleep study");
    browser.submit("Save").await;
    browser.log_in(&account.email).await;
    browser.wait_for_text("Saved the account").await;
    browser.end(&["403 /v1/account"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn session_that_ended_meanwhile_needs_one_login_for_both() {
    let (browser, account) = open_changed_account().await;
    browser.submit("Save").await;
    browser.wait_for_text(NOTICE).await;
    let other = browser.service.login(&account.email).await;
    browser.service.delete("/v1/auth/sessions", &other).await.expect(204);
    browser.log_in(&account.email).await;
    browser.wait_for_text("Saved the account").await;
    let saved = browser.service.get("/v1/account", &other).await.expect(200);
    assert_eq!(text(&saved, "name"), "Sleep study");
    browser.end(&["403 /v1/account", "401 /v1/auth/logout"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn session_that_expires_meanwhile_needs_one_login_for_both() {
    let (browser, account) = open_changed_account().await;
    browser.submit("Save").await;
    browser.wait_for_text(NOTICE).await;
    browser.move_clock(60).await;
    browser.wait_until("no session", "return sessionStorage.length === 0", &[]).await;
    browser.log_in(&account.email).await;
    browser.wait_for_text("Saved the account").await;
    assert_eq!(browser.value("return document.querySelectorAll('dialog').length", &[]).await, 0);
    browser.end(&["403 /v1/account"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn session_that_expires_meanwhile_clears_the_page_if_the_login_is_cancelled() {
    let (browser, account) = open_changed_account().await;
    let session = browser.service.login(&account.email).await;
    let (_, id) = browser.service.member(&session, &["read"]).await;
    let path = format!("/v1/members/{id}");
    let member = browser.service.get(&path, &session).await.expect(200);
    browser.go("Team members").await;
    browser.act("Suspend", text(&member, "email")).await;
    browser.wait_for_text(NOTICE).await;
    browser.move_clock(60).await;
    browser.wait_until("no session", "return sessionStorage.length === 0", &[]).await;
    browser.click("Cancel").await;
    browser.wait_until_cleared(&account).await;
    // The list is read again after a rejected change.
    browser.end(&[&format!("403 {path}"), "401 /v1/members"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn change_of_a_key_asks_for_a_login_where_the_policy_says_so() {
    let (browser, account) = open_changed_account().await;
    let session = browser.service.login(&account.email).await;
    browser.service.key(&session, json!({"name": "Ward server", "permissions": ["read"]})).await;
    let policy = json!({"policy": {"reauthentication_minutes": 10}});
    browser.service.patch("/v1/account", &session, policy).await.expect(200);
    browser.go("API keys").await;
    browser.act("Edit", "Ward server").await;
    browser.fill("Name", "Ward 7").await;
    browser.click("Save").await;
    browser.wait_for_text(NOTICE).await;
    browser.log_in(&account.email).await;
    browser.wait_for_text("Saved Ward 7").await;
    let keys = browser.service.get("/v1/api-keys", &session).await.expect(200);
    assert_eq!(text(&keys["data"][0], "name"), "Ward 7");
    let refused = format!("403 /v1/api-keys/{}", text(&keys["data"][0], "id"));
    browser.end(&[&refused]).await;
}
