//! Requests that are done once, however often they come: a caller gives one a key, in the header `Idempotency-Key`
//! (draft-ietf-httpapi-idempotency-key-header-07), and sends it again where the answer was lost.
//!
//! What came of it is kept in the same transaction that does it, so it is known as soon as it is done. Of two that come
//! at the same moment one is done, and the other is a conflict. What was refused was not done, and is asked anew.
//!
//! A key counts for its caller alone, and for a day. The answer is kept without the secret that it gave out: that is
//! shown once, and whoever lost it rotates.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use lambda_http::http::{HeaderName, HeaderValue};
use schemars::json_schema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    app::App,
    error::Error,
    http::{self, Response, StatusCode},
    id::AccountId,
    operation::{Location, Parameter},
    principal::Principal,
    timestamp::Timestamp,
};

/// The header by which a caller gives a request a key.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The header, as the API's description has it.
pub const PARAMETER: Parameter = Parameter {
    name: "Idempotency-Key",
    location: Location::Header,
    description: "Names this request, so that it is done once within a day however often it comes.",
    schema: |_| json_schema!({"type": "string", "pattern": format!("^[!-~]{{1,{MAX_KEY_CHARS}}}$")}),
};

/// For how many seconds an answer is kept: a day.
const LIFETIME: u32 = 24 * 60 * 60;
/// The longest key, in characters.
const MAX_KEY_CHARS: usize = 255;

/// A request, with or without a key.
pub struct Idempotency(Option<Keyed>);

/// A request with a key.
struct Keyed {
    place: Place,
    /// A digest of all that it asks for.
    request: String,
}

/// Where the answer to a request is kept.
pub(crate) struct Place {
    pub account_id: AccountId,
    /// The id of the API key or the member who sent it.
    pub caller: String,
    /// A digest of its key.
    pub key: String,
}

/// An answer that is to be kept.
pub struct Outcome {
    pub(crate) place: Place,
    pub(crate) answer: Answer,
    /// When it was given.
    pub(crate) at: Timestamp,
}

/// An answer that is kept.
#[derive(Serialize, Deserialize)]
pub(crate) struct Answer {
    request: String,
    status: u16,
    body: String,
    /// From when on it counts no more, in seconds since 1970.
    #[serde(rename = "ttl")]
    expires_at: i64,
}

/// A text is no key for a request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {MAX_KEY_CHARS} visible ASCII characters")]
pub(crate) struct MalformedKey;

impl Idempotency {
    /// A request of `caller` with `key`, that asks for all of `parts`.
    pub(crate) fn new(caller: &Principal, key: Option<&[u8]>, parts: &[&[u8]]) -> Result<Self, MalformedKey> {
        let Some(key) = key else { return Ok(Self(None)) };
        if key.is_empty() || key.len() > MAX_KEY_CHARS || !key.iter().all(u8::is_ascii_graphic) {
            return Err(MalformedKey);
        }
        let place = Place { account_id: caller.account_id(), caller: caller.id(), key: digest(&[key]) };
        Ok(Self(Some(Keyed { place, request: digest(parts) })))
    }

    /// The answer that the request was given before.
    ///
    /// # Errors
    /// 422, when its key was given to another request; or the table can't be read.
    pub async fn replay(&self, app: &App, now: Timestamp) -> Result<Option<Response>, Error> {
        let Some(Keyed { place, request }) = &self.0 else { return Ok(None) };
        match app.store.kept_answer(place).await?.filter(|answer| now.unix_seconds() < answer.expires_at) {
            None => Ok(None),
            Some(answer) if answer.request == *request => answer.replay().map(Some),
            Some(_) => Err(Error::idempotency_key_reused()),
        }
    }

    /// What is to be kept of the answer `record`, where the request has a key.
    ///
    /// # Panics
    /// Never for our own types: all of them can be written as JSON.
    #[must_use]
    pub fn outcome(self, status: StatusCode, record: &impl Serialize, at: Timestamp) -> Option<Outcome> {
        let Keyed { place, request } = self.0?;
        let body = serde_json::to_string(record).expect("our answers can be written as JSON");
        let expires_at = at.plus_seconds(LIFETIME).unix_seconds();
        Some(Outcome { place, answer: Answer { request, status: status.as_u16(), body, expires_at }, at })
    }
}

impl Answer {
    fn replay(self) -> Result<Response, Error> {
        let status = StatusCode::from_u16(self.status).map_err(Error::internal)?;
        let mut response = http::json_text(status, self.body);
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }
}

/// SHA-256 of `parts`, each behind its length, so that no two lists have the same.
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
    use crate::{api_key::tests::timestamp, principal::tests::any_principal};

    #[test]
    fn a_key_has_1_to_255_visible_characters() {
        let caller = any_principal().new_tree(&mut TestRunner::deterministic()).unwrap().current();
        let is_key = |key: &[u8]| Idempotency::new(&caller, Some(key), &[]).is_ok();
        assert!(is_key(b"!") && is_key(b"~") && is_key(&[b'a'; MAX_KEY_CHARS]));
        for key in [&b""[..], b" ", b"a b", b"\x7f", "ä".as_bytes(), &[b'a'; MAX_KEY_CHARS + 1]] {
            assert!(!is_key(key), "{key:?}");
        }
    }

    proptest! {
        #[test]
        fn an_answer_is_kept_for_a_day_of_a_request_with_a_key(caller in any_principal(), at in 0..2_000_000_000_i64) {
            let kept = |key: Option<&[u8]>, part: &[u8]| {
                let request = Idempotency::new(&caller, key, &[part]).unwrap();
                request.outcome(StatusCode::CREATED, &"record", timestamp(at))
            };
            prop_assert!(kept(None, b"1").is_none());
            let (one, again, other) = (kept(Some(b"a"), b"1").unwrap(), kept(Some(b"a"), b"1").unwrap(), kept(Some(b"b"), b"2").unwrap());
            prop_assert_eq!((one.place.account_id, &one.place.caller), (caller.account_id(), &caller.id()));
            prop_assert_eq!((&one.place.key, &one.answer.request), (&again.place.key, &again.answer.request));
            prop_assert_ne!(&one.place.key, &other.place.key);
            prop_assert_ne!(&one.answer.request, &other.answer.request);
            prop_assert_eq!((one.answer.status, one.answer.expires_at, one.at), (201, at + 86_400, timestamp(at)));
            let replayed = one.answer.replay().unwrap();
            prop_assert_eq!(replayed.status(), StatusCode::CREATED);
            prop_assert_eq!(&replayed.headers()["idempotency-replayed"], "true");
            prop_assert_eq!(&replayed.body()[..], br#""record""#);
        }

        #[test]
        fn no_two_requests_have_one_digest(one: Vec<Vec<u8>>, other: Vec<Vec<u8>>) {
            let of = |parts: &[Vec<u8>]| digest(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
            prop_assert_eq!(of(&one) == of(&other), one == other);
        }
    }
}
