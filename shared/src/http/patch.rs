//! Bodies with fields that may be left out but not be null, or for which both mean something else. In the body of a `PATCH`
//! request, a field that is left out does not change.
//!
//! Such a field has the attribute `#[serde(default, deserialize_with = "present")]` and an `Option` type. In the OpenAPI
//! document it has the type of its value, by `#[schemars(with = "…")]`.

use schemars::Schema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Deserializes a field that is present. For a field of type `Option<Option<T>>`, null is the value `Some(None)`. For a field of
/// type `Option<T>`, null is an error, so that a mistake does not look as if it changed something.
///
/// # Errors
/// If the value is not a `T`.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Removes the default values of the fields from the schema of a body. Some generated clients would send them.
pub fn without_defaults(schema: &mut Schema) {
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for property in properties.into_iter().flat_map(|properties| properties.values_mut()) {
        if let Some(property) = property.as_object_mut() {
            property.remove("default");
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::{JsonSchema, schema_for};
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    #[expect(clippy::option_option, reason = "null and a field that is left out differ")]
    #[schemars(transform = without_defaults)]
    struct Patch {
        #[serde(default, deserialize_with = "present")]
        #[schemars(with = "u8")]
        required: Option<u8>,
        #[serde(default, deserialize_with = "present")]
        #[schemars(with = "Option<u8>")]
        nullable: Option<Option<u8>>,
    }

    #[test]
    fn absent_field_and_null_are_different() {
        let parse = serde_json::from_value::<Patch>;
        assert_eq!(parse(json!({})).unwrap(), Patch { required: None, nullable: None });
        assert_eq!(
            parse(json!({"required": 1, "nullable": null})).unwrap(),
            Patch { required: Some(1), nullable: Some(None) }
        );
        assert!(parse(json!({"required": null})).is_err());
    }

    #[test]
    fn schema_has_no_defaults_and_no_required_fields() {
        let schema = schema_for!(Patch);
        assert_eq!(schema.get("required"), None);
        assert_eq!(schema.get("properties").unwrap()["nullable"].get("default"), None);
    }
}
