//! The screen “API Keys”: the list, its filters and its pages.

use serde_json::json;

use crate::{browser::Browser, response::text};

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn empty_list_explains_api_keys() {
    let (browser, _) = Browser::logged_in().await;
    browser.wait_for_text("No API keys").await;
    browser.wait_for_text("Your servers use API keys to call the API.").await;
    browser.click("Create your first key").await;
    browser.wait_for_text("Where you will use the key").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn rows_show_all_properties_of_a_key() {
    let (browser, account) = Browser::logged_in().await;
    let service = &browser.service;
    let scope = json!({"projects": ["proj_a", "proj_b", "proj_c"]});
    let fields = json!({"name": "Study A", "type": "test", "permissions": ["read", "delete"], "scope": scope,
        "expires_at": "2099-01-01T00:00:00Z"});
    let (_, scoped) = service.key(&account.session, fields).await;
    let (used, record) = service.key(&account.session, json!({"name": "Server"})).await;
    service.me(&used).await.expect(200);
    browser.reload().await;

    let rows = browser.wait_for_rows(2).await;
    let server = format!("Server\n{}", text(&record, "hint"));
    let all = "read\nwrite\ndelete\nadmin";
    let actions = "⋯";
    assert_eq!(
        rows[0],
        [&server, "live", all, "All projects", "active", "just now", "just now", "Never", actions]
    );
    let study = format!("Study A\n{}", text(&scoped, "hint"));
    assert_eq!(rows[1][..5], [&study, "test", "read\ndelete", "proj_a and 2 more", "active"]);
    assert_eq!((&*rows[1][6], rows[1][7].starts_with("in ")), ("Never", true), "{rows:?}");
    browser.wait_for_text("2 keys").await;
    let exact = browser.value("return document.querySelector('tbody time').title", &[]).await;
    assert!(exact.as_str().is_some_and(|exact| exact.contains("20") && exact.contains(':')), "{exact}");
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn list_can_be_filtered_by_text_type_and_status() {
    let (browser, account) = Browser::logged_in().await;
    for (name, kind) in [("Blue server", "live"), ("Red server", "live"), ("Blue trial", "test")] {
        browser.service.key(&account.session, json!({"name": name, "type": kind})).await;
    }
    let (_, revoked) = browser.service.key(&account.session, json!({"name": "Green server"})).await;
    browser.service.delete(&crate::service::key_path(&revoked), &account.session).await.expect(204);
    browser.reload().await;
    browser.wait_for_rows(3).await;

    browser.fill("Search by name, last 4 characters or project", "BLUE").await;
    browser.wait_for_rows(2).await;
    browser.choose("Filter by type", "Test").await;
    assert!(browser.wait_for_rows(1).await[0][0].starts_with("Blue trial\n"));
    browser.fill("Search by name, last 4 characters or project", "nothing").await;
    browser.wait_for_text("No matching API keys").await;
    browser.click("Clear filters").await;
    browser.wait_for_rows(3).await;
    browser.choose("Filter by status", "Any status").await;
    let rows = browser.wait_for_rows(4).await;
    assert_eq!((&*rows[0][4], &*rows[0][8]), ("revoked", ""));
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn list_is_paginated() {
    let (browser, account) = Browser::logged_in().await;
    for number in 0..53 {
        browser.service.key(&account.session, json!({"name": format!("Key {number:02}")})).await;
    }
    browser.reload().await;
    browser.wait_for_rows(25).await;
    browser.wait_for_text("53 keys, first 25 shown").await;
    browser.click("Show more").await;
    browser.wait_for_rows(50).await;
    browser.click("Show more").await;
    let rows = browser.wait_for_rows(53).await;
    assert!(!browser.has_button("Show more").await);
    let names: Vec<_> = rows.iter().map(|row| &row[0][..6]).collect();
    let expected: Vec<_> = (0..53).rev().map(|number| format!("Key {number:02}")).collect();
    assert_eq!(names, expected);
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn actions_without_permission_are_not_offered() {
    let browser = Browser::open().await;
    let account = browser.service.account().await;
    browser.service.key(&account.session, json!({"name": "Foreign", "permissions": ["read"]})).await;
    let email = crate::service::new_address();
    let (session, _) = browser.service.member_with_email(&account.session, &email, &["read", "write"]).await;
    browser.service.key(&session, json!({"name": "Own", "permissions": ["read"]})).await;
    browser.log_in(&email).await;
    browser.wait_for_rows(2).await;
    assert_eq!(browser.actions("Own").await, ["Edit", "Rotate", "Disable", "Revoke"]);
    assert!(!browser.has_button("Actions for Foreign").await);
    assert!(!browser.has_field("Select Own").await, "only admins revoke several keys at once");
    for screen in ["Team members", "Audit events"] {
        assert!(!browser.has_button(screen).await, "{screen}");
    }
    browser.click("Create API key").await;
    for (permission, offered) in [("read", true), ("write", true), ("delete", false), ("admin", false)] {
        assert_eq!(browser.has_field(permission).await, offered, "{permission}");
    }
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn edited_fields_are_saved_and_the_others_stay() {
    let (browser, account) = Browser::logged_in().await;
    let fields =
        json!({"name": "Server", "permissions": ["read", "write"], "scope": {"projects": ["proj_a"]}});
    let (key, created) = browser.service.key(&account.session, fields).await;
    browser.reload().await;
    browser.wait_for_rows(1).await;
    browser.act("Edit", "Server").await;
    browser.fill("Name", "Renamed").await;
    browser.check("write").await;
    browser.fill("Allowed IP addresses", "192.0.2.7\n127.0.0.0/8").await;
    browser.submit("Save").await;
    browser.wait_for_text("Saved Renamed").await;
    let path = crate::service::key_path(&created);
    let saved = browser.service.get(&path, &account.session).await.expect(200);
    assert_eq!((&saved["name"], &saved["permissions"]), (&json!("Renamed"), &json!(["read"])));
    assert_eq!((&saved["scope"], &saved["expires_at"]), (&created["scope"], &created["expires_at"]));
    assert_eq!(saved["allowed_ips"], json!(["127.0.0.0/8", "192.0.2.7"]));

    browser.act("Edit", "Renamed").await;
    browser.check("Disabled").await;
    browser.submit("Save").await;
    browser.wait_for_text("disabled").await;
    browser.service.me(&key).await.assert_unauthorized();
    assert_eq!(browser.actions("Renamed").await, ["Edit", "Enable", "Revoke"]);
    browser.act("Edit", "Renamed").await;
    browser.check("Disabled").await;
    browser.choose("Expires", "In 30 days").await;
    browser.submit("Save").await;
    browser.wait_for_text("active").await;
    browser.service.me(&key).await.expect(200);
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn invalid_address_is_explained_at_its_field() {
    let (browser, account) = Browser::logged_in().await;
    let (_, created) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.reload().await;
    browser.wait_for_rows(1).await;
    browser.act("Edit", "Server").await;
    browser.fill("Allowed IP addresses", "192.0.2.7/24").await;
    browser.submit("Save").await;
    browser.wait_for_text("without address bits beyond the prefix").await;
    let rejected = format!("400 {}", crate::service::key_path(&created));
    browser.end(&[&rejected]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn failed_load_can_be_retried() {
    let (browser, _) = Browser::logged_in().await;
    let offline = |offline: bool| json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
    browser.devtools("Network.enable", json!({})).await;
    browser.devtools("Network.emulateNetworkConditions", offline(true)).await;
    browser.choose("Filter by status", "Any status").await;
    browser.wait_for_text("The service can’t be reached.").await;
    browser.devtools("Network.emulateNetworkConditions", offline(false)).await;
    browser.click("Try again").await;
    browser.wait_for_text("No API keys").await;
    browser.end(&["net::ERR_INTERNET_DISCONNECTED /v1/api-keys"]).await;
}
