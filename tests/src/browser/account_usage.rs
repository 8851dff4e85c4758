//! The screen “Usage”.

use serde_json::{Value, json};

use crate::{
    browser::Browser,
    response::text,
    service::{Account, key_path, new_address},
};

/// An account with two used keys, one of them revoked, and an unused one. Each request is counted immediately, because keys with less
/// than 8 requests per minute reserve one request at a time.
async fn with_used_keys(browser: &Browser) -> (Account, Value) {
    let service = &browser.service;
    let account = service.account().await;
    let limits = json!({"live": 5, "test": 5});
    service
        .operate(json!({"set_limits": {"account_id": account.id, "requests_per_minute": limits}}))
        .await
        .expect("the limits are set");
    let (busy, busy_key) = service.key(&account.session, json!({"name": "<i>Busy</i>"})).await;
    let (old, old_key) = service.key(&account.session, json!({"name": "Old", "type": "test"})).await;
    service.key(&account.session, json!({"name": "Unused"})).await;
    for credential in [&busy, &busy, &busy, &old] {
        service.me(credential).await.expect(200);
    }
    service.delete(&key_path(&old_key), &account.session).await.expect(204);
    (account, busy_key)
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn requests_of_all_keys_are_added() {
    let browser = Browser::open().await;
    let (account, _) = with_used_keys(&browser).await;
    browser.log_in(&account.email).await;
    browser.go("Usage").await;
    browser.wait_for_text("4 requests in 30 days. 0 more exceeded the rate limit.").await;
    browser.wait_for_text("2 keys were used in this period.").await;
    let rows = browser.wait_for_rows(2).await;
    assert!(rows[0][0].starts_with("<i>Busy</i>\n") && rows[1][0].starts_with("Old\n"), "{rows:?}");
    assert_eq!(
        (&rows[0][1..], &rows[1][1..]),
        (&["live", "3", "0"].map(str::to_owned)[..], &["test", "1", "0"].map(str::to_owned)[..])
    );
    browser.choose("Period", "Last 90 days").await;
    browser.wait_for_text("4 requests in 90 days.").await;
    browser.click("<i>Busy</i>").await;
    browser.wait_for_text("3 requests in 30 days.").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn keys_that_fail_are_left_out_until_a_retry() {
    let browser = Browser::open().await;
    let (account, busy) = with_used_keys(&browser).await;
    browser.log_in(&account.email).await;
    browser.wait_for_rows(2).await;
    let fail = "const send = window.fetch;
        window.fetch = async (url, request) => {
          if (!url.includes(`/${arguments[0]}/usage`)) return send(url, request);
          window.fetch = send;
          throw new TypeError('offline');
        }";
    let fail = fail.replace("arguments[0]", &json!(text(&busy, "id")).to_string());
    browser.value(&fail, &[]).await;
    browser.go("Usage").await;
    browser.wait_for_text("The usage of 1 key can’t be loaded. The numbers leave it out.").await;
    browser.wait_for_text("The chart shows 1 of 2 keys.").await;
    browser.wait_for_text("1 request in 30 days.").await;
    browser.click("Try again").await;
    browser.wait_for_text("4 requests in 30 days.").await;
    browser.wait_for_rows(2).await;
    assert!(!browser.has_button("Try again").await);
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn failed_list_can_be_retried() {
    let (browser, _) = Browser::logged_in().await;
    let fail = "const send = window.fetch;
        window.fetch = async (url, request) => {
          if (!url.includes('status=all')) return send(url, request);
          window.fetch = send;
          throw new TypeError('offline');
        }";
    browser.value(fail, &[]).await;
    browser.go("Usage").await;
    browser.wait_for_text("The service can’t be reached.").await;
    browser.click("Try again").await;
    browser.wait_for_text("No key was used in this period.").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn member_without_admin_sees_the_usage() {
    let browser = Browser::open().await;
    let (account, _) = with_used_keys(&browser).await;
    let email = new_address();
    browser.service.member_with_email(&account.session, &email, &["write"]).await;
    browser.log_in(&email).await;
    browser.go("Usage").await;
    browser.wait_for_text("4 requests in 30 days.").await;
    browser.end(&[]).await;
}
