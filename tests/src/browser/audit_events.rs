//! The screen “Audit Events”.

use serde_json::json;

use crate::{browser::Browser, response::text, service::key_path};

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn rows_show_event_actor_and_source() {
    let (browser, account) = Browser::logged_in().await;
    let (_, record) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.service.rotate(&record, &account.session, 60).await;
    browser.service.key(&account.session, json!({"name": "Another"})).await;
    browser.go("Audit events").await;
    browser.wait_for_text("API key Server rotated").await;
    browser.wait_for_text(&format!("{} 127.0.0.1", account.email)).await;
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
    browser.choose("Filter by API key", "All events").await;
    browser.wait_for_text("logged in").await;
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
