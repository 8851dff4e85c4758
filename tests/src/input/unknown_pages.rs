//! Unknown paths in a browser, which sends `Accept: text/html`. The tests do not use the service at `SERVICE_URL`, because not
//! every emulator of API Gateway chooses a gateway response by this header.

use crate::service::OwnService;

/// What Firefox, Chromium and Safari send when they open a page.
const BROWSER: &[u8] =
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn browser_gets_a_page_with_a_link_that_leads_to_the_dashboard() {
    let service = OwnService::start().await;
    for path in ["/nothing", "/docs/x", "/v1/nothing", "/%3Cscript%3E"] {
        let response = service.exchange(&format!("GET {path}"), &[BROWSER], "").await;
        let (head, page) = response.split_once("\r\n\r\n").expect("the end of the headers");
        assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
        for (name, value) in [
            ("content-type", "text/html"),
            ("content-security-policy", "default-src; base-uri; form-action; frame-ancestors"),
            ("x-content-type-options", "nosniff"),
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(header(head, name), Some(value), "{name}");
        }
        assert!(page.starts_with("<!doctype html>") && page.is_ascii(), "{page}");
        assert!(!page.contains("script") && !page.contains("style"), "{page}");

        let (_, rest) = page.split_once(" href=\"").expect("a link");
        let (mut location, _) = rest.split_once('"').expect("the end of the link");
        for expected in ["/", "./dashboard"] {
            let redirect = service.exchange(&format!("GET {location}"), &[BROWSER], "").await;
            assert!(redirect.starts_with("HTTP/1.1 302 "), "{location}: {redirect}");
            assert_eq!(header(&redirect, "location"), Some(expected), "{redirect}");
            location = expected;
        }
    }
}

#[tokio::test]
async fn other_clients_get_the_fixed_json_body() {
    let service = OwnService::start().await;
    for accept in [
        &[] as &[&[u8]],
        &[b"Accept: */*"],
        &[b"Accept: application/json"],
        &[b"Accept: application/json, text/html"],
        &[b"Accept: text/html;q=0"],
        &[b"Accept: \xff"],
    ] {
        service.raw("GET /v1/nothing", accept, "").await.assert_not_found();
    }
    // The API itself, and the other responses of API Gateway, are always JSON.
    service.raw("GET /v1/projects", &[BROWSER], "").await.assert_unauthorized();
    service.raw("GET /v1/health", &[BROWSER], "").await.expect(200);
    service.raw("GET /v1/health/", &[BROWSER], "").await.assert_not_found();
}
