//! Order, filters and count of the screen “API keys”, and what its URL keeps of them.

use serde_json::{Value, json};

use crate::{
    browser::Browser,
    response::text,
    service::{Account, Credential, key_path, new_address},
};

/// The names of the keys in the list.
async fn names(browser: &Browser, count: usize) -> Vec<String> {
    let rows = browser.wait_for_rows(count).await;
    rows.iter().map(|row| row[0].split('\n').next().expect("a name").to_owned()).collect()
}

async fn wait_for_names(browser: &Browser, expected: &[&str]) {
    let shown = "const list = document.querySelector('.list');
        return list?.getAttribute('aria-busy') === 'false'
          && JSON.stringify([...list.querySelectorAll('td.primary strong')].map((name) => name.innerText)) === JSON.stringify(arguments[0])";
    browser.wait_until(&format!("{expected:?}"), shown, &[json!(expected)]).await;
}

async fn hash(browser: &Browser) -> String {
    browser.value("return location.hash", &[]).await.as_str().expect("a text").to_owned()
}

/// Creates the keys, oldest first, and shows them.
async fn show_keys(browser: &Browser, account: &Account, keys: &[Value]) -> Vec<Credential> {
    let mut credentials = Vec::new();
    for key in keys {
        credentials.push(browser.service.key(&account.session, key.clone()).await.0);
    }
    browser.reload().await;
    browser.wait_for_rows(keys.len()).await;
    credentials
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn keys_are_sorted_by_name_age_use_and_expiry() {
    let (browser, account) = Browser::logged_in().await;
    let credentials = show_keys(
        &browser,
        &account,
        &[
            json!({"name": "server 10", "expires_at": "2098-01-01T00:00:00Z"}),
            json!({"name": "Server 9"}),
            json!({"name": "álpha", "expires_at": "2097-01-01T00:00:00Z"}),
        ],
    )
    .await;
    browser.service.me(&credentials[0]).await.expect(200);
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    browser.service.me(&credentials[1]).await.expect(200);
    browser.reload().await;
    assert_eq!(names(&browser, 3).await, ["álpha", "Server 9", "server 10"]);
    for (order, expected) in [
        ("Oldest first", ["server 10", "Server 9", "álpha"]),
        ("Name", ["álpha", "Server 9", "server 10"]),
        ("Recently used first", ["Server 9", "server 10", "álpha"]),
        ("Longest unused first", ["álpha", "server 10", "Server 9"]),
        ("Expiring soonest first", ["álpha", "server 10", "Server 9"]),
    ] {
        browser.choose("Sort by", order).await;
        wait_for_names(&browser, &expected).await;
    }
    assert_eq!(hash(&browser).await, "#/api-keys?sort=expiry");
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn keys_are_found_by_name_hint_and_project_name() {
    let (browser, account) = Browser::logged_in().await;
    let service = &browser.service;
    for (environment, name) in [("live", "Sleep study"), ("test", "Trial of sleep")] {
        let path = format!("/v1/projects?environment={environment}");
        let project = service.post(&path, &account.session, json!({"name": name})).await.expect(201);
        let fields = json!({"name": format!("{environment} key"), "type": environment, "scope": {"projects": [project["id"]]}});
        service.key(&account.session, fields).await;
    }
    let (_, other) = service.key(&account.session, json!({"name": "Other"})).await;
    browser.reload().await;
    browser.wait_for_rows(3).await;
    browser.wait_for_text("Trial of sleep").await;
    let search = "Search by name, last 4 characters or project";
    browser.fill(search, "SLEEP").await;
    wait_for_names(&browser, &["test key", "live key"]).await;
    browser.wait_for_text("2 of 3 keys").await;
    let hint = text(&other, "hint");
    browser.fill(search, &hint[hint.len() - 4..]).await;
    wait_for_names(&browser, &["Other"]).await;
    // A search in the URL waits for the names of projects.
    browser.value("location.hash = '#/api-keys?search=study'", &[]).await;
    wait_for_names(&browser, &["live key"]).await;
    assert_eq!(browser.field_value(search).await, "study");
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn filters_survive_reload_back_and_the_way_to_a_key() {
    let (browser, account) = Browser::logged_in().await;
    show_keys(
        &browser,
        &account,
        &[
            json!({"name": "A & B = 50 % #1"}),
            json!({"name": "A & C", "type": "test"}),
            json!({"name": "Other"}),
        ],
    )
    .await;
    browser.fill("Search by name, last 4 characters or project", "a & ").await;
    browser.choose("Filter by type", "Test").await;
    browser.choose("Filter by creator", "Created by you").await;
    browser.choose("Sort by", "Name").await;
    wait_for_names(&browser, &["A & C"]).await;
    browser.wait_for_text("1 of 3 keys").await;
    let url = hash(&browser).await;
    assert_eq!(url, format!("#/api-keys?search=a+%26&type=test&created_by={}&sort=name", account.user_id));
    browser.reload().await;
    wait_for_names(&browser, &["A & C"]).await;
    browser.click("A & C").await;
    browser.wait_for_text("Test this key").await;
    browser.driver.back().await.expect("the page before");
    wait_for_names(&browser, &["A & C"]).await;
    browser.click("A & C").await;
    browser.wait_for_text("Test this key").await;
    browser.click("All API keys").await;
    wait_for_names(&browser, &["A & C"]).await;
    assert_eq!(hash(&browser).await, url);
    // The menu leads to all keys.
    browser.click("API keys").await;
    browser.wait_for_rows(3).await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn unknown_filters_in_the_url_are_ignored() {
    let (browser, account) = Browser::logged_in().await;
    show_keys(&browser, &account, &[json!({"name": "Server"})]).await;
    browser.value("location.hash = '#/api-keys?status=constructor&type=%00&sort=worst&x=1'", &[]).await;
    wait_for_names(&browser, &["Server"]).await;
    assert_eq!(hash(&browser).await, "#/api-keys");
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn keys_are_filtered_by_status_and_creator() {
    let (browser, account) = Browser::logged_in().await;
    let service = &browser.service;
    let email = new_address();
    let (session, member_id) = service.member_with_email(&account.session, &email, &["read", "admin"]).await;
    let (maker, _) = service.key(&session, json!({"name": "Maker", "permissions": ["read", "admin"]})).await;
    service.key(&maker, json!({"name": "Made", "permissions": ["read"]})).await;
    let (_, disabled) = service.key(&account.session, json!({"name": "Disabled"})).await;
    service.patch(&key_path(&disabled), &account.session, json!({"disabled": true})).await.expect(200);
    let (_, revoked) = service.key(&account.session, json!({"name": "Revoked"})).await;
    service.delete(&key_path(&revoked), &account.session).await.expect(204);
    browser.reload().await;
    wait_for_names(&browser, &["Disabled", "Made", "Maker"]).await;

    for (status, expected) in [
        ("Disabled", &["Disabled"][..]),
        ("Active", &["Made", "Maker"]),
        ("Revoked", &["Revoked"]),
        ("Any status", &["Revoked", "Disabled", "Made", "Maker"]),
        ("Idle", &[]),
        ("Not revoked", &["Disabled", "Made", "Maker"]),
    ] {
        browser.choose("Filter by status", status).await;
        wait_for_names(&browser, expected).await;
    }
    for (creator, expected) in [
        (&*format!("Created by {email}"), &["Maker"][..]),
        ("Created by Maker", &["Made"]),
        ("Created by you", &["Disabled"]),
    ] {
        browser.choose("Filter by creator", creator).await;
        wait_for_names(&browser, expected).await;
    }
    browser.value("location.hash = `#/api-keys?created_by=${arguments[0]}`", &[json!(member_id)]).await;
    wait_for_names(&browser, &["Maker"]).await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn notice_says_that_filters_hide_the_new_key() {
    let (browser, account) = Browser::logged_in().await;
    show_keys(&browser, &account, &[json!({"name": "Server", "type": "test"})]).await;
    browser.choose("Filter by type", "Test").await;
    wait_for_names(&browser, &["Server"]).await;
    browser.click("Create API key").await;
    browser.fill("Name", "New").await;
    browser.click("Create key").await;
    browser.wait_for_text("You won’t see it again").await;
    browser.click("Done").await;
    browser.click("Yes, I saved it").await;
    browser.wait_for_text("The filters hide the new key New.").await;
    browser.click("Show the new key").await;
    wait_for_names(&browser, &["New", "Server"]).await;
    browser.wait_until_gone("The filters hide the new key").await;
    browser.choose("Filter by type", "Test").await;
    wait_for_names(&browser, &["Server"]).await;
    assert!(!browser.has_button("Show the new key").await, "the user has seen the key");
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn all_pages_are_loaded_to_search_and_sort() {
    let (browser, account) = Browser::logged_in().await;
    browser.service.key(&account.session, json!({"name": "The first"})).await;
    for number in 0..101 {
        browser.service.key(&account.session, json!({"name": format!("Key {number:03}")})).await;
    }
    browser.reload().await;
    browser.wait_for_text("102 keys, first 25 shown").await;
    browser.fill("Search by name, last 4 characters or project", "the first").await;
    wait_for_names(&browser, &["The first"]).await;
    browser.wait_for_text("1 of 102 keys").await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn list_with_more_than_1000_keys_asks_before_it_loads_the_rest() {
    let (browser, account) = Browser::logged_in().await;
    let (_, record) = browser.service.key(&account.session, json!({"name": "Revoked"})).await;
    browser.service.delete(&key_path(&record), &account.session).await.expect(204);
    // The first eleven pages are made of copies of the key.
    let repeat = "const send = window.fetch;
        window.fetch = async (url, request) => {
          const parameters = new URL(url).searchParams;
          if (parameters.get('status') !== 'revoked') return send(url, request);
          const number = Number(parameters.get('cursor') ?? 0);
          parameters.delete('cursor');
          const { data } = await (await send(`${url.split('?')[0]}?${parameters}`, request)).json();
          const copies = Array.from({ length: number === 11 ? 1 : 100 }, (_, index) => ({ ...data[0], name: `Copy ${number}-${index}` }));
          return Response.json({ data: copies, next_cursor: number === 11 ? null : `${number + 1}` });
        };";
    browser.value(repeat, &[]).await;
    browser.choose("Filter by status", "Revoked").await;
    browser.wait_for_text("Only the newest 1000 keys are loaded.").await;
    browser.wait_for_text("1000 keys, first 25 shown").await;
    let search = "Search by name, last 4 characters or project";
    browser.fill(search, "copy 11-").await;
    browser.wait_for_text("No matching API keys").await;
    browser.click("Load all keys").await;
    wait_for_names(&browser, &["Copy 11-0"]).await;
    browser.wait_for_text("1 of 1101 keys").await;
    browser.wait_until_gone("Only the newest 1000 keys are loaded.").await;
    browser.end(&[]).await;
}
