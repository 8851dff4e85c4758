//! Uses and changes of second factors, during which something changes what they rely on.

use serde_json::{Value, json};

use crate::{
    authenticator::Authenticator,
    dynamodb::{DynamoDb, Held},
    races::in_flight::{HoldCall, change_while_held, start},
    response::{Response, text},
    service::{Account, Credential, Item, OwnService},
};

const PASSKEYS: &str = "/v1/auth/passkeys";

/// A member with a passkey.
struct Member {
    account: Account,
    authenticator: Authenticator,
    passkey: Value,
}

impl Member {
    /// The path of the passkey.
    fn passkey_path(&self) -> String {
        format!("{PASSKEYS}/{}", text(&self.passkey, "id"))
    }

    /// Logs in with the password. Returns what the response says about the second factor.
    async fn second_factor(&self, service: &OwnService) -> Value {
        service.second_factor(&self.account.email).await
    }

    /// Reads the item with this sort key that belongs to the member.
    async fn item(&self, service: &OwnService, sk: &str) -> Option<Item> {
        service.item(&self.account.member_partition(), sk).await
    }

    /// Asserts that as many passkeys are stored as the member's item states.
    async fn assert_has_passkeys(&self, service: &OwnService, session: &Credential, count: usize) {
        assert_eq!(service.ids(PASSKEYS, session, 50).await.len(), count);
        let stated = service.first_member(&self.account).await.get("passkeys").cloned();
        let stated = stated.map_or_else(|| "0".to_owned(), |stated| stated.as_n().expect("a number").clone());
        assert_eq!(stated, count.to_string());
        assert_eq!(self.item(service, "RECOVERY_CODES").await.is_some(), count > 0);
    }
}

/// Starts a service with a member whose authenticator has this counter.
async fn start_with_counter(counter: u32) -> (OwnService, DynamoDb, Member) {
    // Boxed, because it is large and becomes a part of each test's future.
    let (service, dynamodb, account) = Box::pin(start()).await;
    let mut authenticator = Authenticator { counter, ..Authenticator::new(&service.origin()) };
    let body = service.new_passkey(&account.session, &mut authenticator).await;
    let passkey = service.post(PASSKEYS, &account.session, body).await.expect(201);
    (service, dynamodb, Member { account, authenticator, passkey })
}

async fn start_with_passkey() -> (OwnService, DynamoDb, Member) {
    start_with_counter(0).await
}

/// Sends the second factor of a login.
async fn send(service: &OwnService, body: &Value) -> Response {
    service.request("POST", "/v1/auth/login/second-factor").json(body).send().await
}

/// Returns the body with which this authenticator completes a login.
fn with_passkey(authenticator: &mut Authenticator, pending: &Value) -> Value {
    let credential = authenticator.authenticate(&pending["options"]);
    json!({"login_token": pending["login_token"], "credential": credential})
}

/// Returns the body of a login whose passkey is rejected.
fn with_rejected_passkey(member: &Member, pending: &Value) -> Value {
    let mut unverified = Authenticator { verifies_user: false, ..member.authenticator.clone() };
    with_passkey(&mut unverified, pending)
}

/// Holds the transaction that completes a login with a second factor. The first one reserves the attempt, the second one counts it for
/// the login token.
fn hold_completion(dynamodb: &DynamoDb) -> Held {
    drop(dynamodb.hold("TransactWriteItems"));
    dynamodb.hold_second_call("TransactWriteItems")
}

#[tokio::test]
async fn rejected_passkey_of_an_older_login_token_leaves_the_challenge_of_the_newer_one() {
    let (service, dynamodb, mut member) = start_with_passkey().await;
    let older = member.second_factor(&service).await;
    let rejected = with_rejected_passkey(&member, &older);
    let mut newer = Value::Null;
    // The first update is a part of the attempt's reservation.
    let held = dynamodb.hold_second_call("UpdateItem");
    let log_in_again = async { newer = member.second_factor(&service).await };
    let response = change_while_held(held, Box::pin(send(&service, &rejected)), Box::pin(log_in_again)).await;
    response.assert_unauthorized_by_function();
    send(&service, &with_passkey(&mut member.authenticator, &newer)).await.expect(200);
}

#[tokio::test]
async fn passkey_rejected_during_a_login_with_the_same_challenge_ends_that_login() {
    let (service, dynamodb, mut member) = start_with_passkey().await;
    let pending = member.second_factor(&service).await;
    let rejected = with_rejected_passkey(&member, &pending);
    let right = with_passkey(&mut member.authenticator, &pending);
    let reject = async { send(&service, &rejected).await.assert_unauthorized_by_function() };
    let held = hold_completion(&dynamodb);
    let response = change_while_held(held, Box::pin(send(&service, &right)), Box::pin(reject)).await;
    response.assert_unauthorized_by_function();
}

