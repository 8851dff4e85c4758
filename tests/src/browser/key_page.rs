//! The page of an API key.

use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    response::text,
    service::{Credential, key_path, new_address},
};

/// Opens the page of a key, and waits until it is loaded.
async fn open(browser: &Browser, key: &Value) {
    browser.value("location.hash = `#/api-keys/${arguments[0]}`", &[json!(text(key, "id"))]).await;
    browser.wait_for_text("Test this key").await;
}

/// The value of a property, such as “Created by”.
async fn property(browser: &Browser, label: &str) -> String {
    let value = "return [...document.querySelectorAll('dt')].find((one) => one.innerText === arguments[0])?.nextElementSibling.innerText";
    browser.value(value, &[json!(label)]).await.as_str().unwrap_or_default().to_owned()
}

async fn wait_for_property(browser: &Browser, label: &str, value: &str) {
    let is_shown = "return [...document.querySelectorAll('dt')].find((one) => one.innerText === arguments[0])?.nextElementSibling.innerText === arguments[1]";
    browser.wait_until(&format!("{label}: {value}"), is_shown, &[json!(label), json!(value)]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn page_shows_all_properties_and_the_history() {
    let (browser, account) = Browser::logged_in().await;
    let service = &browser.service;
    let project =
        service.post("/v1/projects", &account.session, json!({"name": "Sleep study"})).await.expect(201);
    let fields = json!({"name": "Importer", "permissions": ["read"], "expires_at": "2099-01-01T00:00:00Z",
        "scope": {"projects": [project["id"], "proj_gone"]}, "allowed_ips": ["127.0.0.0/8", "2001:db8::/48"]});
    let (credential, key) = service.key(&account.session, fields).await;
    service.me(&credential).await.expect(200);
    browser.reload().await;
    browser.wait_for_rows(1).await;
    browser.click("Importer").await;
    browser.wait_for_text("Test this key").await;

    assert_eq!(browser.title().await, "Importer · MedTWIN");
    assert_eq!(browser.focused().await, "Importer");
    wait_for_property(&browser, "Projects", "Sleep study\nproj_gone").await;
    for (label, value) in [
        ("Status", "active"),
        ("Type", "live"),
        ("Permissions", "read"),
        ("Allowed IP addresses", "127.0.0.0/8\n2001:db8::/48"),
        ("Secret", text(&key, "hint")),
        ("Created by", &format!("{} (you)", account.email)),
    ] {
        assert_eq!(property(&browser, label).await, value, "{label}");
    }
    assert!(property(&browser, "Expires").await.contains("2099"));
    let last_used = property(&browser, "Last used").await;
    assert!(last_used.ends_with("(just now) from 127.0.0.1"), "{last_used}");
    browser.wait_for_text("API key Importer created. Type: live. Permissions: read.").await;
    browser.wait_for_text(&format!("{} 127.0.0.1", account.email)).await;
    assert_eq!(browser.wait_for_rows(1).await.len(), 1, "events of other things are left out");

    // The URL can be shared.
    browser.reload().await;
    browser.wait_for_text("Test this key").await;
    assert_eq!(browser.title().await, "Importer · MedTWIN");
    browser.click("All API keys").await;
    browser.wait_for_text("Your servers use these keys to authenticate to the API.").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn creators_are_shown_by_name() {
    let (browser, account) = Browser::logged_in().await;
    let email = new_address();
    let (session, _) = browser.service.member_with_email(&account.session, &email, &["read", "admin"]).await;
    let (maker, _) =
        browser.service.key(&session, json!({"name": "Maker", "permissions": ["read", "admin"]})).await;
    let (_, made) = browser.service.key(&maker, json!({"name": "Made", "permissions": ["read"]})).await;
    open(&browser, &made).await;
    wait_for_property(&browser, "Created by", "API key Maker").await;
    browser.click("Maker").await;
    wait_for_property(&browser, "Created by", &email).await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn key_can_be_edited_disabled_enabled_and_revoked() {
    let (browser, account) = Browser::logged_in().await;
    let (credential, key) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    open(&browser, &key).await;
    browser.click("Edit").await;
    browser.fill("Name", "Renamed").await;
    browser.submit("Save").await;
    browser.wait_for_text("Saved Renamed").await;
    browser.wait_until("the new title", "return document.title === 'Renamed · MedTWIN'", &[]).await;
    browser.wait_for_text("API key Renamed changed.").await;

    browser.click("Disable").await;
    browser.wait_for_text("Requests that use this key will be rejected until you enable it again.").await;
    browser.click("Disable key").await;
    wait_for_property(&browser, "Status", "disabled").await;
    browser.service.me(&credential).await.assert_unauthorized();
    assert!(!browser.has_button("Rotate").await && !browser.has_button("Disable").await);
    browser.click("Enable").await;
    wait_for_property(&browser, "Status", "active").await;
    browser.service.me(&credential).await.expect(200);

    browser.click("Revoke").await;
    browser.fill("Type the name to confirm", "Renamed").await;
    browser.click("Revoke key").await;
    wait_for_property(&browser, "Status", "revoked").await;
    assert_eq!(browser.focused().await, "Renamed", "the heading has the focus, because the button is gone");
    for action in ["Edit", "Rotate", "Disable", "Enable", "Revoke"] {
        assert!(!browser.has_button(action).await, "{action}");
    }
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn old_secret_of_a_rotation_can_be_ended() {
    let (browser, account) = Browser::logged_in().await;
    let service = &browser.service;
    let (old, key) = service.key(&account.session, json!({"name": "Server"})).await;
    let (current, rotated) = service.rotate(&key, &account.session, 3600).await;
    open(&browser, &key).await;
    browser.wait_for_text("This key has two secrets").await;
    browser.wait_for_text(&format!("The current secret is {}.", text(&rotated, "hint"))).await;
    browser.wait_for_text("The old secret was not seen since the rotation.").await;
    service.me(&old).await.expect(200);
    browser.reload().await;
    browser.wait_for_text("The old secret was last used").await;

    browser.click("End the old secret now").await;
    browser.wait_for_text("This takes another rotation, which creates a new secret.").await;
    browser.choose("Grace period for the current secret", "1 week").await;
    browser.wait_for_text("Servers that use the current secret keep working until").await;
    browser.submit("End the old secret").await;
    browser.wait_for_text("(next week)").await;
    let new = Credential::bearer(&browser.field_value("Secret").await);
    service.me(&old).await.assert_unauthorized();
    for (secret, name) in [(&current, "previous"), (&new, "current")] {
        assert_eq!(service.me(secret).await.expect(200)["secret"], name);
    }
    browser.click("Done").await;
    browser.click("Yes, I saved it").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn old_secret_is_not_ended_if_the_key_was_rotated_since() {
    let (browser, account) = Browser::logged_in().await;
    let service = &browser.service;
    let (_, key) = service.key(&account.session, json!({"name": "Server"})).await;
    let (current, _) = service.rotate(&key, &account.session, 3600).await;
    open(&browser, &key).await;
    browser.click("End the old secret now").await;
    service.rotate(&key, &account.session, 3600).await;
    browser.submit("End the old secret").await;
    browser.wait_for_text("Somebody else has rotated the key.").await;
    service.me(&current).await.expect(200);
    browser.click("Cancel").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn retry_after_a_lost_rotation_reports_the_lost_secret() {
    let (browser, account) = Browser::logged_in().await;
    let (_, key) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.service.rotate(&key, &account.session, 3600).await;
    open(&browser, &key).await;
    browser.click("End the old secret now").await;
    let lose = "const send = window.fetch;
        window.fetch = async (url, request) => {
          const response = await send(url, request);
          if (!url.endsWith('/rotate')) return response;
          window.fetch = send;
          throw new TypeError('lost');
        }";
    browser.value(lose, &[]).await;
    browser.submit("End the old secret").await;
    browser.wait_for_text("The service can’t be reached.").await;
    browser.submit("End the old secret").await;
    browser.wait_for_text("the connection failed before it arrived").await;
    browser.click("OK").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn usage_is_shown_as_a_chart_and_a_table() {
    let (browser, account) = Browser::logged_in().await;
    let service = &browser.service;
    // With less than 8 requests per minute, each request is counted immediately.
    let limits =
        json!({"set_limits": {"account_id": account.id, "requests_per_minute": {"live": 5, "test": 5}}});
    service.operate(limits).await.expect("the limits are set");
    let (credential, key) = service.key(&account.session, json!({"name": "Server"})).await;
    for _ in 0..3 {
        service.me(&credential).await.expect(200);
    }
    open(&browser, &key).await;
    browser.wait_for_text("3 requests in 30 days. 0 more exceeded the rate limit.").await;
    let bars = "return document.querySelectorAll('svg g').length";
    assert_eq!(browser.value(bars, &[]).await, 30);
    let heights =
        "return [...document.querySelectorAll('svg rect.requests')].map((bar) => bar.height.baseVal.value)";
    let heights: Vec<f64> = serde_json::from_value(browser.value(heights, &[]).await).expect("heights");
    assert!(heights[..29].iter().all(|&height| height == 0.0) && heights[29] > 99.0, "{heights:?}");
    browser.choose("Period", "Last 7 days").await;
    browser.wait_for_text("3 requests in 7 days.").await;
    browser.click("Show the numbers as a table").await;
    let rows = "return [...document.querySelectorAll('.numbers tbody tr')].map((row) => row.innerText.split(/\\s*\\t\\s*/).slice(1).join(' '))";
    let rows = browser.value(rows, &[]).await;
    assert_eq!(rows, json!(["3 0", "0 0", "0 0", "0 0", "0 0", "0 0", "0 0"]));
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn failed_usage_can_be_retried() {
    let (browser, account) = Browser::logged_in().await;
    let (_, key) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    let fail = "const send = window.fetch;
        window.fetch = async (url, request) => {
          if (!url.includes('/usage')) return send(url, request);
          window.fetch = send;
          throw new TypeError('offline');
        }";
    browser.value(fail, &[]).await;
    open(&browser, &key).await;
    browser.wait_for_text("The service can’t be reached.").await;
    browser.click("Try again").await;
    browser.wait_for_text("0 requests in 30 days.").await;
    browser.wait_for_text("No requests").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn key_can_be_tested() {
    let (browser, account) = Browser::logged_in().await;
    let fields = json!({"name": "Server", "permissions": ["read"], "allowed_ips": ["192.0.2.0/24"]});
    let (_, key) = browser.service.key(&account.session, fields).await;
    open(&browser, &key).await;
    assert_eq!(browser.field_value("IP address of the server").await, "192.0.2.0");
    browser.click("Test").await;
    browser.wait_for_text("Allowed. The key may make this request.").await;
    browser.choose("Method", "POST").await;
    browser.click("Test").await;
    browser.wait_for_text("Denied with 403. The key lacks the permission write.").await;
    browser.fill("Path", "/v1/nothing").await;
    browser.press(&Key::Enter).await;
    browser.wait_for_text("The API has no such path and method.").await;
    browser.fill("IP address of the server", "198.51.100.1").await;
    browser.click("Test").await;
    browser.wait_for_text("The key’s allowed IP addresses do not include this address.").await;
    browser.fill("Path", "projects").await;
    browser.click("Test").await;
    assert_eq!(browser.field_error("Path").await, "Enter a path that starts with a slash.");
    browser.fill("Path", "/v1/projects").await;
    browser.fill("IP address of the server", "nowhere").await;
    browser.click("Test").await;
    assert!(browser.field_error("IP address of the server").await.starts_with("It "));
    let rejected = format!("400 {}/simulate", key_path(&key));
    browser.end(&[&rejected]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn member_without_admin_sees_the_key_without_actions_and_history() {
    let browser = Browser::open().await;
    let account = browser.service.account().await;
    let (_, key) = browser.service.key(&account.session, json!({"name": "Foreign"})).await;
    browser.service.rotate(&key, &account.session, 3600).await;
    let email = new_address();
    browser.service.member_with_email(&account.session, &email, &["read"]).await;
    browser.log_in(&email).await;
    browser.wait_for_rows(1).await;
    browser.click("Foreign").await;
    browser.wait_for_text("This key has two secrets").await;
    for action in ["Edit", "Rotate", "Disable", "Revoke", "End the old secret now"] {
        assert!(!browser.has_button(action).await, "{action}");
    }
    assert_eq!(property(&browser, "Created by").await, account.user_id);
    assert!(
        !browser
            .value("return document.body.innerText", &[])
            .await
            .as_str()
            .expect("text")
            .contains("History")
    );
    browser.click("Test").await;
    browser.wait_for_text("Allowed.").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn unknown_key_shows_a_message() {
    let (browser, _) = Browser::logged_in().await;
    browser.value("location.hash = '#/api-keys/key_0000000000000000'", &[]).await;
    browser.wait_for_text("There is no API key with this ID in your account.").await;
    browser.value("location.hash = '#/api-keys/%2e%2e'", &[]).await;
    browser.wait_for_text("There is no API key with this ID in your account.").await;
    browser.click("All API keys").await;
    browser.wait_for_text("No API keys").await;
    browser.take_log().await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn key_without_the_expiry_that_the_policy_asks_for_is_enabled_with_one() {
    let (browser, account) = Browser::logged_in().await;
    let (credential, key) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.service.patch(&key_path(&key), &account.session, json!({"disabled": true})).await.expect(200);
    let policy = json!({"policy": {"max_key_lifetime_days": 60}});
    browser.service.patch("/v1/account", &account.session, policy).await.expect(200);
    open(&browser, &key).await;
    browser.click("Enable").await;
    browser.wait_for_text("Select when this key expires.").await;
    browser.choose("Expires", "In 90 days").await;
    browser.click("Enable key").await;
    browser.field_error("Expires").await;
    browser.choose("Expires", "In 30 days").await;
    browser.click("Enable key").await;
    wait_for_property(&browser, "Status", "active").await;
    browser.service.me(&credential).await.expect(200);
    let rejected = format!("400 {}", key_path(&key));
    browser.end(&[&rejected, &rejected]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn idle_key_can_only_be_enabled_or_revoked() {
    let (browser, account) = Browser::logged_in().await;
    let (_, key) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    // The real key is active, because the browser can't wait for days.
    let idle = "const send = window.fetch;
        window.fetch = async (url, request) => {
          const response = await send(url, request);
          if (!url.endsWith(arguments[0])) return response;
          return Response.json({ ...(await response.json()), status: 'idle' });
        }";
    let idle = idle.replace("arguments[0]", &json!(text(&key, "id")).to_string());
    browser.value(&idle, &[]).await;
    open(&browser, &key).await;
    wait_for_property(&browser, "Status", "idle").await;
    for (action, is_offered) in
        [("Edit", false), ("Rotate", false), ("Disable", false), ("Enable", true), ("Revoke", true)]
    {
        assert_eq!(browser.has_button(action).await, is_offered, "{action}");
    }
    browser.click("Enable").await;
    browser.wait_for_text("Enabled Server").await;
    browser.end(&[]).await;
}
