//! Login throttling, which limits the attempts at a password by `POST /v1/auth/login` and `POST /v1/auth/password`.

use std::iter;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::runtime::password_workers;
use tokio::task::JoinSet;

use crate::{
    own_process,
    response::{Response, text},
    service::{Account, Item, OwnService, PASSWORD, new_address},
};

/// The source that the account's member usually logs in from.
const HOME: &str = "192.0.2.1";
const WRONG: &str = "a lizard on the 8th wall";

/// A response of the invoked function `login`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvokeResponse {
    pub(super) status: u64,
    retry_after: Option<u32>,
    pub(super) body: String,
}

/// Sends a login from a source.
pub(super) async fn attempt_from(
    service: &OwnService,
    source: &str,
    email: &str,
    password: &str,
) -> InvokeResponse {
    post_from(service, source, "login", "/v1/auth/login", &json!({"email": email, "password": password}))
        .await
}

/// Sends a request without a credential from a source. The function is invoked directly, because the gateway sets the source of every
/// HTTP request to the loopback address.
pub(super) async fn post_from(
    service: &OwnService,
    source: &str,
    function: &str,
    route: &str,
    body: &Value,
) -> InvokeResponse {
    let event = json!({
        "resource": route,
        "path": route,
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "requestContext": {
            "resourcePath": route,
            "httpMethod": "POST",
            "path": route,
            "stage": "live",
            "requestId": "0b5ba5de-0000-0000-0000-000000000000",
            "identity": {"sourceIp": source},
        },
        "body": body.to_string(),
        "isBase64Encoded": false,
    });
    let response = service.gateway.invoke(function, event).await.expect("a response");
    let retry_after = response["multiValueHeaders"]["retry-after"][0].as_str();
    InvokeResponse {
        status: response["statusCode"].as_u64().expect("a status"),
        retry_after: retry_after.map(|seconds| seconds.parse().expect("seconds")),
        body: text(&response, "body").to_owned(),
    }
}

fn wrong_login() -> InvokeResponse {
    let body = r#"{"error": {"code": "UNAUTHORIZED", "message": "Invalid email or password"}}"#;
    InvokeResponse { status: 401, retry_after: None, body: body.to_owned() }
}

fn throttled(retry_after: u32) -> InvokeResponse {
    let body = r#"{"error": {"code": "RATE_LIMITED", "message": "Too many requests"}}"#;
    InvokeResponse { status: 429, retry_after: Some(retry_after), body: body.to_owned() }
}

async fn attempt(service: &OwnService, email: &str, password: &str) -> Response {
    let body = json!({"email": email, "password": password});
    service.request("POST", "/v1/auth/login").json(&body).send().await
}

/// The refused attempts in the audit trail of an account, newest first.
async fn refused_events(service: &OwnService, account: &Account) -> Vec<Value> {
    let events = service.get("/v1/audit-events?limit=100", &account.session).await.expect(200);
    let events = events["data"].as_array().expect("a list").clone();
    events.into_iter().filter(|event| text(event, "type").ends_with(".refused")).collect()
}

/// Sets the number of consecutive failures of the password of the account's first member.
pub async fn set_failures(service: &OwnService, account: &Account, failures: u32) {
    let table = service.gateway.table("Table").expect("a table");
    let update = service.gateway.dynamodb().update_item().table_name(table);
    update
        .key("pk", AttributeValue::S(format!("ACCOUNT#{}", account.id)))
        .key("sk", AttributeValue::S(format!("MEMBER#{}", account.user_id)))
        .update_expression("SET failures = :failures")
        .condition_expression("attribute_exists(failures)")
        .expression_attribute_values(":failures", AttributeValue::N(failures.to_string()))
        .send()
        .await
        .expect("the number is set");
}

