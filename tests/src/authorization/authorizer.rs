//! The authorizer as API Gateway sees it, and the functions that stand behind it.

use axum::http::StatusCode;
use gateway::FunctionError;
use serde_json::{Value, json};

use crate::{
    dynamodb::Trouble,
    response::text,
    service::{Credential, OwnService, Service},
};

/// Neither this stage nor these accounts are the gateway's: the authorizer takes what it is given.
const ARN: &str = "arn:aws:execute-api:us-east-1:000000000000:abcdef/prod/GET/v1/auth/me";

/// The event of a request for `GET /v1/auth/me`, with these headers.
fn event(headers: &[(&str, &str)]) -> Value {
    let mut single = json!({"Host": "api.example.com"});
    let mut multiple = json!({"Host": ["api.example.com"]});
    for (name, value) in headers {
        single[name] = json!(value);
        let values = multiple.as_object_mut().unwrap().entry(*name).or_insert_with(|| json!([]));
        values.as_array_mut().unwrap().push(json!(value));
    }
    json!({
        "type": "REQUEST",
        "methodArn": ARN,
        "resource": "/v1/auth/me",
        "path": "/v1/auth/me",
        "httpMethod": "GET",
        "headers": single,
        "multiValueHeaders": multiple,
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": null,
        "stageVariables": null,
        "requestContext": {
            "resourceId": "a1b2c3",
            "resourcePath": "/v1/auth/me",
            "httpMethod": "GET",
            "path": "/prod/v1/auth/me",
            "accountId": "000000000000",
            "protocol": "HTTP/1.1",
            "stage": "prod",
            "requestId": "0b5ba5de-0000-0000-0000-000000000000",
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "test"},
            "apiId": "abcdef",
        },
    })
}

fn event_of(credential: &Credential) -> Value {
    event(&[("Authorization", &credential.0)])
}

async fn authorize(service: &Service, event: Value) -> Result<Value, FunctionError> {
    service.invoke("authorizer", &event).await
}

fn policy(effect: &str, principal_id: &str, context: &Value) -> Value {
    json!({
        "principalId": principal_id,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": ARN}],
        },
        "context": context,
        "usageIdentifierKey": null,
    })
}

#[tokio::test]
async fn allows_a_key_this_request_alone_and_says_who_it_is() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (plain, record) = service.key(&account.session, json!({"name": "Ä key"})).await;
    let context = json!({
        "type": "api_key",
        "account_id": account.id,
        "key_id": record["id"],
        "name": "Ä key",
        "key_type": "live",
        "permissions": "read,write,delete,admin",
        "scope": "*",
        "expires_at": "never",
        "secret": "current",
        "generation": "0",
        "rate_limit": "within",
        "rate_limit_quota": "6000",
        "rate_limit_remaining": "5999",
        "rate_limit_resets_in": "60",
    });
    let allowed = authorize(&service, event_of(&plain)).await.expect("a policy");
    assert_eq!(allowed, policy("Allow", text(&record, "id"), &context));

    let members = json!({
        "type": "test",
        "permissions": ["write"],
        "scope": {"projects": ["proj_b", "proj_a"]},
        "expires_at": "2027-01-30T12:00:00Z",
    });
    let (previous, record) = service.key(&account.session, members).await;
    service.rotate(&record, &account.session, 60).await;
    let context = json!({
        "type": "api_key",
        "account_id": account.id,
        "key_id": record["id"],
        "name": "A key",
        "key_type": "test",
        "permissions": "write",
        "scope": "proj_b,proj_a",
        "expires_at": "2027-01-30T12:00:00Z",
        "secret": "previous",
        "generation": "0",
        "rate_limit": "within",
        "rate_limit_quota": "100",
        "rate_limit_remaining": "99",
        "rate_limit_resets_in": "60",
    });
    let allowed = authorize(&service, event_of(&previous)).await.expect("a policy");
    assert_eq!(allowed, policy("Allow", text(&record, "id"), &context));
}

#[tokio::test]
async fn allows_a_session_and_says_who_it_is() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let sessions = service.get("/v1/auth/sessions", &account.session).await.expect(200);
    let context = json!({
        "type": "session",
        "account_id": account.id,
        "user_id": account.user_id,
        "session_id": sessions["data"][0]["id"],
        "session_epoch": "0",
        "email": account.email,
        "permissions": "read,write,delete,admin",
        "expires_at": service.time.in_seconds(12 * 60 * 60),
    });
    let allowed = authorize(&service, event_of(&account.session)).await.expect("a policy");
    assert_eq!(allowed, policy("Allow", &account.user_id, &context));
}

