//! Step-up: operations that need a recent authentication or a second factor.

use serde_json::{Value, json};

use crate::{
    caller::{Caller, NEED_A_PASSKEY},
    operation_table::{self, Row},
    response::{Response, text},
    service::{Account, Credential, OwnService, PASSWORD, Service, key_path, new_address},
};

/// A quarter of an hour, after which sensitive operations need another authentication, in seconds.
const RECENT: i64 = 15 * 60;

/// The operations of [`Caller`] that always need a recent authentication.
const SENSITIVE: [&str; 11] = [
    "POST /v1/api-keys/revoke",
    // The key has `admin`.
    "POST /v1/api-keys/{key_id}/rotate",
    "POST /v1/members",
    "POST /v1/members/{user_id}/invite",
    "PATCH /v1/members/{user_id}",
    "DELETE /v1/members/{user_id}",
    "PATCH /v1/account",
    "POST /v1/auth/passkeys",
    "POST /v1/auth/passkeys/options",
    "POST /v1/auth/recovery-codes",
    "DELETE /v1/auth/passkeys/{passkey_id}",
];

/// The operation whose request of [`Caller`] expires after five minutes.
const ADD_PASSKEY: &str = "POST /v1/auth/passkeys";

/// The operations that need a recent authentication if the account's policy says so.
const BY_POLICY: [&str; 3] =
    ["POST /v1/api-keys", "PATCH /v1/api-keys/{key_id}", "POST /v1/api-keys/{key_id}/rotate"];

/// The operations that a session without a second factor may use although the account requires one.
const WITHOUT_SECOND_FACTOR: [&str; 7] = [
    "GET /v1/auth/me",
    "HEAD /v1/auth/me",
    "POST /v1/auth/reauthenticate",
    "POST /v1/auth/passkeys/options",
    ADD_PASSKEY,
    "POST /v1/auth/password",
    "POST /v1/auth/logout",
];

#[track_caller]
fn assert_reauthentication_required(response: &Response, case: &str) {
    assert_eq!(response.status, 403, "{case}: {}", response.text);
    let body =
        r#"{"error": {"code": "REAUTHENTICATION_REQUIRED", "message": "Authenticate again to do this"}}"#;
    assert_eq!(response.text, body, "{case}");
}

#[track_caller]
fn assert_second_factor_required(response: &Response, case: &str) {
    assert_eq!(response.status, 403, "{case}: {}", response.text);
    let body = r#"{"error": {"code": "SECOND_FACTOR_REQUIRED", "message": "Add a passkey first"}}"#;
    assert_eq!(response.text, if response.is_head { "" } else { body }, "{case}");
}

async fn set_policy(service: &Service, account: &Account, policy: Value) {
    let command = json!({"set_policy": {"account_id": account.id, "policy": policy}});
    service.operate(command).await.expect("the policy is set");
}

async fn reauthenticate(service: &Service, session: &Credential) {
    service.post("/v1/auth/reauthenticate", session, json!({"password": PASSWORD})).await.expect(204);
}

async fn number_of_events(service: &Service, account: &Account) -> usize {
    let events = service.get("/v1/audit-events?limit=100", &account.session).await.expect(200);
    events["data"].as_array().expect("a list").len()
}

/// Sends a request of each operation with the session of a member that authenticated `age` seconds ago. Returns the responses with the
/// names of the operations.
async fn responses_of_a_session(
    service: &OwnService,
    account: &Account,
    age: i64,
) -> Vec<(String, Response)> {
    let (mut responses, mut unchanged) = (Vec::new(), None);
    for row in operation_table::rows().filter(|row| row.access.is_some()) {
        let caller = if let Some(caller) = unchanged.take() {
            caller
        } else {
            // One session would end before all operations are sent.
            let admin = Account { session: service.login(&account.email).await, ..account.clone() };
            let caller = Caller::new(service, &admin).await;
            service.post("/v1/auth/logout", &admin.session, json!({})).await.expect(204);
            service.time.pass(age);
            caller
        };
        let response = caller.request(service, row.method, row.path, &caller.session).send().await;
        unchanged = keeps_caller(&row, &response).then_some(caller);
        responses.push((row.name(), response));
    }
    responses
}

/// Returns true if the caller can send further requests, because this one has changed nothing.
fn keeps_caller(row: &Row, response: &Response) -> bool {
    response.status >= 400 || ["GET", "HEAD"].contains(&row.method)
}

