//! What AWS checks of each request and no `DynamoDB` on one machine does: its [signature].
//!
//! [signature]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

use std::fmt::Write;

use axum::http::{HeaderMap, HeaderName};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Whether `POST /` with these headers and this body is signed by whoever has `secret`.
#[track_caller]
pub fn assert_signed(headers: &HeaderMap, body: &[u8], secret: &str) {
    let header = |name: &str| {
        let value = headers.get(name).unwrap_or_else(|| panic!("no {name}"));
        value.to_str().expect("text").trim()
    };
    let authorization = header("authorization").strip_prefix("AWS4-HMAC-SHA256 ").expect("the algorithm");
    let part = |name: &str| {
        let part = authorization.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        part.unwrap_or_else(|| panic!("no {name}"))
    };
    let (_, scope) = part("Credential").split_once('/').expect("a scope");
    let names = part("SignedHeaders");
    let signed: Vec<_> = names.split(';').collect();
    let must_be_signed = |name: &&str| *name == "host" || name.starts_with("x-amz-");
    for name in headers.keys().map(HeaderName::as_str).filter(must_be_signed) {
        assert!(signed.contains(&name), "{name} is not signed");
    }

    let headers: Vec<_> = signed.iter().map(|name| format!("{name}:{}", header(name))).collect();
    let headers = headers.join("\n");
    let request = format!("POST\n/\n\n{headers}\n\n{names}\n{}", hex(&Sha256::digest(body)));
    let date = header("x-amz-date");
    assert_eq!(scope.split('/').next(), date.split('T').next());
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(&request)));
    let key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part));
    assert_eq!(part("Signature"), hex(&hmac(&key, &text)), "{request}");
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
