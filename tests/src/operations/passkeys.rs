//! Adding, listing and removing passkeys. A software authenticator takes part in the ceremonies.

use serde_json::{Value, json};
use shared::primitives::random::Random;

use crate::{
    authenticator::Authenticator,
    response::{Response, text},
    service::{Account, Credential, OwnService, PASSWORD, Service},
};

const PATH: &str = "/v1/auth/passkeys";
const OPTIONS: &str = "/v1/auth/passkeys/options";

/// The types of the newest events, the newest first.
async fn event_types(service: &Service, session: &Credential, count: usize) -> Vec<String> {
    let page = service.get(&format!("/v1/audit-events?limit={count}"), session).await.expect(200);
    page["data"].as_array().expect("a list").iter().map(|event| text(event, "type").to_owned()).collect()
}

async fn add(service: &Service, session: &Credential, credential: &Value) -> Response {
    service.post(PATH, session, json!({"name": "A passkey", "credential": credential})).await
}

#[track_caller]
fn assert_options_ended(response: &Response) {
    response.assert_bad_field("credential");
    assert!(response.text.contains("options that were used or have expired"), "{}", response.text);
}

async fn factors(service: &Service, session: &Credential) -> Value {
    service.me(session).await.expect(200)["factors"].clone()
}

#[tokio::test]
async fn options_require_a_discoverable_passkey_with_user_verification_for_the_configured_site() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let options = service.post(OPTIONS, &account.session, json!({})).await.expect(200);
    let options = &options["publicKey"];
    assert_eq!(
        options["authenticatorSelection"],
        json!({"residentKey": "required", "requireResidentKey": true, "userVerification": "required"})
    );
    assert_eq!(options["rp"], json!({"name": "MedTWIN", "id": "localhost"}));
    assert_eq!((options["attestation"].as_str(), options["timeout"].as_u64()), (Some("none"), Some(300_000)));
    assert_eq!(options["user"]["name"], account.email.as_str());
    assert!(!options.to_string().contains("null"), "{options}");
    // The handle names the member without personal data.
    assert_eq!(text(&options["user"], "id").len(), 43);
    let again = service.post(OPTIONS, &account.session, json!({})).await.expect(200);
    assert_eq!(again["publicKey"]["user"]["id"], options["user"]["id"]);
    assert_ne!(again["publicKey"]["challenge"], options["challenge"]);
}

#[tokio::test]
async fn first_passkey_returns_ten_recovery_codes_and_further_ones_none() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (_, first) = service.add_passkey(&account.session).await;
    let codes = first["recovery_codes"].as_array().expect("codes");
    let is_code = |code: &Value| code.as_str().is_some_and(|code| code.len() == 29);
    assert!(codes.len() == 10 && codes.iter().all(is_code), "{first}");
    let expected = ["recovery_codes.created", "passkey.added", "login.succeeded", "account.created"];
    assert_eq!(event_types(&service, &account.session, 4).await, expected);
    let (_, second) = service.add_passkey(&account.session).await;
    assert!(second.get("recovery_codes").is_none(), "{second}");
    assert_eq!(event_types(&service, &account.session, 1).await, ["passkey.added"]);
}

#[tokio::test]
async fn passkeys_are_listed_newest_first_with_their_last_use() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (mut authenticator, first) = service.add_passkey(&account.session).await;
    let (_, second) = service.add_passkey(&account.session).await;
    service.time.pass(60);
    service.login_with_passkey(&mut authenticator).await;
    let list = service.get(PATH, &account.session).await.expect(200);
    let passkey = |record: &Value, last_used_at: Value| {
        json!({
            "id": record["id"], "name": "A passkey", "created_at": record["created_at"],
            "last_used_at": last_used_at,
        })
    };
    let expected = [passkey(&second, Value::Null), passkey(&first, json!(service.time.in_seconds(0)))];
    assert_eq!(list, json!({"data": expected, "next_cursor": null}));
    assert_eq!(service.ids(PATH, &account.session, 1).await, [text(&second, "id"), text(&first, "id")]);
}

#[tokio::test]
async fn added_passkey_is_a_factor_of_the_session_and_ends_the_other_sessions() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let other = service.login(&account.email).await;
    assert_eq!(factors(&service, &account.session).await, json!(["password"]));
    service.add_passkey(&account.session).await;
    assert_eq!(factors(&service, &account.session).await, json!(["password", "passkey"]));
    service.me(&other).await.assert_unauthorized();
}

