//! The screen “Sessions”.

use crate::browser::Browser;

/// What the dialog for the new authentication says.
const NOTICE: &str = "You logged in a while ago, and this change is sensitive.";

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn another_session_can_be_ended() {
    let (browser, account) = Browser::logged_in().await;
    let agent = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0";
    let body = serde_json::json!({"email": account.email, "password": crate::service::PASSWORD});
    let login = browser
        .service
        .request("POST", "/v1/auth/login")
        .header("User-Agent", agent)
        .json(&body)
        .send()
        .await;
    let other =
        crate::service::Credential::session(crate::response::text(&login.expect(200), "session_token"));

    browser.go("Sessions").await;
    let rows = browser.wait_for_rows(3).await;
    let own = rows.iter().filter(|row| row[0].contains("this session")).collect::<Vec<_>>();
    assert!(own.len() == 1 && own[0][0].starts_with("Chrome on Linux") && own[0][5].is_empty(), "{rows:?}");
    assert!(rows.iter().all(|row| row[1] == "127.0.0.1"), "{rows:?}");
    browser.click("End session on Firefox on Windows").await;
    browser.wait_for_text("Session ended").await;
    browser.wait_for_rows(2).await;
    browser.service.me(&other).await.assert_unauthorized();
    browser.service.me(&account.session).await.expect(200);
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn second_click_while_a_session_is_being_ended_is_ignored() {
    let (browser, account) = Browser::logged_in().await;
    let sessions = browser.service.get("/v1/auth/sessions", &browser.session().await).await.expect(200);
    let other = sessions["data"].as_array().expect("a list").iter().find(|one| one["current"] == false);
    let path = format!("/auth/sessions/{}", crate::response::text(other.expect("a session"), "id"));
    browser.go("Sessions").await;
    let rows = browser.wait_for_rows(2).await;
    let device = &rows.iter().find(|row| !row[0].contains("this session")).expect("a session")[0];
    let button = format!("End session on {device}");
    browser.hold(&path).await;
    browser.click(&button).await;
    browser.release(async || browser.click(&button).await).await;
    browser.wait_for_text("Session ended").await;
    browser.wait_for_rows(1).await;
    assert_eq!(browser.request_count(&path).await, 1);
    browser.service.me(&account.session).await.assert_unauthorized();
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn end_of_sessions_asks_for_a_login_that_is_older_than_15_minutes() {
    let (browser, account) = Browser::logged_in().await;
    browser.go("Sessions").await;
    browser.wait_for_rows(2).await;
    browser.move_clock(16).await;
    browser.click("End all other sessions").await;
    browser.submit("End all other sessions").await;
    browser.wait_for_text(NOTICE).await;
    browser.click("Cancel").await;
    browser.wait_for_text("Nothing has changed, because you didn’t confirm that it’s you.").await;
    browser.service.me(&account.session).await.expect(200);
    browser.submit("End all other sessions").await;
    browser.wait_for_text(NOTICE).await;
    browser.log_in(&account.email).await;
    browser.wait_for_text("All other sessions ended").await;
    browser.service.me(&account.session).await.assert_unauthorized();
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn all_other_sessions_can_be_ended() {
    let (browser, account) = Browser::logged_in().await;
    browser.go("Sessions").await;
    browser.wait_for_rows(2).await;
    browser.click("End all other sessions").await;
    browser.click("Cancel").await;
    browser.service.me(&account.session).await.expect(200);
    browser.click("End all other sessions").await;
    browser.submit("End all other sessions").await;
    browser.wait_for_text("All other sessions ended").await;
    let rows = browser.wait_for_rows(1).await;
    assert!(rows[0][0].contains("this session"), "{rows:?}");
    browser.service.me(&account.session).await.assert_unauthorized();
    browser.end(&[]).await;
}
