//! Concurrent requests of invitations and passkeys, in every order of their calls: what works once works once, and what has ended
//! stays ended.

use serde_json::json;

use crate::{
    authenticator::Authenticator,
    dynamodb::DynamoDb,
    races::interleavings::Choices,
    response::{Response, text},
    service::{Credential, OwnService, PASSWORD, Request, new_address},
};

/// Sends two requests in every order of their calls. For each order, `set_up` returns the requests, and `check` gets the responses.
async fn in_every_order<T>(
    service: &OwnService,
    dynamodb: &DynamoDb,
    set_up: impl AsyncFn() -> ([Request; 2], T),
    check: impl AsyncFn([Response; 2], T),
) {
    let mut choices = Choices::default();
    loop {
        // The same time in each run, so that the same calls are made.
        service.time.back_to_second_start();
        let (requests, state) = set_up().await;
        let requests = requests.map(Request::send).into();
        let responses = dynamodb.interleave(requests, |alternatives| choices.choose(alternatives)).await;
        check(responses.try_into().expect("two responses"), state).await;
        if !choices.advance() {
            return;
        }
    }
}

/// Returns the statuses in ascending order.
fn statuses(responses: &[Response; 2]) -> [u16; 2] {
    let mut statuses = [responses[0].status, responses[1].status];
    statuses.sort_unstable();
    statuses
}

fn accept(service: &OwnService, token: &str) -> Request {
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
