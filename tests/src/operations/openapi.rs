//! `GET /v1/openapi.json`, and the check that every response in the tests matches the OpenAPI document.

use std::{
    collections::{BTreeSet, HashMap},
    ops::RangeInclusive,
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;
use proptest::prelude::*;
use reqwest::header::HeaderName;
use serde_json::{Value, json};
use shared::primitives::name::Name;

use crate::{
    response::{Response, text},
    service::{OwnService, Service},
};

/// The OpenAPI document, generated from the functions' types.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi_document::document);

/// The OpenAPI document, with schemas that forbid unknown fields.
static STRICT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = DOCUMENT.clone();
    for schema in document["components"]["schemas"].as_object_mut().expect("schemas").values_mut() {
        if schema.get("properties").is_some()
            || schema.get("oneOf").is_some_and(|variants| variants[0]["type"] == "object")
        {
            schema["unevaluatedProperties"] = json!(false);
        }
    }
    document
});

/// Resolves a JSON pointer into the document, and any `$ref` that it leads to. Returns the final pointer and its value.
fn resolve(pointer: &str) -> Option<(String, &'static Value)> {
    let value = STRICT.pointer(pointer)?;
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => resolve(reference.strip_prefix('#').expect("a reference within the document")),
        None => Some((pointer.to_owned(), value)),
    }
}

/// The validator for the schema at `pointer`. Validators are built once.
fn validator(pointer: String) -> Arc<Validator> {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut validators = VALIDATORS.lock().expect("no thread panicked");
    let build = |pointer: &String| {
        let mut schema = STRICT.clone();
        schema["$ref"] = json!(format!("#{pointer}").replace('{', "%7B").replace('}', "%7D"));
        Arc::new(jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema"))
    };
    Arc::clone(validators.entry(pointer).or_insert_with_key(build))
}

/// The JSON pointer to the operation that `method` and `path` belong to.
fn operation(method: &str, path: &str) -> Option<String> {
    let segments = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let wanted = segments(path.split('?').next().unwrap_or_default());
    let paths = STRICT["paths"].as_object().expect("paths");
    let matches = |template: &&String| {
        let template = segments(template);
        template.len() == wanted.len()
            && template
                .iter()
                .zip(&wanted)
                .all(|(part, segment)| part == segment || (part.starts_with('{') && !segment.is_empty()))
    };
    let template = paths.keys().find(matches)?;
    // Methods of HTTP are case-sensitive: `get` is not `GET`.
    let operations = paths[template].as_object().expect("operations");
    let method = documented_method(method);
    let method = operations.keys().find(|name| name.to_ascii_uppercase() == method)?;
    Some(format!("/paths/{}/{method}", template.replace('/', "~1")))
}

/// The document does not list `HEAD`. Its description says that each `GET` operation supports it.
fn documented_method(method: &str) -> &str {
    if method == "HEAD" { "GET" } else { method }
}

/// Returns the operation of a route in the document.
pub fn described(method: &str, route: &str) -> &'static Value {
    &DOCUMENT["paths"][route][documented_method(method).to_ascii_lowercase()]
}

/// Panics unless the document describes this response. Ignores requests that belong to no operation.
#[track_caller]
pub fn assert_described(method: &str, path: &str, response: &Response) {
    let Some(operation) = operation(method, path) else { return };
    let Some((pointer, described)) = resolve(&format!("{operation}/responses/{}", response.status)) else {
        panic!("{method} {path} returned {}, which is not described", response.status);
    };
    for header in response.headers.keys().map(HeaderName::as_str) {
        let is_general = [
            "content-type",
            "content-length",
            "cache-control",
            "connection",
            "date",
            "strict-transport-security",
            "x-content-type-options",
            "content-security-policy",
            "content-encoding",
            "vary",
        ]
        .contains(&header);
        let named = described["headers"]
            .as_object()
            .is_some_and(|headers| headers.keys().any(|name| name.eq_ignore_ascii_case(header)));
        assert!(
            is_general || named || header.starts_with("access-control-") || header.starts_with("x-amz"),
            "{method} {path} returned {} with the header {header}, which is not described",
            response.status
        );
    }
    let Some(content) = described.get("content") else {
        assert!(
            response.text.is_empty(),
            "{method} {path} returned a body, which is not described: {}",
            response.text
        );
        return;
    };
    if response.is_head {
        return;
    }
    let content = content.get("application/json").expect("JSON");
    let code = &response.body["error"]["code"];
    if let Some(documented) = content.pointer("/example/error/code") {
        assert_eq!(code, documented, "{method} {path} returned {}", response.status);
    }
    if let Some(examples) = content["examples"].as_object() {
        let mut documented = examples.values().map(|example| &example["value"]["error"]["code"]);
        assert!(documented.any(|documented| documented == code), "{method} {path} returned {code}");
    }
    let validator = validator(format!("{pointer}/content/application~1json/schema"));
    let errors: Vec<_> = validator.iter_errors(&response.body).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{method} {path} returned {}. {errors:?}: {}", response.status, response.text);
}

