//! How often somebody may try to log in, by `POST /v1/auth/login` and by `POST /v1/auth/password`.

use std::{env, iter, process::Command};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::runtime::password_workers;
use tokio::task::JoinSet;

use crate::{
    response::{Response, text},
    service::{Account, Item, OwnService, PASSWORD, new_address},
};

const HOME: &str = "192.0.2.1";
const WRONG: &str = "a lizard on the 8th wall";

/// A response that came through Lambda's Invoke API, by which a test can say where a request comes from.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    status: u64,
    retry_after: Option<u32>,
    body: String,
}

async fn from(service: &OwnService, source: &str, email: &str, password: &str) -> Told {
    let route = "/v1/auth/login";
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
        "body": json!({"email": email, "password": password}).to_string(),
        "isBase64Encoded": false,
    });
    let response = service.gateway.invoke("login", event).await.expect("a response");
    let retry_after = response["multiValueHeaders"]["retry-after"][0].as_str();
    Told {
        status: response["statusCode"].as_u64().expect("a status"),
        retry_after: retry_after.map(|seconds| seconds.parse().expect("seconds")),
        body: text(&response, "body").to_owned(),
    }
}

fn wrong() -> Told {
    let body = r#"{"error": {"code": "UNAUTHORIZED", "message": "Invalid email or password"}}"#;
    Told { status: 401, retry_after: None, body: body.to_owned() }
}

fn throttled(retry_after: u32) -> Told {
    let body = r#"{"error": {"code": "RATE_LIMITED", "message": "Too many requests"}}"#;
    Told { status: 429, retry_after: Some(retry_after), body: body.to_owned() }
}

async fn attempt(service: &OwnService, email: &str, password: &str) -> Response {
    let body = json!({"email": email, "password": password});
    service.request("POST", "/v1/auth/login").json(&body).send().await
}

/// The refusals in the trail of an account, the newest first.
async fn refusals(service: &OwnService, account: &Account) -> Vec<Value> {
    let events = service.get("/v1/audit-events?limit=100", &account.session).await.expect(200);
    let events = events["data"].as_array().expect("a list").clone();
    events.into_iter().filter(|event| text(event, "type").ends_with(".refused")).collect()
}

/// As if the member's password had been tried in vain so often.
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
        .expect("it is set");
}

/// As if so many attempts from the one source that has failed had failed in this hour.
async fn set_source_failures(service: &OwnService, failures: u32) {
    let items = service.items().await;
    let failed = |item: &Item| {
        item["sk"].as_s().is_ok_and(|sk| sk.starts_with("HOUR#"))
            && item["failures"].as_n() != Ok(&"0".to_owned())
    };
    let hour = items.into_iter().find(failed).expect("an hour");
    assert_eq!(hour["failures"].as_n().map(String::as_str), Ok("1"), "a success counts no more");
    let update = service.gateway.dynamodb().update_item();
    update
        .table_name(service.gateway.table("Table").expect("a table"))
        .key("pk", hour["pk"].clone())
        .key("sk", hour["sk"].clone())
        .update_expression("SET failures = :failures")
        .expression_attribute_values(":failures", AttributeValue::N(failures.to_string()))
        .send()
        .await
        .expect("it is set");
}

