//! `GET /v1/api-keys/{key_id}/usage`.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    dynamodb::{DynamoDb, Fault},
    operations::rate_limits::start_together,
    service::{Account, Credential, OwnService, Service, key_path},
};

const DAY: i64 = 24 * 60 * 60;

/// Returns the response to a session for the last 90 days.
async fn usage(service: &Service, account: &Account, key: &Value) -> Value {
    let path = format!("{}/usage?days=90", key_path(key));
    service.get(&path, &account.session).await.expect(200)["data"].clone()
}

fn day(date: &str, requests: u64, rate_limited: u64) -> Value {
    json!({"date": date, "requests": requests, "rate_limited": rate_limited})
}

/// Sets the limit of the account's keys. With less than 8 requests per minute, each batch has one request.
async fn limit(service: &Service, account: &Account, requests: u32) {
    let limits = json!({"live": requests, "test": requests});
    let command = json!({"set_limits": {"account_id": account.id, "requests_per_minute": limits}});
    service.operate(command).await.expect("the limits are set");
}

async fn start(requests: u32) -> (OwnService, DynamoDb, Account) {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    limit(&service, &account, requests).await;
    (service, dynamodb, account)
}

/// Sends requests and returns how many of them are authorized.
async fn send(service: &Service, key: &Credential, requests: usize) -> u64 {
    let mut authorized = 0;
    for _ in 0..requests {
        match service.me(key).await.status {
            200 => authorized += 1,
            status => assert_eq!(status, 429),
        }
    }
    authorized
}

/// Starts a new session for the account's first member, because a session does not last a day.
async fn log_in_again(service: &Service, account: Account) -> Account {
    let session = service.login(&account.email).await;
    Account { session, ..account }
}

#[tokio::test]
async fn days_are_counted_in_utc_and_listed_newest_first() {
    let (service, _dynamodb, mut account) = start(6).await;
    let (key, record) = service.key(&account.session, json!({})).await;
    assert_eq!(usage(&service, &account, &record).await, json!([]));
    assert_eq!(send(&service, &key, 3).await, 3);
    assert_eq!(usage(&service, &account, &record).await, json!([day("2026-01-30", 3, 0)]));
    service.time.pass(DAY - 61);
    assert_eq!(send(&service, &key, 8).await, 6);
    service.time.pass(60);
    // Rejected requests are reported with the next reservation.
    assert_eq!(send(&service, &key, 1).await, 1);
    account = log_in_again(&service, account).await;
    assert_eq!(usage(&service, &account, &record).await, json!([day("2026-01-30", 10, 2)]));
    service.time.pass(1);
    assert_eq!(send(&service, &key, 7).await, 6);
    let mut expected = vec![day("2026-01-31", 6, 0), day("2026-01-30", 10, 2)];
    assert_eq!(usage(&service, &account, &record).await, json!(expected));

    // A day without requests is left out.
    service.time.pass(2 * DAY);
    account = log_in_again(&service, account).await;
    assert_eq!(usage(&service, &account, &record).await, json!(expected));
    assert_eq!(send(&service, &key, 2).await, 2);
    expected[0] = day("2026-01-31", 6, 1);
    expected.insert(0, day("2026-02-02", 2, 0));
    assert_eq!(usage(&service, &account, &record).await, json!(expected));
    // The usage of other keys is separate.
    let (_, other) = service.key(&account.session, json!({})).await;
    assert_eq!(usage(&service, &account, &other).await, json!([]));
}

