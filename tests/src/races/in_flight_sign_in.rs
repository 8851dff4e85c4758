//! Changes of what a member signs in with, and uses of invitations and reset tokens, during which something ends what they rely on.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::{
    authenticator::Authenticator,
    dynamodb::DynamoDb,
    faults::pepper_rotation::rotate_pepper,
    operations::{login_throttling::failures_of_sources, password_reset::event},
    races::in_flight::{HoldCall, change_while_held, start},
    response::text,
    service::{
        Account, Credential, Item, OwnService, PASSWORD, Request, make_lambda_unreachable, new_address,
    },
};

const NEW: &str = "a gecko under the 3rd lamp";

/// What ends all sessions of an account: the names of the operator's commands.
const ENDS_OF_ALL_SESSIONS: [&[&str]; 2] =
    [&["suspend_account", "restore_account"], &["end_all_credentials"]];

/// Sends commands for an account.
async fn operate(service: &OwnService, commands: &[&str], account: &Account) {
    for command in commands {
        let command = json!({*command: {"account_id": account.id}});
        service.operate(command).await.expect("a result");
    }
}

/// Returns the status of a login with `password`.
async fn login(service: &OwnService, account: &Account, password: &str) -> u16 {
    let body = json!({"email": account.email, "password": password});
    service.request("POST", "/v1/auth/login").json(&body).send().await.status
}

/// Returns the body of a request that resets the password of the account's first member to [`NEW`].
async fn reset(service: &OwnService, account: &Account) -> Value {
    let issued = service.operate(json!({"reset_password": {"email": account.email}})).await.expect("a token");
    json!({"token": issued["token"], "new_password": NEW})
}

/// A member with a passkey and two sessions.
struct Member {
    email: String,
    /// The path of the member.
    path: String,
    session: Credential,
    /// The path that ends `session`.
    session_path: String,
    other_session: Credential,
    /// The partition of what belongs to the member.
    partition: String,
}

/// Creates a member, and the request with this name of the member's session.
async fn member_and_request(
    service: &OwnService,
    account: &Account,
    admin: &Credential,
    name: &str,
) -> (Member, Request) {
    let email = new_address();
    let (session, id) = service.member_with_email(admin, &email, &["read"]).await;
    let (mut authenticator, passkey) = service.add_passkey(&session).await;
    let sessions = service.get("/v1/auth/sessions", &session).await.expect(200);
    let (method, path, body) = match name {
        "add" => {
            let body = service.new_passkey(&session, &mut Authenticator::new(&service.origin())).await;
            ("POST", "/v1/auth/passkeys".to_owned(), body)
        }
        "remove" => ("DELETE", format!("/v1/auth/passkeys/{}", text(&passkey, "id")), json!({})),
        "replace" => ("POST", "/v1/auth/recovery-codes".to_owned(), json!({})),
        _ => {
            let options =
                service.post("/v1/auth/reauthenticate/options", &session, json!({})).await.expect(200);
            let credential = authenticator.authenticate(&options);
            ("POST", "/v1/auth/reauthenticate".to_owned(), json!({"credential": credential}))
        }
    };
    let request = service.request(method, &path).with(&session).json(&body);
    let member = Member {
        email,
        path: format!("/v1/members/{id}"),
        session_path: format!("/v1/auth/sessions/{}", text(&sessions["data"][0], "id")),
        other_session: service.login_with_passkey(&mut authenticator).await,
        partition: format!("{}#USER#{id}", account.partition()),
        session,
    };
    (member, request)
}

/// Ends the session of a member in the way with this name.
async fn end_session(
    service: &OwnService,
    account: &Account,
    admin: &Credential,
    member: &Member,
    way: &str,
) {
    match way {
        "session" => {
            service.delete(&member.session_path, &member.other_session).await.expect(204);
        }
        "sessions" => {
            service.delete(&format!("{}/sessions", member.path), admin).await.expect(204);
        }
        "password" => {
            let body = json!({"current_password": PASSWORD, "new_password": NEW});
            service.post("/v1/auth/password", &member.other_session, body).await.expect(204);
        }
        "member" => {
            for status in ["suspended", "active"] {
                service.patch(&member.path, admin, json!({"status": status})).await.expect(200);
            }
        }
        _ => operate(service, ENDS_OF_ALL_SESSIONS[0], account).await,
    }
}

/// Reads the items that belong to a member and whose sort keys begin with `prefix`.
async fn items(service: &OwnService, member: &Member, prefix: &str) -> Vec<Item> {
    let mut items = service.items().await;
    let text = |item: &Item, name: &str| item[name].as_s().expect("a text").clone();
    items.retain(|item| text(item, "pk") == member.partition && text(item, "sk").starts_with(prefix));
    items
}

