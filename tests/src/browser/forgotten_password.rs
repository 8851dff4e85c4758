//! Forgotten passwords: the screens that ask for a link and that set a new password.

use serde_json::json;

use crate::{
    browser::{Browser, new_login},
    response::text,
    service::{Account, OwnService, PASSWORD},
};

const NEW_PASSWORD: &str = "two lizards on the wall";
const NO_LONGER_VALID: &str = "This link is no longer valid.";

impl Browser {
    /// Opens the link that a mail to this member would have.
    async fn open_reset_link(&self, account: &Account) -> String {
        let command = json!({"reset_password": {"email": account.email}});
        let reset = self.service.operate(command).await.expect("the command succeeds");
        let link = format!("{}/dashboard#/reset-password/{}", self.service.url, text(&reset, "token"));
        self.driver.goto(&link).await.expect("the page");
        link
    }

    /// Waits for a mail with a link of this kind, and returns the link.
    pub async fn mailed_link(&self, kind: &str) -> String {
        let mails = self.service.mails(1).await;
        let mut lines = mails.iter().flat_map(|mail| text(mail, "text").lines());
        let link = lines.find(|line| line.contains(&format!("/dashboard#/{kind}/")));
        link.unwrap_or_else(|| panic!("no mail has such a link: {mails:?}")).to_owned()
    }
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn every_address_gets_the_same_response_to_a_request_for_a_link() {
    let browser = Browser::open().await;
    let account = browser.service.account().await;
    for email in [account.email.as_str(), "nobody@example.com"] {
        browser.click("Forgot password?").await;
        browser.wait_for_text("Forgot your password?").await;
        assert_eq!(browser.focused().await, "Email");
        browser.click("Send link").await;
        assert_eq!(browser.field_error("Email").await, "Enter your email address.");
        browser.fill("Email", email).await;
        browser.click("Send link").await;
        browser.wait_for_text(&format!("If {email} belongs to a member, a link is on its way.")).await;
        browser.click("Back to the login").await;
        browser.wait_for_text("Log in to MedTWIN").await;
    }
    // The back button leads to the form again.
    browser.driver.back().await.expect("the page before");
    browser.wait_for_text("Forgot your password?").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn link_in_the_mail_opens_the_screen_that_sets_a_password() {
    let service = Box::pin(OwnService::start_with_mail()).await;
    let account = service.account().await;
    let browser = Box::pin(Browser::open_at_localhost(service)).await;
    browser.click("Forgot password?").await;
    browser.fill("Email", &account.email).await;
    browser.click("Send link").await;
    browser.wait_for_text("Some installations send no mails").await;
    browser.open_link(&browser.mailed_link("reset-password").await).await;
    browser.fill("New password", NEW_PASSWORD).await;
    browser.click("Set password").await;
    browser.log_in_with(&account.email, NEW_PASSWORD).await;
    browser.wait_for_text("No API keys").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn link_sets_a_new_password_once_and_ends_all_sessions() {
    let browser = Browser::open().await;
    let account = browser.service.account().await;
    let link = browser.open_reset_link(&account).await;
    browser.wait_for_text("Set a new password").await;
    let url = browser.driver.current_url().await.expect("a URL");
    assert_eq!(url.as_str(), format!("{}/dashboard", browser.service.url));
    assert_eq!(browser.focused().await, "New password");
    browser.fill("New password", "short").await;
    browser.click("Set password").await;
    assert_eq!(browser.field_error("New password").await, "Use at least 15 characters.");
    browser.fill("New password", "passwordpassword").await;
    browser.click("Set password").await;
    browser.wait_for_text("It is too common or too easily guessed.").await;
    browser.service.me(&account.session).await.expect(200);
    browser.fill("New password", NEW_PASSWORD).await;
    browser.click("Set password").await;
    browser.wait_for_text("Your password is changed, and all your sessions have ended.").await;
    browser.service.me(&account.session).await.assert_unauthorized();
    browser.log_in_with(&account.email, NEW_PASSWORD).await;
    browser.wait_for_text("No API keys").await;

    browser.value("location.href = arguments[0]", &[json!(link)]).await;
    browser.wait_for_text("Set a new password").await;
    browser.fill("New password", PASSWORD).await;
    browser.click("Set password").await;
    browser.wait_for_text(NO_LONGER_VALID).await;
    browser.click("Get another link").await;
    browser.wait_for_text("Forgot your password?").await;
    browser.end(&["400 /v1/auth/password-reset/confirm", "401 /v1/auth/password-reset/confirm"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn login_in_front_of_a_form_offers_no_link_that_would_leave_the_form() {
    let (browser, account) = Browser::logged_in().await;
    browser.click("Create API key").await;
    browser.fill("Name", "Ward server").await;
    browser.end_session(&account).await;
    browser.click("Create key").await;
    browser.wait_for_text(new_login::NOTICE).await;
    assert!(!browser.has_button("Forgot password?").await);
    browser.end(&["401 /v1/api-keys"]).await;
}
