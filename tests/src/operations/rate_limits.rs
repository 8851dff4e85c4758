//! Rate limits of API keys.

use std::{
    fs,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use gateway::Data;
use serde_json::{Value, json};
use shared::primitives::environment::Environment;
use tempfile::TempDir;

use crate::{
    dynamodb::{DynamoDb, Fault},
    response::Response,
    service::{Account, Credential, OwnService, Service, key_path},
};

/// Sets the limit of the account's live keys, in requests per minute. The limit of test keys is half of it.
async fn limit(service: &Service, account: &Account, live: u32) {
    let limits = json!({"live": live, "test": live / 2});
    let command = json!({"set_limits": {"account_id": account.id, "requests_per_minute": limits}});
    let result = service.operate(command).await.expect("the limits are set");
    let keys = json!({"live": null, "test": null});
    let expected = json!({
        "account_id": account.id, "requests_per_minute": limits, "keys": keys, "sessions_per_member": null
    });
    assert_eq!(result, expected);
}

async fn start(live: u32) -> (OwnService, Account) {
    let service = OwnService::start().await;
    let account = service.account().await;
    limit(&service, &account, live).await;
    (service, account)
}

#[track_caller]
fn assert_rate_limit_headers(response: &Response, policy: &str, limit: &str) {
    assert_eq!(
        (response.header("ratelimit-policy"), response.header("ratelimit")),
        (Some(policy), Some(limit))
    );
}

#[track_caller]
fn assert_limited(response: &Response, retry_after: &str) {
    response.assert_error(429, "RATE_LIMITED");
    assert_eq!(response.header("retry-after"), Some(retry_after));
}

/// The number of authorized requests.
#[derive(Default)]
struct Authorized {
    /// The requests that count against the limit. Their responses state it.
    counted: usize,
    /// The requests that do not count, because the counter could not be written in time.
    uncounted: usize,
}

/// Sends requests with a key. Panics if a request is neither authorized nor rejected with 429.
async fn send_requests(service: &Service, key: &Credential, requests: usize) -> Authorized {
    let mut authorized = Authorized::default();
    for _ in 0..requests {
        let response = service.me(key).await;
        match (response.status, response.header("ratelimit")) {
            (200, Some(_)) => authorized.counted += 1,
            (200, None) => authorized.uncounted += 1,
            (status, _) => assert_eq!(status, 429, "{}", response.text),
        }
    }
    authorized
}

/// Sends requests with a key and returns the number of authorized ones. Panics if one of these was not counted, or if
/// another request is not rejected with 429.
async fn count_authorized(service: &Service, key: &Credential, requests: usize) -> usize {
    let Authorized { counted, uncounted } = send_requests(service, key, requests).await;
    assert_eq!(uncounted, 0);
    counted
}

#[tokio::test]
async fn default_limit_is_6000_for_live_and_100_for_test_keys() {
    let service = OwnService::start().await;
    let account = service.account().await;
    for (kind, limit) in [("live", 6_000), ("test", 100)] {
        let (key, _) = service.key(&account.session, json!({"type": kind})).await;
        let response = service.me(&key).await;
        let (policy, remaining) =
            (format!("\"default\";q={limit};w=60"), format!("\"default\";r={};t=60", limit - 1));
        assert_rate_limit_headers(&response, &policy, &remaining);
        response.expect(200);
    }
    let (key, _) = service.key(&account.session, json!({"type": "test"})).await;
    assert_eq!(count_authorized(&service, &key, 103).await, 100);
}

#[tokio::test]
async fn exceeded_limit_returns_429_until_the_minute_ends() {
    let (service, account) = start(8).await;
    let (key, _) = service.key(&account.session, json!({})).await;
    service.time.pass(18);
    assert_eq!(count_authorized(&service, &key, 10).await, 8);
    for path in ["/v1/projects", "/v1/auth/me"] {
        let response = service.get(path, &key).await;
        assert_limited(&response, "42");
        assert_rate_limit_headers(&response, "\"default\";q=8;w=60", "\"default\";r=0;t=42");
    }
    service.time.pass(41);
    assert_limited(&service.me(&key).await, "1");
    service.time.pass(1);
    assert_eq!(count_authorized(&service, &key, 10).await, 8);
}

#[tokio::test]
async fn rejected_request_changes_nothing() {
    let (service, account) = start(2).await;
    let (key, record) = service.key(&account.session, json!({})).await;
    assert_eq!(count_authorized(&service, &key, 2).await, 2);
    assert_limited(&service.post("/v1/projects", &key, json!({"name": "A"})).await, "60");
    assert_limited(&service.delete(&key_path(&record), &key).await, "60");
    assert_limited(
        &service.post("/v1/api-keys", &key, json!({"name": "A", "permissions": ["read"]})).await,
        "60",
    );
    assert_eq!(service.get("/v1/projects", &account.session).await.expect(200)["data"], json!([]));
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await.len(), 1);
}

