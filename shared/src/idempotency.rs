//! Idempotency records: a request with an `Idempotency-Key` takes effect once, however often it is sent
//! (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! The record and the change that the request makes are written in one transaction, so either both exist or neither does.
//! Of two concurrent requests with the same key, one succeeds and the other gets a conflict. A rejected request has no
//! effect and creates no record, so it can be retried with the same key.
//!
//! An idempotency key belongs to one caller and is valid for a day. The record does not contain the secret that the
//! response contained: a secret is shown only once. A caller who lost the response rotates the API key.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    authorization::principal::Principal,
    primitives::{id::AccountId, timestamp::Timestamp},
};

/// How long a record is valid, in seconds: a day.
const LIFETIME: u32 = 24 * 60 * 60;
/// The longest `Idempotency-Key`, in characters.
pub(crate) const MAX_KEY_CHARS: usize = 255;

/// A request with an `Idempotency-Key`.
pub(crate) struct IdempotentRequest {
    pub key: IdempotencyKey,
    /// A digest of everything that determines the effect of the request.
    digest: String,
}

/// Identifies an idempotency record.
pub(crate) struct IdempotencyKey {
    pub account_id: AccountId,
    /// The id of the API key or member that sent the request.
    pub caller: String,
    /// A digest of the header's value.
    pub digest: String,
}

/// The result of a request, to be stored in the same transaction as the change that the request makes.
pub struct IdempotencyResult {
    pub(crate) key: IdempotencyKey,
    pub(crate) record: IdempotencyRecord,
    pub(crate) at: Timestamp,
}

/// The stored response to a request.
#[derive(Serialize, Deserialize)]
pub(crate) struct IdempotencyRecord {
    #[serde(rename = "request")]
    request_digest: String,
    pub status: u16,
    /// The JSON body of the response, without the secret.
    pub body: String,
    /// When the record expires, in seconds since 1970.
    #[serde(rename = "ttl")]
    expires_at: i64,
}

/// The value of an `Idempotency-Key` header is malformed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {MAX_KEY_CHARS} visible ASCII characters")]
pub(crate) struct MalformedKey;

/// The key was used with a different request before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeyReused;

impl IdempotentRequest {
    /// Creates a request from `caller` with this `Idempotency-Key`. `parts` is everything that determines its effect.
    pub fn new(caller: &Principal, key: &[u8], parts: &[&[u8]]) -> Result<Self, MalformedKey> {
        if key.is_empty() || key.len() > MAX_KEY_CHARS || !key.iter().all(u8::is_ascii_graphic) {
            return Err(MalformedKey);
        }
        let key =
            IdempotencyKey { account_id: caller.account_id(), caller: caller.id(), digest: digest(&[key]) };
        Ok(Self { key, digest: digest(parts) })
    }

    /// Returns the stored record if it is valid and belongs to this request, and an error if it belongs to another one.
    pub fn matching(
        &self,
        stored: Option<IdempotencyRecord>,
        now: Timestamp,
    ) -> Result<Option<IdempotencyRecord>, KeyReused> {
        match stored.filter(|record| now.unix_seconds() < record.expires_at) {
            None => Ok(None),
            Some(record) if record.request_digest == self.digest => Ok(Some(record)),
            Some(_) => Err(KeyReused),
        }
    }

    /// Returns the result to store: a response with this status and JSON body.
    pub fn into_result(self, status: u16, body: String, at: Timestamp) -> IdempotencyResult {
        let expires_at = at.plus_seconds(LIFETIME).unix_seconds();
        let record = IdempotencyRecord { request_digest: self.digest, status, body, expires_at };
        IdempotencyResult { key: self.key, record, at }
    }
}

/// SHA-256 of `parts`, each preceded by its length, so that different lists have different digests.
fn digest(parts: &[&[u8]]) -> String {
    let hash = parts
        .iter()
        .fold(Sha256::new(), |hash, part| hash.chain_update(part.len().to_be_bytes()).chain_update(part));
    BASE64_URL_SAFE_NO_PAD.encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

    use super::*;
    use crate::{authorization::principal::tests::any_principal, primitives::timestamp::tests::timestamp};

    #[test]
    fn key_has_1_to_255_visible_ascii_characters() {
        let caller = any_principal().new_tree(&mut TestRunner::deterministic()).unwrap().current();
        let is_valid = |key: &[u8]| IdempotentRequest::new(&caller, key, &[]).is_ok();
        assert!(is_valid(b"!") && is_valid(b"~") && is_valid(&[b'a'; MAX_KEY_CHARS]));
        for key in [&b""[..], b" ", b"a b", b"\x7f", "ä".as_bytes(), &[b'a'; MAX_KEY_CHARS + 1]] {
            assert!(!is_valid(key), "{key:?}");
        }
    }

    proptest! {
        #[test]
        fn record_is_valid_for_the_same_request_for_a_day(
            caller in any_principal(),
            at in 0..2_000_000_000_i64,
        ) {
            let request = |key: &[u8], part: &[u8]| IdempotentRequest::new(&caller, key, &[part]).unwrap();
            let result = |key: &[u8], part: &[u8]| {
                request(key, part).into_result(201, "{}".to_owned(), timestamp(at))
            };
            let stored = result(b"a", b"1");
            prop_assert_eq!((stored.key.account_id, &stored.key.caller), (caller.account_id(), &caller.id()));
            prop_assert_eq!(&stored.key.digest, &request(b"a", b"2").key.digest);
            prop_assert_ne!(&stored.key.digest, &request(b"b", b"1").key.digest);
            prop_assert_eq!(stored.at, timestamp(at));

            let matching = |part: &[u8], now| {
                let record = request(b"a", part).matching(Some(result(b"a", b"1").record), timestamp(now))?;
                Ok(record.map(|record| (record.status, record.body)))
            };
            prop_assert_eq!(matching(b"1", at + 86_399), Ok(Some((201, "{}".to_owned()))));
            prop_assert_eq!(matching(b"2", at + 86_399), Err(KeyReused));
            prop_assert_eq!(matching(b"1", at + 86_400), Ok(None));
            prop_assert_eq!(matching(b"2", at + 86_400), Ok(None));
            prop_assert!(matches!(request(b"a", b"1").matching(None, timestamp(at)), Ok(None)));
        }

        #[test]
        fn digests_of_different_requests_differ(one: Vec<Vec<u8>>, other: Vec<Vec<u8>>) {
            let digest_of = |parts: &[Vec<u8>]| digest(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
            prop_assert_eq!(digest_of(&one) == digest_of(&other), one == other);
        }
    }
}
