//! What a REST API does to headers on their way to a function and back.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName};
use serde::Serialize;

/// The headers of a request, both ways that an event has them.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventHeaders {
    /// Of a repeated header, the last value.
    headers: BTreeMap<String, String>,
    multi_value_headers: BTreeMap<String, Vec<String>>,
}

/// They end here.
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

const DROPPED_FROM_ANSWERS: [&str; 8] = [
    // Counted anew, from the body.
    "content-length",
    "expect",
    "host",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A function doesn't speak for the API in these, so they get another name.
const REMAPPED_IN_ANSWERS: [&str; 8] = [
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
    /// What of `headers` a function gets to see.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut event = Self::default();
        for (name, value) in headers {
            if !DROPPED_FROM_REQUESTS.contains(&name.as_str()) {
                event.append(name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned());
            }
        }
        event
    }

    /// The value of a header, whatever the case of `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.headers.get(&name.to_ascii_lowercase()).map(String::as_str)
    }

    /// Says who sent the request, as a proxy does.
    pub(crate) fn forwarded(&mut self, client: &str, port: u16) {
        let for_whom = match self.get("x-forwarded-for") {
            Some(before) => format!("{before}, {client}"),
            None => client.to_owned(),
        };
        for (name, value) in [
            ("x-forwarded-for", for_whom),
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

/// What the caller knows a header by that a function answered with, if it comes through.
pub(crate) fn name_in_answer(name: HeaderName) -> Option<HeaderName> {
    if DROPPED_FROM_ANSWERS.contains(&name.as_str()) {
        None
    } else if REMAPPED_IN_ANSWERS.contains(&name.as_str()) {
        let remapped = HeaderName::try_from(format!("x-amzn-remapped-{name}"));
        Some(remapped.expect("a header's name with a prefix is one too"))
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
    fn the_last_value_and_all_values() {
        let mut headers = HeaderMap::new();
        headers.append("authorization", HeaderValue::from_static("a"));
        headers.append("authorization", HeaderValue::from_static("b"));
        headers.append("x-bytes", HeaderValue::from_bytes(b"\xffx").unwrap());
        headers.append("te", HeaderValue::from_static("trailers"));
        let mut event = EventHeaders::of(&headers);
        assert_eq!(event.get("Authorization"), Some("b"));
        event.forwarded("127.0.0.1", 3000);
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
    fn what_came_through_a_proxy_keeps_its_way() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("10.0.0.1"));
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        let mut event = EventHeaders::of(&headers);
        event.forwarded("127.0.0.1", 1);
        assert_eq!(event.get("x-forwarded-for"), Some("10.0.0.1, 127.0.0.1"));
        assert_eq!(event.get("x-forwarded-proto"), Some("http"));
    }

    #[test]
    fn some_headers_of_answers_get_another_name_or_none() {
        for (name, expected) in [
            ("x-mine", Some("x-mine")),
            ("date", Some("x-amzn-remapped-date")),
            ("www-authenticate", Some("x-amzn-remapped-www-authenticate")),
            ("transfer-encoding", None),
            ("content-length", None),
        ] {
            let name = name_in_answer(HeaderName::from_static(name));
            assert_eq!(name.as_ref().map(HeaderName::as_str), expected);
        }
    }
}
