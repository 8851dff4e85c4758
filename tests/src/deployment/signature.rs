//! The [signature] of requests to AWS. AWS verifies it, but no local `DynamoDB` does.
//!
//! [signature]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

use std::{collections::BTreeMap, fmt::Write};

use axum::http::{HeaderMap, HeaderName};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime, PrimitiveDateTime, macros::format_description};

/// The credentials and region that requests are signed with.
pub struct Signer {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    region: String,
}

impl Signer {
    /// Reads the credentials and the region from the environment variables of a function.
    pub fn new(environment: &BTreeMap<&str, &str>) -> Self {
        let [access_key_id, secret_access_key, session_token, region] =
            ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"]
                .map(|name| environment[name].to_owned());
        Self { access_key_id, secret_access_key, session_token, region }
    }
}

/// Asserts that `POST /` with these headers and this body has a valid signature by `signer` for `DynamoDB`, made at the present
/// time.
#[track_caller]
pub fn assert_signed(headers: &HeaderMap, body: &[u8], signer: &Signer) {
    let header = |name: &str| {
        let value = headers.get(name).unwrap_or_else(|| panic!("no {name}"));
        value.to_str().expect("text").trim()
    };
    let authorization = header("authorization").strip_prefix("AWS4-HMAC-SHA256 ").expect("the algorithm");
    let part = |name: &str| {
        let part = authorization.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        part.unwrap_or_else(|| panic!("no {name}"))
    };
    let date = header("x-amz-date");
    assert_is_now(date);
    let scope = format!("{}/{}/dynamodb/aws4_request", &date[..8], signer.region);
    assert_eq!(part("Credential"), format!("{}/{scope}", signer.access_key_id));
    assert_eq!(header("x-amz-security-token"), signer.session_token);
    let names = part("SignedHeaders");
    let signed_headers: Vec<_> = names.split(';').collect();
    let must_be_signed = |name: &&str| *name == "host" || name.starts_with("x-amz-");
    for name in headers.keys().map(HeaderName::as_str).filter(must_be_signed) {
        assert!(signed_headers.contains(&name), "{name} is not signed");
    }

    let headers: Vec<_> = signed_headers.iter().map(|name| format!("{name}:{}", header(name))).collect();
    let headers = headers.join("\n");
    let request = format!("POST\n/\n\n{headers}\n\n{names}\n{}", hex(&Sha256::digest(body)));
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(&request)));
    let secret = format!("AWS4{}", signer.secret_access_key).into_bytes();
    let key = scope.split('/').fold(secret, |key, part| hmac(&key, part));
    assert_eq!(part("Signature"), hex(&hmac(&key, &text)), "{request}");
}

/// Asserts that a signature's time is at most five minutes from now. AWS accepts no others.
#[expect(
    clippy::disallowed_methods,
    reason = "AWS compares signatures with the real time, not with a test's clock"
)]
fn assert_is_now(date: &str) {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let date = PrimitiveDateTime::parse(date, format).expect("a date").assume_utc();
    assert!((OffsetDateTime::now_utc() - date).abs() < Duration::minutes(5), "{date}");
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    hmac.update(text.as_bytes());
    hmac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("text grows");
        hex
    })
}
