//! Each function may do in AWS what it does, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::{
    faults::pepper_rotation,
    response::text,
    service::{OwnService, PASSWORD, Service, key_path},
};

/// The tests' own calls, and the gateway's.
const GATEWAY: &str = "gateway";

#[tokio::test]
async fn what_the_template_allows_is_what_functions_do() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    do_everything(&service).await;
    // A login after a change of the pepper hashes the password anew.
    pepper_rotation::change(&service).await;
    let account = service.account().await;
    service.time.pass(300);
    service.login(&account.email).await;

    let mut done = dynamodb.actions();
    done.remove(GATEWAY);
    let mut allowed = service.gateway.actions().clone();
    // The pepper is fetched from elsewhere, when a function starts.
    let fetch = "secretsmanager:GetSecretValue";
    let peppered: Vec<_> = allowed
        .iter_mut()
        .filter_map(|(name, actions)| actions.remove(fetch).then_some(name.clone()))
        .collect();
    assert_eq!(
        peppered,
        ["api-keys-create", "api-keys-rotate", "authorizer", "login", "members", "operator", "password"]
    );
    allowed.retain(|_, actions| !actions.is_empty());
    for (function, allowed) in &allowed {
        assert_eq!(done.get(function), Some(allowed), "{function}");
    }
    let callers = |actions: &BTreeMap<String, BTreeSet<String>>| actions.keys().cloned().collect::<Vec<_>>();
    assert_eq!(callers(&done), callers(&allowed));
}

/// Takes each path through each function that ends in another call to the table.
async fn do_everything(service: &Service) {
    let account = service.account().await;
    service.suspend(&account).await;
    service.restore(&account).await;
    let command = json!({"enable_password": {"email": account.email}});
    service.operate(command).await.expect("it is enabled");
    let admin = &account.session;

    let named = service.request("POST", "/v1/api-keys").with(admin).header("Idempotency-Key", "first");
    named.json(&json!({"name": "A key", "permissions": ["read"]})).send().await.expect(201);
    let (key, record) = service.key(admin, json!({})).await;
    service.rotate(&record, admin, 60).await;
    service.rotate(&record, &key, 60).await;
    service.get("/v1/api-keys", admin).await.expect(200);
    service.get(&key_path(&record), admin).await.expect(200);
    service.me(admin).await.expect(200);

    let project = format!("/v1/projects/{}", service.project(admin).await);
    let (scoped, _) = service.key(admin, json!({"scope": {"projects": ["proj_a"]}})).await;
    service.get("/v1/projects", &scoped).await.expect(200);
    service.get("/v1/projects", admin).await.expect(200);
    service.get(&project, admin).await.expect(200);
    service.patch(&project, admin, json!({"name": "B"})).await.expect(200);
    service.delete(&project, admin).await.expect(204);

    let (member, id) = service.member(admin, &["read", "admin"]).await;
    let path = format!("/v1/members/{id}");
    service.get("/v1/members", admin).await.expect(200);
    service.get(&path, admin).await.expect(200);
    service.patch(&path, &member, json!({})).await.expect(200);
    service.patch(&path, admin, json!({"permissions": ["read"]})).await.expect(200);
    service.delete(&path, admin).await.expect(204);

    let other = service.login(&account.email).await;
    let sessions = service.get("/v1/auth/sessions", &other).await.expect(200);
    let own = sessions["data"].as_array().expect("a list").iter().find(|session| session["current"] == true);
    service
        .delete(&format!("/v1/auth/sessions/{}", text(own.expect("itself"), "id")), admin)
        .await
        .expect(204);
    service.get("/v1/audit-events", admin).await.expect(200);
    let body = json!({"current_password": PASSWORD, "new_password": "two lizards on the wall"});
    service.post("/v1/auth/password", admin, body).await.expect(204);
    service.delete(&key_path(&record), admin).await.expect(204);
    service.request("POST", "/v1/auth/logout").with(admin).send().await.expect(204);
}