#[tokio::test]
async fn each_sensitive_operation_needs_an_authentication_in_the_last_15_minutes() {
    let service = OwnService::start().await;
    let account = service.account().await;
    for (name, response) in responses_of_a_session(&service, &account, RECENT).await {
        if SENSITIVE.contains(&name.as_str()) {
            assert_reauthentication_required(&response, &name);
        } else {
            assert!(response.status < 400, "{name}: {}", response.text);
        }
    }
}

#[tokio::test]
async fn each_change_of_a_key_needs_an_authentication_as_recent_as_the_policy_says() {
    let service = OwnService::start().await;
    let account = service.account().await;
    set_policy(&service, &account, json!({"reauthentication_minutes": 5})).await;
    for (name, response) in responses_of_a_session(&service, &account, 5 * 60).await {
        if BY_POLICY.contains(&name.as_str()) {
            assert_reauthentication_required(&response, &name);
        } else if name == ADD_PASSKEY {
            response.assert_bad_field("credential");
        } else {
            assert!(response.status < 400, "{name}: {}", response.text);
        }
    }
}

#[tokio::test]
async fn each_operation_except_the_exempt_ones_needs_the_second_factor_that_the_policy_requires() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let mut unchanged = None;
    for row in operation_table::rows().filter(|row| row.access.is_some()) {
        let caller = if let Some(caller) = unchanged.take() {
            caller
        } else {
            set_policy(&service, &account, json!({"require_second_factor": false})).await;
            let caller = Caller::new(&service, &account).await;
            set_policy(&service, &account, json!({"require_second_factor": true})).await;
            caller
        };
        // The caller sends these with a session that has a second factor. Without one, they are rejected before the passkey matters.
        let needs_passkey = NEED_A_PASSKEY.contains(&(row.method, row.path));
        let session = if needs_passkey { &account.session } else { &caller.session };
        let response = caller.request(&service, row.method, row.path, session).send().await;
        if WITHOUT_SECOND_FACTOR.contains(&row.name().as_str()) {
            assert!(response.status < 400, "{}: {}", row.name(), response.text);
        } else {
            assert_second_factor_required(&response, &row.name());
        }
        unchanged = keeps_caller(&row, &response).then_some(caller);
    }
}

#[tokio::test]
async fn reauthentication_allows_what_was_rejected_and_the_rejection_changed_nothing() {
    let service = OwnService::start().await;
    let account = service.account().await;
    service.time.pass(RECENT);
    let before = number_of_events(&service, &account).await;
    let change = async || service.patch("/v1/account", &account.session, json!({"name": "New"})).await;
    assert_reauthentication_required(&change().await, "change");
    assert_eq!(number_of_events(&service, &account).await, before);
    reauthenticate(&service, &account.session).await;
    change().await.expect(200);
    // The limit counts from the last authentication.
    service.time.pass(RECENT - 1);
    service.time.back_to_second_start();
    change().await.expect(200);
    service.time.pass(1);
    assert_reauthentication_required(&change().await, "later change");
}

#[tokio::test]
async fn login_counts_as_an_authentication() {
    let service = OwnService::start().await;
    let account = service.account().await;
    service.time.pass(RECENT);
    let session = service.login(&account.email).await;
    service.patch("/v1/account", &session, json!({"name": "New"})).await.expect(200);
}

#[tokio::test]
async fn keys_are_exempt() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    set_policy(&service, &account, json!({"reauthentication_minutes": 5, "require_second_factor": true}))
        .await;
    service.time.pass(20 * RECENT);
    let (_, made) = service.key(&key, json!({})).await;
    service.patch(&key_path(&made), &key, json!({"name": "New"})).await.expect(200);
    service.rotate(&made, &key, 0).await;
    service.get(&key_path(&record), &key).await.expect(200);
    service.get("/v1/members", &key).await.expect(200);
}

