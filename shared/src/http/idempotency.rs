//! Idempotent requests over HTTP. A caller that sends an `Idempotency-Key` header can retry the request if it did not
//! receive the response. The module [`idempotency`](crate::idempotency) contains the rules.

use lambda_http::http::{HeaderName, HeaderValue, StatusCode};
use schemars::json_schema;
use serde::Serialize;

use crate::{
    error::Error,
    http::{
        Response,
        openapi::{Location, Parameter},
        response,
    },
    idempotency::{IdempotencyResult, IdempotentRequest, KeyReused, MAX_KEY_CHARS},
    primitives::timestamp::Timestamp,
    runtime::app::App,
};

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks a response that repeats an earlier one.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The header, as the OpenAPI document describes it.
pub const PARAMETER: Parameter = Parameter {
    name: "Idempotency-Key",
    location: Location::Header,
    description: "A unique value that makes the request safe to retry. If it is sent again with the same value within 24 hours, it has no further effect and returns the original response without its secret.",
    schema: |_| json_schema!({"type": "string", "pattern": format!("^[!-~]{{1,{MAX_KEY_CHARS}}}$")}),
};

/// The idempotency of a request. `None` if the request has no `Idempotency-Key`.
pub struct Idempotency(pub(super) Option<IdempotentRequest>);

impl Idempotency {
    /// Returns the stored response to this request, without the secret that the original response contained.
    ///
    /// # Errors
    /// 422 if the key was used with a different request before; 503 if the record cannot be read.
    pub async fn replay(&self, app: &App, now: Timestamp) -> Result<Option<Response>, Error> {
        let Some(request) = &self.0 else { return Ok(None) };
        let stored = app.store.idempotency_record(&request.key).await?;
        let record = request.matching(stored, now).map_err(|KeyReused| Error::idempotency_key_reused())?;
        let Some(record) = record else { return Ok(None) };
        let status = StatusCode::from_u16(record.status).map_err(Error::internal)?;
        let mut response = response::json_text(status, record.body);
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(Some(response))
    }

    /// Returns the result to store in the same transaction as the change that the request makes. `body` is the response body
    /// without its secret. Returns `None` if the request has no `Idempotency-Key`.
    ///
    /// # Panics
    /// If `body` cannot be serialized. All types of the API can.
    #[must_use]
    pub fn result(
        self,
        status: StatusCode,
        body: &impl Serialize,
        at: Timestamp,
    ) -> Option<IdempotencyResult> {
        let request = self.0?;
        let body = serde_json::to_string(body).expect("API types can be serialized");
        Some(request.into_result(status.as_u16(), body, at))
    }
}
