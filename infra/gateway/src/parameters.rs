//! The parameters of a template: which values they have, and which they may have.

use std::collections::{BTreeMap, HashMap};

use regex::Regex;
use serde_json::Value;

use crate::{
    scalar,
    template_error::{TemplateError, below},
};

/// The values of the parameters that `template` declares: those that are `given`, and else their defaults. One without
/// either is missing; whoever refers to it will be told.
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
            .ok_or_else(|| TemplateError::new("Parameters", format!("no parameter `{name}`")))?;
        let refused = |why| TemplateError::new(below("Parameters", name), format!("`{value}` {why}"));
        check(parameter, value).map_err(refused)?;
        values.insert(name.clone(), value.as_str().into());
    }
    Ok(values)
}

/// Whether a parameter may have this value.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>.
fn check(parameter: &Value, value: &str) -> Result<(), String> {
    let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
    if parameter["Type"] == "Number" && number.is_none() {
        return Err("is no number".to_owned());
    }
    let bound = |name: &str| parameter.get(name).and_then(Value::as_f64).zip(number);
    if let Some((least, number)) = bound("MinValue")
        && number < least
    {
        return Err(format!("is less than {least}"));
    }
    if let Some((most, number)) = bound("MaxValue")
        && number > most
    {
        return Err(format!("is more than {most}"));
    }
    if let Some(allowed) = parameter["AllowedValues"].as_array()
        && !allowed.iter().any(|allowed| scalar::text(allowed).as_deref() == Some(value))
    {
        return Err("is none of the allowed values".to_owned());
    }
    if let Some(pattern) = parameter["AllowedPattern"].as_str() {
        // The whole value has to match.
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
    fn what_is_allowed_is_taken() {
        for (name, given) in
            [("Stage", "test"), ("Rate", "1"), ("Rate", "9"), ("Days", "30"), ("Level", "warn")]
        {
            assert_eq!(value(name, given), Ok(json!(given)), "{name}");
        }
    }

    #[test]
    fn what_is_not_is_refused() {
        for (name, given, why) in [
            ("Stage", "A/B", "Parameters.Stage: `A/B` does not match [a-z]{1,4}"),
            ("Stage", "alive", "Parameters.Stage: `alive` does not match [a-z]{1,4}"),
            ("Stage", "", "Parameters.Stage: `` does not match [a-z]{1,4}"),
            ("Rate", "0", "Parameters.Rate: `0` is less than 1"),
            ("Rate", "10", "Parameters.Rate: `10` is more than 9"),
            ("Rate", "many", "Parameters.Rate: `many` is no number"),
            ("Rate", "NaN", "Parameters.Rate: `NaN` is no number"),
            ("Days", "2", "Parameters.Days: `2` is none of the allowed values"),
            ("Level", "loud", "Parameters.Level: `loud` is none of the allowed values"),
            ("Lvl", "info", "Parameters: no parameter `Lvl`"),
        ] {
            assert_eq!(value(name, given), Err(why.to_owned()));
        }
    }
}
