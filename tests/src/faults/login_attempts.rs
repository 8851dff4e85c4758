//! Failures of the service during a login or a change of the password. They do not count as failed attempts: not of the
//! source, the address or the member.

use std::{ops::Range, time::Duration};

use axum::http::StatusCode;
use serde_json::json;
use tokio::time::sleep;

use crate::{
    dynamodb::{DynamoDb, Fault},
    operations::login_throttling::{failures_of_sources, source_attempts},
    response::Response,
    service::{Account, Credential, OwnService, PASSWORD, new_address},
};

const TRANSACTION: &str = "TransactWriteItems";
const NEW_PASSWORD: &str = "two lizards on the wall";
const WRONG: &str = "a lizard on the 8th wall";
const INTERNAL: Fault = Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError");
/// The number of attempts that the SDK makes for a call. Fewer if each of them takes two seconds.
const SDK_ATTEMPTS: usize = 3;

/// The failed attempts that the table counts, for all sources, addresses and members.
#[derive(Debug, Default, PartialEq, Eq)]
struct StoredFailures {
    sources: usize,
    addresses: u64,
    members: u64,
}

impl StoredFailures {
    const NONE: Self = Self { sources: 0, addresses: 0, members: 0 };
    const ONE: Self = Self { sources: 1, addresses: 1, members: 1 };

    async fn read(service: &OwnService) -> Self {
        let mut stored = Self::default();
        for item in service.items().await {
            stored.sources += source_attempts(&item).len();
            stored.addresses += failures_of_sources(&item).iter().sum::<u64>();
            let is_member = item["sk"].as_s().is_ok_and(|sk| sk.starts_with("MEMBER#"));
            let failures = item.get("failures").filter(|_| is_member);
            stored.members += failures.map_or(0, |n| n.as_n().expect("a number").parse().expect("a number"));
        }
        stored
    }
}

/// Creates an account whose member has never logged in, so that the member's address recognizes no source.
async fn new_member(service: &OwnService) -> String {
    let email = new_address();
    let command = json!({"create_account": {"name": "Study", "email": email, "password": PASSWORD}});
    service.operate(command).await.expect("the account is created");
    email
}

async fn log_in(service: &OwnService, email: &str, password: &str) -> Response {
    let body = json!({"email": email, "password": password});
    service.request("POST", "/v1/auth/login").json(&body).send().await
}

async fn start() -> (OwnService, DynamoDb) {
    OwnService::start_with_dynamodb().await
}

#[tokio::test]
async fn service_error_during_a_login_counts_no_failure() {
    let (service, dynamodb) = start().await;
    // The calls of a login from an unrecognized source: a read, a read, the source, the reservation and the session.
    let cases: [(Fault, &str, Range<usize>); 8] = [
        (INTERNAL, "UpdateItem", 0..SDK_ATTEMPTS),
        (Fault::LoseResponse, "UpdateItem", 0..SDK_ATTEMPTS),
        (INTERNAL, TRANSACTION, 0..SDK_ATTEMPTS),
        (Fault::LoseResponse, TRANSACTION, 0..SDK_ATTEMPTS),
        (INTERNAL, TRANSACTION, 1..1 + SDK_ATTEMPTS),
        (Fault::Hang, TRANSACTION, 1..1 + SDK_ATTEMPTS),
        (Fault::LoseResponse, TRANSACTION, 1..1 + SDK_ATTEMPTS),
        // Without a reason that can be retried.
        (Fault::Cancel("ValidationError"), TRANSACTION, 1..2),
    ];
    for (fault, operation, positions) in cases {
        for email in [new_member(&service).await, new_address()] {
            let is_member = belongs_to_member(&service, &email).await;
            if !is_member && positions.start > 0 {
                // An unknown address has no second transaction.
                continue;
            }
            let before = StoredFailures::read(&service).await;
            dynamodb.inject_at(fault, Some(operation), positions.clone());
            let password = if is_member { PASSWORD } else { WRONG };
            log_in(&service, &email, password).await.assert_error(503, "UNAVAILABLE");
            dynamodb.recover();
            let case = format!("{fault:?} {operation} {positions:?}, member: {is_member}");
            assert_eq!(StoredFailures::read(&service).await, before, "{case}");
            assert_eq!(before, StoredFailures::NONE, "{case}");
        }
    }
}

