//! A restore of the table to an earlier moment, and the operator's command and the scripts that end what came back with it.
//!
//! The tests copy the table at that moment. Two other stacks use the copy as their existing table.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output, Stdio},
    time::Duration,
};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use shared::{
    model::audit_event_filter::EventType,
    primitives::{
        id::{AccountId, UserId},
        timestamp::Timestamp,
    },
};
use tempfile::TempDir;

use crate::{
    caller::NEW_PASSWORD,
    dynamodb::Fault,
    response::{Response, text},
    service::{Account, Credential, Item, OwnService, PASSWORD, key_path, new_address, new_stack},
};

/// The repository's `infra` folder, which contains the scripts.
const INFRA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra");

/// The two stacks that use the restored table.
struct Restored {
    /// The temporary stack of the runbook, which gets the operator's commands.
    temporary: OwnService,
    /// The service, which has moved to the restored table.
    moved: OwnService,
}

/// Copies `items` to a new table, and starts the two stacks that use it, with the clock of `original`.
async fn restored(original: &OwnService, items: Vec<Item>) -> Restored {
    let (client, table) = (original.gateway.dynamodb(), new_stack());
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let text = |name: &str| {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        attribute.attribute_type(ScalarAttributeType::S).build().expect("an attribute")
    };
    client
        .create_table()
        .table_name(&table)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash).expect("a key"))
        .key_schema(key("sk", KeyType::Range).expect("a key"))
        .attribute_definitions(text("pk"))
        .attribute_definitions(text("sk"))
        .send()
        .await
        .expect("the table is created");
    for item in items {
        client.put_item().table_name(&table).set_item(Some(item)).send().await.expect("the item is copied");
    }
    let environment = original.gateway.environment();
    let [pepper, token_mac_key] = ["PEPPER_SECRET_ID", "TOKEN_MAC_SECRET_ID"].map(|name| environment[name]);
    Restored {
        // Stands for the key that AWS generates for the stack. The gateway generates no secret if it uses the Secrets Manager of
        // another stack.
        temporary: stack_with(original, &table, pepper, pepper).await,
        moved: stack_with(original, &table, pepper, token_mac_key).await,
    }
}

