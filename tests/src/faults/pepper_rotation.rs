//! Pepper rotations while the service is running.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::http::StatusCode;
use serde_json::{Value, json};
use shared::primitives::environment::Environment;
use tracing_subscriber::filter::LevelFilter;

use crate::{
    deployment::logs::CapturedLog,
    dynamodb::{DynamoDb, Fault, Held},
    response::text,
    service::{Account, Credential, OwnService, PASSWORD, key_path, new_address},
};

/// Makes a new pepper the current one, as `aws secretsmanager put-secret-value` does.
pub async fn rotate_pepper(service: &OwnService) {
    rotate_pepper_to(service, "a new pepper that has more than the 32 bytes of the minimum").await;
}

/// Makes this pepper the current one.
pub async fn rotate_pepper_to(service: &OwnService, pepper: &str) {
    let secret = json!({"SecretId": "Pepper", "SecretString": pepper});
    service.secrets_manager("PutSecretValue", secret).await;
}

/// Reads the pepper versions of the current secret of a key and of the password of the account's only member.
async fn pepper_versions(service: &OwnService, account: &str, key: &Value) -> [String; 2] {
    let table = service.gateway.table("Table").expect("a table");
    let response = service.gateway.dynamodb().scan().table_name(table).send().await.expect("a response");
    let items = response.items();
    let item = |sk: String| items.iter().find(|item| item["sk"].as_s() == Ok(&sk)).expect("an item").clone();
    let key = item(format!("KEY#{}", text(key, "id")));
    let member = items.iter().find(|item| {
        item["pk"].as_s() == Ok(&format!("ACCOUNT#{account}"))
            && item["sk"].as_s().is_ok_and(|sk| sk.starts_with("MEMBER#"))
    });
    let version =
        |digest: &AttributeValue| digest.as_m().expect("a map")["pepper"].as_s().expect("a version").clone();
    [
        version(&key["state"].as_m().expect("a map")["current"]),
        version(&member.expect("a member")["password"]),
    ]
}

/// Runs the scan of `docs/operations.md` for what does not use the pepper `version`. Returns the sort keys of the items.
async fn documented_scan(service: &OwnService, version: &str) -> BTreeSet<String> {
    let page = include_str!("../../../docs/operations.md");
    let (_, command) = page.split_once("**Before the next rotation**").expect("the section");
    let option = |name: &str| {
        let (_, value) = command.split_once(&format!("--{name} '")).expect("the option");
        value.split_once('\'').expect("the end of the option").0
    };
    let names: HashMap<String, String> =
        serde_json::from_str(option("expression-attribute-names")).expect("names");
    let value = option("expression-attribute-values").replace("VERSION", version);
    let value: Value = serde_json::from_str(&value).expect("values");
    let table = service.gateway.table("Table").expect("a table");
    let scan = service.gateway.dynamodb().scan().table_name(table).consistent_read(true);
    let scan = scan
        .projection_expression(option("projection-expression"))
        .filter_expression(option("filter-expression"))
        .set_expression_attribute_names(Some(names))
        .expression_attribute_values(":version", AttributeValue::S(text(&value[":version"], "S").to_owned()));
    let items = scan.send().await.expect("a response").items.expect("items");
    items.iter().map(|item| item["sk"].as_s().expect("a sort key").clone()).collect()
}

#[tokio::test]
async fn documented_scan_lists_all_that_needs_the_previous_pepper() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let admin = &account.session;
    let (key, record) = service.key(admin, json!({})).await;
    let (_, revoked) = service.key(admin, json!({})).await;
    service.delete(&key_path(&revoked), admin).await.expect(204);
    let invited = service.invite(admin, &new_address(), &["read"]).await;
    let email = new_address();
    let (session, id) = service.member_with_email(admin, &email, &["read"]).await;
    service.add_passkey(&session).await;
    let secret = json!({"SecretId": "Pepper", "SecretString": "a new pepper that has more than 32 bytes"});
    let rotated = service.secrets_manager("PutSecretValue", secret).await;
    let version = text(&rotated, "VersionId");
    let expected = [
        format!("KEY#{}", text(&record, "id")),
        format!("MEMBER#{}", account.user_id),
        format!("MEMBER#{id}"),
        format!("MEMBER#{}", text(&invited, "id")),
        "RECOVERY_CODES".to_owned(),
    ];
    assert_eq!(documented_scan(&service, version).await, BTreeSet::from(expected));

    service.time.pass(300);
    service.me(&key).await.expect(200);
    service.login(&account.email).await;
    service.second_factor(&email).await;
    service.post(&format!("/v1/members/{}/invite", text(&invited, "id")), admin, json!({})).await.expect(200);
    assert_eq!(documented_scan(&service, version).await, BTreeSet::from(["RECOVERY_CODES".to_owned()]));
    service.post("/v1/auth/recovery-codes", &session, json!({})).await.expect(200);
    assert_eq!(documented_scan(&service, version).await, BTreeSet::new());
}

