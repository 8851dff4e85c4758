//! `/dashboard`: the web page for managing API keys, members and sessions, and the files that it loads. The page gets
//! its data from the API, like any other client. `/` redirects to the page.

mod assets;

use std::sync::Arc;

use shared::{
    error::Error,
    http::{
        self, Event, HeaderValue, Request, Response,
        caching::{self, Caching},
        header,
        openapi::Operation,
        redirect, security_headers,
    },
    runtime::{app::App, function::Function},
};

use crate::assets::{ASSETS, Asset};

/// Password managers open this URL when a user wants to change the password of a website
/// (<https://www.w3.org/TR/change-password-url/>). It redirects to the password screen.
const CHANGE_PASSWORD: &str = "/.well-known/change-password";

/// Empty, because the dashboard's routes are pages and not API operations.
pub const OPERATIONS: &[Operation] = &[];

pub fn service(app: Arc<App>) -> impl Function<Event> {
    http::public(app, OPERATIONS, handle)
}

async fn handle(_app: Arc<App>, request: Request) -> Result<Response, Error> {
    let response = match (request.method(), request.route()) {
        ("GET", "/") => redirect::to_child(request.path(), "dashboard"),
        ("GET", CHANGE_PASSWORD) => redirect::to_reference("../dashboard#/password"),
        // Revalidated each time, because it links to the current hash of its files.
        ("GET", "/dashboard") => {
            let page = security_headers::html(ASSETS.page());
            caching::cached(&request, page, ASSETS.page_tag(), Caching::Revalidate)
        }
        ("GET", "/dashboard/assets/{hash}/{file}") => {
            let (hash, file): (String, String) = (request.path_id("hash")?, request.path_id("file")?);
            asset_response(ASSETS.find(&hash, &file).ok_or_else(Error::not_found)?)
        }
        _ => return Err(Error::not_found()),
    };
    Ok(security_headers::with_page_headers(response, CSP_DIRECTIVES))
}

/// Serves a file as immutable, because its URL contains a hash of the content.
fn asset_response(asset: &Asset) -> Response {
    let mut response = Response::new(asset.text.into());
    let media_type = HeaderValue::from_static(asset.media_type());
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    caching::storable(response, Caching::Immutable)
}

/// The directives of the Content Security Policy: the page may load files and call the API on its own origin only.
/// Trusted Types prevent strings from being parsed as HTML or executed.
const CSP_DIRECTIVES: &str = "script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                              require-trusted-types-for 'script'; trusted-types 'none'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_has_a_strict_policy_and_security_headers() {
        let response =
            security_headers::with_page_headers(security_headers::html(ASSETS.page()), CSP_DIRECTIVES);
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
            "the service sets no-store on responses without this header"
        );
    }
}
