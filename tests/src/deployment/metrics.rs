//! What `CloudWatch` reads from the logs: each invocation leaves one document in the embedded metric format.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use serde_json::{Value, json};
use tracing_subscriber::filter::LevelFilter;

use crate::{
    deployment::logs::OwnLog,
    dynamodb::{DynamoDb, Trouble},
    response::text,
    service::{Account, Credential, OwnService, PASSWORD, START, key_path},
};

/// A service, what it logs where `LOG_LEVEL` is `error`, and its `DynamoDB`.
struct Watched {
    service: OwnService,
    dynamodb: DynamoDb,
    log: OwnLog,
}

impl Watched {
    async fn start() -> Self {
        let log = OwnLog::start(LevelFilter::ERROR);
        let (service, dynamodb) = OwnService::start_with_dynamodb().await;
        Self { service, dynamodb, log }
    }

    /// The documents that came since the last look. Nothing else has been logged.
    fn documents(&self) -> Vec<Value> {
        let documents = self.log.records();
        documents.iter().for_each(assert_valid);
        documents
    }

    /// Which functions ran since the last look, and how that ended.
    #[track_caller]
    fn assert_ran(&self, expected: &[(&str, &str)]) {
        let documents = self.documents();
        let ran =
            documents.iter().map(|document| (text(document, "FunctionName"), text(document, "Outcome")));
        assert_eq!(ran.collect::<Vec<_>>(), expected);
    }
}

