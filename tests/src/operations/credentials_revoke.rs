//! `POST /v1/credentials/revoke`.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::http::StatusCode;
use serde_json::{Value, json};
use shared::primitives::environment::Environment;
use tracing_subscriber::filter::LevelFilter;

use crate::{
    authorization::restrictions::restrict,
    deployment::logs::CapturedLog,
    dynamodb::{DynamoDb, Fault, Held},
    faults::pepper_rotation::rotate_pepper,
    response::{Response, text},
    service::{Account, Credential, OwnService, Service, key_path},
};

const PATH: &str = "/v1/credentials/revoke";

/// The number of credentials that a request may contain.
const MAX_CREDENTIALS: usize = 100;

/// The number of transactions that a request makes at the same time.
const CONCURRENT_WRITES: u32 = 10;

async fn start() -> (OwnService, DynamoDb, Account) {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    (service, dynamodb, account)
}

async fn report_texts(service: &Service, texts: &[&str]) -> Response {
    service.request("POST", PATH).json(&json!({"credentials": texts})).send().await
}

/// The account's events of credentials that were ended because of a report, newest first.
async fn reported(service: &Service, caller: &Credential) -> Vec<Value> {
    let page = service.get("/v1/audit-events?limit=100", caller).await.expect(200);
    let events = page["data"].as_array().expect("a list").iter();
    events.filter(|event| event["reason"] == "reported").cloned().collect()
}

