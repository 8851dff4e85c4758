//! An invocation of a function. Each invocation logs one line of JSON, which contains its log fields and its metrics.

use std::time::{Duration, Instant};

use lambda_http::http::StatusCode;
use serde::Serialize;
use time::OffsetDateTime;
use tokio::time::{error::Elapsed, timeout};
use tracing::info;

use crate::{
    credentials::token::Claims,
    primitives::id::AccountId,
    runtime::app::App,
    store::with_retry_limit,
    telemetry::{
        dynamodb_calls::DynamoDbCalls,
        log::INVOCATIONS,
        metrics::{Metrics, Outcome},
    },
};

/// How long the handler may run. This is less than the `Timeout` of the functions in the template, so that the function can
/// still respond and log its line.
const TIMEOUT: Duration = Duration::from_secs(9);

/// How long after its start an invocation retries writes that conflict with others. The rest of the time is for the last
/// attempt, and for a login that has to release its attempt.
const RETRY_TIME: Duration = Duration::from_secs(6);

/// A running invocation, with the fields that its line will contain.
pub struct Invocation<'a> {
    function_name: &'a str,
    request_id: String,
    operation: String,
    account_id: Option<AccountId>,
    principal_id: Option<String>,
    /// The account and principal that an unverified token names.
    claimed: Option<String>,
    started_at: OffsetDateTime,
    started: Instant,
    dynamodb_calls: DynamoDbCalls,
}

/// The line that an invocation logs.
#[derive(Serialize)]
struct Line<'a> {
    level: &'static str,
    request_id: &'a str,
    operation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<AccountId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(flatten)]
    metrics: Metrics<'a>,
}

impl<'a> Invocation<'a> {
    /// Starts an invocation of `operation` and the measurement of its latency.
    #[must_use]
    pub fn start(app: &'a App, request_id: &str, operation: String) -> Self {
        Self {
            function_name: &app.function_name,
            request_id: request_id.to_owned(),
            operation,
            account_id: None,
            principal_id: None,
            claimed: None,
            started_at: app.clock.now_utc(),
            started: Instant::now(),
            dynamodb_calls: DynamoDbCalls::default(),
        }
    }

    /// Adds the account and the API key or member on whose behalf the invocation runs.
    #[must_use]
    pub fn for_principal(self, account_id: AccountId, principal_id: String) -> Self {
        Self { account_id: Some(account_id), principal_id: Some(principal_id), ..self }
    }

    /// Adds the account and the principal that a token names. They are unverified: anyone can write such a token.
    #[must_use]
    pub fn with_claims(self, claims: &Claims) -> Self {
        Self { claimed: Some(format!("{} {}", claims.account_id, claims.principal_id)), ..self }
    }

    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Runs `work` with a timeout and counts its calls to `DynamoDB`.
    pub fn run<W: Future>(&self, work: W) -> impl Future<Output = Result<W::Output, Elapsed>> + use<W> {
        self.dynamodb_calls.track(with_retry_limit(RETRY_TIME, timeout(TIMEOUT, work)))
    }

    /// Logs the invocation's line with this outcome. `reason` is why the request was rejected or failed.
    pub fn finish(&self, outcome: Outcome, reason: Option<&str>) {
        self.write_line(outcome, None, reason);
    }

    /// Logs the invocation's line with this HTTP status. `reason` is why the request was rejected or failed.
    pub(crate) fn finish_with_status(&self, status: StatusCode, reason: Option<&str>) {
        let outcome = if status.is_server_error() {
            Outcome::Failed
        } else if status.is_client_error() {
            Outcome::Refused
        } else {
            Outcome::Succeeded
        };
        self.write_line(outcome, Some(status.as_u16()), reason);
    }

    fn write_line(&self, outcome: Outcome, status: Option<u16>, reason: Option<&str>) {
        let latency = self.started.elapsed().as_secs_f64() * 1_000.0;
        let dynamodb_calls = self.dynamodb_calls.count();
        let line = Line {
            level: if outcome == Outcome::Failed { "ERROR" } else { "INFO" },
            request_id: &self.request_id,
            operation: &self.operation,
            account_id: self.account_id,
            principal_id: self.principal_id.as_deref(),
            claimed: self.claimed.as_deref(),
            status,
            reason,
            metrics: Metrics::of_invocation(
                self.function_name,
                outcome,
                self.started_at,
                latency,
                dynamodb_calls,
            ),
        };
        let line = serde_json::to_string(&line).expect("text and numbers can be written as JSON");
        info!(target: INVOCATIONS, "{line}");
    }
}
