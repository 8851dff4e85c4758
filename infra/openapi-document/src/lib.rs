//! The API's description (OpenAPI 3.1, <https://spec.openapis.org/oas/v3.1.1>), made of what each function says of its
//! own operations and of the types that it reads and writes, and the page on which people read it.

mod errors;
mod page;
use gateway::functions::operations;
use schemars::{
    SchemaGenerator,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value, json};
use shared::http::openapi::{Body, Credentials, Location, Operation, Parameter, Success, Tag};

/// All operations, grouped by tag.
fn operations_by_tag() -> impl Iterator<Item = (Tag, Vec<&'static Operation>)> {
    Tag::ALL.into_iter().map(|tag| (tag, operations().filter(|operation| operation.tag == tag).collect()))
}

/// What is committed: each file, from the workspace's root, and what is in it.
#[must_use]
pub fn files() -> [(&'static str, String); 2] {
    let document = document();
    [("openapi.json", format!("{document:#}\n")), ("functions/openapi/docs.html", page::page(&document))]
}

/// The document.
///
/// # Panics
/// When an operation's example is no JSON.
#[must_use]
pub fn document() -> Value {
    // What is read is described where it stands, and what is written has a name, so that no name has two meanings.
    let mut read =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).into_generator();
    let mut written = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.contract = Contract::Serialize;
            "/components/schemas".clone_into(settings.definitions_path.to_mut());
        })
        .into_generator();

    let mut paths = Map::new();
    let mut tags = Vec::new();
    for (tag, operations) in operations_by_tag() {
        tags.push(json!({"name": tag.name(), "description": tag.description()}));
        for operation in &operations {
            let (method, path) = method_and_path(operation);
            let mut described = describe(operation, path, &mut read, &mut written);
            if operation.success.status == 201 {
                described["responses"]["201"]["links"] = links(path, &operations);
            }
            paths.entry(path).or_insert_with(|| json!({}))[method.to_ascii_lowercase()] = described;
        }
    }
    let mut schemas = written.take_definitions(true);
    schemas.insert("Error".to_owned(), errors::schema());
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "MedTWIN Auth",
            "version": env!("CARGO_PKG_VERSION"),
            "description": include_str!("description.md"),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        // Beside this document, wherever that lies.
        "servers": [{"url": "..", "description": "This service"}],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "mt_live_… or mt_test_…",
                    "description": "An API key, for programs.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "A session, for browsers: `Session sess_…`, with the token that a login gave.",
                },
            },
            "headers": errors::headers(),
            "responses": errors::responses(),
            "schemas": schemas,
        },
    })
}

fn describe(
    operation: &Operation,
    path: &str,
    read: &mut SchemaGenerator,
    written: &mut SchemaGenerator,
) -> Value {
    let Operation { tag, name, summary, description, credentials, .. } = operation;
    let mut parameters: Vec<_> =
        operation.id.map(|schema| path_parameter(path, &schema(read).to_value())).into_iter().collect();
    parameters.extend(operation.parameters.iter().map(|parameter| optional_parameter(parameter, read)));
    let mut responses = Map::new();
    responses.insert(operation.success.status.to_string(), success(operation, written));
    for status in errors::of(operation) {
        let mut error = json!({"$ref": format!("#/components/responses/{status}")});
        if let Some((_, when)) = operation.errors.iter().find(|(own, _)| *own == status) {
            error["description"] = json!(when);
        }
        responses.insert(status.to_string(), error);
    }
    let mut described = json!({
        "operationId": name,
        "summary": summary,
        "tags": [tag.name()],
        "security": security(*credentials),
        "responses": responses,
    });
    let mut add = |member: &str, value: Value| described[member] = value;
    if !description.is_empty() {
        add("description", json!(description));
    }
    if !parameters.is_empty() {
        add("parameters", json!(parameters));
    }
    if let Some(Body { schema, example, optional }) = &operation.body {
        let content = json!({"application/json": {"schema": schema(read), "example": example()}});
        add("requestBody", json!({"required": !optional, "content": content}));
    }
    described
}

fn method_and_path(operation: &Operation) -> (&'static str, &'static str) {
    operation.route.split_once(' ').expect("a method and a path")
}

/// The operations that can be done on what is made at `path`, by its id.
fn links(path: &str, operations: &[&Operation]) -> Value {
    let of_one = operations.iter().filter_map(|operation| {
        let below = method_and_path(operation).1.strip_prefix(path)?.strip_prefix("/{")?;
        let (parameter, _) = below.split_once('}')?;
        let link = json!({"operationId": operation.name, "parameters": {parameter: "$response.body#/id"}});
        Some((operation.name.to_owned(), link))
    });
    of_one.collect::<Map<_, _>>().into()
}

fn path_parameter(path: &str, schema: &Value) -> Value {
    let name = path.split(['{', '}']).nth(1).expect("an id in the path");
    json!({"name": name, "in": "path", "required": true, "schema": schema})
}

fn optional_parameter(parameter: &Parameter, read: &mut SchemaGenerator) -> Value {
    let Parameter { name, location, description, schema } = parameter;
    let location = match location {
        Location::Query => "query",
        Location::Header => "header",
    };
    json!({"name": name, "in": location, "description": description, "schema": schema(read)})
}

fn security(credentials: Credentials) -> Value {
    match credentials {
        Credentials::None => json!([]),
        Credentials::Session => json!([{"session": []}]),
        Credentials::KeyOrSession => json!([{"apiKey": []}, {"session": []}]),
    }
}

fn success(operation: &Operation, written: &mut SchemaGenerator) -> Value {
    let Success { description, body, .. } = &operation.success;
    let mut headers = vec!["X-Request-Id"];
    if operation.credentials == Credentials::KeyOrSession {
        headers.extend(["RateLimit-Policy", "RateLimit"]);
    }
    if operation
        .parameters
        .iter()
        .any(|parameter| parameter.name == shared::http::idempotency::PARAMETER.name)
    {
        headers.push("Idempotency-Replayed");
    }
    let mut response = json!({"description": description, "headers": errors::named(&headers)});
    if let Some((schema, example)) = body {
        response["content"] = json!({"application/json": {"schema": schema(written), "example": example()}});
    }
    response
}