#[tokio::test]
async fn each_finished_day_costs_one_more_write_and_is_stored_for_90_days() {
    let (service, dynamodb, mut account) = start(6).await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let mut expected = Vec::new();
    for n in 0_u8..5 {
        dynamodb.calls();
        send(&service, &key, 2).await;
        // The third day moves the first one to an item of its own.
        let first = if n < 2 { "UpdateItem" } else { "TransactWriteItems" };
        assert_eq!(dynamodb.calls(), ["BatchGetItem", first, "BatchGetItem", "UpdateItem"]);
        let date = service.time.now().date();
        expected.insert(0, day(&date.to_string(), 2, 0));
        service.time.pass(DAY);
    }
    account = log_in_again(&service, account).await;
    assert_eq!(usage(&service, &account, &record).await, json!(expected));
    let items: Vec<_> = service
        .items()
        .await
        .into_iter()
        .filter(|item| item["pk"].as_s().unwrap().ends_with("#USAGE"))
        .collect();
    assert_eq!(items.len(), 3);
    for item in items {
        // A day is shown until 89 days after it. The item expires a day later.
        let [day, ttl] = ["day", "ttl"].map(|name| item[name].as_n().unwrap().parse::<i64>().unwrap());
        assert_eq!(ttl, (day + 91) * DAY);
    }
    // The current day is 2026-02-04.
    for (days, count) in
        [("?days=1", 0), ("?days=2", 1), ("?days=5", 4), ("?days=6", 5), ("", 5), ("?days=90", 5)]
    {
        let path = format!("{}/usage{days}", key_path(&record));
        let data = service.get(&path, &account.session).await.expect(200)["data"].take();
        assert_eq!(data, json!(expected[..count]), "{days}");
    }
    for (days, query, count) in [(24, "", 5), (1, "", 4), (59, "?days=90", 5), (1, "?days=90", 4)] {
        service.time.pass(days * DAY);
        account = log_in_again(&service, account).await;
        let path = format!("{}/usage{query}", key_path(&record));
        let data = service.get(&path, &account.session).await.expect(200)["data"].take();
        assert_eq!(data, json!(expected[..count]), "{}", service.time.now());
    }
}

#[tokio::test]
async fn number_of_days_other_than_1_to_90_returns_400() {
    let (service, _dynamodb, account) = start(6).await;
    let (_, record) = service.key(&account.session, json!({})).await;
    for days in ["0", "91", "-1", "%2B", "x", "1.5", "", "65537", "30%20"] {
        let path = format!("{}/usage?days={days}", key_path(&record));
        service.get(&path, &account.session).await.assert_bad_field("days");
    }
    let unknown = format!("{}/usage?day=1", key_path(&record));
    service.get(&unknown, &account.session).await.assert_bad_field("day");
    service.get("/v1/api-keys/key_0000000000000000/usage", &account.session).await.assert_not_found();
}

#[tokio::test]
async fn rotation_change_and_revocation_keep_the_counts() {
    let (service, _dynamodb, account) = start(6).await;
    let (old, record) = service.key(&account.session, json!({})).await;
    assert_eq!(send(&service, &old, 1).await, 1);
    let (new, _) = service.rotate(&record, &account.session, 60).await;
    assert_eq!(send(&service, &old, 1).await + send(&service, &new, 1).await, 2);
    service.patch(&key_path(&record), &account.session, json!({"name": "B"})).await.expect(200);
    assert_eq!(send(&service, &new, 1).await, 1);
    service.delete(&key_path(&record), &account.session).await.expect(204);
    service.me(&new).await.assert_unauthorized();
    assert_eq!(usage(&service, &account, &record).await, json!([day("2026-01-30", 4, 0)]));
}

