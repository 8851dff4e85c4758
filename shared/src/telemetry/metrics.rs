//! Metrics in `CloudWatch`'s embedded metric format ([specification]), which `CloudWatch` Logs extracts from the log.
//!
//! `CloudWatch` charges for each combination of dimension values, so the dimensions have few and fixed values.
//!
//! [specification]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::{borrow::Cow, sync::LazyLock};

use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use time::OffsetDateTime;

use crate::telemetry::failures::Failure;

/// The namespace of all metrics.
const NAMESPACE: &str = "MedTWINAuth";

/// The metric definitions of a line without failures. They are always the same, so they are serialized only once.
static DIRECTIVES: LazyLock<Box<RawValue>> =
    LazyLock::new(|| to_raw_value(&METRICS).expect("text can be written as JSON"));

const METRICS: [Directive<'static>; 2] = [
    Directive {
        namespace: NAMESPACE,
        dimensions: [&["FunctionName", "Outcome"]],
        metrics: &[Metric { name: "Invocations", unit: "Count" }],
    },
    Directive {
        namespace: NAMESPACE,
        dimensions: [&["FunctionName"]],
        metrics: &[
            Metric { name: "Latency", unit: "Milliseconds" },
            Metric { name: "DynamoDBCalls", unit: "Count" },
        ],
    },
];

/// How an invocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The authorizer allowed the request.
    Allowed,
    /// The authorizer allowed the request but could not count it against the key's rate limit.
    AllowedUncounted,
    /// The authorizer determined that the key's rate limit is exceeded. The function returns 429.
    RateLimited,
    /// The authorizer denied the request: the credential is valid but lacks the permission.
    Forbidden,
    /// The authorizer found no credential, or an invalid one.
    Unauthenticated,
    /// A function handled the request successfully.
    Succeeded,
    /// A function rejected the request because of an error of the caller.
    Refused,
    /// The service or one of its dependencies failed.
    Failed,
}

/// What was measured during one invocation.
pub(crate) struct Measurements<'a> {
    pub function_name: &'a str,
    pub stack_name: &'a str,
    pub outcome: Outcome,
    pub started_at: OffsetDateTime,
    /// In milliseconds.
    pub latency: f64,
    pub dynamodb_calls: u32,
    /// The kinds of failures that occurred, with their numbers.
    pub failures: Vec<(Failure, u32)>,
}

/// The metrics of one invocation: their values and the metadata that defines them for `CloudWatch`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Metrics<'a> {
    #[serde(rename = "_aws")]
    metadata: Metadata,
    function_name: &'a str,
    outcome: Outcome,
    invocations: u32,
    latency: f64,
    #[serde(rename = "DynamoDBCalls")]
    dynamodb_calls: u32,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    failures: Option<FailureMetrics<'a>>,
}

/// The metrics of the failures that occurred. Their only dimension is the name of the stack, so that one alarm covers all
/// functions.
///
/// `CloudWatch` charges for a metric in each hour in which it receives a value, so a kind that did not occur is left out.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FailureMetrics<'a> {
    stack_name: &'a str,
    #[serde(flatten, serialize_with = "as_object")]
    counts: Vec<(Failure, u32)>,
}

fn as_object<S: Serializer>(counts: &[(Failure, u32)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counts.iter().map(|(failure, count)| (failure.metric(), count)))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    /// In milliseconds since 1970.
    timestamp: i128,
    cloud_watch_metrics: Cow<'static, RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'static str,
    dimensions: [&'static [&'static str]; 1],
    metrics: &'a [Metric],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

impl<'a> Metrics<'a> {
    pub(crate) fn of_invocation(measured: Measurements<'a>) -> Self {
        let Measurements {
            function_name,
            stack_name,
            outcome,
            started_at,
            latency,
            dynamodb_calls,
            failures,
        } = measured;
        let timestamp = started_at.unix_timestamp_nanos() / 1_000_000;
        let (cloud_watch_metrics, failures) = if failures.is_empty() {
            (Cow::Borrowed(&**DIRECTIVES), None)
        } else {
            (Cow::Owned(directives_with(&failures)), Some(FailureMetrics { stack_name, counts: failures }))
        };
        let metadata = Metadata { timestamp, cloud_watch_metrics };
        Self { metadata, function_name, outcome, invocations: 1, latency, dynamodb_calls, failures }
    }
}

/// Returns the metric definitions of a line with these failures.
fn directives_with(failures: &[(Failure, u32)]) -> Box<RawValue> {
    let metrics: Vec<_> =
        failures.iter().map(|(failure, _)| Metric { name: failure.metric(), unit: "Count" }).collect();
    let of_stack = Directive { namespace: NAMESPACE, dimensions: [&["StackName"]], metrics: &metrics };
    let [by_outcome, by_function] = &METRICS;
    to_raw_value(&[by_outcome, by_function, &of_stack]).expect("text can be written as JSON")
}
