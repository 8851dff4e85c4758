//! The screen “Team Members”.

use serde_json::json;

use crate::{
    browser::Browser,
    service::{PASSWORD, new_address},
};

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn member_can_be_invited_changed_suspended_restored_and_removed() {
    let (browser, account) = Browser::logged_in().await;
    let email = new_address();
    browser.go("Team members").await;
    let rows = browser.wait_for_rows(1).await;
    assert!(rows[0][0].contains("you") && rows[0][4] == "⋯", "{rows:?}");
    browser.click("Invite member").await;
    browser.fill("Email", &email).await;
    browser.check("write").await;
    browser.submit("Invite member").await;
    let link = browser.link_of_invitation().await;
    let rows = browser.wait_for_rows(2).await;
    assert!(rows[0][0].starts_with(&format!("{email}\nuser_")), "{rows:?}");
    assert_eq!(rows[0][1..3], ["read\nwrite", "invited"]);
    let token = link.rsplit('/').next().expect("a token");
    let acceptance = json!({"token": token, "password": PASSWORD});
    let accept = browser.service.request("POST", "/v1/auth/accept-invitation").json(&acceptance);
    accept.send().await.expect(200);
    browser.reload().await;
    let rows = browser.wait_for_rows(2).await;
    assert_eq!(rows[0][2], "active");
    let session = browser.service.login(&email).await;

    browser.act("Edit", &email).await;
    browser.check("write").await;
    browser.click("Save").await;
    browser.wait_for_text(&format!("Updated {email}")).await;
    let me = browser.service.me(&session).await.expect(200);
    assert_eq!(me["permissions"], json!(["read"]));

    // Each change reads the list again, which replaces its rows.
    browser.wait_for_rows(2).await;
    browser.act("Suspend", &email).await;
    browser.wait_for_text(&format!("Suspended {email}")).await;
    browser.service.me(&session).await.assert_unauthorized();
    browser.wait_for_rows(2).await;
    browser.act("Restore", &email).await;
    browser.wait_for_text(&format!("Restored {email}")).await;
    browser.service.login(&email).await;

    browser.wait_for_rows(2).await;
    browser.act("Remove", &email).await;
    browser.fill("Type the email address to confirm", &email).await;
    browser.click("Remove member").await;
    browser.wait_for_text(&format!("Removed {email}")).await;
    browser.wait_for_rows(1).await;
    let members = browser.service.get("/v1/members", &account.session).await.expect(200);
    assert_eq!(members["data"].as_array().map(Vec::len), Some(1));
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn restored_member_without_a_password_must_be_invited_again() {
    let (browser, account) = Browser::logged_in().await;
    let email = new_address();
    let invited = browser.service.invite(&account.session, &email, &["read"]).await;
    let path = format!("/v1/members/{}", crate::response::text(&invited, "id"));
    browser.service.patch(&path, &account.session, json!({"status": "suspended"})).await.expect(200);
    browser.go("Team members").await;
    browser.wait_for_rows(2).await;
    browser.act("Restore", &email).await;
    let message = format!("Restored {email}. The invitation has ended: invite them again.");
    browser.wait_for_text(&message).await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn rejected_change_shows_the_reason() {
    let (browser, account) = Browser::logged_in().await;
    browser.go("Team members").await;
    browser.wait_for_rows(1).await;
    browser.click("Invite member").await;
    browser.submit("Invite member").await;
    assert_eq!(browser.field_error("Email").await, "Enter an email address.");
    browser.fill("Email", "no address").await;
    browser.submit("Invite member").await;
    assert!(!browser.field_error("Email").await.is_empty());
    browser.fill("Email", &account.email).await;
    browser.submit("Invite member").await;
    browser.wait_for_text("The email address already belongs to a member").await;
    browser.click("Cancel").await;
    // The last admin cannot remove their own `admin`.
    browser.act("Edit", &account.email).await;
    browser.check("admin").await;
    browser.click("Save").await;
    browser.wait_for_text("admin").await;
    browser
        .wait_until("a reason", "return document.querySelector('dialog .alert')?.innerText > ''", &[])
        .await;
    browser.click("Cancel").await;
    let me = format!("409 /v1/members/{}", account.user_id);
    browser.end(&["400 /v1/members", "409 /v1/members", &me]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn admin_can_grant_only_own_permissions() {
    let browser = Browser::open().await;
    let account = browser.service.account().await;
    let email = new_address();
    browser.service.member_with_email(&account.session, &email, &["read", "admin"]).await;
    let path = format!("/v1/members/{}", browser.service.member(&account.session, &["write"]).await.1);
    browser.service.patch(&path, &account.session, json!({"status": "suspended"})).await.expect(200);
    let suspended = browser.service.get(&path, &account.session).await.expect(200);
    let suspended = crate::response::text(&suspended, "email");

    browser.log_in(&email).await;
    browser.go("Team members").await;
    browser.wait_for_rows(3).await;
    assert_eq!(browser.actions(suspended).await, ["Edit", "Revoke all keys"]);
    browser.click("Invite member").await;
    for (permission, offered) in [("read", true), ("write", false), ("delete", false), ("admin", true)] {
        assert_eq!(browser.has_field(permission).await, offered, "{permission}");
    }
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn sessions_of_a_member_are_listed_and_can_be_ended() {
    let (browser, account) = Browser::logged_in().await;
    let (session, _) = browser.service.member(&account.session, &["read"]).await;
    let email = crate::response::text(&browser.service.me(&session).await.body, "email").to_owned();
    browser.service.login(&email).await;
    browser.go("Team members").await;
    browser.wait_for_rows(2).await;
    assert!(!browser.actions(&account.email).await.contains(&"Sessions…".to_owned()));
    browser.act("Sessions…", &email).await;
    // Two members and two sessions.
    let rows = browser.wait_for_rows(4).await;
    assert_eq!([&rows[2][..2], &rows[3][..2]], [["Unknown device", "127.0.0.1"]; 2]);
    browser.service.me(&session).await.expect(200);
    browser.click("End all sessions").await;
    browser.wait_for_text(&format!("Ended all sessions of {email}")).await;
    browser.service.me(&session).await.assert_unauthorized();
    browser.service.me(&account.session).await.expect(200);
    browser.act("Sessions…", &email).await;
    browser.wait_for_text("No sessions.").await;
    browser.click("Cancel").await;
    browser.end(&[]).await;
}
