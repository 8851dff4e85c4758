//! Concurrent requests of invitations and passkeys, in every order of their calls: what works once works once, and what has ended
//! stays ended.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::{
    authenticator::Authenticator,
    authorization::restrictions::update_item,
    races::every_order::{at_every_call, in_every_order},
    response::{Response, text},
    service::{Account, Credential, OwnService, PASSWORD, Request, new_address},
};

/// Returns the statuses in ascending order.
fn statuses(responses: &[Response; 2]) -> [u16; 2] {
    let mut statuses = [responses[0].status, responses[1].status];
    statuses.sort_unstable();
    statuses
}

pub(super) fn accept(service: &OwnService, token: &str) -> Request {
    let body = json!({"token": token, "password": PASSWORD});
    service.request("POST", "/v1/auth/accept-invitation").json(&body)
}

/// Returns the session in the response to a login or an acceptance.
fn session(response: &Response) -> Credential {
    Credential::session(text(&response.body, "session_token"))
}

#[tokio::test]
async fn one_of_two_acceptances_of_an_invitation_wins() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let set_up = async || {
        let invited = service.invite(&account.session, &new_address(), &["read"]).await;
        let token = text(&invited["invitation"], "token");
        ([accept(&service, token), accept(&service, token)], ())
    };
    in_every_order(&service, &dynamodb, set_up, async |responses, ()| {
        assert!([[200, 401], [200, 409]].contains(&statuses(&responses)), "{responses:?}");
    })
    .await;
}

#[tokio::test]
async fn member_who_accepts_during_the_removal_is_removed_or_stays() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let admin = &account.session;
    let set_up = async || {
        let invited = service.invite(admin, &new_address(), &["read"]).await;
        let path = format!("/v1/members/{}", text(&invited, "id"));
        let removal = service.request("DELETE", &path).with(admin);
        ([accept(&service, text(&invited["invitation"], "token")), removal], path)
    };
    in_every_order(&service, &dynamodb, set_up, async |[accepted, removed], path: String| {
        let outcome = format!("{accepted:?} {removed:?}");
        if removed.status == 204 {
            service.get(&path, admin).await.assert_not_found();
            if accepted.status == 200 {
                service.me(&session(&accepted)).await.assert_unauthorized();
            } else {
                assert!([401, 409].contains(&accepted.status), "{outcome}");
            }
        } else {
            assert_eq!((accepted.status, removed.status), (200, 409), "{outcome}");
            service.me(&session(&accepted)).await.expect(200);
        }
    })
    .await;
}

#[tokio::test]
async fn invitation_ends_with_its_acceptance_or_with_a_newer_one() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let set_up = async || {
        let invited = service.invite(&account.session, &new_address(), &["read"]).await;
        let path = format!("/v1/members/{}/invite", text(&invited, "id"));
        let again = service.request("POST", &path).with(&account.session).json(&json!({}));
        ([accept(&service, text(&invited["invitation"], "token")), again], ())
    };
    in_every_order(&service, &dynamodb, set_up, async |[accepted, invited], ()| {
        let outcome = format!("{accepted:?} {invited:?}");
        if invited.status == 200 {
            assert!([401, 409].contains(&accepted.status), "{outcome}");
            accept(&service, text(&invited.body["invitation"], "token")).send().await.expect(200);
        } else {
            assert_eq!((accepted.status, invited.status), (200, 409), "{outcome}");
        }
    })
    .await;
}

#[tokio::test]
async fn invitation_is_accepted_during_a_failed_login_with_the_address() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let set_up = async || {
        let email = new_address();
        let invited = service.invite(&account.session, &email, &["read"]).await;
        let body = json!({"email": email, "password": "a lizard on the 8th wall"});
        let login = service.request("POST", "/v1/auth/login").json(&body);
        ([accept(&service, text(&invited["invitation"], "token")), login], ())
    };
    at_every_call(&service, &dynamodb, set_up, async |[accepted, login], ()| {
        assert_eq!((accepted.status, login.status), (200, 401), "{accepted:?} {login:?}");
    })
    .await;
}

