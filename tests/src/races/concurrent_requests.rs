//! Requests that meet: whichever comes first, what the contract promises of the state afterwards holds.
//!
//! Where the order matters, the table holds calls up until all who race have read; where it does not, many
//! requests are sent at once. In [`interleavings`](crate::races::interleavings), few meet in every order.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, task::JoinSet, time::sleep};

use crate::{
    dynamodb::{DynamoDb, Trouble},
    response::{Answer, text},
    seeded,
    service::{Account, Credential, OwnService, PASSWORD, Service, key_path, new_address},
};

async fn started() -> (OwnService, DynamoDb, Account) {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    (service, dynamodb, account)
}

/// Sends both, and lets neither do `operation` before the other has read all that it reads before.
async fn meet(
    dynamodb: &DynamoDb,
    operation: &'static str,
    one: impl Future<Output = Answer>,
    other: impl Future<Output = Answer>,
) -> [Answer; 2] {
    let (mut first, mut second) = (dynamodb.hold(operation), dynamodb.hold(operation));
    let both_have_read = async move {
        first.arrived().await;
        second.arrived().await;
    };
    let (one, other, ()) = tokio::join!(one, other, both_have_read);
    [one, other]
}

/// The statuses, the lower one first.
fn statuses(answers: &[Answer]) -> Vec<u16> {
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    statuses
}

fn new_secret(rotated: &Value) -> Credential {
    Credential::bearer(text(rotated, "key"))
}

async fn revoke(service: &Service, key: &Value, by: &Credential) -> Answer {
    service.delete(&key_path(key), by).await
}

/// One of many requests for a new secret of the same key.
#[derive(Clone, Debug)]
struct Rotation {
    by: Rotator,
    grace: u32,
    /// After how many milliseconds it is sent.
    delay: u64,
}

#[derive(Clone, Copy, Debug)]
enum Rotator {
    Owner,
    AdminKey,
    /// The key itself, with the secret that it had at first.
    Itself,
}

fn rotation() -> impl Strategy<Value = Rotation> {
    let by = select(vec![Rotator::Owner, Rotator::AdminKey, Rotator::Itself]);
    (by, select(vec![0, 60]), 0..20_u64).prop_map(|(by, grace, delay)| Rotation { by, grace, delay })
}

/// Sends 64 rotations of one key at once, and a revocation at some moment, if at one.
async fn rotate_at_once(service: &Arc<Service>, rotations: Vec<Rotation>, revoked_after: Option<u64>) {
    let account = service.account().await;
    let (old, made) = service.key(&account.session, json!({})).await;
    let (admin, _) = service.key(&account.session, json!({})).await;
    let mut asked = JoinSet::new();
    for rotation in rotations {
        let (service, made) = (Arc::clone(service), made.clone());
        let by = match rotation.by {
            Rotator::Owner => account.session.clone(),
            Rotator::AdminKey => admin.clone(),
            Rotator::Itself => old.clone(),
        };
        asked.spawn(async move {
            sleep(Duration::from_millis(rotation.delay)).await;
            let body = json!({"grace_period": rotation.grace});
            let answer = service.post(&format!("{}/rotate", key_path(&made)), &by, body).await;
            (rotation, answer)
        });
    }
    if let Some(delay) = revoked_after {
        sleep(Duration::from_millis(delay)).await;
        revoke(service, &made, &account.session).await.expect(204);
    }

    let mut won = Vec::new();
    for (rotation, answer) in asked.join_all().await {
        match (answer.status, rotation.by) {
            (200, _) => won.push((rotation, new_secret(&answer.body))),
            (409, _) | (401, Rotator::Itself) => {}
            (status, _) => panic!("{rotation:?} is {status}"),
        }
    }
    let mut ages = BTreeMap::new();
    for secret in won.iter().map(|(_, secret)| secret).chain([&old]) {
        let me = service.me(secret).await;
        if me.status == 200 {
            let before = ages.insert(text(&me.body, "secret").to_owned(), secret.clone());
            assert_eq!(before, None, "two secrets of one age");
        } else {
            me.assert_unauthorized();
        }
    }
    if revoked_after.is_some() {
        assert_eq!(ages, BTreeMap::new());
        return;
    }
    // As after those that won, one after the other: the last one's secret, and for its overlap the one before.
    let (last, _) = won.iter().find(|(_, secret)| ages["current"] == *secret).expect("one was the last");
    let before = ages.get("previous");
    assert_eq!(before.is_some(), last.grace > 0);
    assert!(before.is_none_or(|before| (*before == old) == (won.len() == 1)));
    let by_itself = won.iter().filter(|(rotation, _)| matches!(rotation.by, Rotator::Itself)).count();
    assert!(by_itself <= 2, "its first secret is over when there is a third");
}

#[test]
fn of_64_rotations_at_once_the_last_secrets_alone_work_and_none_of_a_revoked_key() {
    let runtime = Runtime::new().expect("a runtime");
    let service = Arc::new(runtime.block_on(Service::start()));
    let revoked_after = prop::option::of(0..20_u64);
    seeded::cases(64, &(vec(rotation(), 64), revoked_after), |_, (rotations, revoked_after)| {
        runtime.block_on(rotate_at_once(&service, rotations, revoked_after));
    });
}

