//! What things are made of: JSON Schema as people read it.

use maud::{Markup, html};
use serde_json::Value;

use super::{entries, markdown::line, text};

/// The longest pattern that says something to people.
const READABLE: usize = 40;

/// All schemas that have a name.
pub(super) fn components(schemas: &Value) -> Markup {
    html! {
        @for (name, schema) in entries(schemas) {
            article.schema aria-labelledby={"schema-" (name)} {
                h3 #{"schema-" (name)} { a href={"#schema-" (name)} { (name) } }
                @if schema.get("description").is_some() { p { (line(text(schema, "description"))) } }
                @if schema.get("properties").is_some() || schema.get("oneOf").is_some() {
                    (members(schema))
                } @else {
                    p { (kind(schema)) }
                }
            }
        }
    }
}

/// The members of an object, or its forms.
pub(super) fn members(schema: &Value) -> Markup {
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut properties: Vec<_> = entries(&schema["properties"]).collect();
    // In the order in which answers have them.
    properties
        .sort_by_key(|(name, _)| required.iter().position(|required| required == name).unwrap_or(usize::MAX));
    let inner = |of: &'static str, property: &Value| members(&property[of]);
    html! {
        @if !properties.is_empty() {
            dl.members {
                @for (name, property) in properties {
                    (row(name, property, text(property, "description"), html! {}, required.iter().any(|required| required == name)))
                    @if property.get("properties").is_some() {
                        dd.inner { (members(property)) }
                    } @else if property["items"].get("properties").is_some() {
                        dd.inner { (inner("items", property)) }
                    }
                }
            }
        }
        @if let Some(forms) = schema["oneOf"].as_array() {
            dl.rows.forms { @for form in forms { (self::form(form)) } }
        }
    }
}

/// One of several forms of a thing: a value, or an object that says by one value which it is.
fn form(form: &Value) -> Markup {
    let fixed = entries(&form["properties"]).find(|(_, property)| property.get("const").is_some());
    let value = fixed.map_or(form, |(_, property)| property);
    let mut rest = form.clone();
    if let (Some((name, _)), Some(properties)) = (fixed, rest["properties"].as_object_mut()) {
        properties.remove(name);
    }
    html! {
        dt { @if let Some((name, _)) = fixed { code { (name) } " " } code.value { (text(value, "const")) } }
        dd {
            (line(text(form, "description")))
            @if fixed.is_some() { (members(&rest)) }
        }
    }
}

/// A member or a parameter.
pub(super) fn row(name: &str, schema: &Value, description: &str, place: Markup, required: bool) -> Markup {
    // A list of values says what each means.
    let values = [schema, &schema["items"]].into_iter().find_map(|schema| values(schema));
    html! {
        dt {
            code { (name) } " "
            span.kind { (kind(schema)) @if !place.0.is_empty() { ", " (place) } }
            @if required { " " span.required { "required" } }
        }
        dd {
            (line(description))
            @if let Some(default) = schema.get("default") { " Left out: " code { (default.as_str().map_or_else(|| default.to_string(), str::to_owned)) } "." }
            @if let Some(values) = values {
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
            (Some(least), None) => return html! { ", " (least) (unit) " or more" },
            (None, Some(most)) => return html! { ", " (most) (unit) " at most" },
            (None, None) => {}
        }
    }
    html! {}
}