#[tokio::test]
async fn one_of_two_first_passkeys_is_added_with_recovery_codes() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let set_up = async || {
        let session = service.account().await.session;
        let mut requests = Vec::new();
        for _ in 0..2 {
            let body = service.new_passkey(&session, &mut Authenticator::new(&service.origin())).await;
            requests.push(service.request("POST", "/v1/auth/passkeys").with(&session).json(&body));
        }
        let Ok(requests) = requests.try_into() else { panic!("two requests") };
        (requests, session)
    };
    in_every_order(&service, &dynamodb, set_up, async |responses: [Response; 2], session: Credential| {
        let added = responses.iter().filter(|response| response.status == 201).count();
        let has_codes = |response: &&Response| response.body.get("recovery_codes").is_some();
        assert_eq!(responses.iter().filter(has_codes).count(), 1, "{responses:?}");
        assert!([[201, 201], [201, 401], [201, 409]].contains(&statuses(&responses)), "{responses:?}");
        assert_eq!(service.ids("/v1/auth/passkeys", &session, 50).await.len(), added);
    })
    .await;
}

#[tokio::test]
async fn passkey_that_is_removed_during_a_login_does_not_work_afterwards() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let set_up = async || {
        let session = service.account().await.session;
        let (mut authenticator, passkey) = service.add_passkey(&session).await;
        let body = service.passkey_login(&mut authenticator).await;
        let login = service.request("POST", "/v1/auth/login/passkey").json(&body);
        let path = format!("/v1/auth/passkeys/{}", text(&passkey, "id"));
        let removal = service.request("DELETE", &path).with(&session);
        ([login, removal], (session, authenticator))
    };
    in_every_order(&service, &dynamodb, set_up, async |[login, removal], (session, mut authenticator)| {
        let outcome = format!("{login:?} {removal:?}");
        assert!([200, 401].contains(&login.status) && [204, 409].contains(&removal.status), "{outcome}");
        assert!(login.status == 200 || removal.status == 204, "{outcome}");
        let remaining = service.ids("/v1/auth/passkeys", &session, 50).await.len();
        assert_eq!(remaining, usize::from(removal.status == 409), "{outcome}");
        let body = service.passkey_login(&mut authenticator).await;
        let again = service.request("POST", "/v1/auth/login/passkey").json(&body).send().await;
        assert_eq!(again.status, if removal.status == 204 { 401 } else { 200 }, "{outcome}");
    })
    .await;
}

fn remove_passkey(service: &OwnService, account: &Account, passkey: &Value) -> Request {
    let path = format!("/v1/auth/passkeys/{}", text(passkey, "id"));
    service.request("DELETE", &path).with(&account.session)
}

/// Asserts that the member's item states how many passkeys the account's first member has, that there are recovery codes only beside a
/// passkey, and that as many of the `authenticators` log in, or else the password. Returns the number of passkeys.
async fn assert_passkeys_consistent(
    service: &OwnService,
    account: &Account,
    authenticators: &mut [Authenticator],
) -> usize {
    let listed = service.ids("/v1/auth/passkeys", &account.session, 50).await.len();
    let member = service.first_member(account).await;
    let stored = member.get("passkeys").map_or("0", |number| number.as_n().expect("a number"));
    assert_eq!(stored, listed.to_string());
    let codes = service.item(&account.member_partition(), "RECOVERY_CODES").await;
    assert_eq!((codes.is_some(), member.contains_key("restrictions")), (listed > 0, listed > 0));
    let mut working = 0;
    for authenticator in authenticators {
        let body = service.passkey_login(authenticator).await;
        let login = service.request("POST", "/v1/auth/login/passkey").json(&body).send().await;
        working += usize::from(login.status == 200);
    }
    assert_eq!(working, listed);
    if listed == 0 {
        service.login(&account.email).await;
    } else {
        service.second_factor(&account.email).await;
    }
    listed
}

