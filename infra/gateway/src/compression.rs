//! Compresses the responses of functions as API Gateway does if the API has a `MinimumCompressionSize`.
//!
//! Sources: <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-receive-response-with-compressed-payload.html>
//! and <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-enable-compression.html>.

use std::io::{self, Write};

use axum::http::{HeaderMap, HeaderValue, Response, header};
use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};

/// A content coding that API Gateway supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Identity,
}

/// Compresses the body of `response` if the request's `headers` prefer a supported coding and the body has at least
/// `minimum_size` bytes. The other headers, such as `ETag`, stay as they are. `None` as the size turns compression off.
pub(crate) fn compress(
    response: Response<Vec<u8>>,
    headers: &HeaderMap,
    minimum_size: Option<usize>,
) -> Response<Vec<u8>> {
    let is_candidate = minimum_size.is_some_and(|size| response.body().len() >= size)
        && !response.body().is_empty()
        && !response.headers().contains_key(header::CONTENT_ENCODING);
    let coding = if is_candidate { preferred(headers) } else { Coding::Identity };
    let (name, compressed) = match coding {
        Coding::Gzip => ("gzip", gzip(response.body())),
        // In HTTP, `deflate` means the zlib format (RFC 9110, 8.4.1.2).
        Coding::Deflate => ("deflate", zlib(response.body())),
        Coding::Identity => return response,
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    Response::from_parts(parts, compressed.expect("writing to a Vec never fails"))
}

fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body)?;
    encoder.finish()
}

fn zlib(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body)?;
    encoder.finish()
}

/// Returns the coding that `Accept-Encoding` prefers. It is `Identity` if there is no such header, if it names no coding except
/// `*`, and if it prefers a coding that API Gateway does not support. Of several codings with the same weight, the first
/// supported one is used.
fn preferred(headers: &HeaderMap) -> Coding {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let named = lines.flat_map(|line| line.split(',')).filter_map(|item| {
        let (name, weight) = weighted(item)?;
        let coding = match name.to_ascii_lowercase().as_str() {
            "gzip" => Some(Coding::Gzip),
            "deflate" => Some(Coding::Deflate),
            "identity" => Some(Coding::Identity),
            "*" | "" => return None,
            _ => None,
        };
        (weight > 0.0).then_some((coding, weight))
    });
    let named: Vec<_> = named.collect();
    let highest = named.iter().fold(0.0_f32, |highest, (_, weight)| highest.max(*weight));
    let mut preferred = named.iter().filter(|(_, weight)| *weight >= highest);
    preferred.find_map(|(coding, _)| *coding).unwrap_or(Coding::Identity)
}

/// Splits an item of a list such as `gzip;q=0.5` into the name and its weight, which is 1 by default (RFC 9110, 12.4.2).
/// Returns `None` if the weight is malformed.
pub(crate) fn weighted(item: &str) -> Option<(&str, f32)> {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next()?;
    let weight = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    match weight {
        None => Some((name, 1.0)),
        Some(weight) => {
            weight.parse().ok().filter(|weight| (0.0..=1.0).contains(weight)).map(|weight| (name, weight))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::{GzDecoder, ZlibDecoder};
    use proptest::prelude::*;

    use super::*;

    fn accepting(value: Option<&str>) -> HeaderMap {
        let value = value.map(|value| (header::ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap()));
        value.into_iter().collect()
    }

    fn coding_of(response: &Response<Vec<u8>>) -> Option<&str> {
        response.headers().get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap())
    }

    #[test]
    fn coding_with_the_highest_weight_is_used_if_it_is_supported() {
        for (value, expected) in [
            (None, None),
            (Some(""), None),
            (Some("*"), None),
            (Some("identity"), None),
            (Some("br"), None),
            (Some("gzip"), Some("gzip")),
            (Some("GZIP"), Some("gzip")),
            (Some("deflate"), Some("deflate")),
            (Some("gzip, deflate, br, zstd"), Some("gzip")),
            (Some("deflate, gzip"), Some("deflate")),
            (Some("br, gzip"), Some("gzip")),
            (Some("br;q=1.0, gzip;q=0.8, *;q=0.1"), None),
            (Some("deflate;q=0.5,gzip;q=1.0"), Some("gzip")),
            (Some("gzip;q=1.0,identity;q=0.5,*;q=0"), Some("gzip")),
            (Some("gzip;q=0.5,identity"), None),
            (Some("gzip;q=0"), None),
            (Some("gzip ; Q=0 , deflate ; q=0.001"), Some("deflate")),
            (Some("gzip;q=2"), None),
            (Some("gzip;q=nan"), None),
            (Some(",;,gzip"), Some("gzip")),
        ] {
            let response = compress(Response::new(vec![b'a'; 100]), &accepting(value), Some(100));
            assert_eq!(coding_of(&response), expected, "{value:?}");
            assert_eq!(response.body().len() < 100, expected.is_some(), "{value:?}");
        }
    }

    #[test]
    fn small_and_encoded_bodies_are_unchanged() {
        let headers = accepting(Some("gzip"));
        for (length, minimum_size) in [(99, Some(100)), (100, None), (0, Some(0))] {
            let response = compress(Response::new(vec![b'a'; length]), &headers, minimum_size);
            assert_eq!((coding_of(&response), response.body().len()), (None, length));
        }
        let mut encoded = Response::new(vec![b'a'; 100]);
        encoded.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
        let response = compress(encoded, &headers, Some(0));
        assert_eq!((coding_of(&response), response.body().len()), (Some("br"), 100));
    }

    #[test]
    fn status_and_other_headers_are_unchanged() {
        let mut response = Response::new(vec![b'a'; 100]);
        *response.status_mut() = axum::http::StatusCode::NOT_FOUND;
        response.headers_mut().insert(header::ETAG, HeaderValue::from_static("W/\"a\""));
        let response = compress(response, &accepting(Some("gzip")), Some(0));
        assert_eq!((response.status().as_u16(), response.headers().len()), (404, 2));
        assert_eq!(response.headers()[header::ETAG], "W/\"a\"");
    }

    proptest! {
        #[test]
        fn compressed_body_decompresses_to_the_original(body in prop::collection::vec(any::<u8>(), 1..2_000)) {
            let compressed = |value| compress(Response::new(body.clone()), &accepting(Some(value)), Some(0)).into_body();
            let (mut gzip, mut deflate) = (Vec::new(), Vec::new());
            GzDecoder::new(&compressed("gzip")[..]).read_to_end(&mut gzip).unwrap();
            ZlibDecoder::new(&compressed("deflate")[..]).read_to_end(&mut deflate).unwrap();
            prop_assert_eq!(&gzip, &body);
            prop_assert_eq!(&deflate, &body);
        }
    }
}
