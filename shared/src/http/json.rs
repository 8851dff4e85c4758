//! JSON from outside: one object, without unknown and without repeated members, at any depth.
//!
//! `serde_json::Value` would let repeated members pass, and its errors neither name the member that they
//! are about nor keep what it holds to themselves. So a text is read into a tree that keeps every member,
//! and the target type is made from that tree by a deserializer whose errors know the member.

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

/// The most bytes of a body.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// Makes a `T` of `body`.
///
/// # Errors
/// 413, when it is too large; 400, when it is no JSON object, or not one that makes a `T`.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    if body.len() > MAX_BODY_BYTES {
        return Err(Error::payload_too_large());
    }
    // A REST API puts U+FFFD where a body was no UTF-8, so that is the only sign that is left of it.
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

/// JSON that keeps repeated members.
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

    /// What has no fraction is a whole number, however it is written (JSON Schema 2020-12, Validation, 6.1.1).
    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        // From here on, not every whole number has a float of its own.
        const LIMIT: f64 = 9_007_199_254_740_992.0;
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and small enough")]
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

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
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
            Self::Object(members) => visitor.visit_map(Members::new(members, &[])),
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
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Invalid> {
        match self {
            Self::Object(members) => visitor.visit_map(Members::new(members, fields)),
            // A derived visitor would take a list of the members' values too.
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
            Self::Object(members) if members.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(Members::new(members, variants)))
            }
            Self::Object(_) => {
                Err(Invalid::custom(format_args!("must have exactly one member of {}", variants.join(", "))))
            }
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

/// The members of an object on their way into their target type. What goes wrong in one is said of it.
struct Members {
    rest: std::vec::IntoIter<(String, Json)>,
    read: Option<(String, Json)>,
    /// The names that the target type knows.
    known: &'static [&'static str],
}

impl Members {
    fn new(members: Vec<(String, Json)>, known: &'static [&'static str]) -> Self {
        Self { rest: members.into_iter(), read: None, known }
    }
}

impl<'de> MapAccess<'de> for Members {
    type Error = Invalid;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Invalid> {
        self.read = self.rest.next();
        let name = self.read.as_ref().map(|(name, _)| name.as_str().into_deserializer());
        name.map(|name: StrDeserializer<'_, Invalid>| seed.deserialize(name)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Invalid> {
        let (name, value) = self.read.take().expect("a value is read after its name");
        seed.deserialize(value).map_err(|invalid| {
            let known = self.known.iter().find(|known| **known == name);
            invalid.within(known.map_or(Cow::Owned(name), |known| Cow::Borrowed(known)))
        })
    }
}

/// What is wrong with a body, and with which of its members. It never repeats what a member holds: that
/// may be a password.
#[derive(Debug)]
struct Invalid {
    /// Borrowed where the name is the target type's, and not just the body's.
    member: Option<Cow<'static, str>>,
    problem: String,
}

impl Invalid {
    fn member(name: impl Into<Cow<'static, str>>, problem: &str) -> Self {
        Self { member: Some(name.into()), problem: problem.to_owned() }
    }

    /// The same, seen from outside the member `name`.
    fn within(self, name: Cow<'static, str>) -> Self {
        let problem = match self.member {
            Some(inner) => format!("has a member `{inner}` that {}", self.problem),
            None => self.problem,
        };
        Self { member: Some(name), problem }
    }