#[tokio::test]
async fn two_passkeys_removed_at_once_leave_a_consistent_number() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let set_up = async || {
        let account = service.account().await;
        let (one, first) = service.add_passkey(&account.session).await;
        let (two, second) = service.add_passkey(&account.session).await;
        let requests = [&first, &second].map(|passkey| remove_passkey(&service, &account, passkey));
        (requests, (account, [one, two]))
    };
    in_every_order(&service, &dynamodb, set_up, async |responses, (account, mut authenticators)| {
        let expected = [[204, 204], [204, 409]].iter().position(|all| *all == statuses(&responses));
        let remaining = assert_passkeys_consistent(&service, &account, &mut authenticators).await;
        assert_eq!(expected, Some(remaining), "{responses:?}");
    })
    .await;
}

#[tokio::test]
async fn passkey_added_during_the_removal_of_the_last_one_has_recovery_codes() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let set_up = async || {
        let account = service.account().await;
        let (old, passkey) = service.add_passkey(&account.session).await;
        let mut new = Authenticator::new(&service.origin());
        let body = service.new_passkey(&account.session, &mut new).await;
        let addition = service.request("POST", "/v1/auth/passkeys").with(&account.session).json(&body);
        ([addition, remove_passkey(&service, &account, &passkey)], (account, [old, new]))
    };
    in_every_order(&service, &dynamodb, set_up, async |[added, removed], (account, mut authenticators)| {
        let outcome = format!("{added:?} {removed:?}");
        let expected = match (added.status, removed.status) {
            (201, 204) => 1,
            (201, 409) => 2,
            (409, 204) => 0,
            _ => panic!("{outcome}"),
        };
        let remaining = assert_passkeys_consistent(&service, &account, &mut authenticators).await;
        assert_eq!(remaining, expected, "{outcome}");
    })
    .await;
}

fn second_factor(service: &OwnService, body: &Value) -> Request {
    service.request("POST", "/v1/auth/login/second-factor").json(body)
}

/// Returns the status of a login of the account's first member with the password and a recovery code.
async fn log_in_with_code(service: &OwnService, account: &Account, code: &Value) -> u16 {
    let pending = service.second_factor(&account.email).await;
    let body = json!({"login_token": pending["login_token"], "recovery_code": code});
    second_factor(service, &body).send().await.status
}

#[tokio::test]
async fn recovery_code_used_while_the_codes_are_replaced_ends_with_them_and_no_new_one_is_used() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let set_up = async || {
        let account = service.account().await;
        let (_, passkey) = service.add_passkey(&account.session).await;
        let pending = service.second_factor(&account.email).await;
        let codes = passkey["recovery_codes"].clone();
        let body = json!({"login_token": pending["login_token"], "recovery_code": codes[0]});
        let replacement = service.request("POST", "/v1/auth/recovery-codes").with(&account.session);
        ([second_factor(&service, &body), replacement.json(&json!({}))], (account, codes))
    };
    at_every_call(
        &service,
        &dynamodb,
        set_up,
        async |[login, replaced], (account, old): (Account, Value)| {
            let outcome = format!("{login:?} {replaced:?}");
            assert!([200, 401].contains(&login.status) && replaced.status == 200, "{outcome}");
            let codes = service.item(&account.member_partition(), "RECOVERY_CODES").await.expect("codes");
            assert_eq!(codes["digests"].as_m().expect("a map").len(), 10, "{outcome}");
            assert_eq!(log_in_with_code(&service, &account, &old[1]).await, 401, "{outcome}");
            let new = &replaced.body["recovery_codes"][0];
            assert_eq!(log_in_with_code(&service, &account, new).await, 200, "{outcome}");
        },
    )
    .await;
}

