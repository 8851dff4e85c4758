//! No function trusts a request that the authorizer's context did not come with.

use gateway::RouteInfo;
use serde_json::{Value, json};

use crate::service::{OwnService, Service};

/// The event of a request on which the authorizer said this.
fn event(method: &str, route: &str, authorizer: Option<&Value>) -> Value {
    let body = json!({"name": "A key", "permissions": ["read"]});
    let mut event = json!({
        "resource": route,
        "path": route,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": {"key_id": "key_0000000000000000"},
        "stageVariables": null,
        "requestContext": {
            "resourcePath": route,
            "httpMethod": method,
            "path": route,
            "stage": "live",
            "requestId": "0b5ba5de-0000-0000-0000-000000000000",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": body.to_string(),
        "isBase64Encoded": false,
    });
    if let Some(authorizer) = authorizer {
        event["requestContext"]["authorizer"] = authorizer.clone();
    }
    event
}

/// What the authorizer says of a session.
fn session() -> Value {
    json!({
        "principalId": "user_0000000000000001",
        "integrationLatency": 1,
        "type": "session",
        "account_id": "acct_0000000000000001",
        "user_id": "user_0000000000000001",
        "session_id": "sid_0000000000000001",
        "session_epoch": "0",
        "email": "user@example.com",
        "permissions": "read,write,delete,admin",
        "expires_at": "2027-01-30T12:00:00Z",
    })
}

/// What the authorizer says of a key.
fn api_key() -> Value {
    json!({
        "type": "api_key",
        "account_id": "acct_0000000000000001",
        "key_id": "key_0000000000000001",
        "name": "A key",
        "key_type": "live",
        "permissions": "read,write,delete,admin",
        "scope": "*",
        "expires_at": "never",
        "secret": "current",
        "generation": "0",
    })
}

/// Contexts that none of ours could be.
fn malformed() -> Vec<Option<Value>> {
    let mut contexts = vec![None, Some(json!({})), Some(json!({"principalId": "user_0000000000000001"}))];
    for (context, values) in [
        (session(), json!([null, "", "x", "*", 1, ["read"], "read,", "read, write", "-1"])),
        (api_key(), json!([null, "", "x,", 1, {"projects": []}, "read,root", "proj_a,", "proj_a,*"])),
    ] {
        for name in context.as_object().unwrap().keys() {
            if ["principalId", "integrationLatency"].contains(&name.as_str()) {
                continue;
            }
            let mut lacking = context.clone();
            lacking.as_object_mut().unwrap().remove(name);
            contexts.push(Some(lacking));
            for value in values.as_array().unwrap() {
                // A key may be called anything.
                if name != "name" || !value.is_string() || value == "" {
                    let mut context = context.clone();
                    context[name] = value.clone();
                    contexts.push(Some(context));
                }
            }
        }
    }
    contexts
}

#[tokio::test]
async fn that_is_missing_or_malformed_is_401_and_nothing_is_read() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    dynamodb.calls();
    // Every function that stands behind the authorizer, with each route of it.
    for RouteInfo { method, path, function, .. } in
        service.gateway.routes().iter().filter(|route| !route.public)
    {
        for context in malformed() {
            let event = event(method, path, context.as_ref());
            let answer = service.invoke(function, &event).await.expect("an answer");
            assert_eq!(answer["statusCode"], 401, "{function}, {method} {path}, {context:?}: {answer}");
            assert_eq!(
                answer["body"],
                r#"{"error": {"code": "UNAUTHORIZED", "message": "Invalid or missing API key"}}"#
            );
        }
    }
    assert_eq!(dynamodb.calls(), [""; 0]);
}

#[tokio::test]
async fn that_is_well_formed_is_believed() {
    let service = Service::start().await;
    for (context, kind) in [(session(), "session"), (api_key(), "api_key")] {
        let event = event("GET", "/v1/auth/me", Some(&context));
        let answer = service.invoke("me", &event).await.expect("an answer");
        assert_eq!(answer["statusCode"], 200, "{answer}");
        let me: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!((&me["type"], &me["account_id"]), (&json!(kind), &context["account_id"]));
    }
}
