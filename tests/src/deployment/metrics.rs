//! Metrics: each invocation logs one document in the embedded metric format, from which `CloudWatch` extracts them.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use serde_json::{Value, json};
use tracing_subscriber::filter::LevelFilter;

use crate::{
    deployment::logs::CapturedLog,
    dynamodb::{DynamoDb, Fault},
    response::text,
    service::{Account, Credential, OwnService, PASSWORD, START, key_path},
};

/// The metrics that only a line with such failures contains. Their dimension is the stack.
const FAILURES: [&str; 5] = [
    "DirectBatchGetFailures",
    "InternalErrors",
    "MailFailures",
    "PepperRefreshFailures",
    "UsageWriteFailures",
];

/// A service with the `LOG_LEVEL` `error`, its log, and its `DynamoDB`.
struct ObservedService {
    service: OwnService,
    dynamodb: DynamoDb,
    log: CapturedLog,
}

impl ObservedService {
    async fn start() -> Self {
        let log = CapturedLog::start(LevelFilter::ERROR);
        let (service, dynamodb) = OwnService::start_with_dynamodb().await;
        Self { service, dynamodb, log }
    }

    /// Returns the documents that were logged since the last call. Asserts that nothing else was logged.
    fn take_documents(&self) -> Vec<Value> {
        let documents = self.log.take_records();
        documents.iter().for_each(assert_valid);
        documents
    }

    /// Asserts which functions have run since the last call, and with which outcomes.
    #[track_caller]
    fn assert_outcomes(&self, expected: &[(&str, &str)]) {
        let documents = self.take_documents();
        let outcomes =
            documents.iter().map(|document| (text(document, "FunctionName"), text(document, "Outcome")));
        assert_eq!(outcomes.collect::<Vec<_>>(), expected);
    }
}

/// Asserts that a document conforms to the specification of the embedded metric format.
#[track_caller]
fn assert_valid(document: &Value) {
    let assert_fields = |object: &Value, fields: &[&str]| {
        let object = object.as_object().expect("an object");
        assert!(object.keys().eq(fields.iter().copied()), "{document}");
    };
    let metadata = &document["_aws"];
    assert_fields(metadata, &["CloudWatchMetrics", "Timestamp"]);
    let started = i128::from(metadata["Timestamp"].as_i64().expect("milliseconds"));
    let day = 24 * 60 * 60 * 1_000;
    assert!((0..day).contains(&(started - START.unix_timestamp_nanos() / 1_000_000)), "{document}");
    let mut defined = HashSet::new();
    for directive in metadata["CloudWatchMetrics"].as_array().expect("directives") {
        assert_fields(directive, &["Dimensions", "Metrics", "Namespace"]);
        assert_eq!(directive["Namespace"], "MedTWINAuth");
        for dimensions in directive["Dimensions"].as_array().expect("sets of dimensions") {
            let dimensions = dimensions.as_array().expect("a set");
            assert!(dimensions.len() <= 30, "{document}");
            for dimension in dimensions {
                let value = text(document, dimension.as_str().expect("a name"));
                assert!((1..=1024).contains(&value.len()) && value.is_ascii(), "{document}");
            }
        }
        let metrics = directive["Metrics"].as_array().expect("metrics");
        assert!((1..=100).contains(&metrics.len()), "{document}");
        for metric in metrics {
            assert_fields(metric, &["Name", "Unit"]);
            let name = text(metric, "Name");
            assert!(["Count", "Milliseconds"].contains(&text(metric, "Unit")), "{document}");
            assert!(document[name].as_f64().expect(name) >= 0.0, "{document}");
            assert!(defined.insert((directive["Dimensions"].to_string(), name.to_owned())), "{document}");
        }
    }
    let dimensions = |names: &[&str]| json!([names]).to_string();
    for failure in FAILURES {
        let is_defined = defined.remove(&(dimensions(&["StackName"]), failure.to_owned()));
        let count = document.get(failure).map(|count| count.as_u64().expect("a count"));
        assert_eq!(count.is_some_and(|count| count > 0), is_defined, "{document}");
    }
    let expected = [
        (dimensions(&["FunctionName", "Outcome"]), "Invocations".to_owned()),
        (dimensions(&["FunctionName"]), "Latency".to_owned()),
        (dimensions(&["FunctionName"]), "DynamoDBCalls".to_owned()),
    ];
    assert_eq!(defined, expected.into(), "{document}");
    assert_eq!(document["Invocations"], 1, "{document}");
}

fn calls(documents: &[Value]) -> u64 {
    documents.iter().map(|document| document["DynamoDBCalls"].as_u64().expect("a count")).sum()
}

