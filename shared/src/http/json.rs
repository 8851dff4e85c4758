//! Parses JSON request bodies. A body is one object, and no object in it has repeated or unknown fields.
//!
//! `serde_json` alone does not suffice: its `Value` accepts repeated fields, and its errors may contain the value of the
//! invalid field but not its name. Therefore a body is first parsed to a tree that preserves repeated fields. The target type
//! is then deserialized from the tree, with errors that name the field and never contain its value.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, Error as _, Expected, IntoDeserializer, MapAccess,
        SeqAccess, Unexpected, Visitor,
        value::{MapAccessDeserializer, SeqDeserializer, StrDeserializer, StringDeserializer},
    },
    forward_to_deserialize_any,
};

use crate::error::Error;

/// The maximum size of a body, in bytes.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// Deserializes a `T` from `body`.
///
/// # Errors
/// 413 if the body is too large; 400 if it is not a JSON object or not a valid `T`.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    if body.len() > MAX_BODY_BYTES {
        return Err(Error::payload_too_large());
    }
    // A REST API replaces bytes that are not UTF-8 with U+FFFD, so this character is the only sign of an invalid body.
    match std::str::from_utf8(body) {
        Ok(text) if !text.contains(char::REPLACEMENT_CHARACTER) => {}
        _ => return Err(Error::bad_request("The body must be UTF-8")),
    }
    let json = serde_json::from_slice(body).map_err(|_| Error::bad_request("The body must be valid JSON"))?;
    if !matches!(json, Json::Object(_)) {
        return Err(Error::bad_request("The body must be one JSON object"));
    }
    T::deserialize(json).map_err(Invalid::into_error)
}

/// A JSON value that preserves repeated fields.
enum Json {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Signed(value))
    }

    /// A number without a fractional part is an integer, however it is written (JSON Schema 2020-12, Validation, 6.1.1).
    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        // Beyond this limit, some integers have no exact representation as a float.
        const LIMIT: f64 = 9_007_199_254_740_992.0;
        #[expect(clippy::cast_possible_truncation, reason = "the value is an integer within the limit")]
        Ok(if value.fract() == 0.0 && value.abs() < LIMIT {
            Json::Signed(value as i64)
        } else {
            Json::Float(value)
        })
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(field) = fields.next_entry()? {
            object.push(field);
        }
        Ok(Json::Object(object))
    }
}

