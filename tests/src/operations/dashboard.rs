//! The pages and files of `/dashboard` as HTTP responses. The tests in `browser` use the dashboard in a browser.

use serde_json::json;

use crate::service::Service;

/// A response that contains the page or one of its files.
struct Page {
    status: u16,
    head: String,
    text: String,
}

impl Page {
    async fn get(service: &Service, path: &str, headers: &[&[u8]]) -> Self {
        let raw = service.exchange(&format!("GET {path}"), headers, "").await;
        let (head, text) = raw.split_once("\r\n\r\n").expect("the end of the headers");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Self { status, head: head.to_owned(), text: text.to_owned() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The paths of the page's files, relative to the page.
    fn files(&self) -> Vec<&str> {
        let quoted = self.text.split('"').skip(1).step_by(2);
        quoted.filter_map(|text| text.strip_prefix("./")).collect()
    }

    /// Panics unless the security headers of a page are present.
    #[track_caller]
    fn assert_security_headers(&self) {
        let policy = self.header("content-security-policy").expect("a policy");
        let (first, rest) = policy.split_once("; ").expect("more than one directive");
        assert_eq!(first, "default-src 'none'");
        for directive in [
            "script-src 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "form-action 'none'",
        ] {
            assert!(rest.split("; ").any(|part| part == directive), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(self.header(name), Some(value), "{}", self.head);
        }
        assert_eq!(self.header("set-cookie"), None);
        assert!(self.header("x-request-id").is_some(), "{}", self.head);
    }
}

#[tokio::test]
async fn root_redirects_to_the_dashboard() {
    let service = Service::start().await;
    let response = Page::get(&service, "/", &[]).await;
    assert_eq!(
        (response.status, response.header("location")),
        (302, Some("./dashboard")),
        "{}",
        response.head
    );
    assert_eq!(response.header("cache-control"), Some("no-store"));
    response.assert_security_headers();
}

#[tokio::test]
async fn change_password_url_redirects_to_the_password_screen() {
    let service = Service::start().await;
    let response = Page::get(&service, "/.well-known/change-password", &[]).await;
    assert_eq!(response.status, 302);
    // A relative reference, so that the location keeps the stage, if there is one.
    assert_eq!(response.header("location"), Some("../dashboard#/password"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    response.assert_security_headers();
}

/// Password managers use the other URL only if this one is not found (<https://www.w3.org/TR/change-password-url/>).
#[tokio::test]
async fn other_well_known_urls_return_404() {
    let service = Service::start().await;
    for path in [
        "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200",
        "/.well-known/change-password/x",
        "/.well-known/Change-Password",
        "/.well-known/",
        "/.well-known",
        "/change-password",
    ] {
        service.raw(&format!("GET {path}"), &[], "").await.assert_not_found();
    }
}

/// Sends the events of API Gateway for a custom domain, and for its own domain, where the stage precedes the path.
#[tokio::test]
async fn root_below_a_stage_redirects_to_the_dashboard() {
    let service = Service::start().await;
    for (path, location) in [("/", "./dashboard"), ("/live/", "./dashboard"), ("/live", "./live/dashboard")] {
        let context = json!({"httpMethod": "GET", "path": path, "requestId": "1", "resourcePath": "/", "stage": "live"});
        let event = json!({"httpMethod": "GET", "path": "/", "resource": "/", "headers": {}, "multiValueHeaders": {},
            "requestContext": context, "isBase64Encoded": false});
        let response = service.invoke("dashboard", &event).await.expect("a response");
        assert_eq!(response["statusCode"], 302, "{response}");
        let headers = [&response["headers"]["location"], &response["multiValueHeaders"]["location"][0]];
        assert!(headers.contains(&&json!(location)), "{path}: {response}");
    }
}

#[tokio::test]
async fn trailing_slash_redirects_to_the_page() {
    let service = Service::start().await;
    for method in ["GET", "HEAD"] {
        for (path, location) in
            [("/dashboard/", "../dashboard"), ("/docs/", "../docs"), ("/docs/?x=1", "../docs")]
        {
            let raw = service.exchange(&format!("{method} {path}"), &[], "").await;
            assert!(raw.starts_with("HTTP/1.1 308 "), "{path}: {raw}");
            assert!(raw.contains(&format!("\r\nlocation: {location}\r\n")), "{path}: {raw}");
            assert!(raw.ends_with("\r\n\r\n"), "{path}: {raw}");
        }
    }
}

#[tokio::test]
async fn page_returns_200_and_is_revalidated() {
    let service = Service::start().await;
    let page = Page::get(&service, "/dashboard", &[]).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    page.assert_security_headers();
    assert!(page.text.starts_with("<!doctype html>"), "{}", page.text);
}

#[tokio::test]
async fn files_return_200_and_may_be_cached_forever() {
    let service = Service::start().await;
    let page = Page::get(&service, "/dashboard", &[]).await;
    let files = page.files();
    assert!(files.len() > 5, "{}", page.text);
    for file in files {
        let response = Page::get(&service, &format!("/{file}"), &[]).await;
        let media_type = match file.rsplit_once('.') {
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml; charset=utf-8",
            _ => panic!("{file}"),
        };
        assert_eq!((response.status, response.header("content-type")), (200, Some(media_type)), "{file}");
        assert_eq!(response.header("cache-control"), Some("public, max-age=31536000, immutable"), "{file}");
        assert!(!response.text.is_empty(), "{file}");
        response.assert_security_headers();
    }
}

#[tokio::test]
async fn unknown_file_or_method_returns_404() {
    let service = Service::start().await;
    let page = Page::get(&service, "/dashboard", &[]).await;
    let script = page.files().into_iter().find(|file| file.ends_with("/main.js")).expect("a script");
    let folder = script.strip_suffix("main.js").expect("a folder");
    for path in [
        "/dashboard//",
        "//dashboard",
        "/Dashboard",
        "/dashboard/page.html",
        "/dashboard/assets",
        "/dashboard/assets/0000000000000000/main.js",
        &format!("/{folder}"),
        &format!("/{folder}page.html"),
        &format!("/{folder}main.js//"),
        &format!("/{folder}main.JS"),
        &format!("/{folder}..%2fCargo.toml"),
        &format!("/{folder}%2e%2e"),
    ] {
        service.raw(&format!("GET {path}"), &[], "").await.assert_not_found();
    }
    for path in ["/", "/dashboard", &format!("/{script}")] {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            service.raw(&format!("{method} {path}"), &[], "").await.assert_not_found();
        }
    }
}

#[tokio::test]
async fn page_ignores_credentials() {
    let service = Service::start().await;
    let account = service.account().await;
    service.suspend(&account).await;
    let bare = Page::get(&service, "/dashboard", &[]).await;
    for authorization in [&account.session.0, "garbage", "Bearer mt_live_x"] {
        let header = format!("Authorization: {authorization}");
        let page = Page::get(&service, "/dashboard", &[header.as_bytes()]).await;
        assert_eq!((page.status, &page.text), (200, &bare.text), "{authorization}");
    }
}
