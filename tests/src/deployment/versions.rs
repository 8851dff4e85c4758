//! Versions of the service work side by side: during a deployment, the authorizer of one version authorizes requests to
//! functions of the other.
//!
//! `previous_contexts.json` contains a context of each kind that the authorizer of the previous version returned.
//! `CONTRIBUTING.md` explains when to record it. `.ci/versions` tests the same with the programs of both versions.

use std::{collections::BTreeMap, fs, path::PathBuf};

use gateway::RouteInfo;
use serde_json::{Map, Value, json};
use shared::primitives::timestamp::Timestamp;

use crate::{
    authorization::{
        authorizer::{authorize, event_with},
        context::{event, protected_routes},
    },
    service::{OwnService, key_path},
};

type Context = Map<String, Value>;

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/deployment/previous_contexts.json"))
}

/// Returns the recorded contexts by their kinds.
fn previous_contexts() -> BTreeMap<String, Context> {
    let text = fs::read_to_string(path()).expect("the file");
    serde_json::from_str(&text).expect("contexts by their kinds")
}

/// Returns a context of each kind that the authorizer of this version returns.
async fn current_contexts(service: &OwnService) -> BTreeMap<String, Context> {
    let account = service.account().await;
    let (live, _) = service.key(&account.session, json!({})).await;
    let fields = json!({
        "type": "test",
        "permissions": ["read", "write"],
        "scope": {"projects": ["proj_b", "proj_a"]},
        "expires_at": "2027-01-30T12:00:00Z",
    });
    let (scoped, _) = service.key(&account.session, fields).await;
    let (previous, record) = service.key(&account.session, json!({"permissions": ["read"]})).await;
    service.rotate(&record, &account.session, 60).await;
    let limited = service.account().await;
    let limits = json!({"live": 1, "test": 1});
    let command = json!({"set_limits": {"account_id": limited.id, "requests_per_minute": limits}});
    service.operate(command).await.expect("the limits are set");
    let (exceeded, _) = service.key(&limited.session, json!({})).await;
    service.me(&exceeded).await.expect(200);

    let mut contexts = BTreeMap::new();
    for (kind, credential) in [
        ("live key", live),
        ("scoped test key that expires", scoped),
        ("previous secret of a key", previous),
        ("key over its rate limit", exceeded),
        ("session", account.session),
    ] {
        let mut policy = authorize(service, event_with(&credential)).await.expect("a policy");
        let Value::Object(context) = policy["context"].take() else { panic!("no context: {policy}") };
        contexts.insert(kind.to_owned(), context);
    }
    contexts
}

#[tokio::test]
async fn previous_contexts_are_accepted_by_each_function() {
    let service = OwnService::start().await;
    for (kind, context) in previous_contexts() {
        let authorizer = json!(context);
        let is_exceeded = context.get("rate_limit") == Some(&json!("exceeded"));
        for RouteInfo { method, path, function, .. } in protected_routes(&service) {
            let response = service.invoke(function, &event(method, path, Some(&authorizer))).await;
            let status =
                response.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"))["statusCode"].take();
            // The entities of the contexts do not exist in this table, so most changes fail with another error.
            let unexpected = [json!(401), json!(500), json!(503)];
            if is_exceeded {
                assert_eq!(status, 429, "{kind}: {method} {path}");
            } else {
                assert!(!unexpected.contains(&status), "{kind}: {method} {path} returned {status}");
            }
        }
        if !is_exceeded {
            let me = service
                .invoke("me", &event("GET", "/v1/auth/me", Some(&authorizer)))
                .await
                .expect("a response");
            let me: Value = serde_json::from_str(me["body"].as_str().expect("a body")).expect("JSON");
            for name in ["account_id", "key_id", "user_id", "email", "secret"] {
                assert_eq!(context.get(name).unwrap_or(&Value::Null), &me[name], "{kind}: {name} of {me}");
            }
        }
    }
}

/// The form of a value of a context, as far as functions rely on it.
fn form(value: &Value) -> String {
    let Some(text) = value.as_str() else { return format!("not a string: {value}") };
    match text.split_once('_') {
        _ if text.parse::<u32>().is_ok() => "number".to_owned(),
        _ if text.parse::<Timestamp>().is_ok() => "timestamp".to_owned(),
        Some((prefix, digits)) if digits.len() == 16 && !text.contains(',') => format!("id {prefix}"),
        _ => "text".to_owned(),
    }
}

#[tokio::test]
async fn current_contexts_have_all_fields_of_the_previous_ones_in_the_same_form() {
    let service = OwnService::start().await;
    let current = current_contexts(&service).await;
    let previous = previous_contexts();
    assert!(current.keys().eq(previous.keys()), "the kinds differ: record the contexts again");
    for (kind, context) in previous {
        for (name, value) in context {
            let now = current[&kind].get(&name).unwrap_or_else(|| panic!("{kind}: {name} is missing"));
            assert_eq!(form(now), form(&value), "{kind}: {name} was {value} and is {now}");
        }
    }
}

#[tokio::test]
async fn previous_context_of_a_changed_key_returns_409() {
    let service = OwnService::start().await;
    let account = service.account().await;
    for (change, status) in [(None, 201), (Some(json!({"name": "Renamed"})), 409)] {
        let (key, record) = service.key(&account.session, json!({})).await;
        if let Some(change) = change {
            service.patch(&key_path(&record), &account.session, change).await.expect(200);
        }
        let mut policy = authorize(&service, event_with(&key)).await.expect("a policy");
        let context = policy["context"].as_object_mut().expect("a context");
        for name in ["allowed_ips", "revision", "originating_member"] {
            assert!(context.remove(name).is_some(), "{name} is missing");
        }
        let create = event("POST", "/v1/api-keys", Some(&policy["context"]));
        let response = service.invoke("api-keys-create", &create).await.expect("a response");
        assert_eq!(response["statusCode"], status, "{response}");
    }
}

#[tokio::test]
#[ignore = "replaces the recorded contexts by those of this version, after a release"]
async fn record() {
    let service = OwnService::start().await;
    let contexts = current_contexts(&service).await;
    let text = serde_json::to_string_pretty(&contexts).expect("JSON");
    fs::write(path(), text + "\n").expect("the file is written");
}