#[tokio::test]
async fn get_returns_the_committed_document() {
    let response = Service::start().await.request("GET", "/v1/openapi.json").send().await;
    assert_eq!(response.text, openapi::DOCUMENT);
    assert_eq!(response.expect(200)["openapi"], "3.1.1");
}

#[test]
fn committed_files_match_the_types() {
    let committed = [openapi::DOCUMENT, openapi::PAGE];
    for ((file, text), committed) in openapi_document::files().into_iter().zip(committed) {
        assert!(text == committed, "{file}: cargo run -p openapi-document");
    }
}

#[tokio::test]
async fn document_describes_every_route_and_its_credentials() {
    let service = OwnService::start().await;
    let routes = service.gateway.routes().iter().filter(|route| route.path.starts_with("/v1/"));
    let routes = routes.filter(|route| route.method != "HEAD");
    let mut in_template: Vec<_> =
        routes.map(|route| (format!("{} {}", route.method, route.path), route.public)).collect();
    let mut described = Vec::new();
    for (path, operations) in DOCUMENT["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let public = operation["security"] == json!([]);
            described.push((format!("{} {path}", method.to_ascii_uppercase()), public));
        }
    }
    in_template.sort_unstable();
    described.sort_unstable();
    assert_eq!(described, in_template);
}

#[test]
fn urls_contain_only_ids_cursors_times_and_choices() {
    let mut names = BTreeSet::new();
    for operations in DOCUMENT["paths"].as_object().expect("paths").values() {
        for operation in operations.as_object().expect("operations").values() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            names.extend(
                parameters.filter(|parameter| parameter["in"] != "header").map(|one| text(one, "name")),
            );
        }
    }
    let ids = ["actor", "created_by", "key_id", "passkey_id", "project_id", "session_id", "user_id"];
    let times = ["since", "until"];
    let choices = ["compliant", "cursor", "days", "environment", "limit", "status", "type"];
    assert_eq!(names, ids.into_iter().chain(times).chain(choices).collect());
}

#[test]
fn every_example_matches_its_schema() {
    let mut count = 0;
    for (path, operations) in STRICT["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let pointer = format!("/paths/{}/{method}", path.replace('/', "~1"));
            let statuses = operation["responses"].as_object().expect("responses").keys();
            let contents = statuses.map(|status| format!("{pointer}/responses/{status}"));
            for pointer in contents.chain([format!("{pointer}/requestBody")]) {
                let Some((pointer, described)) = resolve(&pointer) else { continue };
                let Some(content) = described.pointer("/content/application~1json") else { continue };
                let validator = validator(format!("{pointer}/content/application~1json/schema"));
                let several =
                    content["examples"].as_object().into_iter().flat_map(|examples| examples.values());
                let examples =
                    content.get("example").into_iter().chain(several.map(|example| &example["value"]));
                for example in examples {
                    let errors: Vec<_> =
                        validator.iter_errors(example).map(|error| error.to_string()).collect();
                    assert!(errors.is_empty(), "{method} {path}: {errors:?}");
                    count += 1;
                }
            }
        }
    }
    assert!(count > 100, "{count}");
}

/// The validator for the field `name` of a request body.
fn name_validator() -> Arc<Validator> {
    let body = "/paths/~1v1~1projects/post/requestBody/content/application~1json";
    validator(format!("{body}/schema/properties/name"))
}

/// The characters that the schema does not match at the ends of a name, though they are accepted there.
const LEFT_OUT: RangeInclusive<char> = '\u{2027}'..='\u{202e}';

#[test]
fn name_schema_and_type_accept_the_same_characters() {
    let validator = name_validator();
    for character in '\0'..='\u{3001}' {
        for text in [format!("{character}"), format!("{character}a{character}"), format!("a{character}b")] {
            let is_left_out = LEFT_OUT.contains(&character) && !text.ends_with('b');
            let is_accepted = Name::try_from(text.clone()).is_ok() && !is_left_out;
            assert_eq!(validator.is_valid(&json!(text)), is_accepted, "{character:?}");
        }
    }
}

proptest! {
    #[test]
    fn name_schema_and_type_accept_the_same_lengths(name in "[a\u{1F600}]{95,105}", before in " {0,9}", after in "[\\s--\u{2028}\u{2029}]{0,9}") {
        let text = format!("{before}{name}{after}");
        prop_assert_eq!(name_validator().is_valid(&json!(text)), Name::try_from(text).is_ok());
    }
}

#[test]
fn document_avoids_formats_that_generated_clients_misread() {
    let text = DOCUMENT.to_string();
    // Written into source code as they are, they end the line; and an `int64` is sent as a string.
    for misread in [r"\\u2028", r"\\u2029", "\u{2028}", "\u{2029}", r#""int64""#, r#""uint64""#] {
        assert!(!text.contains(misread), "{misread}");
    }
}
