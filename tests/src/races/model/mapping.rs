//! The mapping from the model to the service: ids and credentials by the numbers of the entities, the requests of operations,
//! and the responses that the service must return if it conforms to the model.

use std::{pin::Pin, sync::Arc};

use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use shared::primitives::{environment::Environment, timestamp::Timestamp};
use time::{Duration, OffsetDateTime};

use crate::{
    races::model::{
        ALL_PERMISSIONS, Caller, Creator, Model, Permissions, SESSION_LIFETIME, Scope, Status,
        operation::{Content, Entity, KeyChange, ModelResponse, Operation, Resource},
    },
    response::{Response, text},
    service::{Credential, OwnService, PASSWORD, Request, new_address},
};

/// A request whose response is awaited later.
pub type PendingResponse = Pin<Box<dyn Future<Output = Response> + Send>>;

/// The status of a response, and the part of its body that the model describes.
pub type ObservedResponse = (u16, Value);

/// The ids and credentials of the service, by the numbers of the entities in the model.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The time 0 of the model.
    start: OffsetDateTime,
    accounts: Vec<String>,
    members: Vec<MappedMember>,
    sessions: Vec<MappedSession>,
    /// The id of each key, and its secrets.
    keys: Vec<(String, Vec<Credential>)>,
    projects: Vec<String>,
}

#[derive(Clone, Debug)]
struct MappedMember {
    id: String,
    email: String,
    /// The token of the invitation until the member has accepted it.
    invitation: Option<String>,
}

#[derive(Clone, Debug)]
struct MappedSession {
    id: String,
    token: Credential,
}

impl MappedSession {
    fn new(token: Credential) -> Self {
        // The ids of the account, the member and the session follow the prefix, and have 16 digits each.
        let digits = token.0.strip_prefix("Session sess_").expect("a session");
        let id = format!("sid_{}", &digits[32..48]);
        Self { id, token }
    }
}

/// Returns the password with this number. All are valid and differ from each other.
fn password(n: u8) -> String {
    if n == 0 { PASSWORD.to_owned() } else { format!("{PASSWORD}, and {n} more") }
}

fn key_name(n: u8) -> String {
    format!("Key {n}")
}

fn project_name(n: u8) -> String {
    format!("Project {n}")
}

/// Returns permissions in the order of responses.
fn ordered(permissions: &Permissions) -> Vec<&'static str> {
    ALL_PERMISSIONS.into_iter().filter(|permission| permissions.contains(permission)).collect()
}

impl Mapping {
    /// Creates accounts in the service and maps those of [`Model::with_accounts`] to them. The time 0 of the model is the next
    /// second.
    pub async fn create_accounts(service: &OwnService, accounts: usize) -> Self {
        service.time.next_second();
        let mut mapping = Self {
            start: service.time.now(),
            accounts: Vec::new(),
            members: Vec::new(),
            sessions: Vec::new(),
            keys: Vec::new(),
            projects: Vec::new(),
        };
        for n in 0..accounts {
            let account = service.account().await;
            mapping.accounts.push(account.id);
            mapping.members.push(MappedMember {
                id: account.user_id,
                email: account.email,
                invitation: None,
            });
            mapping.sessions.push(MappedSession::new(account.session));
            mapping.projects.push(format!("proj_nothing{n}"));
        }
        mapping
    }

    pub fn credential(&self, by: Caller) -> &Credential {
        match by {
            Caller::Session(session) => &self.sessions[session].token,
            Caller::Key(key, secret) => &self.keys[key].1[secret],
        }
    }

    /// Formats a time of the model as in responses.
    fn timestamp(&self, seconds: i64) -> String {
        Timestamp::from(self.start + Duration::seconds(seconds)).to_string()
    }

    fn scope(&self, scope: &Scope) -> Value {
        scope.as_ref().map_or(Value::Null, |scope| {
            let ids: Vec<_> = scope.iter().map(|project| self.projects[*project].as_str()).collect();
            json!({"projects": ids})
        })
    }

