//! The previous secret of an API key during the grace period of a rotation: how its users are told, and how its use is shown.

use axum::http::StatusCode;
use serde_json::{Value, json};
use shared::primitives::timestamp::Timestamp;

use crate::{
    authorization::authorizer::{authorize, event_with},
    dynamodb::{DynamoDb, Fault},
    operations::rate_limits::start_together,
    response::{Response, text},
    service::{Account, Credential, OwnService, Service, key_path},
};

/// The values of the headers `Deprecation` and `Sunset`.
fn headers(response: &Response) -> [Option<&str>; 2] {
    ["deprecation", "sunset"].map(|name| response.header(name))
}

/// The value of `Deprecation` for a rotation now.
fn deprecation(service: &OwnService) -> String {
    format!("@{}", Timestamp::from(service.time.now()).unix_seconds())
}

async fn previous_secret(service: &Service, account: &Account, key: &Value) -> Value {
    service.get(&key_path(key), &account.session).await.expect(200)["previous_secret"].clone()
}

async fn start() -> (OwnService, Account) {
    let service = OwnService::start().await;
    let account = service.account().await;
    (service, account)
}

#[tokio::test]
async fn each_response_of_a_function_has_deprecation_and_sunset() {
    let (service, account) = start().await;
    let limits = json!({"live": 12, "test": 12});
    let command = json!({"set_limits": {"account_id": account.id, "requests_per_minute": limits}});
    service.operate(command).await.expect("the limits are set");
    let (old, created) = service.key(&account.session, json!({})).await;
    service.time.pass(30);
    let replaced = deprecation(&service);
    let (new, rotated) = service.rotate(&created, &account.session, 3600).await;
    service.time.pass(100);
    let expected = [Some(replaced.as_str()), Some("Fri, 30 Jan 2026 01:00:30 GMT")];
    let missing = "/v1/projects/proj_0000000000000000";
    let invalid = service.request("POST", "/v1/projects").with(&old).body("{}");
    for (response, status) in [
        (service.me(&old).await, 200),
        (service.request("HEAD", "/v1/auth/me").with(&old).send().await, 200),
        (service.post("/v1/projects", &old, json!({"name": "A"})).await, 201),
        (service.post("/v1/projects", &old, json!({})).await, 400),
        (service.get("/v1/projects?unknown=1", &old).await, 400),
        (service.get(missing, &old).await, 404),
        (service.delete(missing, &old).await, 404),
        (invalid.send().await, 415),
    ] {
        assert_eq!((response.status, headers(&response)), (status, expected), "{response:?}");
    }
    for response in [service.me(&new).await, service.me(&account.session).await] {
        assert_eq!((response.status, headers(&response)), (200, [None, None]));
    }
    while service.me(&new).await.status == 200 {}
    let limited = service.me(&old).await;
    assert_eq!((limited.status, headers(&limited)), (429, expected));
    // The body of the rotation has the same time as the header `Sunset`.
    assert_eq!(rotated["previous_expires_at"], "2026-01-30T01:00:30Z");
}

#[tokio::test]
async fn error_of_the_table_has_deprecation_and_sunset() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (old, created) = service.key(&account.session, json!({})).await;
    service.rotate(&created, &account.session, 3600).await;
    dynamodb.inject(Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"), Some("Query"));
    let failed = service.get("/v1/projects", &old).await;
    assert_eq!(failed.status, 503);
    assert!(headers(&failed).iter().all(Option::is_some), "{failed:?}");
}

#[tokio::test]
async fn sunset_is_the_expiry_of_the_key_if_that_is_earlier() {
    let (service, account) = start().await;
    let fields = json!({"expires_at": "2026-01-30T00:10:00Z"});
    let (old, created) = service.key(&account.session, fields).await;
    service.rotate(&created, &account.session, 3600).await;
    let sunset = async |time: &str| {
        assert_eq!(headers(&service.me(&old).await)[1], Some(&*format!("Fri, 30 Jan 2026 {time} GMT")));
        let shown = previous_secret(&service, &account, &created).await;
        assert_eq!(shown["expires_at"], format!("2026-01-30T{time}Z"));
    };
    sunset("00:10:00").await;
    // A change of the expiry moves the end of the previous secret, but not beyond the grace period.
    for (expires_at, ends_at) in [("00:05:00", "00:05:00"), ("02:00:00", "00:10:00")] {
        let change = json!({"expires_at": format!("2026-01-30T{expires_at}Z")});
        service.patch(&key_path(&created), &account.session, change).await.expect(200);
        sunset(ends_at).await;
    }
}

