//! Evaluates `CloudWatch` alarms, as far as the alarms of the template need it. Anything else in an alarm panics, so a new kind of
//! alarm cannot pass unnoticed.
//!
//! [How alarms are evaluated](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html) and
//! [metric math](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::response::text;

type Dimensions = BTreeMap<String, String>;

/// A value that was published for a metric.
#[derive(Clone, Debug)]
pub struct Datapoint {
    pub namespace: String,
    pub metric: String,
    pub dimensions: Dimensions,
    /// In milliseconds since 1970.
    pub at: i64,
    pub value: f64,
}

/// Returns the dimensions with these names and values.
pub fn dimensions(pairs: &[(&str, &str)]) -> Dimensions {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Returns the datapoints that `CloudWatch` extracts from a document in the embedded metric format.
pub fn embedded_datapoints(document: &Value) -> Vec<Datapoint> {
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let at = document["_aws"]["Timestamp"].as_i64().expect("milliseconds");
    let mut datapoints = Vec::new();
    for directive in list(&document["_aws"]["CloudWatchMetrics"]) {
        for names in list(&directive["Dimensions"]) {
            let dimension = |name: &Value| {
                let name = name.as_str().expect("a name").to_owned();
                let value = text(document, &name).to_owned();
                (name, value)
            };
            let dimensions: Dimensions = list(&names).iter().map(dimension).collect();
            for metric in list(&directive["Metrics"]) {
                let metric = text(&metric, "Name").to_owned();
                let value = document[&metric].as_f64().expect("a number");
                let namespace = text(&directive, "Namespace").to_owned();
                datapoints.push(Datapoint { namespace, metric, dimensions: dimensions.clone(), at, value });
            }
        }
    }
    datapoints
}

/// An alarm on one metric, or on an expression of several metrics.
pub struct Alarm {
    metrics: BTreeMap<String, Metric>,
    expression: Expression,
    /// The length of a period, in milliseconds.
    period: i64,
    /// The number of consecutive periods in which the value must breach the threshold.
    periods: i64,
    threshold: f64,
    comparison: Comparison,
}

struct Metric {
    namespace: String,
    name: String,
    dimensions: Dimensions,
    statistic: Statistic,
}

/// The supported properties of an alarm.
const FIELDS: [&str; 14] = [
    "AlarmDescription",
    "AlarmActions",
    "OKActions",
    "TreatMissingData",
    "EvaluationPeriods",
    "Threshold",
    "ComparisonOperator",
    "Metrics",
    "Namespace",
    "MetricName",
    "Dimensions",
    "Period",
    "Statistic",
    "ExtendedStatistic",
];

/// How the value of a period is calculated from the metrics.
enum Expression {
    /// The only metric.
    Metric,
    /// `SUM(FILL(METRICS(), 0))`
    SumOfFilled,
    /// `FILL(numerator, 0) / denominator`
    FilledQuotient { numerator: String, denominator: String },
}

enum Statistic {
    Sum,
    Maximum,
    SampleCount,
    Percentile(f64),
}

enum Comparison {
    GreaterOrEqual,
    Greater,
    Less,
}

impl Alarm {
    /// Parses the properties of an `AWS::CloudWatch::Alarm` whose references are resolved.
    pub fn parse(properties: &Value) -> Self {
        assert_fields(properties, &FIELDS);
        assert_eq!(properties["TreatMissingData"], "notBreaching", "{properties}");
        let (metrics, expression, seconds) = match properties["Metrics"].as_array() {
            None => {
                let statistic = properties.get("Statistic").or_else(|| properties.get("ExtendedStatistic"));
                let metric = Metric::parse(properties, statistic.expect("a statistic"));
                let metrics = BTreeMap::from([("metric".to_owned(), metric)]);
                (metrics, Expression::Metric, number(&properties["Period"]))
            }
            Some(queries) => parse_queries(queries),
        };
        let comparison = match text(properties, "ComparisonOperator") {
            "GreaterThanOrEqualToThreshold" => Comparison::GreaterOrEqual,
            "GreaterThanThreshold" => Comparison::Greater,
            "LessThanThreshold" => Comparison::Less,
            other => panic!("the comparison {other} is not supported"),
        };
        #[expect(clippy::cast_possible_truncation, reason = "periods are small integers")]
        let integer = |number: f64| number as i64;
        Self {
            metrics,
            expression,
            period: integer(seconds * 1_000.0),
            periods: integer(number(&properties["EvaluationPeriods"])),
            threshold: number(&properties["Threshold"]),
            comparison,
        }
    }

    /// Returns true if these datapoints trigger the alarm at any time. A value that is missing does not breach the threshold.
    pub fn is_triggered_by(&self, datapoints: &[Datapoint]) -> bool {
        let periods: BTreeSet<i64> =
            datapoints.iter().map(|datapoint| datapoint.at.div_euclid(self.period)).collect();
        let breaches =
            |period| self.value(period, datapoints).is_some_and(|value| self.is_breached_by(value));
        periods.iter().any(|last| (last - self.periods + 1..=*last).all(breaches))
    }

    fn is_breached_by(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::GreaterOrEqual => value >= self.threshold,
            Comparison::Greater => value > self.threshold,
            Comparison::Less => value < self.threshold,
        }
    }

    /// Returns the value in the period with this number since 1970, or `None` if it is missing.
    fn value(&self, period: i64, datapoints: &[Datapoint]) -> Option<f64> {
        let metric = |metric: &Metric| {
            let is_in_period = |datapoint: &&Datapoint| {
                datapoint.at.div_euclid(self.period) == period && metric.contains(datapoint)
            };
            let mut values: Vec<_> =
                datapoints.iter().filter(is_in_period).map(|datapoint| datapoint.value).collect();
            metric.statistic.of(&mut values)
        };
        match &self.expression {
            Expression::Metric => self.metrics.values().next().and_then(metric),
            Expression::SumOfFilled => {
                Some(self.metrics.values().map(|each| metric(each).unwrap_or_default()).sum())
            }
            Expression::FilledQuotient { numerator, denominator } => {
                let denominator =
                    metric(&self.metrics[denominator]).filter(|denominator| *denominator != 0.0)?;
                Some(metric(&self.metrics[numerator]).unwrap_or_default() / denominator)
            }
        }
    }
}