#[tokio::test]
async fn each_key_has_its_own_limit_and_sessions_have_none() {
    let (service, account) = start(2).await;
    let (key, _) = service.key(&account.session, json!({})).await;
    let (other, _) = service.key(&account.session, json!({})).await;
    let (test, _) = service.key(&account.session, json!({"type": "test"})).await;
    assert_eq!(count_authorized(&service, &key, 4).await, 2);
    assert_eq!(count_authorized(&service, &other, 4).await, 2);
    assert_eq!(count_authorized(&service, &test, 4).await, 1);
    for _ in 0..10 {
        let response = service.me(&account.session).await;
        assert_eq!((response.header("ratelimit"), response.header("ratelimit-policy")), (None, None));
        response.expect(200);
    }
}

#[tokio::test]
async fn rotation_does_not_reset_the_count() {
    let (service, account) = start(6).await;
    let (old, record) = service.key(&account.session, json!({})).await;
    assert_eq!(count_authorized(&service, &old, 4).await, 4);
    let (new, _) = service.rotate(&record, &account.session, 60).await;
    assert_eq!(count_authorized(&service, &new, 4).await, 2);
    assert_limited(&service.me(&old).await, "60");
}

#[tokio::test]
async fn only_authorized_requests_are_counted() {
    let (service, account) = start(2).await;
    let (key, record) = service.key(&account.session, json!({"permissions": ["read"]})).await;
    let id = record["id"].as_str().expect("an id");
    let mac_key = service.token_mac_key().await;
    for _ in 0..4 {
        service.post("/v1/projects", &key, json!({"name": "A"})).await.assert_forbidden();
        let wrong = Credential::with_wrong_secret(&mac_key, Environment::Live, &account.id, id);
        service.me(&wrong).await.assert_unauthorized();
        service.me(&Credential::forged(Environment::Live, &account.id, id)).await.assert_unauthorized();
    }
    assert_eq!(count_authorized(&service, &key, 4).await, 2);
}

#[tokio::test]
async fn changed_limit_applies_to_the_next_request() {
    let (service, account) = start(2).await;
    let (key, _) = service.key(&account.session, json!({})).await;
    assert_eq!(count_authorized(&service, &key, 4).await, 2);
    limit(&service, &account, 6).await;
    assert_eq!(count_authorized(&service, &key, 8).await, 4);
    limit(&service, &account, 4).await;
    assert_eq!(count_authorized(&service, &key, 2).await, 0);
    let default = json!({"set_limits": {"account_id": account.id, "requests_per_minute": null}});
    let result = service.operate(default).await.expect("the limits are set");
    assert_eq!(result["requests_per_minute"], Value::Null);
    let response = service.me(&key).await;
    assert_eq!(response.header("ratelimit-policy"), Some("\"default\";q=6000;w=60"));
    let events = service.get("/v1/audit-events?limit=1", &account.session).await.expect(200);
    assert_eq!(events["data"][0]["type"], "account.limits_changed");
    assert_eq!(events["data"][0]["requests_per_minute"], Value::Null);
}

