//! What the authorizer reads, it reads past the SDK, as long as that goes well.

use serde_json::json;

use crate::{
    dynamodb::{DynamoDb, Trouble},
    service::OwnService,
};

/// The reads since the last look: whether each came by the fast path.
fn reads(dynamodb: &DynamoDb) -> Vec<bool> {
    let calls = dynamodb.told_calls().into_iter().filter(|call| call.operation == "BatchGetItem");
    calls.map(|call| call.is_fast).collect()
}

#[tokio::test]
async fn is_taken_once_the_sdk_has_made_a_call() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
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
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let troubles = [
        Trouble::Refuses(axum::http::StatusCode::BAD_REQUEST, "ThrottlingException"),
        Trouble::BreaksOff,
        Trouble::CutsShort(128),
        Trouble::IsSilent,
        Trouble::LeavesOut,
    ];
    for trouble in troubles {
        reads(&dynamodb);
        dynamodb.disturb_at(trouble, Some("BatchGetItem"), 0..1);
        service.me(&account.session).await.expect(200);
        assert_eq!(reads(&dynamodb), [true, false], "{trouble:?}");
        // The next one takes it again.
        service.me(&account.session).await.expect(200);
        assert_eq!(reads(&dynamodb), [true], "{trouble:?}");
    }
}
