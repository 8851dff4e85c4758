//! Keys that are idle by the policy of their account.

use axum::http::StatusCode;
use proptest::{collection::vec, option, prelude::*};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    authorization::restrictions::restrict,
    dynamodb::{DynamoDb, Fault},
    operations::rate_limits::start_together,
    response::text,
    seeded,
    service::{Account, Credential, OwnService, Service, key_path},
};

const DAY: i64 = 24 * 60 * 60;

async fn set_idle_days(service: &Service, session: &Credential, days: Option<i64>) {
    let policy = json!({"policy": {"idle_key_days": days}});
    service.patch("/v1/account", session, policy).await.expect(200);
}

/// Lets this number of days pass, from the start of a second to the start of a second. Returns a new session of the account's first
/// member.
async fn pass_days(service: &OwnService, account: &Account, days: i64) -> Credential {
    service.time.back_to_second_start();
    service.time.pass(days * DAY);
    let session = service.login(&account.email).await;
    service.time.back_to_second_start();
    session
}

async fn status(service: &Service, session: &Credential, key: &Value) -> String {
    text(&service.get(&key_path(key), session).await.expect(200), "status").to_owned()
}

/// The decision that the authorizer would make on a request with the key, and its reason.
async fn simulate(service: &Service, session: &Credential, key: &Value) -> (u64, Value) {
    let request = json!({"method": "GET", "path": "/v1/auth/me", "ip_address": "127.0.0.1"});
    let path = format!("{}/simulate", key_path(key));
    let result = service.post(&path, session, request).await.expect(200);
    (result["status"].as_u64().expect("a status"), result["reason"].clone())
}

/// Starts a service with an account whose keys are idle after 7 days.
async fn start() -> (OwnService, DynamoDb, Account) {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    set_idle_days(&service, &account.session, Some(7)).await;
    (service, dynamodb, account)
}

#[tokio::test]
async fn unused_key_is_rejected_from_the_last_day_on_until_an_admin_enables_it() {
    let (service, _dynamodb, account) = start().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let session = pass_days(&service, &account, 7).await;
    service.time.pass(-2);
    assert_eq!(status(&service, &session, &record).await, "active");
    service.time.pass(2);
    assert_eq!(status(&service, &session, &record).await, "idle");
    service.me(&key).await.assert_unauthorized();
    assert_eq!(simulate(&service, &session, &record).await, (401, json!("idle")));
    // A rejected request is not a use.
    assert_eq!(status(&service, &session, &record).await, "idle");
    let enabled = service.patch(&key_path(&record), &session, json!({"disabled": false})).await.expect(200);
    assert_eq!(enabled["status"], "active");
    service.me(&key).await.expect(200);
    let events = service.get("/v1/audit-events", &session).await.expect(200);
    assert_eq!(
        (&events["data"][0]["type"], &events["data"][0]["disabled"]),
        (&json!("api_key.changed"), &json!(false))
    );
}

#[tokio::test]
async fn enabling_an_active_key_again_does_not_restart_its_period() {
    let (service, _dynamodb, account) = start().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    let session = pass_days(&service, &account, 4).await;
    service.patch(&key_path(&record), &session, json!({"disabled": false})).await.expect(200);
    let session = pass_days(&service, &account, 4).await;
    assert_eq!(status(&service, &session, &record).await, "idle");
    service.patch(&key_path(&record), &session, json!({"disabled": false})).await.expect(200);
    let session = pass_days(&service, &account, 6).await;
    assert_eq!(status(&service, &session, &record).await, "active");
    let session = pass_days(&service, &account, 1).await;
    assert_eq!(status(&service, &session, &record).await, "idle");
}

