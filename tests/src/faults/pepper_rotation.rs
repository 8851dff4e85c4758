//! The pepper can be changed while the service runs.

use axum::http::StatusCode;
use serde_json::{Value, json};
use tracing_subscriber::filter::LevelFilter;

use crate::{
    deployment::logs::CapturedLog,
    dynamodb::{DynamoDb, Held, Fault},
    response::text,
    service::{Account, Credential, OwnService, PASSWORD, key_path},
};

/// Makes another pepper the current one, as `aws secretsmanager put-secret-value` does.
pub async fn change(service: &OwnService) {
    change_to(service, "another pepper, as long as one has to be at least").await;
}

/// The same, with this one.
pub async fn change_to(service: &OwnService, pepper: &str) {
    let secret = json!({"SecretId": "Pepper", "SecretString": pepper});
    let response = reqwest::Client::new()
        .post(service.gateway.secrets_manager_url())
        .header("x-amz-target", "secretsmanager.PutSecretValue")
        .header("x-amz-user-agent", "app/tests")
        .body(secret.to_string())
        .send()
        .await
        .expect("a response");
    assert_eq!(response.status(), 200);
}

/// The versions of the peppers in the table: of the key's current secret, and of the member's password.
async fn versions(service: &OwnService, account: &str, key: &Value) -> [String; 2] {
    let table = service.gateway.table("Table").expect("a table");
    let response = service.gateway.dynamodb().scan().table_name(table).send().await.expect("a response");
    let items = response.items();
    let item = |sk: String| items.iter().find(|item| item["sk"].as_s() == Ok(&sk)).expect("an item").clone();
    let key = item(format!("KEY#{}", text(key, "id")));
    let user = items.iter().find(|item| {
        item["pk"].as_s() == Ok(&format!("ACCOUNT#{account}"))
            && item["sk"].as_s().is_ok_and(|sk| sk.starts_with("MEMBER#"))
    });
    let version = |of: &aws_sdk_dynamodb::types::AttributeValue| {
        of.as_m().expect("a map")["pepper"].as_s().expect("a version").clone()
    };
    [version(&key["state"].as_m().expect("a map")["current"]), version(&user.expect("a member")["password"])]
}

#[tokio::test]
async fn credentials_with_the_previous_pepper_stay_valid() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    change(&service).await;
    for _ in 0..2 {
        service.me(&key).await.expect(200);
        service.me(&account.session).await.expect(200);
        service.login(&account.email).await;
        // What is at hand is old then, and is fetched for the requests after.
        service.time.pass(301);
    }
}

#[tokio::test]
async fn invalid_new_pepper_leaves_the_cached_peppers_in_use() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let before = versions(&service, &account.id, &record).await[0].clone();
    let log = CapturedLog::start(LevelFilter::INFO);
    change_to(&service, "too short").await;
    service.time.pass(300);
    service.me(&key).await.expect(200);
    let (_, made) = service.key(&account.session, json!({})).await;
    assert_eq!(versions(&service, &account.id, &made).await[0], before);
    let failed = || {
        let records = log.take_records();
        let failed = records.iter().filter(|record| record["message"] == "the peppers could not be refreshed");
        failed.map(|record| text(record, "reason").to_owned()).collect::<Vec<_>>()
    };
    // The authorizer has tried, and the function that makes keys.
    assert_eq!(failed(), ["the pepper has fewer than 32 bytes"; 2]);
    service.time.pass(9);
    service.me(&key).await.expect(200);
    assert_eq!(failed(), [""; 0]);
    service.time.pass(1);
    service.me(&key).await.expect(200);
    assert_eq!(failed().len(), 1, "it is tried again soon");
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
    let failed = records.iter().find(|record| record["message"] == "the peppers could not be refreshed");
    let reason = text(failed.expect("it failed"), "reason");
    assert_eq!(reason, "cannot get the pepper from Secrets Manager: error response: AccessDeniedException");
}