/// Starts a stack that uses this table and these secrets, and the clock of `original`.
async fn stack_with(original: &OwnService, table: &str, pepper: &str, token_mac_key: &str) -> OwnService {
    OwnService::start_with(|options| {
        options.clock = original.time.clock();
        options.dynamodb = Some(original.gateway.dynamodb_url().to_owned());
        options.secrets_manager = Some(original.gateway.secrets_manager_url().to_owned());
        options.parameters = [
            ("ExistingTableName", table),
            ("ExistingTableArn", "arn:aws:dynamodb:eu-central-1:123456789012:table/restored"),
            ("ExistingPepperArn", pepper),
            ("ExistingTokenMacKeyArn", token_mac_key),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    })
    .await
}

/// An account with one key for each way in which a key ends, and a key that stays.
struct Study {
    account: Account,
    untouched: Credential,
    /// Each key's credential and response.
    revoked: (Credential, Value),
    revoked_by_itself: (Credential, Value),
    rotated: (Credential, Value),
    rotated_twice: (Credential, Value),
    rotated_with_grace_period: (Credential, Value),
    rotated_and_revoked: (Credential, Value),
    /// Sessions of the first member, apart from that of the account.
    logged_out: Credential,
    ended: Credential,
    /// A session and the id of a member who is removed, and of one who is suspended.
    removed: (Credential, String),
    suspended: (Credential, String),
}

impl Study {
    async fn new(service: &OwnService) -> Self {
        let account = service.account().await;
        let key = async || service.key(&account.session, json!({})).await;
        Self {
            untouched: key().await.0,
            revoked: key().await,
            revoked_by_itself: key().await,
            rotated: key().await,
            rotated_twice: key().await,
            rotated_with_grace_period: key().await,
            rotated_and_revoked: key().await,
            logged_out: service.login(&account.email).await,
            ended: service.login(&account.email).await,
            removed: service.member(&account.session, &["read", "admin"]).await,
            suspended: service.member(&account.session, &["read"]).await,
            account,
        }
    }

    /// Ends everything except the untouched key, in a different way each.
    async fn end(&self, service: &OwnService) {
        let admin = &self.account.session;
        service.delete(&key_path(&self.revoked.1), admin).await.expect(204);
        let (key, record) = &self.revoked_by_itself;
        service.delete(&key_path(record), key).await.expect(204);
        service.rotate(&self.rotated.1, admin, 0).await;
        service.rotate(&self.rotated_twice.1, admin, 60).await;
        service.rotate(&self.rotated_twice.1, admin, 0).await;
        service.rotate(&self.rotated_with_grace_period.1, admin, 60).await;
        service.rotate(&self.rotated_and_revoked.1, admin, 60).await;
        service.delete(&key_path(&self.rotated_and_revoked.1), admin).await.expect(204);
        service.request("POST", "/v1/auth/logout").with(&self.logged_out).send().await.expect(204);
        let sessions = service.get("/v1/auth/sessions", &self.ended).await.expect(200);
        let sessions = sessions["data"].as_array().expect("a list");
        let current = sessions.iter().find(|session| session["current"] == true).expect("the session");
        service.delete(&format!("/v1/auth/sessions/{}", text(current, "id")), admin).await.expect(204);
        service.delete(&format!("/v1/members/{}", self.removed.1), admin).await.expect(204);
        let suspended = json!({"status": "suspended"});
        service.patch(&format!("/v1/members/{}", self.suspended.1), admin, suspended).await.expect(200);
        let body = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
        service.post("/v1/auth/password", admin, body).await.expect(204);
        service.time.pass(60);
    }

    /// The keys that have ended, and the ids of these keys.
    fn ended_keys(&self) -> Vec<(&Credential, &str)> {
        [
            &self.revoked,
            &self.revoked_by_itself,
            &self.rotated,
            &self.rotated_twice,
            &self.rotated_with_grace_period,
            &self.rotated_and_revoked,
        ]
        .map(|(key, record)| (key, text(record, "id")))
        .into()
    }

    /// All sessions. Apart from the first one, they have ended.
    fn sessions(&self) -> [&Credential; 5] {
        [&self.account.session, &self.logged_out, &self.ended, &self.removed.0, &self.suspended.0]
    }

    fn named_keys(&self) -> Vec<Value> {
        let ids = self.ended_keys().into_iter().map(|(_, id)| id);
        ids.map(|id| json!({"account_id": self.account.id, "key_id": id})).collect()
    }
}

/// Runs the command until it is complete. Returns the sum of the ended credentials, and how many commands were sent.
async fn end_all(service: &OwnService, mut fields: Value) -> (u64, u64, usize) {
    let (mut keys, mut sessions) = (0, 0);
    for count in 1..20 {
        let result = service.operate(json!({"end_restored_credentials": fields})).await.expect("a result");
        keys += result["revoked_keys"].as_u64().expect("a number");
        sessions += result["ended_sessions"].as_u64().expect("a number");
        if result["cursor"].is_null() {
            return (keys, sessions, count);
        }
        fields["cursor"] = result["cursor"].clone();
    }
    panic!("the command does not end");
}

#[tokio::test]
async fn named_keys_and_all_sessions_end_and_other_keys_stay() {
    let service = OwnService::start().await;
    let studies = [Study::new(&service).await, Study::new(&service).await];
    let items = service.items().await;
    for study in &studies {
        study.end(&service).await;
        for credential in
            study.ended_keys().into_iter().map(|(key, _)| key).chain(study.sessions().into_iter().skip(1))
        {
            service.me(credential).await.expect(401);
        }
    }
    let created_before = service.time.in_seconds(0);
    let Restored { temporary, moved } = restored(&service, items).await;
    let mut keys = Vec::new();
    for study in &studies {
        // Everything came back. Otherwise, this test would prove nothing.
        for credential in study.ended_keys().into_iter().map(|(key, _)| key).chain(study.sessions()) {
            moved.me(credential).await.expect(200);
            temporary.me(credential).await.expect(401);
        }
        keys.extend(study.named_keys());
    }
    // The data can be tried there.
    let session = temporary.login(&studies[0].account.email).await;
    temporary.me(&session).await.expect(200);
    moved.me(&session).await.expect(401);
    service.time.pass(1);
    let unknown = json!({"account_id": studies[0].account.id, "key_id": "key_0000000000000000"});
    let of_other_account =
        json!({"account_id": studies[1].account.id, "key_id": studies[0].named_keys()[0]["key_id"]});
    keys.extend([unknown.clone(), of_other_account.clone()]);
    let new_session = moved.login(&studies[0].account.email).await;
    let command = json!({"end_restored_credentials": {"created_before": created_before, "keys": keys}});
    let result = temporary.operate(command.clone()).await.expect("a result");
    let expected = json!({
        "revoked_keys": 12, "unknown_keys": [unknown["key_id"], of_other_account["key_id"]],
        "ended_sessions": 10, "cursor": null,
    });
    assert_eq!(result, expected);
    for study in &studies {
        for credential in study.ended_keys().into_iter().map(|(key, _)| key).chain(study.sessions()) {
            moved.me(credential).await.expect(401);
        }
        moved.me(&study.untouched).await.expect(200);
    }

    // Each end is in the audit trail of its account, with the operator as its actor.
    let operator = json!({"type": "operator"});
    for study in &studies {
        let events = moved.get("/v1/audit-events?limit=100", &study.untouched).await.expect(200);
        let events: Vec<_> = events["data"].as_array().expect("a list").iter().collect();
        let by_operator = |kind: &str| {
            events.iter().filter(|event| event["type"] == kind && event["actor"] == operator).count()
        };
        assert_eq!((by_operator("api_key.revoked"), by_operator("session.ended")), (6, 5));
    }

    // A repetition ends nothing else, in particular no session that was created since.
    let items = service.gateway.dynamodb().scan().table_name(moved.gateway.environment()["TABLE_NAME"]);
    let before = items.clone().send().await.expect("the items").count();
    let again = temporary.operate(command).await.expect("a result");
    assert_eq!(again["ended_sessions"], 0);
    moved.me(&new_session).await.expect(200);
    assert_eq!(items.send().await.expect("the items").count(), before, "no event was added");
}

#[tokio::test]
async fn all_keys_revokes_every_key_created_before_the_time() {
    let service = OwnService::start().await;
    let studies = [Study::new(&service).await, Study::new(&service).await];
    let items = service.items().await;
    service.time.pass(60);
    let Restored { temporary, moved } = restored(&service, items).await;
    let created_before = service.time.in_seconds(0);
    service.time.pass(1);
    let session = moved.login(&studies[0].account.email).await;
    let (new_key, _) = moved.key(&session, json!({})).await;
    let fields = json!({"created_before": created_before, "all_keys": true});
    assert_eq!(end_all(&temporary, fields.clone()).await, (14, 10, 1));
    for study in &studies {
        let keys = study.ended_keys().into_iter().map(|(key, _)| key).chain([&study.untouched]);
        for credential in keys.chain(study.sessions()) {
            moved.me(credential).await.expect(401);
        }
    }
    moved.me(&session).await.expect(200);
    moved.me(&new_key).await.expect(200);
    assert_eq!(end_all(&temporary, fields).await, (0, 0, 1));
}

#[tokio::test]
async fn interrupted_run_resumes_with_the_cursor() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let mut keys = Vec::new();
    for _ in 0..12 {
        keys.push(service.key(&account.session, json!({})).await.0);
    }
    let mut sessions = vec![account.session.clone()];
    for _ in 0..8 {
        sessions.push(service.login(&account.email).await);
    }
    service.time.pass(1);
    let fields = json!({"created_before": service.time.in_seconds(0), "all_keys": true});
    let command = json!({"end_restored_credentials": fields});

    // Until a transaction fails, the work is done.
    dynamodb.inject_at(Fault::Cancel("InternalServerError"), Some("TransactWriteItems"), 5..usize::MAX);
    let error = service.operate(command.clone()).await.expect_err("DynamoDB fails");
    assert_eq!(error.error_type, "UNAVAILABLE");
    // One command has no time for the other 16 transactions.
    dynamodb.inject(Fault::Delay(Duration::from_millis(700)), Some("TransactWriteItems"));
    let first = service.operate(command).await.expect("a result");
    dynamodb.recover();
    let ended = |result: &Value| {
        result["revoked_keys"].as_u64().expect("a number")
            + result["ended_sessions"].as_u64().expect("a number")
    };
    assert!((1..16).contains(&ended(&first)), "{first}");
    // The cursor belongs to this command.
    let mut other = json!({"created_before": fields["created_before"], "cursor": first["cursor"]});
    let error = service.operate(json!({"end_restored_credentials": other})).await;
    assert_eq!(error.expect_err("another command").error_type, "BAD_REQUEST");
    other = fields.clone();
    other["cursor"] = first["cursor"].clone();
    let (more_keys, more_sessions, _) = end_all(&service, other).await;
    assert_eq!(5 + ended(&first) + more_keys + more_sessions, 21);
    for credential in keys.iter().chain(&sessions) {
        service.me(credential).await.expect(401);
    }
}