/// Everything of a response that could differ between valid and invalid credentials.
fn observable(response: &Response) -> (u16, Vec<(String, String)>, String) {
    let unique = ["x-request-id", "x-amzn-requestid", "x-amz-apigw-id", "date"];
    let headers = response.headers.iter().filter(|(name, _)| !unique.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").to_owned()));
    (response.status, headers.collect(), response.text.clone())
}

/// Sends `request`, and makes `change` while the held call of the request waits.
async fn change_while_held<R>(
    mut held: Held,
    request: impl Future<Output = Response>,
    change: impl Future<Output = R>,
) -> (Response, R) {
    let change = async move {
        held.arrived().await;
        change.await
    };
    tokio::join!(Box::pin(request), Box::pin(change))
}

#[tokio::test]
async fn response_is_the_same_whatever_is_valid() {
    let service = OwnService::start().await;
    let (account, other) = (service.account().await, service.account().await);
    let admin = &account.session;
    let mac_key = service.token_mac_key().await;
    let (key, record) = service.key(admin, json!({})).await;
    let (test, _) = service.key(admin, json!({"type": "test"})).await;
    let (revoked, revoked_record) = service.key(admin, json!({})).await;
    service.delete(&key_path(&revoked_record), admin).await.expect(204);
    let session = service.login(&account.email).await;
    let unknown = "key_0000000000000000";
    let wrong = Credential::with_wrong_secret(&mac_key, Environment::Live, &account.id, text(&record, "id"));
    let missing = Credential::with_wrong_secret(&mac_key, Environment::Live, &account.id, unknown);
    let forged = Credential::forged(Environment::Live, &account.id, text(&record, "id"));
    let long = "x".repeat(10_000);
    let texts = [
        "",
        " ",
        "x",
        "mt_live_",
        "mt_live_invalid",
        "sess_",
        "Bearer mt_live_invalid",
        "\u{0}",
        "ä\u{1F511}",
        &long,
        forged.token(),
        missing.token(),
        wrong.token(),
        revoked.token(),
        key.token(),
        test.token(),
        session.token(),
    ];
    let expected = observable(&report_texts(&service, &["x"]).await);
    assert_eq!((expected.0, &*expected.2), (202, "{}"));
    for text in texts {
        assert_eq!(observable(&report_texts(&service, &[text]).await), expected, "{text}");
    }
    assert_eq!(observable(&report_texts(&service, &texts).await), expected);
    for credential in [&key, &test, &session, &revoked] {
        service.me(credential).await.assert_unauthorized();
    }
    service.me(admin).await.expect(200);

    // An `Authorization` header is ignored, whatever it contains.
    for authorization in [&admin.0, &other.session.0, &key.0, "Basic x", ""] {
        let (key, _) = service.key(admin, json!({})).await;
        let request = service.request("POST", PATH).header("Authorization", authorization);
        let response = request.json(&json!({"credentials": [key.token()]})).send().await;
        assert_eq!(observable(&response), expected, "{authorization}");
        service.me(&key).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn either_secret_revokes_the_key_with_both() {
    let service = Service::start().await;
    let admin = service.account().await.session;
    for reports_current in [true, false] {
        let (previous, record) = service.key(&admin, json!({})).await;
        let (current, _) = service.rotate(&record, &admin, 3_600).await;
        let leaked = if reports_current { &current } else { &previous };
        service.report(&[leaked]).await.expect(202);
        for secret in [&previous, &current] {
            service.me(secret).await.assert_unauthorized();
        }
        assert_eq!(service.get(&key_path(&record), &admin).await.expect(200)["status"], "revoked");
    }
}

#[tokio::test]
async fn replaced_secret_has_no_effect_after_its_grace_period() {
    let service = OwnService::start().await;
    let admin = service.account().await.session;
    let (old, record) = service.key(&admin, json!({})).await;
    let (previous, _) = service.rotate(&record, &admin, 60).await;
    let (current, _) = service.rotate(&record, &admin, 60).await;
    service.report(&[&old]).await.expect(202);
    service.me(&previous).await.expect(200);
    service.time.pass(60);
    service.report(&[&old, &previous]).await.expect(202);
    assert_eq!(service.me(&current).await.expect(200)["secret"], "current");
    assert_eq!(reported(&service, &admin).await, [json!(null); 0]);
}

#[tokio::test]
async fn session_ends_and_the_members_other_sessions_stay() {
    let service = Service::start().await;
    let account = service.account().await;
    let leaked = service.login(&account.email).await;
    let (key, _) = service.key(&leaked, json!({})).await;
    service.report(&[&leaked]).await.expect(202);
    service.me(&leaked).await.assert_unauthorized();
    service.me(&account.session).await.expect(200);
    service.me(&key).await.expect(200);
    assert_eq!(service.ids("/v1/auth/sessions", &account.session, 100).await.len(), 1);
}

#[tokio::test]
async fn expired_disabled_suspended_and_restricted_credentials_end() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let expires_at = service.time.in_seconds(60);
    let (expired, expired_record) = service.key(&account.session, json!({"expires_at": expires_at})).await;
    let (restricted, record) = service.key(&account.session, json!({})).await;
    let (key, key_record) = service.key(&account.session, json!({})).await;
    let (disabled, disabled_record) = service.key(&account.session, json!({})).await;
    let disable = json!({"disabled": true});
    service.patch(&key_path(&disabled_record), &account.session, disable).await.expect(200);
    // The key cannot be used from the address of the reporter.
    let (elsewhere, elsewhere_record) =
        service.key(&account.session, json!({"allowed_ips": ["192.0.2.1"]})).await;
    let (session, member) = service.member(&account.session, &["read"]).await;
    service
        .patch(&format!("/v1/members/{member}"), &account.session, json!({"status": "suspended"}))
        .await
        .expect(200);
    let sk = format!("KEY#{}", text(&record, "id"));
    restrict(&service, &format!("ACCOUNT#{}", account.id), &sk, &["new"]).await;
    service.suspend(&account).await;
    service.time.pass(60);
    let leaked = [&expired, &restricted, &key, &disabled, &elsewhere, &session];
    service.report(&leaked).await.expect(202);
    service.restore(&account).await;
    let admin = service.login(&account.email).await;
    for record in [&expired_record, &record, &key_record, &disabled_record, &elsewhere_record] {
        assert_eq!(service.get(&key_path(record), &admin).await.expect(200)["status"], "revoked");
    }
    let ended = reported(&service, &admin).await;
    assert_eq!(ended.iter().filter(|event| event["type"] == "api_key.revoked").count(), 5);
    assert_eq!(ended.iter().filter(|event| event["type"] == "session.ended").count(), 1);
}

#[tokio::test]
async fn end_is_recorded_once_with_the_reporters_address_and_without_an_actor() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let leaked = service.login(&account.email).await;
    let sessions = service.get("/v1/auth/sessions", &leaked).await.expect(200);
    let (previous, record) = service.key(&account.session, json!({})).await;
    let (current, _) = service.rotate(&record, &account.session, 60).await;
    for _ in 0..2 {
        // Both secrets of a key, one of them twice, with white space, and a session, in one request.
        let padded = format!(" {}\n", current.token());
        let texts = [current.token(), previous.token(), leaked.token(), &padded, current.token()];
        report_texts(&service, &texts).await.expect(202);
    }
    let mut events = reported(&service, &account.session).await;
    events.sort_by_key(|event| text(event, "type").to_owned());
    for event in &mut events {
        for generated in ["id", "request_id"] {
            let value = event.as_object_mut().expect("an object").remove(generated);
            assert!(value.is_some_and(|value| value.as_str().is_some_and(|value| !value.is_empty())));
        }
    }
    let common = json!({
        "created_at": "2026-01-30T00:00:00Z", "actor": null, "source_ip": "127.0.0.1", "reason": "reported",
    });
    let event = |fields: Value| {
        let mut event = common.clone();
        event.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        event
    };
    assert_eq!(
        events,
        [
            event(json!({"type": "api_key.revoked", "key_id": record["id"]})),
            event(json!({
                "type": "session.ended", "user_id": account.user_id, "session_id": sessions["data"][0]["id"],
            })),
        ]
    );
}

#[tokio::test]
async fn event_that_the_previous_version_stored_is_shown_as_requested() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    service.delete(&key_path(&record), &account.session).await.expect(204);
    let path = format!("/v1/audit-events?key_id={}&limit=1", text(&record, "id"));
    let before = service.get(&path, &account.session).await.expect(200);
    assert_eq!(before["data"][0]["reason"], "requested");

    let table = service.gateway.table("Table").expect("the table");
    let key = |text: String| AttributeValue::S(text);
    let update = service.gateway.dynamodb().update_item().table_name(table);
    let update = update.key("pk", key(format!("ACCOUNT#{}#AUDIT", account.id)));
    let update = update.key("sk", key(format!("EVENT#{}", text(&before["data"][0], "id"))));
    let update = update.condition_expression("attribute_exists(reason)").update_expression("REMOVE reason");
    update.send().await.expect("the event has a reason");
    assert_eq!(service.get(&path, &account.session).await.expect(200), before);
}

