//! Mails that remind admins of API keys that expire soon, and the items that wait in the table until one is due.

use std::{slice, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use shared::primitives::clock::Clock;
use tokio::time::{sleep, timeout};
use tracing_subscriber::filter::LevelFilter;

use crate::{
    deployment::logs::CapturedLog,
    dynamodb::{DynamoDb, Fault, external_dynamodb},
    races::every_order::in_every_order,
    response::{Response, text},
    service::{Account, Item, OwnService, Service, key_path, new_address},
};

const DAY: i64 = 24 * 60 * 60;
const FUNCTION: &str = "key-expiry-reminders";
const SUBJECT: &str = "An API key of your MedTWIN account expires soon";

/// Creates a key that expires this many seconds from now.
async fn key(service: &OwnService, account: &Account, seconds: i64) -> Value {
    let expires_at = service.time.in_seconds(seconds);
    let key = json!({"name": "Ward server", "permissions": ["read"], "expires_at": expires_at});
    service.key(&account.session, key).await.1
}

/// Returns all reminders in the table.
async fn stored(service: &OwnService) -> Vec<Item> {
    let mut items = service.items().await;
    items.retain(|item| text_of(item, "sk").starts_with("KEY_EXPIRY#"));
    items
}

fn text_of<'a>(item: &'a Item, name: &str) -> &'a str {
    item[name].as_s().expect(name)
}

fn number_of(item: &Item, name: &str) -> i64 {
    item[name].as_n().expect(name).parse().expect("a number")
}

/// Returns the days before the expiry of the reminders of a key, in descending order. Each must be about `expires_at`.
async fn days_before(service: &OwnService, key: &Value, expires_at: &str) -> Vec<i64> {
    let mut reminders = stored(service).await;
    reminders.retain(|item| text_of(item, "key_id") == text(key, "id"));
    let expiry: shared::primitives::timestamp::Timestamp = expires_at.parse().expect("a time");
    let mut days: Vec<_> = reminders.iter().map(|item| number_of(item, "days")).collect();
    for (item, days) in reminders.iter().zip(&days) {
        assert_eq!(text_of(item, "expires_at"), expires_at);
        assert_eq!(number_of(item, "ttl"), expiry.unix_seconds() - days * DAY);
        let mut names: Vec<_> = item.keys().map(String::as_str).collect();
        names.sort_unstable();
        // No names and no addresses.
        assert_eq!(names, ["account_id", "days", "expires_at", "key_id", "pk", "sk", "ttl"]);
    }
    days.sort_unstable_by_key(|days| -days);
    days
}

/// Returns the record of the removal of `item` by the time to live, as Lambda delivers it.
fn removal(item: &Item) -> Value {
    let attribute = |value: &AttributeValue| match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        other => panic!("{other:?}"),
    };
    let image: Map<_, _> = item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
    let sequence_number = format!("1000000000000000{:05}", number_of(item, "days"));
    json!({
        "eventID": "1", "eventName": "REMOVE", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1", "eventSourceARN": "arn:aws:dynamodb:eu-central-1:123456789012:table/t/stream/s",
        "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
        "dynamodb": {
            "ApproximateCreationDateTime": 1_769_731_200.0, "Keys": {"pk": image["pk"], "sk": image["sk"]},
            "OldImage": image, "SequenceNumber": sequence_number, "SizeBytes": 200,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    })
}

/// Delivers records to the function. Returns the sequence numbers of those that failed.
async fn deliver(service: &Service, records: &[Value]) -> Vec<String> {
    let result = service.invoke(FUNCTION, &json!({"Records": records})).await.expect("a result");
    let failures = result["batchItemFailures"].as_array().expect("a list").iter();
    failures.map(|failure| text(failure, "itemIdentifier").to_owned()).collect()
}

