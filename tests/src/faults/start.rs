//! The start of the functions, before their first request.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;

use crate::{
    deployment::logs::CapturedLog,
    dynamodb::{DynamoDb, Fault},
    service::{OwnService, PASSWORD},
};

const READ: &str = "BatchGetItem";

/// The functions that make a read when they start.
const WARMED: [&str; 5] = ["accept-invitation", "authorizer", "login", "password", "reauthenticate"];

async fn start(dynamodb: &DynamoDb) -> OwnService {
    OwnService::start_with(|options| options.dynamodb = Some(dynamodb.url.clone())).await
}

#[tokio::test]
async fn functions_that_read_batches_make_one_read() {
    let log = CapturedLog::start(LevelFilter::WARN);
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let mut actions = dynamodb.actions();
    actions.remove("gateway");
    let read = || [format!("dynamodb:{READ}")].into();
    assert_eq!(actions, WARMED.map(|name| (name.to_owned(), read())).into());
    assert_eq!(dynamodb.calls().iter().filter(|operation| *operation == READ).count(), WARMED.len());
    assert_eq!(log.take_records(), [json!(null); 0]);
    // The calls at the start are not counted for the first invocation.
    service.request("GET", "/v1/health").send().await.expect(200);
    assert_eq!(log.take_records()[0]["DynamoDBCalls"], 0);
}

#[tokio::test]
async fn table_stays_empty() {
    let service = OwnService::start().await;
    let table = service.gateway.table("Table").expect("the table");
    let scan = service.gateway.dynamodb().scan().table_name(table).send().await.expect("a scan");
    assert_eq!(scan.items(), []);
}

#[tokio::test]
async fn unavailable_table_returns_503_until_recovery() {
    let log = CapturedLog::start(LevelFilter::WARN);
    let dynamodb = DynamoDb::start().await;
    dynamodb.inject(Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"), Some(READ));
    let service = start(&dynamodb).await;
    let records = log.take_records();
    assert_eq!(records.len(), WARMED.len(), "{records:?}");
    for record in records {
        assert_eq!(record["message"], "the warming read failed", "{record}");
        assert_eq!(record["level"], "WARN", "{record}");
        assert_eq!(record["reason"], "DynamoDB failed: error response: InternalServerError", "{record}");
    }

    let login = json!({"email": "ada@example.com", "password": PASSWORD});
    let request = service.request("POST", "/v1/auth/login").json(&login);
    request.send().await.assert_error(503, "UNAVAILABLE");
    let operator = service.operate(
        json!({"create_account": {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}}),
    );
    operator.await.expect("other calls succeed");
    dynamodb.recover();
    let session = service.login("ada@example.com").await;
    service.me(&session).await.expect(200);
    dynamodb.inject(Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"), Some(READ));
    service.me(&session).await.assert_error(503, "UNAVAILABLE");
}

#[tokio::test]
async fn unresponsive_table_delays_the_start_of_each_function_by_less_than_three_seconds() {
    let dynamodb = DynamoDb::start().await;
    dynamodb.inject(Fault::Hang, Some(READ));
    let started = Instant::now();
    let service = start(&dynamodb).await;
    // The functions start in sequence. Without the shorter timeout of the warming read, each would wait for five seconds.
    let limit = Duration::from_secs(3) * u32::try_from(WARMED.len()).expect("a few functions");
    assert!(started.elapsed() < limit, "{:?}", started.elapsed());
    service.request("GET", "/v1/health").send().await.expect(200);
}