#[tokio::test]
async fn other_apis_find_both_times_in_the_context() {
    let (service, account) = start().await;
    let (old, created) = service.key(&account.session, json!({})).await;
    service.time.pass(30);
    let (new, _) = service.rotate(&created, &account.session, 60).await;
    for (secret, times) in [
        (old, [json!("2026-01-30T00:00:30Z"), json!("2026-01-30T00:01:30Z")]),
        (new, [Value::Null, Value::Null]),
    ] {
        let policy = authorize(&service, event_with(&secret)).await.expect("a policy");
        let context = &policy["context"];
        assert_eq!([&context["secret_replaced_at"], &context["secret_ends_at"]], times.each_ref());
    }
}

#[tokio::test]
async fn is_shown_until_it_ends() {
    let (service, account) = start().await;
    let (old, created) = service.key(&account.session, json!({})).await;
    assert_eq!(created["previous_secret"], Value::Null);
    service.me(&old).await.expect(200);
    let (new, rotated) = service.rotate(&created, &account.session, 60).await;
    // Uses before the rotation do not count.
    let unused = json!({"expires_at": service.time.in_seconds(60), "last_used_at": null});
    assert_eq!(rotated["previous_secret"], unused);
    service.time.pass(59);
    service.me(&new).await.expect(200);
    let list = service.get("/v1/api-keys", &account.session).await.expect(200);
    assert_eq!(list["data"][0]["previous_secret"], unused);
    service.time.pass(1);
    assert_eq!(previous_secret(&service, &account, &created).await, Value::Null);

    service.rotate(&created, &account.session, 60).await;
    assert_ne!(previous_secret(&service, &account, &created).await, Value::Null);
    // A rotation without a grace period ends the secret immediately.
    service.rotate(&created, &account.session, 0).await;
    assert_eq!(previous_secret(&service, &account, &created).await, Value::Null);
    service.rotate(&created, &account.session, 60).await;
    service.delete(&key_path(&created), &account.session).await.expect(204);
    assert_eq!(previous_secret(&service, &account, &created).await, Value::Null);
}

#[tokio::test]
async fn use_is_recorded_and_belongs_to_one_secret() {
    let (service, account) = start().await;
    let (first, created) = service.key(&account.session, json!({})).await;
    let (second, _) = service.rotate(&created, &account.session, 3600).await;
    service.time.pass(60);
    service.me(&first).await.expect(200);
    let used = json!(service.time.in_seconds(0));
    let shown = previous_secret(&service, &account, &created).await;
    assert_eq!(shown["last_used_at"], used);
    service.time.pass(60);
    service.me(&second).await.expect(200);
    assert_eq!(previous_secret(&service, &account, &created).await["last_used_at"], used);
    // After the next rotation, this is another secret.
    service.rotate(&created, &account.session, 3600).await;
    assert_eq!(previous_secret(&service, &account, &created).await["last_used_at"], Value::Null);
    service.time.pass(60);
    service.me(&second).await.expect(200);
    let used = json!(service.time.in_seconds(0));
    assert_eq!(previous_secret(&service, &account, &created).await["last_used_at"], used);
}

/// Sends enough requests for a batch of several requests, and then one request that the batch covers.
async fn use_batch(service: &OwnService, dynamodb: &DynamoDb, first: &Credential, then: &Credential) {
    for _ in 0..10 {
        service.me(first).await.expect(200);
    }
    loop {
        dynamodb.calls();
        service.me(first).await.expect(200);
        if dynamodb.calls().iter().any(|call| call == "UpdateItem") {
            break;
        }
    }
    dynamodb.calls();
    service.me(then).await.expect(200);
    assert_eq!(dynamodb.calls(), ["BatchGetItem"]);
}

