//! Parses YAML with the tags of AWS templates. The short forms of intrinsic functions, such as `!Ref Table`, become the
//! long forms, such as `{"Ref": "Table"}`.

use saphyr::{LoadableYamlNode, Scalar, Tag, Yaml};
use serde_json::{Map, Number, Value};

use crate::template_error::{TemplateError, child};

/// Parses the one document in `text` and returns it as JSON.
///
/// # Errors
/// Returns an error if `text` is not exactly one YAML document, or contains a value that JSON cannot represent or a tag
/// that templates do not have.
pub fn parse(text: &str) -> Result<Value, TemplateError> {
    let documents = Yaml::load_from_str(text).map_err(|error| {
        let marker = error.marker();
        TemplateError::new(format!("line {}, column {}", marker.line(), marker.col() + 1), error.info())
    })?;
    match <[Yaml; 1]>::try_from(documents) {
        Ok([document]) => to_json("", &document),
        Err(documents) => {
            Err(TemplateError::new("line 1", format!("expected one document, found {}", documents.len())))
        }
    }
}

fn to_json(location: &str, node: &Yaml) -> Result<Value, TemplateError> {
    match node {
        Yaml::Value(scalar) => scalar_to_json(location, scalar),
        Yaml::Sequence(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| to_json(&format!("{location}[{index}]"), item))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let key = key_to_string(location, key)?;
                let value = to_json(&child(location, &key), value)?;
                object.insert(key, value);
            }
            Ok(Value::Object(object))
        }
        Yaml::Tagged(tag, node) => {
            let mut call = Map::new();
            call.insert(long_form(location, tag)?, to_json(location, node)?);
            Ok(Value::Object(call))
        }
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            Err(TemplateError::new(location, "the value does not match its tag"))
        }
    }
}

fn scalar_to_json(location: &str, scalar: &Scalar) -> Result<Value, TemplateError> {
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(boolean) => Value::Bool(*boolean),
        Scalar::Integer(integer) => Value::Number((*integer).into()),
        Scalar::FloatingPoint(float) => Number::from_f64(float.into_inner())
            .map(Value::Number)
            .ok_or_else(|| TemplateError::new(location, "the number cannot be represented in JSON"))?,
        Scalar::String(string) => Value::String(string.to_string()),
    })
}

fn key_to_string(location: &str, key: &Yaml) -> Result<String, TemplateError> {
    match key {
        Yaml::Value(Scalar::String(key)) => Ok(key.to_string()),
        Yaml::Value(Scalar::Integer(key)) => Ok(key.to_string()),
        _ => Err(TemplateError::new(location, "the key is not a string")),
    }
}

fn long_form(location: &str, tag: &Tag) -> Result<String, TemplateError> {
    match (tag.handle.as_str(), tag.suffix.as_str()) {
        ("!", name @ ("Ref" | "Condition")) => Ok(name.to_owned()),
        ("!", name) => Ok(format!("Fn::{name}")),
        _ => Err(TemplateError::new(location, format!("unknown tag `{tag}`"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn short_forms_become_long_forms() {
        let text =
            "a: !Ref Table\nb: !GetAtt Table.Arn\nc: !Sub 'x-${Table}'\nd: !Join [',', [1, true, null]]\n";
        assert_eq!(
            parse(text).unwrap(),
            json!({
                "a": {"Ref": "Table"},
                "b": {"Fn::GetAtt": "Table.Arn"},
                "c": {"Fn::Sub": "x-${Table}"},
                "d": {"Fn::Join": [",", [1, true, null]]},
            })
        );
    }

    #[test]
    fn errors_contain_the_line() {
        let error = parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err().to_string();
        assert!(error.starts_with("line "), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }

    #[test]
    fn duplicate_keys_are_rejected() {
        assert!(parse("a: 1\na: 2\n").is_err());
    }

    #[test]
    fn zero_and_two_documents_are_rejected() {
        assert!(parse("").is_err());
        assert!(parse("a: 1\n---\nb: 2\n").is_err());
    }
}