#[tokio::test]
async fn only_tokens_with_correct_check_digits_cause_a_read_and_only_valid_ones_a_write() {
    let (service, dynamodb, account) = start().await;
    let mac_key = service.token_mac_key().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let (id, unknown) = (text(&record, "id"), "key_0000000000000000");
    let session = service.login(&account.email).await;
    let (forged, wrong, missing) = (
        Credential::forged(Environment::Live, &account.id, id),
        Credential::with_wrong_secret(&mac_key, Environment::Live, &account.id, id),
        Credential::with_wrong_secret(&mac_key, Environment::Live, &account.id, unknown),
    );
    let mut mistyped = key.token().to_owned();
    mistyped.replace_range(40..41, if &mistyped[40..41] == "0" { "1" } else { "0" });
    // The first read of an execution environment is made with the SDK.
    service.report(&[&missing]).await.expect(202);
    for (texts, calls) in [
        (vec!["x", forged.token(), &mistyped], &[][..]),
        (vec![wrong.token()], &["BatchGetItem"]),
        (vec![missing.token()], &["BatchGetItem"]),
        (vec![wrong.token(), "x", missing.token(), missing.token(), forged.token()], &["BatchGetItem"]),
        (vec![wrong.token(), key.token()], &["BatchGetItem", "TransactWriteItems"]),
        (vec![key.token()], &["BatchGetItem"]),
        (vec![session.token(), session.token(), key.token()], &["BatchGetItem", "TransactWriteItems"]),
        (vec![session.token()], &["BatchGetItem"]),
    ] {
        dynamodb.calls();
        report_texts(&service, &texts).await.expect(202);
        assert_eq!(dynamodb.calls(), calls, "{texts:?}");
    }
}

