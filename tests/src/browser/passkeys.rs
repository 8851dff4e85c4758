//! Passkeys, with virtual authenticators: the screen “Passkeys”, the login, and the new authentication before a change.

use std::time::Duration;

use serde_json::json;
use shared::primitives::clock::Clock;
use tokio::time::sleep;

use crate::{
    browser::{
        Browser,
        authenticator::{Authenticator, OFFER_NO_PASSKEY},
    },
    service::{Account, OwnService, PASSWORD},
};

const SECOND_STEP: &str = "Your password is right. To log in, confirm that it’s you.";
const STEP_UP: &str = "You logged in a while ago, and this change is sensitive.";

impl Browser {
    /// Adds a passkey on its screen.
    async fn add_passkey(&self, name: &str) {
        self.go("Passkeys").await;
        self.click("Add passkey").await;
        self.fill("Name", name).await;
        self.submit("Add passkey").await;
    }

    /// Adds the first passkey, and returns the recovery codes.
    async fn add_first_passkey(&self, name: &str) -> Vec<String> {
        self.add_passkey(name).await;
        let codes = self.shown_codes().await;
        self.close_codes().await;
        codes
    }

    /// Waits for the dialog with the recovery codes, and returns them.
    async fn shown_codes(&self) -> Vec<String> {
        self.wait_for_text("You won’t see them again.").await;
        let codes =
            "return [...document.querySelectorAll('.recovery-codes code')].map((one) => one.innerText)";
        serde_json::from_value(self.value(codes, &[]).await).expect("codes")
    }

    async fn close_codes(&self) {
        self.click("Done").await;
        self.click("Yes, I saved them").await;
    }

    /// Makes the signature invalid that the page sends next in the second step of a login.
    pub async fn spoil_passkey(&self) {
        const SPOILED: &str = "const body = JSON.parse(options.body);
            const { response } = body.credential;
            response.signature = response.authenticatorData;
            return send(url, { ...options, body: JSON.stringify(body) });";
        self.replace_request("/auth/login/second-factor", SPOILED).await;
    }

    async fn log_out(&self) {
        self.click("Log out").await;
        self.wait_for_text("Log in to MedTWIN").await;
    }
}

/// Logs in to `service` and adds a passkey. Also returns the recovery codes.
async fn with_passkey(service: OwnService) -> (Browser, Account, Authenticator, Vec<String>) {
    let account = service.account().await;
    let browser = Box::pin(Browser::open_at_localhost(service)).await;
    let authenticator = Authenticator::add(&browser, "internal").await;
    browser.value(OFFER_NO_PASSKEY, &[]).await;
    browser.log_in(&account.email).await;
    browser.wait_for_text("No API keys").await;
    let codes = browser.add_first_passkey("Work laptop").await;
    (browser, account, authenticator, codes)
}

