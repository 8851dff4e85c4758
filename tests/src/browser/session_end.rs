//! The end of a session clears the page, also if nobody uses it any more.

use serde_json::json;
use shared::primitives::clock::Clock;
use time::Duration;

use crate::{
    browser::{Browser, new_login},
    service::{Account, OwnService},
};

const NOTICE: &str = "Your session has ended. Log in again to continue.";
const NO_DIALOGS: &str = "return document.querySelector('dialog') === null";

impl Browser {
    /// Waits until the page shows only the login, and asserts that nothing of the member is left.
    pub async fn wait_until_cleared(&self, account: &Account) {
        self.wait_for_text(NOTICE).await;
        self.wait_until("a page without dialogs", NO_DIALOGS, &[]).await;
        let left = "return document.documentElement.outerHTML.includes(arguments[0])";
        assert_eq!(self.value(left, &[json!(account.email)]).await, false);
        assert_eq!(self.value("return sessionStorage.length", &[]).await, 0);
    }

    /// Returns true if a field of the page contains the secret of an API key.
    async fn has_secret(&self) -> bool {
        const HAS_SECRET: &str = "return [...document.querySelectorAll('input')].some((input) => input.value.includes('mt_live_'))";
        self.value(HAS_SECRET, &[]).await == true
    }

