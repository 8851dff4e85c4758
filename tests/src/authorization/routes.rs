//! Access to routes: the response of every route to every kind of credential.

use gateway::functions::{FUNCTIONS, operations};
use serde_json::json;
use shared::{
    authorization::routes::{self, MatchedRoute},
    primitives::{clock::Clock, environment::Environment, id::KeyId, random::Random},
};

use crate::{
    operation_table,
    response::{Response, text},
    service::{Account, Credential, OwnService, Service},
};

/// The routes that return pages instead of JSON, without their `HEAD` routes. The modules `dashboard` and `docs` test them.
const PAGES: [(&str, &str); 5] = [
    ("GET", "/"),
    ("GET", "/.well-known/change-password"),
    ("GET", "/dashboard"),
    ("GET", "/dashboard/assets/{hash}/{file}"),
    ("GET", "/docs"),
];

/// The permissions of the columns `rwda*`.
const PERMISSIONS: [&[&str]; 5] =
    [&["read"], &["write"], &["delete"], &["admin"], &["read", "write", "delete", "admin"]];

/// Returns the routes that need a credential: method, path, and the access columns of the operation table.
fn protected() -> impl Iterator<Item = (&'static str, &'static str, String)> {
    operation_table::rows().filter_map(|row| Some((row.method, row.path, row.access?)))
}

/// Sends a request with unknown ids and an empty object as its body. It changes nothing, even if it is authorized.
async fn send(service: &Service, method: &str, path: &str, credential: Option<&Credential>) -> Response {
    let path = path
        .replace("{session_id}", "sid_0000000000000000")
        .replace("{passkey_id}", "pk_0000000000000000")
        .replace("{key_id}", "key_0000000000000000")
        .replace("{project_id}", "proj_own")
        .replace("{user_id}", "user_0000000000000000");
    let request = service.request(method, &path).json(&json!({}));
    match credential {
        Some(credential) => request.with(credential).send().await,
        None => request.send().await,
    }
}

#[tokio::test]
async fn every_template_route_is_in_the_operation_table() {
    let service = OwnService::start().await;
    let in_template = |public: bool| {
        let routes = service.gateway.routes().iter().filter(|route| route.public == public);
        let mut routes: Vec<_> = routes.map(|route| (route.method.as_str(), route.path.as_str())).collect();
        routes.sort_unstable();
        routes
    };
    let mut protected: Vec<_> = protected().map(|(method, path, _)| (method, path)).collect();
    protected.sort_unstable();
    assert_eq!(in_template(false), protected);
    let mut public: Vec<_> = operation_table::with_head(PAGES).collect();
    public.extend(operation_table::public_routes());
    public.sort_unstable();
    assert_eq!(in_template(true), public);
}

#[tokio::test]
async fn simulation_knows_exactly_the_routes_of_the_template() {
    let service = OwnService::start().await;
    let in_template = |public: bool| {
        let routes = service.gateway.routes().iter().filter(move |route| route.public == public);
        routes.map(|route| (route.method.as_str(), route.path.as_str()))
    };
    let mut protected: Vec<_> = in_template(false).map(|(_, path)| path).collect();
    protected.sort_unstable();
    protected.dedup();
    let mut known = routes::PROTECTED;
    known.sort_unstable();
    assert_eq!(protected, known);
    let mut public: Vec<_> = in_template(true).collect();
    public.sort_unstable();
    let mut known: Vec<_> = operation_table::with_head(routes::PUBLIC).collect();
    known.sort_unstable();
    assert_eq!(public, known);
    // API Gateway prefers a literal to a parameter.
    let path = "/v1/api-keys/revoke";
    assert_eq!(MatchedRoute::of(path).expect("a route").path, path);
}

#[tokio::test]
async fn every_get_route_has_a_head_route_of_the_same_function_and_authorizer() {
    let service = OwnService::start().await;
    let of_method = |method: &str| {
        let routes = service.gateway.routes().iter().filter(|route| route.method == method);
        let mut routes: Vec<_> = routes.map(|route| (&route.path, &route.function, route.public)).collect();
        routes.sort_unstable();
        routes
    };
    assert!(!of_method("GET").is_empty());
    assert_eq!(of_method("GET"), of_method("HEAD"));
}

#[test]
fn every_operation_has_a_row_and_is_implemented_by_its_function() {
    let mut documented: Vec<_> = operations().map(|operation| operation.route.to_owned()).collect();
    let in_table = operation_table::routes().filter(|(method, _)| *method != "HEAD");
    let mut in_table: Vec<_> = in_table.map(|(method, path)| format!("{method} {path}")).collect();
    documented.sort_unstable();
    in_table.sort_unstable();
    assert_eq!(documented, in_table);
    for function in FUNCTIONS {
        for operation in function.operations {
            assert_eq!(operation.function, function.name, "{}", operation.route);
        }
    }
}