/// Removes the reminders that are due, as `DynamoDB` does, and returns the records.
async fn remove_due(service: &OwnService) -> Vec<Value> {
    let mut due = stored(service).await;
    due.retain(|item| number_of(item, "ttl") < service.time.now().unix_timestamp());
    let table = service.gateway.table("Table").expect("the table");
    for item in &due {
        let delete = service.gateway.dynamodb().delete_item().table_name(table);
        let delete = delete.key("pk", item["pk"].clone()).key("sk", item["sk"].clone());
        delete.send().await.expect("the item is deleted");
    }
    due.iter().map(removal).collect()
}

/// Removes the reminders that are due, and delivers the records.
async fn remind(service: &OwnService) {
    let records = remove_due(service).await;
    assert_eq!(deliver(service, &records).await, [""; 0]);
}

/// The mails about the expiry of a key, newest first, when `count` mails have been sent.
async fn reminders(service: &OwnService, count: usize) -> Vec<Value> {
    let mut mails = service.mails(count).await;
    mails.retain(|mail| mail["subject"] == SUBJECT);
    mails
}

#[tokio::test]
async fn new_key_has_reminders_for_times_in_the_future() {
    let service = OwnService::start().await;
    let account = service.account().await;
    for (seconds, expected) in [
        (31 * DAY, &[30, 7, 1][..]),
        // A moment is left, because the request takes some milliseconds.
        (30 * DAY + 10, &[30, 7, 1]),
        (30 * DAY, &[7, 1]),
        (7 * DAY, &[1]),
        (DAY, &[]),
        (60, &[]),
    ] {
        let key = key(&service, &account, seconds).await;
        assert_eq!(days_before(&service, &key, text(&key, "expires_at")).await, expected, "{seconds}");
    }
    let before = stored(&service).await.len();
    service.key(&account.session, json!({})).await;
    assert_eq!(stored(&service).await.len(), before);
}

#[tokio::test]
async fn changed_expiry_moves_adds_and_removes_reminders() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let key = key(&service, &account, 90 * DAY).await;
    for (days, expected) in [
        (Some(60), &[30, 7, 1][..]),
        (Some(8), &[7, 1]),
        (None, &[]),
        (Some(2), &[1]),
        (Some(1), &[]),
        (Some(40), &[30, 7, 1]),
    ] {
        let expires_at = days.map(|days| service.time.in_seconds(days * DAY));
        let change = json!({"expires_at": expires_at});
        service.patch(&key_path(&key), &account.session, change).await.expect(200);
        let expires_at = expires_at.unwrap_or_default();
        let left =
            if expires_at.is_empty() { vec![] } else { days_before(&service, &key, &expires_at).await };
        assert_eq!(left, expected, "{days:?}");
        assert_eq!(stored(&service).await.len(), expected.len(), "{days:?}");
    }
}

#[tokio::test]
async fn rotation_and_other_changes_leave_the_reminders() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let key = key(&service, &account, 40 * DAY).await;
    // One is due, and DynamoDB has not removed it yet.
    service.time.pass(11 * DAY);
    let session = service.login(&account.email).await;
    service.rotate(&key, &session, 60).await;
    for change in [json!({"name": "B"}), json!({"expires_at": key["expires_at"]}), json!({"disabled": true})]
    {
        service.patch(&key_path(&key), &session, change).await.expect(200);
    }
    assert_eq!(days_before(&service, &key, text(&key, "expires_at")).await, [30, 7, 1]);
}

#[tokio::test]
async fn revoked_key_has_no_reminders() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let [one, two, three, by_operator, kept] = [
        key(&service, &account, 40 * DAY).await,
        key(&service, &account, 40 * DAY).await,
        key(&service, &account, 20 * DAY).await,
        key(&service, &account, 40 * DAY).await,
        key(&service, &account, 40 * DAY).await,
    ];
    let fields = json!({"expires_at": service.time.in_seconds(40 * DAY)});
    let (leaked, _) = service.key(&account.session, fields).await;
    assert_eq!(stored(&service).await.len(), 5 * 3 + 2);
    service.delete(&key_path(&one), &account.session).await.expect(204);
    let ids = json!({"ids": [two["id"], three["id"]]});
    service.post("/v1/api-keys/revoke", &account.session, ids).await.expect(200);
    service.report(&[&leaked]).await.expect(202);
    let keys = json!([{"account_id": account.id, "key_id": by_operator["id"]}]);
    let command = json!({"end_restored_credentials": {"created_before": null, "keys": keys}});
    service.operate(command).await.expect("the key is revoked");
    assert_eq!(days_before(&service, &kept, text(&kept, "expires_at")).await, [30, 7, 1]);
    assert_eq!(stored(&service).await.len(), 3);
}

