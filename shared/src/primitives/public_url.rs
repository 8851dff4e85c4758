//! The URL at which people open the service in a browser.

use std::str::FromStr;

/// The URL at which people open the service, such as `https://auth.example.com/live`. It comes from configuration and never
/// from a request: a `Host` or `Forwarded` header is chosen by whoever sends the request.
///
/// It has the scheme `https` and a domain, or it is `http` on this machine. It has no slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    /// The length of the scheme and the `://`.
    host_start: usize,
    /// Where the host ends in `text`.
    host_end: usize,
    /// Where the origin ends in `text`.
    origin_end: usize,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a URL such as https://auth.example.com")]
pub struct InvalidPublicUrl;

impl PublicUrl {
    /// Returns the origin of the service's pages, such as `https://auth.example.com`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.text[..self.origin_end]
    }

    /// Returns the host without the port, such as `auth.example.com`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.text[self.host_start..self.host_end]
    }

    /// Returns the URL of the page at `path`, such as `dashboard`, with this fragment. Browsers do not send fragments, so no
    /// server or proxy logs it.
    #[must_use]
    pub fn page(&self, path: &str, fragment: &str) -> String {
        format!("{}/{path}#{fragment}", self.text)
    }
}

impl FromStr for PublicUrl {
    type Err = InvalidPublicUrl;

    fn from_str(text: &str) -> Result<Self, InvalidPublicUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidPublicUrl)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        let (is_host, default_port) = match scheme {
            "https" => (is_domain(host), "443"),
            "http" => (["localhost", "127.0.0.1"].contains(&host), "80"),
            _ => return Err(InvalidPublicUrl),
        };
        // A browser leaves the default port out of an origin, so an origin with it would never be equal.
        if !is_host || !port.is_none_or(|port| port != default_port && is_port(port)) || !is_path(path) {
            return Err(InvalidPublicUrl);
        }
        let host_start = scheme.len() + "://".len();
        Ok(Self {
            text: text.to_owned(),
            host_start,
            host_end: host_start + host.len(),
            origin_end: host_start + authority.len(),
        })
    }
}

/// Returns true for a domain of at least two labels that is not an IP address. A passkey can't belong to anything else.
fn is_domain(host: &str) -> bool {
    let is_label = |label: &str| {
        let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(is_allowed)
    };
    let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    host.split('.').all(is_label) && host.rsplit_once('.').is_some_and(|(_, last)| !is_number(last))
}

/// Returns true for a port as browsers write it: without a sign or leading zeros.
fn is_port(port: &str) -> bool {
    !port.starts_with(['0', '+']) && port.parse::<u16>().is_ok()
}

/// Returns true for an empty path, or one without a slash at its end, empty segments, dot segments and escapes.
fn is_path(path: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let is_segment = |segment: &str| !["", ".", ".."].contains(&segment) && segment.bytes().all(is_allowed);
    path.is_empty() || path.split('/').skip(1).all(is_segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_divided_into_origin_host_and_path() {
        for (text, origin, host) in [
            ("https://auth.example.com", "https://auth.example.com", "auth.example.com"),
            ("https://auth.example.com:8443", "https://auth.example.com:8443", "auth.example.com"),
            ("https://a-1.example.com/live", "https://a-1.example.com", "a-1.example.com"),
            ("https://a.example/one/two", "https://a.example", "a.example"),
            ("http://localhost:3000", "http://localhost:3000", "localhost"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000", "127.0.0.1"),
            ("http://localhost", "http://localhost", "localhost"),
        ] {
            let url: PublicUrl = text.parse().unwrap();
            assert_eq!((url.origin(), url.host()), (origin, host));
            assert_eq!(url.page("dashboard", "/password"), format!("{text}/dashboard#/password"));
        }
    }

    #[test]
    fn text_that_is_not_exactly_one_public_url_is_rejected() {
        for text in [
            "",
            "auth.example.com",
            "ftp://auth.example.com",
            "http://auth.example.com",
            "http://localhost.example.com",
            "https://",
            "https://com",
            "https://localhost",
            "https://192.0.2.1",
            "https://[2001:db8::1]",
            "https://*.example.com",
            "https://Auth.example.com",
            "https://-a.example.com",
            "https://a..example.com",
            "https://auth.example.com.",
            "https://user@auth.example.com",
            "https://auth.example.com:",
            "https://auth.example.com:0",
            "https://auth.example.com:443",
            "https://auth.example.com:08443",
            "https://auth.example.com:+8443",
            "https://auth.example.com:65536",
            "http://localhost:80",
            "https://auth.example.com/",
            "https://auth.example.com/live/",
            "https://auth.example.com//live",
            "https://auth.example.com/..",
            "https://auth.example.com/%2e",
            "https://auth.example.com?a",
            "https://auth.example.com#a",
            "https://auth.example.com\r\nX: y",
            " https://auth.example.com",
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(InvalidPublicUrl), "{text}");
        }
    }
}
