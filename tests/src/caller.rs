//! A member who can send a successful request to every route, and every command to the operator's function.

use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::{Value, json};

use crate::{
    authenticator::Authenticator,
    operation_table,
    response::text,
    service::{Account, Credential, OwnService, PASSWORD, Request, Service, new_address},
};

/// The new password in a request that changes the password.
pub const NEW_PASSWORD: &str = "two lizards on the wall";

/// The `limit` of list requests. A list may have more entries than that.
pub const PAGE_SIZE: usize = 5;

/// The operations that only a member with a passkey can use.
pub const NEED_A_PASSKEY: [(&str, &str); 3] = [
    ("POST", "/v1/auth/reauthenticate/options"),
    ("POST", "/v1/auth/recovery-codes"),
    ("DELETE", "/v1/auth/passkeys/{passkey_id}"),
];

/// A member with a passkey, and the bodies of requests with which they log in.
#[derive(Clone)]
struct PasskeyMember {
    email: String,
    session: Credential,
    /// The id of another passkey.
    passkey: String,
    /// With the passkey alone.
    login: Value,
    /// With the passkey after the password.
    second_factor: Value,
}

impl PasskeyMember {
    async fn new(service: &Service, admin: &Credential) -> Self {
        let email = new_address();
        let (session, _) = service.member_with_email(admin, &email, &["read"]).await;
        let (mut authenticator, _) = service.add_passkey(&session).await;
        // Removing this one leaves the other, with which the member logs in.
        let (_, passkey) = service.add_passkey(&session).await;
        let login = service.passkey_login(&mut authenticator).await;
        let pending = service.second_factor(&email).await;
        let second_factor = json!({
            "login_token": pending["login_token"],
            "credential": authenticator.authenticate(&pending["options"]),
        });
        Self { email, session, passkey: text(&passkey, "id").to_owned(), login, second_factor }
    }
}

/// A member with all permissions, a new session, and one entity of each kind that a route can refer to.
#[derive(Clone)]
pub struct Caller {
    pub account_id: String,
    pub email: String,
    pub password: &'static str,
    pub session: Credential,
    other_session: String,
    /// The body of a request that adds a first passkey.
    new_passkey: Value,
    /// The address of another member, who never has a passkey.
    password_member: String,
    passkey_member: PasskeyMember,
    key: String,
    /// The secret of another key.
    leaked: String,
    /// A key for bulk revocation, so that the other one stays active.
    revoked_key: String,
    project: String,
    member: String,
    /// The token of an invitation.
    invitation: String,
    /// A member who is invited.
    invited: String,
    /// A member without `admin`, so that a key may end their sessions.
    reader: String,
    /// A token that resets the password of yet another member.
    reset_token: String,
    /// The id of a member who was removed.
    former_member: String,
    /// The id of another account, whose name is `A`.
    other_account: String,
    /// A policy that no other caller sets, so that the command changes it.
    reauthentication_minutes: u16,
    /// Addresses of no member: one for a new member, one for the first member of a new account.
    unused_addresses: [String; 2],
}

