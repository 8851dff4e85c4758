//! The authorizer function: the IAM policy and context that it returns for an authorizer event, or its error.

use axum::http::StatusCode;
use gateway::FunctionError;
use serde_json::{Value, json};
use shared::primitives::environment::Environment;

use crate::{
    dynamodb::Fault,
    response::text,
    service::{Credential, OwnService, Service},
};

/// The ARN of the requested method. Its AWS account and stage are not the local gateway's, because the authorizer copies the
/// ARN of the event without reading it.
const ARN: &str = "arn:aws:execute-api:us-east-1:000000000000:abcdef/prod/GET/v1/auth/me";

/// Returns the authorizer event of a request for `GET /v1/auth/me` with these headers.
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

pub fn event_with(credential: &Credential) -> Value {
    event(&[("Authorization", &credential.0)])
}

pub async fn authorize(service: &Service, event: Value) -> Result<Value, FunctionError> {
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
async fn valid_key_returns_allow_for_the_requested_arn_with_its_context() {
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
        "allowed_ips": "*",
        "expires_at": "never",
        "secret": "current",
        "generation": "0",
        "revision": "0",
        "originating_member": account.user_id,
        "rate_limit": "within",
        "rate_limit_quota": "6000",
        "rate_limit_remaining": "5999",
        "rate_limit_resets_in": "60",
    });
    let allowed = authorize(&service, event_with(&plain)).await.expect("a policy");
    assert_eq!(allowed, policy("Allow", text(&record, "id"), &context));

    let members = json!({
        "type": "test",
        "permissions": ["write"],
        "scope": {"projects": ["proj_b", "proj_a"]},
        "expires_at": "2027-01-30T12:00:00Z",
        "allowed_ips": ["192.0.2.1", "2001:db8::/32"],
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
        "allowed_ips": "IMAAAgFgIAENuAAAAAAAAAAAAAAAAA",
        "expires_at": "2027-01-30T12:00:00Z",
        "secret": "previous",
        "secret_replaced_at": "2026-01-30T00:00:00Z",
        "secret_ends_at": "2026-01-30T00:01:00Z",
        "generation": "0",
        "revision": "0",
        "originating_member": account.user_id,
        "rate_limit": "within",
        "rate_limit_quota": "100",
        "rate_limit_remaining": "99",
        "rate_limit_resets_in": "60",
    });
    let allowed = authorize(&service, event_with(&previous)).await.expect("a policy");
    assert_eq!(allowed, policy("Allow", text(&record, "id"), &context));
}

#[tokio::test]
async fn valid_session_returns_allow_with_its_context() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let sessions = service.get("/v1/auth/sessions", &account.session).await.expect(200);
    let context = json!({
        "type": "session",
        "account_id": account.id,
        "user_id": account.user_id,
        "session_id": sessions["data"][0]["id"],
        "session_epoch": "0",
        "account_epoch": "0",
        "email": account.email,
        "permissions": "read,write,delete,admin",
        "expires_at": service.time.in_seconds(12 * 60 * 60),
        "authenticated_at": service.time.in_seconds(0),
        "factors": "password",
    });
    let allowed = authorize(&service, event_with(&account.session)).await.expect("a policy");
    assert_eq!(allowed, policy("Allow", &account.user_id, &context));
}

#[tokio::test]
async fn valid_credential_without_access_returns_deny_with_an_empty_context() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({"permissions": ["write"]})).await;
    for (method, resource) in [
        ("GET", "/v1/projects"),
        ("GET", "/v1/members"),
        ("POST", "/v1/auth/logout"),
        ("GET", "/v1/api-keys"),
        // No rule covers these.
        ("GET", "/v1/billing"),
        ("GET", "/v1/projectsx"),
        ("PUT", "/v1/auth/me"),
        ("OPTIONS", "/v1/projects"),
        ("GET", ""),
    ] {
        let mut event = event_with(&key);
        event["httpMethod"] = json!(method);
        event["resource"] = json!(resource);
        let denied = authorize(&service, event).await.expect("a policy");
        assert_eq!(denied, policy("Deny", text(&record, "id"), &json!({})), "{method} {resource}");
    }
    service.suspend(&account).await;
    let denied = authorize(&service, event_with(&key)).await.expect("a policy");
    assert_eq!(denied, policy("Deny", text(&record, "id"), &json!({})));
}

