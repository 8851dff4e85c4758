//! List prices in US dollars of the region us-east-1, without free tiers, each by the page of AWS that it names, as copies
//! of these pages, or pages that quote them, had them in November 2026. Other regions differ.

/// A price that falls with how much is bought in a month: each step is so many units, and what one costs.
type Steps = &'static [(f64, f64)];

const MILLION: f64 = 1e6;
const BILLION: f64 = 1e9;
const GB: f64 = 1e9;
const TB: f64 = 1e12;

/// A request to a REST API ("Amazon API Gateway pricing").
pub const API_GATEWAY_REQUEST: Steps = &[
    (333.0 * MILLION, 3.50 / MILLION),
    (667.0 * MILLION, 2.80 / MILLION),
    (19.0 * BILLION, 2.38 / MILLION),
    (f64::INFINITY, 1.51 / MILLION),
];

/// An invocation ("AWS Lambda pricing").
pub const LAMBDA_REQUEST: Steps = &[(f64::INFINITY, 0.20 / MILLION)];

/// A GB-second on Arm ("AWS Lambda pricing").
pub const LAMBDA_GB_SECOND: Steps =
    &[(7.5 * BILLION, 0.000_013_333_4), (11.25 * BILLION, 0.000_012_000_1), (f64::INFINITY, 0.000_010_666_7)];

/// A read request unit of an on-demand table ("Pricing for On-Demand Capacity" of DynamoDB).
pub const READ_UNIT: Steps = &[(f64::INFINITY, 0.125 / MILLION)];

/// A write request unit of an on-demand table ("Pricing for On-Demand Capacity" of DynamoDB).
pub const WRITE_UNIT: Steps = &[(f64::INFINITY, 0.625 / MILLION)];

/// A byte in the table for a month, and in its continuous backups ("Pricing for On-Demand Capacity" of DynamoDB).
pub const TABLE_BYTE: Steps = &[(f64::INFINITY, (0.25 + 0.20) / GB)];

/// A byte that a function logs ("Amazon `CloudWatch` pricing", vended logs).
pub const FUNCTION_LOG_BYTE: Steps =
    &[(10.0 * TB, 0.50 / GB), (20.0 * TB, 0.25 / GB), (20.0 * TB, 0.10 / GB), (f64::INFINITY, 0.05 / GB)];

/// A byte of the access log ("Amazon `CloudWatch` pricing", standard logs).
pub const ACCESS_LOG_BYTE: Steps = &[(f64::INFINITY, 0.50 / GB)];

/// A metric for a month ("Amazon `CloudWatch` pricing", custom metrics).
pub const METRIC: Steps = &[(f64::INFINITY, 0.30)];

/// A trace that is recorded ("AWS X-Ray pricing").
pub const TRACE: Steps = &[(f64::INFINITY, 5.00 / MILLION)];

/// A call of Secrets Manager ("AWS Secrets Manager pricing"). The secret itself is $0.40 a month.
pub const SECRET_CALL: Steps = &[(f64::INFINITY, 0.05 / 10_000.0)];

/// What so many units cost in a month.
pub fn price(steps: Steps, units: f64) -> f64 {
    let mut left = units;
    let mut price = 0.0;
    for (step, each) in steps {
        let bought = left.min(*step);
        price += bought * each;
        left -= bought;
    }
    price
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_own_price() {
        let steps: Steps = &[(10.0, 3.0), (f64::INFINITY, 2.0)];
        let prices = [0.0, 10.0, 11.0].map(|units| price(steps, units).to_string());
        assert_eq!(prices, ["0", "30", "32"]);
    }
}
