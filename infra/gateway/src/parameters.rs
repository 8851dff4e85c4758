//! The values of a template's parameters, and the checks of values that the user sets.

use std::collections::{BTreeMap, HashMap};

use regex::Regex;
use serde_json::Value;

use crate::{
    scalar,
    template_error::{TemplateError, child},
};

/// Returns the values of the parameters that `template` declares: those in `given`, and the defaults of the others.
/// A parameter with neither has no value, and a reference to it is an error.
pub(crate) fn values(
    template: &Value,
    given: &BTreeMap<String, String>,
) -> Result<HashMap<String, Value>, TemplateError> {
    let declared = &template["Parameters"];
    let mut values = HashMap::new();
    for (name, parameter) in declared.as_object().into_iter().flatten() {
        if let Some(default) = parameter.get("Default") {
            values.insert(name.clone(), default.clone());
        }
    }
    for (name, value) in given {
        let parameter = declared
            .get(name)
            .ok_or_else(|| TemplateError::new("Parameters", format!("unknown parameter `{name}`")))?;
        let error = |problem| TemplateError::new(child("Parameters", name), format!("`{value}` {problem}"));
        check(parameter, value).map_err(error)?;
        values.insert(name.clone(), value.as_str().into());
    }
    Ok(values)
}

/// Checks `value` against the constraints of `parameter`.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>.
fn check(parameter: &Value, value: &str) -> Result<(), String> {
    let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
    if parameter["Type"] == "Number" && number.is_none() {
        return Err("is not a number".to_owned());
    }
    let bound = |name: &str| parameter.get(name).and_then(Value::as_f64).zip(number);
    if let Some((minimum, number)) = bound("MinValue")
        && number < minimum
    {
        return Err(format!("is less than {minimum}"));
    }
    if let Some((maximum, number)) = bound("MaxValue")
        && number > maximum
    {
        return Err(format!("is more than {maximum}"));
    }
    if let Some(allowed) = parameter["AllowedValues"].as_array() {
        let allowed: Vec<String> = allowed.iter().filter_map(scalar::text).collect();
        if !allowed.iter().any(|allowed| allowed == value) {
            return Err(format!("is not one of {}", allowed.join(", ")));
        }
    }
    if let Some(pattern) = parameter["AllowedPattern"].as_str() {
        // The pattern must match the whole value.
        let whole = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| error.to_string())?;
        if !whole.is_match(value) {
            return Err(format!("does not match {pattern}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(name: &str, value: &str) -> Result<Value, String> {
        let template = json!({"Parameters": {
            "Stage": {"Type": "String", "Default": "live", "AllowedPattern": "[a-z]{1,4}"},
            "Rate": {"Type": "Number", "Default": 5, "MinValue": 1, "MaxValue": 9},
            "Days": {"Type": "Number", "AllowedValues": [1, 30]},
            "Level": {"Type": "String", "AllowedValues": ["info", "warn"]},
        }});
        let given = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        values(&template, &given)
            .map(|mut values| values.remove(name).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn values_within_the_constraints_are_accepted() {
        for (name, given) in
            [("Stage", "test"), ("Rate", "1"), ("Rate", "9"), ("Days", "30"), ("Level", "warn")]
        {
            assert_eq!(value(name, given), Ok(json!(given)), "{name}");
        }
    }

    #[test]
    fn values_outside_the_constraints_are_rejected() {
        for (name, given, error) in [
            ("Stage", "A/B", "Parameters.Stage: `A/B` does not match [a-z]{1,4}"),
            ("Stage", "alive", "Parameters.Stage: `alive` does not match [a-z]{1,4}"),
            ("Stage", "", "Parameters.Stage: `` does not match [a-z]{1,4}"),
            ("Rate", "0", "Parameters.Rate: `0` is less than 1"),
            ("Rate", "10", "Parameters.Rate: `10` is more than 9"),
            ("Rate", "many", "Parameters.Rate: `many` is not a number"),
            ("Rate", "NaN", "Parameters.Rate: `NaN` is not a number"),
            ("Days", "2", "Parameters.Days: `2` is not one of 1, 30"),
            ("Level", "loud", "Parameters.Level: `loud` is not one of info, warn"),
            ("Lvl", "info", "Parameters: unknown parameter `Lvl`"),
        ] {
            assert_eq!(value(name, given), Err(error.to_owned()));
        }
    }
}
