//! Restrictions that this version of the service does not know, because a newer version stored them.

use aws_sdk_dynamodb::{operation::update_item::builders::UpdateItemFluentBuilder, types::AttributeValue};
use serde_json::{Value, json};

use crate::{
    response::text,
    service::{Account, OwnService, PASSWORD, key_path, new_address},
};

/// Adds restrictions with these names to an item, as a newer version would. A change of a key also increments its revision.
pub async fn restrict(service: &OwnService, pk: &str, sk: &str, names: &[&str]) {
    update(service, pk, sk, "ADD restrictions :names", names).await;
    if sk.starts_with("KEY#") {
        let update = update_item(service, pk, sk).update_expression("ADD revision :one");
        update
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .send()
            .await
            .expect("the key exists");
    }
}

/// Removes restrictions with these names from an item.
pub async fn lift(service: &OwnService, pk: &str, sk: &str, names: &[&str]) {
    update(service, pk, sk, "DELETE restrictions :names", names).await;
}

async fn update(service: &OwnService, pk: &str, sk: &str, expression: &str, names: &[&str]) {
    let names = AttributeValue::Ss(names.iter().map(|&name| name.to_owned()).collect());
    let update = update_item(service, pk, sk)
        .update_expression(expression)
        .expression_attribute_values(":names", names);
    update.send().await.expect("the item exists");
}

/// Returns an update of an item that must exist.
pub fn update_item(service: &OwnService, pk: &str, sk: &str) -> UpdateItemFluentBuilder {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let table = service.gateway.table("Table").expect("the table");
    let update = service.gateway.dynamodb().update_item().table_name(table);
    update.key("pk", text(pk)).key("sk", text(sk)).condition_expression("attribute_exists(pk)")
}

fn account_partition(account: &Account) -> String {
    format!("ACCOUNT#{}", account.id)
}

#[tokio::test]
async fn key_with_an_unknown_restriction_returns_401_until_it_is_lifted() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let (other, _) = service.key(&account.session, json!({})).await;
    let pk = account_partition(&account);
    let sk = format!("KEY#{}", text(&record, "id"));
    restrict(&service, &pk, &sk, &["disabled", "allowed_addresses"]).await;
    service.me(&key).await.assert_unauthorized();
    service.me(&other).await.expect(200);
    lift(&service, &pk, &sk, &["disabled"]).await;
    service.me(&key).await.assert_unauthorized();
    lift(&service, &pk, &sk, &["allowed_addresses"]).await;
    service.me(&key).await.expect(200);
}

#[tokio::test]
async fn session_with_an_unknown_restriction_returns_401() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let ids = service.ids("/v1/auth/sessions", &account.session, 100).await;
    let other = service.login(&account.email).await;
    let pk = format!("{}#USER#{}", account_partition(&account), account.user_id);
    restrict(&service, &pk, &format!("SESSION#{}", ids[0]), &["new"]).await;
    service.me(&account.session).await.assert_unauthorized();
    service.me(&other).await.expect(200);
}

#[tokio::test]
async fn member_with_an_unknown_restriction_gets_401_and_cannot_log_in() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    restrict(&service, &account_partition(&account), &format!("MEMBER#{}", account.user_id), &["new"]).await;
    service.me(&account.session).await.assert_unauthorized();
    let login = json!({"email": account.email, "password": PASSWORD});
    let login = service.request("POST", "/v1/auth/login").json(&login).send().await;
    login.assert_error(403, "FORBIDDEN");
    service.me(&key).await.expect(200);
}

#[tokio::test]
async fn account_with_an_unknown_restriction_gets_401_with_every_credential_and_nobody_can_log_in() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    restrict(&service, &account_partition(&account), "ACCOUNT", &["new"]).await;
    service.me(&account.session).await.assert_unauthorized();
    service.me(&key).await.assert_unauthorized();
    let login = json!({"email": account.email, "password": PASSWORD});
    let login = service.request("POST", "/v1/auth/login").json(&login).send().await;
    login.assert_error(403, "FORBIDDEN");
}