/// Sets the number of failures in this hour from the only source that has failed once.
async fn set_source_failures(service: &OwnService, failures: u64) {
    let items = service.items().await;
    let hour =
        items.into_iter().find(|item| !source_attempts(item).is_empty()).expect("an hour with failures");
    let [only] = &source_attempts(&hour)[..] else { panic!("only the failure counts: {hour:?}") };
    let first: u64 = only.parse().expect("a number");
    // The last bits of an attempt's id are random.
    let ids = (0..failures).map(|n| ((first >> 9 << 9) + n).to_string()).collect();
    let update = service.gateway.dynamodb().update_item();
    update
        .table_name(service.gateway.table("Table").expect("a table"))
        .key("pk", hour["pk"].clone())
        .key("sk", hour["sk"].clone())
        .update_expression("SET attempts = :attempts")
        .expression_attribute_values(":attempts", AttributeValue::Ns(ids))
        .send()
        .await
        .expect("the attempts are set");
}

/// The attempts in an item that failed or are in progress, if the item is an hour of a source.
pub fn source_attempts(item: &Item) -> Vec<String> {
    let is_hour = item["sk"].as_s().is_ok_and(|sk| sk.starts_with("HOUR#"));
    let attempts = item.get("attempts").filter(|_| is_hour);
    attempts.map(|attempts| attempts.as_ns().expect("a set of numbers").clone()).unwrap_or_default()
}

/// The failures from each source in an item, if the item is the attempt history of an address.
pub fn failures_of_sources(item: &Item) -> Vec<u64> {
    let Some(AttributeValue::M(sources)) = item.get("sources") else { return Vec::new() };
    let failures = sources.values().map(|source| &source.as_m().expect("a map")["failures"]);
    failures.map(|failures| failures.as_n().expect("a number").parse().expect("a number")).collect()
}