#[tokio::test]
async fn key_created_with_the_new_pepper_is_valid_at_once() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let [old, _] = versions(&service, &account.id, &record).await;
    change(&service).await;
    // After five minutes, the function that makes keys fetches the new one for its first request already.
    service.time.pass(300);
    let (young, made) = service.key(&account.session, json!({})).await;
    assert_ne!(versions(&service, &account.id, &made).await[0], old);
    service.me(&young).await.expect(200);
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
    change(&service).await;
    // One fetches the new one and digests with it the secret in its overlap; the newest stays as it is.
    service.time.pass(300);
    service.me(&key).await.expect(200);
    // The other would not look for five minutes.
    other.time.pass(10);
    other.me(&key).await.expect(200);
}

#[tokio::test]
async fn keys_and_sessions_are_rehashed_at_their_next_use() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let (overlapped, rotated) = service.key(&account.session, json!({})).await;
    service.rotate(&rotated, &account.session, 86_400).await;
    let mut before = versions(&service, &account.id, &record).await[0].clone();
    change(&service).await;
    // Once more, and nothing of the first pepper is at hand: what was not digested anew could not be verified.
    for _ in 0..3 {
        service.time.pass(300);
        for credential in [&key, &overlapped, &account.session] {
            service.me(credential).await.expect(200);
        }
        let now = versions(&service, &account.id, &record).await[0].clone();
        assert_ne!(now, before);
        before = now;
        change(&service).await;
    }
}

#[tokio::test]
async fn secret_with_an_ended_overlap_returns_401_without_its_pepper() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (old, record) = service.key(&account.session, json!({})).await;
    let (new, _) = service.rotate(&record, &account.session, 60).await;
    service.time.pass(60);
    for _ in 0..2 {
        change(&service).await;
        service.time.pass(300);
        service.me(&new).await.expect(200);
    }
    service.me(&old).await.assert_unauthorized();
    let environment = shared::primitives::environment::Environment::Live;
    service
        .me(&Credential::forged(environment, &account.id, text(&record, "id")))
        .await
        .assert_unauthorized();
}

/// A key whose next use digests it anew, and that use's second write, which does so, held up.
async fn about_to_be_digested_anew() -> (OwnService, DynamoDb, Account, (Credential, Value), Held) {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let key = service.key(&account.session, json!({})).await;
    change(&service).await;
    service.time.pass(300);
    // The first one takes from the key's quota.
    let held = dynamodb.hold_second_call("UpdateItem");
    (service, dynamodb, account, key, held)
}

#[tokio::test]
async fn key_revoked_during_its_rehash_stays_revoked() {
    let (service, _dynamodb, account, (key, record), mut held) = about_to_be_digested_anew().await;
    let revoke = async {
        held.arrived().await;
        service.delete(&key_path(&record), &account.session).await.expect(204);
        drop(held);
    };
    let (used, ()) = tokio::join!(service.me(&key), revoke);
    used.expect(200);
    service.me(&key).await.assert_unauthorized();
    let shown = service.get(&key_path(&record), &account.session).await.expect(200);
    assert_eq!(shown["status"], "revoked");
}

#[tokio::test]
async fn key_rotated_during_its_rehash_keeps_the_secrets_of_the_rotation() {
    for (grace, old_secret) in [(0, None), (60, Some("previous"))] {
        let (service, _dynamodb, account, (old, record), mut held) = about_to_be_digested_anew().await;
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
async fn password_is_rehashed_at_the_next_login() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    let before = versions(&service, &account.id, &record).await;
    assert_eq!(before[0], before[1]);
    change(&service).await;
    service.time.pass(300);
    service.login(&account.email).await;
    let now = versions(&service, &account.id, &record).await;
    assert_eq!(now[0], before[0]);
    assert_ne!(now[1], before[1]);
    service.login(&account.email).await;
    let wrong = json!({"email": account.email, "password": format!("{PASSWORD}!")});
    let response = service.request("POST", "/v1/auth/login").json(&wrong).send().await;
    response.assert_error(401, "UNAUTHORIZED");
}
