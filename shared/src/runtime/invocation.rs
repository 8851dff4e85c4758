//! An invocation of a function. Each invocation logs one line of JSON, which contains its log fields and its metrics.

use std::{
    future,
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
    time::{Duration, Instant},
};

use lambda_http::http::StatusCode;
use serde::Serialize;
use time::OffsetDateTime;
use tokio::time::timeout;
use tracing::info;

use crate::{
    credentials::token::Claims,
    error::Error,
    primitives::id::AccountId,
    runtime::app::App,
    store::with_retry_limit,
    telemetry::{
        dynamodb_calls::DynamoDbCalls,
        failures::{Failure, Failures},
        log::INVOCATIONS,
        metrics::{Measurements, Metrics, Outcome},
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
    stack_name: &'a str,
    request_id: String,
    operation: String,
    account_id: Option<AccountId>,
    principal_id: Option<String>,
    /// The account and principal that a rejected token names.
    claimed: Option<String>,
    started_at: OffsetDateTime,
    started: Instant,
    dynamodb_calls: DynamoDbCalls,
    failures: Failures,
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
            stack_name: &app.stack_name,
            request_id: request_id.to_owned(),
            operation,
            account_id: None,
            principal_id: None,
            claimed: None,
            started_at: app.clock.now_utc(),
            started: Instant::now(),
            dynamodb_calls: DynamoDbCalls::default(),
            failures: Failures::default(),
        }
    }

    /// Adds the account and the API key or member on whose behalf the invocation runs, or, for a command of the operator, the member whom
    /// it is about.
    #[must_use]
    pub fn for_principal(self, account_id: AccountId, principal_id: String) -> Self {
        Self { account_id: Some(account_id), principal_id: Some(principal_id), ..self }
    }

    /// Adds the account that the invocation is about.
    #[must_use]
    pub fn for_account(self, account_id: AccountId) -> Self {
        Self { account_id: Some(account_id), ..self }
    }

    /// Adds the account and the principal that a rejected token names. The token's MAC is right, but its secret is not valid.
    #[must_use]
    pub fn with_claims(self, claims: &Claims) -> Self {
        Self { claimed: Some(format!("{} {}", claims.account_id, claims.principal_id)), ..self }
    }

    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Runs `work` with a timeout, and counts its calls to `DynamoDB` and its failures.
    ///
    /// A panic must not reach the Lambda runtime, because then the invocation would log no line. For a function with a route, API Gateway
    /// might return the same response as if Lambda had throttled it, which is 503.
    ///
    /// # Errors
    /// 503 if `work` takes too long, 500 if it panics, and its own errors.
    pub fn run<T, E: From<Error>, W: Future<Output = Result<T, E>>>(
        &self,
        work: W,
    ) -> impl Future<Output = Result<T, E>> + use<T, E, W> {
        let limited = with_retry_limit(RETRY_TIME, timeout(TIMEOUT, catch_panic(work)));
        let tracked = self.failures.track(self.dynamodb_calls.track(limited));
        async { tracked.await.unwrap_or_else(|elapsed| Err(Error::unavailable(elapsed).into())) }
    }

    /// Logs the invocation's line with this outcome. `reason` is why the request was rejected or failed.
    pub fn finish(&self, outcome: Outcome, reason: Option<&str>) {
        self.write_line(outcome, None, reason);
    }

    /// Logs the invocation's line with the outcome and the reason of this error.
    pub fn finish_with_error(&self, error: &Error) {
        self.count_internal_error(error.status());
        let outcome = if error.is_server_error() { Outcome::Failed } else { Outcome::Refused };
        self.write_line(outcome, None, Some(&error.reason()));
    }

    /// Logs the invocation's line with this HTTP status. `reason` is why the request was rejected or failed.
    pub(crate) fn finish_with_status(&self, status: StatusCode, reason: Option<&str>) {
        self.count_internal_error(status);
        let outcome = if status.is_server_error() {
            Outcome::Failed
        } else if status.is_client_error() {
            Outcome::Refused
        } else {
            Outcome::Succeeded
        };
        self.write_line(outcome, Some(status.as_u16()), reason);
    }

    fn count_internal_error(&self, status: StatusCode) {
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            self.failures.add(Failure::Internal);
        }
    }

    fn write_line(&self, outcome: Outcome, status: Option<u16>, reason: Option<&str>) {
        let latency = self.started.elapsed().as_secs_f64() * 1_000.0;
        let line = Line {
            level: if outcome == Outcome::Failed { "ERROR" } else { "INFO" },
            request_id: &self.request_id,
            operation: &self.operation,
            account_id: self.account_id,
            principal_id: self.principal_id.as_deref(),
            claimed: self.claimed.as_deref(),
            status,
            reason,
            metrics: Metrics::of_invocation(Measurements {
                function_name: self.function_name,
                stack_name: self.stack_name,
                outcome,
                started_at: self.started_at,
                latency,
                dynamodb_calls: self.dynamodb_calls.count(),
                failures: self.failures.counts(),
            }),
        };
        let line = serde_json::to_string(&line).expect("text and numbers can be written as JSON");
        info!(target: INVOCATIONS, "{line}");
    }
}

/// Runs `work`. If it panics, the result is an internal error.
fn catch_panic<T, E: From<Error>>(
    work: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, E>> {
    // Boxed, because the futures of handlers are large.
    let mut work = Box::pin(work);
    // After a panic, `work` is never polled again.
    future::poll_fn(move |context| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Err(Error::internal("the function panicked").into())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::app::tests::app;

    #[tokio::test]
    async fn panic_is_an_internal_error_and_is_counted() {
        async fn panic() -> Result<(), Error> {
            tokio::task::yield_now().await;
            panic!("this panic is part of a test")
        }
        let app = app().await;
        let invocation = Invocation::start(&app, "1", "operator".to_owned());
        let error = invocation.run(panic()).await.unwrap_err();
        assert_eq!((error.code(), &*error.reason()), ("INTERNAL", "the function panicked"));
        invocation.finish_with_error(&error);
        assert_eq!(invocation.failures.counts(), [(Failure::Internal, 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn timeout_is_unavailability_and_is_not_counted() {
        let app = app().await;
        let invocation = Invocation::start(&app, "1", "operator".to_owned());
        let error = invocation.run(future::pending::<Result<(), Error>>()).await.unwrap_err();
        assert_eq!(error.code(), "UNAVAILABLE");
        invocation.finish_with_error(&error);
        assert_eq!(invocation.failures.counts(), []);
    }
}
