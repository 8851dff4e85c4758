//! The API's description (OpenAPI 3.1, <https://spec.openapis.org/oas/v3.1.1>), made of what each function says of its
//! own operations and of the types that it reads and writes.

mod refusals;

use schemars::{
    SchemaGenerator,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value, json};
use shared::operation::{Answer, Body, Credentials, Location, Operation, Parameter};

/// All operations, by the tag under which they stand, and what that tag is about.
fn operations() -> [(&'static str, &'static str, Vec<&'static Operation>); 6] {
    let all = |of: &[&'static [Operation]]| of.iter().copied().flatten().collect();
    [
        (
            "Sessions",
            "Logging in and out, and who is calling.",
            all(&[
                login::OPERATIONS,
                logout::OPERATIONS,
                password::OPERATIONS,
                sessions::OPERATIONS,
                me::OPERATIONS,
            ]),
        ),
        (
            "API keys",
            "What programs call with.",
            all(&[
                api_keys_create::OPERATIONS,
                api_keys_list::OPERATIONS,
                api_keys_get::OPERATIONS,
                api_keys_rotate::OPERATIONS,
                api_keys_revoke::OPERATIONS,
            ]),
        ),
        ("Projects", "What the keys protect here.", all(&[projects::OPERATIONS])),
        (
            "Members",
            "The people of an account. By `admin` over the whole account.",
            all(&[members::OPERATIONS]),
        ),
        ("Audit trail", "What was changed, and by whom.", all(&[audit_events::OPERATIONS])),
        ("Service", "The service itself.", all(&[health::OPERATIONS, openapi::OPERATIONS])),
    ]
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
    for (tag, about, operations) in operations() {
        tags.push(json!({"name": tag, "description": about}));
        for operation in operations {
            let (method, path) = operation.route.split_once(' ').expect("a method and a path");
            let described = describe(operation, tag, path, &mut read, &mut written);
            paths.entry(path).or_insert_with(|| json!({}))[method.to_ascii_lowercase()] = described;
        }
    }
    let mut schemas = written.take_definitions(true);
    schemas.insert("Error".to_owned(), refusals::schema());
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
            "headers": refusals::headers(),
            "responses": refusals::responses(),
            "schemas": schemas,
        },
    })
}

fn describe(
    operation: &Operation,
    tag: &str,
    path: &str,
    read: &mut SchemaGenerator,
    written: &mut SchemaGenerator,
) -> Value {
    let Operation { name, summary, description, credentials, .. } = operation;
    let mut parameters: Vec<_> =
        operation.id.map(|schema| path_parameter(path, &schema(read).to_value())).into_iter().collect();
    parameters.extend(operation.parameters.iter().map(|parameter| optional_parameter(parameter, read)));
    let mut responses = Map::new();
    responses.insert(operation.answer.status.to_string(), answer(operation, written));
    for status in refusals::of(operation) {
        responses.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{status}")}));
    }
    let mut described = json!({
        "operationId": name,
        "summary": summary,
        "tags": [tag],
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
        let content = json!({"application/json": {"schema": schema(read), "example": parsed(example)}});
        add("requestBody", json!({"required": !optional, "content": content}));
    }
    described
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

fn answer(operation: &Operation, written: &mut SchemaGenerator) -> Value {
    let Answer { description, body, .. } = &operation.answer;
    let mut headers = vec!["X-Request-Id"];
    if operation.credentials == Credentials::KeyOrSession {
        headers.extend(["RateLimit-Policy", "RateLimit"]);
    }
    if operation.parameters.iter().any(|parameter| parameter.name == shared::idempotency::PARAMETER.name) {
        headers.push("Idempotency-Replayed");
    }
    let mut answer = json!({"description": description, "headers": refusals::named(&headers)});
    if let Some((schema, example)) = body {
        answer["content"] =
            json!({"application/json": {"schema": schema(written), "example": parsed(example)}});
    }
    answer
}

fn parsed(example: &str) -> Value {
    serde_json::from_str(example).expect("an example is JSON")
}