#[tokio::test]
async fn rotation_and_change_of_a_key_with_an_unknown_restriction_return_409_and_revocation_returns_204() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    let sk = format!("KEY#{}", text(&record, "id"));
    restrict(&service, &account_partition(&account), &sk, &["new"]).await;
    let path = key_path(&record);
    let rotated = service.post(&format!("{path}/rotate"), &account.session, json!({})).await;
    rotated.assert_error(409, "CONFLICT");
    for change in [json!({"name": "New"}), json!({"disabled": false}), json!({"allowed_ips": null})] {
        service.patch(&path, &account.session, change).await.assert_error(409, "CONFLICT");
    }
    service.delete(&path, &account.session).await.expect(204);
}

#[tokio::test]
async fn changes_keep_an_unknown_restriction() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let (session, id) = service.member(&account.session, &["read"]).await;
    restrict(&service, &account_partition(&account), &format!("MEMBER#{id}"), &["new"]).await;
    let path = format!("/v1/members/{id}");
    for change in [
        json!({"permissions": ["read", "write"]}),
        json!({"status": "suspended"}),
        json!({"status": "active"}),
    ] {
        service.patch(&path, &account.session, change).await.expect(200);
        service.me(&session).await.assert_unauthorized();
    }
    let (key, record) = service.key(&account.session, json!({})).await;
    let account_item = account_partition(&account);
    restrict(&service, &account_item, "ACCOUNT", &["new"]).await;
    service.suspend(&account).await;
    service.restore(&account).await;
    let limits = json!({"live": 10, "test": 10});
    let command = json!({"set_limits": {"account_id": account.id, "requests_per_minute": limits}});
    service.operate(command).await.expect("the limits are set");
    service.me(&key).await.assert_unauthorized();
    lift(&service, &account_item, "ACCOUNT", &["new"]).await;
    assert_eq!(service.me(&key).await.expect(200)["key_id"], record["id"]);
}

#[tokio::test]
async fn restricted_member_or_account_cannot_sign_in_in_any_way() {
    let service = OwnService::start().await;
    for restricts_account in [false, true] {
        let account = service.account().await;
        let (mut authenticator, passkey) = service.add_passkey(&account.session).await;
        let invited = service.invite(&account.session, &new_address(), &["read"]).await;
        let issued = service.operate(json!({"reset_password": {"email": account.email}})).await;
        let pending = service.second_factor(&account.email).await;
        let requests = [
            (
                "accept-invitation",
                json!({"token": invited["invitation"]["token"], "password": PASSWORD}),
                200,
            ),
            (
                "login/second-factor",
                json!({"login_token": pending["login_token"], "recovery_code": passkey["recovery_codes"][0]}),
                200,
            ),
            (
                "password-reset/confirm",
                json!({"token": issued.expect("a token")["token"], "new_password": "two lizards on the wall"}),
                204,
            ),
        ];
        let send = async |path: &str, body: &Value| {
            service.request("POST", &format!("/v1/auth/{path}")).json(body).send().await
        };
        let restricted = if restricts_account {
            vec!["ACCOUNT".to_owned()]
        } else {
            [account.user_id.as_str(), text(&invited, "id")].map(|id| format!("MEMBER#{id}")).into()
        };
        let pk = account_partition(&account);
        for sk in &restricted {
            restrict(&service, &pk, sk, &["new"]).await;
        }
        for (path, body, _) in &requests {
            send(path, body).await.assert_error(401, "UNAUTHORIZED");
        }
        let body = service.passkey_login(&mut authenticator).await;
        send("login/passkey", &body).await.assert_error(403, "FORBIDDEN");
        for sk in &restricted {
            lift(&service, &pk, sk, &["new"]).await;
        }
        // Without the restriction, each of them works.
        for (path, body, status) in &requests {
            send(path, body).await.expect(*status);
        }
        service.login_with_passkey(&mut authenticator).await;
    }
}

#[tokio::test]
async fn policy_of_an_account_with_an_unknown_restriction_is_not_changed_by_the_operator() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let pk = account_partition(&account);
    restrict(&service, &pk, "ACCOUNT", &["new"]).await;
    let before = service.item(&pk, "ACCOUNT").await;
    let policy = json!({"account_id": account.id, "policy": {"require_second_factor": true}});
    let error = service.operate(json!({"set_policy": policy})).await.expect_err("the account is restricted");
    assert_eq!(error.error_type, "CONFLICT");
    assert_eq!(service.item(&pk, "ACCOUNT").await, before);
}
