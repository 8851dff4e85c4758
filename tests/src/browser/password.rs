//! The screen “Password”.

use crate::{browser::Browser, service::PASSWORD};

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn change_ends_the_other_sessions() {
    let (browser, account) = Browser::logged_in().await;
    browser.go("Password").await;
    browser.fill("Current password", PASSWORD).await;
    browser.fill("New password", "two lizards on the wall").await;
    browser.click("Show new password").await;
    assert_eq!(
        browser.field("New password").await.attr("type").await.expect("attributes").as_deref(),
        Some("text")
    );
    browser.click("Change password").await;
    browser.wait_for_text("Password changed. Your other sessions have ended.").await;
    assert_eq!(browser.field_value("New password").await, "");
    browser.service.me(&account.session).await.assert_unauthorized();
    // The session of the browser stays valid.
    browser.go("API keys").await;
    browser.wait_for_text("No API keys").await;
    browser.click("Log out").await;
    browser.log_in_with(&account.email, "two lizards on the wall").await;
    browser.wait_for_text("No API keys").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn invalid_password_shows_an_error_at_its_field() {
    let (browser, _) = Browser::logged_in().await;
    browser.go("Password").await;
    browser.click("Change password").await;
    assert_eq!(browser.field_error("Current password").await, "Enter your current password.");
    browser.fill("Current password", "a lizard on the 8th wall").await;
    browser.fill("New password", "short").await;
    browser.click("Change password").await;
    assert_eq!(browser.field_error("New password").await, "Use at least 15 characters.");
    browser.fill("New password", "two lizards on the wall").await;
    browser.click("Change password").await;
    assert_eq!(browser.field_error("Current password").await, "Incorrect password.");
    browser.fill("Current password", PASSWORD).await;
    browser.fill("New password", "passwordpassword").await;
    browser.click("Change password").await;
    assert_eq!(
        browser.field_error("New password").await,
        "It is too common or too easily guessed. Choose another one, such as four random words."
    );
    browser.end(&["403 /v1/auth/password", "400 /v1/auth/password"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn fields_are_masked_and_allow_password_managers_and_pasting() {
    let (browser, _) = Browser::logged_in().await;
    let assert_field = async |label: &str, kind: &str| {
        let field = browser.field(label).await;
        for (name, value) in [("type", "password"), ("autocomplete", kind)] {
            assert_eq!(field.attr(name).await.expect("attributes").as_deref(), Some(value), "{label}");
        }
        // No event handler prevents pasting.
        let paste = "return [...document.querySelectorAll('input[type=password]')].every((one) =>
            one.dispatchEvent(new ClipboardEvent('paste', { bubbles: true, cancelable: true })))";
        assert_eq!(browser.value(paste, &[]).await, true, "{label}");
    };
    browser.go("Password").await;
    browser.click("Show new password").await;
    browser.click("Hide new password").await;
    assert_field("Current password", "current-password").await;
    assert_field("New password", "new-password").await;
    browser.click("Log out").await;
    assert_field("Password", "current-password").await;
    browser.end(&[]).await;
}
