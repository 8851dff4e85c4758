//! This version of the service reads the items of the previous version as they are.
//!
//! `previous_items.json` contains a table of the previous version with items of each kind, its secrets, and the credentials of its
//! members and keys. `CONTRIBUTING.md` explains when to record it.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::PathBuf,
};

use gateway::Data;
use serde_dynamo::AttributeValue;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    response::text,
    service::{Credential, Item, OwnService, key_path},
};

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/deployment/previous_items.json"))
}

/// Starts a service whose secrets are in `folder`, or are stored there.
async fn start(folder: &TempDir) -> OwnService {
    OwnService::start_with(|options| options.data = Data::Folder(folder.path().to_owned())).await
}

fn secrets(folder: &TempDir) -> PathBuf {
    folder.path().join("secrets.json")
}

/// Starts this version of the service with the secrets and the items of the previous one. Also returns the recording.
async fn start_with_previous_items(folder: &TempDir) -> (OwnService, Value) {
    let recording = fs::read_to_string(path()).expect("the file");
    let recording: Value = serde_json::from_str(&recording).expect("JSON");
    fs::write(secrets(folder), recording["secrets"].to_string()).expect("the secrets are written");
    let service = start(folder).await;
    let table = service.gateway.table("Table").expect("the table");
    for item in items_of(&recording) {
        let put = service.gateway.dynamodb().put_item().table_name(table).set_item(Some(item));
        put.send().await.expect("the item is stored");
    }
    (service, recording)
}

/// Returns the items of a recording, which has them in DynamoDB's JSON format.
fn items_of(recording: &Value) -> Vec<Item> {
    let items = recording["items"].as_array().expect("items").iter();
    items
        .map(|item| {
            let item: serde_dynamo::Item = serde_json::from_value(item.clone()).expect("an item");
            item.into_inner().into_iter().map(|(name, value)| (name, value.into())).collect()
        })
        .collect()
}

fn credential(recording: &Value, name: &str) -> Credential {
    Credential(text(recording, name).to_owned())
}

/// The kind of an item: its keys with their variable parts replaced.
fn kind(item: &Item) -> String {
    let key = |name: &str| {
        let key = item[name].as_s().expect("a text");
        let words = key
            .split('#')
            .map(|word| if word.chars().all(|one| one.is_ascii_uppercase()) { word } else { "…" });
        words.collect::<Vec<_>>().join("#")
    };
    format!("{} {}", key("pk"), key("sk"))
}

fn idempotent_body() -> Value {
    json!({"name": "Idempotent", "permissions": ["read"]})
}

/// Makes an account with items of each kind.
async fn record_account(service: &OwnService) -> Value {
    let account = service.account().await;
    let fields = json!({
        "name": "Study A", "permissions": ["read", "write"], "scope": {"projects": ["proj_a"]},
        "expires_at": "2999-01-30T12:00:00Z",
    });
    let (previous, created) = service.key(&account.session, fields).await;
    service.me(&previous).await.expect(200);
    let (current, _) = service.rotate(&created, &account.session, 604_800).await;
    let (revoked, revoked_record) = service.key(&account.session, json!({})).await;
    service.delete(&key_path(&revoked_record), &account.session).await.expect(204);
    service.member(&account.session, &["read"]).await;
    service.project(&account.session).await;
    let create = service.request("POST", "/v1/api-keys").with(&account.session);
    create.header("Idempotency-Key", "one").json(&idempotent_body()).send().await.expect(201);
    for email in [&account.email, "nobody@example.com"] {
        let login = json!({"email": email, "password": "a wrong password of 15"});
        service.request("POST", "/v1/auth/login").json(&login).send().await.expect(401);
    }
    let items = service.items().await.into_iter().map(|item| {
        let item = item.into_iter().map(|(name, value)| (name, AttributeValue::from(value)));
        serde_dynamo::Item::from(item.collect::<HashMap<_, _>>())
    });
    json!({
        "items": items.collect::<Vec<_>>(),
        "email": account.email,
        "rotated_key": service.get(&key_path(&created), &account.session).await.expect(200),
        "session": account.session.0,
        "current_secret": current.0,
        "previous_secret": previous.0,
        "revoked_secret": revoked.0,
    })
}

#[tokio::test]
#[ignore = "replaces the recorded items by those of this version, after a release"]
async fn record() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = start(&folder).await;
    let mut recording = record_account(&service).await;
    let secrets = fs::read_to_string(secrets(&folder)).expect("the secrets");
    recording["secrets"] = serde_json::from_str(&secrets).expect("JSON");
    let text = serde_json::to_string_pretty(&recording).expect("JSON");
    fs::write(path(), text + "\n").expect("the file is written");
}

#[tokio::test]
async fn each_kind_of_item_is_recorded() {
    let (recorded, current) = {
        let folder = tempfile::tempdir().expect("a folder");
        let (service, _) = start_with_previous_items(&folder).await;
        let mut recorded: BTreeSet<_> = service.items().await.iter().map(kind).collect();
        // A decoy, which nothing reads. This version writes others.
        recorded.remove("NOTHING UNREAD");
        let current = OwnService::start().await;
        record_account(&current).await;
        (recorded, current.items().await.iter().map(kind).collect::<BTreeSet<_>>())
    };
    assert!(recorded.is_subset(&current), "only recorded: {:?}", recorded.difference(&current));
    assert!(recorded.len() >= 12, "{recorded:?}");
}