#[tokio::test]
async fn token_with_ids_of_another_credential_ends_nothing() {
    let service = OwnService::start().await;
    let (one, other) = (service.account().await, service.account().await);
    let (key, record) = service.key(&one.session, json!({})).await;
    let (test, test_record) = service.key(&one.session, json!({"type": "test"})).await;
    let sessions = service.ids("/v1/auth/sessions", &one.session, 100).await;
    let before = service.items().await;
    // Even somebody who knows the key of the token MACs needs the secret of a credential to end it.
    let mac_key = service.token_mac_key().await;
    for account in [&one, &other] {
        for (environment, record) in
            [(Environment::Live, &record), (Environment::Test, &record), (Environment::Live, &test_record)]
        {
            let wrong = Credential::with_wrong_secret(&mac_key, environment, &account.id, text(record, "id"));
            service.report(&[&wrong]).await.expect(202);
        }
        for user in [&one.user_id, &other.user_id] {
            let wrong = Credential::session_with_wrong_secret(&mac_key, &account.id, user, &sessions[0]);
            service.report(&[&wrong]).await.expect(202);
        }
    }
    let after = service.items().await;
    assert!(after.len() == before.len() && after.iter().all(|item| before.contains(item)));
    for credential in [&key, &test, &one.session, &other.session] {
        service.me(credential).await.expect(200);
    }
}

#[tokio::test]
async fn hundred_keys_end_in_time_with_a_limited_number_of_concurrent_writes() {
    const DELAY: Duration = Duration::from_millis(200);
    let (service, dynamodb, account) = start().await;
    let mut keys = Vec::new();
    for _ in 0..MAX_CREDENTIALS {
        keys.push(service.key(&account.session, json!({})).await.0);
    }
    service.report(&[&account.session, &account.session]).await.expect(202);
    let session = service.login(&account.email).await;
    dynamodb.calls();
    dynamodb.inject(Fault::Delay(DELAY), Some("TransactWriteItems"));
    let started = Instant::now();
    service.report(&keys.iter().collect::<Vec<_>>()).await.expect(202);
    let elapsed = started.elapsed();
    dynamodb.recover();
    let calls = dynamodb.calls();
    assert_eq!(calls.iter().filter(|call| *call == "BatchGetItem").count(), 1);
    assert_eq!(calls.iter().filter(|call| *call == "TransactWriteItems").count(), MAX_CREDENTIALS);
    let rounds = u32::try_from(MAX_CREDENTIALS).expect("a small number").div_ceil(CONCURRENT_WRITES);
    println!("{MAX_CREDENTIALS} keys took {elapsed:?} with a delay of {DELAY:?} at each transaction");
    assert!(elapsed >= rounds * DELAY, "more than {CONCURRENT_WRITES} concurrent writes: {elapsed:?}");
    assert!(elapsed < Duration::from_secs(9), "{elapsed:?}");
    for key in &keys {
        service.me(key).await.assert_unauthorized();
    }
    assert_eq!(reported(&service, &session).await.len(), MAX_CREDENTIALS.min(100));
}

#[tokio::test]
async fn empty_or_longer_list_returns_400() {
    let service = Service::start().await;
    let admin = service.account().await.session;
    let (key, _) = service.key(&admin, json!({})).await;
    report_texts(&service, &[]).await.assert_bad_field("credentials");
    report_texts(&service, &[key.token(); MAX_CREDENTIALS + 1]).await.assert_bad_field("credentials");
    service.me(&key).await.expect(200);
    report_texts(&service, &[key.token(); MAX_CREDENTIALS]).await.expect(202);
    service.me(&key).await.assert_unauthorized();
}

#[tokio::test]
async fn unread_credential_returns_503_after_the_others_have_ended() {
    let (service, dynamodb, account) = start().await;
    let admin = &account.session;
    let [(one, _), (other, _)] = [service.key(admin, json!({})).await, service.key(admin, json!({})).await];
    // DynamoDB leaves the last key of each read unprocessed.
    dynamodb.inject(Fault::UnprocessedKey, Some("BatchGetItem"));
    let response = service.report(&[&one, &other]).await;
    dynamodb.recover();
    response.assert_error(503, "UNAVAILABLE");
    assert_eq!(response.header("retry-after"), Some("1"));
    let statuses = [service.me(&one).await.status, service.me(&other).await.status];
    assert!(statuses == [401, 200] || statuses == [200, 401], "{statuses:?}");
    service.report(&[&one, &other]).await.expect(202);
    for key in [&one, &other] {
        service.me(key).await.assert_unauthorized();
    }
    assert_eq!(reported(&service, admin).await.len(), 2);
}