/// Parses an alarm's `Metrics`: one expression, which is the alarm's value, and the metrics that it uses. Returns the metrics by
/// their ids, the expression, and the length of a period in seconds.
fn parse_queries(queries: &[Value]) -> (BTreeMap<String, Metric>, Expression, f64) {
    let (expressions, queries): (Vec<_>, Vec<_>) =
        queries.iter().partition(|query| query.get("Expression").is_some());
    let [expression] = expressions.as_slice() else { panic!("not one expression: {expressions:?}") };
    assert_fields(expression, &["Id", "Expression"]);
    let mut periods = BTreeSet::new();
    let metric = |query: &&Value| {
        assert_fields(query, &["Id", "ReturnData", "MetricStat"]);
        assert_eq!(query["ReturnData"], false, "{query}");
        let stat = &query["MetricStat"];
        assert_fields(stat, &["Stat", "Period", "Metric"]);
        periods.insert(stat["Period"].to_string());
        (text(query, "Id").to_owned(), Metric::parse(&stat["Metric"], &stat["Stat"]))
    };
    let metrics: BTreeMap<_, _> = queries.iter().map(metric).collect();
    assert!((1..=10).contains(&metrics.len()), "CloudWatch allows 1 to 10 metrics in an alarm");
    let [period] = Vec::from_iter(periods).try_into().expect("one period for all metrics");
    let expression = Expression::parse(text(expression, "Expression"));
    if let Expression::FilledQuotient { numerator, denominator } = &expression {
        assert!(metrics.keys().eq(BTreeSet::from([numerator, denominator])), "each metric is used");
    }
    (metrics, expression, period.parse().expect("a number"))
}

impl Expression {
    fn parse(text: &str) -> Self {
        if text == "SUM(FILL(METRICS(), 0))" {
            return Self::SumOfFilled;
        }
        let quotient = text.strip_prefix("FILL(").and_then(|rest| rest.split_once(", 0) / "));
        let (numerator, denominator) = quotient.unwrap_or_else(|| panic!("`{text}` is not supported"));
        Self::FilledQuotient { numerator: numerator.to_owned(), denominator: denominator.to_owned() }
    }
}

impl Metric {
    fn parse(metric: &Value, statistic: &Value) -> Self {
        let pairs = metric["Dimensions"].as_array().expect("dimensions");
        let dimensions: Dimensions = pairs
            .iter()
            .map(|pair| (text(pair, "Name").to_owned(), text(pair, "Value").to_owned()))
            .collect();
        assert_eq!(dimensions.len(), pairs.len(), "the names of dimensions are unique");
        Self {
            namespace: text(metric, "Namespace").to_owned(),
            name: text(metric, "MetricName").to_owned(),
            dimensions,
            statistic: match statistic.as_str().expect("a statistic") {
                "Sum" => Statistic::Sum,
                "Maximum" => Statistic::Maximum,
                "SampleCount" => Statistic::SampleCount,
                other => {
                    let percent = other.strip_prefix('p').and_then(|percent| percent.parse().ok());
                    Statistic::Percentile(percent.unwrap_or_else(|| panic!("{other} is not supported")))
                }
            },
        }
    }