    /// Lets the page believe that the user returns to it.
    async fn show_again(&self) {
        self.value("document.dispatchEvent(new Event('visibilitychange'))", &[]).await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn page_is_cleared_after_an_hour_without_use() {
    let (browser, account) = Browser::logged_in().await;
    browser.wait_for_text(&account.email).await;
    for (screen, rows) in [("Sessions", 2), ("Team members", 1)] {
        browser.move_clock(57).await;
        // This uses the session.
        browser.go(screen).await;
        browser.wait_for_rows(rows).await;
    }
    browser.move_clock(60).await;
    browser.wait_until_cleared(&account).await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn page_is_cleared_when_the_session_expires() {
    // A session ends after 12 hours of the service's time, and the page compares with the real time.
    let late = || Clock::system().now_utc() - Duration::hours(12) + Duration::seconds(4);
    let service = Box::pin(OwnService::start_with(|options| options.clock = Clock::new(late))).await;
    let account = service.account().await;
    let url = format!("{}/", service.url);
    let browser = Box::pin(Browser::open_at(service, &url)).await;
    browser.log_in(&account.email).await;
    browser.wait_for_text(&account.email).await;
    browser.wait_until_gone(&account.email).await;
    browser.wait_until_cleared(&account).await;
    browser.end(&[]).await;
}

/// Creates an API key, and leaves the dialog with its secret open.
async fn show_secret() -> (Browser, Account) {
    let (browser, account) = Browser::logged_in().await;
    browser.click("Create API key").await;
    browser.fill("Name", "Ward server").await;
    browser.click("Create key").await;
    browser.wait_for_text("You won’t see it again").await;
    (browser, account)
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn secret_that_is_shown_once_is_cleared_five_minutes_after_an_hour_without_use() {
    let (browser, account) = show_secret().await;
    browser.move_clock(60).await;
    browser.wait_for_text(new_login::NOTICE).await;
    assert!(browser.has_secret().await);
    browser.move_clock(5).await;
    browser.wait_until_cleared(&account).await;
    assert!(!browser.has_secret().await);
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn secret_that_is_shown_once_can_be_copied_for_five_minutes_after_the_end_elsewhere() {
    let (browser, account) = show_secret().await;
    browser.end_session(&account).await;
    browser.move_clock(2).await;
    browser.show_again().await;
    browser.wait_for_text(new_login::NOTICE).await;
    browser.click("Cancel").await;
    assert!(browser.field_value("Secret").await.starts_with("mt_live_"));
    browser.move_clock(4).await;
    browser.show_again().await;
    assert!(browser.has_secret().await);
    browser.move_clock(1).await;
    browser.wait_until_cleared(&account).await;
    assert!(!browser.has_secret().await);
    browser.end(&["401 /v1/auth/me"]).await;
}

/// The page of a key has a form, besides the secret.
#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn secret_that_is_shown_once_is_hidden_from_another_member() {
    let (browser, account) = Browser::logged_in().await;
    let (_, key) = browser.service.key(&account.session, json!({"name": "Ward server"})).await;
    browser.reload().await;
    browser.click("Ward server").await;
    browser.wait_for_text("Test this key").await;
    browser.click("Rotate").await;
    browser.click("Rotate key").await;
    browser.wait_for_text("You won’t see it again").await;
    browser.end_session(&account).await;
    browser.move_clock(2).await;
    browser.show_again().await;
    browser.wait_for_text(new_login::NOTICE).await;
    let other = browser.service.account().await;
    browser.log_in(&other.email).await;
    browser.wait_for_text(&other.email).await;
    browser.wait_for_text("There is no API key with this ID in your account.").await;
    browser.wait_until("a page without dialogs", NO_DIALOGS, &[]).await;
    assert!(!browser.has_secret().await);
    browser.end(&["401 /v1/auth/me", &format!("404 {}", crate::service::key_path(&key))]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn secret_that_is_shown_once_is_cleared_when_the_tab_opens_a_link() {
    let (browser, _) = show_secret().await;
    browser.value("location.hash = '#/reset-password/token'", &[]).await;
    browser.wait_for_text("Set a new password").await;
    assert!(!browser.has_secret().await);
    browser.end(&[]).await;
}

/// Fills in the form of the account, and does not send it.
async fn fill_in_account() -> (Browser, Account) {
    let (browser, account) = Browser::logged_in().await;
    browser.go("Account").await;
    browser.fill("Name", "Sleep study").await;
    (browser, account)
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn form_survives_an_hour_without_use_and_a_new_login() {
    let (browser, account) = fill_in_account().await;
    browser.move_clock(60).await;
    browser.wait_for_text(new_login::NOTICE).await;
    assert_eq!(browser.value("return sessionStorage.length", &[]).await, 0);
    browser.log_in(&account.email).await;
    browser.wait_until("a page without dialogs", NO_DIALOGS, &[]).await;
    assert_eq!(browser.field_value("Name").await, "Sleep study");
    // The new session has no deadline yet.
    browser.move_clock(6).await;
    browser.show_again().await;
    browser.submit("Save").await;
    browser.wait_for_text("Saved the account").await;
    let saved = browser.service.get("/v1/account", &account.session).await.expect(200);
    assert_eq!(saved["name"], "Sleep study");
    browser.end(&[]).await;
}

/// Another attempt to send the form does not give it more time.
#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn form_stays_for_five_minutes_after_an_hour_without_use() {
    let (browser, account) = fill_in_account().await;
    browser.move_clock(60).await;
    browser.wait_for_text(new_login::NOTICE).await;
    browser.click("Cancel").await;
    browser.move_clock(4).await;
    browser.submit("Save").await;
    browser.wait_for_text(new_login::NOTICE).await;
    browser.move_clock(1).await;
    browser.wait_until_cleared(&account).await;
    browser.end(&["401 /v1/account"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn form_stays_for_five_minutes_after_the_end_elsewhere() {
    let (browser, account) = fill_in_account().await;
    browser.end_session(&account).await;
    browser.submit("Save").await;
    browser.wait_for_text(new_login::NOTICE).await;
    browser.move_clock(4).await;
    browser.show_again().await;
    browser.wait_for_text(new_login::NOTICE).await;
    browser.move_clock(1).await;
    browser.wait_until_cleared(&account).await;
    browser.end(&["401 /v1/account"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn page_that_is_shown_again_is_cleared_if_the_session_ended_elsewhere() {
    let (browser, account) = Browser::logged_in().await;
    browser.end_session(&account).await;
    browser.move_clock(2).await;
    browser.show_again().await;
    browser.wait_until_cleared(&account).await;
    browser.end(&["401 /v1/auth/me"]).await;
}