#[tokio::test]
async fn set_limits_rejects_invalid_limits_and_unknown_accounts() {
    let service = Service::start().await;
    let account = service.account().await;
    for limits in [
        json!({"live": 0, "test": 1}),
        json!({"live": -1, "test": 1}),
        json!({"live": 4_294_967_296_u64, "test": 1}),
        json!({"live": 1.5, "test": 1}),
        json!({"live": 1}),
        json!({"live": 1, "test": 1, "admin": 1}),
        json!([1, 1]),
        json!("none"),
    ] {
        let command = json!({"set_limits": {"account_id": account.id, "requests_per_minute": limits}});
        assert_eq!(
            service.operate(command).await.expect_err("invalid limits").error_type,
            "BAD_REQUEST",
            "{limits}"
        );
    }
    let missing = json!({"set_limits": {"account_id": account.id}});
    assert_eq!(service.operate(missing).await.expect_err("no limits").error_type, "BAD_REQUEST");
    let unknown = json!({"set_limits": {"account_id": "acct_0000000000000000", "requests_per_minute": null}});
    assert_eq!(service.operate(unknown).await.expect_err("no account").error_type, "NOT_FOUND");
}

/// Starts one service for each folder, all with the same table and the same pepper. Each has its own execution
/// environments and its own clock.
pub async fn start_together(folders: &[TempDir]) -> (DynamoDb, Vec<OwnService>) {
    let dynamodb = DynamoDb::start().await;
    let mut services: Vec<OwnService> = Vec::new();
    for folder in folders {
        if !services.is_empty() {
            fs::copy(folders[0].path().join("secrets.json"), folder.path().join("secrets.json"))
                .expect("a copy");
        }
        let service = OwnService::start_with(|options| {
            options.data = Data::Folder(folder.path().to_owned());
            options.dynamodb = Some(dynamodb.url.clone());
            if let Some(first) = services.first() {
                options.stack = first.stack.clone();
            }
        });
        services.push(service.await);
    }
    (dynamodb, services)
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_to_several_environments_stay_within_the_limit() {
    let folders = [(); 4].map(|()| tempfile::tempdir().expect("a folder"));
    let (_dynamodb, services) = start_together(&folders).await;
    let account = services[0].account().await;
    limit(&services[0], &account, 50).await;
    let (key, _) = services[0].key(&account.session, json!({})).await;
    for _ in 0..2 {
        let send = async |service: &OwnService| {
            let (a, b) = tokio::join!(send_requests(service, &key, 12), send_requests(service, &key, 12));
            Authorized { counted: a.counted + b.counted, uncounted: a.uncounted + b.uncounted }
        };
        let [one, two, three, four] = &services[..] else { panic!("four services") };
        let results: [Authorized; 4] = tokio::join!(send(one), send(two), send(three), send(four)).into();
        let counted: usize = results.iter().map(|authorized| authorized.counted).sum();
        let uncounted: usize = results.iter().map(|authorized| authorized.uncounted).sum();
        assert!(counted <= 50, "{counted} of 50");
        // An environment may keep a reservation that it does not use, while the others reject requests. On a busy machine,
        // some requests are authorized without being counted, and the reservation that they waited for may be lost.
        assert!(counted >= 38 || uncounted > 0, "{counted} of 50");
        // The clock of the last service stays in the first minute.
        for service in &services[..3] {
            service.time.pass(60);
        }
    }
}

/// Reads when the key was last used. Reading it with a session does not use it.
async fn last_used_at(service: &Service, account: &Account, record: &Value) -> Value {
    service.get(&key_path(record), &account.session).await.expect(200)["last_used_at"].clone()
}

#[tokio::test]
async fn fast_clock_does_not_take_windows_from_other_environments() {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let (_dynamodb, services) = start_together(&folders).await;
    let [accurate, fast] = &services[..] else { panic!("two services") };
    let account = accurate.account().await;
    limit(accurate, &account, 8).await;
    let (key, record) = accurate.key(&account.session, json!({})).await;
    fast.time.pass(600);
    assert_eq!(count_authorized(fast, &key, 10).await, 8);
    assert_eq!(last_used_at(accurate, &account, &record).await, fast.time.in_seconds(0));
    // The quota of this minute is exhausted.
    assert_eq!(count_authorized(accurate, &key, 10).await, 0);
    assert_limited(&accurate.me(&key).await, "65");
    for _ in 0..3 {
        accurate.time.pass(64);
        assert_eq!(count_authorized(accurate, &key, 1).await, 0);
        accurate.time.pass(1);
        assert_eq!(count_authorized(accurate, &key, 10).await, 8);
        assert_eq!(last_used_at(accurate, &account, &record).await, accurate.time.in_seconds(0));
    }
    // Both use the same windows, so together they get one quota in each minute.
    fast.time.pass(3 * 65);
    assert_eq!(count_authorized(fast, &key, 10).await, 0);
    for _ in 0..3 {
        accurate.time.pass(60);
        fast.time.pass(60);
        assert_eq!(count_authorized(fast, &key, 3).await, 3);
        let rest = count_authorized(accurate, &key, 10).await;
        // The fast environment keeps at most the rest of one batch, which is a quarter of the quota.
        assert!((4..=5).contains(&rest), "{rest}");
    }
}

#[tokio::test]
async fn counter_far_in_the_future_is_replaced() {
    let folders = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let (_dynamodb, services) = start_together(&folders).await;
    let [accurate, wrong, new] = &services[..] else { panic!("three services") };
    let account = accurate.account().await;
    limit(accurate, &account, 8).await;
    let (key, record) = accurate.key(&account.session, json!({})).await;
    wrong.time.pass(365 * 24 * 60 * 60);
    assert_eq!(count_authorized(wrong, &key, 10).await, 8);
    assert_eq!(count_authorized(accurate, &key, 10).await, 0);
    accurate.time.pass(64);
    assert_eq!(count_authorized(accurate, &key, 10).await, 0);
    accurate.time.pass(1);
    assert_eq!(count_authorized(accurate, &key, 10).await, 8);
    assert_eq!(last_used_at(accurate, &account, &record).await, accurate.time.in_seconds(0));
    // The counter has the window of the accurate clock again. So an environment that starts later does not wait.
    new.time.pass(120);
    assert_eq!(count_authorized(new, &key, 10).await, 8);
}

#[tokio::test]
async fn requests_are_authorized_if_the_counter_cannot_be_written() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    limit(&service, &account, 2).await;
    let (key, _) = service.key(&account.session, json!({})).await;
    dynamodb
        .inject(Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"), Some("UpdateItem"));
    for credential in [&key, &account.session] {
        for _ in 0..4 {
            let response = service.me(credential).await;
            assert_eq!((response.header("ratelimit"), response.header("ratelimit-policy")), (None, None));
            response.expect(200);
        }
    }
    // An invalid credential is still rejected.
    service.me(&Credential::bearer("mt_live_x")).await.assert_unauthorized();
    dynamodb.recover();
    assert_eq!(count_authorized(&service, &key, 4).await, 2);
}

#[tokio::test]
async fn request_that_contends_with_writes_by_its_own_key_returns_429() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    limit(&service, &account, 4).await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let (other, _) = service.key(&account.session, json!({})).await;
    // If a key creates or rotates a key, the transaction includes the item of the calling key. Until the transaction ends,
    // other writes of that item conflict with it.
    for (path, body) in [
        ("/v1/api-keys".to_owned(), json!({"name": "A", "permissions": ["read"]})),
        (format!("{}/rotate", key_path(&record)), json!({})),
    ] {
        service.time.pass(60);
        service.me(&key).await.expect(200);
        let mut transaction = dynamodb.hold("TransactWriteItems");
        let flood = async {
            transaction.arrived().await;
            dynamodb.inject(Fault::Conflict, Some("UpdateItem"));
            // At the same time, because each of them waits for the counter.
            let me = || service.me(&key);
            let responses = tokio::join!(me(), me(), me(), me(), me(), me());
            for response in <[_; 6]>::from(responses) {
                assert_limited(&response, "1");
                assert_rate_limit_headers(&response, "\"default\";q=4;w=60", "\"default\";r=0;t=1");
            }
            dynamodb.recover();
            drop(transaction);
        };
        let (response, ()) = tokio::join!(service.post(&path, &key, body), flood);
        assert!(response.status < 300, "{path}: {}", response.text);
        // So far, two authorized requests have been counted, and none of the rejected ones.
        assert_eq!(count_authorized(&service, &key, 4).await, 2, "{path}");
        assert_eq!(count_authorized(&service, &other, 1).await, 1);
    }
}

#[tokio::test]
async fn unresponsive_counter_delays_a_request_only_briefly() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    dynamodb.inject(Fault::Hang, Some("UpdateItem"));
    let start = Instant::now();
    let response = service.me(&key).await;
    // The authorizer waits a second for the counter. Without that limit, the SDK would wait five seconds.
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(response.header("ratelimit"), None);
    response.expect(200);
}