#[tokio::test]
async fn idle_key_is_enabled_only_by_an_admin_session() {
    let (service, _dynamodb, account) = start().await;
    let creator = service.member(&account.session, &["read", "write"]).await;
    let email = |members: &Value| {
        let member = members["data"].as_array().unwrap().iter().find(|one| one["id"] == json!(creator.1));
        text(member.expect("the member"), "email").to_owned()
    };
    let creator_email = email(&service.get("/v1/members", &account.session).await.expect(200));
    let (key, record) = service.key(&creator.0, json!({"permissions": ["read"]})).await;
    let (_, disabled_record) = service.key(&creator.0, json!({"permissions": ["read"]})).await;
    let path = key_path(&disabled_record);
    service.patch(&path, &creator.0, json!({"disabled": true})).await.expect(200);
    let session = pass_days(&service, &account, 7).await;
    let creator = service.login(&creator_email).await;
    let (admin_key, _) = service.key(&session, json!({})).await;
    assert_eq!(status(&service, &session, &disabled_record).await, "disabled");
    service.me(&key).await.assert_unauthorized();
    for record in [&record, &disabled_record] {
        let path = key_path(record);
        for caller in [&creator, &admin_key] {
            service.patch(&path, caller, json!({"disabled": false})).await.assert_forbidden();
            for body in [json!({"name": "New"}), json!({"disabled": true}), json!({"expires_at": null})] {
                service.patch(&path, caller, body).await.assert_error(409, "CONFLICT");
            }
        }
        // An admin may change further fields together with enabling the key.
        let enabled =
            service.patch(&path, &session, json!({"disabled": false, "name": "New"})).await.expect(200);
        assert_eq!((&enabled["status"], &enabled["name"]), (&json!("active"), &json!("New")));
        service.patch(&path, &creator, json!({"name": "Newer"})).await.expect(200);
    }
    service.me(&key).await.expect(200);
}

#[tokio::test]
async fn admin_without_the_keys_permissions_cannot_enable_an_idle_key() {
    let (service, _dynamodb, account) = start().await;
    let (_, admin) = service.member(&account.session, &["read", "admin"]).await;
    let members = service.get("/v1/members", &account.session).await.expect(200);
    let member = members["data"].as_array().unwrap().iter().find(|one| one["id"] == json!(admin));
    let email = text(member.expect("the member"), "email").to_owned();
    let (_, record) = service.key(&account.session, json!({"permissions": ["write"]})).await;
    pass_days(&service, &account, 7).await;
    let admin = service.login(&email).await;
    service.patch(&key_path(&record), &admin, json!({"disabled": false})).await.assert_forbidden();
}

#[tokio::test]
async fn idle_key_cannot_be_changed_or_rotated_and_can_be_revoked() {
    let (service, _dynamodb, account) = start().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let session = pass_days(&service, &account, 7).await;
    let path = key_path(&record);
    for body in [json!({"name": "New"}), json!({"disabled": true}), json!({"permissions": ["read"]})] {
        let response = service.patch(&path, &session, body).await;
        response.assert_error(409, "CONFLICT");
        let message = text(&response.body["error"], "message");
        assert_eq!(
            message,
            "The key is idle. Set `disabled` to false in a session with `admin` first, to enable it"
        );
    }
    service.post(&format!("{path}/rotate"), &session, json!({})).await.assert_error(409, "CONFLICT");
    service.delete(&path, &key).await.assert_unauthorized();
    service.delete(&path, &session).await.expect(204);
    assert_eq!(status(&service, &session, &record).await, "revoked");
    service.patch(&path, &session, json!({"disabled": false})).await.assert_error(409, "CONFLICT");
}

#[tokio::test]
async fn idle_key_beyond_the_maximum_lifetime_is_enabled_together_with_an_expiry() {
    let (service, _dynamodb, account) = start().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let session = pass_days(&service, &account, 7).await;
    let policy = json!({"policy": {"max_key_lifetime_days": 30}});
    service.patch("/v1/account", &session, policy).await.expect(200);
    let path = key_path(&record);
    service.patch(&path, &session, json!({"disabled": false})).await.assert_bad_field("expires_at");
    let expires_at = service.time.in_seconds(20 * DAY);
    service.patch(&path, &session, json!({"disabled": false, "expires_at": expires_at})).await.expect(200);
    service.me(&key).await.expect(200);
}

#[tokio::test]
async fn status_filter_lists_idle_keys() {
    let (service, _dynamodb, account) = start().await;
    let (_, unused) = service.key(&account.session, json!({})).await;
    let (used, used_record) = service.key(&account.session, json!({})).await;
    pass_days(&service, &account, 6).await;
    service.me(&used).await.expect(200);
    let session = pass_days(&service, &account, 1).await;
    for (status, key) in [("idle", &unused), ("active", &used_record)] {
        let listed = service.get(&format!("/v1/api-keys?status={status}"), &session).await.expect(200);
        let keys = listed["data"].as_array().expect("a list");
        assert_eq!(keys.len(), 1, "{status}");
        assert_eq!((&keys[0]["id"], &keys[0]["status"]), (&key["id"], &json!(status)));
    }
}

