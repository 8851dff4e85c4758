//! An invocation of a function: who asked for what, and how it ended. Each leaves one line of JSON, which is its
//! log and its metrics in one.

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
    telemetry::{
        dynamodb_calls::DynamoDbCalls,
        log::INVOCATIONS,
        metrics::{Metrics, Outcome},
    },
};

/// How long its work may take: less than the template's `Timeout` for functions, so that the answer is ours to give, and
/// the line ours to leave.
const LIMIT: Duration = Duration::from_secs(9);

/// An invocation that is being answered, and what is known of it.
pub struct Invocation<'a> {
    function_name: &'a str,
    request_id: String,
    operation: String,
    account_id: Option<AccountId>,
    principal_id: Option<String>,
    claimed: Option<String>,
    began_at: OffsetDateTime,
    started: Instant,
    dynamodb_calls: DynamoDbCalls,
}

/// What an invocation leaves.
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
    /// The invocation `request_id` of `operation`, which begins now.
    #[must_use]
    pub fn begin(app: &'a App, request_id: &str, operation: String) -> Self {
        Self {
            function_name: &app.function_name,
            request_id: request_id.to_owned(),
            operation,
            account_id: None,
            principal_id: None,
            claimed: None,
            began_at: app.clock.now_utc(),
            started: Instant::now(),
            dynamodb_calls: DynamoDbCalls::default(),
        }
    }

    /// The same, on behalf of the key or member `principal_id`.
    #[must_use]
    pub fn of(self, account_id: AccountId, principal_id: String) -> Self {
        Self { account_id: Some(account_id), principal_id: Some(principal_id), ..self }
    }

    /// The same, on behalf of whomever a token claims to be of. Anybody can claim that.
    #[must_use]
    pub fn claiming(self, claims: &Claims) -> Self {
        Self { claimed: Some(format!("{} {}", claims.account_id, claims.principal_id)), ..self }
    }

    /// The id that it was given.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Does `work`, unless that does not end in time. Its calls to `DynamoDB` are the invocation's.
    pub fn run<W: Future>(&self, work: W) -> impl Future<Output = Result<W::Output, Elapsed>> + use<W> {
        self.dynamodb_calls.during(timeout(LIMIT, work))
    }

    /// It ended like this; where that is a refusal or a failure, for this reason.
    pub fn end(&self, outcome: Outcome, reason: Option<&str>) {
        self.emit(outcome, None, reason);
    }

    /// It ended with an answer over HTTP; where that is an error, for this reason.
    pub fn answer(&self, status: StatusCode, reason: Option<&str>) {
        let outcome = if status.is_server_error() {
            Outcome::Failed
        } else if status.is_client_error() {
            Outcome::Refused
        } else {
            Outcome::Succeeded
        };
        self.emit(outcome, Some(status.as_u16()), reason);
    }

    fn emit(&self, outcome: Outcome, status: Option<u16>, reason: Option<&str>) {
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
            metrics: Metrics::of_one(self.function_name, outcome, self.began_at, latency, dynamodb_calls),
        };
        let line = serde_json::to_string(&line).expect("text and numbers can be written as JSON");
        info!(target: INVOCATIONS, "{line}");
    }
}
