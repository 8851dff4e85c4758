//! Concurrent requests for the same entity. Whichever comes first, the state afterwards conforms to the API contract.
//!
//! In most of these tests, the proxy holds the writes until all requests have read. One test sends many requests at once. The
//! tests in [`interleavings`](crate::races::interleavings) run a few operations in every order of their calls.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, task::JoinSet, time::sleep};

use crate::{
    dynamodb::{DynamoDb, Fault},
    response::{Response, text},
    seeded,
    service::{Account, Credential, OwnService, PASSWORD, Service, key_path, new_address},
};

async fn start() -> (OwnService, DynamoDb, Account) {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    (service, dynamodb, account)
}

/// Sends two requests, and holds the first call of `operation` of each until both have arrived.
async fn race(
    dynamodb: &DynamoDb,
    operation: &'static str,
    one: impl Future<Output = Response>,
    other: impl Future<Output = Response>,
) -> [Response; 2] {
    let (mut first, mut second) = (dynamodb.hold(operation), dynamodb.hold(operation));
    let both_arrived = async move {
        first.arrived().await;
        second.arrived().await;
    };
    let (one, other, ()) = tokio::join!(one, other, both_arrived);
    [one, other]
}

/// Returns the statuses in ascending order.
fn statuses(responses: &[Response]) -> Vec<u16> {
    let mut statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
    statuses.sort_unstable();
    statuses
}

fn new_secret(rotated: &Value) -> Credential {
    Credential::bearer(text(rotated, "key"))
}

async fn revoke(service: &Service, key: &Value, by: &Credential) -> Response {
    service.delete(&key_path(key), by).await
}

/// One of many concurrent rotations of the same key.
#[derive(Clone, Debug)]
struct Rotation {
    by: Rotator,
    /// In seconds.
    grace_period: u32,
    /// In milliseconds, before the request is sent.
    delay: u64,
}

/// The caller of a rotation.
#[derive(Clone, Copy, Debug)]
enum Rotator {
    Owner,
    AdminKey,
    /// The key itself, with its first secret.
    Itself,
}

fn rotation() -> impl Strategy<Value = Rotation> {
    let by = select(vec![Rotator::Owner, Rotator::AdminKey, Rotator::Itself]);
    (by, select(vec![0, 60]), 0..20_u64).prop_map(|(by, grace_period, delay)| Rotation {
        by,
        grace_period,
        delay,
    })
}

/// Sends concurrent rotations of one key, and a revocation after `revoked_after` milliseconds if it is given.
async fn rotate_concurrently(service: &Arc<Service>, rotations: Vec<Rotation>, revoked_after: Option<u64>) {
    let account = service.account().await;
    let (first, record) = service.key(&account.session, json!({})).await;
    let (admin, _) = service.key(&account.session, json!({})).await;
    let mut requests = JoinSet::new();
    for rotation in rotations {
        let (service, record) = (Arc::clone(service), record.clone());
        let by = match rotation.by {
            Rotator::Owner => account.session.clone(),
            Rotator::AdminKey => admin.clone(),
            Rotator::Itself => first.clone(),
        };
        requests.spawn(async move {
            sleep(Duration::from_millis(rotation.delay)).await;
            let body = json!({"grace_period": rotation.grace_period});
            let response = service.post(&format!("{}/rotate", key_path(&record)), &by, body).await;
            (rotation, response)
        });
    }
    if let Some(delay) = revoked_after {
        sleep(Duration::from_millis(delay)).await;
        revoke(service, &record, &account.session).await.expect(204);
    }

    let mut successful = Vec::new();
    for (rotation, response) in requests.join_all().await {
        match (response.status, rotation.by) {
            (200, _) => successful.push((rotation, new_secret(&response.body))),
            // 429 if the counter of the calling key was contended.
            (409, _) | (401, Rotator::Itself) | (429, Rotator::AdminKey | Rotator::Itself) => {}
            (status, _) => panic!("{rotation:?} got {status}"),
        }
    }
    let mut valid_secrets = BTreeMap::new();
    for secret in successful.iter().map(|(_, secret)| secret).chain([&first]) {
        let me = service.me(secret).await;
        if me.status == 200 {
            let before = valid_secrets.insert(text(&me.body, "secret").to_owned(), secret.clone());
            assert_eq!(before, None, "there are two valid secrets of the same kind");
        } else {
            me.assert_unauthorized();
        }
    }
    if revoked_after.is_some() {
        assert_eq!(valid_secrets, BTreeMap::new());
        return;
    }
    // The result is that of the successful rotations in some order: the secret of the last one is current, and the secret
    // before it is valid if the last rotation has a grace period.
    let is_current = |secret: &Credential| valid_secrets["current"] == *secret;
    let (last, _) = successful.iter().find(|(_, secret)| is_current(secret)).expect("a current secret");
    let previous = valid_secrets.get("previous");
    assert_eq!(previous.is_some(), last.grace_period > 0);
    assert!(previous.is_none_or(|previous| (*previous == first) == (successful.len() == 1)));
    let by_itself = successful.iter().filter(|(rotation, _)| matches!(rotation.by, Rotator::Itself)).count();
    assert!(by_itself <= 2, "the first secret is not valid after two rotations");
}