impl Caller {
    pub async fn new(service: &OwnService, account: &Account) -> Self {
        static CALLERS: AtomicU16 = AtomicU16::new(0);
        let email = new_address();
        service.member_with_email(&account.session, &email, &["read", "write", "delete", "admin"]).await;
        let other = service.login(&email).await;
        let session = service.login(&email).await;
        let new_passkey = service.new_passkey(&session, &mut Authenticator::new(&service.origin())).await;
        let sessions = service.ids("/v1/auth/sessions", &other, 2).await;
        let (_, key) = service.key(&session, json!({})).await;
        let (_, leaked) = service.key(&session, json!({})).await;
        let (_, revoked_key) = service.key(&session, json!({})).await;
        let project = service.project(&session).await;
        let (_, member) = service.member(&session, &["read", "write"]).await;
        let (_, reader) = service.member(&session, &["read"]).await;
        let accepted = service.invite(&session, &new_address(), &["read", "write"]).await;
        let invited = service.invite(&session, &new_address(), &["read"]).await;
        let forgetful = new_address();
        service.member_with_email(&session, &forgetful, &["read"]).await;
        let command = json!({"reset_password": {"email": forgetful}});
        let reset = service.operate(command).await.expect("a token");
        let password_member = new_address();
        service.member_with_email(&session, &password_member, &["read"]).await;
        service.login(&password_member).await;
        let former_member = service.invite(&session, &new_address(), &["read"]).await;
        let former_member = text(&former_member, "id").to_owned();
        service.delete(&format!("/v1/members/{former_member}"), &session).await.expect(204);
        let command = json!({"create_account": {"name": "A", "email": new_address(), "password": PASSWORD}});
        let other_account = service.operate(command).await.expect("the account is created");
        // Its erasure begins 30 seconds later.
        let other_id = text(&other_account, "account_id");
        let command = json!({"delete_account": {"account_id": other_id, "confirm": "A"}});
        service.operate(command).await.expect("the erasure is requested");
        Self {
            account_id: account.id.clone(),
            email,
            password: PASSWORD,
            session: session.clone(),
            other_session: sessions[1].clone(),
            new_passkey,
            password_member,
            passkey_member: PasskeyMember::new(service, &session).await,
            key: text(&key, "id").to_owned(),
            leaked: text(&leaked, "key").to_owned(),
            revoked_key: text(&revoked_key, "id").to_owned(),
            project,
            member,
            invitation: text(&accepted["invitation"], "token").to_owned(),
            invited: text(&invited, "id").to_owned(),
            reader,
            former_member,
            other_account: text(&other_account, "account_id").to_owned(),
            reset_token: text(&reset, "token").to_owned(),
            reauthentication_minutes: 5 + CALLERS.fetch_add(1, Ordering::Relaxed) % 716,
            unused_addresses: [new_address(), new_address()],
        }
    }

    /// A request to a route that succeeds if `credential` has the necessary permissions.
    ///
    /// A session of a member without a passkey is replaced by that of a member with one where the operation needs it.
    pub fn request(&self, service: &Service, method: &str, path: &str, credential: &Credential) -> Request {
        let needs_passkey = NEED_A_PASSKEY.contains(&(method, path)) && *credential == self.session;
        let credential = if needs_passkey { &self.passkey_member.session } else { credential };
        let body = match (method, path) {
            ("POST", "/v1/auth/password-reset") => json!({"email": self.password_member}),
            ("POST", "/v1/auth/password-reset/confirm") => {
                json!({"token": self.reset_token, "new_password": NEW_PASSWORD})
            }
            ("POST", "/v1/auth/login") => json!({"email": self.password_member, "password": PASSWORD}),
            ("POST", "/v1/auth/login/passkey") => self.passkey_member.login.clone(),
            ("POST", "/v1/auth/login/second-factor") => self.passkey_member.second_factor.clone(),
            ("POST", "/v1/auth/passkeys") => self.new_passkey.clone(),
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
                json!({"email": email, "permissions": ["read", "write"]})
            }
            ("POST", "/v1/auth/accept-invitation") => {
                json!({"token": self.invitation, "password": PASSWORD})
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
            .replace("{passkey_id}", &self.passkey_member.passkey)
            .replace("{key_id}", &self.key)
            .replace("{project_id}", &self.project)
            .replace("{user_id}/invite", &format!("{}/invite", self.invited))
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
            "grant_admin" => json!({"account_id": account_id, "user_id": self.reader}),
            "invite_again" => json!({"account_id": account_id, "user_id": self.invited}),
            "suspend_account" | "restore_account" | "end_all_credentials" => {
                json!({"account_id": account_id})
            }
            "set_limits" => {
                json!({"account_id": account_id, "requests_per_minute": null, "sessions_per_member": null})
            }
            "end_restored_credentials" => {
                let key = json!({"account_id": account_id, "key_id": self.key});
                json!({"created_before": null, "keys": [key]})
            }
            "set_policy" => {
                json!({"account_id": account_id, "policy": {"reauthentication_minutes": self.reauthentication_minutes}})
            }
            "export_account" => json!({"account_id": self.other_account}),
            "delete_account" => json!({"account_id": self.other_account, "confirm": "A"}),
            "forget_member" => json!({"account_id": account_id, "user_id": self.former_member}),
            "remove_second_factor" => json!({"email": self.passkey_member.email}),
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
