//! Revocation of several API keys.

use serde_json::json;

use crate::{
    browser::Browser,
    service::{key_path, new_address},
};

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn selected_keys_are_revoked_together() {
    let (browser, account) = Browser::logged_in().await;
    let mut credentials = Vec::new();
    for name in ["One", "Two", "<b>Three</b>"] {
        credentials.push(browser.service.key(&account.session, json!({"name": name})).await.0);
    }
    browser.reload().await;
    browser.wait_for_rows(3).await;
    assert!(!browser.has_button("Revoke selected keys").await);
    browser.check("Select Two").await;
    browser.check("Select <b>Three</b>").await;
    browser.wait_for_text("2 selected").await;
    browser.click("Revoke selected keys").await;
    let listed = "return document.querySelector('dialog .names').innerText";
    let listed = browser.value(listed, &[]).await;
    let listed = listed.as_str().expect("a text");
    assert!(
        listed.starts_with("<b>Three</b> ") && listed.contains("\nTwo ") && !listed.contains("One"),
        "{listed}"
    );
    browser.fill("Type the number of keys to confirm", "3").await;
    browser.submit("Revoke keys").await;
    let error = browser.field_error("Type the number of keys to confirm").await;
    assert_eq!(error, "The number of keys doesn’t match.");
    browser.service.me(&credentials[1]).await.expect(200);

    browser.fill("Type the number of keys to confirm", "2").await;
    browser.submit("Revoke keys").await;
    browser.wait_for_text("Revoked 2 API keys").await;
    browser.wait_for_rows(1).await;
    browser.service.me(&credentials[0]).await.expect(200);
    browser.service.me(&credentials[1]).await.assert_unauthorized();
    browser.service.me(&credentials[2]).await.assert_unauthorized();
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn select_all_includes_keys_that_are_not_shown_yet_and_no_filtered_ones() {
    let (browser, account) = Browser::logged_in().await;
    let mut others = Vec::new();
    for number in 0..103 {
        let kind = if number < 101 { "live" } else { "test" };
        let key = browser
            .service
            .key(&account.session, json!({"name": format!("Key {number}"), "type": kind}))
            .await;
        if kind == "test" {
            others.push(key.0);
        }
    }
    browser.reload().await;
    browser.wait_for_rows(25).await;
    browser.check("Select Key 102").await;
    browser.choose("Filter by type", "Live").await;
    browser.wait_for_text("101 of 103 keys, first 25 shown").await;
    assert!(
        !browser.has_button("Revoke selected keys").await,
        "a key that the list no longer shows is not selected"
    );
    browser.check("Select all (101)").await;
    browser.wait_for_text("101 selected").await;
    browser.click("Show more").await;
    browser.wait_for_rows(50).await;
    let checked = "return document.querySelectorAll('td.select input:checked').length";
    assert_eq!(browser.value(checked, &[]).await, 50);
    browser.click("Revoke selected keys").await;
    browser.fill("Type the number of keys to confirm", "101").await;
    browser.submit("Revoke keys").await;
    browser.wait_for_text("Revoked 101 API keys").await;
    browser.wait_for_text("No matching API keys").await;
    for other in others {
        browser.service.me(&other).await.expect(200);
    }
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn failed_revocation_can_be_repeated() {
    let (browser, account) = Browser::logged_in().await;
    let (key, record) = browser.service.key(&account.session, json!({"name": "Server"})).await;
    browser.reload().await;
    browser.check("Select Server").await;
    browser.click("Revoke selected keys").await;
    browser.fill("Type the number of keys to confirm", "1").await;
    let fail = "const send = window.fetch;
        window.fetch = async (url, request) => {
          window.fetch = send;
          await send(url, request);
          throw new TypeError('lost');
        }";
    browser.value(fail, &[]).await;
    browser.submit("Revoke key").await;
    browser.wait_for_text("The service can’t be reached.").await;
    browser.service.me(&key).await.assert_unauthorized();
    browser.submit("Revoke key").await;
    browser.wait_for_text("Revoked 1 API key").await;
    browser.wait_for_text("No API keys").await;
    browser.service.get(&key_path(&record), &account.session).await.expect(200);
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn all_keys_of_a_member_are_revoked() {
    let (browser, account) = Browser::logged_in().await;
    let service = &browser.service;
    let email = new_address();
    let (session, _) = service.member_with_email(&account.session, &email, &["read", "admin"]).await;
    let (maker, _) = service.key(&session, json!({"name": "Maker", "permissions": ["read", "admin"]})).await;
    let (made, _) = service.key(&maker, json!({"name": "Made", "permissions": ["read"]})).await;
    let (own, _) = service.key(&account.session, json!({"name": "Own"})).await;
    browser.go("Team members").await;
    browser.wait_for_rows(2).await;
    browser.act("Revoke all keys", &email).await;
    browser.wait_for_text("This includes keys that the member’s keys created.").await;
    browser.fill("Type the email address to confirm", &email).await;
    browser.submit("Revoke keys").await;
    browser.wait_for_text(&format!("Revoked 2 API keys of {email}")).await;
    for revoked in [&maker, &made] {
        service.me(revoked).await.assert_unauthorized();
    }
    service.me(&own).await.expect(200);
    browser.end(&[]).await;
}