#[tokio::test]
async fn only_a_change_of_the_days_restarts_the_period_and_it_revives_no_key() {
    let (service, _dynamodb, account) = start().await;
    let (_, early) = service.key(&account.session, json!({})).await;
    let session = pass_days(&service, &account, 3).await;
    let (_, late) = service.key(&session, json!({})).await;
    let session = pass_days(&service, &account, 5).await;
    let statuses = async |session: &Credential| {
        [status(&service, session, &early).await, status(&service, session, &late).await]
    };
    assert_eq!(statuses(&session).await, ["idle", "active"]);
    // These do not count as a change of the days.
    for body in [
        json!({"name": "New"}),
        json!({"policy": {"max_key_lifetime_days": 365}}),
        json!({"policy": {"idle_key_days": 7}}),
    ] {
        service.patch("/v1/account", &session, body).await.expect(200);
    }
    let session = pass_days(&service, &account, 1).await;
    assert_eq!(statuses(&session).await, ["idle", "active"]);
    // The later key is active for 8 days more. The idle one stays idle, however the number changes.
    set_idle_days(&service, &session, Some(8)).await;
    let session = pass_days(&service, &account, 7).await;
    assert_eq!(statuses(&session).await, ["idle", "active"]);
    set_idle_days(&service, &session, Some(3_650)).await;
    assert_eq!(statuses(&session).await, ["idle", "active"]);
    set_idle_days(&service, &session, None).await;
    assert_eq!(statuses(&session).await, ["active", "active"]);
}

#[tokio::test]
async fn members_work_and_log_in_while_keys_can_become_idle() {
    let (service, _dynamodb, account) = start().await;
    let session = service.login(&account.email).await;
    let (member, id) = service.member(&session, &["read", "admin"]).await;
    service.me(&member).await.expect(200);
    let path = format!("/v1/members/{id}");
    service.patch(&path, &session, json!({"permissions": ["read"]})).await.expect(200);
    service.patch(&path, &session, json!({"permissions": ["read", "admin"]})).await.expect(200);
    service.delete(&path, &session).await.expect(204);
    let last_admin = service.delete(&format!("/v1/members/{}", account.user_id), &session).await;
    last_admin.assert_error(409, "CONFLICT");
    assert!(
        text(&last_admin.body["error"], "message").contains("all four permissions"),
        "{}",
        last_admin.text
    );
    let (_, record) = service.key(&session, json!({})).await;
    service.rotate(&record, &session, 0).await;
}

#[tokio::test]
async fn account_with_a_further_unknown_restriction_is_rejected() {
    let (service, _dynamodb, account) = start().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    restrict(&service, &format!("ACCOUNT#{}", account.id), "ACCOUNT", &["new"]).await;
    service.me(&account.session).await.assert_unauthorized();
    service.me(&key).await.assert_unauthorized();
}

/// Starts services with the same table and the same time, each with execution environments of its own, and an account whose keys
/// are idle after `days`.
async fn start_environments(folders: &[TempDir], days: i64) -> (DynamoDb, Vec<OwnService>, Account) {
    let (dynamodb, services) = start_together(folders).await;
    let account = services[0].account().await;
    set_idle_days(&services[0], &account.session, Some(days)).await;
    (dynamodb, services, account)
}

/// Lets this number of days pass on the clocks of all services. Returns a new session.
async fn pass_days_on_all(services: &[OwnService], account: &Account, days: i64) -> Credential {
    let session = pass_days(&services[0], account, days).await;
    for other in &services[1..] {
        other.time.set_elapsed_millis(services[0].time.elapsed_millis());
    }
    session
}

/// Asserts that the use of a key at this moment is recorded.
async fn assert_recorded_now(service: &OwnService, session: &Credential, key: &Value) {
    service.time.back_to_second_start();
    let used = service.get(&key_path(key), session).await.expect(200)["last_used_at"].take();
    assert_eq!(used, json!(service.time.in_seconds(0)));
}

async fn limit(service: &Service, account: &Account, requests: u32) {
    let limits = json!({"live": requests, "test": requests});
    let command = json!({"set_limits": {"account_id": account.id, "requests_per_minute": limits}});
    service.operate(command).await.expect("the limits are set");
}