    /// Returns the body of a request that changes a key at the time `now` of the model.
    fn key_change(&self, now: i64, change: &KeyChange) -> Value {
        let KeyChange { name, permissions, scope, lifetime, allowed_ips, disabled } = change;
        let expires_at =
            lifetime.map(|lifetime| json!(lifetime.map(|seconds| self.timestamp(now + seconds))));
        let fields = [
            ("name", name.map(|name| json!(key_name(name)))),
            ("permissions", permissions.as_ref().map(|permissions| json!(permissions))),
            ("scope", scope.as_ref().map(|scope| self.scope(scope))),
            ("expires_at", expires_at),
            ("allowed_ips", allowed_ips.as_ref().map(|allowed_ips| json!(allowed_ips))),
            ("disabled", disabled.map(Value::from)),
        ];
        fields.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?))).collect()
    }

    /// Returns a request for an operation at the time `now` of the model. Awaiting it sends the request.
    pub fn send(&self, service: &Arc<OwnService>, now: i64, operation: &Operation) -> PendingResponse {
        let by =
            |method: &str, path: &str, by: &Caller| service.request(method, path).with(self.credential(*by));
        let key = |n: &usize| format!("/v1/api-keys/{}", self.keys[*n].0);
        let member = |n: &usize| format!("/v1/members/{}", self.members[*n].id);
        let project = |n: &usize, environment: &Environment| {
            format!("/v1/projects/{}?environment={}", self.projects[*n], environment.as_str())
        };
        let request = match operation {
            Operation::LogIn { member, password: n } => {
                let MappedMember { email, invitation, .. } = &self.members[*member];
                // The first login accepts the invitation.
                if let Some(token) = invitation.as_ref().filter(|_| *n == 0) {
                    let body = json!({"token": token, "password": password(*n)});
                    service.request("POST", "/v1/auth/accept-invitation").json(&body)
                } else {
                    let body = json!({"email": email, "password": password(*n)});
                    service.request("POST", "/v1/auth/login").json(&body)
                }
            }
            Operation::LogOut { by: caller } => by("POST", "/v1/auth/logout", caller),
            Operation::EndSession { by: caller, session } => {
                by("DELETE", &format!("/v1/auth/sessions/{}", self.sessions[*session].id), caller)
            }
            Operation::EndOtherSessions { by: caller } => by("DELETE", "/v1/auth/sessions", caller),
            Operation::EndMemberSessions { by: caller, member: n } => {
                by("DELETE", &format!("{}/sessions", member(n)), caller)
            }
            Operation::ChangePassword { by: caller, current, new } => {
                let body = json!({"current_password": password(*current), "new_password": password(*new)});
                by("POST", "/v1/auth/password", caller).json(&body)
            }
            Operation::CreateKey { by: caller, permissions, environment, scope, allowed_ips, lifetime } => {
                let body = json!({
                    "name": key_name(0),
                    "permissions": permissions,
                    "type": environment,
                    "scope": self.scope(scope),
                    "allowed_ips": allowed_ips,
                    "expires_at": lifetime.map(|seconds| self.timestamp(now + seconds)),
                });
                by("POST", "/v1/api-keys", caller).json(&body)
            }
            Operation::ChangeKey { by: caller, key: n, change } => {
                by("PATCH", &key(n), caller).json(&self.key_change(now, change))
            }
            Operation::RotateKey { by: caller, key: n, grace_period } => {
                by("POST", &format!("{}/rotate", key(n)), caller).json(&json!({"grace_period": grace_period}))
            }
            Operation::RevokeKey { by: caller, key: n } => by("DELETE", &key(n), caller),
            Operation::CreateMember { by: caller, permissions } => {
                let body = json!({"email": new_address(), "permissions": permissions});
                by("POST", "/v1/members", caller).json(&body)
            }
            Operation::ChangeMember { by: caller, member: n, permissions, suspended } => {
                let status = suspended.map(|suspended| if suspended { "suspended" } else { "active" });
                by("PATCH", &member(n), caller).json(&json!({"permissions": permissions, "status": status}))
            }
            Operation::RemoveMember { by: caller, member: n } => by("DELETE", &member(n), caller),
            Operation::CreateProject { by: caller, environment } => {
                let path = format!("/v1/projects?environment={}", environment.as_str());
                by("POST", &path, caller).json(&json!({"name": project_name(0)}))
            }
            Operation::RenameProject { by: caller, project: n, environment, name } => {
                let body = json!({"name": project_name(*name)});
                by("PATCH", &project(n, environment), caller).json(&body)
            }
            Operation::DeleteProject { by: caller, project: n, environment } => {
                by("DELETE", &project(n, environment), caller)
            }
            Operation::Read { by: caller, resource } => by("GET", &self.path(*resource), caller),
            Operation::SuspendAccount { account } => {
                return self.operate(service, "suspend_account", *account);
            }
            Operation::RestoreAccount { account } => {
                return self.operate(service, "restore_account", *account);
            }
        };
        Box::pin(Request::send(request))
    }

    /// Returns the path of a resource.
    fn path(&self, resource: Resource) -> String {
        match resource {
            Resource::Me => "/v1/auth/me".to_owned(),
            Resource::Sessions => "/v1/auth/sessions?limit=100".to_owned(),
            Resource::MemberSessions(member) => {
                format!("/v1/members/{}/sessions?limit=100", self.members[member].id)
            }
            Resource::Keys => "/v1/api-keys?status=all&limit=100".to_owned(),
            Resource::Key(key) => format!("/v1/api-keys/{}", self.keys[key].0),
            Resource::KeyEvents(key) => format!("/v1/audit-events?limit=100&key_id={}", self.keys[key].0),
            Resource::Members => "/v1/members?limit=100".to_owned(),
            Resource::Member(member) => format!("/v1/members/{}", self.members[member].id),
            Resource::Projects(environment) => {
                format!("/v1/projects?limit=100&environment={}", environment.as_str())
            }
            Resource::Project(project, environment) => {
                format!("/v1/projects/{}?environment={}", self.projects[project], environment.as_str())
            }
            Resource::Events => "/v1/audit-events?limit=1".to_owned(),
        }
    }

    /// Returns a command of the operator as a request. Its result becomes a response with status 200.
    fn operate(&self, service: &Arc<OwnService>, command: &str, account: usize) -> PendingResponse {
        let command = json!({command: {"account_id": self.accounts[account]}});
        let service = Arc::clone(service);
        Box::pin(async move {
            let body = service.operate(command).await.expect("the command succeeds");
            Response { status: 200, headers: HeaderMap::new(), text: body.to_string(), body, is_head: false }
        })
    }

    pub fn project(&self, n: usize) -> &str {
        &self.projects[n]
    }

    /// Returns the number of the last created member.
    pub fn newest_member(&self) -> usize {
        self.members.len() - 1
    }

    /// Adds the id and the credential in the response to an operation. Returns the credential if there is one.
    pub fn add_from_response(&mut self, operation: &Operation, response: &Response) -> Option<Caller> {
        let id = || text(&response.body, "id").to_owned();
        let secret = || Credential::bearer(text(&response.body, "key"));
        match (operation, response.status) {
            (Operation::LogIn { member, .. }, 200) => {
                self.members[*member].invitation = None;
                let token = Credential::session(text(&response.body, "session_token"));
                self.sessions.push(MappedSession::new(token));
                return Some(Caller::Session(self.sessions.len() - 1));
            }
            (Operation::CreateKey { .. }, 201) => {
                self.keys.push((id(), vec![secret()]));
                return Some(Caller::Key(self.keys.len() - 1, 0));
            }
            (Operation::RotateKey { key, .. }, 200) => {
                let secrets = &mut self.keys[*key].1;
                secrets.push(secret());
                return Some(Caller::Key(*key, secrets.len() - 1));
            }
            (Operation::CreateMember { .. }, 201) => {
                self.members.push(MappedMember {
                    id: id(),
                    email: text(&response.body, "email").to_owned(),
                    invitation: Some(text(&response.body["invitation"], "token").to_owned()),
                });
            }
            (Operation::CreateProject { .. }, 201) => self.projects.push(id()),
            _ => {}
        }
        None
    }

    /// Returns the response that the service must return if it conforms to the model.
    pub fn expected_response(&self, model: &Model, model_response: &ModelResponse) -> ObservedResponse {
        let body = match &model_response.content {
            Content::Unmodeled => Value::Null,
            Content::One(entity) => self.body(model, *entity),
            Content::List(entities) => {
                let mut records: Vec<_> = entities.iter().map(|entity| self.body(model, *entity)).collect();
                sort_newest_first(&mut records);
                records.into()
            }
            Content::KeyEvents(events) => {
                sorted(events.iter().map(|(name, key)| format!("{name} {}", self.keys[*key].0)))
            }
        };
        (model_response.status, body)
    }

    /// Returns the body of a response that contains an entity.
    fn body(&self, model: &Model, entity: Entity) -> Value {
        let timestamp = |seconds: i64| self.timestamp(seconds);
        match entity {
            Entity::Me(Caller::Session(n)) => {
                let session = &model.sessions[n];
                let (member, mapped) = (&model.members[session.member], &self.members[session.member]);
                json!({
                    "type": "session",
                    "account_id": self.accounts[member.account],
                    "user_id": mapped.id,
                    "email": mapped.email,
                    "permissions": ordered(&member.permissions),
                    "expires_at": timestamp(session.created_at + SESSION_LIFETIME),
                    "authenticated_at": timestamp(session.created_at),
                    "factors": ["password"],
                })
            }
            Entity::Me(Caller::Key(n, secret)) => {
                let key = &model.keys[n];
                json!({
                    "type": "api_key",
                    "account_id": self.accounts[key.account],
                    "key_id": self.keys[n].0,
                    "name": key_name(key.name),
                    "key_type": key.environment,
                    "permissions": ordered(&key.permissions),
                    "scope": self.scope(&key.scope),
                    "expires_at": key.expires_at.map(timestamp),
                    "secret": if secret + 1 == key.secrets.len() { "current" } else { "previous" },
                })
            }
            Entity::Key(n) => {
                let key = &model.keys[n];
                let status = match key {
                    key if key.revoked => "revoked",
                    key if key.has_expired(model.now) => "expired",
                    key if key.disabled_by.is_some() => "disabled",
                    _ => "active",
                };
                let created_by = match key.created_by {
                    Creator::Member(member) => &self.members[member].id,
                    Creator::Key(key) => &self.keys[key].0,
                };
                json!({
                    "id": self.keys[n].0,
                    "name": key_name(key.name),
                    "type": key.environment,
                    "permissions": ordered(&key.permissions),
                    "scope": self.scope(&key.scope),
                    "allowed_ips": key.allowed_ips,
                    "status": status,
                    "created_at": timestamp(key.created_at),
                    "created_by": created_by,
                    "expires_at": key.expires_at.map(timestamp),
                })
            }
            Entity::RotatedKey(n) => {
                let mut record = self.body(model, Entity::Key(n));
                let previous = model.keys[n].secrets.iter().rev().nth(1).copied().flatten();
                record["previous_expires_at"] = previous.map(timestamp).into();
                record
            }
            Entity::Member(n) => {
                let (member, mapped) = (&model.members[n], &self.members[n]);
                json!({
                    "id": mapped.id,
                    "email": mapped.email,
                    "permissions": ordered(&member.permissions),
                    "status": match member.status {
                        Status::Invited => "invited",
                        Status::Active => "active",
                        Status::Suspended | Status::Removed => "suspended",
                    },
                    "created_at": timestamp(member.created_at),
                })
            }
            Entity::Project(n) => {
                let project = &model.projects[n];
                json!({
                    "id": self.projects[n],
                    "name": project_name(project.name),
                    "created_at": timestamp(project.created_at),
                })
            }
            Entity::Session(n, current) => {
                let session = &model.sessions[n];
                json!({
                    "id": self.sessions[n].id,
                    "created_at": timestamp(session.created_at),
                    "last_used_at": session.last_used_at.map(timestamp),
                    "expires_at": timestamp(session.created_at + SESSION_LIFETIME),
                    "current": Some(n) == current,
                })
            }
        }
    }
}

