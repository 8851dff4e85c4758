//! Least privilege: the template grants each function exactly the AWS actions that the function uses.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    authenticator::Authenticator,
    dynamodb::DynamoDb,
    faults::pepper_rotation,
    response::text,
    service::{Credential, OwnService, PASSWORD, key_path, new_address},
};

/// The caller of the calls that the tests and the gateway make.
const GATEWAY: &str = "gateway";

#[tokio::test]
async fn granted_actions_are_exactly_the_used_actions() {
    let dynamodb = DynamoDb::start().await;
    let service = OwnService::start_with(|options| {
        options.dynamodb = Some(dynamodb.url.clone());
        options.mail = Some(|_, _| ());
    })
    .await;
    use_every_action(&service).await;
    // A login after a pepper rotation rehashes the password.
    pepper_rotation::rotate_pepper(&service).await;
    let account = service.account().await;
    // On the third day on which a key is used, the first one moves to an item of its own.
    let (key, _) = service.key(&account.session, json!({})).await;
    for _ in 0..3 {
        service.me(&key).await.expect(200);
        service.time.pass(24 * 60 * 60);
    }
    service.time.pass(300);
    use_reminders(&service, &service.login(&account.email).await, &account.id).await;

    let mut used = dynamodb.actions();
    used.remove(GATEWAY);
    let mut granted = service.gateway.actions().clone();
    // A function fetches its secrets when it starts, from a Secrets Manager that the proxy does not record.
    let mut take = |action: &str| -> Vec<String> {
        let granted = granted.iter_mut();
        granted.filter_map(|(name, actions)| actions.remove(action).then_some(name.clone())).collect()
    };
    assert_eq!(
        take("secretsmanager:GetSecretValue"),
        [
            "accept-invitation",
            "api-keys-create",
            "api-keys-rotate",
            "authorizer",
            "credentials-revoke",
            "login",
            "login-passkey",
            "members",
            "operator",
            "passkeys",
            "password",
            "password-reset",
            "password-reset-send",
            "reauthenticate",
            "recovery-codes"
        ]
    );
    // The tests of mails send one with each of these functions.
    assert_eq!(
        take("lambda:InvokeFunction"),
        [
            "accept-invitation",
            "api-keys-change",
            "api-keys-create",
            "key-expiry-reminders",
            "login",
            "login-passkey",
            "members",
            "operator",
            "passkeys",
            "password",
            "password-reset",
            "password-reset-send",
            "reauthenticate"
        ]
    );
    assert_eq!(take("ses:SendEmail"), ["mail"]);
    // Lambda makes these calls with the role of the function that gets the records of the stream.
    for action in [
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
        "sqs:SendMessage",
    ] {
        assert_eq!(take(action), ["key-expiry-reminders"], "{action}");
    }
    service.mails(1).await;
    granted.retain(|_, actions| !actions.is_empty());
    for (function, granted) in &granted {
        assert_eq!(used.get(function), Some(granted), "{function}");
    }
    let callers = |actions: &BTreeMap<String, BTreeSet<String>>| actions.keys().cloned().collect::<Vec<_>>();
    assert_eq!(callers(&used), callers(&granted));
}

#[test]
fn each_secret_is_readable_by_exactly_the_functions_that_need_it() {
    let template = gateway::yaml::parse(include_str!("../../../template.yaml")).expect("YAML");
    let resources = template["Resources"].as_object().expect("resources").values();
    let functions: Vec<_> = resources.filter(|one| one["Type"] == "AWS::Serverless::Function").collect();
    let names = |is_included: &dyn Fn(&Value) -> bool| -> BTreeSet<&str> {
        let included = functions.iter().filter(|function| is_included(&function["Properties"]));
        included.map(|function| text(&function["Metadata"]["BuildProperties"], "Binary")).collect()
    };
    // Whatever creates or verifies digests and hashes needs the pepper. Whatever creates or parses tokens needs the other key.
    for (secret, variable, needed_by) in [
        (
            "Pepper",
            "PEPPER_SECRET_ID",
            &[
                "accept-invitation",
                "api-keys-create",
                "api-keys-rotate",
                "authorizer",
                "credentials-revoke",
                "login",
                "login-passkey",
                "members",
                "operator",
                "passkeys",
                "password",
                "password-reset",
                "password-reset-send",
                "reauthenticate",
                "recovery-codes",
            ][..],
        ),
        (
            "TokenMacKey",
            "TOKEN_MAC_SECRET_ID",
            &[
                "accept-invitation",
                "api-keys-create",
                "api-keys-rotate",
                "authorizer",
                "credentials-revoke",
                "login",
                "login-passkey",
                "members",
                "operator",
                "password-reset",
                "password-reset-send",
            ],
        ),
    ] {
        let needed_by: BTreeSet<_> = needed_by.iter().copied().collect();
        let configured = |properties: &Value| !properties["Environment"]["Variables"][variable].is_null();
        assert_eq!(names(&configured), needed_by, "{variable}");
        let reference = format!("\"{secret}\"");
        let granted = |properties: &Value| properties["Policies"].to_string().contains(&reference);
        assert_eq!(names(&granted), needed_by, "{secret}");
    }
}