impl<'de> Deserializer<'de> for Json {
    type Error = Invalid;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Unsigned(value) => visitor.visit_u64(value),
            Self::Signed(value) => visitor.visit_i64(value),
            Self::Float(value) => visitor.visit_f64(value),
            Self::String(value) => visitor.visit_string(value),
            Self::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter())),
            Self::Object(fields) => visitor.visit_map(Fields::new(fields, &[])),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Invalid> {
        if matches!(self, Self::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Invalid> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Invalid> {
        match self {
            Self::Object(fields) => visitor.visit_map(Fields::new(fields, known)),
            // A derived visitor would also accept an array of the values.
            Self::Array(_) => Err(Invalid::custom("must be an object")),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Invalid> {
        match self {
            Self::String(variant) => {
                let variant: StringDeserializer<Invalid> = variant.into_deserializer();
                variant.deserialize_enum(name, variants, visitor)
            }
            Self::Object(fields) if fields.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(Fields::new(fields, variants)))
            }
            Self::Object(_) => Err(Invalid::custom(format_args!(
                "must have exactly one of the fields {}",
                variants.join(", ")
            ))),
            _ => Err(Invalid::custom("must be a string")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}

impl IntoDeserializer<'_, Invalid> for Json {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Deserializes the fields of an object. An error in a field's value is reported with the field's name.
struct Fields {
    rest: std::vec::IntoIter<(String, Json)>,
    /// The field whose name was read last.
    current: Option<(String, Json)>,
    /// The field names of the target type.
    known: &'static [&'static str],
}

impl Fields {
    fn new(fields: Vec<(String, Json)>, known: &'static [&'static str]) -> Self {
        Self { rest: fields.into_iter(), current: None, known }
    }
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Invalid;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Invalid> {
        self.current = self.rest.next();
        let name = self.current.as_ref().map(|(name, _)| name.as_str().into_deserializer());
        name.map(|name: StrDeserializer<'_, Invalid>| seed.deserialize(name)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Invalid> {
        let (name, value) = self.current.take().expect("a value is read after its name");
        seed.deserialize(value).map_err(|invalid| {
            let known = self.known.iter().find(|known| **known == name);
            invalid.within(known.map_or(Cow::Owned(name), |known| Cow::Borrowed(known)))
        })
    }
}

/// A problem of a body and the field that has it. It never contains a field's value, which may be a password.
#[derive(Debug)]
struct Invalid {
    /// The name of the field. It is borrowed if it is a field of the target type, and owned if only the body contains it.
    field: Option<Cow<'static, str>>,
    problem: String,
}

impl Invalid {
    fn field(name: impl Into<Cow<'static, str>>, problem: &str) -> Self {
        Self { field: Some(name.into()), problem: problem.to_owned() }
    }

    /// Converts a problem of the value of the field `name` to a problem of that field.
    fn within(self, name: Cow<'static, str>) -> Self {
        let problem = match self.field {
            Some(inner) => format!("has a field `{inner}` that {}", self.problem),
            None => self.problem,
        };
        Self { field: Some(name), problem }
    }

    fn into_error(self) -> Error {
        match self.field {
            Some(field) => Error::bad_field(field, self.problem),
            None => Error::bad_request(format!("The body {}", self.problem)),
        }
    }
}

impl de::Error for Invalid {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self { field: None, problem: problem.to_string() }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        // Serde describes the expected type in Rust's terms. This translates them to JSON's.
        Self::custom(match expected.to_string().as_str() {
            "i64" => "must be an integer".to_owned(),
            "a sequence" => "must be an array".to_owned(),
            other if other.starts_with("struct ") => "must be an object".to_owned(),
            other => format!("must be {other}"),
        })
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("must be one of {}", expected.join(", ")))
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::field(field.to_owned(), "is not a known field")
    }

    fn missing_field(field: &'static str) -> Self {
        Self::field(field, "is required")
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::field(field, "is repeated")
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Invalid {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::{
        http::response,
        primitives::{name::Name, permission::Permissions, scope::ProjectScope},
    };

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "the test only checks whether the type can be deserialized")]
    struct Body {
        name: Name,
        #[serde(default)]
        count: i64,
        permissions: Option<Permissions>,
        scope: Option<ProjectScope>,
    }

    /// Returns the status, field and message of the error response to `body`, or `None` if the body is valid.
    fn error_of(body: &[u8]) -> Option<(u16, Option<String>, String)> {
        let response = response::error(&parse::<Body>(body).err()?);
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        let error = &body["error"];
        let text = |field: &str| error[field].as_str().map(str::to_owned);
        Some((response.status().as_u16(), text("field"), text("message").unwrap()))
    }

    fn field_of(body: &str) -> String {
        let (status, field, _) = error_of(body.as_bytes()).expect(body);
        assert_eq!(status, 400, "{body}");
        field.expect(body)
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "the test only checks whether the type can be deserialized")]
    enum Command {
        Suspend { count: i64 },
        Restore { count: i64 },
    }

    #[test]
    fn enum_must_have_exactly_one_variant() {
        assert!(parse::<Command>(br#"{"suspend": {"count": 1}}"#).is_ok());
        for body in ["{}", r#"{"suspend": {"count": 1}, "restore": {"count": 1}}"#] {
            let response = response::error(&parse::<Command>(body.as_bytes()).expect_err(body));
            let response = std::str::from_utf8(response.body()).unwrap();
            assert!(
                response.contains("The body must have exactly one of the fields suspend, restore"),
                "{response}"
            );
        }
    }

    #[test]
    fn wrong_type_error_names_the_expected_json_type() {
        for (body, message) in [
            (r#"{"name": 1}"#, "`name` must be a string"),
            (r#"{"name": "a", "count": "1"}"#, "`count` must be an integer"),
            (r#"{"name": "a", "permissions": 1}"#, "`permissions` must be an array"),
            (r#"{"name": "a", "scope": 1}"#, "`scope` must be an object"),
        ] {
            assert_eq!(error_of(body.as_bytes()).unwrap().2, message, "{body}");
        }
    }

    #[test]
    fn valid_bodies_are_accepted() {
        for body in [
            r#"{"name": "a"}"#,
            r#"{"name": "a", "count": 1, "permissions": ["read"], "scope": {"projects": ["proj_a"]}}"#,
            r#"{"name": "a", "permissions": null, "scope": null}"#,
            r#"{"name": "a", "count": 1.0}"#,
            r#"{"name": "a", "count": -1e3}"#,
            r#"{"name": "a", "count": 9007199254740991.0}"#,
        ] {
            assert_eq!(error_of(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn error_names_the_invalid_field() {
        for (body, field) in [
            ("{}", "name"),
            (r#"{"name": null}"#, "name"),
            (r#"{"name": 1}"#, "name"),
            (r#"{"name": ""}"#, "name"),
            (r#"{"name": "a", "name": "b"}"#, "name"),
            (r#"{"name": "a", "nmae": "b"}"#, "nmae"),
            (r#"{"name": "a", "count": 1.5}"#, "count"),
            (r#"{"name": "a", "count": 9007199254740992.0}"#, "count"),
            (r#"{"name": "a", "count": 1e30}"#, "count"),
            (r#"{"name": "a", "count": "1"}"#, "count"),
            (r#"{"name": "a", "permissions": ["root"]}"#, "permissions"),
            (r#"{"name": "a", "permissions": [["read"]]}"#, "permissions"),
            (r#"{"name": "a", "permissions": {"read": true}}"#, "permissions"),
            (r#"{"name": "a", "scope": []}"#, "scope"),
            (r#"{"name": "a", "scope": {}}"#, "scope"),
            (r#"{"name": "a", "scope": {"projects": ["proj_a"], "projects": ["proj_b"]}}"#, "scope"),
            (r#"{"name": "a", "scope": {"projects": ["proj_a"], "other": 1}}"#, "scope"),
            (r#"{"name": "a", "scope": {"projects": ["x"]}}"#, "scope"),
        ] {
            assert_eq!(field_of(body), field, "{body}");
        }
    }

    #[test]
    fn log_reason_names_known_fields_only() {
        for (body, reason) in [
            ("{}", "BAD_REQUEST: name"),
            (r#"{"name": 1}"#, "BAD_REQUEST: name"),
            (r#"{"name": "a", "name": "b"}"#, "BAD_REQUEST: name"),
            (r#"{"name": "a", "count": "canary"}"#, "BAD_REQUEST: count"),
            (r#"{"name": "a", "scope": {"canary": 1}}"#, "BAD_REQUEST: scope"),
            (r#"{"name": "a", "canary": 1}"#, "BAD_REQUEST: an unknown field"),
            (r#"{"name": "a", "\u000aname": 1}"#, "BAD_REQUEST: an unknown field"),
        ] {
            let error = parse::<Body>(body.as_bytes()).expect_err(body);
            assert_eq!(error.reason(), reason, "{body}");
        }
        // A map accepts any field, so it has no known fields.
        let error = parse::<std::collections::HashMap<String, bool>>(br#"{"canary": 1}"#).unwrap_err();
        assert_eq!(error.reason(), "BAD_REQUEST: an unknown field");
    }

    #[test]
    fn body_that_is_not_one_json_object_returns_400() {
        let deep = "[".repeat(5_000);
        for body in [
            "",
            " ",
            "null",
            "1",
            "[]",
            r#""name""#,
            "{",
            r#"{"name": "a"} x"#,
            r#"{"name": "\ud800"}"#,
            &deep,
        ] {
            assert_eq!(
                error_of(body.as_bytes()).map(|(status, field, _)| (status, field)),
                Some((400, None)),
                "{body}"
            );
        }
        assert_eq!(error_of(b"{\"name\": \"\xff\"}").unwrap().0, 400);
        assert_eq!(error_of("{\"name\": \"\u{fffd}\"}".as_bytes()).unwrap().0, 400);
    }

    #[test]
    fn body_larger_than_16_kib_returns_413() {
        let body = |length: usize| format!("{:<length$}", r#"{"name": "a"}"#);
        assert_eq!(error_of(body(MAX_BODY_BYTES).as_bytes()), None);
        assert_eq!(error_of(body(MAX_BODY_BYTES + 1).as_bytes()).unwrap().0, 413);
    }

    #[test]
    fn error_does_not_contain_the_value_of_a_field() {
        for body in [
            r#"{"name": {"canary": 1}}"#,
            r#"{"name": "a", "count": "canary"}"#,
            r#"{"name": "a", "permissions": ["canary"]}"#,
        ] {
            assert!(!error_of(body.as_bytes()).unwrap().2.contains("canary"), "{body}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_return_an_error(body: Vec<u8>) {
            prop_assert!(error_of(&body).is_some());
        }

        #[test]
        fn arbitrary_fields_do_not_panic(fields in prop::collection::vec(("name|count|scope|[a-z]{1,4}", "null|1|\"a\"|\\{\\}|\\[\\]|1e99"), 0..5)) {
            let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
            let error = error_of(format!("{{{}}}", fields.join(", ")).as_bytes());
            prop_assert!(error.is_none_or(|(status, field, _)| status == 400 && field.is_some()));
        }
    }
}