#[tokio::test]
async fn failed_write_returns_503_after_the_others_have_ended() {
    let (service, dynamodb, account) = start().await;
    let mut keys = Vec::new();
    for _ in 0..5 {
        keys.push(service.key(&account.session, json!({})).await.0);
    }
    let keys: Vec<_> = keys.iter().collect();
    // The SDK does not retry this error.
    let fault = Fault::Error(StatusCode::BAD_REQUEST, "ValidationException");
    dynamodb.inject_at(fault, Some("TransactWriteItems"), 1..3);
    let response = service.report(&keys).await;
    dynamodb.recover();
    response.assert_error(503, "UNAVAILABLE");
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(reported(&service, &account.session).await.len(), 3);
    dynamodb.calls();
    service.report(&keys).await.expect(202);
    assert_eq!(dynamodb.calls().iter().filter(|call| *call == "TransactWriteItems").count(), 2);
    for key in keys {
        service.me(key).await.assert_unauthorized();
    }
    assert_eq!(reported(&service, &account.session).await.len(), 5);
}

#[tokio::test]
async fn unavailable_table_returns_503_and_only_for_tokens_with_correct_check_digits() {
    let (service, dynamodb, account) = start().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    dynamodb.inject(Fault::Error(StatusCode::BAD_REQUEST, "ValidationException"), None);
    let response = service.report(&[&key]).await;
    response.assert_error(503, "UNAVAILABLE");
    assert_eq!(response.header("retry-after"), Some("1"));
    report_texts(&service, &["x", "mt_live_invalid"]).await.expect(202);
    dynamodb.recover();
    service.me(&key).await.expect(200);
    service.report(&[&key]).await.expect(202);
    service.me(&key).await.assert_unauthorized();
}

#[tokio::test]
async fn malformed_item_returns_500_after_the_others_have_ended() {
    let (service, _dynamodb, account) = start().await;
    let (malformed, record) = service.key(&account.session, json!({})).await;
    let (key, _) = service.key(&account.session, json!({})).await;
    let table = service.gateway.table("Table").expect("the table");
    let text_of = |text: String| AttributeValue::S(text);
    let update = service.gateway.dynamodb().update_item().table_name(table);
    let update = update.key("pk", text_of(format!("ACCOUNT#{}", account.id)));
    let update =
        update.key("sk", text_of(format!("KEY#{}", text(&record, "id")))).update_expression("REMOVE hint");
    update.send().await.expect("the item is changed");
    let body = json!({"credentials": [malformed.token(), key.token()]}).to_string();
    let response =
        service.exchange(&format!("POST {PATH}"), &[b"Content-Type: application/json"], &body).await;
    assert!(response.starts_with("HTTP/1.1 500 "), "{response}");
    service.me(&key).await.assert_unauthorized();
}

/// Rotates the pepper twice, so that the pepper of older credentials is lost. Returns a new session.
///
/// The keys of the account are not used, so their digests stay as they are. The logins rehash the password.
async fn lose_pepper(service: &OwnService, account: &Account) -> Credential {
    for _ in 0..2 {
        rotate_pepper(service).await;
        service.time.pass(300);
        service.login(&account.email).await;
    }
    service.login(&account.email).await
}

#[tokio::test]
async fn token_with_a_lost_pepper_returns_202_and_ends_nothing() {
    let log = CapturedLog::start(LevelFilter::WARN);
    let service = OwnService::start().await;
    let account = service.account().await;
    let (old, record) = service.key(&account.session, json!({})).await;
    let session = lose_pepper(&service, &account).await;
    let (new, _) = service.key(&session, json!({})).await;
    // The second report is sent before the function may fetch the peppers again.
    for reported in [&[&old, &account.session, &new][..], &[&old]] {
        let empty = report_texts(&service, &["x"]).await;
        log.take_records();
        let response = service.report(reported).await;
        assert_eq!((response.status, &response.text), (202, &empty.text));
        let records = log.take_records();
        let lost: Vec<_> = records
            .iter()
            .filter(|record| record["message"] == "the pepper of a reported credential is lost")
            .map(|record| text(record, "credential_id"))
            .collect();
        assert!(lost.contains(&text(&record, "id")), "{lost:?}");
        assert_eq!(lost.len(), reported.len().min(2), "{lost:?}");
    }
    service.me(&new).await.assert_unauthorized();
    assert_eq!(service.get(&key_path(&record), &session).await.expect(200)["status"], "active");
    service.me(&old).await.assert_error(503, "UNAVAILABLE");
    // Other versions of the pepper are not affected.
    let (other, _) = service.key(&session, json!({})).await;
    rotate_pepper(&service).await;
    service.time.pass(300);
    service.report(&[&other]).await.expect(202);
    service.me(&other).await.assert_unauthorized();
}

