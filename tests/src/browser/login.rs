//! Login and logout.

use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    service::{Credential, PASSWORD},
};

/// The parameters of a `DevTools` command that disconnects the browser from the network.
fn offline() -> Value {
    json!({"offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn correct_password_shows_the_keys_and_logout_ends_the_session() {
    let (browser, account) = Browser::logged_in().await;
    browser.wait_for_text("No API keys").await;
    browser.wait_for_text(&account.email).await;
    assert_eq!(browser.title().await, "API keys · MedTWIN");
    assert_eq!(browser.focused().await, "API keys");

    // A reload does not end the session.
    browser.reload().await;
    browser.wait_for_text("No API keys").await;

    let token = browser.value("return sessionStorage.session", &[]).await;
    browser.click("Log out").await;
    browser.wait_for_text("Log in to MedTWIN").await;
    browser.service.me(&Credential::session(token.as_str().expect("a token"))).await.assert_unauthorized();
    assert_eq!(browser.value("return sessionStorage.length + localStorage.length", &[]).await, 0);
    browser.service.me(&account.session).await.expect(200);
    browser.reload().await;
    browser.wait_for_text("Log in to MedTWIN").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn wrong_password_and_unknown_address_show_the_same_error() {
    let browser = Browser::open().await;
    let account = browser.service.account().await;
    browser.log_in_with(&account.email, "a lizard on the 8th wall").await;
    browser.wait_for_text("Incorrect email or password.").await;
    assert_eq!(browser.focused().await, "Password");
    assert_eq!(browser.field_value("Password").await, "");
    browser.log_in_with("nobody@example.com", "a lizard on the 8th wall").await;
    browser.wait_for_text("Incorrect email or password.").await;
    browser.end(&["401 /v1/auth/login"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn empty_field_shows_an_error_and_uses_up_no_attempt() {
    let browser = Browser::open().await;
    let account = browser.service.account().await;
    browser.wait_for_text("Log in to MedTWIN").await;
    for _ in 0..7 {
        browser.press(&Key::Enter).await;
    }
    assert_eq!(browser.field_error("Email").await, "Enter your email address.");
    assert_eq!(browser.focused().await, "Email");
    browser.fill("Email", &account.email).await;
    for _ in 0..7 {
        browser.press(&Key::Enter).await;
        assert_eq!(browser.field_error("Password").await, "Enter your password.");
        assert_eq!(browser.focused().await, "Password");
    }
    let requests =
        "return performance.getEntriesByType('resource').filter((one) => one.name.includes('/v1/')).length";
    assert_eq!(browser.value(requests, &[]).await, 0);
    browser.log_in(&account.email).await;
    browser.wait_for_text("No API keys").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn throttled_login_shows_how_long_to_wait_and_keeps_the_password() {
    let browser = Browser::open().await;
    let account = browser.service.account().await;
    for _ in 0..5 {
        browser.log_in_with(&account.email, "a lizard on the 8th wall").await;
        browser.wait_for_text("Incorrect email or password.").await;
        browser
            .wait_until(
                "the button",
                "return document.querySelector('button[type=submit]').ariaDisabled === 'false'",
                &[],
            )
            .await;
    }
    browser.log_in(&account.email).await;
    browser.wait_for_text("Too many login attempts with this email or from your network. Wait ").await;
    browser.wait_for_text("Try again in 2").await;
    assert_eq!(browser.field_value("Password").await, PASSWORD);
    browser.end(&["401 /v1/auth/login", "429 /v1/auth/login"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn suspended_account_shows_an_error_and_empties_the_password() {
    let browser = Browser::open().await;
    let account = browser.service.account().await;
    browser.service.suspend(&account).await;
    browser.log_in(&account.email).await;
    browser.wait_for_text("Your access is suspended. Contact an admin of your account").await;
    assert_eq!(browser.field_value("Password").await, "");
    browser.end(&["403 /v1/auth/login"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn suspension_during_a_session_leads_to_the_login_which_shows_an_error() {
    let (browser, account) = Browser::logged_in().await;
    browser.service.suspend(&account).await;
    browser.click("Sessions").await;
    browser.wait_for_text("Your session has ended. Log in again to continue.").await;
    browser.log_in(&account.email).await;
    browser.wait_for_text("Your access is suspended. Contact an admin of your account").await;
    browser.end(&["401 /v1/auth/sessions", "403 /v1/auth/login"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn ended_session_leads_to_the_login_and_back() {
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
    browser.wait_for_text("Your session has ended. Log in again to continue.").await;
    assert_eq!(browser.value("return sessionStorage.length", &[]).await, 0);
    browser.log_in(&account.email).await;
    // The login returns to the same screen.
    browser.wait_for_text("Where you are logged in.").await;
    browser.end(&["401 /v1/auth/sessions"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn unreachable_service_shows_an_error_and_keeps_the_password() {
    let browser = Browser::open().await;
    browser.devtools("Network.enable", json!({})).await;
    browser.devtools("Network.emulateNetworkConditions", offline()).await;
    browser.log_in("ada@example.com").await;
    browser.wait_for_text("The service can’t be reached. Check your connection and try again.").await;
    assert_eq!(browser.field_value("Password").await, PASSWORD);
    browser.end(&["net::ERR_INTERNET_DISCONNECTED /v1/auth/login"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn logout_without_a_connection_clears_the_browser() {
    let (browser, account) = Browser::logged_in().await;
    browser.wait_for_text(&account.email).await;
    browser.devtools("Network.enable", json!({})).await;
    browser.devtools("Network.emulateNetworkConditions", offline()).await;
    browser.click("Log out").await;
    browser
        .wait_for_text("You are logged out in this browser, but the service couldn’t end your session.")
        .await;
    browser.wait_until_gone(&account.email).await;
    assert_eq!(browser.value("return sessionStorage.length + localStorage.length", &[]).await, 0);
    browser.end(&["net::ERR_INTERNET_DISCONNECTED /v1/auth/logout"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn second_click_on_log_out_is_ignored() {
    let (browser, _) = Browser::logged_in().await;
    browser.hold("/auth/logout").await;
    browser.click("Log out").await;
    browser.release(async || browser.click("Log out").await).await;
    browser.wait_for_text("Log in to MedTWIN").await;
    assert_eq!(browser.request_count("/auth/logout").await, 1);
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn dashboard_that_cannot_be_loaded_says_why_and_can_be_loaded_later() {
    const UNAVAILABLE: &str = "const send = window.fetch;
        window.fetch = (url, options) => String(url).endsWith('/auth/me') && !window.isAvailable
            ? new Promise((resolve) => (window.fail = () => resolve(Response.json({}, { status: 503 }))))
            : send(url, options);";
    let (browser, account) = Browser::logged_in().await;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": UNAVAILABLE})).await;
    browser.reload().await;
    browser.wait_for_text("Loading…").await;
    browser.value("window.fail()", &[]).await;
    browser.wait_for_text("The service is temporarily unavailable. Try again in a moment.").await;
    assert_eq!(browser.focused().await, "The dashboard can’t be shown");
    browser.value("window.isAvailable = true", &[]).await;
    browser.click("Try again").await;
    browser.wait_for_text("No API keys").await;
    browser.wait_for_text(&account.email).await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn logout_is_offered_on_every_screen() {
    let (browser, _) = Browser::logged_in().await;
    for screen in ["Team members", "Audit events", "Sessions", "Password", "API keys"] {
        browser.go(screen).await;
        assert!(browser.has_button("Log out").await, "{screen}");
    }
    // On a narrow window, a button opens the menu.
    let phone = json!({"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": false});
    browser.devtools("Emulation.setDeviceMetricsOverride", phone).await;
    browser.click("Menu").await;
    browser
        .wait_until("the menu", "return document.querySelector('#menu').matches(':popover-open')", &[])
        .await;
    // A link to the current screen closes the menu, too.
    browser.go("API keys").await;
    browser
        .wait_until(
            "a page without the menu",
            "return !document.querySelector('#menu').matches(':popover-open')",
            &[],
        )
        .await;
    browser.click("Menu").await;
    browser.click("Log out").await;
    browser.wait_for_text("Log in to MedTWIN").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn login_works_with_the_keyboard_only() {
    let browser = Browser::open().await;
    let account = browser.service.account().await;
    browser.wait_for_text("Log in to MedTWIN").await;
    assert_eq!(browser.focused().await, "Email");
    browser.press(&(account.email.as_str() + &Key::Tab)).await;
    assert_eq!(browser.focused().await, "Password");
    browser.press(&(PASSWORD + &Key::Enter)).await;
    browser.wait_for_text("No API keys").await;
    browser.end(&[]).await;
}
