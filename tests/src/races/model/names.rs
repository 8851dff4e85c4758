//! What the service calls the things of the model, how operations are sent to it, and what its answers would be if it
//! were the model.

use std::{pin::Pin, sync::Arc};

use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use shared::{
    credentials::token::Token,
    primitives::{environment::Environment, timestamp::Timestamp},
};
use time::{Duration, OffsetDateTime};

use crate::{
    races::model::{
        Caller, Model, RIGHTS, Rights, SESSION_LIFETIME, Scope, Status,
        operation::{Operation, Outcome, Shows, Thing, What},
    },
    response::{Answer, text},
    service::{Credential, OwnService, PASSWORD, Request, new_address},
};

/// An answer that is to come.
pub type AuthorizationRequest = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What of an answer the model knows.
pub type Seen = (u16, Value);

/// What the service calls the things of the model.
#[derive(Clone, Debug)]
pub struct Names {
    /// When the model began.
    began: OffsetDateTime,
    accounts: Vec<String>,
    members: Vec<Person>,
    sessions: Vec<Shown>,
    /// The id of each key, and its secrets.
    keys: Vec<(String, Vec<Credential>)>,
    projects: Vec<String>,
}

#[derive(Clone, Debug)]
struct Person {
    id: String,
    email: String,
}

/// A session's token, as it was shown.
#[derive(Clone, Debug)]
struct Shown {
    id: String,
    token: Credential,
}

impl Shown {
    fn new(token: Credential) -> Self {
        let Ok(Token::Session(session)) = Token::from_authorization(&token.0) else {
            panic!("not a session");
        };
        let id = session.session_id.to_string();
        Self { id, token }
    }
}

/// A password that is neither common nor like another.
fn password(n: u8) -> String {
    if n == 0 { PASSWORD.to_owned() } else { format!("{PASSWORD}, and {n} more") }
}

fn project_name(n: u8) -> String {
    format!("Project {n}")
}

/// Permissions in the order in which answers have them.
fn in_order(rights: &Rights) -> Vec<&'static str> {
    RIGHTS.into_iter().filter(|right| rights.contains(right)).collect()
}

impl Names {
    /// Those of [`Model::begun`], which begins now.
    pub async fn begin(service: &OwnService, accounts: usize) -> Self {
        service.time.begin_second();
        let mut names = Self {
            began: service.time.now(),
            accounts: Vec::new(),
            members: Vec::new(),
            sessions: Vec::new(),
            keys: Vec::new(),
            projects: Vec::new(),
        };
        for n in 0..accounts {
            let account = service.account().await;
            names.accounts.push(account.id);
            names.members.push(Person { id: account.user_id, email: account.email });
            names.sessions.push(Shown::new(account.session));
            names.projects.push(format!("proj_nothing{n}"));
        }
        names
    }

    pub fn credential(&self, by: Caller) -> &Credential {
        match by {
            Caller::Session(session) => &self.sessions[session].token,
            Caller::Key(key, secret) => &self.keys[key].1[secret],
        }
    }

    fn moment(&self, seconds: i64) -> String {
        Timestamp::from(self.began + Duration::seconds(seconds)).to_string()
    }

    fn scope(&self, scope: &Scope) -> Value {
        scope.as_ref().map_or(Value::Null, |scope| {
            let ids: Vec<_> = scope.iter().map(|project| self.projects[*project].as_str()).collect();
            json!({"projects": ids})
        })
    }

