//! Somebody with one of each thing, for requests of any route that do what they can.

use serde_json::{Value, json};

use crate::{
    operation_table,
    response::text,
    service::{Account, Credential, OwnService, PASSWORD, Request, Service, new_address},
};

/// The password that a member changes theirs to.
pub const NEW_PASSWORD: &str = "two lizards on the wall";

/// How many things are on a page of a list, which is less than there may be.
pub const PAGE: usize = 5;

/// A member with all permissions who has just logged in, and one of each thing that they can do something to.
#[derive(Clone)]
pub struct Caller {
    pub account_id: String,
    pub email: String,
    pub password: &'static str,
    pub session: Credential,
    other_session: String,
    key: String,
    project: String,
    member: String,
    /// Addresses that nobody has: for a new member, and for the first one of a new account.
    free_addresses: [String; 2],
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
        let project = service.project(&session).await;
        let (_, member) = service.member(&session, &["read", "admin"]).await;
        Self {
            account_id: account.id.clone(),
            email,
            password: PASSWORD,
            session,
            other_session: sessions[1].clone(),
            key: text(&key, "id").to_owned(),
            project,
            member,
            free_addresses: [new_address(), new_address()],
        }
    }

    /// A request of this route that does what it can, where `credential` may.
    pub fn request(&self, service: &Service, method: &str, path: &str, credential: &Credential) -> Request {
        let body = match (method, path) {
            ("POST", "/v1/auth/login") => json!({"email": self.email, "password": self.password}),
            ("POST", "/v1/auth/password") => {
                json!({"current_password": self.password, "new_password": NEW_PASSWORD})
            }
            ("POST", "/v1/api-keys") => json!({"name": "A", "permissions": ["read"]}),
            ("POST", "/v1/members") => {
                let email = &self.free_addresses[0];
                json!({"email": email, "password": PASSWORD, "permissions": ["read", "admin"]})
            }
            ("POST" | "PATCH", "/v1/projects" | "/v1/projects/{project_id}") => json!({"name": "A"}),
            ("PATCH", "/v1/members/{user_id}") => json!({"permissions": ["read"]}),
            _ => json!({}),
        };
        let path = path
            .replace("{session_id}", &self.other_session)
            .replace("{key_id}", &self.key)
            .replace("{project_id}", &self.project)
            .replace("{user_id}", &self.member);
        let path = if operation_table::lists().contains(&path.as_str()) {
            format!("{path}?limit={PAGE}")
        } else {
            path
        };
        service.request(method, &path).with(credential).json(&body)
    }

    /// A command of this name to the operator's function, that does what it can.
    pub fn command(&self, name: &str) -> Value {
        let account_id = &self.account_id;
        let of = match name {
            "create_account" => {
                json!({"name": "A", "email": self.free_addresses[1], "password": PASSWORD})
            }
            "suspend_account" | "restore_account" => json!({"account_id": account_id}),
            "set_limits" => json!({"account_id": account_id, "requests_per_minute": null}),
            "enable_password" => json!({"email": self.email}),
            _ => panic!("nobody knows what {name} takes"),
        };
        json!({name: of})
    }
}

/// The names of all commands, as the operator's function tells who sends another.
pub async fn operator_commands(service: &Service) -> Vec<String> {
    let refused = service.operate(json!({"none": {}})).await.expect_err("there is none").error_message;
    let names = refused.rsplit_once("must be one of ").expect("a list of them").1;
    names.split(", ").map(str::to_owned).collect()
}