#[tokio::test]
async fn use_within_a_batch_is_recorded_with_the_next_reservation() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (old, created) = service.key(&account.session, json!({})).await;
    let (new, _) = service.rotate(&created, &account.session, 3600).await;
    use_batch(&service, &dynamodb, &new, &old).await;
    let used = json!(service.time.in_seconds(0));
    assert_eq!(previous_secret(&service, &account, &created).await["last_used_at"], Value::Null);
    // A failed write loses nothing.
    service.time.pass(60);
    dynamodb
        .inject(Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"), Some("UpdateItem"));
    service.me(&new).await.expect(200);
    dynamodb.recover();
    service.time.pass(60);
    service.me(&new).await.expect(200);
    let shown = service.get(&key_path(&created), &account.session).await.expect(200);
    assert_eq!(shown["previous_secret"]["last_used_at"], used);
    assert_eq!(shown["last_used_at"], service.time.in_seconds(0));
}

#[tokio::test]
async fn delayed_record_never_moves_the_last_use_back() {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let (dynamodb, services) = start_together(&folders).await;
    let [delayed, other] = &services[..] else { panic!("two services") };
    let account = delayed.account().await;
    let (old, created) = delayed.key(&account.session, json!({})).await;
    let (new, _) = delayed.rotate(&created, &account.session, 3600).await;
    use_batch(delayed, &dynamodb, &new, &old).await;
    for service in [delayed, other] {
        service.time.pass(60);
    }
    other.me(&old).await.expect(200);
    let used = json!(other.time.in_seconds(0));
    // The other execution environment has recorded a later use than the one that this write would record.
    delayed.me(&new).await.expect(200);
    assert_eq!(previous_secret(other, &account, &created).await["last_used_at"], used);
}

#[tokio::test]
async fn secret_replaced_by_the_previous_version_has_a_sunset_and_its_use_is_recorded() {
    let (service, account) = start().await;
    let (old, created) = service.key(&account.session, json!({})).await;
    service.rotate(&created, &account.session, 3600).await;
    // The previous version does not write this attribute.
    let table = service.gateway.table("Table").expect("the table").to_owned();
    let key =
        |name: &str, value: String| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value));
    let update = service.gateway.dynamodb().update_item().table_name(table).set_key(Some(
        [key("pk", format!("ACCOUNT#{}", account.id)), key("sk", format!("KEY#{}", text(&created, "id")))]
            .into(),
    ));
    update.update_expression("REMOVE replaced_secret").send().await.expect("the attribute is removed");
    let sunset = Some("Fri, 30 Jan 2026 01:00:00 GMT");
    for _ in 0..2 {
        assert_eq!(headers(&service.me(&old).await), [None, sunset]);
        let shown = previous_secret(&service, &account, &created).await;
        assert_eq!(shown["last_used_at"], json!(service.time.in_seconds(0)));
        service.time.pass(60);
    }
}

#[tokio::test]
async fn last_used_ip_is_the_address_of_the_recorded_use() {
    let (service, account) = start().await;
    let (key, created) = service.key(&account.session, json!({})).await;
    for (source, expected) in [
        (json!("2001:DB8:0::1"), json!("2001:db8::1")),
        (json!("::ffff:192.0.2.7"), json!("192.0.2.7")),
        (json!("unreadable"), Value::Null),
        (json!("192.0.2.8"), json!("192.0.2.8")),
        (Value::Null, Value::Null),
    ] {
        service.time.pass(60);
        let mut event = event_with(&key);
        event["requestContext"]["identity"]["sourceIp"] = source;
        authorize(&service, event).await.expect("a policy");
        let shown = service.get(&key_path(&created), &account.session).await.expect(200);
        let used = json!(service.time.in_seconds(0));
        assert_eq!([&shown["last_used_ip"], &shown["last_used_at"]], [&expected, &used]);
    }
}
