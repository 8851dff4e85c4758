//! Rejects requests that a web page may have sent to a server on the loopback interface.
//!
//! A page from anywhere can make the browser on this machine send requests to 127.0.0.1. Each of these headers shows that a
//! request may come from a page:
//!
//! - `Origin`: browsers send it with each request that needs a preflight, with the preflight itself, and with every `POST`.
//! - `Sec-Fetch-Site`: browsers send it with the remaining requests too, such as those for an image. Only `none`, a request
//!   of the user, and `same-origin` are accepted. A page at another port of this machine is `same-site`.
//! - `Host`: if the page was loaded from a domain that now resolves to this machine (DNS rebinding), it contains that domain.
//!
//! Programs such as the AWS SDKs, the AWS CLI and curl send neither of the first two, and address the server by its loopback
//! address.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Middleware: responds 403 to a request that a web page may have sent.
pub(crate) async fn reject_web_pages(request: Request, next: Next) -> Response {
    if may_come_from_web_page(request.headers()) {
        return (StatusCode::FORBIDDEN, "requests of web pages are not accepted\n").into_response();
    }
    next.run(request).await
}

fn may_come_from_web_page(headers: &HeaderMap) -> bool {
    let hosts = headers.get_all(header::HOST);
    headers.contains_key(header::ORIGIN)
        || headers.get_all(SEC_FETCH_SITE).iter().any(|site| site != "none" && site != "same-origin")
        || hosts.iter().next().is_none()
        || !hosts.iter().all(is_loopback)
}

/// Returns true if the host is this machine. The port does not matter: it may be that of a proxy on this machine.
fn is_loopback(host: &HeaderValue) -> bool {
    let Ok(host) = host.to_str() else { return false };
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
        let port = host.get(name.len()..).unwrap_or("?");
        host.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            && (port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_rejected(headers: &[(&'static str, &str)]) -> bool {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        may_come_from_web_page(&headers)
    }

    #[test]
    fn requests_from_local_programs_are_accepted() {
        for host in ["127.0.0.1:3000", "127.0.0.1", "Localhost:3000", "[::1]:3000"] {
            assert!(!is_rejected(&[("host", host)]), "{host}");
        }
        for site in ["none", "same-origin"] {
            assert!(!is_rejected(&[("host", "127.0.0.1:3000"), ("sec-fetch-site", site)]), "{site}");
        }
    }

    #[test]
    fn requests_from_web_pages_are_rejected() {
        assert!(is_rejected(&[]));
        for host in [
            "evil.example:3000",
            "localhost.evil.example:3000",
            "127.0.0.1.evil.example",
            "127.0.0.1:3000.evil.example",
            "evil.example:127.0.0.1:3000",
            "127.0.0.1:",
            "192.0.2.1:3000",
            "",
        ] {
            assert!(is_rejected(&[("host", host)]), "{host}");
        }
        assert!(is_rejected(&[("host", "127.0.0.1:3000"), ("host", "evil.example:3000")]));
        assert!(is_rejected(&[("host", "127.0.0.1:3000"), ("origin", "http://evil.example")]));
        assert!(is_rejected(&[("host", "127.0.0.1:3000"), ("origin", "null")]));
        for site in ["cross-site", "same-site", "", "None", "another"] {
            assert!(is_rejected(&[("host", "127.0.0.1:3000"), ("sec-fetch-site", site)]), "{site}");
        }
        let twice =
            [("host", "127.0.0.1:3000"), ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")];
        assert!(is_rejected(&twice));
    }
}
