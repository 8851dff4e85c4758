//! The functions behind the authorizer reject a request without the authorizer's context.

use gateway::{FunctionError, RouteInfo};
use serde_json::{Value, json};

use crate::service::{OwnService, Service};

/// Returns the event of a request to a route, with this authorizer context if there is one.
pub fn event(method: &str, route: &str, authorizer: Option<&Value>) -> Value {
    let body = json!({"name": "A key", "permissions": ["read"]});
    let mut event = json!({
        "resource": route,
        "path": route,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": {
            "key_id": "key_0000000000000000",
            "project_id": "proj_0000000000000000",
            "session_id": "sid_0000000000000000",
            "user_id": "user_0000000000000000",
        },
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

/// Returns the authorizer's context for a session.
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

/// Returns the authorizer's context for a key.
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

/// Returns contexts that the authorizer never produces: empty ones, and ones with a missing or an invalid field.
fn malformed_contexts() -> Vec<Option<Value>> {
    let mut contexts = vec![None, Some(json!({})), Some(json!({"principalId": "user_0000000000000001"}))];
    for (context, values) in [
        (session(), json!([null, "", "x", "*", 1, ["read"], "read,", "read, write", "-1"])),
        (api_key(), json!([null, "", "x,", 1, {"projects": []}, "read,root", "proj_a,", "proj_a,*"])),
    ] {
        for name in context.as_object().unwrap().keys() {
            if ["principalId", "integrationLatency"].contains(&name.as_str()) {
                continue;
            }
            let mut without_field = context.clone();
            without_field.as_object_mut().unwrap().remove(name);
            contexts.push(Some(without_field));
            for value in values.as_array().unwrap() {
                // Any non-empty string is a valid name of a key.
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
async fn missing_or_malformed_context_returns_401_without_a_table_read() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    dynamodb.calls();
    for RouteInfo { method, path, function, .. } in protected_routes(&service) {
        for context in malformed_contexts() {
            let response = service.invoke(function, &event(method, path, context.as_ref())).await;
            assert!(response.is_ok(), "{method} {path} {context:?}");
            assert_rejected(&response, method, &format!("{method} {path} {context:?}"));
        }
    }
    assert_eq!(dynamodb.calls(), [""; 0]);
}

#[tokio::test]
async fn context_in_another_place_of_the_event_returns_401_without_a_table_read() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    dynamodb.calls();
    for RouteInfo { method, path, function, .. } in protected_routes(&service) {
        let plain = event(method, path, None);
        // Other kinds of API and authorizer put their context here, or a caller might put a forged one here.
        let mut forged = vec![event(method, path, Some(&json!({"claims": session()})))];
        for place in ["/requestContext/authorizer/lambda", "/requestContext/authorizer/jwt/claims"] {
            let mut event = plain.clone();
            set_at(&mut event, place, session());
            forged.push(event);
        }
        for place in ["/authorizer", "/requestContext/identity/authorizer", "/stageVariables/authorizer"] {
            let mut event = plain.clone();
            set_at(&mut event, place, session());
            forged.push(event);
        }
        for (single, multiple) in
            [("headers", "multiValueHeaders"), ("queryStringParameters", "multiValueQueryStringParameters")]
        {
            let mut event = plain.clone();
            for name in ["authorizer", "requestContext", "x-amzn-request-context", "x-amzn-lambda-context"] {
                set_at(&mut event, &format!("/{single}/{name}"), json!(session().to_string()));
                set_at(&mut event, &format!("/{multiple}/{name}"), json!([session().to_string()]));
            }
            forged.push(event);
        }
        // The events of an HTTP API, a function URL and a load balancer have another format.
        let http = json!({"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x"});
        for authorizer in [json!({"lambda": session()}), json!({"iam": {"accountId": "1"}}), session()] {
            forged.push(json!({
                "version": "2.0",
                "routeKey": format!("{method} {path}"),
                "rawPath": path,
                "rawQueryString": "",
                "headers": {"content-type": "application/json"},
                "requestContext": {"http": http, "stage": "live", "requestId": "1", "authorizer": authorizer},
                "body": "{}",
                "isBase64Encoded": false,
            }));
        }
        for event in forged {
            assert_rejected(&service.invoke(function, &event).await, method, &event.to_string());
        }
    }
    assert_eq!(dynamodb.calls(), [""; 0]);
}

/// Sets the value at a JSON pointer, and creates the objects on the way to it.
fn set_at(event: &mut Value, pointer: &str, value: Value) {
    let target = pointer.split('/').skip(1).fold(event, |object, name| &mut object[name]);
    *target = value;
}

/// Returns all routes that need a credential.
pub fn protected_routes(service: &OwnService) -> impl Iterator<Item = &RouteInfo> {
    service.gateway.routes().iter().filter(|route| !route.public)
}

/// Asserts that a function returned 401 or rejected the event as invalid.
#[track_caller]
fn assert_rejected(response: &Result<Value, FunctionError>, method: &str, case: &str) {
    match response {
        Err(error) => assert_eq!(error.error_type, "Runtime.InvalidEvent", "{case}"),
        Ok(response) => {
            assert_eq!(response["statusCode"], 401, "{case}: {response}");
            let body = r#"{"error": {"code": "UNAUTHORIZED", "message": "Invalid or missing API key"}}"#;
            let body = if method == "HEAD" { "" } else { body };
            assert_eq!(response["body"].as_str().unwrap_or_default(), body);
        }
    }
}

#[tokio::test]
async fn context_in_a_header_query_or_body_is_ignored() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({"permissions": ["read"]})).await;
    let forged = session().to_string();
    for name in ["X-Amzn-Request-Context", "X-Amzn-Lambda-Context", "Authorizer", "RequestContext"] {
        let request = service.request("GET", "/v1/auth/me").header(name, &forged);
        request.send().await.assert_unauthorized();
        let request = service.request("GET", "/v1/auth/me").with(&key).header(name, &forged);
        assert_eq!(request.send().await.expect(200)["key_id"], record["id"]);
    }
    for query in ["authorizer[type]=session", "requestContext.authorizer.type=session", "principalId=user_1"]
    {
        let path = format!("/v1/auth/me?{query}");
        service.request("GET", &path).send().await.assert_unauthorized();
        service.get(&path, &key).await.expect(400);
    }
    let mut body = json!({"name": "A", "permissions": ["read"]});
    body["requestContext"] = json!({"authorizer": session()});
    service.request("POST", "/v1/api-keys").json(&body).send().await.assert_unauthorized();
    service.post("/v1/api-keys", &account.session, body).await.assert_bad_field("requestContext");
}

#[tokio::test]
async fn well_formed_context_is_accepted() {
    let service = Service::start().await;
    for (context, kind) in [(session(), "session"), (api_key(), "api_key")] {
        let event = event("GET", "/v1/auth/me", Some(&context));
        let response = service.invoke("me", &event).await.expect("a response");
        assert_eq!(response["statusCode"], 200, "{response}");
        let me: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        assert_eq!((&me["type"], &me["account_id"]), (&json!(kind), &context["account_id"]));
    }
}
