//! The ids that AWS makes up.

use base64::{Engine, prelude::BASE64_STANDARD};
use shared::primitives::random::Random;
use uuid::Builder;

/// What tells a request from all others.
#[derive(Debug)]
pub(crate) struct RequestId {
    /// `context.requestId`, and `x-amzn-RequestId` to the caller.
    pub(crate) id: String,
    /// `context.extendedRequestId`, and `x-amz-apigw-id` to the caller.
    pub(crate) extended: String,
}

impl RequestId {
    /// Makes one up.
    pub(crate) fn new(random: &Random) -> Self {
        Self { id: uuid(random), extended: BASE64_STANDARD.encode(random.bytes::<11>()) }
    }
}

/// A random UUID.
pub(crate) fn uuid(random: &Random) -> String {
    Builder::from_random_bytes(random.bytes()).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_request_id_is_a_random_uuid() {
        let id = RequestId::new(&Random::system());
        let parsed: Uuid = id.id.parse().unwrap();
        assert_eq!(parsed.get_version_num(), 4);
        assert_ne!(RequestId::new(&Random::system()).id, id.id);
    }
}
