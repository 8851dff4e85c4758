//! The API reference page: the OpenAPI document as HTML, without scripts.

mod curl;
mod markdown;
mod schema;
use self::{
    curl::curl,
    markdown::{block, inline},
    schema::{Side, components, fields},
};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use shared::http::openapi::Operation;

use crate::{method_and_path, operations_by_tag};

/// The style sheet, which is part of the page.
const STYLE: &str = include_str!("page/style.css");

/// Renders the page for `document`.
pub(crate) fn page(document: &Value) -> String {
    let info = &document["info"];
    let tags: Vec<_> = operations_by_tag().collect();
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (text(info, "title")) " API" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#content" { "Skip to content" }
                header {
                    p.title { a href="#content" { (text(info, "title")) } " " span.version { (text(info, "version")) } }
                    p { a href="./v1/openapi.json" { "openapi.json" } }
                }
                nav aria-label="Contents" {
                    ul {
                        @for (tag, operations) in &tags {
                            li {
                                a href={"#" (anchor(tag.name()))} { (tag.name()) }
                                (contents(document, operations, "operations"))
                            }
                        }
                        li { a href="#headers" { "Response headers" } }
                        li { a href="#schemas" { "Schemas" } }
                    }
                }
                main #content tabindex="-1" {
                    h1 { (text(info, "title")) " API" }
                    section.introduction { (block(text(info, "description"))) }
                    section {
                        h2 #credentials { "Credentials" }
                        dl.rows {
                            @for scheme in entries(&document["components"]["securitySchemes"]) {
                                dt { code { "Authorization: " @if scheme.0 == "apiKey" { "Bearer …" } @else { "Session …" } } }
                                dd { (inline(text(scheme.1, "description"))) }
                            }
                        }
                        p {
                            "In the examples, " code { "$API" } " is the URL of this page without " code { "/docs" } ", "
                            code { "$KEY" } " is an API key, and " code { "$SESSION" } " is a session token."
                        }
                    }
                    @for (tag, operations) in &tags {
                        section {
                            h2 #(anchor(tag.name())) { (tag.name()) }
                            p { (inline(tag.description())) }
                            (contents(document, operations, "index"))
                            @for operation in operations {
                                @let (method, path) = method_and_path(operation);
                                (self::operation(document, method, path))
                            }
                        }
                    }
                    section {
                        h2 #headers { "Response headers" }
                        dl.rows {
                            @for (name, header) in entries(&document["components"]["headers"]) {
                                dt { code { (name) } }
                                dd { (inline(text(header, "description"))) }
                            }
                        }
                    }
                    section {
                        h2 #schemas { "Schemas" }
                        (components(&document["components"]["schemas"]))
                    }
                }
            }
        }
    };
    markup.into_string() + "\n"
}

/// Links to these operations.
fn contents(document: &Value, operations: &[&Operation], class: &str) -> Markup {
    html! {
        ul.(class) {
            @for operation in operations {
                @let (method, path) = method_and_path(operation);
                @let summary = text(&document["paths"][path][method.to_ascii_lowercase()], "summary");
                li { a href={"#" (operation.name)} { (method_label(method)) " " (summary) } }
            }
        }
    }
}