#[tokio::test]
async fn denies_a_valid_credential_without_a_context() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({"permissions": ["write"]})).await;
    for (method, resource) in [
        ("GET", "/v1/projects"),
        ("GET", "/v1/members"),
        ("POST", "/v1/auth/logout"),
        ("GET", "/v1/api-keys"),
        // No rule names these.
        ("GET", "/v1/billing"),
        ("GET", "/v1/projectsx"),
        ("PUT", "/v1/auth/me"),
        ("OPTIONS", "/v1/projects"),
        ("GET", ""),
    ] {
        let mut event = event_of(&key);
        event["httpMethod"] = json!(method);
        event["resource"] = json!(resource);
        let denied = authorize(&service, event).await.expect("a policy");
        assert_eq!(denied, policy("Deny", text(&record, "id"), &json!({})), "{method} {resource}");
    }
    service.operate(json!({"suspend_account": {"account_id": account.id}})).await.expect("suspended");
    for (credential, id) in [(&key, text(&record, "id")), (&account.session, &account.user_id)] {
        let denied = authorize(&service, event_of(credential)).await.expect("a policy");
        assert_eq!(denied, policy("Deny", id, &json!({})));
    }
}

#[tokio::test]
async fn says_exactly_unauthorized_without_a_look_at_the_table() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    let (valid, session) = (key.0.as_str(), account.session.0.as_str());
    let (scheme, token) = valid.split_once(' ').unwrap();
    // The last digit is of the checksum.
    let (rest, last) = valid.split_at(valid.len() - 1);
    let changed = format!("{rest}{}", if last == "0" { "1" } else { "0" });
    let mut without_headers = event(&[]);
    without_headers["headers"] = Value::Null;
    without_headers["multiValueHeaders"] = Value::Null;
    // Two kinds of headers, of which each says something else.
    let with = |value: &str, headers: &str, change: &dyn Fn(&mut Value)| {
        let mut event = event(&[("Authorization", value)]);
        change(&mut event[headers]);
        event
    };
    let nothing = |headers: &mut Value| *headers = Value::Null;
    let no_authorization = |headers: &mut Value| *headers = json!({"Host": "api.example.com"});
    let another = |headers: &mut Value| headers["Authorization"] = json!(session);
    let another_besides = |headers: &mut Value| headers["AUTHORIZATION"] = json!(session);
    let two = |headers: &mut Value| headers["Authorization"] = json!([valid, session]);
    let twice = |headers: &mut Value| headers["authorization"] = json!([valid]);
    let none = |headers: &mut Value| headers["Authorization"] = json!([]);
    dynamodb.calls();
    for event in [
        event(&[]),
        without_headers,
        event(&[("Authorization", "")]),
        event(&[("Authorization", scheme)]),
        event(&[("Authorization", token)]),
        event(&[("Authorization", &changed)]),
        event(&[("Authorization", &format!("Basic {token}"))]),
        event(&[("Authorization", &format!("Session {token}"))]),
        event(&[("Authorization", &format!("{valid}, {valid}"))]),
        event(&[("Authorization", valid), ("Authorization", valid)]),
        event(&[("Authorization", valid), ("authorization", session)]),
        event(&[("X-Api-Key", token)]),
        with(valid, "multiValueHeaders", &nothing),
        with(valid, "multiValueHeaders", &no_authorization),
        with(valid, "multiValueHeaders", &two),
        with(valid, "multiValueHeaders", &twice),
        with(valid, "multiValueHeaders", &none),
        with(valid, "headers", &another),
        with(valid, "headers", &another_besides),
    ] {
        let refused = authorize(&service, event.clone()).await.expect_err("no policy");
        assert_eq!(refused.error_message, "Unauthorized", "{event}");
    }
    assert_eq!(dynamodb.calls(), [""; 0]);
}

#[tokio::test]
async fn says_exactly_unauthorized_for_a_credential_that_is_over() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let expires_at = service.time.in_seconds(60);
    let (expired, _) = service.key(&account.session, json!({"expires_at": expires_at})).await;
    let (superseded, record) = service.key(&account.session, json!({})).await;
    service.rotate(&record, &account.session, 0).await;
    let ended = service.login(&account.email).await;
    service.request("POST", "/v1/auth/logout").with(&ended).send().await.expect(204);
    service.time.pass(60);
    for credential in [expired, superseded, ended] {
        let refused = authorize(&service, event_of(&credential)).await.expect_err("no policy");
        assert_eq!(refused.error_message, "Unauthorized");
    }
}

