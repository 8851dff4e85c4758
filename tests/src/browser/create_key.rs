//! The dialog “Create API Key”, and the dialog that shows the new key once.

use std::time::Duration;

use fantoccini::key::Key;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{browser::Browser, service::Credential};

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn created_key_is_shown_once_and_works() {
    let (browser, account) = Browser::logged_in().await;
    browser.click("Create API key").await;
    assert_eq!(browser.focused().await, "Name");
    browser.fill("Name", "Production Server").await;
    browser.check("write").await;
    browser.click("Create key").await;

    browser.wait_for_text("You won’t see it again").await;
    let key = browser.field_value("Secret").await;
    let record = browser.service.me(&Credential::bearer(&key)).await.expect(200);
    assert_eq!(record["name"], "Production Server");
    assert_eq!(record["permissions"], json!(["read", "write"]));
    assert_eq!(
        (&record["key_type"], &record["scope"], &record["expires_at"]),
        (&json!("live"), &Value::Null, &Value::Null)
    );
    assert_eq!(browser.field_value("Environment variable").await, format!("MEDTWIN_API_KEY={key}"));
    let curl = format!("curl {}/v1/auth/me -H \"Authorization: Bearer {key}\"", browser.service.url);
    assert_eq!(browser.field_value("Curl command").await, curl);

    // Escape and “Close” require a confirmation, every time.
    for _ in 0..3 {
        browser.press(&Key::Escape).await;
        browser.wait_for_text("Have you saved the secret?").await;
    }
    browser.click("Not yet").await;
    browser.click("Close").await;
    browser.click("Not yet").await;
    // The dialog stays open when the browser navigates to another screen.
    browser.value("location.hash = '#/sessions'", &[]).await;
    browser.wait_until("the other screen", "return document.title.startsWith('Sessions')", &[]).await;
    assert_eq!(browser.field_value("Secret").await, key);
    let may_leave = "return dispatchEvent(new Event('beforeunload', { cancelable: true }))";
    assert_eq!(browser.value(may_leave, &[]).await, false);
    browser.click("Done").await;
    browser.click("Yes, I saved it").await;
    assert_eq!(browser.value(may_leave, &[]).await, true);
    browser.value("location.hash = '#/api-keys'", &[]).await;

    let rows = browser.wait_for_rows(1).await;
    assert!(rows[0][0].starts_with("Production Server\nmt_live_…"), "{rows:?}");
    let everything = "return document.documentElement.outerHTML + location.href + document.cookie
        + JSON.stringify({ ...sessionStorage, ...localStorage }) + [...document.querySelectorAll('input')].map((one) => one.value)";
    let everything = browser.value(everything, &[]).await;
    assert!(
        !everything.as_str().expect("a text").contains(&key[..key.len() - 10]),
        "the page no longer contains the key"
    );
    browser.service.get("/v1/api-keys", &account.session).await.expect(200);
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn test_key_with_projects_and_expiry_is_created() {
    let (browser, account) = Browser::logged_in().await;
    let project = |name: &str| json!({"name": name});
    let created = browser
        .service
        .post("/v1/projects?environment=test", &account.session, project("Trial"))
        .await
        .expect(201);
    browser.reload().await;

    browser.click("Create API key").await;
    browser.fill("Name", "Trial reader").await;
    browser.check("Test").await;
    browser.check("Selected projects").await;
    browser.click("Create key").await;
    browser.wait_for_text("Add at least one project, or select “All projects”.").await;
    browser.fill("Project to add", "no project").await;
    browser.click("Add").await;
    browser.wait_for_text("“no project” is not a project name or ID.").await;
    // A project by its name, one by its id, and one that is typed but not added.
    browser.fill("Project to add", "trial").await;
    browser.press(&Key::Enter).await;
    browser.wait_until("the chip", "return document.querySelectorAll('.chip').length === 1", &[]).await;
    browser.fill("Project to add", "proj_gone").await;
    browser.click("Add").await;
    browser.click("Remove proj_gone").await;
    browser.fill("Project to add", "proj_other").await;
    browser.choose("Expires", "In 90 days").await;
    browser.wait_for_text("The key expires on").await;
    browser.click("Create key").await;

    browser.wait_for_text("You won’t see it again").await;
    let key = browser.field_value("Secret").await;
    let record = browser.service.me(&Credential::bearer(&key)).await.expect(200);
    assert_eq!(record["key_type"], "test");
    assert_eq!(record["scope"]["projects"], json!([created["id"], "proj_other"]));
    assert!(record["expires_at"].is_string());
    browser.click("Done").await;
    browser.click("Yes, I saved it").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn changing_the_type_clears_the_projects() {
    let (browser, account) = Browser::logged_in().await;
    browser.service.project(&account.session).await;
    browser.click("Create API key").await;
    browser.check("Selected projects").await;
    browser.fill("Project to add", "proj_live").await;
    browser.click("Add").await;
    browser.wait_for_text("proj_live").await;
    browser.check("Test").await;
    browser.wait_until_gone("proj_live").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn missing_input_shows_an_error_at_its_field() {
    let (browser, _) = Browser::logged_in().await;
    browser.click("Create API key").await;
    browser.click("Create key").await;
    assert_eq!(browser.field_error("Name").await, "Enter a name.");
    assert_eq!(browser.focused().await, "Name");
    browser.fill("Name", "Server").await;
    browser.check("read").await;
    browser.click("Create key").await;
    browser.wait_for_text("Select at least one permission.").await;
    browser.check("read").await;
    browser.choose("Expires", "On a date…").await;
    browser.click("Create key").await;
    assert_eq!(browser.field_error("Expires").await, "Select a date.");
    // An error that only the API detects is shown at its field, too.
    let past = "const day = document.querySelector('input[type=date]'); day.value = '2000-01-01';
        day.dispatchEvent(new Event('change'))";
    browser.value(past, &[]).await;
    browser.click("Create key").await;
    browser.wait_for_text("It must be in the future.").await;
    browser.click("Cancel").await;
    browser.end(&["400 /v1/api-keys"]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn copy_button_copies_to_the_clipboard() {
    let (browser, _) = Browser::logged_in().await;
    let granted = json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]});
    browser.devtools("Browser.grantPermissions", granted).await;
    browser.click("Create API key").await;
    browser.fill("Name", "Server").await;
    browser.click("Create key").await;
    browser.wait_for_text("You won’t see it again").await;
    let key = browser.field_value("Secret").await;
    browser.click("Copy environment variable").await;
    let in_dialog = "return document.querySelector('dialog[open]').innerText.includes(arguments[0])";
    browser
        .wait_until("the message in the dialog", in_dialog, &[json!("Environment variable copied.")])
        .await;
    let pasted = browser.async_value("navigator.clipboard.readText().then(arguments[0])").await;
    assert_eq!(pasted, format!("MEDTWIN_API_KEY={key}"));
    browser.click("Done").await;
    browser.click("Yes, I saved it").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn key_is_selected_if_the_browser_denies_copying() {
    let (browser, _) = Browser::logged_in().await;
    let denied = json!({"permission": {"name": "clipboard-write"}, "setting": "denied"});
    browser.devtools("Browser.setPermission", denied).await;
    browser.click("Create API key").await;
    browser.fill("Name", "Server").await;
    browser.click("Create key").await;
    browser.wait_for_text("You won’t see it again").await;
    browser.click("Copy secret").await;
    let in_dialog = "return document.querySelector('dialog[open]').innerText.includes(arguments[0])";
    browser
        .wait_until("the message in the dialog", in_dialog, &[json!("The text is selected: press Ctrl+C")])
        .await;
    let selected =
        "const one = document.activeElement; return one.value.slice(one.selectionStart, one.selectionEnd)";
    assert_eq!(browser.value(selected, &[]).await, browser.field_value("Secret").await);
    browser.click("Done").await;
    browser.click("Yes, I saved it").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn retry_after_a_lost_response_creates_one_key() {
    let (browser, account) = Browser::logged_in().await;
    browser.click("Create API key").await;
    browser.fill("Name", "Server").await;
    browser.choose("Expires", "In 30 days").await;
    // The response to the first request is lost.
    let lose = "const send = window.fetch;
        window.fetch = async (...request) => {
          window.fetch = send;
          await send(...request);
          throw new TypeError('lost');
        }";
    browser.value(lose, &[]).await;
    browser.click("Create key").await;
    browser.wait_for_text("The service can’t be reached.").await;
    // After more than a second, “in 30 days” is a different time.
    sleep(Duration::from_millis(1_100)).await;
    browser.click("Create key").await;
    browser.wait_for_text("the connection failed before it arrived").await;
    browser.click("OK").await;
    browser.wait_until_gone("the connection failed before it arrived").await;
    browser.wait_for_rows(1).await;
    assert_eq!(browser.service.ids("/v1/api-keys", &account.session, 50).await.len(), 1);
    browser.end(&[]).await;
}