#[tokio::test]
async fn many_expiring_keys_are_revoked_at_once() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let mut ids = Vec::new();
    for _ in 0..25 {
        ids.push(key(&service, &account, 40 * DAY).await["id"].take());
    }
    service.post("/v1/api-keys/revoke", &account.session, json!({"ids": ids})).await.expect(200);
    assert_eq!(stored(&service).await, []);
}

#[tokio::test]
async fn failed_creation_and_change_leave_no_reminders() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (_, key) = service.key(&account.session, json!({})).await;
    let fault = Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError");
    dynamodb.inject(fault, Some("TransactWriteItems"));
    let expires_at = service.time.in_seconds(40 * DAY);
    let body = json!({"name": "A", "permissions": ["read"], "expires_at": expires_at});
    service.post("/v1/api-keys", &account.session, body).await.expect(503);
    let change = json!({"expires_at": expires_at});
    service.patch(&key_path(&key), &account.session, change).await.expect(503);
    dynamodb.recover();
    assert_eq!(stored(&service).await, []);
}

#[tokio::test]
async fn each_reminder_costs_two_write_units() {
    if external_dynamodb().is_some() {
        // DynamoDB Local counts the items of a transaction once.
        return;
    }
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let units = |dynamodb: &DynamoDb| dynamodb.units().write;
    // The first creation also counts the keys, and records the use of the session.
    service.key(&account.session, json!({})).await;
    units(&dynamodb);
    service.key(&account.session, json!({})).await;
    let without = units(&dynamodb);
    let key = key(&service, &account, 40 * DAY).await;
    assert!((units(&dynamodb) - without - 6.0).abs() < 0.1);
    let change = json!({"expires_at": service.time.in_seconds(20 * DAY)});
    service.patch(&key_path(&key), &account.session, json!({"name": "B"})).await.expect(200);
    let without = units(&dynamodb);
    service.patch(&key_path(&key), &account.session, change).await.expect(200);
    assert!((units(&dynamodb) - without - 6.0).abs() < 0.1);
}

#[tokio::test]
async fn concurrent_changes_and_revocation_leave_the_reminders_of_the_stored_expiry() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    for revokes in [false, true] {
        let set_up = async || {
            let path = key_path(&key(&service, &account, 100 * DAY).await);
            let send = |method| service.request(method, &path).with(&account.session);
            let change = |expires_at: Value| send("PATCH").json(&json!({"expires_at": expires_at}));
            let other = if revokes { send("DELETE") } else { change(Value::Null) };
            ([change(service.time.in_seconds(20 * DAY).into()), other], path)
        };
        in_every_order(&service, &dynamodb, set_up, async |responses: [Response; 2], path: String| {
            let statuses = responses.map(|response| response.status);
            assert!(statuses.iter().all(|status| [200, 204, 409].contains(status)), "{statuses:?}");
            let key = service.get(&path, &account.session).await.expect(200);
            let expected: &[i64] = match key["expires_at"].as_str() {
                _ if key["status"] == "revoked" => &[],
                None => &[],
                Some(expires_at) if *expires_at == service.time.in_seconds(20 * DAY) => &[7, 1],
                Some(_) => &[30, 7, 1],
            };
            let mut left = stored(&service).await;
            left.retain(|item| text_of(item, "key_id") == text(&key, "id"));
            // A change that the revocation has not seen leaves reminders, which lead to no mail.
            if !revokes {
                assert_eq!(left.len(), expected.len(), "{key} after {statuses:?}");
            }
            for item in &left {
                assert_eq!(text_of(item, "expires_at"), key["expires_at"], "{key} after {statuses:?}");
            }
            service.delete(&path, &account.session).await.expect(204);
        })
        .await;
    }
}