#[tokio::test]
async fn options_work_once_even_if_the_response_is_rejected() {
    let service = OwnService::start().await;
    let session = service.account().await.session;
    let mut authenticator = Authenticator::new(&service.origin());
    let options = service.post(OPTIONS, &session, json!({})).await.expect(200);
    let credential = authenticator.register(&options);
    add(&service, &session, &credential).await.expect(201);
    let mut other = Authenticator::new(&service.origin());
    assert_options_ended(&add(&service, &session, &other.register(&options)).await);

    let options = service.post(OPTIONS, &session, json!({})).await.expect(200);
    other.verifies_user = false;
    let rejected = add(&service, &session, &other.register(&options)).await;
    rejected.assert_bad_field("credential");
    assert!(rejected.text.contains("the user was not verified"), "{}", rejected.text);
    other.verifies_user = true;
    assert_options_ended(&add(&service, &session, &other.register(&options)).await);
    assert_eq!(service.ids(PATH, &session, 50).await.len(), 1);
}

#[tokio::test]
async fn options_expire_after_five_minutes() {
    let service = OwnService::start().await;
    let session = service.account().await.session;
    for (seconds, is_valid) in [(298, true), (300, false)] {
        let mut authenticator = Authenticator::new(&service.origin());
        let options = service.post(OPTIONS, &session, json!({})).await.expect(200);
        service.time.pass(seconds);
        let response = add(&service, &session, &authenticator.register(&options)).await;
        if is_valid {
            response.expect(201);
        } else {
            assert_options_ended(&response);
        }
    }
}

#[tokio::test]
async fn options_of_another_member_or_another_ceremony_are_rejected() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (member, _) = service.member(&account.session, &["read"]).await;
    let mut authenticator = Authenticator::new(&service.origin());
    let of_member = service.post(OPTIONS, &member, json!({})).await.expect(200);
    let credential = authenticator.register(&of_member);
    assert_options_ended(&add(&service, &account.session, &credential).await);
    // The options still belong to the member.
    add(&service, &member, &credential).await.expect(201);

    let mut options = service.post(OPTIONS, &account.session, json!({})).await.expect(200);
    let login = service.request("POST", "/v1/auth/login/options").send().await.expect(200);
    options["publicKey"]["challenge"] = login["publicKey"]["challenge"].clone();
    let mut authenticator = Authenticator::new(&service.origin());
    assert_options_ended(&add(&service, &account.session, &authenticator.register(&options)).await);
}

#[tokio::test]
async fn response_that_does_not_fit_the_options_is_rejected() {
    let service = OwnService::start().await;
    let session = service.account().await.session;
    for (reason, change) in [
        (
            "the origin is another one",
            (|authenticator: &mut Authenticator, _| {
                authenticator.origin = "http://localhost:1".to_owned();
            }) as fn(&mut Authenticator, &mut Value),
        ),
        ("it belongs to another site", |_, options| options["publicKey"]["rp"]["id"] = json!("example.com")),
        ("the user was not verified", |authenticator, _| authenticator.verifies_user = false),
    ] {
        let mut authenticator = Authenticator::new(&service.origin());
        let mut options = service.post(OPTIONS, &session, json!({})).await.expect(200);
        change(&mut authenticator, &mut options);
        let response = add(&service, &session, &authenticator.register(&options)).await;
        response.assert_bad_field("credential");
        assert!(response.text.contains(reason), "{}", response.text);
    }
    // The id beside the signed data is another one.
    let mut body = service.new_passkey(&session, &mut Authenticator::new(&service.origin())).await;
    body["credential"]["rawId"] = json!("AA");
    let response = service.post(PATH, &session, body).await;
    response.assert_bad_field("credential");
    assert!(response.text.contains("it has two ids"), "{}", response.text);
    // The result of a login is not that of a registration.
    let mut authenticator = Authenticator::new(&service.origin());
    let mut options = service.post(OPTIONS, &session, json!({})).await.expect(200);
    options["publicKey"]["rpId"] = json!("localhost");
    add(&service, &session, &authenticator.authenticate(&options)).await.assert_bad_field("credential");
    for credential in [json!({}), json!({"id": "AA", "rawId": "AA", "response": {"clientDataJSON": "e30"}})] {
        assert_options_ended(&add(&service, &session, &credential).await);
    }
    assert_eq!(service.ids(PATH, &session, 50).await, [""; 0]);
    assert_eq!(factors(&service, &session).await, json!(["password"]));
}