#[tokio::test]
async fn finds_all_it_needs_in_one_round_trip() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    for credential in [&key, &account.session] {
        // At first, it writes that the credential is used, and takes of the key's quota.
        for _ in 0..10 {
            authorize(&service, event_of(credential)).await.expect("a policy");
        }
    }
    // A minute after, it takes as much as was used lately.
    service.time.pass(60);
    for credential in [&key, &account.session] {
        dynamodb.calls();
        authorize(&service, event_of(credential)).await.expect("a policy");
        assert_eq!(dynamodb.calls(), ["BatchGetItem", "UpdateItem"]);
        for _ in 0..11 {
            authorize(&service, event_of(credential)).await.expect("a policy");
            assert_eq!(dynamodb.calls(), ["BatchGetItem"]);
        }
    }
}

#[tokio::test]
async fn takes_the_header_in_any_case() {
    let service = Service::start().await;
    let account = service.account().await;
    let (scheme, token) = account.session.0.split_once(' ').unwrap();
    for name in ["authorization", "AUTHORIZATION", "aUtHoRiZaTiOn"] {
        let value = format!("{} {token}", scheme.to_uppercase());
        let allowed = authorize(&service, event(&[(name, &value)])).await.expect("a policy");
        assert_eq!(allowed["principalId"], account.user_id);
    }
}

#[tokio::test]
async fn never_says_unauthorized_where_it_does_not_know() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    dynamodb.disturb(Trouble::Refuses(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"), None);
    let failed = authorize(&service, event_of(&account.session)).await.expect_err("no policy");
    assert_eq!(failed.error_message, "Nothing could be decided");
}

/// The event of a request for `route` of another API, with this id for its `{project_id}`.
fn event_of_another_api(credential: &Credential, route: &str, project_id: &str) -> Value {
    let mut event = event_of(credential);
    event["resource"] = json!(route);
    event["requestContext"]["resourcePath"] = json!(route);
    event["pathParameters"] = json!({"project_id": project_id, "sample_id": "1"});
    event
}

#[tokio::test]
async fn allows_what_lies_below_a_project_to_other_apis_too() {
    let service = Service::start().await;
    let session = service.account().await.session;
    let (key, _) = service.key(&session, json!({"permissions": ["read"]})).await;
    let scope = json!({"permissions": ["read"], "scope": {"projects": ["proj_a"]}});
    let (scoped, _) = service.key(&session, scope).await;
    let (writer, _) = service.key(&session, json!({"permissions": ["write"]})).await;
    let example = include_str!("../../../infra/example-api/template.yaml").lines();
    let mut routes: Vec<_> = example.filter_map(|line| line.trim().strip_prefix("Path: ")).collect();
    assert_eq!(routes, ["/v1/projects/{project_id}/samples"]);
    routes.extend(["/v1/projects/{project_id}/samples/{sample_id}", "/v1/projects/{project_id}/{proxy+}"]);
    for route in routes {
        for (credential, project_id, effect) in [
            (&session, "proj_a", "Allow"),
            (&key, "proj_a", "Allow"),
            (&scoped, "proj_a", "Allow"),
            (&scoped, "proj_b", "Deny"),
            (&writer, "proj_a", "Deny"),
        ] {
            let event = event_of_another_api(credential, route, project_id);
            let policy = authorize(&service, event).await.expect("a policy");
            let statement = &policy["policyDocument"]["Statement"][0];
            assert_eq!(statement["Effect"], effect, "{route} of {project_id}");
            assert_eq!(statement["Resource"], ARN);
        }
    }
}

#[tokio::test]
async fn denies_every_other_route_to_other_apis() {
    let service = Service::start().await;
    let session = service.account().await.session;
    let (key, _) = service.key(&session, json!({})).await;
    for route in [
        "/v1/samples",
        "/v1/projects/{id}",
        "/v1/projects/{id}/samples",
        "/v1/projects/{project_id}samples",
        "/projects/{project_id}/samples",
        "/v2/projects/{project_id}/samples",
        "/{proxy+}",
    ] {
        for credential in [&session, &key] {
            let event = event_of_another_api(credential, route, "proj_a");
            let policy = authorize(&service, event).await.expect("a policy");
            assert_eq!(policy["policyDocument"]["Statement"][0]["Effect"], "Deny", "{route}");
        }
    }
}
