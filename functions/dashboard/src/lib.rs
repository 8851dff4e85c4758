//! `/dashboard`: the page on which a person looks after keys, members and sessions, and the files that it loads. It asks
//! the API for everything else, as any caller does. `/` leads to it.

mod assets;
use std::sync::Arc;

use shared::{
    error::Error,
    http::{
        self, Event, HeaderValue, Request, Response, StatusCode, header, openapi::Operation, security_headers,
    },
    runtime::{app::App, function::Function},
};

use crate::assets::{ASSETS, Asset};

/// None: the dashboard is a page.
pub const OPERATIONS: &[Operation] = &[];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::public(app, handle)
}

async fn handle(_app: Arc<App>, request: Request) -> Result<Response, Error> {
    let response = match (request.method(), request.route()) {
        ("GET", "/") => see(&beneath(request.path(), "dashboard")),
        // It names its files by the hash that they have now, so it may lie in no cache.
        ("GET", "/dashboard") => security_headers::html(ASSETS.page()),
        ("GET", "/dashboard/assets/{hash}/{file}") => {
            let (hash, file): (String, String) = (request.path_id("hash")?, request.path_id("file")?);
            asset(ASSETS.find(&hash, &file).ok_or_else(Error::not_found)?)
        }
        _ => return Err(Error::not_found()),
    };
    Ok(security_headers::protected(response, SOURCES))
}

/// A relative reference to `name` beneath `path`. Relative, since what the browser has in front of the path is not known
/// here. Where `path` has no slash at its end, a browser takes its last segment for a file (RFC 3986, 5.2.3).
fn beneath(path: &str, name: &str) -> String {
    match path.rsplit_once('/') {
        Some((_, last)) if !last.is_empty() => format!("./{last}/{name}"),
        _ => format!("./{name}"),
    }
}

/// Leads the browser elsewhere, for now.
fn see(location: &str) -> Response {
    let mut response = http::no_content();
    *response.status_mut() = StatusCode::FOUND;
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// A file of the page. Its address holds the hash of what it is, so it never changes (RFC 8246).
fn asset(asset: &Asset) -> Response {
    let mut response = Response::new(asset.text.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type()));
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, forever);
    response
}

/// What the page needs: its own files, and the API beside it. No text may become a script (Trusted Types).
const SOURCES: &str = "script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                       require-trusted-types-for 'script'; trusted-types 'none'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beneath_a_path_is_found_from_it() {
        assert_eq!(beneath("/", "dashboard"), "./dashboard");
        assert_eq!(beneath("/live/", "dashboard"), "./dashboard");
        assert_eq!(beneath("/live", "dashboard"), "./live/dashboard");
    }

    #[test]
    fn a_page_is_refused_whatever_could_harm_it() {
        let response = security_headers::protected(security_headers::html(ASSETS.page()), SOURCES);
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        let directives: Vec<_> = policy.split("; ").collect();
        for directive in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ] {
            assert!(directives.contains(&directive), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains(':'), "{policy}");
        for (name, value) in [
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-frame-options", "DENY"),
            ("content-type", "text/html; charset=utf-8"),
        ] {
            assert_eq!(response.headers()[name], value, "{name}");
        }
        assert!(
            !response.headers().contains_key("cache-control"),
            "the page is kept out of caches as all else is"
        );
    }
}