    fn into_error(self) -> Error {
        match self.member {
            Some(member) => Error::bad_field(member, self.problem),
            None => Error::bad_request(format!("The body {}", self.problem)),
        }
    }
}

impl de::Error for Invalid {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self { member: None, problem: problem.to_string() }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        // Serde names what it expects in Rust's words; these are JSON's.
        Self::custom(match expected.to_string().as_str() {
            "i64" => "must be a whole number".to_owned(),
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
        Self::member(field.to_owned(), "is not known")
    }

    fn missing_field(field: &'static str) -> Self {
        Self::member(field, "is required")
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::member(field, "is repeated")
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
    use crate::http::response;
    use crate::primitives::{name::Name, permission::Permissions, scope::ProjectScope};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be made matters")]
    struct Body {
        name: Name,
        #[serde(default)]
        count: i64,
        permissions: Option<Permissions>,
        scope: Option<ProjectScope>,
    }

    /// The status, field and message of the answer to `body`, or `None` where it is taken.
    fn refused(body: &[u8]) -> Option<(u16, Option<String>, String)> {
        let response = response::error(&parse::<Body>(body).err()?);
        let answer: Value = serde_json::from_slice(response.body()).unwrap();
        let error = &answer["error"];
        let text = |member: &str| error[member].as_str().map(str::to_owned);
        Some((response.status().as_u16(), text("field"), text("message").unwrap()))
    }

    fn field_of(body: &str) -> String {
        let (status, field, _) = refused(body.as_bytes()).expect(body);
        assert_eq!(status, 400, "{body}");
        field.expect(body)
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "only whether it can be made matters")]
    enum Command {
        Suspend { count: i64 },
        Restore { count: i64 },
    }

    #[test]
    fn of_a_choice_exactly_one_is_taken() {
        assert!(parse::<Command>(br#"{"suspend": {"count": 1}}"#).is_ok());
        for body in ["{}", r#"{"suspend": {"count": 1}, "restore": {"count": 1}}"#] {
            let answer = response::error(&parse::<Command>(body.as_bytes()).expect_err(body));
            let answer = std::str::from_utf8(answer.body()).unwrap();
            assert!(answer.contains("The body must have exactly one member of suspend, restore"), "{answer}");
        }
    }

    #[test]
    fn what_is_expected_is_told_in_the_words_of_json() {
        for (body, message) in [
            (r#"{"name": 1}"#, "`name` must be a string"),
            (r#"{"name": "a", "count": "1"}"#, "`count` must be a whole number"),
            (r#"{"name": "a", "permissions": 1}"#, "`permissions` must be an array"),
            (r#"{"name": "a", "scope": 1}"#, "`scope` must be an object"),
        ] {
            assert_eq!(refused(body.as_bytes()).unwrap().2, message, "{body}");
        }
    }

    #[test]
    fn what_fits_is_taken() {
        for body in [
            r#"{"name": "a"}"#,
            r#"{"name": "a", "count": 1, "permissions": ["read"], "scope": {"projects": ["proj_a"]}}"#,
            r#"{"name": "a", "permissions": null, "scope": null}"#,
            r#"{"name": "a", "count": 1.0}"#,
            r#"{"name": "a", "count": -1e3}"#,
            r#"{"name": "a", "count": 9007199254740991.0}"#,
        ] {
            assert_eq!(refused(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn the_member_at_fault_is_named() {
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
    fn the_log_has_the_names_that_are_ours() {
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
        // A type that takes any member knows none.
        let error = parse::<std::collections::HashMap<String, bool>>(br#"{"canary": 1}"#).unwrap_err();
        assert_eq!(error.reason(), "BAD_REQUEST: an unknown field");
    }

    #[test]
    fn what_is_no_object_is_refused() {
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
                refused(body.as_bytes()).map(|(status, field, _)| (status, field)),
                Some((400, None)),
                "{body}"
            );
        }
        assert_eq!(refused(b"{\"name\": \"\xff\"}").unwrap().0, 400);
        assert_eq!(refused("{\"name\": \"\u{fffd}\"}".as_bytes()).unwrap().0, 400);
    }

    #[test]
    fn a_body_has_at_most_16_kib() {
        let body = |length: usize| format!("{:<length$}", r#"{"name": "a"}"#);
        assert_eq!(refused(body(MAX_BODY_BYTES).as_bytes()), None);
        assert_eq!(refused(body(MAX_BODY_BYTES + 1).as_bytes()).unwrap().0, 413);
    }

    #[test]
    fn what_a_member_holds_is_not_repeated() {
        for body in [
            r#"{"name": {"canary": 1}}"#,
            r#"{"name": "a", "count": "canary"}"#,
            r#"{"name": "a", "permissions": ["canary"]}"#,
        ] {
            assert!(!refused(body.as_bytes()).unwrap().2.contains("canary"), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body: Vec<u8>) {
            prop_assert!(refused(&body).is_some());
        }

        #[test]
        fn no_members_make_it_panic(members in prop::collection::vec(("name|count|scope|[a-z]{1,4}", "null|1|\"a\"|\\{\\}|\\[\\]|1e99"), 0..5)) {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
            let answer = refused(format!("{{{}}}", members.join(", ")).as_bytes());
            prop_assert!(answer.is_none_or(|(status, field, _)| status == 400 && field.is_some()));
        }
    }
}