#[tokio::test]
async fn admins_are_reminded_30_days_7_days_and_1_day_before_a_key_expires() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    service.member_with_email(&account.session, &new_address(), &["read", "write"]).await;
    let other = service.account().await;
    let before = service.mails(1).await.len();
    let expiring = key(&service, &account, 31 * DAY).await;
    service.key(&other.session, json!({"permissions": ["read"]})).await;
    service.time.pass(1);
    let (mut days_left, mut sent) = (31, 0);
    for next in [31, 30, 29, 8, 7, 6, 2, 1, 0] {
        service.time.pass((days_left - next) * DAY);
        days_left = next;
        remind(&service).await;
        sent += usize::from([30, 7, 1].contains(&days_left));
        let reminders = reminders(&service, before + sent).await;
        assert_eq!(reminders.len(), sent, "{days_left} days before the expiry");
    }
    assert_eq!(stored(&service).await, []);
    for reminder in reminders(&service, before + sent).await {
        assert_eq!(reminder["to"], account.email);
        let body = text(&reminder, "text");
        assert!(
            body.contains(text(&expiring, "id")) && body.contains(" on 2026-03-02 at 00:00 UTC"),
            "{body}"
        );
        assert!(body.contains(&format!("/dashboard#/api-keys/{}", text(&expiring, "id"))), "{body}");
        // Whoever creates a key chooses its name.
        assert!(!reminder.to_string().contains("Ward server"), "{body}");
    }
}

#[tokio::test]
async fn reminders_of_all_keys_in_one_batch_are_sent() {
    let service = OwnService::start_with_mail().await;
    let accounts = [service.account().await, service.account().await];
    for account in &accounts {
        for days in [2, 8] {
            key(&service, account, days * DAY).await;
        }
    }
    service.time.pass(DAY + 1);
    remind(&service).await;
    let reminders = reminders(&service, 4).await;
    for account in &accounts {
        assert_eq!(reminders.iter().filter(|mail| mail["to"] == account.email).count(), 2);
    }
}

#[tokio::test]
async fn reminder_of_an_ended_or_changed_key_is_not_sent() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let [revoked, extended, unlimited] = [
        key(&service, &account, 8 * DAY).await,
        key(&service, &account, 8 * DAY).await,
        key(&service, &account, 8 * DAY).await,
    ];
    let suspended = service.account().await;
    key(&service, &suspended, 8 * DAY).await;
    let ended = service.account().await;
    key(&service, &ended, 8 * DAY).await;
    let deleted = service.account().await;
    key(&service, &deleted, 8 * DAY).await;
    service.time.pass(DAY + 1);
    let records = remove_due(&service).await;
    assert_eq!(records.len(), 6);
    let session = service.login(&account.email).await;
    service.delete(&key_path(&revoked), &session).await.expect(204);
    let later = json!({"expires_at": service.time.in_seconds(90 * DAY)});
    service.patch(&key_path(&extended), &session, later).await.expect(200);
    service.patch(&key_path(&unlimited), &session, json!({"expires_at": null})).await.expect(200);
    service.suspend(&suspended).await;
    let command = json!({"end_all_credentials": {"account_id": ended.id}});
    service.operate(command).await.expect("all credentials end");
    let command = json!({"delete_account": {"account_id": deleted.id, "confirm": "Study"}});
    for _ in 0..3 {
        service.operate(command.clone()).await.expect("the account is deleted");
        service.time.pass(30);
    }
    assert_eq!(deliver(&service, &records).await, [""; 0]);
    assert_eq!(reminders(&service, 0).await, [Value::Null; 0]);
}

#[tokio::test]
async fn reminder_that_comes_after_the_expiry_is_not_sent() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    key(&service, &account, 2 * DAY).await;
    service.time.pass(2 * DAY);
    // DynamoDB removes the reminder a day late.
    let records = remove_due(&service).await;
    assert_eq!(records.len(), 1);
    assert_eq!(deliver(&service, &records).await, [""; 0]);
    assert_eq!(reminders(&service, 0).await, [Value::Null; 0]);
}

