//! The screen “Audit Events”.

use serde_json::json;
use shared::primitives::clock::Clock;
use time::Duration;

use crate::{
    browser::{Browser, ELEMENT},
    response::text,
    service::key_path,
};

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn rows_show_event_actor_and_source() {
    let (browser, account) = Browser::logged_in().await;
    let wrong = json!({"password": "a lizard on the 8th wall"});
    browser.service.post("/v1/auth/reauthenticate", &account.session, wrong).await.expect(403);
    let (_, record) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.service.rotate(&record, &account.session, 60).await;
    browser.service.key(&account.session, json!({"name": "Another"})).await;
    browser.go("Audit events").await;
    browser.wait_for_text("API key Server rotated").await;
    browser.wait_for_text(&format!("{} 127.0.0.1", account.email)).await;
    browser.wait_for_text(&format!("Wrong password for {} in a session", account.email)).await;
    let rows = browser.rows().await;
    assert_eq!(
        rows[0][1],
        "API key Another created. Type: live. Permissions: read, write, delete, admin.\napi_key.created"
    );
    assert!(rows[1][1].starts_with("API key Server rotated. The old secret works until "), "{rows:?}");
    assert_eq!((&rows[0][2], &*rows[0][3]), (&account.email, "127.0.0.1"));
    assert!(rows.iter().any(|row| row[1].ends_with("account.created") && row[2] == "Operator"), "{rows:?}");

    browser.choose("Filter by API key", "API key Server").await;
    let rows = browser.wait_for_rows(2).await;
    assert!(rows.iter().all(|row| row[1].starts_with("API key Server")), "{rows:?}");
    browser.reload().await;
    browser.wait_for_rows(2).await;
    browser.choose("Filter by API key", "Any API key").await;
    browser.wait_for_text("logged in").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn filters_by_type_actor_and_time_can_be_combined_and_are_kept_in_the_url() {
    let (browser, account) = Browser::logged_in().await;
    let (server, _) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.service.key(&server, json!({"name": "Of the server", "permissions": ["read"]})).await;
    browser.service.key(&account.session, json!({"name": "Another"})).await;
    browser.go("Audit events").await;
    browser.choose("Filter by type", "API key created").await;
    browser.wait_for_rows(3).await;
    browser.choose("Filter by actor", "API key Server").await;
    let rows = browser.wait_for_rows(1).await;
    assert!(rows[0][1].starts_with("API key Of the server created"), "{rows:?}");
    browser.reload().await;
    browser.wait_for_rows(1).await;
    browser.wait_until(
        "the actor's name",
        "return [...document.querySelectorAll('select')][2].selectedOptions[0].textContent === 'API key Server'",
        &[],
    ).await;
    browser.choose("Filter by actor", &account.email).await;
    browser.wait_for_rows(2).await;
    browser.choose("Filter by actor", "Operator").await;
    browser.wait_for_text("No matching audit events.").await;
    browser.click("Clear filters").await;
    browser.wait_for_text("logged in").await;
    assert!(!browser.has_button("Clear filters").await);

    // Both days are included. The browser and the test may be in different time zones, so the period has two days.
    let today = Clock::system().now_utc().date();
    let day = |days: i64| (today + Duration::days(days)).to_string();
    let all = browser.rows().await.len();
    set_day(&browser, "From", &day(-1)).await;
    set_day(&browser, "To", &day(1)).await;
    browser.wait_for_rows(all).await;
    set_day(&browser, "From", &day(2)).await;
    browser.wait_for_text("No matching audit events.").await;
    let url = browser.driver.current_url().await.expect("a URL");
    // The end is never before the start.
    assert_eq!(url.fragment(), Some(&*format!("/audit-events?since={0}&until={0}", day(2))));
    browser.reload().await;
    browser.wait_for_text("No matching audit events.").await;
    assert_eq!(browser.field_value("From").await, day(2));
    browser.end(&[]).await;
}

/// Chooses a day, such as `2026-01-30`.
async fn set_day(browser: &Browser, label: &str, day: &str) {
    let id = String::from(browser.field(label).await.element_id());
    let choose = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'))";
    browser.value(choose, &[json!({ELEMENT: id}), json!(day)]).await;
}

/// A script that makes pages of audit events empty, except for one event of the third page and one of the last. The
/// last page comes only after the test calls `giveLastPage`.
const SPARSE_PAGES: &str = "const send = window.fetch;
    const last = new Promise((resolve) => { window.giveLastPage = resolve; });
    window.requested = 0;
    window.fetch = async (url, request) => {
        if (!url.includes('/audit-events?')) return send(url, request);
        const page = Number(new URL(url).searchParams.get('cursor') ?? 0);
        window.requested += 1;
        if (page === 5) await last;
        const event = { type: 'account.suspended', created_at: '2026-01-30T12:00:00Z', actor: null, request_id: `page ${page}`, source_ip: null };
        return Response.json({ data: page === 2 || page === 5 ? [event] : [], next_cursor: page === 5 ? null : String(page + 1) });
    };";

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn empty_pages_are_skipped_and_found_events_are_shown_meanwhile() {
    let (browser, _) = Browser::logged_in().await;
    browser.value(SPARSE_PAGES, &[]).await;
    browser.go("Audit events").await;
    browser.wait_for_text("1 found so far. Searching…").await;
    browser.wait_for_text("page 2").await;
    assert_eq!(browser.value("return window.requested", &[]).await, 6);
    browser.value("window.giveLastPage()", &[]).await;
    let rows = browser.wait_for_rows(2).await;
    assert_eq!([&*rows[0][4], &*rows[1][4]], ["page 2", "page 5"]);
    browser.wait_for_text("2 shown").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn rows_are_shown_before_names_are_loaded() {
    const LATER: &str = "const now = window.fetch;
        const named = new Promise((resolve) => { window.giveNames = resolve; });
        window.fetch = async (url, request) => {
            if (/\\/v1\\/(api-keys|members)\\?/.test(url)) await named;
            return now(url, request);
        };";
    let (browser, account) = Browser::logged_in().await;
    let (_, record) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.service.delete(&key_path(&record), &account.session).await.expect(204);
    browser.value(LATER, &[]).await;
    browser.go("Audit events").await;
    let rows = browser.rows().await;
    assert_eq!(rows[0][1], format!("API key {} revoked\napi_key.revoked", text(&record, "id")));
    assert_eq!(rows[0][2], account.user_id);
    browser.value("window.giveNames()", &[]).await;
    browser.wait_for_text("API key Server revoked").await;
    browser.wait_for_text(&format!("{} 127.0.0.1", account.email)).await;
    assert_eq!(browser.rows().await.len(), rows.len());
    browser.end(&[]).await;
}