#[tokio::test]
async fn outcome_is_reported_at_any_log_level() {
    let observed = ObservedService::start().await;
    let ObservedService { service, dynamodb, .. } = &observed;
    let account = service.account().await;
    let (reader, _) = service.key(&account.session, json!({"permissions": ["read"]})).await;
    observed.take_documents();

    service.get("/v1/projects", &reader).await.expect(200);
    observed.assert_outcomes(&[("authorizer", "allowed"), ("projects", "succeeded")]);
    service.post("/v1/projects", &reader, json!({"name": "A"})).await.assert_forbidden();
    observed.assert_outcomes(&[("authorizer", "forbidden")]);
    service.me(&Credential::bearer("mt_live_invalid")).await.assert_unauthorized();
    observed.assert_outcomes(&[("authorizer", "unauthenticated")]);
    service.post("/v1/api-keys", &account.session, json!({})).await.assert_bad_field("name");
    observed.assert_outcomes(&[("authorizer", "allowed"), ("api-keys-create", "refused")]);
    let wrong = json!({"email": account.email, "password": "x"});
    service.request("POST", "/v1/auth/login").json(&wrong).send().await.expect(401);
    observed.assert_outcomes(&[("login", "refused")]);
    service.request("GET", "/v1/health").send().await.expect(200);
    observed.assert_outcomes(&[("health", "succeeded")]);
    // An unknown route invokes no function.
    service.get("/v1/nothing", &reader).await.assert_not_found();
    observed.assert_outcomes(&[]);

    service.suspend(&account).await;
    observed.assert_outcomes(&[("operator", "succeeded")]);
    service.operate(json!({"suspend_account": {}})).await.expect_err("the command is rejected");
    observed.assert_outcomes(&[("operator", "refused")]);
    service.restore(&account).await;
    observed.assert_outcomes(&[("operator", "succeeded")]);
    // The suspension ended the account's sessions.
    let session = service.login(&account.email).await;
    observed.assert_outcomes(&[("login", "succeeded")]);

    let fault = Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError");
    dynamodb.inject(fault, Some("UpdateItem"));
    service.time.pass(60);
    service.me(&reader).await.expect(200);
    observed.assert_outcomes(&[("authorizer", "allowed_uncounted"), ("me", "succeeded")]);
    dynamodb.recover();
    let limits = json!({"live": 1, "test": 1});
    service
        .operate(json!({"set_limits": {"account_id": account.id, "requests_per_minute": limits}}))
        .await
        .expect("the command succeeds");
    service.me(&reader).await.expect(200);
    observed.take_documents();
    service.me(&reader).await.expect(429);
    observed.assert_outcomes(&[("authorizer", "rate_limited"), ("me", "refused")]);

    dynamodb.inject(fault, Some("Query"));
    service.get("/v1/api-keys", &session).await.expect(503);
    observed.assert_outcomes(&[("authorizer", "allowed"), ("api-keys-list", "failed")]);
    dynamodb.inject(fault, None);
    service.me(&reader).await.expect(503);
    observed.assert_outcomes(&[("authorizer", "failed")]);
    service
        .operate(json!({"suspend_account": {"account_id": account.id}}))
        .await
        .expect_err("the command fails");
    observed.assert_outcomes(&[("operator", "failed")]);
}

