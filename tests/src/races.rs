//! Requests that meet: whichever comes first, what the contract promises of the state afterwards holds.
//!
//! Where the order matters, the table holds calls up until all who race have read; where it does not, many
//! requests are sent at once.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    answer::{Answer, text},
    dynamodb::{DynamoDb, Trouble},
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

async fn rotate(service: &Service, key: &Value, by: &Credential) -> Answer {
    service.post(&format!("{}/rotate", key_path(key)), by, json!({})).await
}

async fn revoke(service: &Service, key: &Value, by: &Credential) -> Answer {
    service.delete(&key_path(key), by).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_rotations_the_last_two_secrets_alone_work() {
    let service = Service::start().await;
    let account = service.account().await;
    let (first, made) = service.key(&account.session, json!({})).await;
    let mut secrets = vec![first];
    for _ in 0..5 {
        let ask = || rotate(&service, &made, &account.session);
        let (a, b, c, d) = tokio::join!(ask(), ask(), ask(), ask());
        let answers = [a, b, c, d];
        assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status)));
        let won = answers.iter().filter(|answer| answer.status == 200);
        let won: Vec<_> = won.map(|answer| new_secret(&answer.body)).collect();
        assert!(!won.is_empty());
        secrets.extend(won);

        let mut ages = Vec::new();
        for secret in &secrets {
            let me = service.me(secret).await;
            ages.push(me.body["secret"].as_str().unwrap_or("dead").to_owned());
        }
        ages.sort_unstable();
        ages.retain(|age| age != "dead");
        assert_eq!(ages, ["current", "previous"]);
    }
}

#[tokio::test]
async fn a_rotation_that_read_before_a_revocation_brings_nothing_back() {
    let (service, dynamodb, account) = started().await;
    let (old, made) = service.key(&account.session, json!({})).await;
    let mut rotation = dynamodb.hold("TransactWriteItems");
    let revoke = async {
        rotation.arrived().await;
        let revoked = revoke(&service, &made, &account.session).await;
        drop(rotation);
        revoked
    };
    let (rotated, revoked) = tokio::join!(rotate(&service, &made, &account.session), revoke);
    revoked.expect(204);
    rotated.assert_error(409, "CONFLICT");
    service.me(&old).await.assert_unauthorized();
    assert_eq!(service.get(&key_path(&made), &account.session).await.expect(200)["status"], "revoked");
}

#[tokio::test]
async fn a_revocation_that_read_before_a_rotation_ends_the_new_secret_too() {
    let (service, dynamodb, account) = started().await;
    let (old, made) = service.key(&account.session, json!({})).await;
    let mut revocation = dynamodb.hold("TransactWriteItems");
    let rotate = async {
        revocation.arrived().await;
        let rotated = rotate(&service, &made, &account.session).await.expect(200);
        drop(revocation);
        rotated
    };
    let (revoked, rotated) = tokio::join!(revoke(&service, &made, &account.session), rotate);
    revoked.expect(204);
    for secret in [old, new_secret(&rotated)] {
        service.me(&secret).await.assert_unauthorized();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rotations_and_a_revocation_leave_no_secret_alive() {
    let service = Service::start().await;
    let account = service.account().await;
    for round in 0..20 {
        let (old, made) = service.key(&account.session, json!({})).await;
        let ask = || rotate(&service, &made, &account.session);
        let revoke = revoke(&service, &made, &account.session);
        let (revoked, rotations) = if round % 2 == 0 {
            let (one, revoked, other) = tokio::join!(ask(), revoke, rotate(&service, &made, &old));
            (revoked, [one, other])
        } else {
            let (revoked, one, other) = tokio::join!(revoke, ask(), rotate(&service, &made, &old));
            (revoked, [one, other])
        };
        revoked.expect(204);
        for rotation in rotations {
            match rotation.status {
                200 => service.me(&new_secret(&rotation.body)).await.assert_unauthorized(),
                // The old secret may have been dead already.
                status => assert!([401, 409].contains(&status), "{status}"),
            }
        }
        service.me(&old).await.assert_unauthorized();
    }
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
async fn two_admins_who_end_each_other_leave_one() {
    let (service, dynamodb, account) = started().await;
    let mut left = (account.session.clone(), account.user_id.clone());
    for round in 0..20 {
        let other = service.member(&left.0, &["read", "write", "delete", "admin"]).await;
        let end = async |by: &Credential, id: &str| {
            let path = format!("/v1/members/{id}");
            match round % 3 {
                0 => service.patch(&path, by, json!({"permissions": ["read"]})).await,
                1 => service.patch(&path, by, json!({"status": "suspended"})).await,
                _ => service.delete(&path, by).await,
            }
        };
        let answers =
            meet(&dynamodb, "TransactWriteItems", end(&left.0, &other.1), end(&other.0, &left.1)).await;
        assert!(answers[0].status < 300 || answers[1].status < 300, "{round}: {answers:?}");
        assert_eq!(statuses(&answers)[1], 409, "{round}: {answers:?}");
        if answers[1].status < 300 {
            left = other;
        }

        let members = service.get("/v1/members", &left.0).await.expect(200);
        let active_admins = members["data"].as_array().unwrap().iter().filter(|member| {
            member["status"] == "active"
                && member["permissions"].as_array().unwrap().contains(&json!("admin"))
        });
        let ids: Vec<_> = active_admins.map(|member| text(member, "id")).collect();
        assert_eq!(ids, [left.1.as_str()], "{round}");
    }
}

#[tokio::test]
async fn two_changes_of_one_member_are_not_mixed() {
    let (service, dynamodb, account) = started().await;
    let (_, id) = service.member(&account.session, &["read"]).await;
    let path = format!("/v1/members/{id}");
    let change = |body: Value| service.patch(&path, &account.session, body);
    let bodies = [json!({"permissions": ["read", "write"]}), json!({"status": "suspended"})];
    let [grant, suspend] = bodies.clone().map(change);
    let answers = meet(&dynamodb, "TransactWriteItems", grant, suspend).await;
    assert_eq!(statuses(&answers), [200, 409]);

    let won = answers.iter().find(|answer| answer.status == 200).expect("one won");
    assert_eq!(service.get(&path, &account.session).await.expect(200), won.body);
    let granted = won.body["permissions"] == json!(["read", "write"]);
    let suspended = won.body["status"] == "suspended";
    assert!(granted != suspended, "{}", won.text);
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
async fn a_write_that_meets_a_transaction_is_tried_until_it_is_done() {
    let (service, dynamodb, account) = started().await;
    let (_, made) = service.key(&account.session, json!({})).await;
    let project = format!("/v1/projects/{}", service.project(&account.session).await);
    for (method, path, operation, status) in
        [("PATCH", &project, "UpdateItem", 200), ("DELETE", &key_path(&made), "TransactWriteItems", 204)]
    {
        let request = || service.request(method, path).with(&account.session).json(&json!({"name": "B"}));
        let ask = || request().send();
        dynamodb.disturb(Trouble::Conflicts, Some(operation));
        dynamodb.calls();
        ask().await.assert_error(503, "UNAVAILABLE");
        let attempts = dynamodb.calls().into_iter().filter(|call| call == operation).count();
        assert_eq!(attempts, 4, "{operation}");

        let over = async {
            while !dynamodb.calls().iter().any(|call| call == operation) {
                tokio::time::sleep(Duration::from_millis(1)).await;
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