    /// Returns true if the datapoint belongs to this metric. Metrics whose dimensions differ are different metrics.
    fn contains(&self, datapoint: &Datapoint) -> bool {
        datapoint.namespace == self.namespace
            && datapoint.metric == self.name
            && datapoint.dimensions == self.dimensions
    }
}

impl Statistic {
    /// Returns the statistic of the values of one period, or `None` if there are no values.
    fn of(&self, values: &mut [f64]) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a test has few values")]
        let count = values.len() as f64;
        values.sort_by(f64::total_cmp);
        match self {
            _ if values.is_empty() => None,
            Self::Sum => Some(values.iter().sum()),
            Self::Maximum => values.last().copied(),
            Self::SampleCount => Some(count),
            Self::Percentile(percent) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a rank is an index"
                )]
                let rank = (percent / 100.0 * count).ceil() as usize;
                values.get(rank.saturating_sub(1)).copied()
            }
        }
    }
}

/// Returns a number that is written as a number or, as the values of parameters are, as text.
fn number(value: &Value) -> f64 {
    let parsed = value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    parsed.unwrap_or_else(|| panic!("{value} is not a number"))
}

/// Panics if `object` has other fields than these.
#[track_caller]
fn assert_fields(object: &Value, supported: &[&str]) {
    for field in object.as_object().expect("an object").keys() {
        assert!(supported.contains(&field.as_str()), "the field {field} is not supported: {object}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns an alarm on the sum of `Errors` in a minute, with these changes.
    fn alarm(changes: Value) -> Alarm {
        let mut properties = json!({
            "AlarmDescription": "Errors", "TreatMissingData": "notBreaching", "Namespace": "N", "MetricName": "Errors",
            "Dimensions": [{"Name": "D", "Value": "d"}], "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
            "Threshold": 5, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        });
        let Value::Object(changes) = changes else { panic!("the changes are not an object") };
        properties.as_object_mut().expect("an object").extend(changes);
        properties.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        Alarm::parse(&properties)
    }

    /// Returns an alarm on an expression of the metrics `A` and `B`.
    fn alarm_on_expression(expression: &str, changes: Value) -> Alarm {
        let query = |id: &str, name: &str| {
            let metric = json!({"Namespace": "N", "MetricName": name, "Dimensions": []});
            json!({"Id": id, "ReturnData": false, "MetricStat": {"Stat": "Sum", "Period": 60, "Metric": metric}})
        };
        let Value::Object(mut changes) = changes else { panic!("the changes are not an object") };
        let metrics = json!([{"Id": "e", "Expression": expression}, query("a", "A"), query("b", "B")]);
        changes.insert("Metrics".to_owned(), metrics);
        for field in ["Namespace", "MetricName", "Dimensions", "Statistic", "Period"] {
            changes.insert(field.to_owned(), Value::Null);
        }
        alarm(Value::Object(changes))
    }

    /// Returns a datapoint of `Errors` with the dimension `D` of [`alarm`], at this second.
    fn errors(second: i64, value: f64) -> Datapoint {
        let (namespace, metric) = ("N".to_owned(), "Errors".to_owned());
        Datapoint { namespace, metric, dimensions: dimensions(&[("D", "d")]), at: second * 1_000, value }
    }

    fn metric(name: &str, value: f64) -> Datapoint {
        Datapoint { metric: name.to_owned(), dimensions: Dimensions::new(), ..errors(0, value) }
    }

    #[test]
    fn sum_counts_only_its_metric_in_its_period() {
        let alarm = alarm(json!({}));
        assert!(!alarm.is_triggered_by(&[]));
        assert!(!alarm.is_triggered_by(&[errors(0, 4.0)]));
        assert!(alarm.is_triggered_by(&[errors(0, 4.0), errors(59, 1.0)]));
        assert!(!alarm.is_triggered_by(&[errors(0, 4.0), errors(60, 1.0)]));
        for other in [
            Datapoint { namespace: "M".to_owned(), ..errors(0, 5.0) },
            Datapoint { metric: "Calls".to_owned(), ..errors(0, 5.0) },
            Datapoint { dimensions: dimensions(&[("D", "e")]), ..errors(0, 5.0) },
            Datapoint { dimensions: dimensions(&[]), ..errors(0, 5.0) },
            Datapoint { dimensions: dimensions(&[("D", "d"), ("E", "e")]), ..errors(0, 5.0) },
        ] {
            assert!(!alarm.is_triggered_by(&[other]));
        }
    }

    #[test]
    fn comparison_differs_at_the_threshold_and_beside_it() {
        for (comparison, expected) in [
            ("GreaterThanOrEqualToThreshold", [false, true, true]),
            ("GreaterThanThreshold", [false, false, true]),
            ("LessThanThreshold", [true, false, false]),
        ] {
            let alarm = alarm(json!({"ComparisonOperator": comparison}));
            assert_eq!([4.0, 5.0, 6.0].map(|value| alarm.is_triggered_by(&[errors(0, value)])), expected);
        }
        // The value of a parameter is text.
        assert!(alarm(json!({"Threshold": "3"})).is_triggered_by(&[errors(0, 3.0)]));
    }

    #[test]
    fn all_evaluation_periods_must_breach_the_threshold() {
        let alarm = alarm(json!({"EvaluationPeriods": 3}));
        let minutes = |values: &[f64]| -> Vec<_> {
            (0..).map(|minute| minute * 60).zip(values).map(|(at, value)| errors(at, *value)).collect()
        };
        assert!(!alarm.is_triggered_by(&minutes(&[5.0, 5.0])));
        assert!(!alarm.is_triggered_by(&minutes(&[5.0, 5.0, 4.0, 5.0])));
        assert!(alarm.is_triggered_by(&minutes(&[4.0, 5.0, 5.0, 5.0, 4.0])));
        assert!(!alarm.is_triggered_by(&[errors(0, 5.0), errors(60, 5.0), errors(180, 5.0)]));
    }

    #[test]
    fn percentile_is_the_value_of_its_rank() {
        let alarm = alarm(json!({
            "Statistic": null, "ExtendedStatistic": "p99", "ComparisonOperator": "GreaterThanThreshold",
        }));
        let values = |slow: usize| -> Vec<_> {
            (0..100).map(|nth| errors(0, if nth < slow { 6.0 } else { 1.0 })).collect()
        };
        assert!(!alarm.is_triggered_by(&values(1)));
        assert!(alarm.is_triggered_by(&values(2)));
    }

    #[test]
    fn sum_of_filled_metrics_counts_a_missing_one_as_0() {
        let alarm = alarm_on_expression("SUM(FILL(METRICS(), 0))", json!({}));
        assert!(!alarm.is_triggered_by(&[metric("A", 4.0)]));
        assert!(alarm.is_triggered_by(&[metric("A", 5.0)]));
        assert!(alarm.is_triggered_by(&[metric("A", 2.0), metric("B", 3.0)]));
    }

    #[test]
    fn quotient_is_missing_without_its_denominator() {
        let changes = json!({"Threshold": 0.5, "ComparisonOperator": "LessThanThreshold"});
        let alarm = alarm_on_expression("FILL(a, 0) / b", changes);
        assert!(!alarm.is_triggered_by(&[metric("A", 0.0)]));
        assert!(!alarm.is_triggered_by(&[metric("A", 0.0), metric("B", 0.0)]));
        assert!(alarm.is_triggered_by(&[metric("B", 4.0)]));
        assert!(alarm.is_triggered_by(&[metric("A", 1.0), metric("B", 4.0)]));
        assert!(!alarm.is_triggered_by(&[metric("A", 2.0), metric("B", 4.0)]));
    }

    #[test]
    #[should_panic(expected = "the field DatapointsToAlarm is not supported")]
    fn unsupported_field_panics() {
        alarm(json!({"DatapointsToAlarm": 1}));
    }

    #[test]
    #[should_panic(expected = "`AVG(METRICS())` is not supported")]
    fn unsupported_expression_panics() {
        alarm_on_expression("AVG(METRICS())", json!({}));
    }

    #[test]
    fn datapoints_are_extracted_with_their_dimensions() {
        let document = json!({
            "_aws": {"Timestamp": 1_000, "CloudWatchMetrics": [
                {"Namespace": "N", "Dimensions": [["D"], []], "Metrics": [{"Name": "Errors", "Unit": "Count"}]},
            ]},
            "D": "d", "Errors": 5, "Other": 1,
        });
        let [with, without] = embedded_datapoints(&document).try_into().expect("two datapoints");
        assert_eq!((with.at, with.value), (1_000, 5.0));
        assert_eq!(without.dimensions, Dimensions::new());
        assert!(alarm(json!({})).is_triggered_by(&[with]));
    }
}