#[tokio::test]
async fn repeated_record_and_late_earlier_reminder_send_no_further_mail() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    let key = key(&service, &account, 31 * DAY).await;
    service.time.pass(30 * DAY + 1);
    let records = remove_due(&service).await;
    let of_days = |days: i64| {
        let days = days.to_string();
        records.iter().find(|record| record["dynamodb"]["OldImage"]["days"]["N"] == *days).expect("a record")
    };
    // DynamoDB may remove the reminders in any order.
    for days in [7, 7, 30, 1, 1, 7] {
        assert_eq!(deliver(&service, slice::from_ref(of_days(days))).await, [""; 0]);
    }
    assert_eq!(reminders(&service, 2).await.len(), 2);
    // A new expiry has reminders of its own.
    let session = service.login(&account.email).await;
    let change = json!({"expires_at": service.time.in_seconds(8 * DAY)});
    service.patch(&key_path(&key), &session, change).await.expect(200);
    service.time.pass(DAY + 1);
    remind(&service).await;
    assert_eq!(reminders(&service, 3).await.len(), 3);
    // The mark is an attribute that other changes and rotations of the key keep.
    let session = service.login(&account.email).await;
    service.rotate(&key, &session, 60).await;
}

#[tokio::test]
async fn removal_by_anyone_but_dynamodb_sends_nothing() {
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    key(&service, &account, 2 * DAY).await;
    service.time.pass(DAY + 1);
    let [record] = &remove_due(&service).await[..] else { panic!("not one record") };
    for (field, value) in [
        ("userIdentity", Value::Null),
        ("userIdentity", json!({"type": "Service", "principalId": "lambda.amazonaws.com"})),
        ("userIdentity", json!({"type": "AssumedRole", "principalId": "dynamodb.amazonaws.com"})),
        ("eventName", json!("INSERT")),
        ("eventName", json!("MODIFY")),
    ] {
        let mut other = record.clone();
        other[field] = value;
        assert_eq!(deliver(&service, slice::from_ref(&other)).await, [""; 0], "{other}");
    }
    let mut without = record.clone();
    without.as_object_mut().expect("an object").remove("userIdentity");
    let mut of_key = record.clone();
    of_key["dynamodb"]["Keys"]["sk"]["S"] = "KEY#key_0000000000000001".into();
    assert_eq!(deliver(&service, &[without, of_key]).await, [""; 0]);
    assert_eq!(reminders(&service, 0).await, [Value::Null; 0]);
    deliver(&service, slice::from_ref(record)).await;
    assert_eq!(reminders(&service, 1).await.len(), 1);
}

#[tokio::test]
async fn malformed_record_fails_alone_and_is_logged_without_its_contents() {
    let log = CapturedLog::start(LevelFilter::INFO);
    let service = OwnService::start_with_mail().await;
    let account = service.account().await;
    key(&service, &account, 2 * DAY).await;
    service.time.pass(DAY + 1);
    let [record] = &remove_due(&service).await[..] else { panic!("not one record") };
    let mut malformed = record.clone();
    malformed["dynamodb"]["OldImage"]["days"] = json!({"S": "canary"});
    malformed["dynamodb"]["SequenceNumber"] = "100000000000000000009".into();
    let mut without_image = malformed.clone();
    without_image["dynamodb"]["OldImage"] = Value::Null;
    without_image["dynamodb"]["SequenceNumber"] = "100000000000000000010".into();
    // Without a sequence number, Lambda delivers the whole batch again.
    let unreadable = json!({"canary": account.email});
    log.take_records();
    let failed = deliver(&service, &[malformed, without_image, unreadable, record.clone()]).await;
    assert_eq!(failed, ["100000000000000000009", "100000000000000000010", ""]);
    assert_eq!(reminders(&service, 1).await.len(), 1);
    let records = log.take_records();
    let line = records.iter().find(|line| line["operation"] == FUNCTION).expect("the line of the invocation");
    assert_eq!((&line["Outcome"], &line["level"]), (&json!("failed"), &json!("ERROR")));
    let warnings: Vec<_> = records
        .iter()
        .filter(|line| line["message"] == "a record of the stream could not be processed")
        .collect();
    assert_eq!(warnings.len(), 3, "{records:?}");
    for line in &records {
        let line = line.to_string();
        assert!(!line.contains("canary") && !line.contains(&account.email), "{line}");
    }
}

