//! `GET /docs`, the reference page of the API.

use std::collections::BTreeSet;

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use crate::{operations::openapi::DOCUMENT, service::Service};

/// The texts of the page that are enclosed by `before` and `after`.
fn between(before: &str, after: &str) -> Vec<&'static str> {
    openapi::PAGE.split(before).skip(1).map(|rest| rest.split_once(after).expect(after).0).collect()
}

#[tokio::test]
async fn returns_committed_page_with_security_headers() {
    let response = Service::start().await.exchange("GET /docs", &[], "").await;
    let (head, page) = response.split_once("\r\n\r\n").expect("the end of the headers");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(page, openapi::PAGE);
    let style = between("<style>", "</style>")[0];
    let hash = BASE64_STANDARD.encode(Sha256::digest(style));
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        (
            "content-security-policy",
            &*format!(
                "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-{hash}'"
            ),
        ),
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("cache-control", "public, max-age=300"),
        ("vary", "Accept-Encoding"),
    ] {
        assert!(head.lines().any(|line| line == format!("{name}: {value}")), "{name}: {head}");
    }
}

#[test]
fn page_loads_no_resources_and_runs_no_scripts() {
    for forbidden in
        ["<script", "<link", "<img", "<iframe", " src=", " style=", " onclick", "@import", "url("]
    {
        assert!(!openapi::PAGE.contains(forbidden), "{forbidden}");
    }
    assert_eq!(between("<style", ">").len(), 1);
}

#[test]
fn page_documents_parameters_and_statuses_of_every_operation() {
    for (path, operations) in DOCUMENT["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let id = operation["operationId"].as_str().expect("a name");
            let [article] = between(&format!("<article aria-labelledby=\"{id}\">"), "</article>")[..] else {
                panic!("the page does not contain {id} exactly once");
            };
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let fields = operation.pointer("/requestBody/content/application~1json/schema/properties");
            let fields = fields.and_then(|fields| fields.as_object()).into_iter().flatten();
            let statuses = operation["responses"].as_object().expect("responses").keys();
            let all = parameters
                .map(|parameter| parameter["name"].as_str().expect("a name"))
                .chain(fields.map(|(name, _)| name.as_str()))
                .chain(statuses.map(String::as_str));
            for name in all {
                assert!(article.contains(&format!(">{name}</code>")), "{method} {path}: {name}");
            }
        }
    }
}

#[test]
fn links_have_existing_targets() {
    let ids = between(" id=\"", "\"");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "the page contains an id twice");
    for link in between(" href=\"", "\"") {
        // The link to the document is relative, because a stage may precede the paths of the page and the document.
        let is_known = link.strip_prefix('#').map_or(link == "./v1/openapi.json", |id| ids.contains(&id));
        assert!(is_known, "{link}");
    }
}
