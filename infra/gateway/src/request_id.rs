//! Request ids, as AWS generates them.

use base64::{Engine, prelude::BASE64_STANDARD};
use shared::primitives::random::Random;
use uuid::Builder;

/// The two ids that API Gateway gives to each request.
#[derive(Debug)]
pub(crate) struct RequestId {
    /// `context.requestId`, which callers get as `x-amzn-RequestId`.
    pub(crate) id: String,
    /// `context.extendedRequestId`, which callers get as `x-amz-apigw-id`.
    pub(crate) extended: String,
}

impl RequestId {
    pub(crate) fn new(random: &Random) -> Self {
        Self { id: uuid(random), extended: BASE64_STANDARD.encode(random.bytes::<11>()) }
    }
}

/// Returns a random UUID (version 4).
pub(crate) fn uuid(random: &Random) -> String {
    Builder::from_random_bytes(random.bytes()).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn ids_are_different_random_uuids() {
        let id = RequestId::new(&Random::system());
        let parsed: Uuid = id.id.parse().unwrap();
        assert_eq!(parsed.get_version_num(), 4);
        assert_ne!(RequestId::new(&Random::system()).id, id.id);
    }
}