#[tokio::test]
async fn event_that_is_no_batch_of_records_is_rejected() {
    let service = Service::start().await;
    for event in [json!({}), json!("help"), json!({"Records": 1})] {
        let error = service.invoke(FUNCTION, &event).await.expect_err("the event is rejected");
        assert_eq!(error.error_type, "BAD_REQUEST", "{event}");
    }
    assert_eq!(deliver(&service, &[]).await, [""; 0]);
}

#[tokio::test]
async fn failed_read_is_repeated_and_failed_mark_is_not() {
    let dynamodb = DynamoDb::start().await;
    let service = OwnService::start_with(|options| {
        options.dynamodb = Some(dynamodb.url.clone());
        options.mail = Some(|_, _| ());
    })
    .await;
    let account = service.account().await;
    key(&service, &account, 8 * DAY).await;
    service.time.pass(DAY + 1);
    let records = remove_due(&service).await;
    let denied = Fault::Error(StatusCode::BAD_REQUEST, "AccessDeniedException");
    dynamodb.inject(denied, Some("BatchGetItem"));
    assert_eq!(deliver(&service, &records).await, ["100000000000000000007"]);
    assert_eq!(reminders(&service, 0).await, [Value::Null; 0]);
    dynamodb.inject(denied, Some("UpdateItem"));
    assert_eq!(deliver(&service, &records).await, [""; 0]);
    assert_eq!(reminders(&service, 1).await.len(), 1);
    dynamodb.recover();
    // Only after such a failure, a repeated record sends the mail twice.
    for _ in 0..2 {
        assert_eq!(deliver(&service, &records).await, [""; 0]);
    }
    assert_eq!(reminders(&service, 2).await.len(), 2);
}

#[tokio::test]
async fn nothing_is_read_without_mail() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    key(&service, &account, 2 * DAY).await;
    service.time.pass(DAY + 1);
    let records = remove_due(&service).await;
    dynamodb.calls();
    assert_eq!(deliver(&service, &records).await, [""; 0]);
    assert_eq!(dynamodb.calls(), [""; 0]);
}

/// The whole way: `DynamoDB` removes the reminder, its stream has the record, the filter of the template selects it, and the function
/// gets it. This takes real time: with the embedded `DynamoDB` some seconds, with `DynamoDB Local` up to a minute.
#[tokio::test]
async fn reminder_that_dynamodb_removes_is_sent() {
    let service = OwnService::start_with(|options| {
        options.clock = Clock::system();
        options.event_sources = true;
        options.mail = Some(|_, _| ());
    })
    .await;
    let account = service.account().await;
    let expires_at = || Clock::system().now().plus_seconds(24 * 60 * 60 + 8).to_string();
    let fields = || json!({"permissions": ["read"], "expires_at": expires_at()});
    let (_, revoked) = service.key(&account.session, fields()).await;
    let (_, expiring) = service.key(&account.session, fields()).await;
    assert_eq!(stored(&service).await.len(), 2);
    service.delete(&key_path(&revoked), &account.session).await.expect(204);
    let removed = timeout(Duration::from_mins(3), async {
        while !stored(&service).await.is_empty() {
            sleep(Duration::from_millis(500)).await;
        }
    });
    removed.await.expect("DynamoDB removes the reminder in time");
    let reminders = reminders(&service, 1).await;
    assert_eq!(reminders.len(), 1);
    assert!(text(&reminders[0], "text").contains(text(&expiring, "id")), "{reminders:?}");
}