#[tokio::test]
async fn passkey_that_is_registered_already_returns_409_and_is_excluded_by_the_options() {
    let service = OwnService::start().await;
    let session = service.account().await.session;
    let (mut authenticator, _) = service.add_passkey(&session).await;
    let options = service.post(OPTIONS, &session, json!({})).await.expect(200);
    let excluded = &options["publicKey"]["excludeCredentials"];
    assert_eq!(excluded.as_array().expect("a list").len(), 1);
    assert_eq!(
        (text(&excluded[0], "type"), &excluded[0]["transports"]),
        ("public-key", &json!(["internal"]))
    );
    let response = add(&service, &session, &authenticator.register(&options)).await;
    response.assert_error(409, "CONFLICT");
    assert!(response.text.contains("registered already"), "{}", response.text);
}

#[tokio::test]
async fn id_of_1023_bytes_is_accepted() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let mut authenticator = Authenticator::new(&service.origin());
    authenticator.id = Random::system().bytes::<1023>().to_vec();
    let body = service.new_passkey(&account.session, &mut authenticator).await;
    service.post(PATH, &account.session, body).await.expect(201);
    let session = service.login_with_passkey(&mut authenticator).await;
    service.me(&session).await.expect(200);
}

#[tokio::test]
async fn member_has_at_most_20_passkeys() {
    let service = OwnService::start().await;
    let session = service.account().await.session;
    for _ in 0..19 {
        service.add_passkey(&session).await;
    }
    let mut waiting = Authenticator::new(&service.origin());
    let body = service.new_passkey(&session, &mut waiting).await;
    service.add_passkey(&session).await;
    let full = service.post(OPTIONS, &session, json!({})).await;
    full.assert_error(409, "CONFLICT");
    assert!(full.text.contains("at most 20"), "{}", full.text);
    service.post(PATH, &session, body).await.assert_error(409, "CONFLICT");
    assert_eq!(service.ids(PATH, &session, 50).await.len(), 20);
}

#[tokio::test]
async fn concurrent_first_passkeys_return_recovery_codes_once() {
    let service = OwnService::start().await;
    let session = service.account().await.session;
    let mut bodies = Vec::new();
    for _ in 0..3 {
        bodies.push(service.new_passkey(&session, &mut Authenticator::new(&service.origin())).await);
    }
    let [first, second, third] = &bodies[..] else { panic!("three bodies") };
    let send = |body: &Value| service.post(PATH, &session, body.clone());
    let responses: [Response; 3] = tokio::join!(send(first), send(second), send(third)).into();
    let added = responses.iter().filter(|response| response.status == 201).count();
    let with_codes =
        responses.iter().filter(|response| response.body.get("recovery_codes").is_some()).count();
    assert!(added >= 1 && with_codes == 1, "{responses:?}");
    // One request may end the session epoch in which another was authorized.
    let others = responses.iter().filter(|response| response.status != 201);
    assert!(others.into_iter().all(|response| response.status == 409), "{responses:?}");
    assert_eq!(service.ids(PATH, &session, 50).await.len(), added);
}

#[tokio::test]
async fn concurrent_uses_of_the_same_options_add_one_passkey() {
    let service = OwnService::start().await;
    let session = service.account().await.session;
    let options = service.post(OPTIONS, &session, json!({})).await.expect(200);
    let [first, second] = [(); 2].map(|()| Authenticator::new(&service.origin()).register(&options));
    let (first, second) = tokio::join!(add(&service, &session, &first), add(&service, &session, &second));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert!(statuses == [201, 400] || statuses == [201, 409], "{} {}", first.text, second.text);
    assert_eq!(service.ids(PATH, &session, 50).await.len(), 1);
}

