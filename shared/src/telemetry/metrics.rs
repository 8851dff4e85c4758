//! Metrics in `CloudWatch`'s embedded metric format, which `CloudWatch` Logs reads from the log itself.
//!
//! What may stand where is said by its [specification]. Each combination of dimensions is a metric of its own and
//! costs money, so they have few and fixed values.
//!
//! [specification]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use time::OffsetDateTime;

/// The namespace of all metrics.
const NAMESPACE: &str = "MedTWINAuth";

/// Which members of a line are metrics. They are the same in every line, so they are written as JSON once.
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
    /// The authorizer let the request through.
    Allowed,
    /// The authorizer let the request through, though it could not be told how its key's limit stands.
    AllowedUncounted,
    /// The authorizer found that the key's limit is exceeded: the function answers 429.
    RateLimited,
    /// The authorizer kept a valid credential from what it may not do.
    Forbidden,
    /// The authorizer was shown no credential, or one that is not valid.
    Unauthenticated,
    /// A function did what it was asked.
    Succeeded,
    /// A function refused, for a reason that lies with the caller.
    Refused,
    /// Through a fault of ours or of what we ask.
    Failed,
}

/// The metrics of one invocation: with their values, the members that tell `CloudWatch` what they are.
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
    /// Those of one invocation of `function_name`, which took `latency` milliseconds and made `dynamodb_calls`.
    pub(crate) fn of_one(
        function_name: &'a str,
        outcome: Outcome,
        began_at: OffsetDateTime,
        latency: f64,
        dynamodb_calls: u32,
    ) -> Self {
        let timestamp = began_at.unix_timestamp_nanos() / 1_000_000;
        let metadata = Metadata { timestamp, cloud_watch_metrics: &DIRECTIVES };
        Self { metadata, function_name, outcome, invocations: 1, latency, dynamodb_calls }
    }
}