#[tokio::test]
async fn each_use_of_a_key_that_is_used_once_a_week_is_recorded_by_every_environment() {
    let folders = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let (_dynamodb, services, account) = start_environments(&folders, 8).await;
    let (key, record) = services[0].key(&account.session, json!({})).await;
    for week in 0..8 {
        let session = pass_days_on_all(&services, &account, 7).await;
        assert_eq!(status(&services[0], &session, &record).await, "active", "week {week}");
        services[week % 3].me(&key).await.expect(200);
        assert_recorded_now(&services[0], &session, &record).await;
    }
}

#[tokio::test]
async fn key_that_exceeds_its_limit_all_the_time_stays_active() {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let (_dynamodb, services, account) = start_environments(&folders, 7).await;
    limit(&services[0], &account, 1).await;
    let (key, record) = services[0].key(&account.session, json!({})).await;
    for day in 0..16 {
        let session = pass_days_on_all(&services, &account, 1).await;
        let mut statuses = Vec::new();
        for request in 0..4 {
            statuses.push(services[(day + request) % 2].me(&key).await.status);
        }
        assert_eq!(statuses, [200, 429, 429, 429], "day {day}");
        assert_recorded_now(&services[0], &session, &record).await;
        assert_eq!(status(&services[0], &session, &record).await, "active", "day {day}");
    }
}

#[tokio::test]
async fn failed_write_of_a_use_is_retried_with_the_next_request() {
    let (service, dynamodb, account) = start().await;
    let throttled = Fault::Error(StatusCode::BAD_REQUEST, "ThrottlingException");
    let exceeded = Fault::Error(StatusCode::BAD_REQUEST, "ProvisionedThroughputExceededException");
    let failed = Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError");
    for fault in [throttled, exceeded, failed, Fault::Reset, Fault::Hang] {
        let session = pass_days(&service, &account, 0).await;
        let (key, record) = service.key(&session, json!({})).await;
        let session = pass_days(&service, &account, 6).await;
        dynamodb.inject(fault, Some("UpdateItem"));
        for _ in 0..2 {
            let response = service.me(&key).await;
            assert_eq!((response.status, response.header("RateLimit")), (200, None), "{fault:?}");
        }
        dynamodb.recover();
        let shown = service.get(&key_path(&record), &session).await.expect(200);
        assert_eq!(shown["last_used_at"], Value::Null, "{fault:?}");
        service.me(&key).await.expect(200);
        assert_recorded_now(&service, &session, &record).await;
        let session = pass_days(&service, &account, 6).await;
        assert_eq!(status(&service, &session, &record).await, "active", "{fault:?}");
        service.me(&key).await.expect(200);
    }
}

#[tokio::test]
async fn use_is_recorded_although_the_usage_of_an_earlier_day_cannot_be_moved() {
    let (service, dynamodb, account) = start().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    for fault in [None, None, Some(Fault::Cancel("ThrottlingError")), Some(Fault::Reset)] {
        let session = pass_days(&service, &account, 6).await;
        if let Some(fault) = fault {
            dynamodb.inject(fault, Some("TransactWriteItems"));
        }
        dynamodb.calls();
        service.me(&key).await.expect(200);
        assert_eq!(dynamodb.calls().contains(&"TransactWriteItems".to_owned()), fault.is_some(), "{fault:?}");
        dynamodb.recover();
        assert_recorded_now(&service, &session, &record).await;
    }
}

/// A step of a history of a key and its account.
#[derive(Clone, Debug)]
enum Step {
    Wait { days: i64 },
    Use { environment: usize, is_recorded: bool },
    SetIdleDays(Option<i64>),
    Enable,
    Disable,
    Rename,
    RenameAccount { number: u8 },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1..6_i64).prop_map(|days| Step::Wait { days }),
        4 => (0..2_usize, prop::bool::weighted(0.8))
            .prop_map(|(environment, is_recorded)| Step::Use { environment, is_recorded }),
        3 => option::weighted(0.9, 7..11_i64).prop_map(Step::SetIdleDays),
        2 => Just(Step::Enable),
        1 => Just(Step::Disable),
        1 => Just(Step::Rename),
        1 => any::<u8>().prop_map(|number| Step::RenameAccount { number }),
    ]
}

