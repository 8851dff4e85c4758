//! Invokes functions as API Gateway does, but without a table and without peppers. A request that needs one of them
//! gets a 5xx.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
};

use aws_config::{BehaviorVersion, SdkConfig};
use gateway::{Handler, functions::FUNCTIONS};
use lambda_runtime::Context;
use serde_json::{Value, json};
use shared::{
    primitives::{clock::Clock, random::Random},
    runtime::{
        app::App,
        aws::{Aws, AwsConfigs},
        config::Config,
    },
};
use tokio::runtime::Runtime;

/// The async runtime of all functions.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Invokes a function with an event. Returns its response, or the type of its error.
pub(crate) fn invoke(function: &'static str, event: Vec<u8>) -> Result<Value, String> {
    static FUNCTIONS: LazyLock<Mutex<HashMap<&str, Handler>>> = LazyLock::new(Mutex::default);
    let mut functions = FUNCTIONS.lock().expect("no thread panicked");
    let handler = functions.entry(function).or_insert_with(|| start(function));
    let response = RUNTIME.block_on(handler(event, Context::default()));
    response
        .map(|response| serde_json::from_slice(&response).expect("JSON"))
        .map_err(|error| error.error_type)
}

fn start(function: &str) -> Handler {
    let config = Config::from_lookup(|variable| match variable {
        "AWS_LAMBDA_FUNCTION_NAME" | "STACK_NAME" | "TABLE_NAME" => Some(function.to_owned()),
        "ALLOWED_ORIGIN" => Some("https://app.example.com".to_owned()),
        "PERSONAL_DATA_RETENTION_DAYS" => Some("365".to_owned()),
        // Without it, no response of an authenticator is parsed.
        "PUBLIC_URL" => Some("https://auth.example.com".to_owned()),
        _ => None,
    });
    // Without a region, a call fails before a request is sent.
    let without_region = SdkConfig::builder().behavior_version(BehaviorVersion::v2026_01_12()).build();
    let aws = Aws::new(&AwsConfigs::all(without_region));
    let app = App::new(config.expect("a complete configuration"), aws, Clock::system(), Random::system());
    let app = RUNTIME.block_on(app).expect("the function starts");
    let linked = FUNCTIONS.iter().find(|linked| linked.name == function);
    (linked.expect("a function of the gateway").handler)(app.into())
}

/// Returns the event of a request with `body` to `route`, with `context` as the authorizer's context.
pub(crate) fn event(method: &str, route: &str, body: &str, context: &Value) -> Value {
    json!({
        "resource": route,
        "path": route,
        "httpMethod": method.to_ascii_uppercase(),
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": {
            "key_id": "key_0000000000000001",
            "user_id": "user_0000000000000001",
            "project_id": "proj_0000000000000001",
        },
        "stageVariables": null,
        "requestContext": {
            "resourcePath": route,
            "httpMethod": method.to_ascii_uppercase(),
            "path": route,
            "stage": "live",
            "requestId": "0b5ba5de-0000-4000-8000-000000000000",
            "identity": {"sourceIp": "192.0.2.1"},
            "authorizer": context,
        },
        "body": body,
        "isBase64Encoded": false,
    })
}

/// Returns the authorizer's context of a session with all permissions.
pub(crate) fn session() -> Value {
    json!({
        "type": "session",
        "account_id": "acct_0000000000000001",
        "user_id": "user_0000000000000001",
        "session_id": "sid_0000000000000001",
        "session_epoch": "0",
        "account_epoch": "0",
        "email": "user@example.com",
        "permissions": "read,write,delete,admin",
        "expires_at": "2999-01-30T12:00:00Z",
    })
}