#[tokio::test]
async fn session_ended_during_the_request_adds_removes_and_renews_nothing() {
    let (service, dynamodb, account) = start().await;
    for way in ["session", "sessions", "password", "member", "account"] {
        for name in ["add", "remove", "replace", "reauthenticate"] {
            let admin = service.login(&account.email).await;
            let (member, request) = Box::pin(member_and_request(&service, &account, &admin, name)).await;
            let codes = items(&service, &member, "RECOVERY_CODES").await;
            // The first transaction of an authentication reserves the attempt.
            let is_authentication = name == "reauthenticate";
            let hold_call: HoldCall =
                if is_authentication { DynamoDb::hold_second_call } else { DynamoDb::hold };
            let held = hold_call(&dynamodb, "TransactWriteItems");
            let end = end_session(&service, &account, &admin, &member, way);
            let response = change_while_held(held, Box::pin(request.send()), Box::pin(end)).await;
            // An authentication in a session that exists, but does not work any more, may succeed, because it grants nothing.
            let may_succeed = is_authentication && way != "session";
            let is_expected = response.status == 409 || may_succeed && response.status == 204;
            assert!(is_expected, "{name}, {way}: {}", response.text);
            service.me(&member.session).await.assert_unauthorized();
            assert_eq!(items(&service, &member, "PASSKEY#").await.len(), 1, "{name}, {way}");
            assert_eq!(items(&service, &member, "RECOVERY_CODES").await, codes, "{name}, {way}");
            let sessions = items(&service, &member, "SESSION#").await;
            assert!(sessions.iter().all(|session| session.contains_key("digest")), "{name}, {way}");
            if way != "password" {
                service.second_factor(&member.email).await;
            }
        }
    }
}

#[tokio::test]
async fn right_password_during_a_login_with_the_passkey_counts_no_failure() {
    let (service, dynamodb, account) = start().await;
    let (mut authenticator, _) = service.add_passkey(&account.session).await;
    let body = service.passkey_login(&mut authenticator).await;
    let with_passkey = async {
        service.request("POST", "/v1/auth/login/passkey").json(&body).send().await.expect(200);
    };
    // The first query reads the passkeys, after the attempt was reserved.
    let held = dynamodb.hold("Query");
    let body = json!({"email": account.email, "password": PASSWORD});
    let with_password = service.request("POST", "/v1/auth/login").json(&body).send();
    let pending = change_while_held(held, Box::pin(with_password), Box::pin(with_passkey)).await.expect(200);
    assert!(pending["second_factor"].is_object(), "{pending}");
    let member = service.first_member(&account).await;
    assert_eq!(member["failures"], AttributeValue::N("0".to_owned()));
    let failures: Vec<_> = service.items().await.iter().flat_map(failures_of_sources).collect();
    assert_eq!(failures, [0]);
}

#[tokio::test]
async fn account_suspended_during_an_acceptance_ends_the_invitation() {
    let (service, dynamodb, account) = start().await;
    for commands in ENDS_OF_ALL_SESSIONS {
        for permissions in [&["read"][..], &["read", "admin"]] {
            let admin = service.login(&account.email).await;
            let invited = service.invite(&admin, &new_address(), permissions).await;
            let accept = service.try_to_accept(text(&invited["invitation"], "token"), PASSWORD);
            let held = dynamodb.hold("TransactWriteItems");
            let end = operate(&service, commands, &account);
            let response = change_while_held(held, Box::pin(accept), Box::pin(end)).await;
            response.assert_unauthorized_by_function();
            let admin = service.login(&account.email).await;
            let path = format!("/v1/members/{}", text(&invited, "id"));
            assert_eq!(service.get(&path, &admin).await.expect(200)["status"], "invited", "{commands:?}");
        }
    }
}

#[tokio::test]
async fn invitation_that_ended_during_an_acceptance_stays_ended_although_the_member_is_as_before() {
    let (service, dynamodb, account) = start().await;
    let invited = service.invite(&account.session, &new_address(), &["read"]).await;
    let path = format!("/v1/members/{}", text(&invited, "id"));
    let accept = service.try_to_accept(text(&invited["invitation"], "token"), PASSWORD);
    let held = dynamodb.hold("TransactWriteItems");
    let widen_and_narrow = async {
        for permissions in [&["read", "write"][..], &["read"]] {
            service.patch(&path, &account.session, json!({"permissions": permissions})).await.expect(200);
        }
    };
    let response = change_while_held(held, Box::pin(accept), Box::pin(widen_and_narrow)).await;
    response.assert_unauthorized_by_function();
    assert_eq!(service.get(&path, &account.session).await.expect(200)["status"], "invited");
}