    /// Sends an operation, at the time `now` of the model. The answer is to be waited for.
    pub fn send(&self, service: &Arc<OwnService>, now: i64, operation: &Operation) -> AuthorizationRequest {
        let by =
            |method: &str, path: &str, by: &Caller| service.request(method, path).with(self.credential(*by));
        let key = |n: &usize| format!("/v1/api-keys/{}", self.keys[*n].0);
        let member = |n: &usize| format!("/v1/members/{}", self.members[*n].id);
        let project = |n: &usize, environment: &Environment| {
            format!("/v1/projects/{}?environment={}", self.projects[*n], environment.as_str())
        };
        let request = match operation {
            Operation::LogIn { member, password: n } => {
                let body = json!({"email": self.members[*member].email, "password": password(*n)});
                service.request("POST", "/v1/auth/login").json(&body)
            }
            Operation::LogOut { by: caller } => by("POST", "/v1/auth/logout", caller),
            Operation::EndSession { by: caller, session } => {
                by("DELETE", &format!("/v1/auth/sessions/{}", self.sessions[*session].id), caller)
            }
            Operation::ChangePassword { by: caller, current, new } => {
                let body = json!({"current_password": password(*current), "new_password": password(*new)});
                by("POST", "/v1/auth/password", caller).json(&body)
            }
            Operation::CreateKey { by: caller, rights, environment, scope, lives } => {
                let body = json!({
                    "name": "A key",
                    "permissions": rights,
                    "type": environment,
                    "scope": self.scope(scope),
                    "expires_at": lives.map(|seconds| self.moment(now + seconds)),
                });
                by("POST", "/v1/api-keys", caller).json(&body)
            }
            Operation::RotateKey { by: caller, key: n, grace } => {
                by("POST", &format!("{}/rotate", key(n)), caller).json(&json!({"grace_period": grace}))
            }
            Operation::RevokeKey { by: caller, key: n } => by("DELETE", &key(n), caller),
            Operation::CreateMember { by: caller, rights } => {
                let body = json!({"email": new_address(), "password": PASSWORD, "permissions": rights});
                by("POST", "/v1/members", caller).json(&body)
            }
            Operation::ChangeMember { by: caller, member: n, rights, suspended } => {
                let status = suspended.map(|suspended| if suspended { "suspended" } else { "active" });
                by("PATCH", &member(n), caller).json(&json!({"permissions": rights, "status": status}))
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
            Operation::Show { by: caller, what } => by("GET", &self.path(*what), caller),
            Operation::SuspendAccount { account } => {
                return self.operate(service, "suspend_account", *account);
            }
            Operation::RestoreAccount { account } => {
                return self.operate(service, "restore_account", *account);
            }
        };
        Box::pin(Request::send(request))
    }

    /// The path of what is read.
    fn path(&self, what: What) -> String {
        match what {
            What::Me => "/v1/auth/me".to_owned(),
            What::Sessions => "/v1/auth/sessions?limit=100".to_owned(),
            What::Keys => "/v1/api-keys?status=all&limit=100".to_owned(),
            What::Key(key) => format!("/v1/api-keys/{}", self.keys[key].0),
            What::Members => "/v1/members?limit=100".to_owned(),
            What::Member(member) => format!("/v1/members/{}", self.members[member].id),
            What::Projects(environment) => {
                format!("/v1/projects?limit=100&environment={}", environment.as_str())
            }
            What::Project(project, environment) => {
                format!("/v1/projects/{}?environment={}", self.projects[project], environment.as_str())
            }
            What::Events => "/v1/audit-events?limit=1".to_owned(),
        }
    }

    /// A command of the operator, answered as a request would be.
    fn operate(&self, service: &Arc<OwnService>, command: &str, account: usize) -> AuthorizationRequest {
        let command = json!({command: {"account_id": self.accounts[account]}});
        let service = Arc::clone(service);
        Box::pin(async move {
            let body = service.operate(command).await.expect("it is done");
            Answer { status: 200, headers: HeaderMap::new(), text: body.to_string(), body }
        })
    }

    pub fn project(&self, n: usize) -> &str {
        &self.projects[n]
    }

    /// The number of the member who was made last.
    pub fn newest_member(&self) -> usize {
        self.members.len() - 1
    }

    /// Learns from the answer to `operation` what the service calls the thing that came of it. Returns the credential
    /// that it shows, if it shows one.
    pub fn learn(&mut self, operation: &Operation, answer: &Answer) -> Option<Caller> {
        let id = || text(&answer.body, "id").to_owned();
        let secret = || Credential::bearer(text(&answer.body, "key"));
        match (operation, answer.status) {
            (Operation::LogIn { .. }, 200) => {
                let token = Credential::session(text(&answer.body, "session_token"));
                self.sessions.push(Shown::new(token));
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
                self.members.push(Person { id: id(), email: text(&answer.body, "email").to_owned() });
            }
            (Operation::CreateProject { .. }, 201) => self.projects.push(id()),
            _ => {}
        }
        None
    }

    /// What the service answers, if it is the model.
    pub fn expected(&self, model: &Model, outcome: &Outcome) -> Seen {
        let body = match &outcome.shows {
            Shows::Nothing => Value::Null,
            Shows::One(thing) => self.record(model, *thing),
            Shows::All(things) => {
                let mut records: Vec<_> = things.iter().map(|thing| self.record(model, *thing)).collect();
                sort_by_id(&mut records);
                records.into()
            }
        };
        (outcome.status, body)
    }

    fn record(&self, model: &Model, thing: Thing) -> Value {
        let moment = |seconds: i64| self.moment(seconds);
        match thing {
            Thing::Me(Caller::Session(n)) => {
                let session = &model.sessions[n];
                let (member, person) = (&model.members[session.member], &self.members[session.member]);
                json!({
                    "type": "session",
                    "account_id": self.accounts[member.account],
                    "user_id": person.id,
                    "email": person.email,
                    "permissions": in_order(&member.rights),
                    "expires_at": moment(session.made + SESSION_LIFETIME),
                })
            }
            Thing::Me(Caller::Key(n, secret)) => {
                let key = &model.keys[n];
                json!({
                    "type": "api_key",
                    "account_id": self.accounts[key.account],
                    "key_id": self.keys[n].0,
                    "name": "A key",
                    "key_type": key.environment,
                    "permissions": in_order(&key.rights),
                    "scope": self.scope(&key.scope),
                    "expires_at": key.expires_at.map(moment),
                    "secret": if secret + 1 == key.secrets.len() { "current" } else { "previous" },
                })
            }
            Thing::Key(n) => {
                let key = &model.keys[n];
                let status = match key {
                    key if key.revoked => "revoked",
                    key if key.has_expired(model.now) => "expired",
                    _ => "active",
                };
                json!({
                    "id": self.keys[n].0,
                    "name": "A key",
                    "type": key.environment,
                    "permissions": in_order(&key.rights),
                    "scope": self.scope(&key.scope),
                    "status": status,
                    "created_at": moment(key.made),
                    "expires_at": key.expires_at.map(moment),
                })
            }
            Thing::RotatedKey(n) => {
                let mut record = self.record(model, Thing::Key(n));
                let previous = model.keys[n].secrets.iter().rev().nth(1).copied().flatten();
                record["previous_expires_at"] = previous.map(moment).into();
                record
            }
            Thing::Member(n) => {
                let (member, person) = (&model.members[n], &self.members[n]);
                json!({
                    "id": person.id,
                    "email": person.email,
                    "permissions": in_order(&member.rights),
                    "status": if member.status == Status::Active { "active" } else { "suspended" },
                    "created_at": moment(member.made),
                })
            }
            Thing::Project(n) => {
                let project = &model.projects[n];
                json!({
                    "id": self.projects[n],
                    "name": project_name(project.name),
                    "created_at": moment(project.made),
                })
            }
            Thing::Session(n, current) => {
                let session = &model.sessions[n];
                json!({
                    "id": self.sessions[n].id,
                    "created_at": moment(session.made),
                    "last_used_at": session.last_used.map(moment),
                    "expires_at": moment(session.made + SESSION_LIFETIME),
                    "current": n == current,
                })
            }
        }
    }
}

/// What of an answer the model knows, which is all it `shows`, if that is anything.
pub fn seen(answer: &Answer, shows: bool) -> Seen {
    let body = if answer.status >= 300 || !shows {
        Value::Null
    } else if let Some(list) = answer.body["data"].as_array() {
        assert!(answer.body["next_cursor"].is_null(), "there is more: {}", answer.text);
        let mut records: Vec<_> = list.iter().cloned().map(known).collect();
        let as_listed = records.clone();
        sort_by_id(&mut records);
        assert_eq!(as_listed, records, "newest first");
        records.into()
    } else {
        known(answer.body.clone())
    };
    (answer.status, body)
}

/// A record without what the model does not know.
fn known(mut record: Value) -> Value {
    let is_session = record.get("current").is_some();
    if let Some(record) = record.as_object_mut() {
        for name in ["hint", "key", "user_agent"] {
            record.remove(name);
        }
        if !is_session {
            record.remove("last_used_at");
        }
    }
    record
}

/// Newest first.
fn sort_by_id(records: &mut [Value]) {
    records.sort_by(|one, other| other["id"].as_str().cmp(&one["id"].as_str()));
}