#[test]
fn rotations_leave_only_the_latest_secrets_valid_and_none_after_a_revocation() {
    let runtime = Runtime::new().expect("a runtime");
    let service = Arc::new(runtime.block_on(Service::start()));
    let revoked_after = prop::option::of(0..20_u64);
    seeded::cases(64, &(vec(rotation(), 64), revoked_after), |_, (rotations, revoked_after)| {
        runtime.block_on(rotate_concurrently(&service, rotations, revoked_after));
    });
}

/// One of many concurrent requests that change or rotate the same key.
#[derive(Clone, Debug)]
struct Change {
    is_by_key: bool,
    /// The new values of some fields, or `None` for a rotation.
    fields: Option<Value>,
    /// In milliseconds, before the request is sent.
    delay: u64,
}

fn change() -> impl Strategy<Value = Change> {
    let permissions = select(vec![json!(["read"]), json!(["read", "write"]), json!(["delete"])]);
    let allowed_ips = select(vec![json!(null), json!(["127.0.0.1"]), json!(["192.0.2.0/24"])]);
    let fields = (prop::option::of(permissions), prop::option::of(allowed_ips), any::<Option<bool>>());
    let fields = fields.prop_map(|(permissions, allowed_ips, disabled)| {
        let fields = [
            ("permissions", permissions),
            ("allowed_ips", allowed_ips),
            ("disabled", disabled.map(Value::from)),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    });
    (any::<bool>(), prop::option::weighted(0.8, fields), 0..100_u64)
        .prop_map(|(is_by_key, fields, delay)| Change { is_by_key, fields, delay })
}

/// Sends concurrent changes of one key. Each has a name of its own, by which its event is recognized.
async fn change_concurrently(service: &Arc<OwnService>, changes: Vec<Change>) {
    let account = service.account().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    let (admin, _) = service.key(&account.session, json!({})).await;
    let mut requests = JoinSet::new();
    for (n, change) in changes.into_iter().enumerate() {
        let (service, path) = (Arc::clone(service), key_path(&record));
        let by = if change.is_by_key { admin.clone() } else { account.session.clone() };
        requests.spawn(async move {
            sleep(Duration::from_millis(change.delay)).await;
            let Some(mut fields) = change.fields else {
                let rotated = service.post(&format!("{path}/rotate"), &by, json!({})).await;
                assert!([200, 409, 429, 503].contains(&rotated.status), "{}", rotated.text);
                return None;
            };
            fields["name"] = json!(format!("Change {n}"));
            let response = service.patch(&path, &by, fields.clone()).await;
            match (response.status, change.is_by_key) {
                // 503 if the write was contended for too long. Then the change may still have been made.
                (200 | 503, _) => {
                    let body = (response.status == 200).then_some(response.body);
                    Some((text(&fields, "name").to_owned(), (fields, body)))
                }
                // 403 if an admin's session disabled the key, and 429 if the counter of the calling key was contended.
                (409, _) | (403 | 429, true) => None,
                (status, _) => panic!("{fields} got {status}"),
            }
        });
    }
    let mut successful: BTreeMap<_, _> = requests.join_all().await.into_iter().flatten().collect();

    // A change fails if there was another one since it has read the key. So the events are in the order of the changes.
    let shown = |record: &Value| {
        let names = ["name", "permissions", "allowed_ips", "status"];
        names.map(|name| record[name].clone())
    };
    let path = format!("/v1/audit-events?limit=100&key_id={}", text(&record, "id"));
    let events = service.get(&path, &account.session).await.expect(200);
    let events = events["data"].as_array().expect("a list").iter().rev();
    let mut expected = record.clone();
    for event in events.filter(|event| event["type"] == "api_key.changed") {
        let name = text(event, "name");
        let (fields, response) = successful.remove(name).unwrap_or_else(|| panic!("{name} was not made"));
        for (name, value) in fields.as_object().expect("an object") {
            match name.as_str() {
                "disabled" => {
                    expected["status"] = json!(if *value == true { "disabled" } else { "active" });
                }
                name => expected[name] = value.clone(),
            }
        }
        if let Some(response) = response {
            assert_eq!(shown(&response), shown(&expected), "the response to {fields}");
        }
        let mut recorded = event.clone();
        recorded["status"] = json!(if event["disabled"] == true { "disabled" } else { "active" });
        assert_eq!(shown(&recorded), shown(&expected), "the event of {fields}");
    }
    successful.retain(|_, (_, response)| response.is_some());
    assert_eq!(successful, BTreeMap::new(), "these changes have no event");
    let stored = service.get(&key_path(&record), &account.session).await.expect(200);
    assert_eq!(shown(&stored), shown(&expected));
}

#[test]
fn concurrent_changes_of_a_key_are_in_the_order_of_their_events_and_none_is_lost() {
    let runtime = Runtime::new().expect("a runtime");
    let service = Arc::new(runtime.block_on(OwnService::start()));
    seeded::cases(64, &vec(change(), 32), |_, changes| {
        runtime.block_on(change_concurrently(&service, changes));
    });
}

#[tokio::test]
async fn two_changes_of_different_fields_return_200_and_409_and_only_one_is_made() {
    let (service, dynamodb, account) = start().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    let path = key_path(&record);
    let changes = [json!({"name": "Renamed"}), json!({"permissions": ["read"]})];
    let [one, other] =
        changes.each_ref().map(|change| service.patch(&path, &account.session, change.clone()));
    let responses = race(&dynamodb, "TransactWriteItems", one, other).await;
    assert_eq!(statuses(&responses), [200, 409]);
    let made = usize::from(responses[0].status == 409);
    let stored = service.get(&path, &account.session).await.expect(200);
    assert_eq!(stored, responses[made].body);
    assert_eq!(stored["name"] == "Renamed", made == 0);
    assert_eq!(stored["permissions"] == json!(["read"]), made == 1);
    // The other caller reads the key again and repeats the change.
    let repeated = service.patch(&path, &account.session, changes[1 - made].clone()).await.expect(200);
    assert_eq!((&repeated["name"], &repeated["permissions"]), (&json!("Renamed"), &json!(["read"])));
}

#[tokio::test]
async fn two_revocations_both_return_204() {
    let (service, dynamodb, account) = start().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let revoke = || revoke(&service, &record, &account.session);
    let responses = race(&dynamodb, "TransactWriteItems", revoke(), revoke()).await;
    assert_eq!(statuses(&responses), [204, 204]);
    service.me(&key).await.assert_unauthorized();
}

#[tokio::test]
async fn two_password_changes_return_204_and_409() {
    let (service, dynamodb, account) = start().await;
    let passwords = ["two lizards on the wall", "no lizard left on the wall"];
    let other_session = service.login(&account.email).await;
    let sessions = [&account.session, &other_session];
    let change = |by: &Credential, new: &str| {
        let body = json!({"current_password": PASSWORD, "new_password": new});
        service.request("POST", "/v1/auth/password").with(by).json(&body).send()
    };
    let [one, other] = [0, 1].map(|n| change(sessions[n], passwords[n]));
    // The first transaction of each request reserves its password attempt.
    let mut first = dynamodb.hold_second_call("TransactWriteItems");
    let other = async {
        first.arrived().await;
        let mut second = dynamodb.hold_second_call("TransactWriteItems");
        let arrived = async {
            second.arrived().await;
            drop((first, second));
        };
        tokio::join!(other, arrived).0
    };
    let responses: [Response; 2] = tokio::join!(one, other).into();
    assert_eq!(statuses(&responses), [204, 409]);

    for (n, response) in responses.iter().enumerate() {
        let body = json!({"email": account.email, "password": passwords[n]});
        let login = service.request("POST", "/v1/auth/login").json(&body).send().await;
        let expected = if response.status == 204 { 200 } else { 401 };
        assert_eq!(login.status, expected);
        assert_eq!(service.me(sessions[n]).await.status, expected);
    }
}

#[tokio::test]
async fn login_during_a_password_change_creates_no_valid_session() {
    let (service, dynamodb, account) = start().await;
    // The first transaction of the login reserves its password attempt.
    let mut login = dynamodb.hold_second_call("TransactWriteItems");
    let change = async {
        login.arrived().await;
        let body = json!({"current_password": PASSWORD, "new_password": "two lizards on the wall"});
        service.post("/v1/auth/password", &account.session, body).await.expect(204);
        drop(login);
    };
    let (session, ()) = tokio::join!(service.login(&account.email), change);
    service.me(&session).await.assert_unauthorized();
    service.me(&account.session).await.expect(200);
}

#[tokio::test]
async fn two_invitations_of_one_address_return_201_and_409() {
    let (service, dynamodb, account) = start().await;
    let body = json!({"email": new_address(), "permissions": ["admin"]});
    let create = || service.post("/v1/members", &account.session, body.clone());
    let responses = race(&dynamodb, "TransactWriteItems", create(), create()).await;
    assert_eq!(statuses(&responses), [201, 409]);
    create().await.assert_error(409, "CONFLICT");
}

#[tokio::test]
async fn concurrent_acceptances_of_one_invitation_return_200_and_401() {
    let (service, dynamodb, account) = start().await;
    let email = new_address();
    let invited = service.invite(&account.session, &email, &["read", "admin"]).await;
    let token = text(&invited["invitation"], "token");
    let accept = || service.try_to_accept(token, PASSWORD);
    let responses = race(&dynamodb, "TransactWriteItems", accept(), accept()).await;
    assert_eq!(statuses(&responses), [200, 401]);
    accept().await.assert_unauthorized_by_function();
    service.login(&email).await;
}

#[tokio::test]
async fn concurrent_acceptances_with_the_same_address_in_two_accounts_return_200_and_409() {
    let (service, dynamodb, account) = start().await;
    let other = service.account().await;
    let email = new_address();
    let one = service.invite(&account.session, &email, &["read"]).await;
    let two = service.invite(&other.session, &email, &["read"]).await;
    let accept = |invited: &Value| {
        let token = text(&invited["invitation"], "token").to_owned();
        let service = &service;
        async move { service.try_to_accept(&token, PASSWORD).await }
    };
    let responses = race(&dynamodb, "TransactWriteItems", accept(&one), accept(&two)).await;
    assert_eq!(statuses(&responses), [200, 409]);
    service.login(&email).await;
}

#[tokio::test]
async fn concurrent_acceptance_and_new_invitation_leave_one_valid() {
    let (service, dynamodb, account) = start().await;
    let invited = service.invite(&account.session, &new_address(), &["read"]).await;
    let path = format!("/v1/members/{}", text(&invited, "id"));
    let accept = service.try_to_accept(text(&invited["invitation"], "token"), PASSWORD);
    let invitation = format!("{path}/invite");
    let invite = service.post(&invitation, &account.session, json!({}));
    let responses = race(&dynamodb, "TransactWriteItems", accept, invite).await;
    let member = service.get(&path, &account.session).await.expect(200);
    match &member["status"] {
        status if status == "active" => assert_eq!(statuses(&responses), [200, 409]),
        _ => assert_eq!(statuses(&responses), [200, 401]),
    }
}

#[tokio::test]
async fn contended_write_is_retried_until_it_succeeds() {
    const TRANSACTION: &str = "TransactWriteItems";
    let (service, dynamodb, account) = start().await;
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(key_path(&service.key(&account.session, json!({})).await.1));
    }
    let project = format!("/v1/projects/{}", service.project(&account.session).await);
    for (method, path, fault, operation, status) in [
        ("PATCH", &project, Fault::Conflict, TRANSACTION, 200),
        ("PATCH", &keys[0], Fault::Conflict, TRANSACTION, 200),
        ("DELETE", &keys[0], Fault::Conflict, TRANSACTION, 204),
        ("DELETE", &keys[1], Fault::Cancel("ThrottlingError"), TRANSACTION, 204),
        ("DELETE", &keys[2], Fault::Cancel("ProvisionedThroughputExceeded"), TRANSACTION, 204),
    ] {
        let send = || service.request(method, path).with(&account.session).json(&json!({"name": "B"})).send();
        let is_conflict = matches!(fault, Fault::Conflict);
        dynamodb.inject(fault, Some(operation));
        dynamodb.calls();
        let start = Instant::now();
        send().await.assert_error(503, "UNAVAILABLE");
        let attempts = dynamodb.calls().into_iter().filter(|call| call == operation).count();
        if is_conflict {
            // Only the time limits the number of attempts.
            assert!((10..200).contains(&attempts), "{operation}: {attempts}");
            let elapsed = start.elapsed();
            assert!((5..9).contains(&elapsed.as_secs()), "{elapsed:?}");
        } else {
            assert_eq!(attempts, 4, "{operation}");
        }

        let recovery = async {
            while !dynamodb.calls().iter().any(|call| call == operation) {
                sleep(Duration::from_millis(1)).await;
            }
            dynamodb.recover();
        };
        let (response, ()) = tokio::join!(send(), recovery);
        response.expect(status);
    }
}

#[tokio::test]
async fn two_project_deletions_return_204_and_404() {
    let (service, dynamodb, account) = start().await;
    let path = format!("/v1/projects/{}", service.project(&account.session).await);
    let delete = || service.delete(&path, &account.session);
    let responses = race(&dynamodb, "TransactWriteItems", delete(), delete()).await;
    assert_eq!(statuses(&responses), [204, 404]);
}

#[tokio::test]
async fn rename_during_a_project_deletion_returns_404_and_restores_nothing() {
    let (service, dynamodb, account) = start().await;
    let path = format!("/v1/projects/{}", service.project(&account.session).await);
    let mut rename = dynamodb.hold("TransactWriteItems");
    let delete = async {
        rename.arrived().await;
        service.delete(&path, &account.session).await.expect(204);
        drop(rename);
    };
    let (renamed, ()) = tokio::join!(service.patch(&path, &account.session, json!({"name": "B"})), delete);
    renamed.assert_not_found();
    service.get(&path, &account.session).await.assert_not_found();
}
