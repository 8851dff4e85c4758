//! Protection against hostile content, and the checks that the browser enforces it.

use axum::{Router, response::Html};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{browser::Browser, service::OwnService};

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn hostile_names_are_displayed_as_text() {
    let (browser, account) = Browser::logged_in().await;
    let hostile = "<img src=x onerror=document.title='x'>\"'><script>document.title='x'</script>";
    let (_, key) = browser.service.key(&account.session, json!({"name": hostile})).await;
    browser.service.post("/v1/projects", &account.session, json!({"name": hostile})).await.expect(201);
    let body = json!({"email": account.email, "password": crate::service::PASSWORD});
    let login = browser
        .service
        .request("POST", "/v1/auth/login")
        .header("User-Agent", "<script>document.title='x'</script>");
    login.json(&body).send().await.expect(200);
    browser.reload().await;

    browser.wait_for_text(hostile).await;
    browser.act("Rotate", hostile).await;
    browser.wait_for_text(&format!("Rotate {hostile}")).await;
    browser.click("Cancel").await;
    browser.act("Revoke", hostile).await;
    browser.wait_for_text(&format!("Revoke {hostile}")).await;
    browser.click("Cancel").await;
    browser.click(hostile).await;
    browser.wait_for_text("Test this key").await;
    assert_eq!(browser.title().await, format!("{hostile} · MedTWIN"));
    browser.wait_for_text(&format!("API key {hostile} created.")).await;
    browser.click("All API keys").await;
    browser.click("Create API key").await;
    browser.check("Selected projects").await;
    browser.fill("Project to add", hostile).await;
    browser.click("Add").await;
    browser.wait_for_text(hostile).await;
    browser.click("Cancel").await;
    for screen in ["Audit events", "Sessions"] {
        browser.go(screen).await;
        browser.rows().await;
        let injected =
            browser.value("return document.querySelectorAll('main img, main script').length", &[]).await;
        assert_eq!(injected, 0, "{screen}");
        assert_eq!(browser.title().await, format!("{screen} · MedTWIN"));
    }
    let path = format!("#/audit-events?key_id={}", crate::response::text(&key, "id"));
    browser.value("location.hash = arguments[0]", &[json!(path)]).await;
    browser.wait_for_rows(1).await;
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn content_security_policy_blocks_markup_and_other_origins() {
    let (browser, _) = Browser::logged_in().await;
    assert!(browser.take_log().await.is_empty());
    for (attempt, violation) in [
        ("document.body.innerHTML = '<p>'", "TrustedHTML"),
        (
            "const one = document.createElement('img'); one.src = 'http://127.0.0.2/x.png'; document.body.append(one)",
            "img-src",
        ),
        (
            "const one = document.createElement('style'); one.textContent = 'a{}'; document.body.append(one)",
            "style-src",
        ),
        (
            "const one = document.createElement('script'); one.text = '1'; document.body.append(one)",
            "TrustedScript",
        ),
        ("fetch('http://127.0.0.2/').catch(() => 0)", "connect-src"),
        ("document.body.setAttribute('onclick', '1')", "TrustedScript"),
    ] {
        let attempt = format!("try {{ {attempt} }} catch (error) {{ console.error(String(error)) }}");
        browser.value(&attempt, &[]).await;
        let log = browser.wait_for_log().await;
        assert!(log.contains(violation), "{attempt}: {log}");
    }
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn page_contacts_only_the_service_and_stores_only_the_session() {
    let (browser, _) = Browser::logged_in().await;
    for screen in ["Team members", "Audit events", "Sessions", "Password", "API keys"] {
        browser.go(screen).await;
    }
    let urls =
        browser.value("return performance.getEntriesByType('resource').map((one) => one.name)", &[]).await;
    let urls: Vec<String> = serde_json::from_value(urls).expect("URLs");
    assert!(urls.len() > 20, "{urls:?}");
    for url in urls {
        let path = url.strip_prefix(&browser.service.url).expect(&url);
        assert!(path.starts_with("/v1/") || path.starts_with("/dashboard/assets/"), "{url}");
    }
    assert_eq!(browser.value("return document.cookie + Object.keys(localStorage)", &[]).await, "");
    assert_eq!(browser.value("return Object.keys(sessionStorage)", &[]).await, json!(["session"]));
    browser.end(&[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn other_pages_cannot_call_the_embedded_dynamodb() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let page = Router::new().fallback(async || Html("<title>Another page</title>"));
    tokio::spawn(async { axum::serve(listener, page).await });
    let list_tables = "
        const headers = {
          Authorization: 'AWS4-HMAC-SHA256 Credential=local/20260130/eu-central-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
          'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Date': '20260130T000000Z',
          'X-Amz-Target': 'DynamoDB_20120810.ListTables',
        };
        return fetch(arguments[0], { method: 'POST', headers, body: '{}' })
          .then((response) => response.text(), (error) => error.name);";
    // The first page is at the same site as the embedded DynamoDB, the second one is at another.
    for host in ["127.0.0.1", "localhost"] {
        let service = OwnService::start().await;
        let url = service.gateway.dynamodb_url().to_owned();
        let browser = Browser::open_at(service, &format!("http://{host}:{port}/")).await;
        assert_eq!(browser.value("return document.title", &[]).await, "Another page");
        assert_eq!(browser.value(list_tables, &[json!(url)]).await, "TypeError", "{host}");
        let log = browser.wait_for_log().await;
        assert!(log.contains("CORS policy") && log.contains("preflight"), "{log}");
        browser.take_log().await;
        browser.end(&[]).await;
    }
}