#[tokio::test]
async fn credentials_with_the_previous_pepper_stay_valid() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    rotate_pepper(&service).await;
    for _ in 0..2 {
        service.me(&key).await.expect(200);
        service.me(&account.session).await.expect(200);
        service.login(&account.email).await;
        // The cached peppers are now older than five minutes and are fetched again for the next requests.
        service.time.pass(301);
    }
}

#[tokio::test]
async fn invalid_new_pepper_leaves_the_cached_peppers_in_use() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let before = pepper_versions(&service, &account.id, &record).await[0].clone();
    let log = CapturedLog::start(LevelFilter::INFO);
    rotate_pepper_to(&service, "too short").await;
    service.time.pass(300);
    service.me(&key).await.expect(200);
    let (_, created) = service.key(&account.session, json!({})).await;
    assert_eq!(pepper_versions(&service, &account.id, &created).await[0], before);
    let failures = || {
        let records = log.take_records();
        let failures =
            records.iter().filter(|record| record["message"] == "the peppers could not be refreshed");
        failures.map(|record| text(record, "reason").to_owned()).collect::<Vec<_>>()
    };
    // The authorizer and the function that creates keys have each tried to fetch it.
    assert_eq!(failures(), ["the pepper has fewer than 32 bytes"; 2]);
    service.time.pass(9);
    service.me(&key).await.expect(200);
    assert_eq!(failures(), [""; 0]);
    service.time.pass(1);
    service.me(&key).await.expect(200);
    assert_eq!(failures().len(), 1, "the authorizer tries again after ten seconds");
}

#[tokio::test]
async fn failed_fetch_of_one_version_leaves_both_cached_peppers_in_use() {
    let dynamodb = DynamoDb::start().await;
    let service = OwnService::start_with(|options| {
        options.dynamodb = Some(dynamodb.url.clone());
        options.secrets_manager = Some(dynamodb.url.clone());
    })
    .await;
    let account = service.account().await;
    let log = CapturedLog::start(LevelFilter::INFO);
    service.time.pass(300);
    dynamodb.inject_at(
        Fault::Error(StatusCode::BAD_REQUEST, "AccessDeniedException"),
        Some("GetSecretValue"),
        1..2,
    );
    service.me(&account.session).await.expect(200);
    let records = log.take_records();
    let failure = records.iter().find(|record| record["message"] == "the peppers could not be refreshed");
    let reason = text(failure.expect("a failure"), "reason");
    assert_eq!(reason, "cannot get the pepper from Secrets Manager: error response: AccessDeniedException");
}

#[tokio::test]
async fn key_created_with_the_new_pepper_is_valid_at_once() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let [old, _] = pepper_versions(&service, &account.id, &record).await;
    rotate_pepper(&service).await;
    // After five minutes, the function that creates keys fetches the new pepper for the next request.
    service.time.pass(300);
    let (new_key, created) = service.key(&account.session, json!({})).await;
    assert_ne!(pepper_versions(&service, &account.id, &created).await[0], old);
    service.me(&new_key).await.expect(200);
    service.me(&key).await.expect(200);
}

#[tokio::test]
async fn secret_rehashed_by_another_authorizer_is_valid_at_once() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let other = OwnService::start_with(|options| {
        options.dynamodb = Some(dynamodb.url.clone());
        options.secrets_manager = Some(service.gateway.secrets_manager_url().to_owned());
        options.stack.clone_from(&service.stack);
    })
    .await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    service.rotate(&record, &account.session, 86_400).await;
    other.me(&key).await.expect(200);
    rotate_pepper(&service).await;
    // This authorizer fetches the new pepper and rehashes the previous secret with it. The current secret stays as it is.
    service.time.pass(300);
    service.me(&key).await.expect(200);
    // The other authorizer would not refresh its peppers for five minutes, but the unknown version makes it do so.
    other.time.pass(10);
    other.me(&key).await.expect(200);
}