/// Returns the parts of a response that the model describes. `has_content` is false if the model does not describe the body.
pub fn observe(response: &Response, has_content: bool) -> ObservedResponse {
    let body = if response.status >= 300 || !has_content {
        Value::Null
    } else if let Some(events) = key_events(&response.body) {
        events
    } else if let Some(list) = response.body["data"].as_array() {
        assert!(response.body["next_cursor"].is_null(), "the list has another page: {}", response.text);
        let mut records: Vec<_> = list.iter().cloned().map(modeled_fields).collect();
        let as_listed = records.clone();
        sort_newest_first(&mut records);
        assert_eq!(as_listed, records, "lists start with the newest entity");
        records.into()
    } else {
        modeled_fields(response.body.clone())
    };
    (response.status, body)
}

/// Returns the names of the events in a page of audit events that are about keys, each with the id of the key. Returns `None` if
/// the body is not a page of audit events. The page may have a next one, because it contains the events of some keys only.
fn key_events(body: &Value) -> Option<Value> {
    let events = body["data"].as_array()?;
    events.first()?.get("actor")?;
    let about_keys = events.iter().filter(|event| event.get("key_id").is_some());
    Some(sorted(about_keys.map(|event| format!("{} {}", text(event, "type"), text(event, "key_id")))))
}

fn sorted(lines: impl Iterator<Item = String>) -> Value {
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    lines.into()
}

/// Removes the fields that the model does not describe.
fn modeled_fields(mut record: Value) -> Value {
    let is_session = record.get("current").is_some();
    if let Some(record) = record.as_object_mut() {
        for name in
            ["hint", "key", "invitation", "user_agent", "ip_address", "last_used_ip", "previous_secret"]
        {
            record.remove(name);
        }
        if !is_session {
            for name in ["last_used_at", "last_used_ip", "previous_secret"] {
                record.remove(name);
            }
        }
    }
    record
}

/// Sorts entities by descending id, which is the order of lists.
fn sort_newest_first(records: &mut [Value]) {
    records.sort_by(|one, other| other["id"].as_str().cmp(&one["id"].as_str()));
}
