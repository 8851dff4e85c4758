//! Signs requests to `DynamoDB` with [Signature Version 4].
//!
//! The SDK's signer accepts any request. For each one, it sorts the headers and builds several texts. Requests of one operation of
//! `DynamoDB` differ only in their bodies and times, so this signer has few parts to hash. Tests compare it with the SDK's.
//!
//! [Signature Version 4]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

use std::{
    fmt::{self, Write},
    sync::{Mutex, PoisonError},
};

use aws_sdk_dynamodb::config::Credentials;
use hmac::{Hmac, KeyInit, Mac, digest::Update};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// The names of the signed headers, if the credentials have a session token, and if they have none.
const NAMES_WITH_TOKEN: &str = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
const NAMES: &str = "content-type;host;x-amz-date;x-amz-target";

/// Signs requests of one operation to one endpoint.
pub(super) struct Signer {
    region: String,
    host: String,
    target: String,
    key: Mutex<Option<SigningKey>>,
}

/// The headers that a signature adds to a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SignatureHeaders {
    /// `x-amz-date`: the time of the signature.
    pub date: String,
    /// `authorization`: the signature.
    pub authorization: String,
}

/// The key of the signatures of one day.
struct SigningKey {
    /// Year, month and day, as in `20261231`.
    day: String,
    secret: Zeroizing<String>,
    key: Hmac<Sha256>,
}

impl Signer {
    /// The header `content-type` of each request.
    pub const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
    /// The name of `DynamoDB` in a signature.
    const SERVICE: &str = "dynamodb";

    /// Creates a signer of requests with these headers `host` and `x-amz-target`.
    pub fn new(region: &str, host: &str, target: &str) -> Self {
        let [region, host, target] = [region, host, target].map(str::to_owned);
        Self { region, host, target, key: Mutex::default() }
    }

    /// Signs a `POST` request to `/` with this body. It must have the headers that the signer names, and the header
    /// `x-amz-security-token` if the credentials have a session token.
    pub fn sign(&self, body: &[u8], credentials: &Credentials, now: OffsetDateTime) -> SignatureHeaders {
        let date = format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
            now.year(),
            u8::from(now.month()),
            now.day(),
            now.hour(),
            now.minute(),
            now.second()
        );
        let day = &date[..8];
        let Self { region, host, target, .. } = self;
        let mut request = HashedText(Sha256::new());
        request.write(format_args!(
            "POST\n/\n\ncontent-type:{}\nhost:{host}\nx-amz-date:{date}\n",
            Self::CONTENT_TYPE
        ));
        let token = credentials.session_token();
        if let Some(token) = token {
            request.write(format_args!("x-amz-security-token:{token}\n"));
        }
        let names = if token.is_some() { NAMES_WITH_TOKEN } else { NAMES };
        let body = Hex(Sha256::digest(body).into());
        request.write(format_args!("x-amz-target:{target}\n\n{names}\n{body}"));
        let request = Hex(request.0.finalize().into());
        let scope = format_args!("{day}/{region}/{}/aws4_request", Self::SERVICE);
        let mut signature = HashedText(self.key(day, credentials.secret_access_key()));
        signature.write(format_args!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{request}"));
        let signature = Hex(signature.0.finalize().into_bytes().into());
        let id = credentials.access_key_id();
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
        SignatureHeaders { date, authorization }
    }

    /// Returns the key for this day and secret. Most requests use the key of the previous one.
    fn key(&self, day: &str, secret: &str) -> Hmac<Sha256> {
        // A poisoned lock is safe to use: a key is complete before it is stored.
        let mut cached = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(SigningKey { day: its_day, secret: its_secret, key }) = &*cached
            && its_day == day
            && its_secret.as_str() == secret
        {
            return key.clone();
        }
        let first = Zeroizing::new(format!("AWS4{secret}"));
        let parts = [day, &self.region, Self::SERVICE, "aws4_request"];
        let key = parts.iter().fold(hmac(first.as_bytes()), |key, part| {
            hmac(&Zeroizing::<[u8; 32]>::new(key.chain_update(part).finalize().into_bytes().into())[..])
        });
        let secret = Zeroizing::new(secret.to_owned());
        *cached = Some(SigningKey { day: day.to_owned(), secret, key: key.clone() });
        key
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("region", &self.region)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// A hash of formatted text, which is never stored as a whole.
struct HashedText<H>(H);

impl<H: Update> HashedText<H> {
    fn write(&mut self, text: fmt::Arguments<'_>) {
        self.write_fmt(text).expect("hashing cannot fail");
    }
}

impl<H: Update> Write for HashedText<H> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// 32 bytes in lower-case hexadecimal digits.
struct Hex([u8; 32]);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default() as u8;
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        f.write_str(str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use aws_sigv4::{
        http_request::{SignableBody, SignableRequest, SigningSettings, sign},
        sign::v4::SigningParams,
    };
    use proptest::{option, prelude::*};
    use time::Duration;

    use super::*;

    /// Signs the same request with the SDK's signer.
    fn sign_with_sdk(
        signer: &Signer,
        body: &[u8],
        credentials: &Credentials,
        now: OffsetDateTime,
    ) -> SignatureHeaders {
        let identity = credentials.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&signer.region)
            .name(Signer::SERVICE)
            .time(SystemTime::from(now))
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let uri = format!("https://{}/", signer.host);
        let headers = [("content-type", Signer::CONTENT_TYPE), ("x-amz-target", &signer.target)];
        let request =
            SignableRequest::new("POST", &uri, headers.into_iter(), SignableBody::Bytes(body)).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let headers = instructions.into_parts().0;
        let header = |name| headers.iter().find(|header| header.name() == name).unwrap().value().to_owned();
        SignatureHeaders { date: header("x-amz-date"), authorization: header("authorization") }
    }

    fn credentials() -> impl Strategy<Value = Credentials> {
        ("[A-Z0-9]{1,30}", "[!-~]{1,80}", option::of("[A-Za-z0-9+/=]{1,300}"))
            .prop_map(|(id, secret, token)| Credentials::new(id, secret, token, None, "test"))
    }

    fn times() -> impl Strategy<Value = OffsetDateTime> {
        // From 1970 to 2100.
        (0_i64..4_102_444_800).prop_map(|seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap())
    }

    proptest! {
        #[test]
        fn signature_is_the_one_of_the_sdk(
            region in "[a-z0-9-]{1,30}",
            host in "[a-z][a-z0-9-]{0,20}(\\.[a-z]{1,9}){0,3}(:[1-9][0-9]{3})?",
            target in "DynamoDB_[0-9]{8}\\.[A-Za-z]{1,20}",
            body: Vec<u8>,
            [one, other] in [credentials(), credentials()],
            now in times(),
            later in 0_i64..100_000,
        ) {
            let signer = Signer::new(&region, &host, &target);
            let later = now + Duration::seconds(later);
            // The signer keeps the key of the previous request.
            for (credentials, at) in [(&one, now), (&one, later), (&other, later), (&one, now)] {
                let signed = signer.sign(&body, credentials, at);
                prop_assert_eq!(signed, sign_with_sdk(&signer, &body, credentials, at));
            }
        }
    }

    #[test]
    fn debug_output_does_not_contain_the_key() {
        let signer = Signer::new("eu-central-1", "localhost", "DynamoDB_20120810.BatchGetItem");
        signer.sign(
            b"{}",
            &Credentials::new("id", "a secret", None, None, "test"),
            OffsetDateTime::UNIX_EPOCH,
        );
        assert_eq!(format!("{signer:?}"), r#"Signer { region: "eu-central-1", host: "localhost", .. }"#);
    }
}
