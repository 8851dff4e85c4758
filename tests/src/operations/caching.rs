//! Conditional requests, caching and compression of the pages and the OpenAPI document.

use std::io::Read;

use flate2::read::{GzDecoder, ZlibDecoder};
use reqwest::{header::HeaderMap, redirect::Policy};

use crate::service::{OwnService, Service};

const CACHED: [&str; 4] = ["/docs", "/v1/openapi.json", "/v1/credentials/patterns", "/dashboard"];

struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Reply {
    async fn get(service: &Service, method: &str, path: &str, headers: &[(&str, &str)]) -> Self {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let client = reqwest::Client::builder().redirect(Policy::none()).build().expect("a client");
        let mut request = client.request(method, format!("{}{path}", service.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("a response");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, body: response.bytes().await.expect("a body").to_vec() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }

    /// The headers that do not differ between two responses with the same content.
    fn stable_headers(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        for name in [
            "date",
            "x-request-id",
            "x-amzn-requestid",
            "x-amz-request-id",
            "x-amz-apigw-id",
            "content-length",
        ] {
            headers.remove(name);
        }
        headers
    }
}

#[tokio::test]
async fn matching_if_none_match_returns_304_with_the_headers_of_the_200() {
    let service = Service::start().await;
    for path in CACHED {
        let full = Reply::get(&service, "GET", path, &[]).await;
        assert_eq!(full.status, 200, "{path}");
        let tag = full.header("etag").expect("a tag").to_owned();
        let opaque = tag.strip_prefix("W/").expect("a weak tag");
        for value in [&*tag, opaque, "*", &format!("\"x\", {tag}")] {
            for method in ["GET", "HEAD"] {
                let response = Reply::get(&service, method, path, &[("If-None-Match", value)]).await;
                assert_eq!((response.status, response.body.len()), (304, 0), "{method} {path} {value}");
                assert_eq!(response.stable_headers(), full.stable_headers(), "{method} {path} {value}");
            }
        }
        for value in ["\"x\"", "", "x", &tag.to_uppercase()] {
            let response = Reply::get(&service, "GET", path, &[("If-None-Match", value)]).await;
            assert_eq!((response.status, response.body == full.body), (200, true), "{path} {value}");
        }
    }
}

#[tokio::test]
async fn only_pages_files_and_the_document_may_be_stored() {
    let service = Service::start().await;
    for (path, caching) in [
        ("/docs", "public, max-age=300"),
        ("/v1/openapi.json", "public, max-age=300"),
        ("/v1/credentials/patterns", "public, max-age=300"),
        ("/dashboard", "no-cache"),
        ("/", "no-store"),
        ("/v1/health", "no-store"),
        ("/v1/projects", "no-store"),
        ("/v1/openapi.json?x=1", "no-store"),
        ("/v1/credentials/patterns?x=1", "no-store"),
        ("/v1/nothing", "no-store"),
    ] {
        let headers = Reply::get(&service, "GET", path, &[("If-None-Match", "*")]).await;
        assert_eq!(headers.header("cache-control"), Some(caching), "{path}");
        assert_eq!(headers.header("etag").is_some(), CACHED.contains(&path), "{path}");
    }
}

#[tokio::test]
async fn large_response_is_compressed_for_clients_that_accept_it() {
    // Not the service at `SERVICE_URL`, because not every emulator of API Gateway compresses.
    let service = OwnService::start().await;
    for path in ["/docs", "/v1/openapi.json"] {
        let plain = Reply::get(&service, "GET", path, &[]).await;
        assert_eq!(plain.header("content-encoding"), None);
        assert!(plain.body.len() > 10_240, "{path}");
        for (accepted, coding) in
            [("gzip, deflate, br, zstd", "gzip"), ("deflate", "deflate"), ("br", ""), ("gzip;q=0", "")]
        {
            let response = Reply::get(&service, "GET", path, &[("Accept-Encoding", accepted)]).await;
            assert_eq!(response.header("content-encoding").unwrap_or_default(), coding, "{path} {accepted}");
            assert_eq!(response.header("etag"), plain.header("etag"), "{path} {accepted}");
            assert_eq!(response.header("vary"), Some("Accept-Encoding"), "{path} {accepted}");
            let mut body = Vec::new();
            match coding {
                "gzip" => GzDecoder::new(&*response.body).read_to_end(&mut body).expect("gzip"),
                "deflate" => ZlibDecoder::new(&*response.body).read_to_end(&mut body).expect("zlib"),
                _ => (&*response.body).read_to_end(&mut body).expect("a body"),
            };
            assert!(body == plain.body, "{path} {accepted}");
            assert!(coding.is_empty() || response.body.len() * 4 < plain.body.len(), "{path} {accepted}");
        }
    }
    let small = Reply::get(&service, "GET", "/v1/health", &[("Accept-Encoding", "gzip")]).await;
    assert_eq!(small.header("content-encoding"), None);
}