/// Whether it is as the specification of the format has it.
#[track_caller]
fn assert_valid(document: &Value) {
    let has_only = |object: &Value, members: &[&str]| {
        let object = object.as_object().expect("an object");
        assert!(object.keys().eq(members.iter().copied()), "{document}");
    };
    let metadata = &document["_aws"];
    has_only(metadata, &["CloudWatchMetrics", "Timestamp"]);
    let began = i128::from(metadata["Timestamp"].as_i64().expect("milliseconds"));
    let day = 24 * 60 * 60 * 1_000;
    assert!((0..day).contains(&(began - START.unix_timestamp_nanos() / 1_000_000)), "{document}");
    let mut defined = HashSet::new();
    for directive in metadata["CloudWatchMetrics"].as_array().expect("directives") {
        has_only(directive, &["Dimensions", "Metrics", "Namespace"]);
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
            has_only(metric, &["Name", "Unit"]);
            let name = text(metric, "Name");
            assert!(["Count", "Milliseconds"].contains(&text(metric, "Unit")), "{document}");
            assert!(document[name].as_f64().expect(name) >= 0.0, "{document}");
            assert!(defined.insert((directive["Dimensions"].to_string(), name.to_owned())), "{document}");
        }
    }
    let dimensions = |names: &[&str]| json!([names]).to_string();
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
async fn say_how_each_invocation_ended_at_any_log_level() {
    let watched = Watched::start().await;
    let Watched { service, dynamodb, .. } = &watched;
    let account = service.account().await;
    let (reader, _) = service.key(&account.session, json!({"permissions": ["read"]})).await;
    watched.documents();

    service.get("/v1/projects", &reader).await.expect(200);
    watched.assert_ran(&[("authorizer", "allowed"), ("projects", "succeeded")]);
    service.post("/v1/projects", &reader, json!({"name": "A"})).await.assert_forbidden();
    watched.assert_ran(&[("authorizer", "forbidden")]);
    service.me(&Credential::bearer("mt_live_invalid")).await.assert_unauthorized();
    watched.assert_ran(&[("authorizer", "unauthenticated")]);
    service.post("/v1/api-keys", &account.session, json!({})).await.assert_bad_field("name");
    watched.assert_ran(&[("authorizer", "allowed"), ("api-keys-create", "refused")]);
    let wrong = json!({"email": account.email, "password": "x"});
    service.request("POST", "/v1/auth/login").json(&wrong).send().await.expect(401);
    watched.assert_ran(&[("login", "refused")]);
    service.request("GET", "/v1/health").send().await.expect(200);
    watched.assert_ran(&[("health", "succeeded")]);
    // No route, no function.
    service.get("/v1/nothing", &reader).await.assert_not_found();
    watched.assert_ran(&[]);

    service.suspend(&account).await;
    watched.assert_ran(&[("operator", "succeeded")]);
    service.operate(json!({"suspend_account": {}})).await.expect_err("it is refused");
    watched.assert_ran(&[("operator", "refused")]);
    service.restore(&account).await;
    watched.assert_ran(&[("operator", "succeeded")]);

    let refused = Trouble::Refuses(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError");
    dynamodb.disturb(refused, Some("UpdateItem"));
    service.time.pass(60);
    service.me(&reader).await.expect(200);
    watched.assert_ran(&[("authorizer", "allowed_uncounted"), ("me", "succeeded")]);
    dynamodb.recover();
    let limits = json!({"live": 1, "test": 1});
    service
        .operate(json!({"set_limits": {"account_id": account.id, "requests_per_minute": limits}}))
        .await
        .expect("it is done");
    service.me(&reader).await.expect(200);
    watched.documents();
    service.me(&reader).await.expect(429);
    watched.assert_ran(&[("authorizer", "rate_limited"), ("me", "refused")]);

    dynamodb.disturb(refused, Some("Query"));
    service.get("/v1/api-keys", &account.session).await.expect(503);
    watched.assert_ran(&[("authorizer", "allowed"), ("api-keys-list", "failed")]);
    dynamodb.disturb(refused, None);
    service.me(&reader).await.expect(503);
    watched.assert_ran(&[("authorizer", "failed")]);
    service.operate(json!({"suspend_account": {"account_id": account.id}})).await.expect_err("it fails");
    watched.assert_ran(&[("operator", "failed")]);
}

#[tokio::test]
async fn count_the_calls_that_reach_dynamodb() {
    let watched = Watched::start().await;
    let Watched { service, dynamodb, .. } = &watched;
    let account = service.account().await;
    let admin = &account.session;
    let (_, record) = service.key(admin, json!({})).await;
    let (scoped, _) = service.key(admin, json!({"scope": {"projects": ["proj_a", "proj_b"]}})).await;
    let rotation = format!("{}/rotate", key_path(&record));
    // Until a batch of its quota is at hand that lasts.
    for _ in 0..5 {
        service.me(&scoped).await.expect(200);
    }
    let login = json!({"email": account.email, "password": PASSWORD});
    let password = json!({"current_password": PASSWORD, "new_password": "two lizards on the wall"});
    for (method, path, credential, body) in [
        ("GET", "/v1/auth/me", Some(&scoped), Value::Null),
        ("GET", "/v1/projects", Some(&scoped), Value::Null),
        ("GET", "/v1/projects", Some(admin), Value::Null),
        ("POST", "/v1/api-keys", Some(admin), json!({"name": "A", "permissions": ["read"]})),
        ("POST", &rotation, Some(admin), json!({})),
        ("POST", "/v1/auth/login", None, login),
        ("POST", "/v1/auth/password", Some(admin), password),
        ("GET", "/v1/health", None, Value::Null),
    ] {
        watched.documents();
        dynamodb.calls();
        let mut request = service.request(method, path);
        if let Some(credential) = credential {
            request = request.with(credential);
        }
        let request = if body.is_null() { request } else { request.json(&body) };
        assert!(request.send().await.status < 300, "{method} {path}");
        let (documents, called) = (watched.documents(), dynamodb.calls());
        assert_eq!(calls(&documents), called.len() as u64, "{path}: {called:?} {documents:?}");
        let authorizer = documents.iter().find(|document| document["FunctionName"] == "authorizer");
        let decided_with = authorizer.map(|document| document["DynamoDBCalls"].as_u64());
        assert_eq!(decided_with, credential.map(|_| Some(1)), "{path}");
    }
}

#[tokio::test]
async fn count_each_attempt() {
    let watched = Watched::start().await;
    let Watched { service, dynamodb, .. } = &watched;
    let Account { session, .. } = service.account().await;
    watched.documents();
    dynamodb.calls();
    dynamodb.disturb(Trouble::Refuses(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"), None);
    service.me(&session).await.expect(503);
    // One by the fast path, and three of the SDK's.
    assert_eq!(dynamodb.calls(), ["BatchGetItem"; 4]);
    assert_eq!(calls(&watched.documents()), 4);
}

#[tokio::test]
async fn count_for_each_of_the_invocations_that_run_at_once() {
    let watched = Watched::start().await;
    let Watched { service, dynamodb, .. } = &watched;
    let Account { session, .. } = service.account().await;
    service.me(&session).await.expect(200);
    watched.documents();
    // The first waits in the function, while the second is authorized, and ends after it.
    let mut held = dynamodb.hold("Query");
    let second = async {
        held.arrived().await;
        service.me(&session).await.expect(200);
        let ran = watched.documents();
        assert_eq!(
            ran.iter().map(|document| text(document, "FunctionName")).collect::<Vec<_>>(),
            ["authorizer", "authorizer", "me"]
        );
        assert_eq!(
            ran.iter().map(|document| document["DynamoDBCalls"].as_u64()).collect::<Vec<_>>(),
            [Some(1), Some(1), Some(0)]
        );
        drop(held);
    };
    let (first, ()) = tokio::join!(service.get("/v1/api-keys", &session), second);
    first.expect(200);
    let ran = watched.documents();
    assert_eq!((text(&ran[0], "FunctionName"), calls(&ran)), ("api-keys-list", 1));
}

#[tokio::test]
async fn tell_the_time_from_the_begin_to_the_answer_in_milliseconds() {
    const LATE: Duration = Duration::from_millis(100);
    let log = OwnLog::start(LevelFilter::INFO);
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    log.records();
    dynamodb.disturb(Trouble::IsSlow(LATE), Some("BatchGetItem"));
    let began = Instant::now();
    service.me(&account.session).await.expect(200);
    let took = began.elapsed();
    let records = log.records();
    let authorized = records.iter().find(|record| record["FunctionName"] == "authorizer").expect("a line");
    let latency = Duration::from_secs_f64(authorized["Latency"].as_f64().expect("a number") / 1_000.0);
    assert!(LATE <= latency && latency <= took, "{latency:?} of {took:?}");
}