/// Makes each function call every action that it uses.
async fn use_every_action(service: &OwnService) {
    let account = service.account().await;
    service.suspend(&account).await;
    service.restore(&account).await;
    let command = json!({"enable_password": {"email": account.email}});
    service.operate(command).await.expect("the password is enabled");
    service.login(&account.email).await;
    // Ends the other sessions.
    let limits = json!({"account_id": account.id, "sessions_per_member": 2});
    service.operate(json!({"set_limits": limits})).await.expect("the limits are set");
    service.login(&account.email).await;
    let limits = json!({"account_id": account.id, "sessions_per_member": null});
    service.operate(json!({"set_limits": limits})).await.expect("the limits are set");
    service.time.pass(1);
    let command = json!({"end_restored_credentials": {"created_before": service.time.in_seconds(0)}});
    let ended = service.operate(command).await.expect("the sessions are ended");
    assert_eq!(ended["ended_sessions"], 2, "{ended}");
    let session = service.login(&account.email).await;
    let admin = &session;

    let idempotent = service.request("POST", "/v1/api-keys").with(admin).header("Idempotency-Key", "first");
    idempotent.json(&json!({"name": "A key", "permissions": ["read"]})).send().await.expect(201);
    let (key, record) = service.key(admin, json!({})).await;
    service.rotate(&record, admin, 60).await;
    service.rotate(&record, &key, 60).await;
    let rotation = format!("{}/rotate", key_path(&record));
    let idempotent = service.request("POST", &rotation).with(admin).header("Idempotency-Key", "second");
    idempotent.json(&json!({"grace_period": 60})).send().await.expect(200);
    service.get("/v1/api-keys", admin).await.expect(200);
    service.get(&key_path(&record), admin).await.expect(200);
    service.patch(&key_path(&record), admin, json!({"name": "B"})).await.expect(200);
    service.get(&format!("{}/usage", key_path(&record)), admin).await.expect(200);
    service.me(admin).await.expect(200);
    let request = json!({"method": "GET", "path": "/v1/projects", "ip_address": "192.0.2.1"});
    service.post(&format!("{}/simulate", key_path(&record)), admin, request).await.expect(200);
    service.key(admin, json!({})).await;
    let path = "/v1/api-keys/revoke";
    service.post(path, admin, json!({"ids": ["key_0000000000000000"]})).await.expect(200);
    service.post(path, admin, json!({"created_by": "user_0000000000000000"})).await.expect(200);

    let project = format!("/v1/projects/{}", service.project(admin).await);
    let (scoped, _) = service.key(admin, json!({"scope": {"projects": ["proj_a"]}})).await;
    service.get("/v1/projects", &scoped).await.expect(200);
    service.get("/v1/projects", admin).await.expect(200);
    service.get(&project, admin).await.expect(200);
    service.patch(&project, admin, json!({"name": "B"})).await.expect(200);
    service.delete(&project, admin).await.expect(204);

    let (leaked, _) = service.key(admin, json!({})).await;
    let session = service.login(&account.email).await;
    service.report(&[&leaked, &session]).await.expect(202);

    let invited = service.invite(admin, "reader@example.com", &["read"]).await;
    service.post(&format!("/v1/members/{}/invite", text(&invited, "id")), admin, json!({})).await.expect(200);
    // The number of active admins changes for the first member only.
    for permissions in [&["read"][..], &["admin"]] {
        let (_, id) = service.member(admin, permissions).await;
        let target = json!({"account_id": account.id, "user_id": id});
        service.operate(json!({"grant_admin": target})).await.expect("the permissions are granted");
    }
    let all = &["read", "write", "delete", "admin"];
    let (full, full_id) = service.member(admin, all).await;
    service
        .patch(&format!("/v1/members/{full_id}"), &full, json!({"permissions": ["read"]}))
        .await
        .expect(200);
    let (member, id) = service.member(admin, &["read", "admin"]).await;
    let path = format!("/v1/members/{id}");
    service.get("/v1/members", admin).await.expect(200);
    service.get(&path, admin).await.expect(200);
    service.patch(&path, &member, json!({})).await.expect(200);
    service.get(&format!("{path}/sessions"), admin).await.expect(200);
    service.delete(&format!("{path}/sessions"), admin).await.expect(204);
    service.patch(&path, admin, json!({"permissions": ["read"]})).await.expect(200);
    service.delete(&path, admin).await.expect(204);

    let other = service.login(&account.email).await;
    let sessions = service.get("/v1/auth/sessions", &other).await.expect(200);
    let own = sessions["data"].as_array().expect("a list").iter().find(|session| session["current"] == true);
    service
        .delete(&format!("/v1/auth/sessions/{}", text(own.expect("the current session"), "id")), admin)
        .await
        .expect(204);
    service.delete("/v1/auth/sessions", admin).await.expect(204);
    service.get("/v1/audit-events", admin).await.expect(200);
    service.get("/v1/account", admin).await.expect(200);
    service.patch("/v1/account", admin, json!({"policy": {"idle_key_days": 7}})).await.expect(200);
    service
        .post("/v1/auth/reauthenticate", admin, json!({"password": "a wrong password"}))
        .await
        .assert_forbidden();
    service.post("/v1/auth/reauthenticate", admin, json!({"password": PASSWORD})).await.expect(204);
    let body = json!({"current_password": PASSWORD, "new_password": "two lizards on the wall"});
    service.post("/v1/auth/password", admin, body).await.expect(204);
    service.delete(&key_path(&record), admin).await.expect(204);
    use_passkeys(service, admin).await;
    service.request("POST", "/v1/auth/logout").with(admin).send().await.expect(204);
    let forgetful = service.account().await;
    let command = json!({"reset_password": {"email": forgetful.email}});
    let reset = service.operate(command).await.expect("a token");
    let body = json!({"token": text(&reset, "token"), "new_password": "two lizards on the wall"});
    service.request("POST", "/v1/auth/password-reset/confirm").json(&body).send().await.expect(204);
    let other = service.account().await;
    let body = json!({"email": other.email});
    service.request("POST", "/v1/auth/password-reset").json(&body).send().await.expect(202);
    service.mails(1).await;
}