#[tokio::test]
async fn login_token_that_expires_during_the_request_returns_401() {
    let (service, dynamodb, mut member) = start_with_passkey().await;
    for (seconds, status) in [(290, 200), (300, 401)] {
        let pending = member.second_factor(&service).await;
        let body = with_passkey(&mut member.authenticator, &pending);
        // The first query reads the passkeys, after the function has compared the time.
        let held = dynamodb.hold("Query");
        let wait = async { service.time.pass(seconds) };
        let response = change_while_held(held, Box::pin(send(&service, &body)), wait).await;
        assert_eq!(response.status, status, "{}", response.text);
    }
}

#[tokio::test]
async fn wrong_code_with_an_older_login_token_counts_no_attempt_of_the_newer_one() {
    let (service, dynamodb, member) = start_with_passkey().await;
    // The first transaction reserves the attempt.
    for hold in [DynamoDb::hold as HoldCall, DynamoDb::hold_second_call] {
        let older = member.second_factor(&service).await;
        let wrong = json!({
            "login_token": older["login_token"], "recovery_code": "0000-0000-0000-0000-0000-0000",
        });
        let log_in_again = async { drop(member.second_factor(&service).await) };
        let held = hold(&dynamodb, "TransactWriteItems");
        let response =
            change_while_held(held, Box::pin(send(&service, &wrong)), Box::pin(log_in_again)).await;
        response.assert_unauthorized_by_function();
        let token = member.item(&service, "LOGIN_TOKEN").await.expect("the newer token");
        assert_eq!(token["attempts"].as_n().expect("a number"), "0");
    }
}

#[tokio::test]
async fn last_passkey_removed_during_a_replacement_of_the_recovery_codes_leaves_no_codes() {
    let (service, dynamodb, member) = start_with_passkey().await;
    let session = &member.account.session;
    let path = member.passkey_path();
    let remove = async { drop(service.delete(&path, session).await.expect(204)) };
    let replace = service.post("/v1/auth/recovery-codes", session, json!({}));
    let held = dynamodb.hold("TransactWriteItems");
    let response = change_while_held(held, Box::pin(replace), Box::pin(remove)).await;
    response.assert_error(409, "CONFLICT");
    member.assert_has_passkeys(&service, session, 0).await;
}

#[tokio::test]
async fn passkey_added_during_the_removal_of_the_second_factor_is_kept() {
    let (service, dynamodb, member) = start_with_passkey().await;
    let session = &member.account.session;
    let command = json!({"remove_second_factor": {"email": member.account.email}});
    let add = async { drop(service.add_passkey(session).await) };
    let held = dynamodb.hold("TransactWriteItems");
    let result = change_while_held(held, Box::pin(service.operate(command)), Box::pin(add)).await;
    assert_eq!(result.expect_err("the passkeys have changed").error_type, "CONFLICT");
    member.assert_has_passkeys(&service, session, 2).await;
}

#[tokio::test]
async fn counter_of_a_later_login_is_kept() {
    let (service, dynamodb, mut member) = start_with_counter(5).await;
    let first = service.passkey_login(&mut member.authenticator).await;
    let second = service.passkey_login(&mut member.authenticator).await;
    let log_in = |body: &Value| service.request("POST", "/v1/auth/login/passkey").json(body).send();
    let held = dynamodb.hold("UpdateItem");
    let later = async { drop(log_in(&second).await.expect(200)) };
    change_while_held(held, Box::pin(log_in(&first)), Box::pin(later)).await.expect(200);
    let sk = format!("PASSKEY#{}", text(&member.passkey, "id"));
    let passkey = member.item(&service, &sk).await.expect("the passkey");
    assert_eq!(passkey["counter"].as_n().expect("a number"), "7");
}

#[tokio::test]
async fn counter_of_a_passkey_that_is_removed_during_the_login_is_not_stored() {
    let (service, dynamodb, mut member) = start_with_counter(5).await;
    let body = service.passkey_login(&mut member.authenticator).await;
    let path = member.passkey_path();
    let remove = async { drop(service.delete(&path, &member.account.session).await.expect(204)) };
    let held = dynamodb.hold("UpdateItem");
    let login = service.request("POST", "/v1/auth/login/passkey").json(&body).send();
    change_while_held(held, Box::pin(login), Box::pin(remove)).await.expect(200);
    member.assert_has_passkeys(&service, &member.account.session, 0).await;
}