#[tokio::test]
async fn failures_are_counted_in_the_line_of_their_invocation_only() {
    let observed = ObservedService::start().await;
    let ObservedService { service, dynamodb, .. } = &observed;
    let Account { session, .. } = service.account().await;
    let (key, _) = service.key(&session, json!({})).await;
    observed.take_documents();
    let assert_failures = |expected: &[&[&str]]| {
        let documents = observed.take_documents();
        let failures = |document: &Value| {
            let of_stack = document.get("StackName").is_none_or(|name| *name == *service.stack);
            assert!(of_stack, "{document}");
            FAILURES.into_iter().filter(|name| document.get(name).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(documents.iter().map(failures).collect::<Vec<_>>(), expected, "{documents:?}");
    };
    service.me(&key).await.expect(200);
    assert_failures(&[&[], &[]]);
    // The counter conflicts until its retries end.
    dynamodb.inject_at(Fault::Conflict, None, 1..100);
    service.time.pass(60);
    service.me(&key).await.expect(429);
    assert_failures(&[&["UsageWriteFailures"], &[]]);
    dynamodb.inject_at(Fault::UnprocessedKey, None, 0..1);
    service.me(&key).await.expect(200);
    assert_failures(&[&["DirectBatchGetFailures"], &[]]);
    dynamodb.recover();
    service.me(&session).await.expect(200);
    assert_failures(&[&[], &[]]);
}

#[tokio::test]
async fn dynamodb_calls_are_counted() {
    let observed = ObservedService::start().await;
    let ObservedService { service, dynamodb, .. } = &observed;
    let account = service.account().await;
    let admin = &account.session;
    let (_, record) = service.key(admin, json!({})).await;
    let (scoped, _) = service.key(admin, json!({"scope": {"projects": ["proj_a", "proj_b"]}})).await;
    let rotation = format!("{}/rotate", key_path(&record));
    // After a few requests, the reserved batch of the key's quota is large enough for the ones below.
    for _ in 0..5 {
        service.me(&scoped).await.expect(200);
    }
    let login = json!({"email": account.email, "password": PASSWORD});
    let password = json!({"current_password": PASSWORD, "new_password": "two lizards on the wall"});
    let (leaked, _) = service.key(admin, json!({})).await;
    let (also_leaked, _) = service.key(admin, json!({})).await;
    let report = json!({"credentials": [leaked.token(), also_leaked.token()]});
    for (method, path, credential, body) in [
        ("GET", "/v1/auth/me", Some(&scoped), Value::Null),
        ("GET", "/v1/projects", Some(&scoped), Value::Null),
        ("GET", "/v1/projects", Some(admin), Value::Null),
        ("POST", "/v1/api-keys", Some(admin), json!({"name": "A", "permissions": ["read"]})),
        ("POST", &rotation, Some(admin), json!({})),
        ("POST", "/v1/auth/login", None, login),
        ("POST", "/v1/auth/password", Some(admin), password),
        ("POST", "/v1/credentials/revoke", None, report),
        ("GET", "/v1/health", None, Value::Null),
    ] {
        observed.take_documents();
        dynamodb.calls();
        let mut request = service.request(method, path);
        if let Some(credential) = credential {
            request = request.with(credential);
        }
        let request = if body.is_null() { request } else { request.json(&body) };
        assert!(request.send().await.status < 300, "{method} {path}");
        let (documents, actual) = (observed.take_documents(), dynamodb.calls());
        assert_eq!(calls(&documents), actual.len() as u64, "{path}: {actual:?} {documents:?}");
        let authorizer = documents.iter().find(|document| document["FunctionName"] == "authorizer");
        let calls_of_authorizer = authorizer.map(|document| document["DynamoDBCalls"].as_u64());
        assert_eq!(calls_of_authorizer, credential.map(|_| Some(1)), "{path}");
    }
}

#[tokio::test]
async fn every_retry_is_counted() {
    let observed = ObservedService::start().await;
    let ObservedService { service, dynamodb, .. } = &observed;
    let Account { session, .. } = service.account().await;
    observed.take_documents();
    dynamodb.calls();
    dynamodb.inject(Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"), None);
    service.me(&session).await.expect(503);
    // One direct batch get, and three attempts of the SDK.
    assert_eq!(dynamodb.calls(), ["BatchGetItem"; 4]);
    assert_eq!(calls(&observed.take_documents()), 4);
}

#[tokio::test]
async fn concurrent_invocations_are_counted_separately() {
    let observed = ObservedService::start().await;
    let ObservedService { service, dynamodb, .. } = &observed;
    let Account { session, .. } = service.account().await;
    service.me(&session).await.expect(200);
    observed.take_documents();
    // The first request waits in the function until the second one has ended.
    let mut held = dynamodb.hold("Query");
    let second = async {
        held.arrived().await;
        service.me(&session).await.expect(200);
        let documents = observed.take_documents();
        assert_eq!(
            documents.iter().map(|document| text(document, "FunctionName")).collect::<Vec<_>>(),
            ["authorizer", "authorizer", "me"]
        );
        assert_eq!(
            documents.iter().map(|document| document["DynamoDBCalls"].as_u64()).collect::<Vec<_>>(),
            [Some(1), Some(1), Some(0)]
        );
        drop(held);
    };
    let (first, ()) = tokio::join!(service.get("/v1/api-keys", &session), second);
    first.expect(200);
    let documents = observed.take_documents();
    assert_eq!((text(&documents[0], "FunctionName"), calls(&documents)), ("api-keys-list", 2));
}

#[tokio::test]
async fn latency_is_in_milliseconds_from_start_to_response() {
    const DELAY: Duration = Duration::from_millis(100);
    let log = CapturedLog::start(LevelFilter::INFO);
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    log.take_records();
    dynamodb.inject(Fault::Delay(DELAY), Some("BatchGetItem"));
    let started = Instant::now();
    service.me(&account.session).await.expect(200);
    let elapsed = started.elapsed();
    let records = log.take_records();
    let authorized = records.iter().find(|record| record["FunctionName"] == "authorizer").expect("a line");
    let latency = Duration::from_secs_f64(authorized["Latency"].as_f64().expect("a number") / 1_000.0);
    assert!(DELAY <= latency && latency <= elapsed, "{latency:?} of {elapsed:?}");
}
