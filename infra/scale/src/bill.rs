//! What a month costs.

use crate::prices::{
    ACCESS_LOG_BYTE, API_GATEWAY_REQUEST, FUNCTION_LOG_BYTE, LAMBDA_GB_SECOND, LAMBDA_REQUEST, METRIC,
    READ_UNIT, SECRET_CALL, TABLE_BYTE, TRACE, WRITE_UNIT, price,
};

/// How long a month is, in seconds: 30 days.
const MONTH: f64 = 30.0 * 24.0 * 3_600.0;

/// How many functions a request runs: the authorizer and its own.
const INVOCATIONS: f64 = 2.0;

/// How long an invocation is billed, in seconds, and the memory it has, in GB. An assumption: a call or two to
/// `DynamoDB`, which answers in "single-digit milliseconds" ("DynamoDB on-demand capacity mode").
const DURATION: f64 = 0.010;
const MEMORY: f64 = 0.25;

/// What a read of a project consumes in read units: `tests/src/growth.rs` counts it.
const READS: f64 = 3.0;

/// What functions log for a request, in bytes, as `infra/load` weighs it.
const LINES: f64 = 1_300.0;
/// What Lambda itself logs of an invocation: START, END and REPORT. An assumption.
const LAMBDA_LINES: f64 = 350.0;
/// What API Gateway logs of a request. An assumption, by the format in the template.
const ACCESS_LINE: f64 = 600.0;

/// How many metrics there are at most, by function and outcome.
const METRICS: f64 = 100.0;

/// How often a program fetches the secret's two versions, in seconds.
const PEPPER_AGE: f64 = 300.0;

/// The most that a key's item takes in the table, in bytes: one write unit is 1 KB, and `tests/src/growth.rs` counts
/// one; with the 100 bytes that `DynamoDB` adds for billing ("`DynamoDB` item sizes and formats").
const KEY_ITEM: f64 = 1_024.0 + 100.0;

/// What a month is like.
pub struct Month {
    pub name: &'static str,
    pub requests_per_second: f64,
    /// How many of them write down their key's counter.
    pub counter_writes_per_request: f64,
    pub keys: f64,
}

impl Month {
    /// Its lines: what is paid for, and dollars.
    pub fn bill(&self) -> Vec<(&'static str, f64)> {
        let requests = self.requests_per_second * MONTH;
        let invocations = INVOCATIONS * requests;
        let programs = (self.requests_per_second * DURATION).ceil();
        let sampled = MONTH * self.requests_per_second.min(1.0 + 0.05 * self.requests_per_second);
        vec![
            ("API Gateway", price(API_GATEWAY_REQUEST, requests)),
            ("Lambda, invocations", price(LAMBDA_REQUEST, invocations)),
            ("Lambda, duration", price(LAMBDA_GB_SECOND, invocations * DURATION * MEMORY)),
            ("DynamoDB, reads", price(READ_UNIT, requests * READS)),
            ("DynamoDB, counters", price(WRITE_UNIT, requests * self.counter_writes_per_request)),
            ("DynamoDB, keys at rest", price(TABLE_BYTE, self.keys * KEY_ITEM)),
            ("Logs of functions", price(FUNCTION_LOG_BYTE, requests * (LINES + INVOCATIONS * LAMBDA_LINES))),
            ("Access log", price(ACCESS_LOG_BYTE, requests * ACCESS_LINE)),
            ("Metrics", price(METRIC, METRICS)),
            ("Traces", price(TRACE, sampled)),
            ("Secrets Manager", 0.40 + price(SECRET_CALL, programs * 2.0 * MONTH / PEPPER_AGE)),
        ]
    }
}