#[tokio::test]
async fn five_failures_return_429_for_a_delay_that_doubles_up_to_an_hour() {
    let service = OwnService::start().await;
    let account = service.account().await;
    // The address of a member, an unknown address and a malformed address behave the same, to the second.
    for email in [account.email.as_str(), "nobody@example.com", "no address"] {
        service.time.next_second();
        for _ in 0..5 {
            attempt(&service, email, WRONG).await.assert_error(401, "UNAUTHORIZED");
        }
        for delay in [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600] {
            for (elapsed, remaining) in [(0, delay), (delay - 2, 2), (1, 1)] {
                service.time.pass(elapsed);
                // The correct password gets the same response as a wrong one.
                for password in [WRONG, PASSWORD] {
                    let response = attempt(&service, email, password).await;
                    response.assert_error(429, "RATE_LIMITED");
                    assert_eq!(
                        response.header("retry-after"),
                        Some(remaining.to_string().as_str()),
                        "{email}"
                    );
                    assert_eq!(response.body["error"]["message"], "Too many requests");
                }
            }
            service.time.next_second();
            let response = attempt(&service, email, WRONG).await;
            response.assert_error(401, "UNAUTHORIZED");
        }
        service.time.pass(3_600);
    }
    attempt(&service, &account.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn success_resets_the_failure_count() {
    let service = OwnService::start().await;
    let account = service.account().await;
    for _ in 0..3 {
        for _ in 0..4 {
            attempt(&service, &account.email, WRONG).await.expect(401);
        }
        attempt(&service, &account.email, PASSWORD).await.expect(200);
    }
    for _ in 0..5 {
        attempt(&service, &account.email, WRONG).await.expect(401);
    }
    attempt(&service, &account.email, PASSWORD).await.expect(429);
    service.time.pass(30);
    attempt(&service, &account.email, PASSWORD).await.expect(200);
    attempt(&service, &account.email, WRONG).await.expect(401);
}

#[tokio::test]
async fn correct_password_of_a_suspended_account_is_not_a_failure() {
    let service = OwnService::start().await;
    let account = service.account().await;
    service.suspend(&account).await;
    for _ in 0..10 {
        attempt(&service, &account.email, PASSWORD).await.expect(403);
    }
    for _ in 0..5 {
        attempt(&service, &account.email, WRONG).await.expect(401);
    }
    attempt(&service, &account.email, PASSWORD).await.expect(429);
}

#[tokio::test]
async fn attack_from_one_source_does_not_lock_out_other_sources() {
    let service = OwnService::start().await;
    let account = service.account().await;
    for _ in 0..48 {
        while attempt_from(&service, "198.51.100.1", &account.email, WRONG).await == wrong_login() {}
        service.time.pass(3_600);
    }
    for _ in 0..5 {
        assert_eq!(attempt_from(&service, "203.0.113.1", &account.email, WRONG).await, wrong_login());
    }
    assert_eq!(attempt_from(&service, "203.0.113.2", &account.email, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn attack_from_many_sources_does_not_lock_out_a_recognized_source() {
    let service = OwnService::start().await;
    let account = service.account().await;
    assert_eq!(attempt_from(&service, HOME, &account.email, PASSWORD).await.status, 200);
    let emails = [account.email.as_str(), "nobody@example.com"];
    let mut responses = Vec::new();
    for email in emails {
        // Each /64 network is a source of its own.
        let mut of_email = Vec::new();
        for n in 0..30 {
            of_email.push(attempt_from(&service, &format!("2001:db8:0:{n}::{n}"), email, WRONG).await);
        }
        responses.push(of_email);
    }
    // Unrecognized sources have 20 attempts. The member's logins from the loopback address and from `HOME` used two.
    let failed = |responses: &[InvokeResponse]| {
        responses.iter().take_while(|response| **response == wrong_login()).count()
    };
    assert_eq!((failed(&responses[0]), failed(&responses[1])), (18, 20));
    for response in responses.iter().flat_map(|of_email| &of_email[20..]) {
        let delay = response.retry_after.expect("a delay");
        assert_eq!(*response, throttled(delay));
        assert!((3_590..=3_600).contains(&delay), "{response:?}");
    }
    assert_eq!(attempt_from(&service, "203.0.113.1", &account.email, PASSWORD).await.status, 429);
    assert_eq!(attempt_from(&service, HOME, &account.email, PASSWORD).await.status, 200);
    attempt(&service, &account.email, PASSWORD).await.expect(200);
    // From now on, unrecognized sources have one attempt an hour.
    service.time.pass(3_600);
    assert_eq!(attempt_from(&service, "203.0.113.1", &account.email, WRONG).await, wrong_login());
    assert_eq!(attempt_from(&service, "203.0.113.2", &account.email, WRONG).await.status, 429);
}

#[tokio::test]
async fn addresses_of_one_ipv6_network_count_as_one_source() {
    let service = OwnService::start().await;
    for n in 0..5 {
        let source = format!("2001:db8::{n}");
        assert_eq!(attempt_from(&service, &source, "nobody@example.com", WRONG).await, wrong_login());
    }
    assert_eq!(attempt_from(&service, "2001:db8::ffff:1", "nobody@example.com", WRONG).await.status, 429);
    assert_eq!(attempt_from(&service, "2001:db8:0:1::1", "nobody@example.com", WRONG).await, wrong_login());
}

#[tokio::test]
async fn source_with_300_failures_in_an_hour_can_log_in_only_where_it_is_recognized() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let newcomer = service.account().await;
    assert_eq!(attempt_from(&service, HOME, &account.email, PASSWORD).await.status, 200);
    for n in 0..6 {
        let email = format!("nobody{n}@example.com");
        assert_eq!(attempt_from(&service, HOME, &email, WRONG).await, wrong_login(), "{n}");
        if n == 0 {
            set_source_failures(&service, 295).await;
        }
    }
    // For the service, these attempts may still be in progress.
    assert_eq!(attempt_from(&service, HOME, "nobody@example.com", WRONG).await, throttled(1));
    service.time.pass(11);
    let response = attempt_from(&service, HOME, "nobody@example.com", WRONG).await;
    let delay = response.retry_after.expect("a delay");
    assert!((3_500..=3_600).contains(&delay), "{response:?}");
    assert_eq!(response, throttled(delay));
    assert_eq!(attempt_from(&service, HOME, &newcomer.email, PASSWORD).await.status, 429);
    // A member whose address recognizes the source can log in from there, and every member from other sources.
    assert_eq!(attempt_from(&service, HOME, &account.email, PASSWORD).await.status, 200);
    assert_eq!(attempt_from(&service, "192.0.2.2", &newcomer.email, PASSWORD).await.status, 200);
    service.time.pass(delay.into());
    assert_eq!(attempt_from(&service, HOME, &newcomer.email, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn concurrent_attempts_get_no_more_guesses_than_consecutive_ones() {
    let service = OwnService::start().await;
    let account = service.account().await;
    for email in [account.email.as_str(), "nobody@example.com"] {
        let mut guesses = JoinSet::new();
        for _ in 0..20 {
            let body = json!({"email": email, "password": WRONG});
            guesses.spawn(service.request("POST", "/v1/auth/login").json(&body).send());
        }
        let responses = guesses.join_all().await;
        let count = |status| responses.iter().filter(|response| response.status == status).count();
        let failed = count(401);
        assert!(failed <= 5, "{failed}");
        // On a slow machine, some attempts time out with 503. They count as failures.
        assert_eq!(failed + count(429) + count(503), 20, "{email}");
        // Attempts that were rejected because of contention did not count. So some of the five attempts may be left.
        let mut more = 0;
        while attempt(&service, email, WRONG).await.status == 401 {
            more += 1;
        }
        assert!(failed + more <= 5, "{failed} and {more}");
        attempt(&service, email, WRONG).await.expect(429);
        let refused = refused_events(&service, &account).await.len();
        assert!(refused <= 5, "throttled attempts are not recorded: {refused}");
    }
}

#[tokio::test]
async fn concurrent_attempts_from_one_source_stay_within_its_limit() {
    let service = OwnService::start().await;
    attempt(&service, &new_address(), WRONG).await.expect(401);
    set_source_failures(&service, 297).await;
    let mut guesses = JoinSet::new();
    for _ in 0..20 {
        let body = json!({"email": new_address(), "password": WRONG});
        guesses.spawn(service.request("POST", "/v1/auth/login").json(&body).send());
    }
    let statuses: Vec<_> = guesses.join_all().await.iter().map(|response| response.status).collect();
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert!(count(401) <= 3, "{statuses:?}");
    // If other tests keep the processor busy, some attempts get 503.
    assert_eq!(count(401) + count(429) + count(503), 20, "{statuses:?}");
}

#[tokio::test]
async fn password_is_disabled_after_100_failures_until_the_operator_enables_it() {
    let service = OwnService::start().await;
    let account = service.account().await;
    set_failures(&service, &account, 95).await;
    for n in 0..4 {
        assert_eq!(attempt_from(&service, "198.51.100.1", &account.email, WRONG).await, wrong_login(), "{n}");
        service.time.pass(3_600);
    }
    let session = attempt_from(&service, HOME, &account.email, PASSWORD).await;
    assert_eq!(session.status, 200, "99 failures do not disable the password");
    for n in 0..100 {
        assert_eq!(attempt_from(&service, "198.51.100.1", &account.email, WRONG).await, wrong_login(), "{n}");
        service.time.pass(3_600);
    }
    // From every source, a disabled password gets the same response as a wrong one. Only the audit trail differs.
    assert_eq!(attempt_from(&service, HOME, &account.email, PASSWORD).await, wrong_login());
    assert_eq!(attempt_from(&service, "198.51.100.1", &account.email, PASSWORD).await, wrong_login());

    let command = json!({"enable_password": {"email": account.email.to_uppercase()}});
    let enabled = service.operate(command.clone()).await;
    assert_eq!(enabled, Ok(json!({"account_id": account.id, "user_id": account.user_id})));
    let session = service.login(&account.email).await;
    let account = Account { session, ..account };
    let refused = refused_events(&service, &account).await;
    let reasons: Vec<_> = refused.iter().map(|event| text(event, "reason")).collect();
    assert_eq!(reasons[..3], ["password_disabled", "password_disabled", "wrong_password"]);
    let events = service.get("/v1/audit-events?limit=3", &account.session).await.expect(200);
    let event = &events["data"][1];
    assert_eq!((text(event, "type"), &event["user_id"]), ("password.enabled", &json!(account.user_id)));
    assert_eq!(event["actor"], json!({"type": "operator"}));
    service.operate(command).await.expect("an enabled password can be enabled");
}

#[tokio::test]
async fn password_enabled_during_an_attempt_stays_enabled() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    set_failures(&service, &account, 100).await;
    let mut reservation = dynamodb.hold("TransactWriteItems");
    let enable = async {
        reservation.arrived().await;
        let command = json!({"enable_password": {"email": account.email}});
        service.operate(command).await.expect("the password is enabled");
        drop(reservation);
    };
    let (response, ()) = tokio::join!(attempt(&service, &account.email, WRONG), enable);
    response.expect(401);
    attempt(&service, &account.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn source_given_to_enable_password_can_log_in_during_an_attack() {
    let service = OwnService::start().await;
    let email = new_address();
    let command = json!({"create_account": {"name": "Study", "email": email, "password": PASSWORD}});
    service.operate(command).await.expect("the account is created");
    for _ in 0..60 {
        service.time.pass(1_800);
        for source in ["198.51.100.1", "203.0.113.1"] {
            while attempt_from(&service, source, &email, WRONG).await == wrong_login() {}
        }
    }
    // No source is recognized yet, so the two attacking sources use up all attempts.
    assert_eq!(attempt_from(&service, HOME, &email, PASSWORD).await.status, 429);
    let command = json!({"enable_password": {"email": email, "source_ip": HOME}});
    service.operate(command).await.expect("the password is enabled");
    assert_eq!(attempt_from(&service, "192.0.2.2", &email, PASSWORD).await.status, 429);
    assert_eq!(attempt_from(&service, HOME, &email, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn common_new_password_is_not_a_failure() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let body = json!({"current_password": PASSWORD, "new_password": "passwordpassword"});
    for _ in 0..7 {
        let response = service.post("/v1/auth/password", &account.session, body.clone()).await;
        response.assert_bad_field("new_password");
    }
    attempt(&service, &account.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn sessions_and_keys_stay_valid_while_the_password_is_disabled() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    set_failures(&service, &account, 100).await;
    attempt(&service, &account.email, PASSWORD).await.expect(401);
    service.me(&account.session).await.expect(200);
    service.me(&key).await.expect(200);
    // A change of the password does not reveal whether the current password is correct.
    let body = json!({"current_password": PASSWORD, "new_password": "two lizards on the wall"});
    service.post("/v1/auth/password", &account.session, body).await.assert_error(403, "FORBIDDEN");
}

#[tokio::test]
async fn attempt_after_99_failures_is_verified_and_after_100_is_not() {
    let service = OwnService::start().await;
    let account = service.account().await;
    set_failures(&service, &account, 99).await;
    attempt(&service, &account.email, PASSWORD).await.expect(200);
    set_failures(&service, &account, 99).await;
    attempt(&service, &account.email, WRONG).await.expect(401);
    attempt(&service, &account.email, PASSWORD).await.expect(401);
}

#[tokio::test]
async fn wrong_current_password_counts_as_a_failed_login() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let change = async |current: &str, new: &str| {
        let body = json!({"current_password": current, "new_password": new});
        service.post("/v1/auth/password", &account.session, body).await
    };
    let new = "two lizards on the wall";
    for _ in 0..3 {
        change(WRONG, new).await.assert_error(403, "FORBIDDEN");
    }
    for _ in 0..2 {
        attempt(&service, &account.email, WRONG).await.expect(401);
    }
    let response = change(PASSWORD, new).await;
    response.assert_error(429, "RATE_LIMITED");
    assert_eq!(response.header("retry-after"), Some("30"));
    attempt(&service, &account.email, PASSWORD).await.expect(429);
    service.time.pass(30);
    // A successful change resets the failure count, too.
    change(PASSWORD, new).await.expect(204);
    for _ in 0..4 {
        attempt(&service, &account.email, WRONG).await.expect(401);
    }
    attempt(&service, &account.email, new).await.expect(200);
}

#[tokio::test]
async fn attempt_history_contains_no_personal_data_and_expires() {
    let service = OwnService::start().await;
    let account = service.account().await;
    attempt_from(&service, "198.51.100.1", "my password is canary", WRONG).await;
    attempt_from(&service, "198.51.100.1", &account.email, WRONG).await;
    let items = service.items().await;
    let history: Vec<_> =
        items.iter().filter(|item| item["pk"].as_s().is_ok_and(|pk| pk.starts_with("ATTEMPTS#"))).collect();
    // The histories of two addresses, the placeholder of the unknown address, and the failures of two sources: the one
    // above and the loopback address.
    assert_eq!(history.len(), 5);
    let in_a_day = 1_769_731_200 + 24 * 60 * 60;
    let in_90_days = 1_769_731_200 + 90 * 24 * 60 * 60;
    let mut expiries: Vec<i64> = Vec::new();
    for item in history {
        let shown = format!("{item:?}");
        for hidden in ["canary", "198.51", "127.0", "example.com"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
        expiries.push(item["ttl"].as_n().expect("an expiry").parse().expect("a number"));
    }
    expiries.sort_unstable();
    let in_two_hours = 1_769_731_200 + 2 * 60 * 60;
    assert_eq!(expiries, [in_two_hours, in_two_hours, in_a_day, in_a_day, in_90_days]);
}

#[tokio::test]
async fn throttled_attempt_writes_nothing_and_hashes_nothing() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    for email in [account.email.as_str(), "nobody@example.com"] {
        for _ in 0..5 {
            attempt(&service, email, WRONG).await.expect(401);
        }
        dynamodb.calls();
        attempt(&service, email, PASSWORD).await.expect(429);
        assert_eq!(dynamodb.calls(), ["BatchGetItem"], "{email}");
    }
}

#[tokio::test]
async fn enable_password_rejects_unknown_addresses_and_malformed_commands() {
    let service = OwnService::start().await;
    let enable = |parameters: Value| service.operate(json!({"enable_password": parameters}));
    let error = enable(json!({"email": "nobody@example.com"})).await.expect_err("the address is unknown");
    assert_eq!(error.error_type, "NOT_FOUND");
    for malformed in [
        json!({}),
        json!({"email": "nobody"}),
        json!({"email": "a@example.com", "why": 1}),
        json!({"email": "a@example.com", "source_ip": "home"}),
    ] {
        let error = enable(malformed).await.expect_err("the command is malformed");
        assert_eq!(error.error_type, "BAD_REQUEST");
    }
}

#[test]
fn attempt_with_a_full_hash_queue_returns_503_and_is_not_a_failure() {
    own_process::run("operations::login_throttling::full_hash_queue_in_own_process_returns_503");
}

#[tokio::test]
#[ignore = "fills the hash queue: the test above runs it in a process of its own"]
async fn full_hash_queue_in_own_process_returns_503() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let permits: Vec<_> = iter::from_fn(|| password_workers::acquire_permit().ok()).collect();
    dynamodb.calls();
    for _ in 0..5 {
        attempt(&service, &account.email, WRONG).await.assert_error(503, "UNAVAILABLE");
    }
    assert_eq!(dynamodb.calls(), [""; 0]);
    let change = json!({"current_password": WRONG, "new_password": "two lizards on the wall"});
    for _ in 0..5 {
        let response = service.post("/v1/auth/password", &account.session, change.clone()).await;
        response.assert_error(503, "UNAVAILABLE");
    }
    // If the attempts above had counted, these would be throttled.
    drop(permits);
    for _ in 0..5 {
        attempt(&service, &account.email, WRONG).await.expect(401);
    }
    attempt(&service, &account.email, PASSWORD).await.expect(429);
}