async fn real_time() -> OwnService {
    Box::pin(OwnService::start_with(|options| options.clock = Clock::system())).await
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn first_passkey_comes_with_recovery_codes_and_is_needed_after_the_password() {
    let (browser, account, _, codes) = with_passkey(real_time().await).await;
    assert_eq!(codes.len(), 10, "{codes:?}");
    let rows = browser.wait_for_rows(1).await;
    assert_eq!(rows[0][0], "Work laptop");
    browser.service.me(&account.session).await.assert_unauthorized();
    browser.log_out().await;
    browser.log_in(&account.email).await;
    browser.wait_for_text(SECOND_STEP).await;
    assert_eq!(browser.focused().await, "Use passkey");
    browser.click("Start over").await;
    assert_eq!(browser.field_value("Password").await, "");
    browser.log_in(&account.email).await;
    browser.click("Use passkey").await;
    // The login returns to the same screen.
    browser.wait_for_rows(1).await;
    let me = browser.service.me(&browser.session().await).await.expect(200);
    assert_eq!(me["factors"], json!(["password", "passkey"]));
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn passkey_alone_logs_in_and_is_offered_first_where_one_was_used() {
    let (browser, account, _, _) = with_passkey(real_time().await).await;
    assert_eq!(browser.value("return Object.keys(localStorage).length", &[]).await, 1);
    browser.log_out().await;
    let first = "return document.querySelector('form button[type=submit]').innerText";
    assert_eq!(browser.value(first, &[]).await, "Log in with a passkey");
    browser.click("Log in with a passkey").await;
    browser.wait_for_text(&account.email).await;
    let me = browser.service.me(&browser.session().await).await.expect(200);
    assert_eq!(me["factors"], json!(["passkey"]));

    browser.log_out().await;
    browser.value("localStorage.clear()", &[]).await;
    browser.reload().await;
    browser.wait_for_text("Log in to MedTWIN").await;
    assert_eq!(browser.value(first, &[]).await, "Log in");
    browser.click("Log in with a passkey").await;
    browser.wait_for_text(&account.email).await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn field_for_the_address_offers_a_known_passkey() {
    let (browser, account, _, _) = with_passkey(real_time().await).await;
    let offer = "PublicKeyCredential.isConditionalMediationAvailable = async () => true";
    browser.value(offer, &[]).await;
    browser.click("Log out").await;
    // The virtual authenticator accepts the offer.
    browser
        .wait_until(
            "a login",
            "return performance.getEntriesByType('resource').some((one) => one.name.endsWith('/login/passkey'))",
            &[],
        )
        .await;
    browser.wait_for_rows(1).await;
    browser.wait_for_text(&account.email).await;
    let me = browser.service.me(&browser.session().await).await.expect(200);
    assert_eq!(me["factors"], json!(["passkey"]));
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn recovery_code_logs_in_once_and_can_be_replaced() {
    let (browser, account, _, codes) = with_passkey(real_time().await).await;
    browser.log_out().await;
    browser.log_in(&account.email).await;
    browser.click("Use a recovery code instead").await;
    browser.click("Use recovery code").await;
    assert_eq!(browser.field_error("Recovery code").await, "Enter a recovery code.");
    browser.fill("Recovery code", &codes[3]).await;
    browser.click("Use recovery code").await;
    browser.wait_for_text(&account.email).await;
    let me = browser.service.me(&browser.session().await).await.expect(200);
    assert_eq!(me["factors"], json!(["password", "recovery_code"]));

    browser.log_out().await;
    browser.log_in(&account.email).await;
    browser.click("Use a recovery code instead").await;
    browser.fill("Recovery code", &codes[3]).await;
    browser.click("Use recovery code").await;
    browser.wait_for_text("This recovery code is not valid, or it took too long.").await;
    browser.fill("Recovery code", &codes[4]).await;
    browser.click("Use recovery code").await;
    browser.wait_for_text(&account.email).await;

    browser.go("Passkeys").await;
    browser.click("Make new recovery codes").await;
    browser.submit("Make new codes").await;
    browser.wait_for_text("You won’t see them again.").await;
    browser.wait_until_gone(&codes[5]).await;
    browser.close_codes().await;
    browser.end(&["401 /v1/auth/login/second-factor"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn recovery_codes_are_copied_or_selected_where_copying_is_denied() {
    let (browser, account, _, _) = with_passkey(real_time().await).await;
    let granted = json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]});
    browser.devtools("Browser.grantPermissions", granted).await;
    browser.click("Make new recovery codes").await;
    browser.submit("Make new codes").await;
    let codes = browser.shown_codes().await;
    browser.wait_for_text(&format!("MedTWIN, {}, ", account.email)).await;
    browser.click("Copy recovery codes").await;
    browser.wait_for_text("Recovery codes copied.").await;
    let pasted = browser.async_value("navigator.clipboard.readText().then(arguments[0])").await;
    assert_eq!(pasted, codes.join("\n"));

    browser.value("navigator.clipboard.writeText = () => Promise.reject(new Error())", &[]).await;
    browser.click("Copy recovery codes").await;
    browser.wait_for_text("Your browser blocked copying. The text is selected").await;
    let selected = browser.value("return getSelection().toString().trim().split(/\\s+/)", &[]).await;
    assert_eq!(selected, json!(codes));
    browser.close_codes().await;
    browser.end(&[]).await;
}

/// The rejection uses the options up, so another attempt with them would fail, too.
#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn rejected_passkey_of_the_second_step_leads_to_a_code_or_to_the_start() {
    let (browser, account, _, codes) = with_passkey(real_time().await).await;
    for has_code in [true, false] {
        browser.log_out().await;
        browser.log_in(&account.email).await;
        browser.wait_for_text(SECOND_STEP).await;
        browser.spoil_passkey().await;
        browser.click("Use passkey").await;
        browser.wait_for_text("This passkey is not valid here, or it took too long. Start over").await;
        assert!(!browser.has_button("Use passkey").await);
        assert_eq!(browser.focused().await, "Start over");
        if has_code {
            browser.click("Use a recovery code instead").await;
            browser.fill("Recovery code", &codes[0]).await;
            browser.click("Use recovery code").await;
        } else {
            browser.click("Start over").await;
            browser.log_in(&account.email).await;
            browser.click("Use passkey").await;
        }
        browser.wait_for_text(&account.email).await;
    }
    browser.end(&["401 /v1/auth/login/second-factor"]).await;
}

/// Some password managers replace the browser's credentials by objects of their own.
#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn passkey_that_cannot_write_itself_as_json_is_added_and_used() {
    let service = real_time().await;
    let account = service.account().await;
    let browser = Box::pin(Browser::open_at_localhost(service)).await;
    Authenticator::add(&browser, "internal").await;
    browser.value(OFFER_NO_PASSKEY, &[]).await;
    let throwing =
        "PublicKeyCredential.prototype.toJSON = () => { throw new TypeError('Illegal invocation'); }";
    browser.value(throwing, &[]).await;
    browser.log_in(&account.email).await;
    browser.add_first_passkey("Work laptop").await;
    browser.log_out().await;
    browser.click("Log in with a passkey").await;
    browser.wait_for_text(&account.email).await;
    let me = browser.service.me(&browser.session().await).await.expect(200);
    assert_eq!(me["factors"], json!(["passkey"]));
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn late_offer_in_the_field_does_not_end_the_prompt_that_the_user_opened() {
    const PROMPTS: &str = "window.prompts = [];
        navigator.credentials.get = ({ mediation, signal }) => new Promise((_, reject) => {
            const prompt = { mediation: mediation ?? 'optional', hasEnded: false };
            window.prompts.push(prompt);
            signal.addEventListener('abort', () => { prompt.hasEnded = true; reject(signal.reason); });
        });
        PublicKeyCredential.isConditionalMediationAvailable = async () => true;";
    let (browser, _, _, _) = with_passkey(real_time().await).await;
    browser.value(PROMPTS, &[]).await;
    browser.hold("/auth/login/options").await;
    browser.log_out().await;
    browser
        .release(async || {
            browser.click("Log in with a passkey").await;
            browser.wait_until("the prompt", "return window.prompts.length === 1", &[]).await;
        })
        .await;
    let has_arrived = "return performance.getEntriesByType('resource').filter((one) => one.name.endsWith('/login/options')).length === 2";
    browser.wait_until("the options of the offer", has_arrived, &[]).await;
    // The offer would follow at once.
    sleep(Duration::from_millis(200)).await;
    let prompts = browser.value("return window.prompts", &[]).await;
    assert_eq!(prompts, json!([{"mediation": "optional", "hasEnded": false}]));
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn lost_response_to_a_new_passkey_leads_to_new_recovery_codes() {
    let service = real_time().await;
    let account = service.account().await;
    let browser = Box::pin(Browser::open_at_localhost(service)).await;
    Authenticator::add(&browser, "internal").await;
    browser.log_in(&account.email).await;
    browser.go("Passkeys").await;
    browser.lose_response("/auth/passkeys").await;
    browser.add_passkey("Work laptop").await;
    browser
        .wait_for_text("The passkey may have been added. If the list shows it and it is your first one")
        .await;
    browser.click("OK").await;
    browser.wait_for_rows(1).await;
    browser.click("Make new recovery codes").await;
    browser.submit("Make new codes").await;
    assert_eq!(browser.shown_codes().await.len(), 10);
    browser.close_codes().await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn passkey_that_was_removed_elsewhere_disappears_from_the_list() {
    let (browser, _, _, _) = with_passkey(real_time().await).await;
    browser.wait_for_rows(1).await;
    browser.click("Remove Work laptop").await;
    let session = browser.session().await;
    let passkeys = browser.service.get("/v1/auth/passkeys", &session).await.expect(200);
    let path = format!("/v1/auth/passkeys/{}", crate::response::text(&passkeys["data"][0], "id"));
    browser.service.delete(&path, &session).await.expect(204);
    browser.click("Remove passkey").await;
    browser.wait_for_text("No passkeys yet.").await;
    browser.end(&[&format!("404 {path}")]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn browser_without_webauthn_offers_passwords_and_recovery_codes() {
    let (browser, account, _, codes) = with_passkey(real_time().await).await;
    browser.log_out().await;
    let without = json!({"source": "delete window.PublicKeyCredential"});
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", without).await;
    browser.reload().await;
    browser.wait_for_text("Log in to MedTWIN").await;
    assert!(!browser.has_button("Log in with a passkey").await);
    browser.log_in(&account.email).await;
    browser.wait_for_text(SECOND_STEP).await;
    assert_eq!(browser.focused().await, "Recovery code");
    assert!(!browser.has_button("Use passkey").await);
    browser.fill("Recovery code", &codes[0]).await;
    browser.click("Use recovery code").await;
    browser.wait_for_text("This browser does not support passkeys.").await;
    assert!(!browser.has_button("Add passkey").await);
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn unverified_user_gets_no_passkey_and_no_login() {
    let (browser, account, authenticator, _) = with_passkey(real_time().await).await;
    browser.log_out().await;
    authenticator.set_verified(&browser, false).await;
    browser.log_in(&account.email).await;
    browser.click("Use passkey").await;
    browser.wait_for_text("No passkey was used. Try again when you are ready.").await;
    authenticator.set_verified(&browser, true).await;
    browser.click("Use passkey").await;
    browser.wait_for_text(&account.email).await;

    authenticator.remove(&browser).await;
    let other = Authenticator::add(&browser, "internal").await;
    other.set_verified(&browser, false).await;
    browser.add_passkey("Other").await;
    browser.wait_for_text("No passkey was created. Try again when you are ready.").await;
    assert_eq!(browser.field_value("Name").await, "Other");
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn two_passkeys_are_listed_and_removed() {
    let (browser, account, authenticator, _) = with_passkey(real_time().await).await;
    browser.add_passkey("Again").await;
    browser.wait_for_text("This device already has a passkey for your login.").await;
    browser.click("Cancel").await;
    authenticator.remove(&browser).await;
    Authenticator::add(&browser, "usb").await;
    browser.add_passkey("Blue security key").await;
    let rows = browser.wait_for_rows(2).await;
    assert_eq!([&rows[0][0], &rows[1][0]], ["Blue security key", "Work laptop"]);
    browser.log_out().await;
    browser.click("Log in with a passkey").await;
    browser.wait_for_text(&account.email).await;

    browser.go("Passkeys").await;
    browser.click("Remove Work laptop").await;
    browser.wait_for_text("You can no longer log in with this passkey.").await;
    browser.click("Remove passkey").await;
    browser.wait_for_rows(1).await;
    browser.click("Remove Blue security key").await;
    browser.wait_for_text("This is your last passkey.").await;
    browser.click("Remove passkey").await;
    browser.wait_for_text("No passkeys yet.").await;
    assert!(!browser.has_button("Make new recovery codes").await);
    browser.log_out().await;
    browser.log_in_with(&account.email, PASSWORD).await;
    browser.wait_for_text("No passkeys yet.").await;
    browser.end(&[]).await;
}

/// A decreasing counter is logged and reported, but must not lock out a member whose authenticator counts wrong.
#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn cloned_authenticator_with_an_older_counter_logs_in() {
    let (browser, account, authenticator, _) = with_passkey(real_time().await).await;
    let clone = authenticator.credentials(&browser).await;
    for _ in 0..2 {
        browser.log_out().await;
        browser.click("Log in with a passkey").await;
        browser.wait_for_text(&account.email).await;
    }
    authenticator.remove(&browser).await;
    let cloned = Authenticator::add(&browser, "internal").await;
    cloned.add_credentials(&browser, clone).await;
    browser.log_out().await;
    browser.click("Log in with a passkey").await;
    browser.wait_for_text(&account.email).await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn change_after_15_minutes_asks_for_the_passkey() {
    let (browser, _, _, _) = with_passkey(Box::pin(OwnService::start()).await).await;
    browser.go("Account").await;
    browser.fill("Name", "Sleep study").await;
    browser.service.time.pass(16 * 60);
    browser.submit("Save").await;
    let before = browser.session().await;
    browser.wait_for_text(STEP_UP).await;
    assert_eq!(browser.focused().await, "Log in with a passkey");
    browser.click("Log in with a passkey").await;
    browser.wait_for_text("Saved the account").await;
    browser.service.me(&before).await.assert_unauthorized();
    browser.end(&["403 /v1/account"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn change_after_15_minutes_accepts_the_password_with_the_passkey_or_a_code() {
    let (browser, account, _, codes) = with_passkey(Box::pin(OwnService::start()).await).await;
    browser.go("Account").await;
    for (name, has_code) in [("Sleep study", true), ("Memory study", false)] {
        browser.fill("Name", name).await;
        browser.service.time.pass(16 * 60);
        browser.submit("Save").await;
        browser.wait_for_text(STEP_UP).await;
        browser.log_in(&account.email).await;
        browser.wait_for_text(SECOND_STEP).await;
        if has_code {
            browser.click("Use a recovery code instead").await;
            browser.fill("Recovery code", &codes[0]).await;
            browser.click("Use recovery code").await;
        } else {
            browser.click("Use passkey").await;
        }
        browser
            .wait_until("a page without dialogs", "return document.querySelector('dialog') === null", &[])
            .await;
        browser.wait_for_text("Saved the account").await;
        browser.wait_until_gone("Saved the account").await;
        let saved = browser.service.get("/v1/account", &browser.session().await).await.expect(200);
        assert_eq!(saved["name"], name);
    }
    browser.end(&["403 /v1/account"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn form_stays_when_the_account_starts_to_require_a_second_factor() {
    let (browser, account) = Browser::logged_in().await;
    browser.click("Create API key").await;
    browser.fill("Name", "Ward server").await;
    let command =
        json!({"set_policy": {"account_id": account.id, "policy": {"require_second_factor": true}}});
    browser.service.operate(command).await.expect("the command succeeds");
    browser.click("Create key").await;
    browser.wait_for_text("Your account requires a second factor. Add a passkey first.").await;
    assert_eq!(browser.field_value("Name").await, "Ward server");
    browser.click("Cancel").await;

    // Without a form, the passkeys take the place of the screen.
    let length = "return history.length";
    let before = browser.value(length, &[]).await.as_u64().expect("a number");
    browser.click("Sessions").await;
    browser.wait_for_text("A passkey on your device or security key proves that it’s you.").await;
    assert_eq!(browser.value(length, &[]).await, before + 1);
    browser.end(&["403 /v1/api-keys", "403 /v1/auth/sessions", "403 /v1/auth/passkeys"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn member_of_an_account_that_requires_a_second_factor_is_led_to_the_passkeys() {
    let (browser, account, authenticator, _) = with_passkey(real_time().await).await;
    let admin = browser.session().await;
    let (member, _) = browser.service.member(&admin, &["read"]).await;
    let email = crate::response::text(&browser.service.me(&member).await.body, "email").to_owned();
    browser.go("Account").await;
    browser.check("Require a second factor").await;
    browser.submit("Save").await;
    browser.wait_for_text("Saved the account").await;
    browser.log_out().await;
    authenticator.remove(&browser).await;
    Authenticator::add(&browser, "internal").await;
    browser.log_in(&email).await;
    browser.wait_for_text("Your account requires a second factor. Add a passkey first.").await;
    assert_eq!(browser.title().await, "Passkeys · MedTWIN");
    browser.add_first_passkey("Laptop").await;
    browser.wait_for_rows(1).await;
    browser.go("API keys").await;
    browser.wait_for_text("No API keys").await;
    browser.wait_until_gone(&account.email).await;
    browser.end(&["403 /v1/account", "403 /v1/auth/passkeys"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn address_that_is_not_configured_shows_a_reason() {
    let browser = Browser::open().await;
    Authenticator::add(&browser, "internal").await;
    browser.click("Log in with a passkey").await;
    browser.wait_for_text("Passkeys don’t work at this address.").await;
    browser.end(&[]).await;
}
