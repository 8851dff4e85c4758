//! Renders JSON Schemas for people.

use maud::{Markup, html};
use serde_json::Value;

use super::{entries, markdown::inline, text};

/// Longer patterns are not shown, because they are hard to read.
const MAX_PATTERN_CHARS: usize = 40;

/// Whether a schema belongs to a request or to a response.
#[derive(Clone, Copy)]
pub(super) enum Side {
    /// Required fields are marked.
    Request,
    /// Fields that may be missing are marked.
    Response,
}

/// Renders the named schemas, which belong to responses.
pub(super) fn components(schemas: &Value) -> Markup {
    html! {
        @for (name, schema) in entries(schemas) {
            article.schema aria-labelledby={"schema-" (name)} {
                h3 #{"schema-" (name)} { a href={"#schema-" (name)} { (name) } }
                @if schema.get("description").is_some() { p { (inline(text(schema, "description"))) } }
                @if schema.get("properties").is_some() || schema.get("oneOf").is_some() {
                    (fields(schema, Side::Response))
                } @else {
                    p { (kind(schema)) }
                }
            }
        }
    }
}

/// Renders the fields of an object, and its variants if it has several.
pub(super) fn fields(schema: &Value, side: Side) -> Markup {
    let required: Vec<_> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut properties: Vec<_> = entries(&schema["properties"]).collect();
    // The required fields are listed in the order in which responses contain them.
    properties
        .sort_by_key(|(name, _)| required.iter().position(|required| required == name).unwrap_or(usize::MAX));
    html! {
        @if !properties.is_empty() {
            dl.fields {
                @for (name, property) in properties {
                    (row(name, property, text(property, "description"), match (side, required.contains(&name)) {
                        (Side::Request, true) => "required",
                        (Side::Response, false) => "may be missing",
                        _ => "",
                    }))
                    @if property.get("properties").is_some() { dd.nested { (fields(property, side)) } }
                }
            }
        }
        @if let Some(variants) = schema["oneOf"].as_array() {
            dl.rows { @for variant in variants { (self::variant(variant, side)) } }
        }
    }
}

/// Renders one variant of a schema: a constant, or an object that a constant field identifies.
fn variant(variant: &Value, side: Side) -> Markup {
    let fixed = entries(&variant["properties"]).find(|(_, property)| property.get("const").is_some());
    let (name, value) = fixed.unwrap_or(("", variant));
    let mut rest = variant.clone();
    if let Some(properties) = rest["properties"].as_object_mut() {
        properties.remove(name);
    }
    html! {
        dt { @if fixed.is_some() { code { (name) } " " } code.value { (text(value, "const")) } }
        dd {
            (inline(text(variant, "description")))
            (fields(&rest, side))
        }
    }
}

/// Renders a field or a parameter. `note` is shown next to its type.
pub(super) fn row(name: &str, schema: &Value, description: &str, note: &str) -> Markup {
    let default =
        schema.get("default").map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    html! {
        dt {
            code { (name) } " "
            span.kind { (kind(schema)) }
            @if !note.is_empty() { " " span.note { (note) } }
        }
        dd {
            (inline(description))
            @if let Some(default) = default { " Default: " code { (default) } "." }
            @if let Some(values) = values(schema).or_else(|| values(&schema["items"])) {
                ul.values {
                    @for value in values {
                        li { code.value { (text(value, "const")) } " " (inline(text(value, "description"))) }
                    }
                }
            }
        }
    }
}

/// Returns the constants that the schema allows, if it is a list of constants with descriptions.
fn values(schema: &Value) -> Option<&[Value]> {
    let any = schema.get("anyOf").and_then(Value::as_array);
    let schema = any.and_then(|any| any.first()).unwrap_or(schema);
    let values = schema["oneOf"].as_array()?;
    values.iter().all(|value| value.get("const").is_some()).then_some(values)
}

/// Describes the type that a schema allows, in a few words.
pub(super) fn kind(schema: &Value) -> Markup {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return html! { a href={"#schema-" (name)} { (name) } };
    }
    if let Some(value) = schema.get("const").and_then(Value::as_str) {
        return html! { code.value { (value) } };
    }
    if let Some(any) = schema["anyOf"].as_array() {
        return html! { @for (index, one) in any.iter().enumerate() { @if index > 0 { " or " } (kind(one)) } };
    }
    if let Some(values) = schema["enum"].as_array() {
        return html! { @for (index, value) in values.iter().enumerate() {
            @if index > 0 { ", " } code.value { (value.as_str().map_or_else(|| value.to_string(), str::to_owned)) }
        } };
    }
    let types: Vec<_> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        Value::String(one) => vec![one.as_str()],
        _ => return html! { "one of these" },
    };
    html! {
        @for (index, one) in types.iter().enumerate() {
            @if index > 0 { " or " }
            @match *one {
                "array" if values(&schema["items"]).is_some() => { "list of these" }
                "array" => { "list of " (kind(&schema["items"])) },
                "string" if schema["format"] == "date-time" => { "time" },
                one => { (one) },
            }
        }
        (range(schema))
        @if let Some(pattern) = schema["pattern"].as_str().filter(|pattern| pattern.len() <= MAX_PATTERN_CHARS) {
            " " code { (pattern) }
        }
    }
}

/// Describes the bounds that a schema sets for a number, a length or a number of items.
fn range(schema: &Value) -> Markup {
    for (least, most, unit) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
    ] {
        match (schema.get(least), schema.get(most)) {
            (Some(least), Some(most)) => return html! { ", " (least) " to " (most) (unit) },
            (Some(least), None) => return html! { ", at least " (least) },
            (None, Some(most)) => return html! { ", at most " (most) (unit) },
            (None, None) => {}
        }
    }
    html! {}
}