fn operation(document: &Value, method: &str, path: &str) -> Markup {
    let described = &document["paths"][path][method.to_ascii_lowercase()];
    let (id, summary) = (text(described, "operationId"), text(described, "summary"));
    let parameters = described["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let body = &described["requestBody"];
    let request = json(body);
    html! {
        article aria-labelledby=(id) {
            div.details {
                h3 #(id) { a href={"#" (id)} { (summary) } }
                p.route { (method_label(method)) " " code { (breakable(path)) } }
                (block(text(described, "description")))
                p.credentials { (credentials(&described["security"])) }
                @if !parameters.is_empty() {
                    h4 { "Parameters" }
                    dl.fields {
                        @for parameter in parameters {
                            @let location = match text(parameter, "in") {
                                "path" => "in the path",
                                "query" => "in the query",
                                _ => "as a header",
                            };
                            (schema::row(
                                text(parameter, "name"),
                                &parameter["schema"],
                                text(parameter, "description"),
                                location,
                            ))
                        }
                    }
                }
                @if let Some(request) = request {
                    h4 { "Body" @if body["required"] != true { " (optional)" } }
                    (fields(&request["schema"], Side::Request))
                }
                h4 { "Responses" }
                dl.rows.statuses {
                    @for (status, response) in entries(&described["responses"]) {
                        (response_row(document, status, response))
                    }
                }
            }
            div.examples {
                (example("Request", &curl(described, method, path, request)))
                @for (status, response) in entries(&described["responses"]) {
                    @if let Some(content) = json(response) {
                        (example(&format!("Response ({status})"), &pretty(&content["example"])))
                    }
                }
            }
        }
    }
}

fn response_row(document: &Value, status: &str, response: &Value) -> Markup {
    let shared = resolved(document, response);
    // A description next to a reference overrides the description of its target.
    let description = response
        .get("description")
        .map_or(text(shared, "description"), |specific| specific.as_str().unwrap_or_default());
    let schema = json(response).map(|content| &content["schema"]);
    let codes = json(shared).map(error_codes).unwrap_or_default();
    let retry = shared["headers"].get("Retry-After").is_some();
    html! {
        dt { code.{"status s" (&status[..1])} { (status) } }
        dd {
            (inline(description))
            @if let Some(schema) = schema.filter(|schema| schema.get("$ref").is_some()) { " " (schema::kind(schema)) "." }
            @for code in codes { span.error-code { code { (code) } @if retry { ", with " code { "Retry-After" } } } }
        }
    }
}

/// Returns the error codes in the examples of a response.
fn error_codes(content: &Value) -> Vec<&str> {
    let examples = content["examples"].as_object().into_iter().flat_map(|examples| examples.values());
    let bodies = [&content["example"]].into_iter().chain(examples.map(|example| &example["value"]));
    bodies.filter_map(|body| body["error"]["code"].as_str()).collect()
}

/// States which credentials an operation requires.
fn credentials(security: &Value) -> Markup {
    let accepts =
        |scheme: &str| security.as_array().is_some_and(|all| all.iter().any(|one| one.get(scheme).is_some()));
    let credentials = match (accepts("apiKey"), accepts("session")) {
        (true, _) => "Requires an API key or a session.",
        (false, true) => "Requires a session.",
        (false, false) => return html! { "Requires no credential." },
    };
    html! { a href="#credentials" { (credentials) } }
}

/// An example with its title. It can be focused, so that the keyboard can scroll it if it is too wide.
fn example(title: &str, text: &str) -> Markup {
    html! {
        figure {
            figcaption { (title) }
            pre tabindex="0" role="group" aria-label=(title) { code { (text) } }
        }
    }
}

fn method_label(method: &str) -> Markup {
    html! { span.{"method " (method.to_ascii_lowercase())} { (method) } }
}

/// A path that can wrap before each slash.
fn breakable(path: &str) -> Markup {
    html! { @for segment in path.split('/').skip(1) { wbr; "/" (segment) } }
}

/// The URL fragment for a heading.
fn anchor(title: &str) -> String {
    title.to_ascii_lowercase().replace(' ', "-")
}

fn pretty(example: &Value) -> String {
    format!("{example:#}")
}

/// Follows the reference that `part` consists of. Returns `part` itself if it is not a reference.
fn resolved<'a>(document: &'a Value, part: &'a Value) -> &'a Value {
    let reference = part.get("$ref").and_then(Value::as_str);
    let pointer = reference.map(|reference| reference.strip_prefix('#').expect("the reference is local"));
    pointer.map_or(part, |pointer| document.pointer(pointer).expect("the referenced part exists"))
}

/// The JSON content of a request body or a response.
fn json(part: &Value) -> Option<&Value> {
    part.get("content")?.get("application/json")
}

fn entries(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    object.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}