#[tokio::test]
async fn named_keys_and_the_scan_share_the_time_of_one_command() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let mut keys = Vec::new();
    for _ in 0..8 {
        keys.push(json!({"account_id": account.id, "key_id": service.key(&account.session, json!({})).await.1["id"]}));
    }
    for _ in 0..5 {
        service.login(&account.email).await;
    }
    service.time.pass(1);
    let mut fields = json!({"created_before": service.time.in_seconds(0), "keys": keys});

    // The named keys need more than six seconds, and everything needs more than the nine seconds of an invocation.
    dynamodb.inject(Fault::Delay(Duration::from_millis(800)), Some("TransactWriteItems"));
    let first = service.operate(json!({"end_restored_credentials": fields})).await.expect("a result");
    dynamodb.recover();
    assert_eq!(first["revoked_keys"], 8);
    assert!(first["cursor"].is_string(), "{first}");
    fields["cursor"] = first["cursor"].clone();
    let first_sessions = first["ended_sessions"].as_u64().expect("a number");
    assert_eq!(end_all(&service, fields).await, (8, 6 - first_sessions, 1));
}

/// A cursor contains no email address, so no command can continue at an item that an address identifies.
#[tokio::test]
async fn page_that_ends_at_an_email_item_does_not_repeat_the_cursor() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let created_before = service.time.in_seconds(0);
    let table = service.gateway.table("Table").expect("the table");
    // A page of the scan has at most one megabyte.
    for number in 0..4 {
        let put = service.gateway.dynamodb().put_item().table_name(table);
        put.item("pk", AttributeValue::S(format!("EMAIL#{number}@example.com")))
            .item("sk", AttributeValue::S("EMAIL".to_owned()))
            .item("padding", AttributeValue::S("x".repeat(390_000)))
            .send()
            .await
            .expect("the item is stored");
    }
    let cursor = URL_SAFE_NO_PAD.encode(format!("{created_before} false EMAIL# -"));
    // These keys do not exist. They use up the time of the command.
    let key = json!({"account_id": "acct_0000000000000000", "key_id": "key_0000000000000000"});
    let fields = json!({"created_before": created_before, "keys": vec![key; 8], "cursor": cursor});
    dynamodb.inject(Fault::Delay(Duration::from_millis(800)), Some("TransactWriteItems"));
    let result = service.operate(json!({"end_restored_credentials": fields})).await.expect("a result");
    assert_ne!(result["cursor"], cursor);
}