#[tokio::test]
async fn malformed_credential_returns_unauthorized_without_a_table_read() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let (valid, session) = (key.0.as_str(), account.session.0.as_str());
    let (scheme, token) = valid.split_once(' ').unwrap();
    let sessions = service.get("/v1/auth/sessions", &account.session).await.expect(200);
    let session_id = text(&sessions["data"][0], "id").to_owned();
    // The last digit belongs to the check digits.
    let (rest, last) = valid.split_at(valid.len() - 1);
    let changed = format!("{rest}{}", if last == "0" { "1" } else { "0" });
    let mut without_headers = event(&[]);
    without_headers["headers"] = Value::Null;
    without_headers["multiValueHeaders"] = Value::Null;
    // An event has two maps of headers. In these events, they contradict each other.
    let with = |value: &str, headers: &str, change: &dyn Fn(&mut Value)| {
        let mut event = event(&[("Authorization", value)]);
        change(&mut event[headers]);
        event
    };
    let no_headers = |headers: &mut Value| *headers = Value::Null;
    let no_authorization = |headers: &mut Value| *headers = json!({"Host": "api.example.com"});
    let other_value = |headers: &mut Value| headers["Authorization"] = json!(session);
    let other_value_in_upper_case = |headers: &mut Value| headers["AUTHORIZATION"] = json!(session);
    let two_values = |headers: &mut Value| headers["Authorization"] = json!([valid, session]);
    let repeated_in_lower_case = |headers: &mut Value| headers["authorization"] = json!([valid]);
    let no_values = |headers: &mut Value| headers["Authorization"] = json!([]);
    dynamodb.calls();
    for event in [
        event(&[]),
        without_headers,
        event(&[("Authorization", "")]),
        event(&[("Authorization", scheme)]),
        event(&[("Authorization", token)]),
        event(&[("Authorization", &changed)]),
        event_with(&Credential::forged(Environment::Live, &account.id, text(&record, "id"))),
        event_with(&Credential::forged_session(&account.id, &account.user_id, &session_id)),
        event(&[("Authorization", &format!("Basic {token}"))]),
        event(&[("Authorization", &format!("Session {token}"))]),
        event(&[("Authorization", &format!("{valid}, {valid}"))]),
        event(&[("Authorization", valid), ("Authorization", valid)]),
        event(&[("Authorization", valid), ("authorization", session)]),
        event(&[("X-Api-Key", token)]),
        with(valid, "multiValueHeaders", &no_headers),
        with(valid, "multiValueHeaders", &no_authorization),
        with(valid, "multiValueHeaders", &two_values),
        with(valid, "multiValueHeaders", &repeated_in_lower_case),
        with(valid, "multiValueHeaders", &no_values),
        with(valid, "headers", &other_value),
        with(valid, "headers", &other_value_in_upper_case),
    ] {
        let error = authorize(&service, event.clone()).await.expect_err("an error instead of a policy");
        assert_eq!(error.error_message, "Unauthorized", "{event}");
    }
    assert_eq!(dynamodb.calls(), [""; 0]);
}

#[tokio::test]
async fn expired_replaced_or_logged_out_credential_returns_unauthorized() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let expires_at = service.time.in_seconds(60);
    let (expired, _) = service.key(&account.session, json!({"expires_at": expires_at})).await;
    let (replaced, record) = service.key(&account.session, json!({})).await;
    service.rotate(&record, &account.session, 0).await;
    let logged_out = service.login(&account.email).await;
    service.request("POST", "/v1/auth/logout").with(&logged_out).send().await.expect(204);
    service.time.pass(60);
    for credential in [expired, replaced, logged_out] {
        let error =
            authorize(&service, event_with(&credential)).await.expect_err("an error instead of a policy");
        assert_eq!(error.error_message, "Unauthorized");
    }
}

#[tokio::test]
async fn decision_takes_one_table_read() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    for credential in [&key, &account.session] {
        // The first requests record the use of the credential and reserve a batch of the key's quota.
        for _ in 0..10 {
            authorize(&service, event_with(credential)).await.expect("a policy");
        }
    }
    // In the next minute, one write reserves a batch as large as the number of recent requests.
    service.time.pass(60);
    for credential in [&key, &account.session] {
        dynamodb.calls();
        authorize(&service, event_with(credential)).await.expect("a policy");
        assert_eq!(dynamodb.calls(), ["BatchGetItem", "UpdateItem"]);
        for _ in 0..11 {
            authorize(&service, event_with(credential)).await.expect("a policy");
            assert_eq!(dynamodb.calls(), ["BatchGetItem"]);
        }
    }
}

#[tokio::test]
async fn header_name_and_scheme_in_any_case_are_accepted() {
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
async fn table_failure_returns_an_error_other_than_unauthorized() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    dynamodb.inject(Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"), None);
    let error =
        authorize(&service, event_with(&account.session)).await.expect_err("an error instead of a policy");
    assert_eq!(error.error_message, "No decision was possible");
}

/// Returns the authorizer event of a request for a route of another API, with this id as its `{project_id}`.
fn event_in_another_api(credential: &Credential, route: &str, project_id: &str) -> Value {
    let mut event = event_with(credential);
    event["resource"] = json!(route);
    event["requestContext"]["resourcePath"] = json!(route);
    event["pathParameters"] = json!({"project_id": project_id, "sample_id": "1"});
    event
}

#[tokio::test]
async fn routes_below_a_project_in_other_apis_are_decided_by_permission_and_scope() {
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
            let event = event_in_another_api(credential, route, project_id);
            let policy = authorize(&service, event).await.expect("a policy");
            let statement = &policy["policyDocument"]["Statement"][0];
            assert_eq!(statement["Effect"], effect, "{route} of {project_id}");
            assert_eq!(statement["Resource"], ARN);
        }
    }
}

#[tokio::test]
async fn all_other_routes_in_other_apis_return_deny() {
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
            let event = event_in_another_api(credential, route, "proj_a");
            let policy = authorize(&service, event).await.expect("a policy");
            assert_eq!(policy["policyDocument"]["Statement"][0]["Effect"], "Deny", "{route}");
        }
    }
}