#[tokio::test]
async fn failed_fetch_of_a_pepper_returns_503_after_the_others_have_ended() {
    let dynamodb = DynamoDb::start().await;
    let service = OwnService::start_with(|options| {
        options.dynamodb = Some(dynamodb.url.clone());
        options.secrets_manager = Some(dynamodb.url.clone());
    })
    .await;
    let account = service.account().await;
    let (old, record) = service.key(&account.session, json!({})).await;
    let session = lose_pepper(&service, &account).await;
    let mut new = Vec::new();
    for _ in 0..2 {
        new.push(service.key(&session, json!({})).await.0);
    }
    // The function caches the new pepper.
    service.report(&[&new[0]]).await.expect(202);
    let fetches = || dynamodb.calls().iter().filter(|call| *call == "GetSecretValue").count();
    fetches();
    dynamodb.inject(Fault::Error(StatusCode::BAD_REQUEST, "AccessDeniedException"), Some("GetSecretValue"));
    for (seconds, expected) in [(10, 2), (9, 0), (1, 2)] {
        service.time.pass(seconds);
        let response = service.report(&[&old, &new[1]]).await;
        response.assert_error(503, "UNAVAILABLE");
        assert_eq!(fetches(), expected, "after {seconds} seconds");
        service.me(&new[1]).await.assert_unauthorized();
    }
    dynamodb.recover();
    // The last attempt failed less than ten seconds ago.
    service.report(&[&old]).await.assert_error(503, "UNAVAILABLE");
    service.time.pass(10);
    service.report(&[&old]).await.expect(202);
    assert_eq!(service.get(&key_path(&record), &session).await.expect(200)["status"], "active");
}

#[tokio::test]
async fn pepper_that_was_added_after_a_fetch_returns_503_and_then_the_key_ends() {
    let service = OwnService::start().await;
    let account = service.account().await;
    service.time.pass(300);
    service.report(&[&account.session]).await.expect(202);
    let session = service.login(&account.email).await;
    rotate_pepper(&service).await;
    // The function that creates keys started with the old pepper, and fetches the new one because its own is too old.
    let (key, _) = service.key(&session, json!({})).await;
    service.report(&[&key]).await.assert_error(503, "UNAVAILABLE");
    service.time.pass(10);
    service.report(&[&key]).await.expect(202);
    service.me(&key).await.assert_unauthorized();
}

#[tokio::test]
async fn rotation_during_the_report_leaves_no_valid_secret() {
    let (service, dynamodb, account) = start().await;
    let admin = &account.session;
    for grace_period in [0, 3_600] {
        let (old, record) = service.key(admin, json!({})).await;
        let path = format!("{}/rotate", key_path(&record));
        let rotate = service.post(&path, admin, json!({"grace_period": grace_period}));
        let report = service.report(&[&old]);
        let (report, rotated) = change_while_held(dynamodb.hold("TransactWriteItems"), report, rotate).await;
        report.expect(202);
        let new = Credential::bearer(text(&rotated.expect(200), "key"));
        for secret in [&old, &new] {
            service.me(secret).await.assert_unauthorized();
        }
        assert_eq!(service.get(&key_path(&record), admin).await.expect(200)["status"], "revoked");
    }
}