#[tokio::test]
async fn session_that_is_used_during_the_run_stays_ended() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    service.time.pass(120);
    let command = json!({"end_restored_credentials": {"created_before": service.time.in_seconds(0)}});
    // The authorizer has read the session and is about to record its use.
    let mut use_of_session = dynamodb.hold("UpdateItem");
    let request = service.me(&account.session);
    let run = async {
        use_of_session.arrived().await;
        let result = service.operate(command.clone()).await.expect("a result");
        assert_eq!(result["ended_sessions"], 1);
        drop(use_of_session);
    };
    tokio::join!(request, run);
    service.me(&account.session).await.expect(401);
}

#[tokio::test]
async fn key_that_is_rotated_during_the_run_is_revoked() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let mut revocation = dynamodb.hold("TransactWriteItems");
    let keys = [json!({"account_id": account.id, "key_id": record["id"]})];
    let command = json!({"end_restored_credentials": {"created_before": null, "keys": keys}});
    let rotate = async {
        revocation.arrived().await;
        let rotated = service.rotate(&record, &account.session, 60).await.0;
        drop(revocation);
        rotated
    };
    let (result, rotated) = tokio::join!(service.operate(command), rotate);
    assert_eq!(result.expect("a result")["revoked_keys"], 1);
    for credential in [&key, &rotated] {
        service.me(credential).await.expect(401);
    }
}

#[tokio::test]
async fn invalid_fields_are_a_bad_request() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let past = service.time.in_seconds(-1);
    let key = json!({"account_id": account.id, "key_id": "key_0000000000000000"});
    for fields in [
        json!({}),
        json!({"created_before": null}),
        json!({"created_before": null, "keys": []}),
        json!({"created_before": null, "all_keys": true}),
        json!({"created_before": null, "keys": [key], "cursor": "x"}),
        json!({"created_before": service.time.in_seconds(60)}),
        json!({"created_before": "yesterday"}),
        json!({"created_before": past, "all_keys": true, "keys": [key]}),
        json!({"created_before": past, "keys": [{"key_id": "key_0000000000000000"}]}),
        json!({"created_before": past, "keys": vec![key; 101]}),
        json!({"created_before": past, "cursor": ""}),
        json!({"created_before": past, "cursor": "x y"}),
    ] {
        let error = service.operate(json!({"end_restored_credentials": fields})).await;
        assert_eq!(error.expect_err("a rejection").error_type, "BAD_REQUEST", "{fields}");
    }
    service.me(&account.session).await.expect(200);
}

