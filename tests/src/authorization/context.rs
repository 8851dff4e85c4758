//! No function trusts a request that the authorizer's context did not come with.

use gateway::{FunctionError, RouteInfo};
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
    for RouteInfo { method, path, function, .. } in behind_the_authorizer(&service) {
        for context in malformed() {
            let answer = service.invoke(function, &event(method, path, context.as_ref())).await;
            assert!(answer.is_ok(), "{method} {path} {context:?}");
            assert_refused(&answer, &format!("{method} {path} {context:?}"));
        }
    }
    assert_eq!(dynamodb.calls(), [""; 0]);
}

#[tokio::test]
async fn that_comes_from_elsewhere_than_our_authorizer_is_401_and_nothing_is_read() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    dynamodb.calls();
    for RouteInfo { method, path, function, .. } in behind_the_authorizer(&service) {
        let plain = event(method, path, None);
        // Where other kinds of API and of authorizer put what they found out, and where a caller might put it.
        let mut forged = vec![event(method, path, Some(&json!({"claims": session()})))];
        for place in ["/requestContext/authorizer/lambda", "/requestContext/authorizer/jwt/claims"] {
            let mut event = plain.clone();
            place_at(&mut event, place, session());
            forged.push(event);
        }
        for place in ["/authorizer", "/requestContext/identity/authorizer", "/stageVariables/authorizer"] {
            let mut event = plain.clone();
            place_at(&mut event, place, session());
            forged.push(event);
        }
        for (single, multiple) in
            [("headers", "multiValueHeaders"), ("queryStringParameters", "multiValueQueryStringParameters")]
        {
            let mut event = plain.clone();
            for name in ["authorizer", "requestContext", "x-amzn-request-context", "x-amzn-lambda-context"] {
                place_at(&mut event, &format!("/{single}/{name}"), json!(session().to_string()));
                place_at(&mut event, &format!("/{multiple}/{name}"), json!([session().to_string()]));
            }
            forged.push(event);
        }
        // Those of an HTTP API, of a function's own URL and of a load balancer.
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
            assert_refused(&service.invoke(function, &event).await, &event.to_string());
        }
    }
    assert_eq!(dynamodb.calls(), [""; 0]);
}

/// Puts `value` behind `pointer`, in objects that are made where there are none.
fn place_at(event: &mut Value, pointer: &str, value: Value) {
    let place = pointer.split('/').skip(1).fold(event, |place, name| &mut place[name]);
    *place = value;
}

/// All routes whose functions stand behind the authorizer.
fn behind_the_authorizer(service: &OwnService) -> impl Iterator<Item = &RouteInfo> {
    service.gateway.routes().iter().filter(|route| !route.public)
}

/// The function says 401, or can't read the event at all.
#[track_caller]
fn assert_refused(answer: &Result<Value, FunctionError>, case: &str) {
    match answer {
        Err(error) => assert_eq!(error.error_type, "Runtime.InvalidEvent", "{case}"),
        Ok(answer) => {
            assert_eq!(answer["statusCode"], 401, "{case}: {answer}");
            let body = r#"{"error": {"code": "UNAUTHORIZED", "message": "Invalid or missing API key"}}"#;
            assert_eq!(answer["body"], body);
        }
    }
}

#[tokio::test]
async fn a_caller_brings_none() {
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
        assert_eq!(service.get(&path, &key).await.expect(200)["key_id"], record["id"]);
    }
    let mut body = json!({"name": "A", "permissions": ["read"]});
    body["requestContext"] = json!({"authorizer": session()});
    service.request("POST", "/v1/api-keys").json(&body).send().await.assert_unauthorized();
    service.post("/v1/api-keys", &account.session, body).await.assert_bad_field("requestContext");
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
