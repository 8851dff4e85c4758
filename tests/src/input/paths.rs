//! Unknown paths and methods, and malformed ids.

use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::{input::bodies, operation_table, seeded, target::Target};

/// Returns all routes of the API: method, path in the template, and path with the ids of existing entities.
///
/// If the service normalized a path variant, the variant would match one of these paths.
fn routes(target: &Target) -> Vec<(&'static str, &'static str, String)> {
    operation_table::routes().map(|(method, route)| (method, route, target.fill(route))).collect()
}

/// Sends a request with the session of an admin and asserts that it gets 404. The path is sent byte for byte, because an HTTP
/// client would normalize it.
async fn assert_not_found(target: &Target, method: &str, path: &str, body: &str) {
    println!("{method} {path}");
    let authorization = format!("Authorization: {}", target.session.0);
    let headers = [authorization.as_bytes(), b"Content-Type: application/json"];
    target.service.raw(&format!("{method} {path}"), &headers, body).await.assert_not_found();
}

/// Returns variants of a path, such as other spellings and encodings, that must not match its route.
fn variants(path: &str) -> Vec<String> {
    let (parent, last) = path.rsplit_once('/').expect("a path");
    let first = last.as_bytes()[0];
    vec![
        format!("{path}/"),
        format!("{path}//"),
        format!("/{path}"),
        path.replacen("/v1/", "/v1//", 1),
        format!("{parent}//{last}"),
        format!("{path}/."),
        format!("{path}/.."),
        format!("{path}/../{last}"),
        format!("/v1/health/..{}", &path[3..]),
        path.replacen("/v1/", "/v1/./", 1),
        path.replacen("/v1/", "/v1/%2e/", 1),
        format!("/v1/health/%2e%2e{}", &path[3..]),
        format!("{path}/%2e%2e/{last}"),
        format!("{path}%2f"),
        format!("{path}%2F.."),
        format!("{parent}%2f{last}"),
        format!("{parent}%5c{last}"),
        format!("{parent}\\{last}"),
        format!("{parent}/%{first:02x}{}", &last[1..]),
        format!("{parent}/%25{first:02x}{}", &last[1..]),
        // An overlong encoding of the slash, and characters that look like a slash.
        format!("{parent}%c0%af{last}"),
        format!("{parent}%ef%bc%8f{last}"),
        format!("{parent}\u{2215}{last}"),
        path.replacen("/v1/", "/%ef%bd%961/", 1),
        path.replacen("/v1/", "/\u{2174}1/", 1),
        format!("{path}%e2%80%8b"),
        format!("{path}%0d%0aX:%20y"),
        format!("{path}%00"),
        format!("{path}%20"),
        format!("{path};a=b"),
        format!("{path}.json"),
        format!("{path}%3f"),
        path.to_uppercase(),
        path.replacen("/v1/", "/V1/", 1),
        path.replacen("/v1/", "/v2/", 1),
        path.replacen("/v1/", "/live/v1/", 1),
        path.replacen("/v1/", "/", 1),
    ]
}

