//! The screen “Account”.

use serde_json::json;

use crate::{browser::Browser, service::new_address};

const LIFETIME: &str = "Longest lifetime of an API key, in days";
const IDLE: &str = "Days until an unused API key becomes idle";
const REAUTHENTICATION: &str = "Minutes until changes of API keys need a new authentication";

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn admin_changes_name_and_policy() {
    let (browser, account) = Browser::logged_in().await;
    browser.service.key(&account.session, json!({"name": "Forever"})).await;
    browser.go("Account").await;
    browser.wait_for_text(&account.id).await;
    browser.wait_for_text("6,000 live, 100 test").await;
    browser.fill("Name", "<b>New study</b>").await;
    browser.fill(LIFETIME, "365").await;
    browser.submit("Save").await;
    browser.wait_for_text("Saved the account").await;
    let saved = browser.service.get("/v1/account", &account.session).await.expect(200);
    assert_eq!(saved["name"], "<b>New study</b>");
    assert_eq!(
        (&saved["policy"]["max_key_lifetime_days"], &saved["policy"]["idle_key_days"]),
        (&json!(365), &json!(null))
    );
    browser.wait_for_text("<b>New study</b>").await;

    browser.click("Show the keys that don’t comply with the policy").await;
    let rows = browser.wait_for_rows(1).await;
    assert!(rows[0][0].starts_with("Forever\n"), "{rows:?}");
    browser.reload().await;
    browser.wait_for_rows(1).await;
    let expiring = json!({"name": "New", "expires_at": browser_time_in_days(30)});
    browser.service.key(&account.session, expiring).await;
    browser.reload().await;
    browser.wait_for_rows(1).await;
    browser.choose("Filter by status", "Not revoked").await;
    browser.wait_for_rows(2).await;

    browser.go("Account").await;
    browser.fill(LIFETIME, "").await;
    browser.fill(IDLE, "90").await;
    browser.fill(REAUTHENTICATION, "60").await;
    browser.submit("Save").await;
    browser.wait_until_gone("Show the keys that don’t comply with the policy").await;
    let saved = browser.service.get("/v1/account", &account.session).await.expect(200);
    assert_eq!(
        (&saved["policy"]["max_key_lifetime_days"], &saved["policy"]["idle_key_days"]),
        (&json!(null), &json!(90))
    );
    assert_eq!(saved["policy"]["reauthentication_minutes"], json!(60));
    browser.go("Audit events").await;
    browser.wait_for_text("Account changed. Name: <b>New study</b>. Longest key lifetime: no limit. Keys become idle after 90 days. Changes of keys need an authentication in the last 60 minutes.").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn saved_account_moves_the_focus_to_the_heading() {
    let (browser, _) = Browser::logged_in().await;
    browser.go("Account").await;
    browser.fill("Name", "Sleep study").await;
    browser.submit("Save").await;
    browser.wait_for_text("Saved the account").await;
    assert_eq!(browser.focused().await, "Account");
    browser.end(&[]).await;
}

fn browser_time_in_days(days: i64) -> String {
    let day = (shared::primitives::clock::Clock::system().now_utc() + time::Duration::days(days)).date();
    format!("{day}T12:00:00Z")
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn invalid_values_show_an_error_at_their_field() {
    let (browser, account) = Browser::logged_in().await;
    browser.go("Account").await;
    for (field, value, message) in [
        ("Name", " ", "Enter a name."),
        (LIFETIME, "0", "Enter a whole number from 1 to 3650."),
        (LIFETIME, "1.5", "Enter a whole number from 1 to 3650."),
        (IDLE, "6", "Enter a whole number from 7 to 3650."),
        (IDLE, "3651", "Enter a whole number from 7 to 3650."),
        (REAUTHENTICATION, "4", "Enter a whole number from 5 to 720."),
        (REAUTHENTICATION, "721", "Enter a whole number from 5 to 720."),
    ] {
        browser.fill(field, value).await;
        browser.submit("Save").await;
        assert_eq!(browser.field_error(field).await, message, "{field}: {value}");
        browser.fill(field, if field == "Name" { "Study" } else { "" }).await;
    }
    let saved = browser.service.get("/v1/account", &account.session).await.expect(200);
    assert_eq!(saved["policy"]["idle_key_days"], json!(null));
    browser.end(&[]).await;
}

/// An admin without a second factor would lose access to the account.
#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn admin_without_second_factor_cannot_require_one() {
    let (browser, _) = Browser::logged_in().await;
    browser.go("Account").await;
    browser.wait_for_text("To require it, log in with a passkey yourself first.").await;
    let field = browser.field("Require a second factor").await;
    assert_eq!(field.prop("disabled").await.expect("a property").as_deref(), Some("true"));
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn member_without_admin_reads_the_policy() {
    let browser = Browser::open().await;
    let account = browser.service.account().await;
    let policy = json!({"policy": {"max_key_lifetime_days": 365}});
    browser.service.patch("/v1/account", &account.session, policy).await.expect(200);
    let email = new_address();
    browser.service.member_with_email(&account.session, &email, &["read"]).await;
    browser.log_in(&email).await;
    browser.go("Account").await;
    browser.wait_for_text("Longest lifetime of an API key 365 days").await;
    browser.wait_for_text("Unused API keys become idle Never").await;
    browser.wait_for_text("Second factor Not required").await;
    browser.wait_for_text("Changes of API keys need a new authentication Never").await;
    assert!(!browser.has_button("Save").await);
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn failed_load_can_be_retried() {
    let (browser, _) = Browser::logged_in().await;
    let fail = "const send = window.fetch;
        window.fetch = async (url, request) => {
          if (!url.endsWith('/account')) return send(url, request);
          window.fetch = send;
          throw new TypeError('offline');
        }";
    browser.value(fail, &[]).await;
    browser.go("Account").await;
    browser.wait_for_text("The service can’t be reached.").await;
    browser.click("Try again").await;
    browser.wait_for_text("Name and policy").await;
    browser.end(&[]).await;
}