#[tokio::test]
async fn credentials_and_lists_of_the_previous_version_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let (service, recording) = start_with_previous_items(&folder).await;
    let session = credential(&recording, "session");
    service.me(&session).await.expect(200);
    for (name, age) in [("current_secret", "current"), ("previous_secret", "previous")] {
        assert_eq!(service.me(&credential(&recording, name)).await.expect(200)["secret"], age);
    }
    service.me(&credential(&recording, "revoked_secret")).await.assert_unauthorized();
    service.login(text(&recording, "email")).await;
    for list in ["api-keys?status=all", "members", "projects", "audit-events", "auth/sessions"] {
        let page = service.get(&format!("/v1/{list}"), &session).await.expect(200);
        assert!(page["data"].as_array().is_some_and(|entities| !entities.is_empty()), "{list}: {page}");
    }
    let sessions = service.get("/v1/auth/sessions", &session).await.expect(200);
    let of_previous = sessions["data"].as_array().into_iter().flatten().find(|one| one["current"] == true);
    assert_eq!(of_previous.expect("the session")["ip_address"], Value::Null);
    // The replayed response of the previous version lacks the new fields, so it does not match the OpenAPI document.
    let authorization = format!("Authorization: {}", session.0);
    let headers = [&*authorization, "Content-Type: application/json", "Idempotency-Key: one"];
    let body = idempotent_body().to_string();
    let replayed = service.exchange("POST /v1/api-keys", &headers.map(str::as_bytes), &body).await;
    assert!(replayed.to_ascii_lowercase().contains("\r\nidempotency-replayed: true\r\n"), "{replayed}");
}

#[tokio::test]
async fn key_of_the_previous_version_is_shown_with_new_fields_and_can_be_changed_rotated_and_revoked() {
    let folder = tempfile::tempdir().expect("a folder");
    let (service, recording) = start_with_previous_items(&folder).await;
    let (session, before) = (credential(&recording, "session"), &recording["rotated_key"]);
    let path = key_path(before);
    let shown = service.get(&path, &session).await.expect(200);
    let Value::Object(fields) = before else { panic!("a key") };
    for (name, value) in fields {
        assert_eq!(&shown[name], value, "{name}");
    }
    assert_eq!((&shown["created_by"], &shown["allowed_ips"]), (&Value::Null, &Value::Null));
    let change = json!({"name": "Renamed", "allowed_ips": ["127.0.0.1"]});
    assert_eq!(service.patch(&path, &session, change).await.expect(200)["name"], "Renamed");
    service.me(&credential(&recording, "previous_secret")).await.expect(200);
    let rotated = service.post(&format!("{path}/rotate"), &session, json!({})).await.expect(200);
    service.me(&Credential::bearer(text(&rotated, "key"))).await.expect(200);
    service.me(&credential(&recording, "previous_secret")).await.assert_unauthorized();
    service.delete(&path, &session).await.expect(204);
    service.me(&credential(&recording, "current_secret")).await.assert_unauthorized();
}

#[tokio::test]
async fn key_without_a_creator_is_managed_only_with_admin() {
    let folder = tempfile::tempdir().expect("a folder");
    let (service, recording) = start_with_previous_items(&folder).await;
    let admin = credential(&recording, "session");
    let (member, _) = service.member(&admin, &["read", "write"]).await;
    let path = key_path(&recording["rotated_key"]);
    service.get(&path, &member).await.expect(200);
    service.patch(&path, &member, json!({"name": "New"})).await.assert_forbidden();
    service.delete(&path, &member).await.assert_forbidden();
}

#[tokio::test]
async fn sessions_of_the_previous_version_end_with_a_suspension_of_the_account() {
    let folder = tempfile::tempdir().expect("a folder");
    let (service, recording) = start_with_previous_items(&folder).await;
    let session = credential(&recording, "session");
    let account_id = text(&service.me(&session).await.body, "account_id").to_owned();
    for command in ["suspend_account", "restore_account"] {
        service.operate(json!({command: {"account_id": account_id}})).await.expect("the command succeeds");
        service.me(&session).await.assert_unauthorized();
    }
    let session = service.login(text(&recording, "email")).await;
    service.key(&session, json!({})).await;
}

#[tokio::test]
async fn sessions_of_an_account_that_the_previous_version_suspended_are_invalid() {
    let service = OwnService::start().await;
    let account = service.account().await;
    // The previous version only sets the status.
    let update = service.gateway.dynamodb().update_item().update_expression("SET #status = :suspended");
    let update = update.table_name(service.gateway.table("Table").expect("the table"));
    let update = update.expression_attribute_names("#status", "status");
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let update = update.expression_attribute_values(":suspended", text("suspended"));
    let update = update.key("pk", text(&format!("ACCOUNT#{}", account.id))).key("sk", text("ACCOUNT"));
    update.send().await.expect("the account is suspended");
    service.me(&account.session).await.assert_unauthorized();
    service.suspend(&account).await;
    service.restore(&account).await;
    service.me(&account.session).await.assert_unauthorized();
}