#[tokio::test]
async fn account_changed_during_a_reset_does_not_end_the_token() {
    let (service, dynamodb, account) = start().await;
    let body = reset(&service, &account).await;
    let confirm = service.request("POST", "/v1/auth/password-reset/confirm").json(&body).send();
    let held = dynamodb.hold("TransactWriteItems");
    let change = async {
        let policy = json!({"policy": {"idle_key_days": 30}});
        service.patch("/v1/account", &account.session, policy).await.expect(200);
    };
    change_while_held(held, Box::pin(confirm), Box::pin(change)).await.expect(204);
    assert_eq!(login(&service, &account, NEW).await, 200);
}

#[tokio::test]
async fn account_suspended_during_a_reset_keeps_the_password() {
    let (service, dynamodb, account) = start().await;
    for commands in ENDS_OF_ALL_SESSIONS {
        let body = reset(&service, &account).await;
        let confirm = || service.request("POST", "/v1/auth/password-reset/confirm").json(&body).send();
        let held = dynamodb.hold("TransactWriteItems");
        let end = operate(&service, commands, &account);
        let response = change_while_held(held, Box::pin(confirm()), Box::pin(end)).await;
        response.assert_error(401, "UNAUTHORIZED");
        confirm().await.assert_error(401, "UNAUTHORIZED");
        assert_eq!(login(&service, &account, NEW).await, 401, "{commands:?}");
        assert_eq!(login(&service, &account, PASSWORD).await, 200, "{commands:?}");
    }
}

#[tokio::test]
async fn token_issued_while_an_unsent_one_is_discarded_stays_valid() {
    let dynamodb = DynamoDb::start().await;
    let service = OwnService::start_with(|options| {
        make_lambda_unreachable(options);
        options.dynamodb = Some(dynamodb.url.clone());
    })
    .await;
    let account = service.account().await;
    let event = event(&account.email);
    let mut issued = Value::Null;
    let issue = async { issued = reset(&service, &account).await };
    // The first write creates the token that cannot be sent.
    let held = dynamodb.hold_second_call("PutItem");
    let send = service.invoke("password-reset-send", &event);
    let result = change_while_held(held, Box::pin(send), Box::pin(issue)).await;
    assert_eq!(result.expect_err("the token is not sent").error_type, "UNAVAILABLE");
    service.request("POST", "/v1/auth/password-reset/confirm").json(&issued).send().await.expect(204);
}

#[tokio::test]
async fn password_changed_or_reset_during_its_rehash_is_kept() {
    for is_reset in [false, true] {
        let (service, dynamodb, account) = start().await;
        rotate_pepper(&service).await;
        service.time.pass(300);
        // The first update is a part of the attempt's reservation.
        let held = dynamodb.hold_second_call("UpdateItem");
        let body = json!({"email": account.email, "password": PASSWORD});
        let rehashing = service.request("POST", "/v1/auth/login").json(&body).send();
        let change = async {
            if is_reset {
                let body = reset(&service, &account).await;
                let confirm = service.request("POST", "/v1/auth/password-reset/confirm").json(&body);
                confirm.send().await.expect(204);
            } else {
                let body = json!({"current_password": PASSWORD, "new_password": NEW});
                service.post("/v1/auth/password", &account.session, body).await.expect(204);
            }
        };
        change_while_held(held, Box::pin(rehashing), Box::pin(change)).await.expect(200);
        assert_eq!(login(&service, &account, NEW).await, 200, "{is_reset}");
        assert_eq!(login(&service, &account, PASSWORD).await, 401, "{is_reset}");
    }
}

#[tokio::test]
async fn sessions_ended_during_a_password_change_stay_ended() {
    let (service, dynamodb, account) = start().await;
    for path in ["/v1/auth/sessions".to_owned(), format!("/v1/members/{}/sessions", account.user_id)] {
        let [session, other] = [service.login(&account.email).await, service.login(&account.email).await];
        let body = json!({"current_password": PASSWORD, "new_password": NEW});
        let change = service.post("/v1/auth/password", &session, body);
        let end = async {
            service.delete(&path, &other).await.expect(204);
        };
        // The first transaction reserves the attempt.
        let held = dynamodb.hold_second_call("TransactWriteItems");
        let response = change_while_held(held, Box::pin(change), Box::pin(end)).await;
        response.assert_error(409, "CONFLICT");
        service.me(&session).await.assert_unauthorized();
        assert_eq!(login(&service, &account, NEW).await, 401, "{path}");
        assert_eq!(login(&service, &account, PASSWORD).await, 200, "{path}");
    }
}
