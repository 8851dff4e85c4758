//! Invitations: how an admin makes them, and the screen on which a person accepts one.

use serde_json::json;

use crate::{
    browser::Browser,
    response::text,
    service::{Account, OwnService, PASSWORD, new_address},
};

/// What the screen for accepting an invitation says.
const ACCEPT: &str = "Nobody else will know it, not even the person who invited you.";
const NO_LONGER_VALID: &str = "This invitation is no longer valid.";

impl Browser {
    /// Invites a person on the screen “Team members”, and returns the link of the invitation.
    async fn invite(&self, email: &str) -> String {
        self.click("Invite member").await;
        self.fill("Email", email).await;
        self.submit("Invite member").await;
        self.link_of_invitation().await
    }

    /// Returns the link that the dialog shows, and closes the dialog.
    pub async fn link_of_invitation(&self) -> String {
        self.wait_for_text("You won’t see it again.").await;
        let link = self.field_value("Invitation link").await;
        self.click("Done").await;
        link
    }

    pub async fn open_link(&self, link: &str) {
        // A link that differs only in its fragment does not load the page.
        self.driver.goto("about:blank").await.expect("an empty page");
        self.driver.goto(link).await.expect("the page");
    }
}

async fn invited() -> (Browser, Account, String, String) {
    let (browser, account) = Browser::logged_in().await;
    let email = new_address();
    browser.go("Team members").await;
    browser.wait_for_rows(1).await;
    let link = browser.invite(&email).await;
    (browser, account, email, link)
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn invited_person_chooses_a_password_and_is_logged_in() {
    let (browser, account, email, link) = invited().await;
    let rows = browser.wait_for_rows(2).await;
    assert!(rows[0][0].starts_with(&email), "{rows:?}");
    assert_eq!(rows[0][1..3], ["read", "invited"]);
    assert_eq!(browser.actions(&email).await, ["Edit", "Invite again", "Remove"]);
    browser.click("Log out").await;
    browser.wait_for_text("Log in to MedTWIN").await;

    browser.open_link(&link).await;
    browser.wait_for_text(ACCEPT).await;
    let url = browser.driver.current_url().await.expect("a URL");
    assert_eq!(url.as_str(), format!("{}/dashboard", browser.service.url));
    assert_eq!(browser.focused().await, "Password");
    browser.fill("Password", "short").await;
    browser.click("Accept invitation").await;
    assert_eq!(browser.field_error("Password").await, "Use at least 15 characters.");
    browser.fill("Password", "passwordpassword").await;
    browser.click("Accept invitation").await;
    browser.wait_for_text("It is too common or too easily guessed.").await;
    browser.fill("Password", PASSWORD).await;
    browser.click("Accept invitation").await;
    browser.wait_for_text("No API keys").await;
    browser.wait_for_text(&email).await;
    browser.service.login(&email).await;

    browser.open_link(&link).await;
    browser.fill("Password", PASSWORD).await;
    browser.click("Accept invitation").await;
    browser.wait_for_text(NO_LONGER_VALID).await;
    browser.wait_for_text("If you have accepted it already, log in").await;
    let members = browser.service.get("/v1/members", &account.session).await.expect(200);
    assert_eq!(text(&members["data"][0], "status"), "active");
    browser.end(&["400 /v1/auth/accept-invitation", "401 /v1/auth/accept-invitation"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn link_in_the_mail_opens_the_screen_that_accepts_the_invitation() {
    let service = Box::pin(OwnService::start_with_mail()).await;
    let account = service.account().await;
    let browser = Box::pin(Browser::open_at_localhost(service)).await;
    browser.log_in(&account.email).await;
    browser.go("Team members").await;
    browser.click("Invite member").await;
    let email = new_address();
    browser.fill("Email", &email).await;
    browser.submit("Invite member").await;
    browser.wait_for_text(&format!("Mailed an invitation to {email}.")).await;
    browser.click("Log out").await;
    browser.wait_for_text("Log in to MedTWIN").await;
    browser.open_link(&browser.mailed_link("accept-invitation").await).await;
    browser.fill("Password", PASSWORD).await;
    browser.click("Accept invitation").await;
    browser.wait_for_text(&email).await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn person_who_has_accepted_can_log_in_instead() {
    let (browser, _, _, link) = invited().await;
    browser.click("Log out").await;
    browser.wait_for_text("Log in to MedTWIN").await;
    browser.open_link(&link).await;
    browser.click("Already accepted? Log in").await;
    browser.wait_for_text("Log in to MedTWIN").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn lost_response_to_an_invitation_shows_the_person_who_can_be_invited_again() {
    let (browser, _) = Browser::logged_in().await;
    let email = new_address();
    browser.go("Team members").await;
    browser.wait_for_rows(1).await;
    browser.lose_response("/members").await;
    browser.click("Invite member").await;
    browser.fill("Email", &email).await;
    browser.submit("Invite member").await;
    browser.wait_for_text("The person may have been invited. Close this dialog").await;
    browser.click("Cancel").await;
    browser.wait_for_rows(2).await;
    browser.act("Invite again", &email).await;
    browser.submit("Invite again").await;
    browser.link_of_invitation().await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn another_invitation_replaces_the_first_one() {
    let (browser, _, email, first) = invited().await;
    browser.act("Invite again", &email).await;
    browser.submit("Invite again").await;
    let second = browser.link_of_invitation().await;
    assert_ne!(first, second);
    browser.click("Log out").await;
    browser.wait_for_text("Log in to MedTWIN").await;
    browser.open_link(&first).await;
    browser.fill("Password", PASSWORD).await;
    browser.click("Accept invitation").await;
    browser.wait_for_text(NO_LONGER_VALID).await;
    browser.open_link(&second).await;
    browser.fill("Password", PASSWORD).await;
    browser.click("Accept invitation").await;
    browser.wait_for_text(&email).await;
    browser.end(&["401 /v1/auth/accept-invitation"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn invitation_of_a_removed_member_no_longer_works() {
    let (browser, _, email, link) = invited().await;
    browser.act("Remove", &email).await;
    browser.wait_for_text("The invitation stops working.").await;
    browser.fill("Type the email address to confirm", &email).await;
    browser.click("Remove member").await;
    browser.wait_for_rows(1).await;
    browser.open_link(&link).await;
    browser.fill("Password", PASSWORD).await;
    browser.click("Accept invitation").await;
    browser.wait_for_text(NO_LONGER_VALID).await;
    browser.end(&["401 /v1/auth/accept-invitation"]).await;
}

/// The admin opens the link in the tab in which they are logged in.
#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn acceptance_ends_the_session_of_the_tab() {
    let (browser, account, email, link) = invited().await;
    let token = browser.value("return sessionStorage.session", &[]).await;
    let admin = crate::service::Credential::session(token.as_str().expect("a token"));
    browser.value("location.href = arguments[0]", &[json!(link)]).await;
    browser.wait_for_text(ACCEPT).await;
    assert_eq!(browser.value("return location.hash", &[]).await, "");
    browser.service.me(&admin).await.expect(200);
    browser.fill("Password", PASSWORD).await;
    browser.click("Accept invitation").await;
    browser.wait_for_text(&email).await;
    browser.wait_until_gone(&account.email).await;
    browser.service.me(&admin).await.assert_unauthorized();
    browser.end(&[]).await;
}
