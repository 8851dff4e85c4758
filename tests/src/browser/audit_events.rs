//! Audit Events.

use serde_json::json;

use crate::{browser::Browser, response::text, service::key_path};

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn say_who_did_what_from_where() {
    let (browser, account) = Browser::logged_in().await;
    let (_, record) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.service.rotate(&record, &account.session, 60).await;
    browser.service.key(&account.session, json!({"name": "Another"})).await;
    browser.go("Audit Events").await;
    browser.sees("Key Server rotated").await;
    browser.sees(&format!("{} 127.0.0.1", account.email)).await;
    let rows = browser.rows().await;
    assert_eq!(rows[0][1], "Key Another created: live, may read, write, delete, admin\napi_key.created");
    assert!(rows[1][1].starts_with("Key Server rotated; the old secret works until "), "{rows:?}");
    assert_eq!((&rows[0][2], &*rows[0][3]), (&account.email, "127.0.0.1"));
    assert!(
        rows.iter().any(|row| row[1].ends_with("account.created") && row[2] == "The operator"),
        "{rows:?}"
    );

    browser.choose("Events about", "Key Server").await;
    let rows = browser.sees_rows(2).await;
    assert!(rows.iter().all(|row| row[1].starts_with("Key Server")), "{rows:?}");
    browser.reload().await;
    browser.sees_rows(2).await;
    browser.choose("Events about", "All that was done").await;
    browser.sees("logged in").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn stand_there_before_the_names_of_whom_they_are_about() {
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
    browser.go("Audit Events").await;
    let rows = browser.rows().await;
    assert_eq!(rows[0][1], format!("Key {} revoked\napi_key.revoked", text(&record, "id")));
    assert_eq!(rows[0][2], account.user_id);
    browser.value("window.giveNames()", &[]).await;
    browser.sees("Key Server revoked").await;
    browser.sees(&format!("{} 127.0.0.1", account.email)).await;
    assert_eq!(browser.rows().await.len(), rows.len());
    browser.end(&[]).await;
}
