//! Redirects. Their locations are relative references, because a function doesn't know whether the browser's URL has a stage
//! in front of the path.

use lambda_http::http::{HeaderValue, StatusCode, header};

use crate::http::{Response, no_content};

/// Returns a redirect to `name` below `path`. It is temporary (302).
#[must_use]
pub fn to_child(path: &str, name: &str) -> Response {
    redirect(StatusCode::FOUND, &child_reference(path, name))
}

/// Returns a redirect to a reference that is relative to the parent of the request's path (RFC 3986, 5.2.3). It is temporary (302).
#[must_use]
pub fn to_reference(reference: &'static str) -> Response {
    redirect(StatusCode::FOUND, reference)
}

/// Returns a redirect from `path`, which ends with a slash, to the same path without the slash. It is permanent (308).
pub(super) fn without_slash(path: &str) -> Response {
    redirect(StatusCode::PERMANENT_REDIRECT, &reference_without_slash(path))
}

/// If `path` has no trailing slash, browsers resolve references against its parent (RFC 3986, 5.2.3), so the reference
/// repeats the last segment.
fn child_reference(path: &str, name: &str) -> String {
    match path.rsplit_once('/') {
        Some((_, last)) if !last.is_empty() => format!("./{last}/{name}"),
        _ => format!("./{name}"),
    }
}

fn reference_without_slash(path: &str) -> String {
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    format!("../{last}")
}

fn redirect(status: StatusCode, location: &str) -> Response {
    let mut response = no_content();
    *response.status_mut() = status;
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_reference_resolves_below_the_path() {
        assert_eq!(child_reference("/", "dashboard"), "./dashboard");
        assert_eq!(child_reference("/live/", "dashboard"), "./dashboard");
        assert_eq!(child_reference("/live", "dashboard"), "./live/dashboard");
    }

    #[test]
    fn reference_without_slash_resolves_to_the_path_without_the_slash() {
        assert_eq!(reference_without_slash("/docs/"), "../docs");
        assert_eq!(reference_without_slash("/live/docs/"), "../docs");
    }
}
