//! Audit Events.

use serde_json::json;

use crate::browser::Browser;

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn say_who_did_what_from_where() {
    let (browser, account) = Browser::logged_in().await;
    let (_, record) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.service.rotate(&record, &account.session, 60).await;
    browser.service.key(&account.session, json!({"name": "Another"})).await;
    browser.go("Audit Events").await;
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