#[tokio::test]
async fn key_that_has_or_gains_admin_needs_a_recent_authentication_unless_it_is_only_narrowed() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (_, admin) = service.key(&account.session, json!({"permissions": ["read", "admin"]})).await;
    let (_, reader) = service.key(&account.session, json!({"permissions": ["read"]})).await;
    service.time.pass(RECENT);
    let rotate = |key: &Value| format!("{}/rotate", key_path(key));
    let patch = async |key: &Value, body: Value| {
        let response = service.patch(&key_path(key), &account.session, body.clone()).await;
        (response, body.to_string())
    };
    let post = async |path: &str, body: Value| service.post(path, &account.session, body).await;

    let new = json!({"name": "A", "permissions": ["admin"]});
    assert_reauthentication_required(&post("/v1/api-keys", new).await, "create");
    assert_reauthentication_required(&post(&rotate(&admin), json!({})).await, "rotate");
    let malformed = json!({"grace_period": "long"});
    assert_reauthentication_required(&post(&rotate(&admin), malformed.clone()).await, "rotate, malformed");
    post(&rotate(&reader), malformed).await.assert_bad_field("grace_period");
    for (key, widening) in [
        (&admin, json!({"permissions": ["read", "write", "admin"]})),
        (&admin, json!({"permissions": ["read", "write"]})),
        (&reader, json!({"permissions": ["read", "admin"]})),
    ] {
        let (response, case) = patch(key, widening).await;
        assert_reauthentication_required(&response, &case);
    }
    for (key, narrowing) in [
        (&admin, json!({"name": "New"})),
        (&admin, json!({"allowed_ips": ["127.0.0.1"]})),
        (&admin, json!({"expires_at": service.time.in_seconds(9_000)})),
        (&admin, json!({"disabled": true})),
        (&reader, json!({"permissions": ["read", "write"], "disabled": true})),
        (&reader, json!({"disabled": false})),
    ] {
        let (response, case) = patch(key, narrowing).await;
        assert_eq!(response.status, 200, "{case}: {}", response.text);
    }
    for widening in [json!({"allowed_ips": null}), json!({"expires_at": null}), json!({"disabled": false})] {
        let (response, case) = patch(&admin, widening).await;
        assert_reauthentication_required(&response, &case);
    }
    post("/v1/api-keys", json!({"name": "A", "permissions": ["write"]})).await.expect(201);
    post(&rotate(&reader), json!({})).await.expect(200);
    reauthenticate(&service, &account.session).await;
    patch(&admin, json!({"disabled": false, "allowed_ips": null})).await.0.expect(200);
    post(&rotate(&admin), json!({})).await.expect(200);
}

#[tokio::test]
async fn missing_permission_comes_first_and_a_malformed_body_last() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (reader, _) = service.member(&account.session, &["read"]).await;
    service.time.pass(RECENT);
    service.patch("/v1/account", &reader, json!({"name": "New"})).await.assert_forbidden();
    let malformed = service.request("PATCH", "/v1/account?x=1").with(&account.session).body("{").send().await;
    assert_reauthentication_required(&malformed, "malformed");
    set_policy(&service, &account, json!({"require_second_factor": true})).await;
    service.patch("/v1/account", &reader, json!({"name": "New"})).await.assert_forbidden();
    let both = service.patch("/v1/account", &account.session, json!({"name": "New"})).await;
    assert_second_factor_required(&both, "both");
}

#[tokio::test]
async fn other_apis_reject_a_session_without_the_second_factor() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let project = service.project(&account.session).await;
    let event = |credential: &Credential| {
        json!({
            "type": "REQUEST",
            "methodArn": "arn:aws:execute-api:eu-central-1:123456789012:api/live/GET/v1/projects/p/samples",
            "resource": "/v1/projects/{project_id}/samples",
            "path": format!("/v1/projects/{project}/samples"),
            "httpMethod": "GET",
            "headers": {"Authorization": credential.0},
            "multiValueHeaders": {"Authorization": [credential.0]},
            "pathParameters": {"project_id": project},
            "queryStringParameters": null,
            "multiValueQueryStringParameters": null,
            "requestContext": {
                "requestId": "1", "identity": {"sourceIp": "127.0.0.1"},
                "resourcePath": "/v1/projects/{project_id}/samples", "httpMethod": "GET",
            },
        })
    };
    let (key, _) = service.key(&account.session, json!({})).await;
    let effect = async |credential: &Credential| {
        let policy = service.invoke("authorizer", &event(credential)).await.expect("a policy");
        text(&policy["policyDocument"]["Statement"][0], "Effect").to_owned()
    };
    assert_eq!(effect(&account.session).await, "Allow");
    set_policy(&service, &account, json!({"require_second_factor": true})).await;
    assert_eq!(effect(&account.session).await, "Deny");
    assert_eq!(effect(&key).await, "Allow");
}

#[tokio::test]
async fn invitation_needs_a_recent_authentication_whatever_its_permissions() {
    let service = OwnService::start().await;
    let account = service.account().await;
    service.time.pass(RECENT);
    let body = json!({"email": new_address(), "permissions": ["read"]});
    let response = service.post("/v1/members", &account.session, body).await;
    assert_reauthentication_required(&response, "create");
}
