//! Cross-Origin Resource Sharing. From an API's `Cors` property, SAM creates a mock integration for each path, which
//! responds to the preflight requests of browsers. The gateway does the same.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, header},
};
use serde::Deserialize;

use crate::gateway_response::constant;

/// The headers that all preflight responses have in common.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Properties")]
pub(crate) struct Cors(HeaderMap);

/// The headers of the preflight response of one path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Preflight(HeaderMap);

/// The property `Cors` of an API. Its field `AllowMethods` is not supported. Without this field, SAM lists the methods
/// of each path.
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
    /// Returns the preflight response of a path with these methods.
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
    pub(crate) fn to_response(&self) -> Response<Body> {
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
    fn preflight_response_has_the_headers_of_the_template_and_the_methods_of_the_path() {
        let properties =
            json!({"AllowOrigin": "'https://a'", "AllowHeaders": "'X-A,X-B'", "MaxAge": "'600'"});
        let cors: Cors = from_value(properties).unwrap();
        let response = cors.preflight(&BTreeSet::from(["OPTIONS", "GET"])).to_response();
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
    fn unsupported_properties_are_rejected() {
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
