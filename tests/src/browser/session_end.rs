//! The end of a session clears the page, also if nobody uses it any more.

use serde_json::json;
use shared::primitives::clock::Clock;
use time::Duration;

use crate::{
    browser::Browser,
    service::{Account, OwnService},
};

const NOTICE: &str = "Your session has ended. Log in again to continue.";

impl Browser {
    /// Waits until the page shows only the login, and asserts that nothing of the member is left.
    async fn wait_until_cleared(&self, account: &Account) {
        self.wait_for_text(NOTICE).await;
        self.wait_until("a page without dialogs", "return document.querySelector('dialog') === null", &[])
            .await;
        let left = "return document.documentElement.outerHTML.includes(arguments[0])";
        assert_eq!(self.value(left, &[json!(account.email)]).await, false);
        assert_eq!(self.value("return sessionStorage.length", &[]).await, 0);
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

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn secret_that_is_shown_once_is_cleared_too() {
    let (browser, account) = Browser::logged_in().await;
    browser.click("Create API key").await;
    browser.fill("Name", "Ward server").await;
    browser.click("Create key").await;
    browser.wait_for_text("You won’t see it again").await;
    browser.move_clock(60).await;
    browser.wait_until_cleared(&account).await;
    let secret = "return document.documentElement.outerHTML.includes('mt_live_')";
    assert_eq!(browser.value(secret, &[]).await, false);
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn form_stays_for_five_minutes_after_the_end() {
    let (browser, account) = Browser::logged_in().await;
    browser.go("Account").await;
    browser.fill("Name", "Sleep study").await;
    let other = browser.service.login(&account.email).await;
    browser.service.delete("/v1/auth/sessions", &other).await.expect(204);
    browser.submit("Save").await;
    browser.wait_for_text("What you have entered is still here").await;
    browser.move_clock(4).await;
    browser.show_again().await;
    browser.wait_for_text("What you have entered is still here").await;
    browser.move_clock(1).await;
    browser.wait_until_cleared(&account).await;
    browser.end(&["401 /v1/account"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn page_that_is_shown_again_is_cleared_if_the_session_ended_elsewhere() {
    let (browser, account) = Browser::logged_in().await;
    let other = browser.service.login(&account.email).await;
    browser.service.delete("/v1/auth/sessions", &other).await.expect(204);
    browser.move_clock(2).await;
    browser.show_again().await;
    browser.wait_until_cleared(&account).await;
    browser.end(&["401 /v1/auth/me"]).await;
}