/// What the contract says about a key. Times are in days.
#[derive(Debug)]
struct ExpectedKey {
    today: i64,
    last_active: i64,
    is_disabled: bool,
    /// Whether the key was idle at any time since it was last enabled and the rule was turned on.
    is_idle: bool,
    /// The number of days and the day of its last change.
    rule: Option<(i64, i64)>,
}

impl ExpectedKey {
    fn pass(&mut self, days: i64) {
        self.today += days;
        let is_due = |(days, since): (i64, i64)| self.today - self.last_active.max(since) >= days;
        self.is_idle |= self.rule.is_some_and(is_due);
    }

    fn set_idle_days(&mut self, days: Option<i64>) {
        self.is_idle &= days.is_some();
        if self.rule.map(|(days, _)| days) != days {
            self.rule = days.map(|days| (days, self.today));
        }
    }

    fn enable(&mut self) {
        if self.is_disabled || self.is_idle {
            (self.is_disabled, self.is_idle, self.last_active) = (false, false, self.today);
        }
    }

    fn status(&self) -> &'static str {
        match (self.is_disabled, self.is_idle) {
            (true, _) => "disabled",
            (false, true) => "idle",
            (false, false) => "active",
        }
    }
}

async fn check_history(dynamodb: &DynamoDb, services: &[OwnService], steps: Vec<Step>) {
    let service = &services[0];
    let account = service.account().await;
    let mut session = pass_days_on_all(services, &account, 0).await;
    let (key, record) = service.key(&session, json!({})).await;
    let path = key_path(&record);
    let mut expected =
        ExpectedKey { today: 0, last_active: 0, is_disabled: false, is_idle: false, rule: None };
    for step in steps {
        let is_changeable = !expected.is_idle;
        let changed = match step {
            Step::Wait { days } => {
                session = pass_days_on_all(services, &account, days).await;
                expected.pass(days);
                200
            }
            Step::Use { environment, is_recorded } => {
                if !is_recorded {
                    let fault = Fault::Error(StatusCode::BAD_REQUEST, "AccessDeniedException");
                    dynamodb.inject(fault, Some("UpdateItem"));
                }
                let response = services[environment].me(&key).await;
                dynamodb.recover();
                let is_authorized = expected.status() == "active";
                assert_eq!(response.status, if is_authorized { 200 } else { 401 }, "{expected:?}");
                // A request within a reserved batch needs no write.
                let is_recorded = is_recorded || response.header("RateLimit").is_some();
                if is_authorized && is_recorded {
                    expected.last_active = expected.today;
                }
                200
            }
            Step::SetIdleDays(days) => {
                set_idle_days(service, &session, days).await;
                expected.set_idle_days(days);
                200
            }
            Step::RenameAccount { number } => {
                let body = json!({"name": format!("Study {number}")});
                service.patch("/v1/account", &session, body).await.status
            }
            Step::Enable => {
                expected.enable();
                service.patch(&path, &session, json!({"disabled": false})).await.status
            }
            Step::Disable => {
                expected.is_disabled |= is_changeable;
                let status = service.patch(&path, &session, json!({"disabled": true})).await.status;
                if is_changeable { status } else { 200 + 409 - status }
            }
            Step::Rename => {
                let status = service.patch(&path, &session, json!({"name": "Renamed"})).await.status;
                if is_changeable { status } else { 200 + 409 - status }
            }
        };
        assert_eq!(changed, 200, "{step:?} {expected:?}");
        service.time.back_to_second_start();
        assert_eq!(status(service, &session, &record).await, expected.status(), "{step:?} {expected:?}");
        let (decision, reason) = match expected.status() {
            "active" => (200, Value::Null),
            other => (401, json!(other)),
        };
        assert_eq!(simulate(service, &session, &record).await, (decision, reason), "{step:?} {expected:?}");
        service.time.back_to_second_start();
    }
}

#[test]
fn status_and_decision_follow_the_rule_in_every_history() {
    let runtime = Runtime::new().expect("a runtime");
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let (dynamodb, services) = runtime.block_on(start_together(&folders));
    seeded::cases(16, &vec(any_step(), 10..40), |_, steps| {
        runtime.block_on(check_history(&dynamodb, &services, steps));
    });
}
