//! What is read together is read past the SDK, as long as that goes well.

use axum::http::StatusCode;
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;

use crate::{
    deployment::logs::CapturedLog,
    dynamodb::{DynamoDb, Fault},
    response::text,
    service::OwnService,
};

/// What can go wrong with a read, and how the log calls it.
const FAULTS: [(Fault, &str); 5] = [
    (Fault::Error(StatusCode::BAD_REQUEST, "ThrottlingException"), "refused: 400"),
    (Fault::Reset, "no connection"),
    (Fault::Truncate(128), "an answer that can't be read"),
    (Fault::Hang, "no answer in time"),
    (Fault::UnprocessedKey, "an incomplete answer"),
];

/// The reads since the last look: whether each came by the fast path.
fn reads(dynamodb: &DynamoDb) -> Vec<bool> {
    let calls = dynamodb.detailed_calls().into_iter().filter(|call| call.operation == "BatchGetItem");
    calls.map(|call| call.is_direct).collect()
}

#[tokio::test]
async fn is_used_after_the_first_sdk_call() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    // Those that need it make one as they start.
    assert_eq!(reads(&dynamodb), [false; 3]);
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    reads(&dynamodb);
    for credential in [&key, &account.session] {
        service.me(credential).await.expect(200);
        assert_eq!(reads(&dynamodb), [true]);
    }
}

#[tokio::test]
async fn failed_read_falls_back_to_the_sdk() {
    let log = CapturedLog::start(LevelFilter::INFO);
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    for (fault, reason) in FAULTS {
        reads(&dynamodb);
        log.take_records();
        // With the SDK's first attempt, too.
        dynamodb.inject_at(fault, Some("BatchGetItem"), 0..2);
        service.me(&account.session).await.expect(200);
        assert_eq!(reads(&dynamodb), [true, false, false], "{fault:?}");
        let records = log.take_records();
        let mut closed = records.iter().filter(|record| record["message"] == "the fast path is closed");
        assert_eq!(closed.next().map(|record| text(record, "reason")), Some(reason), "{fault:?}");
        // After a call of the SDK's that went well it is open again.
        service.me(&account.session).await.expect(200);
        assert_eq!(reads(&dynamodb), [true], "{fault:?}");
    }
}

#[tokio::test]
async fn is_not_used_while_the_sdk_fails() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    reads(&dynamodb);
    dynamodb.inject(Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"), None);
    service.me(&account.session).await.expect(503);
    assert_eq!(reads(&dynamodb), [true, false, false, false]);
    service.me(&account.session).await.expect(503);
    assert_eq!(reads(&dynamodb), [false; 3]);
}