#[tokio::test]
async fn keys_and_sessions_are_rehashed_at_their_next_use() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let (previous, rotated) = service.key(&account.session, json!({})).await;
    service.rotate(&rotated, &account.session, 86_400).await;
    let mut before = pepper_versions(&service, &account.id, &record).await[0].clone();
    rotate_pepper(&service).await;
    // After the second rotation, the first pepper is not available. A digest that still used it could not be verified.
    for _ in 0..3 {
        service.time.pass(300);
        for credential in [&key, &previous, &account.session] {
            service.me(credential).await.expect(200);
        }
        let now = pepper_versions(&service, &account.id, &record).await[0].clone();
        assert_ne!(now, before);
        before = now;
        rotate_pepper(&service).await;
    }
}

#[tokio::test]
async fn previous_secret_after_its_grace_period_returns_401_without_its_pepper() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (old, record) = service.key(&account.session, json!({})).await;
    let (new, _) = service.rotate(&record, &account.session, 60).await;
    service.time.pass(60);
    for _ in 0..2 {
        rotate_pepper(&service).await;
        service.time.pass(300);
        service.me(&new).await.expect(200);
    }
    service.me(&old).await.assert_unauthorized();
    let id = text(&record, "id");
    let wrong =
        Credential::with_wrong_secret(&service.token_mac_key().await, Environment::Live, &account.id, id);
    service.me(&wrong).await.assert_unauthorized();
}

/// Creates a key whose next use rehashes its secret, and holds that write.
async fn before_rehash() -> (OwnService, DynamoDb, Account, (Credential, Value), Held) {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let key = service.key(&account.session, json!({})).await;
    rotate_pepper(&service).await;
    service.time.pass(300);
    // The first write reserves a batch of the key's quota.
    let held = dynamodb.hold_second_call("UpdateItem");
    (service, dynamodb, account, key, held)
}

#[tokio::test]
async fn key_revoked_during_its_rehash_stays_revoked() {
    let (service, _dynamodb, account, (key, record), mut held) = before_rehash().await;
    let revoke = async {
        held.arrived().await;
        service.delete(&key_path(&record), &account.session).await.expect(204);
        drop(held);
    };
    let (used, ()) = tokio::join!(service.me(&key), revoke);
    used.expect(200);
    service.me(&key).await.assert_unauthorized();
    let stored = service.get(&key_path(&record), &account.session).await.expect(200);
    assert_eq!(stored["status"], "revoked");
}

#[tokio::test]
async fn key_rotated_during_its_rehash_keeps_the_secrets_of_the_rotation() {
    for (grace, old_secret) in [(0, None), (60, Some("previous"))] {
        let (service, _dynamodb, account, (old, record), mut held) = before_rehash().await;
        let rotate = async {
            held.arrived().await;
            let (new, _) = service.rotate(&record, &account.session, grace).await;
            drop(held);
            new
        };
        let (used, new) = tokio::join!(service.me(&old), rotate);
        used.expect(200);
        assert_eq!(service.me(&new).await.expect(200)["secret"], "current");
        match old_secret {
            None => service.me(&old).await.assert_unauthorized(),
            Some(age) => assert_eq!(service.me(&old).await.expect(200)["secret"], age),
        }
    }
}

#[tokio::test]
async fn password_whose_pepper_is_lost_can_be_reset() {
    let service = OwnService::start().await;
    let account = service.account().await;
    for _ in 0..2 {
        rotate_pepper(&service).await;
        service.time.pass(300);
    }
    let login = async |password| {
        let body = json!({"email": account.email, "password": password});
        service.request("POST", "/v1/auth/login").json(&body).send().await
    };
    login(PASSWORD).await.assert_error(503, "UNAVAILABLE");
    let new = "a gecko under the 3rd lamp";
    let issued = service.operate(json!({"reset_password": {"email": account.email}})).await.expect("a token");
    let body = json!({"token": issued["token"], "new_password": new});
    service.request("POST", "/v1/auth/password-reset/confirm").json(&body).send().await.expect(204);
    login(new).await.expect(200);
}

#[tokio::test]
async fn password_is_rehashed_at_the_next_login() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    let before = pepper_versions(&service, &account.id, &record).await;
    assert_eq!(before[0], before[1]);
    rotate_pepper(&service).await;
    service.time.pass(300);
    service.login(&account.email).await;
    let now = pepper_versions(&service, &account.id, &record).await;
    assert_eq!(now[0], before[0]);
    assert_ne!(now[1], before[1]);
    service.login(&account.email).await;
    let wrong = json!({"email": account.email, "password": format!("{PASSWORD}!")});
    let response = service.request("POST", "/v1/auth/login").json(&wrong).send().await;
    response.assert_error(401, "UNAUTHORIZED");
}
