//! Responses that clients may store, and that they can revalidate with an `ETag` (RFC 9110, 8.8.3 and 13.1.2; RFC 9111).

use std::fmt::Write;

use lambda_http::{
    Body,
    http::{HeaderValue, StatusCode, header},
};
use schemars::json_schema;
use sha2::{Digest, Sha256};

use crate::http::{
    Request, Response,
    openapi::{Location, Parameter},
};

/// The header, as the OpenAPI document describes it.
pub const PARAMETER: Parameter = Parameter {
    name: "If-None-Match",
    location: Location::Header,
    description: "The `ETag` of a response that the client has stored. If it is still current, the response is 304 and has no body.",
    schema: |_| json_schema!({"type": "string"}),
};

/// How long clients may store a response. Only for responses that are the same for every caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// For five minutes. For content that does not have to match anything else: after a deployment, a client may see the previous
    /// content for that long.
    FiveMinutes,
    /// Clients may store the response, but must revalidate it before each use. For a page that only works with the files of the same
    /// deployment.
    Revalidate,
    /// Forever (RFC 8246). For content whose URL contains its hash.
    Immutable,
}

impl Caching {
    fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::FiveMinutes => "public, max-age=300",
            Self::Revalidate => "no-cache",
            Self::Immutable => "public, max-age=31536000, immutable",
        })
    }
}

/// The entity tag of some content: a hash of it.
///
/// The tag is weak. API Gateway compresses the content after the function, and leaves the headers as they are. The bytes that
/// clients receive differ between the codings, and a strong tag must not be the same for different bytes (RFC 9110, 8.8.3.3).
pub struct EntityTag(String);

impl EntityTag {
    /// Computes the tag of `content` from the first 128 bits of its SHA-256 hash.
    ///
    /// # Panics
    /// Never: writing to a `String` does not fail.
    #[must_use]
    pub fn of(content: impl AsRef<[u8]>) -> Self {
        let mut tag = String::from("W/\"");
        for byte in &Sha256::digest(content)[..16] {
            write!(tag, "{byte:02x}").expect("writing to a String never fails");
        }
        tag.push('"');
        Self(tag)
    }

    /// Returns true if `if_none_match`, the value of that header, is `*` or contains this tag. The comparison is weak, as RFC
    /// 9110, 13.1.2, requires: it ignores the prefix `W/`. What follows a malformed tag is ignored.
    fn matches(&self, if_none_match: &str) -> bool {
        fn opaque(tag: &str) -> &str {
            tag.strip_prefix("W/").unwrap_or(tag)
        }
        let mut rest = if_none_match.trim();
        if rest == "*" {
            return true;
        }
        // A tag may contain commas, so the list cannot be split at them.
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let Some(end) = opaque(rest).strip_prefix('"').and_then(|tag| Some(tag.find('"')? + 2)) else {
                return false;
            };
            let (tag, after) = opaque(rest).split_at(end);
            if tag == opaque(&self.0) {
                return true;
            }
            rest = after;
        }
    }
}

/// Adds the headers for caching to `response`. If the client has already stored this content, the result is a 304 without a
/// body. It has the same headers, because a client replaces those that it has stored (RFC 9111, 3.2). These include
/// `Content-Type`, because API Gateway adds `application/json` to a response without it.
#[must_use]
pub fn cached(request: &Request, response: Response, tag: &EntityTag, caching: Caching) -> Response {
    let mut response = storable(response, caching);
    if let Ok(tag) = HeaderValue::from_str(&tag.0) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    if request.if_none_match().any(|value| tag.matches(value)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::Empty;
    }
    response
}

/// Adds the headers for caching to `response`, without an `ETag`.
#[must_use]
pub fn storable(mut response: Response, caching: Caching) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, caching.header());
    // API Gateway compresses the response if the request has a suitable `Accept-Encoding`.
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tag_is_weak_and_differs_with_the_content() {
        let tag = EntityTag::of("a").0;
        assert_eq!(tag, "W/\"ca978112ca1bbdcafac231b39a23dc4d\"");
        assert_ne!(EntityTag::of("b").0, tag);
    }

    #[test]
    fn tag_matches_itself_weakly_anywhere_in_a_list() {
        let tag = EntityTag::of("a");
        let own = "\"ca978112ca1bbdcafac231b39a23dc4d\"";
        for (value, expected) in [
            (format!("W/{own}"), true),
            (own.to_owned(), true),
            (format!("\"x\", W/{own}"), true),
            (format!("W/\"a,b\",{own} , \"y\""), true),
            (format!(" , ,\t{own}"), true),
            ("*".to_owned(), true),
            (" * ".to_owned(), true),
            (String::new(), false),
            ("\"x\"".to_owned(), false),
            (own[1..own.len() - 1].to_owned(), false),
            (own[..own.len() - 1].to_owned(), false),
            (format!("w/{own}"), false),
            (format!("W/ {own}"), false),
            (own.to_uppercase(), false),
            (format!("\"{own}\""), false),
            (format!("\"x, W/{own}"), false),
            (format!("*, {own}"), false),
        ] {
            assert_eq!(tag.matches(&value), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn tag_in_a_list_of_other_tags_matches(
            before in prop::collection::vec("(W/)?\"[!#-~]{0,9}\"", 0..4),
            after in prop::collection::vec("(W/)?\"[!#-~]{0,9}\"", 0..4),
        ) {
            let tag = EntityTag::of("a");
            let others = [&before[..], &after[..]].concat().join(",");
            prop_assert!(!tag.matches(&others));
            let all = [before, vec![tag.0.clone()], after].concat().join(", ");
            prop_assert!(tag.matches(&all));
        }

        #[test]
        fn arbitrary_text_does_not_match(value in ".{0,60}") {
            prop_assume!(value.trim() != "*");
            prop_assert!(!EntityTag::of("a").matches(&value));
        }
    }
}