#[tokio::test]
async fn write_without_a_response_is_counted_at_most_once() {
    let error = Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError");
    // Whether the write is applied, and whether the request waits for another one.
    for (fault, is_applied, is_repeated) in [
        (Fault::Truncate(0), true, true),
        (Fault::Truncate(128), true, true),
        (Fault::LoseResponse, true, false),
        (Fault::Reset, false, true),
        (error, false, true),
    ] {
        let (service, dynamodb, account) = start(6).await;
        let (key, record) = service.key(&account.session, json!({})).await;
        dynamodb.calls();
        dynamodb.inject_at(fault, Some("UpdateItem"), 0..1);
        assert_eq!(send(&service, &key, 1).await, 1);
        let writes = dynamodb.calls().into_iter().filter(|call| call == "UpdateItem").count();
        assert!(writes > 1 || !is_repeated, "{fault:?}: {writes}");
        let counted = u64::from(is_applied);
        let expected = if is_applied { json!([day("2026-01-30", 1, 0)]) } else { json!([]) };
        assert_eq!(usage(&service, &account, &record).await, expected, "{fault:?}");
        assert_eq!(send(&service, &key, 1).await, 1);
        assert_eq!(
            usage(&service, &account, &record).await,
            json!([day("2026-01-30", counted + 1, 0)]),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn transaction_without_a_response_is_counted_once() {
    let (service, dynamodb, mut account) = start(6).await;
    let (key, record) = service.key(&account.session, json!({})).await;
    for _ in 0..2 {
        send(&service, &key, 2).await;
        service.time.pass(DAY);
    }
    dynamodb.inject_at(Fault::Truncate(0), Some("TransactWriteItems"), 0..1);
    assert_eq!(send(&service, &key, 2).await, 2);
    account = log_in_again(&service, account).await;
    let expected = json!([day("2026-02-01", 2, 0), day("2026-01-31", 2, 0), day("2026-01-30", 2, 0)]);
    assert_eq!(usage(&service, &account, &record).await, expected);
}

#[tokio::test]
async fn day_that_cannot_begin_does_not_fail_requests_and_is_reported_later() {
    let (service, dynamodb, mut account) = start(6).await;
    let (key, record) = service.key(&account.session, json!({})).await;
    for _ in 0..2 {
        send(&service, &key, 2).await;
        service.time.pass(DAY);
    }
    for reason in ["ThrottlingError", "ConditionalCheckFailed"] {
        dynamodb.inject(Fault::Cancel(reason), Some("TransactWriteItems"));
        let response = service.me(&key).await;
        assert!(response.header("ratelimit").is_some(), "{reason}: {response:?}");
        assert_eq!(response.status, 200, "{reason}");
        dynamodb.recover();
    }
    account = log_in_again(&service, account).await;
    let finished = [day("2026-01-31", 2, 0), day("2026-01-30", 2, 0)];
    assert_eq!(usage(&service, &account, &record).await, json!(finished));
    assert_eq!(send(&service, &key, 1).await, 1);
    let expected = [day("2026-02-01", 3, 0)].into_iter().chain(finished).collect::<Vec<_>>();
    assert_eq!(usage(&service, &account, &record).await, json!(expected));
}

#[tokio::test]
async fn rejected_write_is_reported_with_the_next_one() {
    let (service, dynamodb, account) = start(6).await;
    let (key, record) = service.key(&account.session, json!({})).await;
    dynamodb.inject(Fault::Error(StatusCode::BAD_REQUEST, "ThrottlingException"), Some("UpdateItem"));
    assert_eq!(send(&service, &key, 2).await, 2);
    dynamodb.recover();
    assert_eq!(usage(&service, &account, &record).await, json!([]));
    assert_eq!(send(&service, &key, 1).await, 1);
    assert_eq!(usage(&service, &account, &record).await, json!([day("2026-01-30", 3, 0)]));
}

/// Sends requests until the last one was covered by a batch. Returns how many were sent.
async fn leave_a_report(service: &Service, dynamodb: &DynamoDb, key: &Credential) -> u64 {
    let mut sent = send(service, key, 10).await;
    loop {
        dynamodb.calls();
        sent += send(service, key, 1).await;
        if dynamodb.calls() == ["BatchGetItem"] {
            return sent;
        }
    }
}

#[tokio::test]
async fn report_after_midnight_belongs_to_the_day_before() {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let (dynamodb, services) = start_together(&folders).await;
    let [late, early] = &services[..] else { panic!("two services") };
    let mut account = late.account().await;
    let (key, record) = late.key(&account.session, json!({})).await;
    let sent = leave_a_report(late, &dynamodb, &key).await;
    let counted = usage(late, &account, &record).await[0]["requests"].as_u64().expect("a number");
    assert!(counted < sent && sent - counted < 100, "{counted} of {sent}");
    for service in [late, early] {
        service.time.pass(DAY);
    }
    // Another execution environment begins the next day.
    assert_eq!(send(early, &key, 1).await, 1);
    assert_eq!(send(late, &key, 1).await, 1);
    account = log_in_again(late, account).await;
    let expected = json!([day("2026-01-31", 2, 0), day("2026-01-30", sent, 0)]);
    assert_eq!(usage(late, &account, &record).await, expected);
}

#[tokio::test]
async fn fast_clock_does_not_close_the_day_for_others() {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let (_dynamodb, services) = start_together(&folders).await;
    let [accurate, fast] = &services[..] else { panic!("two services") };
    let mut account = accurate.account().await;
    limit(accurate, &account, 6).await;
    let (key, record) = accurate.key(&account.session, json!({})).await;
    accurate.time.pass(DAY - 300);
    fast.time.pass(DAY + 300);
    account = log_in_again(accurate, account).await;
    assert_eq!(send(fast, &key, 1).await, 1);
    assert_eq!(send(accurate, &key, 1).await, 1);
    // The day of the fast clock has not begun yet.
    assert_eq!(usage(accurate, &account, &record).await, json!([day("2026-01-30", 1, 0)]));
    accurate.time.pass(60);
    assert_eq!(send(accurate, &key, 2).await, 2);
    accurate.time.pass(240);
    fast.time.pass(240);
    assert_eq!(send(accurate, &key, 1).await, 1);
    let expected = json!([day("2026-01-31", 2, 0), day("2026-01-30", 3, 0)]);
    assert_eq!(usage(accurate, &account, &record).await, expected);
}
