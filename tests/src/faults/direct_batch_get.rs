//! Direct batch gets: batches of items are read without the SDK, as long as such reads succeed.

use axum::http::StatusCode;
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;

use crate::{
    deployment::logs::CapturedLog,
    dynamodb::{DynamoDb, Fault},
    response::text,
    service::OwnService,
};

/// The faults of a read, each with its reason in the log.
const FAULTS: [(Fault, &str); 5] = [
    (Fault::Error(StatusCode::BAD_REQUEST, "ThrottlingException"), "error response: 400"),
    (Fault::Reset, "connection failed"),
    (Fault::Truncate(128), "unreadable response"),
    (Fault::Hang, "timeout"),
    (Fault::UnprocessedKey, "incomplete response"),
];

/// Takes the batch reads since the last call, each as true if it was a direct batch get.
fn take_reads(dynamodb: &DynamoDb) -> Vec<bool> {
    let calls = dynamodb.detailed_calls().into_iter().filter(|call| call.operation == "BatchGetItem");
    calls.map(|call| call.is_direct).collect()
}

#[tokio::test]
async fn is_used_after_the_first_sdk_call() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    // Five functions make a read with the SDK when they start.
    assert_eq!(take_reads(&dynamodb), [false; 5]);
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    take_reads(&dynamodb);
    for credential in [&key, &account.session] {
        service.me(credential).await.expect(200);
        assert_eq!(take_reads(&dynamodb), [true]);
    }
}

#[tokio::test]
async fn failed_read_falls_back_to_the_sdk() {
    let log = CapturedLog::start(LevelFilter::INFO);
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    for (fault, reason) in FAULTS {
        take_reads(&dynamodb);
        log.take_records();
        // The direct batch get and the first attempt of the SDK fail.
        dynamodb.inject_at(fault, Some("BatchGetItem"), 0..2);
        service.me(&account.session).await.expect(200);
        assert_eq!(take_reads(&dynamodb), [true, false, false], "{fault:?}");
        let records = log.take_records();
        let message = "direct batch gets are disabled until the SDK has made a successful call";
        let mut disabled = records.iter().filter(|record| record["message"] == message);
        assert_eq!(disabled.next().map(|record| text(record, "reason")), Some(reason), "{fault:?}");
        // The successful call of the SDK has enabled direct batch gets again.
        service.me(&account.session).await.expect(200);
        assert_eq!(take_reads(&dynamodb), [true], "{fault:?}");
    }
}

#[tokio::test]
async fn is_not_used_while_the_sdk_fails() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    take_reads(&dynamodb);
    dynamodb.inject(Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"), None);
    service.me(&account.session).await.expect(503);
    assert_eq!(take_reads(&dynamodb), [true, false, false, false]);
    service.me(&account.session).await.expect(503);
    assert_eq!(take_reads(&dynamodb), [false; 3]);
}