#[tokio::test]
async fn five_failures_return_429_for_a_delay_that_doubles_up_to_an_hour() {
    let service = OwnService::start().await;
    let account = service.account().await;
    // A member's address and nobody's are treated alike, to the second.
    for email in [account.email.as_str(), "nobody@example.com", "no address"] {
        service.time.next_second();
        for _ in 0..5 {
            attempt(&service, email, WRONG).await.assert_error(401, "UNAUTHORIZED");
        }
        for delay in [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600] {
            for (passes, left) in [(0, delay), (delay - 2, 2), (1, 1)] {
                service.time.pass(passes);
                // Not even the right password helps, nor is it told from a wrong one.
                for password in [WRONG, PASSWORD] {
                    let response = attempt(&service, email, password).await;
                    response.assert_error(429, "RATE_LIMITED");
                    assert_eq!(response.header("retry-after"), Some(left.to_string().as_str()), "{email}");
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
        while from(&service, "198.51.100.1", &account.email, WRONG).await == wrong() {}
        service.time.pass(3_600);
    }
    for _ in 0..5 {
        assert_eq!(from(&service, "203.0.113.1", &account.email, WRONG).await, wrong());
    }
    assert_eq!(from(&service, "203.0.113.2", &account.email, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn attack_from_many_sources_does_not_lock_out_a_recognized_source() {
    let service = OwnService::start().await;
    let account = service.account().await;
    assert_eq!(from(&service, HOME, &account.email, PASSWORD).await.status, 200);
    let emails = [account.email.as_str(), "nobody@example.com"];
    let mut told = Vec::new();
    for email in emails {
        // One /64 is one source.
        let mut of_it = Vec::new();
        for n in 0..30 {
            of_it.push(from(&service, &format!("2001:db8:0:{n}::{n}"), email, WRONG).await);
        }
        told.push(of_it);
    }
    // The account's own first logins, from here and from home, were strangers' too.
    let failed = |told: &[Told]| told.iter().take_while(|told| **told == wrong()).count();
    assert_eq!((failed(&told[0]), failed(&told[1])), (18, 20));
    for told in told.iter().flat_map(|told| &told[20..]) {
        assert_eq!(*told, throttled(told.retry_after.expect("a time")));
        assert!((3_590..=3_600).contains(&told.retry_after.expect("a time")), "{told:?}");
    }
    assert_eq!(from(&service, "203.0.113.1", &account.email, PASSWORD).await.status, 429);
    assert_eq!(from(&service, HOME, &account.email, PASSWORD).await.status, 200);
    attempt(&service, &account.email, PASSWORD).await.expect(200);
    // One attempt an hour is what strangers have from now on.
    service.time.pass(3_600);
    assert_eq!(from(&service, "203.0.113.1", &account.email, WRONG).await, wrong());
    assert_eq!(from(&service, "203.0.113.2", &account.email, WRONG).await.status, 429);
}

#[tokio::test]
async fn addresses_of_one_ipv6_network_count_as_one_source() {
    let service = OwnService::start().await;
    for n in 0..5 {
        let source = format!("2001:db8::{n}");
        assert_eq!(from(&service, &source, "nobody@example.com", WRONG).await, wrong());
    }
    assert_eq!(from(&service, "2001:db8::ffff:1", "nobody@example.com", WRONG).await.status, 429);
    assert_eq!(from(&service, "2001:db8:0:1::1", "nobody@example.com", WRONG).await, wrong());
}

#[tokio::test]
async fn source_with_300_failures_in_an_hour_can_log_in_only_where_it_is_recognized() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let newcomer = service.account().await;
    assert_eq!(from(&service, HOME, &account.email, PASSWORD).await.status, 200);
    for n in 0..6 {
        let email = format!("nobody{n}@example.com");
        assert_eq!(from(&service, HOME, &email, WRONG).await, wrong(), "{n}");
        if n == 0 {
            set_source_failures(&service, 295).await;
        }
    }
    let told = from(&service, HOME, "nobody@example.com", WRONG).await;
    let left = told.retry_after.expect("a time");
    assert!((3_500..=3_600).contains(&left), "{told:?}");
    assert_eq!(told, throttled(left));
    assert_eq!(from(&service, HOME, &newcomer.email, PASSWORD).await.status, 429);
    // Whoever is known there gets in, and so does everybody elsewhere.
    assert_eq!(from(&service, HOME, &account.email, PASSWORD).await.status, 200);
    assert_eq!(from(&service, "192.0.2.2", &newcomer.email, PASSWORD).await.status, 200);
    service.time.pass(left.into());
    assert_eq!(from(&service, HOME, &newcomer.email, PASSWORD).await.status, 200);
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
        let of = |status| responses.iter().filter(|response| response.status == status).count();
        let failed = of(401);
        assert!(failed <= 5, "{failed}");
        // A slow machine may leave some without a response in time, after which they count as failed.
        assert_eq!(failed + of(429) + of(503), 20, "{email}");
        // Those that met too many others have left the rest of the five.
        let mut more = 0;
        while attempt(&service, email, WRONG).await.status == 401 {
            more += 1;
        }
        assert!(failed + more <= 5, "{failed} and {more}");
        attempt(&service, email, WRONG).await.expect(429);
        let refused = refusals(&service, &account).await.len();
        assert!(refused <= 5, "who is throttled leaves nothing: {refused}");
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
    let of = |status| statuses.iter().filter(|is| **is == status).count();
    assert!(of(401) <= 3, "{statuses:?}");
    // Where other tests keep the cores busy, some are told to come back.
    assert_eq!(of(401) + of(429) + of(503), 20, "{statuses:?}");
}

#[tokio::test]
async fn password_is_disabled_after_100_failures_until_the_operator_enables_it() {
    let service = OwnService::start().await;
    let account = service.account().await;
    set_failures(&service, &account, 95).await;
    for n in 0..4 {
        assert_eq!(from(&service, "198.51.100.1", &account.email, WRONG).await, wrong(), "{n}");
        service.time.pass(3_600);
    }
    let session = from(&service, HOME, &account.email, PASSWORD).await;
    assert_eq!(session.status, 200, "99 failures are not 100");
    for n in 0..100 {
        assert_eq!(from(&service, "198.51.100.1", &account.email, WRONG).await, wrong(), "{n}");
        service.time.pass(3_600);
    }
    // It is answered like a wrong one, from wherever, and only the trail tells.
    assert_eq!(from(&service, HOME, &account.email, PASSWORD).await, wrong());
    assert_eq!(from(&service, "198.51.100.1", &account.email, PASSWORD).await, wrong());

    let command = json!({"enable_password": {"email": account.email.to_uppercase()}});
    let enabled = service.operate(command.clone()).await;
    assert_eq!(enabled, Ok(json!({"account_id": account.id, "user_id": account.user_id})));
    let now = service.login(&account.email).await;
    let account = Account { session: now, ..account };
    let refused = refusals(&service, &account).await;
    let reasons: Vec<_> = refused.iter().map(|event| text(event, "reason")).collect();
    assert_eq!(reasons[..3], ["password_disabled", "password_disabled", "wrong_password"]);
    let events = service.get("/v1/audit-events?limit=3", &account.session).await.expect(200);
    let event = &events["data"][1];
    assert_eq!((text(event, "type"), &event["user_id"]), ("password.enabled", &json!(account.user_id)));
    assert_eq!(event["actor"], json!({"type": "operator"}));
    service.operate(command).await.expect("one that is enabled can be enabled");
}

#[tokio::test]
async fn password_enabled_during_an_attempt_stays_enabled() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    set_failures(&service, &account, 100).await;
    let mut claim = dynamodb.hold("TransactWriteItems");
    let under_way = async {
        claim.arrived().await;
        let command = json!({"enable_password": {"email": account.email}});
        service.operate(command).await.expect("it is enabled");
        drop(claim);
    };
    let (response, ()) = tokio::join!(attempt(&service, &account.email, WRONG), under_way);
    response.expect(401);
    attempt(&service, &account.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn source_that_the_operator_recognizes_can_log_in_during_an_attack() {
    let service = OwnService::start().await;
    let email = new_address();
    let command = json!({"create_account": {"name": "Study", "email": email, "password": PASSWORD}});
    service.operate(command).await.expect("the account is made");
    for _ in 0..60 {
        service.time.pass(1_800);
        for source in ["198.51.100.1", "203.0.113.1"] {
            while from(&service, source, &email, WRONG).await == wrong() {}
        }
    }
    // Whoever has not logged in from anywhere yet has to wait for those two.
    assert_eq!(from(&service, HOME, &email, PASSWORD).await.status, 429);
    let command = json!({"enable_password": {"email": email, "source_ip": HOME}});
    service.operate(command).await.expect("it is enabled");
    assert_eq!(from(&service, "192.0.2.2", &email, PASSWORD).await.status, 429);
    assert_eq!(from(&service, HOME, &email, PASSWORD).await.status, 200);
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
    // Nor does the session tell whether the password is right.
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
    // A success ends the row here, too.
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
    from(&service, "198.51.100.1", "my password is canary", WRONG).await;
    from(&service, "198.51.100.1", &account.email, WRONG).await;
    let items = service.items().await;
    let remembered: Vec<_> =
        items.iter().filter(|item| item["pk"].as_s().is_ok_and(|pk| pk.starts_with("ATTEMPTS#"))).collect();
    // Of each of two addresses, of nobody, and of two sources, this one and the other.
    assert_eq!(remembered.len(), 5);
    let day_later = 1_769_731_200 + 24 * 60 * 60;
    let month_later = 1_769_731_200 + 90 * 24 * 60 * 60;
    let mut ends: Vec<i64> = Vec::new();
    for item in remembered {
        let shown = format!("{item:?}");
        for hidden in ["canary", "198.51", "127.0", "example.com"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
        ends.push(item["ttl"].as_n().expect("an end").parse().expect("a number"));
    }
    ends.sort_unstable();
    let hours_later = 1_769_731_200 + 2 * 60 * 60;
    assert_eq!(ends, [hours_later, hours_later, day_later, day_later, month_later]);
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
    let enable = |member: Value| service.operate(json!({"enable_password": member}));
    let error = enable(json!({"email": "nobody@example.com"})).await.expect_err("there is none");
    assert_eq!(error.error_type, "NOT_FOUND");
    for bad in [
        json!({}),
        json!({"email": "nobody"}),
        json!({"email": "a@example.com", "why": 1}),
        json!({"email": "a@example.com", "source_ip": "home"}),
    ] {
        let error = enable(bad).await.expect_err("it is no command");
        assert_eq!(error.error_type, "BAD_REQUEST");
    }
}

#[test]
fn attempt_with_a_full_hash_queue_returns_503_and_is_not_a_failure() {
    // All tests of this process stand in its one queue, so it is filled in a process of its own.
    let tests = env::current_exe().expect("the path of this program");
    let name = "operations::login_throttling::in_a_process_with_a_full_hash_queue";
    let done = Command::new(tests).args(["--ignored", "--exact", name]).output().expect("it ends");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[tokio::test]
#[ignore = "fills the process's queue: the one above runs it in a process of its own"]
async fn in_a_process_with_a_full_hash_queue() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let places: Vec<_> = iter::from_fn(|| password_workers::acquire_permit().ok()).collect();
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
    // The fifth failure would have made the next attempt wait.
    drop(places);
    for _ in 0..5 {
        attempt(&service, &account.email, WRONG).await.expect(401);
    }
    attempt(&service, &account.email, PASSWORD).await.expect(429);
}