#[tokio::test]
async fn fifth_and_sixth_failed_second_factor_at_once_count_as_one() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let set_up = async || {
        let account = service.account().await;
        service.add_passkey(&account.session).await;
        let pending = service.second_factor(&account.email).await;
        let token = update_item(&service, &account.member_partition(), "LOGIN_TOKEN");
        let token = token.update_expression("SET attempts = :attempts");
        let token = token.expression_attribute_values(":attempts", AttributeValue::N("4".to_owned()));
        token.send().await.expect("the attempts are set");
        let wrong = json!({
            "login_token": pending["login_token"], "recovery_code": "0000-0000-0000-0000-0000-0000",
        });
        ([second_factor(&service, &wrong), second_factor(&service, &wrong)], account)
    };
    at_every_call(&service, &dynamodb, set_up, async |responses, account: Account| {
        assert_eq!(statuses(&responses), [401, 401], "{responses:?}");
        let token = service.item(&account.member_partition(), "LOGIN_TOKEN").await.expect("a token");
        assert_eq!(token["attempts"], AttributeValue::N("5".to_owned()), "{responses:?}");
        let path = "/v1/audit-events?type=second_factor.refused";
        let events = service.get(path, &account.session).await.expect(200);
        assert_eq!(events["data"].as_array().map(Vec::len), Some(1), "{responses:?}");
    })
    .await;
}

/// Creates the request that completes a login with a passkey.
async fn second_factor_of(service: &OwnService, email: &str, authenticator: &mut Authenticator) -> Request {
    let pending = service.second_factor(email).await;
    let credential = authenticator.authenticate(&pending["options"]);
    second_factor(service, &json!({"login_token": pending["login_token"], "credential": credential}))
}

/// Asserts that a login failed with 401, or that its session does not work.
async fn assert_no_session(service: &OwnService, login: &Response) {
    if login.status == 200 {
        service.me(&session(login)).await.assert_unauthorized();
    } else {
        assert_eq!(login.status, 401, "{login:?}");
    }
}

#[tokio::test]
async fn second_factor_during_a_suspension_leaves_no_session_that_works() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let admin = &account.session;
    let set_up = async || {
        let email = new_address();
        let (member, id) = service.member_with_email(admin, &email, &["read"]).await;
        let (mut authenticator, _) = service.add_passkey(&member).await;
        let login = second_factor_of(&service, &email, &mut authenticator).await;
        let path = format!("/v1/members/{id}");
        let suspension = service.request("PATCH", &path).with(admin).json(&json!({"status": "suspended"}));
        ([login, suspension], path)
    };
    at_every_call(&service, &dynamodb, set_up, async |[login, suspended], path: String| {
        assert_eq!(suspended.status, 200, "{login:?} {suspended:?}");
        for status in ["suspended", "active"] {
            service.patch(&path, admin, json!({"status": status})).await.expect(200);
            assert_no_session(&service, &login).await;
        }
    })
    .await;
}

#[tokio::test]
async fn second_factor_during_the_removal_of_the_passkey_does_not_work_afterwards() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let set_up = async || {
        let account = service.account().await;
        let (mut authenticator, passkey) = service.add_passkey(&account.session).await;
        let login = second_factor_of(&service, &account.email, &mut authenticator).await;
        ([login, remove_passkey(&service, &account, &passkey)], (account, authenticator))
    };
    at_every_call(&service, &dynamodb, set_up, async |[login, removed], (account, authenticator)| {
        assert!([200, 401].contains(&login.status) && removed.status == 204, "{login:?} {removed:?}");
        assert_eq!(assert_passkeys_consistent(&service, &account, &mut [authenticator]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn second_factor_during_a_password_reset_leaves_no_session_that_works() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let set_up = async || {
        let account = service.account().await;
        let (mut authenticator, _) = service.add_passkey(&account.session).await;
        let login = second_factor_of(&service, &account.email, &mut authenticator).await;
        let issued = service.operate(json!({"reset_password": {"email": account.email}})).await;
        let body =
            json!({"token": issued.expect("a token")["token"], "new_password": "a gecko under the 3rd lamp"});
        ([login, service.request("POST", "/v1/auth/password-reset/confirm").json(&body)], account)
    };
    at_every_call(&service, &dynamodb, set_up, async |[login, reset], account: Account| {
        assert_eq!(reset.status, 204, "{login:?} {reset:?}");
        assert_no_session(&service, &login).await;
        service.me(&account.session).await.assert_unauthorized();
    })
    .await;
}