#[tokio::test]
async fn valid_credential_is_authorized_as_the_operation_table_states() {
    let service = Service::start().await;
    let session = service.account().await.session;
    let key = async |limits| service.key(&session, limits).await;
    let mut credentials = Vec::new();
    for environment in ["live", "test"] {
        for permissions in PERMISSIONS {
            credentials.push(key(json!({"type": environment, "permissions": permissions})).await.0);
        }
    }
    for project in ["proj_own", "proj_foreign"] {
        credentials.push(key(json!({"scope": {"projects": [project]}})).await.0);
    }
    for permissions in PERMISSIONS {
        credentials.push(service.member(&session, permissions).await.0);
    }

    let access = async |method: &str, path: &str, credential: &Credential| {
        let response = send(&service, method, path, Some(credential)).await;
        assert_ne!(response.status, 401, "{method} {path}: {}", response.text);
        if response.status == 403 {
            response.assert_forbidden();
        }
        if response.status == 403 { '-' } else { '+' }
    };
    for (method, path, expected) in protected() {
        let mut actual = String::new();
        for credential in &credentials {
            actual.push(access(method, path, credential).await);
        }
        // The last column is a key on its own routes.
        let (key, record) = key(json!({"permissions": ["read"]})).await;
        actual.push(access(method, &path.replace("{key_id}", text(&record, "id")), &key).await);
        assert_eq!(actual, expected, "{method} {path}");
    }
}

/// Returns credentials that are not valid, each with a description.
async fn invalid_credentials(
    service: &OwnService,
    account: &Account,
) -> Vec<(&'static str, Option<Credential>)> {
    let key = async |limits| service.key(&account.session, limits).await;
    let (valid, record) = key(json!({})).await;
    let unknown = KeyId::new(&Clock::system(), &Random::system()).to_string();
    let mac_key = service.token_mac_key().await;
    let wrong = |id: &str| Credential::with_wrong_secret(&mac_key, Environment::Live, &account.id, id);
    let last = if valid.0.ends_with('0') { "1" } else { "0" };
    let mistyped = format!("{}{last}", &valid.0[..valid.0.len() - 1]);

    let (revoked, revoked_record) = key(json!({})).await;
    service.delete(&crate::service::key_path(&revoked_record), &account.session).await.expect(204);
    let (expired, _) = key(json!({"expires_at": service.time.in_seconds(60)})).await;
    let (replaced, replaced_record) = key(json!({})).await;
    service.rotate(&replaced_record, &account.session, 60).await;
    service.time.pass(60);

    let logged_out = service.login(&account.email).await;
    service.post("/v1/auth/logout", &logged_out, json!({})).await.expect(204);
    let (of_suspended, suspended) = service.member(&account.session, &["read", "admin"]).await;
    let path = format!("/v1/members/{suspended}");
    service.patch(&path, &account.session, json!({"status": "suspended"})).await.expect(200);
    let (of_removed, removed) = service.member(&account.session, &["read", "admin"]).await;
    service.delete(&format!("/v1/members/{removed}"), &account.session).await.expect(204);
    let two = format!("{}, {}", valid.0, account.session.0);

    vec![
        ("none", None),
        ("garbage", Some(Credential("garbage".to_owned()))),
        ("a key with a typo", Some(Credential(mistyped))),
        ("a forged key", Some(Credential::forged(Environment::Live, &account.id, text(&record, "id")))),
        ("an unknown key", Some(wrong(&unknown))),
        ("a key with a wrong secret", Some(wrong(text(&record, "id")))),
        ("an expired key", Some(expired)),
        ("a revoked key", Some(revoked)),
        ("a replaced secret after its grace period", Some(replaced)),
        ("a session that was logged out", Some(logged_out)),
        ("a session of a suspended member", Some(of_suspended)),
        ("a session of a removed member", Some(of_removed)),
        ("two credentials at once", Some(Credential(two))),
    ]
}

#[tokio::test]
async fn invalid_credential_returns_401_on_every_route() {
    let service = OwnService::start().await;
    let account = service.account().await;
    for (kind, credential) in invalid_credentials(&service, &account).await {
        for (method, path, _) in protected() {
            println!("{method} {path} with {kind}");
            send(&service, method, path, credential.as_ref()).await.assert_unauthorized();
        }
    }
}

#[tokio::test]
async fn idle_session_returns_401_on_every_route() {
    let service = OwnService::start().await;
    let session = service.account().await.session;
    service.time.pass(3_600);
    for (method, path, _) in protected() {
        println!("{method} {path}");
        send(&service, method, path, Some(&session)).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn key_of_a_suspended_account_returns_403_and_a_session_401_on_every_route() {
    let service = Service::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    service.suspend(&account).await;
    for (method, path, _) in protected() {
        println!("{method} {path}");
        send(&service, method, path, Some(&key)).await.assert_forbidden();
        send(&service, method, path, Some(&account.session)).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn public_route_ignores_credentials() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let mut credentials = invalid_credentials(&service, &account).await;
    credentials.push(("a session", Some(account.session.clone())));
    service.suspend(&account).await;
    for (kind, credential) in credentials {
        for (method, path) in operation_table::public_routes() {
            // The empty body lacks the fields that the operation requires.
            let status = if method == "POST" && !path.ends_with("/options") { 400 } else { 200 };
            let response = send(&service, method, path, credential.as_ref()).await;
            assert_eq!(response.status, status, "{method} {path} with {kind}: {}", response.text);
        }
    }
}
