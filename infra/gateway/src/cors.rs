//! Cross-Origin Resource Sharing: what SAM makes of an API's `Cors`, which is on each path a mock integration that
//! answers a browser's preflight.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, header},
};
use serde::Deserialize;

use crate::gateway_response::constant;

/// What is the same in the answers to all preflights.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Properties")]
pub(crate) struct Cors(HeaderMap);

/// The answer to the preflights of one path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Preflight(HeaderMap);

/// Methods are those of the path, as SAM has it where the template names none.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Properties {
    allow_origin: String,
    allow_headers: Option<String>,
    max_age: Option<String>,
}

impl TryFrom<Properties> for Cors {
    type Error = String;

    fn try_from(properties: Properties) -> Result<Self, String> {
        let Properties { allow_origin, allow_headers, max_age } = properties;
        let given: [(HeaderName, Option<String>); 3] = [
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, Some(allow_origin)),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, allow_headers),
            (header::ACCESS_CONTROL_MAX_AGE, max_age),
        ];
        let given = given.into_iter().filter_map(|(name, text)| Some((name, text?)));
        let headers = given.map(|(name, text)| {
            let value = constant(&text).ok_or_else(|| format!("`{text}` is not a `'constant'`"))?;
            Ok((name, value))
        });
        headers.collect::<Result<_, String>>().map(Self)
    }
}

impl Cors {
    /// What preflights of a path that has these methods are answered with.
    pub(crate) fn preflight(&self, methods: &BTreeSet<&str>) -> Preflight {
        let methods = methods.iter().copied().collect::<Vec<_>>().join(",");
        let methods = HeaderValue::try_from(methods).expect("names of methods are ASCII");
        let mut headers = self.0.clone();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Preflight(headers)
    }
}

impl Preflight {
    /// The answer.
    pub(crate) fn answer(&self) -> Response<Body> {
        let mut response = Response::new(Body::from("{}\n"));
        *response.headers_mut() = self.0.clone();
        response
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    #[test]
    fn a_preflight_tells_what_the_template_says_and_the_methods() {
        let properties =
            json!({"AllowOrigin": "'https://a'", "AllowHeaders": "'X-A,X-B'", "MaxAge": "'600'"});
        let cors: Cors = from_value(properties).unwrap();
        let response = cors.preflight(&BTreeSet::from(["OPTIONS", "GET"])).answer();
        assert_eq!(response.status(), 200);
        for (name, value) in [
            ("access-control-allow-origin", "https://a"),
            ("access-control-allow-headers", "X-A,X-B"),
            ("access-control-allow-methods", "GET,OPTIONS"),
            ("access-control-max-age", "600"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(response.headers()[name], value);
        }
        assert_eq!(response.headers().len(), 5);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for properties in [
            json!({}),
            json!({"AllowOrigin": "https://a"}),
            json!({"AllowOrigin": "'https://a'", "MaxAge": "600"}),
            json!({"AllowOrigin": "'https://a'", "AllowCredentials": true}),
            json!({"AllowOrigin": "'https://a'", "AllowMethods": "'GET'"}),
            Value::from("'https://a'"),
        ] {
            assert!(from_value::<Cors>(properties.clone()).is_err(), "{properties}");
        }
    }
}