#[tokio::test]
async fn variants_of_a_route_return_404_and_change_nothing() {
    let target = Target::start().await;
    let before = target.state().await;
    for (method, route, path) in routes(&target) {
        for variant in variants(&path) {
            assert_not_found(&target, method, &variant, &bodies::valid_body(method, route)).await;
        }
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn unknown_route_returns_404_with_and_without_a_credential() {
    let target = Target::start().await;
    for path in [
        "//",
        "/v1",
        "/v1/",
        "/v1/auth",
        "/v1/nothing",
        "/v2/projects",
        "/favicon.ico",
        "/..",
        "/%2e%2e",
        "/../../etc/passwd",
        "/v1/users",
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
            assert_not_found(&target, method, path, "{}").await;
            target.service.raw(&format!("{method} {path}"), &[], "").await.assert_not_found();
        }
    }
}

#[tokio::test]
async fn unsupported_method_returns_404() {
    let target = Target::start().await;
    let before = target.state().await;
    let routes = routes(&target);
    for (_, route, path) in &routes {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "get", "head", "FETCH"] {
            if !routes.iter().any(|(supported, of, _)| (*supported, of) == (method, route)) {
                assert_not_found(&target, method, path, "{}").await;
            }
        }
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn head_returns_the_status_and_headers_of_get_without_a_body() {
    let target = Target::start().await;
    let authorization = format!("Authorization: {}", target.session.0);
    let routes = routes(&target).into_iter().filter(|(method, ..)| *method == "GET").map(|(.., path)| path);
    let pages = ["/", "/.well-known/change-password", "/docs", "/dashboard", "/dashboard/assets/0/main.js"];
    let pages = pages.map(str::to_owned);
    let unusual = ["/v1/projects?limit=0", "/v1/projects/proj_unknown", "/v1/nothing"].map(str::to_owned);
    for path in routes.chain(pages).chain(unusual) {
        for headers in [&[] as &[&[u8]], &[authorization.as_bytes()]] {
            let exchange = async |method: &str| {
                let response = target.service.exchange(&format!("{method} {path}"), headers, "").await;
                let (head, body) = response.split_once("\r\n\r\n").expect("the end of the headers");
                let differs = ["content-length", "date", "x-request-id", "x-amz"];
                let lines = head.lines().filter(|line| {
                    let line = line.to_ascii_lowercase();
                    !differs.iter().any(|name| line.starts_with(name))
                });
                (lines.map(str::to_owned).collect::<Vec<_>>(), body.to_owned())
            };
            let (get, (head, body)) = (exchange("GET").await, exchange("HEAD").await);
            assert_eq!(head, get.0, "{path}");
            assert_eq!(body, "", "{path}");
            assert!(!get.1.is_empty() || head[0].contains(" 302 "), "{path}");
        }
    }
}

#[tokio::test]
async fn malformed_id_returns_404() {
    let target = Target::start().await;
    let before = target.state().await;
    for (method, route, _) in routes(&target) {
        let Some((resource, rest)) = route.split_once('{') else { continue };
        let (_, rest) = rest.split_once('}').expect("a parameter");
        let prefix = match resource {
            "/v1/auth/passkeys/" => "pk_",
            "/v1/auth/sessions/" => "sid_",
            "/v1/api-keys/" => "key_",
            "/v1/projects/" => "proj_",
            "/v1/members/" => "user_",
            _ => panic!("the prefix of ids of {resource} is not listed here"),
        };
        for id in [
            "x",
            "null",
            "*",
            "..%2f..",
            "acct_0000000000000000",
            "0000000000000000",
            prefix,
            &format!("{prefix}0-0"),
            &format!("{prefix}%30"),
            &format!("{prefix}%c3%a4"),
            &format!("{prefix}000000000000000\u{e4}"),
            &format!("{prefix}0000000000000000%0a"),
            // Longer than an IAM policy can contain, and much longer than any id.
            &format!("{prefix}{}", "0".repeat(500)),
            &format!("{prefix}{}", "0".repeat(8_000)),
            &format!("{}0000000000000000", prefix.to_uppercase()),
            &format!("{prefix}{prefix}"),
        ] {
            let path = format!("{resource}{id}{rest}");
            assert_not_found(&target, method, &path, &bodies::valid_body(method, route)).await;
        }
    }
    assert_eq!(target.state().await, before);
}

#[test]
fn random_path_returns_404_unless_it_is_a_route() {
    let runtime = Runtime::new().expect("a runtime");
    let target = runtime.block_on(Target::start());
    let routes: Vec<_> = routes(&target).into_iter().filter(|(method, ..)| *method == "GET").collect();
    let segment = prop_oneof![
        4 => prop::sample::select(vec!["v1", "projects", "api-keys", "members", "auth", "me", "sessions", "health"]),
        2 => prop::sample::select(vec!["", ".", "..", "%2e", "%2e%2e", "%2f", "%5c", "%00", "%c0%ae", "%ff", "%"]),
        1 => prop::sample::select(vec!["proj_a", "key_0000000000000000", "{key_id}", ";", "~", "a b", "@", "*"]),
    ];
    let paths = prop::collection::vec(segment, 1..7);
    seeded::cases(1, &paths, |_, segments| {
        let path = format!("/{}", segments.join("/").replace(' ', "%20"));
        // This is the route of the dashboard.
        if path == "/" {
            return;
        }
        let is_route = routes.iter().any(|(.., route)| *route == path);
        let request = format!("GET {path}");
        let authorization = format!("Authorization: {}", target.session.0);
        let response = runtime.block_on(target.service.raw(&request, &[authorization.as_bytes()], ""));
        assert_eq!(response.status, if is_route { 200 } else { 404 }, "{path}");
    });
}