#[tokio::test]
async fn report_during_a_rotation_makes_the_rotation_fail() {
    let (service, dynamodb, account) = start().await;
    let admin = &account.session;
    let (old, record) = service.key(admin, json!({})).await;
    let path = format!("{}/rotate", key_path(&record));
    let rotate = service.post(&path, admin, json!({}));
    let report = service.report(&[&old]);
    let (rotated, report) = change_while_held(dynamodb.hold("TransactWriteItems"), rotate, report).await;
    report.expect(202);
    rotated.assert_error(409, "CONFLICT");
    service.me(&old).await.assert_unauthorized();
}

#[tokio::test]
async fn change_during_the_report_does_not_keep_the_key_valid() {
    let (service, dynamodb, account) = start().await;
    let admin = &account.session;
    let (key, record) = service.key(admin, json!({})).await;
    let path = key_path(&record);
    let change = service.patch(&path, admin, json!({"name": "Changed"}));
    let report = service.report(&[&key]);
    let (report, changed) = change_while_held(dynamodb.hold("TransactWriteItems"), report, change).await;
    changed.expect(200);
    report.expect(202);
    service.me(&key).await.assert_unauthorized();

    let (key, record) = service.key(admin, json!({})).await;
    let path = key_path(&record);
    let change = service.patch(&path, admin, json!({"name": "Changed"}));
    let report = service.report(&[&key]);
    let (changed, report) = change_while_held(dynamodb.hold("TransactWriteItems"), change, report).await;
    report.expect(202);
    changed.assert_error(409, "CONFLICT");
    service.me(&key).await.assert_unauthorized();
}

#[tokio::test]
async fn concurrent_reports_record_one_event_for_each_credential() {
    let (service, dynamodb, account) = start().await;
    let leaked = service.login(&account.email).await;
    let (key, _) = service.key(&account.session, json!({})).await;
    for credential in [&key, &leaked] {
        let (one, other) = (service.report(&[credential]), service.report(&[credential]));
        let (one, other) = change_while_held(dynamodb.hold("TransactWriteItems"), one, other).await;
        one.expect(202);
        other.expect(202);
        service.me(credential).await.assert_unauthorized();
    }
    assert_eq!(reported(&service, &account.session).await.len(), 2);
}

#[tokio::test]
async fn revocation_or_logout_during_the_report_records_one_event() {
    let (service, dynamodb, account) = start().await;
    let admin = &account.session;
    let leaked = service.login(&account.email).await;
    let (key, record) = service.key(admin, json!({})).await;
    let path = key_path(&record);
    let report = service.report(&[&key]);
    let revoke = service.delete(&path, admin);
    let (report, revoked) = change_while_held(dynamodb.hold("TransactWriteItems"), report, revoke).await;
    report.expect(202);
    revoked.expect(204);
    let report = service.report(&[&leaked]);
    let log_out = service.request("POST", "/v1/auth/logout").with(&leaked).send();
    let (report, logged_out) = change_while_held(dynamodb.hold("TransactWriteItems"), report, log_out).await;
    report.expect(202);
    logged_out.expect(204);
    assert_eq!(reported(&service, admin).await, [json!(null); 0]);
}

#[tokio::test]
async fn credential_deleted_during_the_report_returns_202() {
    let (service, dynamodb, account) = start().await;
    let leaked = service.login(&account.email).await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let sessions = service.get("/v1/auth/sessions", &leaked).await.expect(200);
    let session =
        sessions["data"].as_array().expect("a list").iter().find(|session| session["current"] == true);
    let (partition, text_of) = (format!("ACCOUNT#{}", account.id), |text: String| AttributeValue::S(text));
    for (credential, pk, sk) in [
        (&key, partition.clone(), format!("KEY#{}", text(&record, "id"))),
        (
            &leaked,
            format!("{partition}#USER#{}", account.user_id),
            format!("SESSION#{}", text(session.expect("the session"), "id")),
        ),
    ] {
        let table = service.gateway.table("Table").expect("the table");
        let delete = dynamodb.direct_client().delete_item().table_name(table);
        let delete = delete.key("pk", text_of(pk)).key("sk", text_of(sk)).send();
        let report = service.report(&[credential]);
        let (report, deleted) = change_while_held(dynamodb.hold("TransactWriteItems"), report, delete).await;
        deleted.expect("the item is deleted");
        report.expect(202);
        service.me(credential).await.assert_unauthorized();
    }
    assert_eq!(reported(&service, &account.session).await, [json!(null); 0]);
}
