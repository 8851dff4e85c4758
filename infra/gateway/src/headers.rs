//! How a REST API changes the headers of requests and responses.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName};
use serde::Serialize;

/// The headers of a request, in the two forms that an event contains.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventHeaders {
    /// The last value of each header.
    headers: BTreeMap<String, String>,
    /// All values of each header.
    multi_value_headers: BTreeMap<String, Vec<String>>,
}

/// Request headers that functions do not receive.
const DROPPED_FROM_REQUESTS: [&str; 10] = [
    "content-md5",
    "expect",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];

/// Response headers of functions that callers do not receive.
const DROPPED_FROM_RESPONSES: [&str; 8] = [
    // The server computes it from the body.
    "content-length",
    "expect",
    "host",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Response headers of functions that callers receive with the prefix `x-amzn-remapped-`.
const REMAPPED_IN_RESPONSES: [&str; 8] = [
    "authorization",
    "connection",
    "content-md5",
    "date",
    "max-forwards",
    "server",
    "user-agent",
    "www-authenticate",
];

impl EventHeaders {
    /// Copies the headers that functions receive.
    pub(crate) fn from_request(headers: &HeaderMap) -> Self {
        let mut event = Self::default();
        for (name, value) in headers {
            if !DROPPED_FROM_REQUESTS.contains(&name.as_str()) {
                event.append(name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned());
            }
        }
        event
    }

    /// Returns the last value of a header. The case of `name` is ignored.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.headers.get(&name.to_ascii_lowercase()).map(String::as_str)
    }

    /// Sets the `X-Forwarded-…` headers, as a proxy does. `client` is the caller's IP address, and `port` is the port that
    /// received the request.
    pub(crate) fn add_forwarded(&mut self, client: &str, port: u16) {
        let forwarded_for = match self.get("x-forwarded-for") {
            Some(earlier) => format!("{earlier}, {client}"),
            None => client.to_owned(),
        };
        for (name, value) in [
            ("x-forwarded-for", forwarded_for),
            ("x-forwarded-port", port.to_string()),
            ("x-forwarded-proto", "http".to_owned()),
        ] {
            self.multi_value_headers.remove(name);
            self.append(name, value);
        }
    }

    fn append(&mut self, name: &str, value: String) {
        self.multi_value_headers.entry(name.to_owned()).or_default().push(value.clone());
        self.headers.insert(name.to_owned(), value);
    }
}

/// Returns the name under which callers receive the response header `name` of a function, or `None` if it is dropped.
pub(crate) fn response_header_name(name: HeaderName) -> Option<HeaderName> {
    if DROPPED_FROM_RESPONSES.contains(&name.as_str()) {
        None
    } else if REMAPPED_IN_RESPONSES.contains(&name.as_str()) {
        let remapped = HeaderName::try_from(format!("x-amzn-remapped-{name}"));
        Some(remapped.expect("a header name with this prefix is a header name"))
    } else {
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde_json::json;

    use super::*;

    #[test]
    fn repeated_header_has_its_last_value_and_all_values() {
        let mut headers = HeaderMap::new();
        headers.append("authorization", HeaderValue::from_static("a"));
        headers.append("authorization", HeaderValue::from_static("b"));
        headers.append("x-bytes", HeaderValue::from_bytes(b"\xffx").unwrap());
        headers.append("te", HeaderValue::from_static("trailers"));
        let mut event = EventHeaders::from_request(&headers);
        assert_eq!(event.get("Authorization"), Some("b"));
        event.add_forwarded("127.0.0.1", 3000);
        assert_eq!(
            serde_json::to_value(event).unwrap(),
            json!({
                "headers": {
                    "authorization": "b", "x-bytes": "\u{fffd}x", "x-forwarded-for": "127.0.0.1",
                    "x-forwarded-port": "3000", "x-forwarded-proto": "http",
                },
                "multiValueHeaders": {
                    "authorization": ["a", "b"], "x-bytes": ["\u{fffd}x"], "x-forwarded-for": ["127.0.0.1"],
                    "x-forwarded-port": ["3000"], "x-forwarded-proto": ["http"],
                },
            })
        );
    }

    #[test]
    fn forwarded_headers_of_an_earlier_proxy_are_extended_or_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("10.0.0.1"));
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        let mut event = EventHeaders::from_request(&headers);
        event.add_forwarded("127.0.0.1", 1);
        assert_eq!(event.get("x-forwarded-for"), Some("10.0.0.1, 127.0.0.1"));
        assert_eq!(event.get("x-forwarded-proto"), Some("http"));
    }

    #[test]
    fn response_headers_are_kept_remapped_or_dropped() {
        for (name, expected) in [
            ("x-mine", Some("x-mine")),
            ("date", Some("x-amzn-remapped-date")),
            ("www-authenticate", Some("x-amzn-remapped-www-authenticate")),
            ("transfer-encoding", None),
            ("content-length", None),
        ] {
            let name = response_header_name(HeaderName::from_static(name));
            assert_eq!(name.as_ref().map(HeaderName::as_str), expected);
        }
    }
}
