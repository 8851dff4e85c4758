//! What things are made of: JSON Schema as people read it.

use maud::{Markup, html};
use serde_json::Value;

use super::{entries, markdown::line, text};

/// The longest pattern that says something to people.
const READABLE: usize = 40;

/// Where something stands.
#[derive(Clone, Copy)]
pub(super) enum Side {
    /// In a request, where what is required is worth a word.
    Request,
    /// In an answer, where what may be missing is.
    Answer,
}

/// All schemas that have a name. They are those of answers.
pub(super) fn components(schemas: &Value) -> Markup {
    html! {
        @for (name, schema) in entries(schemas) {
            article.schema aria-labelledby={"schema-" (name)} {
                h3 #{"schema-" (name)} { a href={"#schema-" (name)} { (name) } }
                @if schema.get("description").is_some() { p { (line(text(schema, "description"))) } }
                @if schema.get("properties").is_some() || schema.get("oneOf").is_some() {
                    (members(schema, Side::Answer))
                } @else {
                    p { (kind(schema)) }
                }
            }
        }
    }
}

/// The members of an object, or its forms.
pub(super) fn members(schema: &Value, side: Side) -> Markup {
    let required: Vec<_> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut properties: Vec<_> = entries(&schema["properties"]).collect();
    // In the order in which answers have them.
    properties
        .sort_by_key(|(name, _)| required.iter().position(|required| required == name).unwrap_or(usize::MAX));
    html! {
        @if !properties.is_empty() {
            dl.members {
                @for (name, property) in properties {
                    (row(name, property, text(property, "description"), match (side, required.contains(&name)) {
                        (Side::Request, true) => "required",
                        (Side::Answer, false) => "not always there",
                        _ => "",
                    }))
                    @if property.get("properties").is_some() { dd.inner { (members(property, side)) } }
                }
            }
        }
        @if let Some(forms) = schema["oneOf"].as_array() {
            dl.rows { @for form in forms { (self::form(form, side)) } }
        }
    }
}

/// One of several forms of a thing: a value, or an object that says by one value which it is.
fn form(form: &Value, side: Side) -> Markup {
    let fixed = entries(&form["properties"]).find(|(_, property)| property.get("const").is_some());
    let (name, value) = fixed.unwrap_or(("", form));
    let mut rest = form.clone();
    if let Some(properties) = rest["properties"].as_object_mut() {
        properties.remove(name);
    }
    html! {
        dt { @if fixed.is_some() { code { (name) } " " } code.value { (text(value, "const")) } }
        dd {
            (line(text(form, "description")))
            (members(&rest, side))
        }
    }
}

/// A member or a parameter, with a note on it.
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
            (line(description))
            @if let Some(default) = default { " Left out: " code { (default) } "." }
            @if let Some(values) = values(schema).or_else(|| values(&schema["items"])) {
                ul.values {
                    @for value in values {
                        li { code.value { (text(value, "const")) } " " (line(text(value, "description"))) }
                    }
                }
            }
        }
    }
}

/// The values that it can have, where each has a description.
fn values(schema: &Value) -> Option<&[Value]> {
    let any = schema.get("anyOf").and_then(Value::as_array);
    let schema = any.and_then(|any| any.first()).unwrap_or(schema);
    let values = schema["oneOf"].as_array()?;
    values.iter().all(|value| value.get("const").is_some()).then_some(values)
}

/// What it is, in a few words.
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
            @if index > 0 { ", " } code.value { (value.as_str().unwrap_or_default()) }
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
        @if let Some(pattern) = schema["pattern"].as_str().filter(|pattern| pattern.len() <= READABLE) {
            " " code { (pattern) }
        }
    }
}

/// Between which bounds it lies.
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
