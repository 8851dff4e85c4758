//! Cross-origin requests: which origins may call the API and read its responses.
//!
//! The test client checks the CORS headers of every response. These tests cover each kind of response.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::json;

use crate::{
    dynamodb::Fault,
    response::{ALLOWED_ORIGIN, Response},
    service::{OwnService, Service},
};

/// Sends a preflight request for a page of `origin`, with `more` headers besides the required ones.
async fn preflight(service: &Service, path: &str, origin: &str, more: &[&[u8]]) -> Response {
    let origin = format!("Origin: {origin}");
    let headers: [&[u8]; 3] = [
        origin.as_bytes(),
        b"Access-Control-Request-Method: DELETE",
        b"Access-Control-Request-Headers: authorization,content-type",
    ];
    let raw = service.exchange(&format!("OPTIONS {path}"), &[&headers, more].concat(), "").await;
    Response::parse("OPTIONS", path, &raw)
}

#[tokio::test]
async fn preflight_of_every_route_returns_200_without_a_credential() {
    let service = OwnService::start().await;
    let paths: BTreeSet<&str> = service.gateway.routes().iter().map(|route| route.path.as_str()).collect();
    for path in paths {
        let response = preflight(&service, path, ALLOWED_ORIGIN, &[]).await;
        assert_eq!(response.status, 200, "{path}: {}", response.text);
        for (name, value) in [
            ("access-control-allow-origin", Some(ALLOWED_ORIGIN)),
            ("access-control-allow-methods", Some("DELETE,GET,HEAD,OPTIONS,PATCH,POST")),
            ("access-control-allow-headers", Some("Authorization,Content-Type,Idempotency-Key")),
            ("access-control-max-age", Some("600")),
            ("access-control-allow-credentials", None),
        ] {
            assert_eq!(response.header(name), value, "{path}: {name}");
        }
    }
    let mut methods = service.gateway.routes().iter().map(|route| route.method.as_str());
    assert!(methods.all(|method| ["DELETE", "GET", "HEAD", "PATCH", "POST"].contains(&method)));
}

#[tokio::test]
async fn preflight_response_has_the_security_headers_of_every_response() {
    let service = Service::start().await;
    let response = preflight(&service, "/v1/projects", ALLOWED_ORIGIN, &[]).await;
    for (name, value) in [
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src; base-uri; form-action; frame-ancestors"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(response.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn preflight_ignores_the_credential() {
    let service = Service::start().await;
    let bare = preflight(&service, "/v1/projects", ALLOWED_ORIGIN, &[]).await;
    let with = preflight(&service, "/v1/projects", ALLOWED_ORIGIN, &[b"Authorization: Bearer garbage"]).await;
    assert_eq!((with.status, with.text), (bare.status, bare.text));
}

#[tokio::test]
async fn preflight_of_an_unknown_route_returns_404() {
    let service = Service::start().await;
    for path in ["/v1", "/v1/nothing", "/v1/projects//", "/v1/projects/proj_a/samples"] {
        let response = preflight(&service, path, ALLOWED_ORIGIN, &[]).await;
        response.assert_not_found();
    }
}

#[tokio::test]
async fn other_origins_are_not_allowed() {
    let service = Service::start().await;
    for origin in [
        "https://evil.example",
        "null",
        "*",
        "https://nobody.invalid.evil.example",
        "https://sub.nobody.invalid",
        "http://nobody.invalid",
        "https://nobody.invalid:8443",
    ] {
        let preflight = preflight(&service, "/v1/projects", origin, &[]).await;
        let unknown = service.request("GET", "/v1/projects").header("Origin", origin).send().await;
        let health = service.request("GET", "/v1/health").header("Origin", origin).send().await;
        for response in [preflight, unknown, health] {
            // The browser compares this header with the page's origin, and hides the response from the page.
            assert_eq!(response.header("access-control-allow-origin"), Some(ALLOWED_ORIGIN), "{origin}");
            assert_eq!(response.header("access-control-allow-credentials"), None, "{origin}");
        }
    }
}

#[tokio::test]
async fn every_kind_of_response_names_the_allowed_origin() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let session = service.account().await.session;
    let (reader, _) = service.key(&session, json!({"permissions": ["read"]})).await;

    // Responses of functions.
    let project = format!("/v1/projects/{}", service.project(&session).await);
    service.get(&project, &session).await.expect(200);
    service.delete(&project, &session).await.expect(204);
    service.get(&project, &session).await.assert_not_found();
    service.post("/v1/projects", &session, json!({})).await.assert_bad_field("name");
    service.request("POST", "/v1/projects").with(&session).body("{}").send().await.expect(415);
    let wrong = json!({"email": "nobody@example.com", "password": "wrong"});
    service.request("POST", "/v1/auth/login").json(&wrong).send().await.expect(401);

    // Responses of the gateway.
    service.request("GET", "/v1/projects").send().await.assert_unauthorized();
    service.post("/v1/projects", &reader, json!({"name": "A"})).await.assert_forbidden();
    service.get("/v1/nothing", &session).await.assert_not_found();
    let long = format!("/v1/health?x={}", "x".repeat(11_000));
    service.request("GET", &long).send().await.expect(413);

    // Responses of both during an outage of the table.
    dynamodb.inject(Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"), None);
    service.request("POST", "/v1/auth/login").json(&wrong).send().await.expect(503);
    service.get("/v1/projects", &session).await.expect(503);
}
