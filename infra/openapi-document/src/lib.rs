//! Generates the OpenAPI 3.1 document (<https://spec.openapis.org/oas/v3.1.1>) from the operations that the functions
//! declare and from their request and response types, and the API reference page from that document.

mod errors;
mod page;
use gateway::functions::operations;
use schemars::{
    SchemaGenerator,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value, json};
use shared::http::{
    caching, idempotency,
    openapi::{Body, Credentials, Location, Operation, Parameter, Success, Tag},
};

/// All operations, grouped by tag.
fn operations_by_tag() -> impl Iterator<Item = (Tag, Vec<&'static Operation>)> {
    Tag::ALL.into_iter().map(|tag| (tag, operations().filter(|operation| operation.tag == tag).collect()))
}

/// The generated files: the path of each, relative to the root of the workspace, and its content.
#[must_use]
pub fn files() -> [(&'static str, String); 2] {
    let document = document();
    [("openapi.json", format!("{document:#}\n")), ("functions/openapi/docs.html", page::page(&document))]
}

/// Generates the OpenAPI document.
///
/// # Panics
/// If an operation has a malformed route.
#[must_use]
pub fn document() -> Value {
    // A type can have different schemas for requests and for responses. So that each name has one schema, only the
    // schemas of responses become components; those of requests are inlined.
    let mut request_schemas =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).into_generator();
    let mut response_schemas = SchemaSettings::draft2020_12()
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
            let mut described = describe(operation, path, &mut request_schemas, &mut response_schemas);
            if operation.success.status == 201 {
                described["responses"]["201"]["links"] = links(path, &operations);
            }
            paths.entry(path).or_insert_with(|| json!({}))[method.to_ascii_lowercase()] = described;
        }
    }
    let mut schemas = response_schemas.take_definitions(true);
    schemas.insert("Error".to_owned(), errors::schema());
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "MedTWIN Auth",
            "version": env!("CARGO_PKG_VERSION"),
            "description": include_str!("description.md"),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        // Relative to the URL of this document.
        "servers": [{"url": "..", "description": "The service that this document comes from"}],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "mt_live_… or mt_test_…",
                    "description": "An API key, for programs: `Bearer mt_live_…` or `Bearer mt_test_…`.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "A session, for people: `Session sess_…`, with the token that the login returned.",
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
    request_schemas: &mut SchemaGenerator,
    response_schemas: &mut SchemaGenerator,
) -> Value {
    let Operation { tag, name, summary, description, credentials, .. } = operation;
    let mut parameters: Vec<_> = operation
        .id
        .map(|schema| path_parameter(path, &schema(request_schemas).to_value()))
        .into_iter()
        .collect();
    parameters
        .extend(operation.parameters.iter().map(|parameter| optional_parameter(parameter, request_schemas)));
    let mut responses = Map::new();
    responses.insert(operation.success.status.to_string(), success(operation, response_schemas));
    if is_cached(operation) {
        let headers = errors::header_references(&["X-Request-Id", "ETag"]);
        let description = "The client has stored the current content. The response has no body.";
        responses.insert("304".to_owned(), json!({"description": description, "headers": headers}));
    }
    for status in errors::statuses(operation) {
        let mut error = json!({"$ref": format!("#/components/responses/{status}")});
        if let Some((_, description)) = operation.errors.iter().find(|(specific, _)| *specific == status) {
            error["description"] = json!(description);
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
    let mut add = |field: &str, value: Value| described[field] = value;
    if !description.is_empty() {
        add("description", json!(description));
    }
    if !parameters.is_empty() {
        add("parameters", json!(parameters));
    }
    if let Some(Body { schema, example, optional }) = &operation.body {
        let content = json!({"application/json": {"schema": schema(request_schemas), "example": example()}});
        add("requestBody", json!({"required": !optional, "content": content}));
    }
    described
}

fn method_and_path(operation: &Operation) -> (&'static str, &'static str) {
    operation.route.split_once(' ').expect("a route is a method and a path")
}

/// Links from the operation that creates a resource at `path` to the operations that take the id of the resource.
fn links(path: &str, operations: &[&Operation]) -> Value {
    let links = operations.iter().filter_map(|operation| {
        let rest = method_and_path(operation).1.strip_prefix(path)?.strip_prefix("/{")?;
        let (parameter, _) = rest.split_once('}')?;
        let link = json!({"operationId": operation.name, "parameters": {parameter: "$response.body#/id"}});
        Some((operation.name.to_owned(), link))
    });
    links.collect::<Map<_, _>>().into()
}

fn path_parameter(path: &str, schema: &Value) -> Value {
    let name = path.split(['{', '}']).nth(1).expect("the path has an id");
    json!({"name": name, "in": "path", "required": true, "schema": schema})
}

fn optional_parameter(parameter: &Parameter, request_schemas: &mut SchemaGenerator) -> Value {
    let Parameter { name, location, description, schema } = parameter;
    let location = match location {
        Location::Query => "query",
        Location::Header => "header",
    };
    json!({"name": name, "in": location, "description": description, "schema": schema(request_schemas)})
}

fn accepts_idempotency_key(operation: &Operation) -> bool {
    operation.parameters.iter().any(|parameter| parameter.name == idempotency::PARAMETER.name)
}

/// Returns true if clients can revalidate the response.
fn is_cached(operation: &Operation) -> bool {
    operation.parameters.iter().any(|parameter| parameter.name == caching::PARAMETER.name)
}

fn security(credentials: Credentials) -> Value {
    match credentials {
        Credentials::None => json!([]),
        Credentials::Session => json!([{"session": []}]),
        Credentials::KeyOrSession => json!([{"apiKey": []}, {"session": []}]),
    }
}

fn success(operation: &Operation, response_schemas: &mut SchemaGenerator) -> Value {
    let Success { description, body, .. } = &operation.success;
    let mut headers = vec!["X-Request-Id"];
    if operation.credentials == Credentials::KeyOrSession {
        headers.extend(["RateLimit-Policy", "RateLimit", "Deprecation", "Sunset"]);
    }
    if accepts_idempotency_key(operation) {
        headers.push("Idempotency-Replayed");
    }
    if is_cached(operation) {
        headers.push("ETag");
    }
    let mut response = json!({"description": description, "headers": errors::header_references(&headers)});
    if let Some((schema, example)) = body {
        response["content"] =
            json!({"application/json": {"schema": schema(response_schemas), "example": example()}});
    }
    response
}