/// Runs a script of the `infra` folder with `input`.
fn run_script(name: &str, arguments: &[&str], input: &str) -> Output {
    let mut script = Command::new(format!("{INFRA}/{name}"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the script starts");
    script.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("the script reads its input");
    script.wait_with_output().expect("the script ends")
}

/// A program that stands in for the AWS CLI and sends the payload of `lambda invoke` to `service`. It exists as long as its
/// folder.
fn aws_program(service: &OwnService) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let aws = folder.path().join("aws");
    let url = &service.url;
    let program = format!(
        "#!/bin/sh\nexec curl -sS --data-binary @- -o \"$7\" \"{url}/2015-03-31/functions/$4/invocations\"\n"
    );
    fs::write(&aws, program).expect("the program is written");
    fs::set_permissions(&aws, fs::Permissions::from_mode(0o755)).expect("the program is executable");
    let aws = aws.to_str().expect("text").to_owned();
    (folder, aws)
}

/// The output of the scan of `docs/operations.md` for the audit events and the erased accounts since `since`.
async fn scan_of_events(service: &OwnService, since: &str) -> String {
    let page = include_str!("../../../docs/operations.md");
    let (_, command) = page.split_once("events() { aws dynamodb scan").expect("the command");
    let filter = command.split('\'').nth(1).expect("the filter");
    let table = service.gateway.table("Table").expect("a table");
    let scan =
        service.gateway.dynamodb().scan().table_name(table).consistent_read(true).filter_expression(filter);
    let scan = scan
        .expression_attribute_values(":event", AttributeValue::S("EVENT#".to_owned()))
        .expression_attribute_values(":since", AttributeValue::S(since.to_owned()));
    let items = scan.send().await.expect("a response").items.expect("items");
    json!({"Items": items.iter().map(json_of).collect::<Vec<_>>(), "Count": items.len()}).to_string()
}

/// Converts attributes to DynamoDB's JSON.
fn json_of(item: &Item) -> Value {
    let fields = item.iter().map(|(name, value)| (name.clone(), json_of_value(value)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn json_of_value(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(is_true) => json!({"BOOL": is_true}),
        AttributeValue::M(map) => json!({"M": json_of(map)}),
        AttributeValue::Null(_) => json!({"NULL": true}),
        AttributeValue::L(items) => json!({"L": items.iter().map(json_of_value).collect::<Vec<_>>()}),
        _ => panic!("an attribute of another type"),
    }
}

/// Runs `restore-commands` with `arguments` and a scan. Returns its commands, as text and parsed, and the lines of the list.
fn restore_commands(arguments: &[&str], scan: &str) -> (String, Vec<Value>, Vec<String>) {
    let output = run_script("restore-commands", arguments, scan);
    let list = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.success(), "{list}");
    let commands = String::from_utf8(output.stdout).expect("text");
    let parsed = commands.lines().map(|line| serde_json::from_str(line).expect("a command")).collect();
    (commands, parsed, list.lines().map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_end_what_the_old_table_says_has_ended() {
    let service = OwnService::start().await;
    let [study, other] = [Study::new(&service).await, Study::new(&service).await];
    let quiet = service.account().await;
    let (quiet_key, _) = service.key(&quiet.session, json!({})).await;
    service.time.pass(600);
    let (moment, since) = (service.time.in_seconds(0), service.time.in_seconds(-300));
    let items = service.items().await;
    study.end(&service).await;
    // The restored table does not contain this account.
    let late = service.account().await;
    let (_, member) = service.member(&late.session, &["read"]).await;
    service.delete(&format!("/v1/members/{member}"), &late.session).await.expect(204);
    let limits = json!({"live": 7, "test": 3});
    let command = json!({"account_id": quiet.id, "requests_per_minute": limits});
    service.operate(json!({"set_limits": command})).await.expect("the limits change");
    let change = json!({"name": "Quiet", "policy": {"max_key_lifetime_days": 30}});
    service.patch("/v1/account", &quiet.session, change).await.expect(200);
    let created_before = service.time.in_seconds(0);
    let events = scan_of_events(&service, &since).await;
    let Restored { temporary, moved } = restored(&service, items).await;

    let (commands, lines, list) = restore_commands(&[&moment, &created_before], &events);
    let renamed = list.iter().find(|line| line.contains("account.changed")).expect("the change");
    assert!(renamed.starts_with(&quiet.id) && renamed.contains("\"name\": \"Quiet\""), "{renamed}");
    let mut keys = study.named_keys();
    keys.sort_by_key(|key| text(key, "key_id").to_owned());
    let mut changed = [&study.account.id, &late.id];
    changed.sort();
    let expected = [
        json!({"end_restored_credentials": {"created_before": null, "keys": keys}}),
        json!({"suspend_account": {"account_id": changed[0]}}),
        json!({"suspend_account": {"account_id": changed[1]}}),
        json!({"set_policy": {"account_id": quiet.id, "policy": {"require_second_factor": false,
            "reauthentication_minutes": null, "max_key_lifetime_days": 30, "idle_key_days": null}}}),
        json!({"end_restored_credentials": {"created_before": created_before}}),
        json!({"set_limits": {"account_id": quiet.id, "requests_per_minute": limits,
            "keys": {"live": null, "test": null}, "sessions_per_member": null}}),
    ];
    assert_eq!(lines, expected);

    let (_folder, aws) = aws_program(&temporary);
    let sent =
        tokio::task::spawn_blocking(move || run_script("send-commands", &["operator", &aws], &commands));
    let sent = sent.await.expect("the script ends");
    let errors = String::from_utf8(sent.stderr).expect("text");
    assert!(sent.status.success(), "{errors}");
    assert_eq!(errors, format!("suspend_account {}: the account does not exist\n", late.id));
    assert_eq!(String::from_utf8(sent.stdout).expect("text").lines().count(), lines.len());

    for key in [&other.untouched, &other.revoked.0, &quiet_key] {
        moved.me(key).await.expect(200);
    }
    moved.me(&study.untouched).await.expect(403);
    temporary.operate(json!({"restore_account": {"account_id": study.account.id}})).await.expect("a result");
    moved.me(&study.untouched).await.expect(200);
    let sessions = study.sessions().into_iter().chain(other.sessions()).chain([&quiet.session]);
    for credential in study.ended_keys().into_iter().map(|(key, _)| key).chain(sessions) {
        moved.me(credential).await.expect(401);
    }
}

/// Sends `commands` to the temporary stack with the script of the runbook.
async fn send_commands(temporary: &OwnService, commands: String) {
    let (_folder, aws) = aws_program(temporary);
    let script = move || run_script("send-commands", &["operator", &aws], &commands);
    let sent = tokio::task::spawn_blocking(script).await.expect("the script ends");
    let errors = String::from_utf8(sent.stderr).expect("text");
    assert!(sent.status.success() && errors.is_empty(), "{errors}");
}

/// Something that was replaced or restricted after the moment of a restore.
struct Replaced {
    account: Account,
    key: Credential,
    /// An invitation that has ended since.
    invitation: Option<String>,
}

impl Replaced {
    async fn new(service: &OwnService) -> Self {
        let account = service.account().await;
        let (key, _) = service.key(&account.session, json!({})).await;
        Self { account, key, invitation: None }
    }

    /// Also invites a member. Returns their id.
    async fn with_invitation(service: &OwnService) -> (Self, String) {
        let new = Self::new(service).await;
        let invited = service.invite(&new.account.session, &new_address(), &["read"]).await;
        let token = text(&invited["invitation"], "token").to_owned();
        (Self { invitation: Some(token), ..new }, text(&invited, "id").to_owned())
    }

    /// Logs in with the password from before the restore.
    async fn log_in(&self, service: &OwnService) -> Response {
        let body = json!({"email": self.account.email, "password": PASSWORD});
        service.request("POST", "/v1/auth/login").json(&body).send().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_deny_what_was_replaced_or_restricted_since() {
    let service = OwnService::start().await;
    let [reset, added, removed, used, erased, ended] = [
        Replaced::new(&service).await,
        Replaced::new(&service).await,
        Replaced::new(&service).await,
        Replaced::new(&service).await,
        Replaced::new(&service).await,
        Replaced::new(&service).await,
    ];
    let (invited_again, invited_id) = Replaced::with_invitation(&service).await;
    let (accepted, _) = Replaced::with_invitation(&service).await;
    let (taken_over, _) = Replaced::with_invitation(&service).await;
    let (_, stolen) = service.add_passkey(&removed.account.session).await;
    let (_, passkey) = service.add_passkey(&used.account.session).await;
    let keys = service.account().await;
    let disabled = service.key(&keys.session, json!({})).await;
    let narrowed = service.key(&keys.session, json!({})).await;
    let (untouched, _) = service.key(&keys.session, json!({})).await;
    service.time.pass(301);
    let (moment, since) = (service.time.in_seconds(0), service.time.in_seconds(-300));
    let items = service.items().await;

    service.time.pass(301);
    let command = json!({"reset_password": {"email": reset.account.email}});
    let token = service.operate(command).await.expect("a token");
    let body = json!({"token": token["token"], "new_password": NEW_PASSWORD});
    service.request("POST", "/v1/auth/password-reset/confirm").json(&body).send().await.expect(204);
    service.add_passkey(&added.account.session).await;
    let path = format!("/v1/auth/passkeys/{}", text(&stolen, "id"));
    service.delete(&path, &removed.account.session).await.expect(204);
    let pending = service.second_factor(&used.account.email).await;
    let body = json!({"login_token": pending["login_token"], "recovery_code": passkey["recovery_codes"][0]});
    service.request("POST", "/v1/auth/login/second-factor").json(&body).send().await.expect(200);
    let path = format!("/v1/members/{invited_id}/invite");
    service.post(&path, &invited_again.account.session, json!({})).await.expect(200);
    let token = accepted.invitation.as_deref().expect("a token");
    service.try_to_accept(token, PASSWORD).await.expect(200);
    service.patch(&key_path(&disabled.1), &keys.session, json!({"disabled": true})).await.expect(200);
    service.patch(&key_path(&narrowed.1), &keys.session, json!({"permissions": ["read"]})).await.expect(200);
    // The restored table contains neither this member nor this key, so their changes bring nothing back.
    let (_, new) = service.member(&keys.session, &["read"]).await;
    service.delete(&format!("/v1/members/{new}"), &keys.session).await.expect(204);
    let (_, new) = service.key(&keys.session, json!({})).await;
    service.delete(&key_path(&new), &keys.session).await.expect(204);
    let command = json!({"end_all_credentials": {"account_id": taken_over.account.id}});
    service.operate(command).await.expect("the credentials end");
    service.suspend(&ended.account).await;
    let name = service.get("/v1/account", &erased.key).await.expect(200)["name"].clone();
    let command = json!({"delete_account": {"account_id": erased.account.id, "confirm": name}});
    service.operate(command).await.expect("the erasure begins");
    let created_before = service.time.in_seconds(0);
    let events = scan_of_events(&service, &since).await;
    let Restored { temporary, moved } = restored(&service, items).await;

    let (commands, lines, list) = restore_commands(&[&moment, &created_before], &events);
    let suspended = [&reset, &added, &removed, &used, &erased, &ended, &invited_again, &accepted];
    let mut accounts: Vec<_> = suspended.iter().map(|replaced| replaced.account.id.as_str()).collect();
    accounts.sort_unstable();
    let mut changed = [text(&disabled.1, "id"), text(&narrowed.1, "id")];
    changed.sort_unstable();
    let changed: Vec<_> = changed.iter().map(|id| json!({"account_id": keys.id, "key_id": id})).collect();
    let mut expected = vec![
        json!({"end_all_credentials": {"account_id": taken_over.account.id}}),
        json!({"end_restored_credentials": {"created_before": null, "keys": changed}}),
    ];
    expected.extend(accounts.iter().map(|account| json!({"suspend_account": {"account_id": account}})));
    expected.push(json!({"end_restored_credentials": {"created_before": created_before}}));
    assert_eq!(lines, expected);
    let erased_line = format!("{} {} ERASED", erased.account.id, created_before);
    assert!(list.iter().any(|line| line.starts_with(&erased_line)), "{list:?}");

    // Everything came back. Otherwise, this test would prove nothing.
    for replaced in suspended.into_iter().chain([&taken_over]) {
        moved.me(&replaced.key).await.expect(200);
        replaced.log_in(&moved).await.expect(200);
    }
    for (key, _) in [&disabled, &narrowed] {
        moved.post("/v1/projects", key, json!({"name": "A"})).await.expect(201);
    }
    send_commands(&temporary, commands).await;
    for (key, _) in [&disabled, &narrowed] {
        moved.me(key).await.expect(401);
    }
    moved.me(&taken_over.key).await.expect(401);
    moved.me(&untouched).await.expect(200);
    for replaced in suspended {
        moved.me(&replaced.key).await.expect(403);
        let login = replaced.log_in(&moved).await;
        // A member with a passkey learns it after the second factor.
        let is_pending = login.body["second_factor"].is_object();
        assert!(login.status == 403 || is_pending, "{}", login.text);
    }
    for restored in [false, true] {
        if restored {
            temporary.restore(&invited_again.account).await;
            temporary.restore(&accepted.account).await;
        }
        for replaced in [&invited_again, &accepted, &taken_over] {
            let token = replaced.invitation.as_deref().expect("a token");
            moved.try_to_accept(token, PASSWORD).await.assert_unauthorized_by_function();
        }
    }
}

#[test]
fn each_event_type_leads_to_a_command_or_a_line_or_is_harmless() {
    const HARMLESS: [&str; 7] = [
        "login.refused",
        "login.succeeded",
        "member.sessions_ended",
        "password.refused",
        "password.reset_issued",
        "second_factor.refused",
        "session.ended",
    ];
    const MOMENT: &str = "2026-01-30T12:00:00Z";
    const LATER: &str = "2026-01-30T14:00:00Z";
    let types: Vec<_> = EventType::NAMES.into_iter().chain(["account.new"]).collect();
    let account = |number: usize| format!("acct_{number:016}");
    let events = types.iter().enumerate().map(|(number, kind)| {
        json!({
            "pk": {"S": format!("ACCOUNT#{}#AUDIT", account(number))}, "sk": {"S": format!("EVENT#event_{number:016}")},
            "type": {"S": kind}, "created_at": {"S": "2026-01-30T13:00:00Z"},
            "user_id": {"S": "user_0000000000000001"}, "key_id": {"S": "key_0000000000000001"},
            "policy": {"M": {"idle_key_days": {"NULL": true}}}, "keys": {"M": {}},
        })
    });
    let scan = json!({"Items": events.collect::<Vec<_>>()}).to_string();
    let (_, all, list) = restore_commands(&[MOMENT, LATER], &scan);
    let commands: Vec<_> = all.iter().map(Value::to_string).collect();
    let unhandled = types.iter().enumerate().filter(|(number, _)| {
        let account = account(*number);
        !commands.iter().chain(&list).any(|line| line.contains(&account))
    });
    let unhandled: Vec<_> = unhandled.map(|(_, kind)| *kind).collect();
    assert_eq!(unhandled, HARMLESS);
    // The script knows each type of this version. What it does not know suspends the account.
    let unknown: Vec<_> = list.iter().filter(|line| line.contains("UNKNOWN TYPE")).collect();
    let new = account(types.len() - 1);
    assert!(matches!(&unknown[..], [line] if line.starts_with(&new)), "{unknown:?}");
    assert!(commands.contains(&json!({"suspend_account": {"account_id": new}}).to_string()));

    // Commands for events before the last scan, or before the moment, are not repeated.
    let only_sessions = [json!({"end_restored_credentials": {"created_before": LATER}})];
    for arguments in [&[MOMENT, LATER, LATER][..], &[LATER, LATER]] {
        let (_, again, list) = restore_commands(arguments, &scan);
        assert_eq!((&again[..], &list[..]), (&only_sessions[..], &[][..]), "{arguments:?}");
    }
    let (_, again, _) = restore_commands(&[MOMENT, LATER, "2026-01-30T13:05:00Z"], &scan);
    assert_eq!(again, all);
}

#[test]
fn event_about_what_was_created_after_the_moment_leads_to_no_command() {
    let scan = |account: &str, user: &str, kind: &str| {
        json!({"Items": [{
            "pk": {"S": format!("ACCOUNT#{account}#AUDIT")}, "sk": {"S": "EVENT#event_0000000000000001"},
            "type": {"S": kind}, "created_at": {"S": "1970-01-01T02:00:00Z"}, "user_id": {"S": user},
        }]})
        .to_string()
    };
    let at = |time: &str| format!("1970-01-01T{time}:00Z").parse::<Timestamp>().expect("a time");
    for (account, user, kind, suspends) in [
        ("00:00", "00:00", "member.changed", true),
        // Clocks differ.
        ("00:00", "01:05", "member.changed", true),
        ("00:00", "01:06", "member.changed", false),
        ("01:06", "00:00", "member.changed", false),
        // Nothing is created after its event, so this id does not tell the time.
        ("00:00", "02:06", "member.changed", true),
        ("00:00", "01:06", "member.new", true),
        ("01:06", "01:06", "member.new", false),
    ] {
        let [account_id, user_id] =
            [AccountId::first_at(at(account)).to_string(), UserId::first_at(at(user)).to_string()];
        let scan = scan(&account_id, &user_id, kind);
        let (_, commands, list) = restore_commands(&["1970-01-01T01:00:00Z", "1970-01-01T03:00:00Z"], &scan);
        let is_suspended = commands.iter().any(|command| command["suspend_account"].is_object());
        assert_eq!(is_suspended, suspends, "{account} {user} {kind}");
        assert_eq!(list.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn send_commands_stops_at_an_error_and_prints_no_password() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let commands = [
        json!({"create_account": {"name": "Study", "email": account.email, "password": PASSWORD}}),
        json!({"suspend_account": {"account_id": account.id}}),
    ];
    let commands = commands.map(|command| command.to_string()).join("\n");
    let (_folder, aws) = aws_program(&service);
    // The second program fails before it sends anything.
    for (aws, reason) in [(aws, "CONFLICT"), ("false".to_owned(), "was not sent")] {
        let commands = commands.clone();
        let script = move || run_script("send-commands", &["operator", &aws], &commands);
        let sent = tokio::task::spawn_blocking(script).await.expect("the script ends");
        assert_eq!(sent.status.code(), Some(1));
        let output = String::from_utf8([sent.stdout, sent.stderr].concat()).expect("text");
        assert!(output.starts_with("create_account: ") && output.contains(reason), "{output}");
        assert!(!output.contains(PASSWORD), "{output}");
    }
    service.me(&account.session).await.expect(200);
}