/// Makes the function that reminds of keys call every action that it uses, and the one that changes keys delete reminders.
async fn use_reminders(service: &OwnService, admin: &Credential, account: &str) {
    let expires_at = service.time.in_seconds(90 * 24 * 60 * 60);
    let (_, key) = service.key(admin, json!({"expires_at": expires_at})).await;
    service.patch(&key_path(&key), admin, json!({"expires_at": null})).await.expect(200);
    let expires_at = service.time.in_seconds(24 * 60 * 60);
    let (_, key) = service.key(admin, json!({"expires_at": expires_at})).await;
    let reminder = json!({
        "account_id": {"S": account}, "key_id": {"S": key["id"]}, "expires_at": {"S": expires_at},
        "days": {"N": "1"}, "ttl": {"N": "0"},
    });
    let record = json!({
        "eventName": "REMOVE", "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
        "dynamodb": {"Keys": {"sk": {"S": "KEY_EXPIRY#"}}, "OldImage": reminder, "SequenceNumber": "1"},
    });
    let result = service.invoke("key-expiry-reminders", &json!({"Records": [record]})).await;
    assert_eq!(result, Ok(json!({"batchItemFailures": []})));
}

/// Makes the functions of passkeys call every action that they use.
async fn use_passkeys(service: &OwnService, admin: &Credential) {
    let (session, id) = service.member(admin, &["read"]).await;
    let email = text(&service.me(&session).await.expect(200), "email").to_owned();
    let mut authenticator = Authenticator { counter: 1, ..Authenticator::new(&service.origin()) };
    let body = service.new_passkey(&session, &mut authenticator).await;
    let passkey = service.post("/v1/auth/passkeys", &session, body).await.expect(201);
    service.get("/v1/auth/passkeys", &session).await.expect(200);
    service.post("/v1/auth/recovery-codes", &session, json!({})).await.expect(200);
    let options = service.post("/v1/auth/reauthenticate/options", &session, json!({})).await.expect(200);
    let body = json!({"credential": authenticator.authenticate(&options)});
    service.post("/v1/auth/reauthenticate", &session, body).await.expect(204);
    service.login_with_passkey(&mut authenticator).await;
    let pending = service.second_factor(&email).await;
    let body = json!({
        "login_token": pending["login_token"], "credential": authenticator.authenticate(&pending["options"]),
    });
    service.request("POST", "/v1/auth/login/second-factor").json(&body).send().await.expect(200);
    let (_, second) = service.add_passkey(&session).await;
    let path = |record: &Value| format!("/v1/auth/passkeys/{}", text(record, "id"));
    service.delete(&path(&second), &session).await.expect(204);
    service.delete(&path(&passkey), &session).await.expect(204);
    service.add_passkey(&session).await;
    service.delete(&format!("/v1/members/{id}"), admin).await.expect(204);
    let email = new_address();
    let (session, _) = service.member_with_email(admin, &email, &["read"]).await;
    service.add_passkey(&session).await;
    service.operate(json!({"remove_second_factor": {"email": email}})).await.expect("the passkey is removed");
}
