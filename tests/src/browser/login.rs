//! The login, and out again.

use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    service::{Credential, PASSWORD},
};

/// A network that is not there.
fn offline() -> Value {
    json!({"offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn with_the_right_password_leads_to_the_keys_and_out_again() {
    let (browser, account) = Browser::logged_in().await;
    browser.sees("No API keys").await;
    browser.sees(&account.email).await;
    assert_eq!(browser.title().await, "API keys · MedTWIN");
    assert_eq!(browser.focused().await, "API keys");

    // The session outlives the page.
    browser.reload().await;
    browser.sees("No API keys").await;

    let token = browser.value("return sessionStorage.session", &[]).await;
    browser.click("Log out").await;
    browser.sees("Log in to MedTWIN").await;
    browser.service.me(&Credential::session(token.as_str().expect("a token"))).await.assert_unauthorized();
    assert_eq!(browser.value("return sessionStorage.length + localStorage.length", &[]).await, 0);
    browser.service.me(&account.session).await.expect(200);
    browser.reload().await;
    browser.sees("Log in to MedTWIN").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn with_a_wrong_password_says_so_and_not_which_part_is_wrong() {
    let browser = Browser::open().await;
    let account = browser.service.account().await;
    browser.log_in_with(&account.email, "a lizard on the 8th wall").await;
    browser.sees("Incorrect email or password.").await;
    assert_eq!(browser.focused().await, "Password");
    assert_eq!(browser.written("Password").await, "");
    browser.log_in_with("nobody@example.com", "a lizard on the 8th wall").await;
    browser.sees("Incorrect email or password.").await;
    browser.end(&["401 /v1/auth/login"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn too_often_says_how_long_to_wait() {
    let browser = Browser::open().await;
    let account = browser.service.account().await;
    for _ in 0..5 {
        browser.log_in_with(&account.email, "a lizard on the 8th wall").await;
        browser.sees("Incorrect email or password.").await;
        browser
            .until(
                "the button",
                "return document.querySelector('button[type=submit]').ariaDisabled === 'false'",
                &[],
            )
            .await;
    }
    browser.log_in(&account.email).await;
    browser.sees("Too many login attempts with this email or from your network. Wait ").await;
    browser.sees("Try again in 2").await;
    browser.end(&["401 /v1/auth/login", "429 /v1/auth/login"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn to_a_suspended_account_says_so() {
    let browser = Browser::open().await;
    let account = browser.service.account().await;
    browser.service.suspend(&account).await;
    browser.log_in(&account.email).await;
    browser.sees("Your access is suspended. Contact an admin of your account").await;
    browser.end(&["403 /v1/auth/login"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn is_asked_for_again_when_the_account_is_suspended_meanwhile() {
    let (browser, account) = Browser::logged_in().await;
    browser.service.suspend(&account).await;
    browser.go("Sessions").await;
    browser.sees("You don’t have permission to do this.").await;
    browser.reload().await;
    browser.sees("Your account is suspended. Contact support to restore it.").await;
    browser.end(&["403 /v1/auth/sessions", "403 /v1/auth/me"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn is_asked_for_again_when_the_session_has_ended() {
    let (browser, account) = Browser::logged_in().await;
    let other = browser.service.login(&account.email).await;
    let sessions = browser.service.get("/v1/auth/sessions", &other).await.expect(200);
    for session in sessions["data"].as_array().expect("a list") {
        if session["current"] == false {
            let path = format!("/v1/auth/sessions/{}", session["id"].as_str().expect("an id"));
            browser.service.delete(&path, &other).await.expect(204);
        }
    }
    browser.click("Sessions").await;
    browser.sees("Your session has ended. Log in again to continue.").await;
    assert_eq!(browser.value("return sessionStorage.length", &[]).await, 0);
    browser.log_in(&account.email).await;
    // Where one was.
    browser.sees("Where you are logged in.").await;
    browser.end(&["401 /v1/auth/sessions"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn without_a_service_says_that_there_is_none() {
    let browser = Browser::open().await;
    browser.devtools("Network.enable", json!({})).await;
    browser.devtools("Network.emulateNetworkConditions", offline()).await;
    browser.log_in("ada@example.com").await;
    browser.sees("The service can’t be reached. Check your connection and try again.").await;
    browser.end(&["net::ERR_INTERNET_DISCONNECTED /v1/auth/login"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn is_left_even_where_the_service_can_not_be_told() {
    let (browser, account) = Browser::logged_in().await;
    browser.sees(&account.email).await;
    browser.devtools("Network.enable", json!({})).await;
    browser.devtools("Network.emulateNetworkConditions", offline()).await;
    browser.click("Log out").await;
    browser.sees("You are logged out in this browser, but the service couldn’t end your session.").await;
    browser.sees_no_longer(&account.email).await;
    assert_eq!(browser.value("return sessionStorage.length + localStorage.length", &[]).await, 0);
    browser.end(&["net::ERR_INTERNET_DISCONNECTED /v1/auth/logout"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn can_be_left_from_each_screen() {
    let (browser, _) = Browser::logged_in().await;
    for screen in ["Team members", "Audit events", "Sessions", "Password", "API keys"] {
        browser.go(screen).await;
        assert!(browser.offers("Log out").await, "{screen}");
    }
    // Where there is no room, the menu is called up.
    let phone = json!({"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": false});
    browser.devtools("Emulation.setDeviceMetricsOverride", phone).await;
    browser.click("Menu").await;
    browser.until("the menu", "return document.querySelector('#menu').matches(':popover-open')", &[]).await;
    // It goes away although one stays on the screen where one is.
    browser.go("API keys").await;
    browser.until("no menu", "return !document.querySelector('#menu').matches(':popover-open')", &[]).await;
    browser.click("Menu").await;
    browser.click("Log out").await;
    browser.sees("Log in to MedTWIN").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn works_with_the_keyboard_alone() {
    let browser = Browser::open().await;
    let account = browser.service.account().await;
    browser.sees("Log in to MedTWIN").await;
    assert_eq!(browser.focused().await, "Email");
    browser.press(&(account.email.as_str() + &Key::Tab)).await;
    assert_eq!(browser.focused().await, "Password");
    browser.press(&(PASSWORD + &Key::Enter)).await;
    browser.sees("No API keys").await;
    browser.end(&[]).await;
}