/// Returns true if a member has this address.
async fn belongs_to_member(service: &OwnService, email: &str) -> bool {
    let key = format!("EMAIL#{email}");
    service.items().await.iter().any(|item| item["pk"].as_s().is_ok_and(|pk| *pk == key))
}

#[tokio::test]
async fn login_that_conflicts_until_the_time_limit_counts_no_failure() {
    let (service, dynamodb) = start().await;
    let email = new_member(&service).await;
    dynamodb.inject_at(Fault::Conflict, Some(TRANSACTION), 1..usize::MAX);
    // The login gives up after six seconds. Then it releases the attempt, which conflicts at first, too.
    let recovery = async {
        sleep(Duration::from_millis(6_300)).await;
        dynamodb.recover();
    };
    let (response, ()) = tokio::join!(log_in(&service, &email, PASSWORD), recovery);
    response.assert_error(503, "UNAVAILABLE");
    assert_eq!(StoredFailures::read(&service).await, StoredFailures::NONE);
    log_in(&service, &email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn login_with_the_correct_password_succeeds_when_a_conflict_ends() {
    let (service, dynamodb) = start().await;
    for (operation, positions) in [("UpdateItem", 0..8), (TRANSACTION, 0..8), (TRANSACTION, 1..9)] {
        let email = new_member(&service).await;
        dynamodb.inject_at(Fault::Conflict, Some(operation), positions.clone());
        log_in(&service, &email, PASSWORD).await.expect(200);
        dynamodb.recover();
        assert_eq!(StoredFailures::read(&service).await, StoredFailures::NONE, "{operation} {positions:?}");
    }
}

#[tokio::test]
async fn attempt_whose_response_is_lost_counts_once() {
    let (service, dynamodb) = start().await;
    for operation in ["UpdateItem", TRANSACTION] {
        let email = new_member(&service).await;
        dynamodb.inject_at(Fault::LoseResponse, Some(operation), 0..1);
        log_in(&service, &email, WRONG).await.expect(401);
        dynamodb.recover();
        assert_eq!(StoredFailures::read(&service).await, StoredFailures::ONE, "{operation}");
        log_in(&service, &email, PASSWORD).await.expect(200);
        // The success resets the failures of the address, but not those of the source.
        let StoredFailures { addresses, members, .. } = StoredFailures::read(&service).await;
        assert_eq!((addresses, members), (0, 0));
        service.time.pass(3_600);
        remove_items(&service, "HOUR#").await;
    }
}

/// Deletes the items with this prefix of the sort key: `HOUR#` are the failures of all sources, `HISTORY` the attempt
/// histories of all addresses.
async fn remove_items(service: &OwnService, sort_key: &str) {
    for item in service.items().await {
        if item["sk"].as_s().is_ok_and(|sk| sk.starts_with(sort_key)) {
            let delete = service.gateway.dynamodb().delete_item();
            let delete = delete.table_name(service.gateway.table("Table").expect("a table"));
            let delete = delete.key("pk", item["pk"].clone()).key("sk", item["sk"].clone());
            delete.send().await.expect("the item is deleted");
        }
    }
}

#[tokio::test]
async fn wrong_password_whose_event_is_not_written_is_a_failed_attempt() {
    let (service, dynamodb) = start().await;
    let email = new_member(&service).await;
    // The first transaction reserves the attempt.
    dynamodb.inject_at(INTERNAL, Some(TRANSACTION), 1..usize::MAX);
    // Otherwise somebody could guess without limit while these writes fail.
    log_in(&service, &email, WRONG).await.assert_error(503, "UNAVAILABLE");
    dynamodb.recover();
    assert_eq!(StoredFailures::read(&service).await, StoredFailures::ONE);
}

#[tokio::test]
async fn released_attempt_leaves_earlier_failures_counted() {
    let (service, dynamodb) = start().await;
    let email = new_member(&service).await;
    log_in(&service, &email, WRONG).await.expect(401);
    dynamodb.inject_at(INTERNAL, Some(TRANSACTION), 1..1 + SDK_ATTEMPTS);
    log_in(&service, &email, PASSWORD).await.assert_error(503, "UNAVAILABLE");
    dynamodb.recover();
    assert_eq!(StoredFailures::read(&service).await, StoredFailures::ONE);
}

#[tokio::test]
async fn disabled_password_stays_disabled_if_the_service_fails() {
    let (service, dynamodb) = start().await;
    let account = service.account().await;
    crate::operations::login_throttling::set_failures(&service, &account, 100).await;
    dynamodb.inject_at(Fault::LoseResponse, Some(TRANSACTION), 0..SDK_ATTEMPTS);
    log_in(&service, &account.email, PASSWORD).await.assert_error(503, "UNAVAILABLE");
    dynamodb.recover();
    log_in(&service, &account.email, PASSWORD).await.expect(401);
}

#[tokio::test]
async fn service_error_during_a_password_change_counts_no_failure() {
    let (service, dynamodb) = start().await;
    let Account { session, .. } = service.account().await;
    let body = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    dynamodb.inject_at(INTERNAL, Some(TRANSACTION), 1..1 + SDK_ATTEMPTS);
    service.post("/v1/auth/password", &session, body.clone()).await.assert_error(503, "UNAVAILABLE");
    dynamodb.recover();
    assert_eq!(StoredFailures::read(&service).await, StoredFailures::NONE);
    service.post("/v1/auth/password", &session, body).await.expect(204);
}

#[tokio::test]
async fn release_from_the_address_does_not_wait_for_the_release_from_the_source() {
    let (service, dynamodb) = start().await;
    let email = new_member(&service).await;
    // All attempts of the SDK at the transaction that creates the session.
    let held =
        [dynamodb.hold_second_call(TRANSACTION), dynamodb.hold(TRANSACTION), dynamodb.hold(TRANSACTION)];
    dynamodb.inject_at(Fault::Hang, Some("UpdateItem"), 1..usize::MAX);
    log_in(&service, &email, PASSWORD).await.assert_error(503, "UNAVAILABLE");
    dynamodb.recover();
    let stored = StoredFailures::read(&service).await;
    assert_eq!(stored, StoredFailures { sources: 1, ..StoredFailures::NONE });
    drop(held);
}

#[tokio::test]
async fn success_is_returned_although_it_cannot_be_removed_from_the_failures_of_its_source() {
    let (service, dynamodb) = start().await;
    let source_failure = || StoredFailures { sources: 1, ..StoredFailures::NONE };
    let hang_removal = || dynamodb.inject_at(Fault::Hang, Some("UpdateItem"), 1..usize::MAX);

    let email = new_member(&service).await;
    // The SDK repeats the transaction after two seconds. Then its call to remove the attempt could last until the time limit.
    let held = dynamodb.hold_second_call(TRANSACTION);
    hang_removal();
    let login = log_in(&service, &email, PASSWORD).await.expect(200);
    dynamodb.recover();
    drop(held);
    assert_eq!(StoredFailures::read(&service).await, source_failure());
    let session = Credential::session(login["session_token"].as_str().expect("a token"));
    service.get("/v1/auth/me", &session).await.expect(200);

    remove_items(&service, "HOUR#").await;
    // From now on, the source is unrecognized.
    remove_items(&service, "HISTORY").await;
    let held = dynamodb.hold_second_call(TRANSACTION);
    hang_removal();
    let body = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    service.post("/v1/auth/password", &session, body).await.expect(204);
    dynamodb.recover();
    drop(held);
    assert_eq!(StoredFailures::read(&service).await, source_failure());
    log_in(&service, &email, NEW_PASSWORD).await.expect(200);
}
