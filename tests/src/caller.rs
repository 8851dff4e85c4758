//! A member who can send a successful request to every route, and every command to the operator's function.

use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::{Value, json};

use crate::{
    operation_table,
    response::text,
    service::{Account, Credential, OwnService, PASSWORD, Request, Service, new_address},
};

/// The new password in a request that changes the password.
pub const NEW_PASSWORD: &str = "two lizards on the wall";

/// The `limit` of list requests. A list may have more entries than that.
pub const PAGE_SIZE: usize = 5;

/// A member with all permissions, a new session, and one entity of each kind that a route can refer to.
#[derive(Clone)]
pub struct Caller {
    pub account_id: String,
    pub email: String,
    pub password: &'static str,
    pub session: Credential,
    other_session: String,
    key: String,
    /// The secret of another key.
    leaked: String,
    /// A key for bulk revocation, so that the other one stays active.
    revoked_key: String,
    project: String,
    member: String,
    /// A member without `admin`, so that a key may end their sessions.
    reader: String,
    /// A token that resets the password of yet another member.
    reset_token: String,
    /// Addresses of no member: one for a new member, one for the first member of a new account.
    unused_addresses: [String; 2],
}

impl Caller {
    pub async fn new(service: &OwnService, account: &Account) -> Self {
        let email = new_address();
        let body = json!({
            "email": email, "password": PASSWORD, "permissions": ["read", "write", "delete", "admin"],
        });
        service.post("/v1/members", &account.session, body).await.expect(201);
        let other = service.login(&email).await;
        let session = service.login(&email).await;
        let sessions = service.ids("/v1/auth/sessions", &other, 2).await;
        let (_, key) = service.key(&session, json!({})).await;
        let (_, leaked) = service.key(&session, json!({})).await;
        let (_, revoked_key) = service.key(&session, json!({})).await;
        let project = service.project(&session).await;
        let (_, member) = service.member(&session, &["read", "admin"]).await;
        let (_, reader) = service.member(&session, &["read"]).await;
        let forgetful = new_address();
        let body = json!({"email": forgetful, "password": PASSWORD, "permissions": ["read"]});
        service.post("/v1/members", &session, body).await.expect(201);
        let command = json!({"reset_password": {"email": forgetful}});
        let reset = service.operate(command).await.expect("a token");
        Self {
            account_id: account.id.clone(),
            email,
            password: PASSWORD,
            session,
            other_session: sessions[1].clone(),
            key: text(&key, "id").to_owned(),
            leaked: text(&leaked, "key").to_owned(),
            revoked_key: text(&revoked_key, "id").to_owned(),
            project,
            member,
            reader,
            reset_token: text(&reset, "token").to_owned(),
            unused_addresses: [new_address(), new_address()],
        }
    }

    /// A request to a route that succeeds if `credential` has the necessary permissions.
    pub fn request(&self, service: &Service, method: &str, path: &str, credential: &Credential) -> Request {
        let body = match (method, path) {
            ("POST", "/v1/auth/login") => json!({"email": self.email, "password": self.password}),
            ("POST", "/v1/auth/password-reset") => json!({"email": self.email}),
            ("POST", "/v1/auth/password-reset/confirm") => {
                json!({"token": self.reset_token, "new_password": NEW_PASSWORD})
            }
            ("POST", "/v1/credentials/revoke") => json!({"credentials": [self.leaked]}),
            ("POST", "/v1/auth/password") => {
                json!({"current_password": self.password, "new_password": NEW_PASSWORD})
            }
            ("POST", "/v1/auth/reauthenticate") => json!({"password": self.password}),
            ("POST", "/v1/api-keys") => json!({"name": "A", "permissions": ["read"]}),
            ("PATCH", "/v1/api-keys/{key_id}") => {
                json!({"permissions": ["read"], "allowed_ips": ["127.0.0.1"]})
            }
            ("POST", "/v1/api-keys/revoke") => json!({"ids": [self.revoked_key]}),
            ("POST", "/v1/api-keys/{key_id}/simulate") => {
                json!({"method": "GET", "path": "/v1/projects", "ip_address": "192.0.2.1"})
            }
            ("POST", "/v1/members") => {
                let email = &self.unused_addresses[0];
                json!({"email": email, "password": PASSWORD, "permissions": ["read", "admin"]})
            }
            ("POST" | "PATCH", "/v1/projects" | "/v1/projects/{project_id}") => json!({"name": "A"}),
            ("PATCH", "/v1/account") => {
                json!({"name": self.unused_addresses[0], "policy": {"max_key_lifetime_days": null, "idle_key_days": 90}})
            }
            ("PATCH", "/v1/members/{user_id}") => json!({"permissions": ["read"]}),
            _ => json!({}),
        };
        let path = path
            .replace("{session_id}", &self.other_session)
            .replace("{key_id}", &self.key)
            .replace("{project_id}", &self.project)
            .replace("{user_id}/sessions", &format!("{}/sessions", self.reader))
            .replace("{user_id}", &self.member);
        let is_list =
            ["GET", "HEAD"].contains(&method) && operation_table::lists(&self.reader).contains(&path);
        let path = if is_list { format!("{path}?limit={PAGE_SIZE}") } else { path };
        service.request(method, &path).with(credential).json(&body)
    }

    /// A command to the operator's function that succeeds.
    pub fn command(&self, name: &str) -> Value {
        let account_id = &self.account_id;
        let parameters = match name {
            "create_account" => {
                json!({"name": "A", "email": self.unused_addresses[1], "password": PASSWORD})
            }
            "suspend_account" | "restore_account" => json!({"account_id": account_id}),
            "set_limits" => {
                json!({"account_id": account_id, "requests_per_minute": null, "sessions_per_member": null})
            }
            "end_restored_credentials" => {
                let key = json!({"account_id": account_id, "key_id": self.key});
                json!({"created_before": null, "keys": [key]})
            }
            "set_policy" => {
                /// Each command changes the policy.
                static MINUTES: AtomicU16 = AtomicU16::new(0);
                let minutes = 600 + MINUTES.fetch_add(1, Ordering::Relaxed) % 100;
                json!({"account_id": account_id, "policy": {"reauthentication_minutes": minutes}})
            }
            "enable_password" | "reset_password" => json!({"email": self.email}),
            _ => panic!("the parameters of {name} are unknown"),
        };
        json!({name: parameters})
    }
}

/// The names of all commands. The operator's function lists them when it rejects an unknown command.
pub async fn operator_commands(service: &Service) -> Vec<String> {
    let error = service.operate(json!({"unknown": {}})).await.expect_err("the command is unknown");
    let names = error.error_message.rsplit_once("must be one of ").expect("a list of commands").1;
    names.split(", ").map(str::to_owned).collect()
}
