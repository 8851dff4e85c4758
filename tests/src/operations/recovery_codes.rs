//! Recovery codes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::service::{Credential, OwnService, Service};

const PATH: &str = "/v1/auth/recovery-codes";

async fn replace(service: &Service, session: &Credential) -> Vec<Value> {
    let mut response = service.post(PATH, session, json!({})).await.expect(200);
    let Value::Array(codes) = response["recovery_codes"].take() else { panic!("no codes: {response}") };
    codes
}

async fn log_in(service: &Service, email: &str, code: &Value) -> u16 {
    let pending = service.second_factor(email).await;
    let body = json!({"login_token": pending["login_token"], "recovery_code": code});
    service.request("POST", "/v1/auth/login/second-factor").json(&body).send().await.status
}

#[tokio::test]
async fn new_codes_end_the_old_ones() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (_, passkey) = service.add_passkey(&account.session).await;
    let old = passkey["recovery_codes"].as_array().expect("codes");
    let new = replace(&service, &account.session).await;
    let all: BTreeSet<_> = old.iter().chain(&new).map(|code| code.as_str().expect("a text")).collect();
    assert_eq!(all.len(), 20);
    assert_eq!(log_in(&service, &account.email, &old[0]).await, 401);
    assert_eq!(log_in(&service, &account.email, &new[9]).await, 200);
    let events =
        service.get("/v1/audit-events?type=recovery_codes.created", &account.session).await.expect(200);
    assert_eq!(events["data"].as_array().expect("a list").len(), 2);
}

#[tokio::test]
async fn member_without_a_passkey_gets_409() {
    let service = OwnService::start().await;
    let account = service.account().await;
    service.post(PATH, &account.session, json!({})).await.assert_error(409, "CONFLICT");
}

#[tokio::test]
async fn codes_are_stored_only_as_digests() {
    let service = OwnService::start().await;
    let account = service.account().await;
    service.add_passkey(&account.session).await;
    let codes = replace(&service, &account.session).await;
    let table = format!("{:?}", service.items().await);
    for code in codes {
        let code = code.as_str().expect("a text");
        assert!(!table.contains(code) && !table.contains(&code.replace('-', "")));
    }
}
