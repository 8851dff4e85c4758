//! Requests of web pages to the servers of the gateway.

use gateway::{Gateway, Options};
use reqwest::{Client, Method, StatusCode};

/// Sends a request with these headers to the embedded DynamoDB. Without them, it would list the tables.
async fn list_tables(url: &str, method: Method, headers: &[(&str, &str)]) -> reqwest::Response {
    let mut request = Client::new()
        .request(method, url)
        .header("authorization", "AWS4-HMAC-SHA256 Credential=local/20260130/eu-central-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
        .header("x-amz-date", "20260130T000000Z")
        .header("x-amz-target", "DynamoDB_20120810.ListTables")
        .header("content-type", "application/x-amz-json-1.0")
        .body("{}");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn web_pages_cannot_reach_the_embedded_dynamodb() {
    let gateway = Gateway::start(Options::ephemeral()).await.unwrap();
    let (url, table) = (gateway.dynamodb_url(), gateway.table("Table").unwrap());
    let response = list_tables(url, Method::POST, &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.text().await.unwrap().contains(table));

    let preflight = [
        ("origin", "https://evil.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "x-amz-target"),
    ];
    for (method, headers) in [
        (Method::OPTIONS, &preflight[..]),
        (Method::POST, &[("origin", "https://evil.example")]),
        (Method::POST, &[("origin", "null")]),
        (Method::POST, &[("origin", gateway.url())]),
        (Method::GET, &[("sec-fetch-site", "cross-site")]),
        (Method::POST, &[("sec-fetch-site", "same-site")]),
        (Method::POST, &[("host", "rebound.example")]),
    ] {
        let response = list_tables(url, method, headers).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{headers:?}");
        let names = response.headers().keys().map(reqwest::header::HeaderName::as_str);
        assert!(!names.into_iter().any(|name| name.starts_with("access-control-")), "{headers:?}");
        assert!(!response.text().await.unwrap().contains(table));
    }
}

#[tokio::test]
async fn web_pages_cannot_reach_the_secrets_manager_and_the_invoke_api() {
    let gateway = Gateway::start(Options::ephemeral()).await.unwrap();
    let invoke = format!("{}/2015-03-31/functions/operator/invocations", gateway.url());
    for url in [gateway.secrets_manager_url(), &invoke] {
        for headers in [
            [("origin", "https://evil.example")],
            [("sec-fetch-site", "cross-site")],
            [("sec-fetch-site", "same-site")],
            [("host", "rebound.example")],
        ] {
            let response = list_tables(url, Method::POST, &headers).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{url} {headers:?}");
        }
        assert_ne!(list_tables(url, Method::POST, &[]).await.status(), StatusCode::FORBIDDEN, "{url}");
    }
}
