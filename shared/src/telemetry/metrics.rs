//! Metrics in `CloudWatch`'s embedded metric format ([specification]), which `CloudWatch` Logs extracts from the log.
//!
//! `CloudWatch` charges for each combination of dimension values, so the dimensions have few and fixed values.
//!
//! [specification]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use time::OffsetDateTime;

/// The namespace of all metrics.
const NAMESPACE: &str = "MedTWINAuth";

/// The metric definitions of a line. They are the same in every line, so they are serialized only once.
static DIRECTIVES: LazyLock<Box<RawValue>> =
    LazyLock::new(|| to_raw_value(&METRICS).expect("text can be written as JSON"));

const METRICS: [Directive; 2] = [
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
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    /// In milliseconds since 1970.
    timestamp: i128,
    cloud_watch_metrics: &'static RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [&'static [&'static str]; 1],
    metrics: &'static [Metric],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

impl<'a> Metrics<'a> {
    /// `latency` is in milliseconds.
    pub(crate) fn of_invocation(
        function_name: &'a str,
        outcome: Outcome,
        started_at: OffsetDateTime,
        latency: f64,
        dynamodb_calls: u32,
    ) -> Self {
        let timestamp = started_at.unix_timestamp_nanos() / 1_000_000;
        let metadata = Metadata { timestamp, cloud_watch_metrics: &DIRECTIVES };
        Self { metadata, function_name, outcome, invocations: 1, latency, dynamodb_calls }
    }
}