#[tokio::test]
async fn two_revocations_are_both_204() {
    let (service, dynamodb, account) = started().await;
    let (key, made) = service.key(&account.session, json!({})).await;
    let revoke = || revoke(&service, &made, &account.session);
    let answers = meet(&dynamodb, "TransactWriteItems", revoke(), revoke()).await;
    assert_eq!(statuses(&answers), [204, 204]);
    service.me(&key).await.assert_unauthorized();
}

#[tokio::test]
async fn of_two_password_changes_one_wins() {
    let (service, dynamodb, account) = started().await;
    let passwords = ["two lizards on the wall", "no lizard left on the wall"];
    let other_session = service.login(&account.email).await;
    let sessions = [&account.session, &other_session];
    let change = |by: &Credential, new: &str| {
        let body = json!({"current_password": PASSWORD, "new_password": new});
        service.request("POST", "/v1/auth/password").with(by).json(&body).send()
    };
    let [one, other] = [0, 1].map(|n| change(sessions[n], passwords[n]));
    // Each has claimed its attempt before.
    let mut first = dynamodb.hold_second("TransactWriteItems");
    let meeting = async {
        first.arrived().await;
        let mut second = dynamodb.hold_second("TransactWriteItems");
        let arrived = async {
            second.arrived().await;
            drop((first, second));
        };
        tokio::join!(other, arrived).0
    };
    let answers: [Answer; 2] = tokio::join!(one, meeting).into();
    assert_eq!(statuses(&answers), [204, 409]);

    for (n, answer) in answers.iter().enumerate() {
        let body = json!({"email": account.email, "password": passwords[n]});
        let login = service.request("POST", "/v1/auth/login").json(&body).send().await;
        let won = answer.status == 204;
        assert_eq!(login.status, if won { 200 } else { 401 });
        assert_eq!(service.me(sessions[n]).await.status, if won { 200 } else { 401 });
    }
}

#[tokio::test]
async fn a_login_that_read_before_a_password_change_begins_nothing() {
    let (service, dynamodb, account) = started().await;
    // It has claimed its attempt before.
    let mut login = dynamodb.hold_second("TransactWriteItems");
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
async fn of_members_with_one_address_one_is_made() {
    let (service, dynamodb, account) = started().await;
    let another = service.account().await;
    for by in [&account.session, &another.session] {
        let email = new_address();
        let body = json!({"email": email, "password": PASSWORD, "permissions": ["admin"]});
        let make = |by| service.post("/v1/members", by, body.clone());
        let (one, other) = (make(&account.session), make(by));
        let answers = meet(&dynamodb, "TransactWriteItems", one, other).await;
        assert_eq!(statuses(&answers), [201, 409]);
        let third = make(&account.session).await;
        third.assert_error(409, "CONFLICT");
        service.login(&email).await;
    }
}

#[tokio::test]
async fn a_write_that_others_are_in_the_way_of_is_tried_until_it_is_done() {
    const TRANSACTION: &str = "TransactWriteItems";
    let (service, dynamodb, account) = started().await;
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(key_path(&service.key(&account.session, json!({})).await.1));
    }
    let project = format!("/v1/projects/{}", service.project(&account.session).await);
    for (method, path, trouble, operation, status) in [
        ("PATCH", &project, Trouble::Conflicts, "UpdateItem", 200),
        ("DELETE", &keys[0], Trouble::Conflicts, TRANSACTION, 204),
        ("DELETE", &keys[1], Trouble::Cancels("ThrottlingError"), TRANSACTION, 204),
        ("DELETE", &keys[2], Trouble::Cancels("ProvisionedThroughputExceeded"), TRANSACTION, 204),
    ] {
        let request = || service.request(method, path).with(&account.session).json(&json!({"name": "B"}));
        let ask = || request().send();
        dynamodb.disturb(trouble, Some(operation));
        dynamodb.calls();
        ask().await.assert_error(503, "UNAVAILABLE");
        let attempts = dynamodb.calls().into_iter().filter(|call| call == operation).count();
        assert_eq!(attempts, 4, "{operation}");

        let over = async {
            while !dynamodb.calls().iter().any(|call| call == operation) {
                sleep(Duration::from_millis(1)).await;
            }
            dynamodb.recover();
        };
        let (answer, ()) = tokio::join!(ask(), over);
        answer.expect(status);
    }
}

#[tokio::test]
async fn two_deletions_of_a_project_are_204_and_404() {
    let (service, dynamodb, account) = started().await;
    let path = format!("/v1/projects/{}", service.project(&account.session).await);
    let delete = || service.delete(&path, &account.session);
    let answers = meet(&dynamodb, "DeleteItem", delete(), delete()).await;
    assert_eq!(statuses(&answers), [204, 404]);
}

#[tokio::test]
async fn a_renaming_that_meets_a_deletion_brings_nothing_back() {
    let (service, dynamodb, account) = started().await;
    let path = format!("/v1/projects/{}", service.project(&account.session).await);
    let mut renaming = dynamodb.hold("UpdateItem");
    let delete = async {
        renaming.arrived().await;
        service.delete(&path, &account.session).await.expect(204);
        drop(renaming);
    };
    let (renamed, ()) = tokio::join!(service.patch(&path, &account.session, json!({"name": "B"})), delete);
    renamed.assert_not_found();
    service.get(&path, &account.session).await.assert_not_found();
}