#[tokio::test]
async fn removed_passkey_does_not_work_and_the_last_one_takes_the_recovery_codes_with_it() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let session = &account.session;
    let (mut first_authenticator, first) = service.add_passkey(session).await;
    let (mut second_authenticator, second) = service.add_passkey(session).await;
    let prepared = service.passkey_login(&mut first_authenticator).await;
    let remove =
        async |record: &Value| service.delete(&format!("{PATH}/{}", text(record, "id")), session).await;
    remove(&first).await.expect(204);
    let login = service.request("POST", "/v1/auth/login/passkey").json(&prepared).send().await;
    login.assert_error(401, "UNAUTHORIZED");
    remove(&first).await.assert_not_found();
    service.login_with_passkey(&mut second_authenticator).await;

    let pending = service.second_factor(&account.email).await;
    remove(&second).await.expect(204);
    assert_eq!(event_types(&service, session, 1).await, ["passkey.removed"]);
    let code = json!({"login_token": pending["login_token"], "recovery_code": first["recovery_codes"][0]});
    let login = service.request("POST", "/v1/auth/login/second-factor").json(&code).send().await;
    login.assert_error(401, "UNAUTHORIZED");
    // The password alone works again.
    service.me(&service.login(&account.email).await).await.expect(200);
    service.post("/v1/auth/recovery-codes", session, json!({})).await.assert_error(409, "CONFLICT");
    // A first passkey has codes again.
    assert!(service.add_passkey(session).await.1["recovery_codes"].is_array());
}

#[tokio::test]
async fn passkey_of_another_member_is_not_found() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (member, _) = service.member(&account.session, &["read", "admin"]).await;
    let (_, passkey) = service.add_passkey(&account.session).await;
    service.delete(&format!("{PATH}/{}", text(&passkey, "id")), &member).await.assert_not_found();
    assert_eq!(service.ids(PATH, &account.session, 50).await.len(), 1);
}

#[tokio::test]
async fn removed_member_leaves_no_passkey_and_no_recovery_code() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (member, id) = service.member(&account.session, &["read"]).await;
    let (mut authenticator, _) = service.add_passkey(&member).await;
    let login = service.passkey_login(&mut authenticator).await;
    service.delete(&format!("/v1/members/{id}"), &account.session).await.expect(204);
    let kinds = ["PASSKEY#", "RECOVERY_CODES"];
    let items = service.items().await;
    let sort_keys = items.iter().map(|item| item["sk"].as_s().expect("a text"));
    assert_eq!(sort_keys.filter(|sk| kinds.iter().any(|kind| sk.starts_with(kind))).count(), 0);
    let login = service.request("POST", "/v1/auth/login/passkey").json(&login).send().await;
    login.assert_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn service_without_a_public_url_returns_409() {
    let service = OwnService::start_with(|options| {
        options.parameters.insert("PublicUrl".to_owned(), String::new());
    })
    .await;
    let Account { session, .. } = service.account().await;
    service.post(OPTIONS, &session, json!({})).await.assert_error(409, "CONFLICT");
    add(&service, &session, &json!({})).await.assert_error(409, "CONFLICT");
    service.request("POST", "/v1/auth/login/options").send().await.assert_error(409, "CONFLICT");
    let login = service.request("POST", "/v1/auth/login/passkey").json(&json!({"credential": {}}));
    login.send().await.assert_error(409, "CONFLICT");
    // Members without a passkey are not affected.
    service.get(PATH, &session).await.expect(200);
}

#[tokio::test]
async fn member_with_a_passkey_can_change_everything_that_others_can() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let session = &account.session;
    let (mut authenticator, _) = service.add_passkey(session).await;
    let (_, key) = service.key(session, json!({})).await;
    service.delete(&format!("/v1/api-keys/{}", text(&key, "id")), session).await.expect(204);
    let (_, other) = service.member(session, &["read"]).await;
    service
        .patch(&format!("/v1/members/{other}"), session, json!({"permissions": ["write"]}))
        .await
        .expect(200);
    let own = format!("/v1/members/{}", account.user_id);
    service.patch(&own, session, json!({})).await.expect(200);
    service.delete("/v1/auth/sessions", session).await.expect(204);
    let body = json!({"current_password": PASSWORD, "new_password": "two lizards on the wall"});
    service.post("/v1/auth/password", session, body).await.expect(204);
    let second = service.login_with_passkey(&mut authenticator).await;
    service.request("POST", "/v1/auth/logout").with(&second).send().await.expect(204);
}
