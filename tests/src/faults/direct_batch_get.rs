//! What is read together is read past the SDK, as long as that goes well.

use axum::http::StatusCode;
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;

use crate::{
    deployment::logs::OwnLog,
    dynamodb::{DynamoDb, Trouble},
    response::text,
    service::OwnService,
};

/// What can go wrong with a read, and how the log calls it.
const TROUBLES: [(Trouble, &str); 5] = [
    (Trouble::Refuses(StatusCode::BAD_REQUEST, "ThrottlingException"), "refused: 400"),
    (Trouble::BreaksOff, "no connection"),
    (Trouble::CutsShort(128), "an answer that can't be read"),
    (Trouble::IsSilent, "no answer in time"),
    (Trouble::LeavesOut, "an incomplete answer"),
];

/// The reads since the last look: whether each came by the fast path.
fn reads(dynamodb: &DynamoDb) -> Vec<bool> {
    let calls = dynamodb.told_calls().into_iter().filter(|call| call.operation == "BatchGetItem");
    calls.map(|call| call.is_fast).collect()
}

#[tokio::test]
async fn is_open_once_the_sdk_has_made_a_call() {
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
async fn that_does_not_go_well_leaves_it_to_the_sdk() {
    let log = OwnLog::start(LevelFilter::INFO);
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    for (trouble, reason) in TROUBLES {
        reads(&dynamodb);
        log.records();
        // With the SDK's first attempt, too.
        dynamodb.disturb_at(trouble, Some("BatchGetItem"), 0..2);
        service.me(&account.session).await.expect(200);
        assert_eq!(reads(&dynamodb), [true, false, false], "{trouble:?}");
        let records = log.records();
        let mut closed = records.iter().filter(|record| record["message"] == "the fast path is closed");
        assert_eq!(closed.next().map(|record| text(record, "reason")), Some(reason), "{trouble:?}");
        // After a call of the SDK's that went well it is open again.
        service.me(&account.session).await.expect(200);
        assert_eq!(reads(&dynamodb), [true], "{trouble:?}");
    }
}

#[tokio::test]
async fn stays_closed_while_the_sdk_fares_no_better() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    reads(&dynamodb);
    dynamodb.disturb(Trouble::Refuses(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"), None);
    service.me(&account.session).await.expect(503);
    assert_eq!(reads(&dynamodb), [true, false, false, false]);
    service.me(&account.session).await.expect(503);
    assert_eq!(reads(&dynamodb), [false; 3]);
}
