//! Two accounts know nothing of each other: whatever id of another's stands wherever in a request, the response is the one
//! to an id of nothing, byte for byte and with the same calls to the table, and nothing of the other's changes.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shared::{
    credentials::token::NewToken,
    primitives::{environment::Environment, random::Random},
};

use crate::{
    dynamodb::{Call, DynamoDb},
    input::bodies,
    operation_table,
    operations::openapi::DOCUMENT,
    response::{Response, text},
    service::{Account, Credential, Item, OwnService, Service},
};

/// An account with one of everything.
struct PopulatedAccount {
    account: Account,
    key: Credential,
    /// What a parameter of this name would name, and its id.
    ids: Vec<(&'static str, String)>,
}

async fn populated_account(service: &Service) -> PopulatedAccount {
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let sessions = service.get("/v1/auth/sessions", &account.session).await.expect(200);
    let events = service.get("/v1/audit-events", &account.session).await.expect(200);
    let ids = vec![
        ("key_id", text(&record, "id").to_owned()),
        ("project_id", service.project(&account.session).await),
        ("user_id", account.user_id.clone()),
        ("session_id", text(&sessions["data"][0], "id").to_owned()),
        ("account_id", account.id.clone()),
        ("event_id", text(&events["data"][0], "id").to_owned()),
    ];
    PopulatedAccount { account, key, ids }
}

impl PopulatedAccount {
    fn id(&self, name: &str) -> &str {
        let found = self.ids.iter().find(|(named, _)| *named == name);
        &found.unwrap_or_else(|| panic!("no {name}")).1
    }
}

/// An id like `id`, of the same age, that names nothing.
fn unknown_id(id: &str) -> String {
    let (begin, last) = id.split_at(id.len() - 1);
    format!("{begin}{}", if last == "0" { "1" } else { "0" })
}

/// Where in a request something of another's can stand.
#[derive(Clone, Copy, Debug)]
enum IdLocation {
    /// A parameter of the path.
    Path(&'static str),
    /// A cursor, as another was given it.
    Cursor,
    /// A cursor, made up, that claims to be the caller's own.
    MadeUpCursor,
    /// Another parameter of the query.
    Query(&'static str),
    /// The header `Idempotency-Key`.
    IdempotencyKey,
    /// The body's `scope`.
    Scope,
    /// The body's `email`.
    Address,
}

/// All id_locations of a route, as the API's description has them: one that nobody has thought of here is a failure.
fn id_locations(method: &str, route: &str) -> Vec<IdLocation> {
    let operation = &DOCUMENT["paths"][route][method.to_ascii_lowercase()];
    let mut id_locations = Vec::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        match (text(parameter, "in"), text(parameter, "name")) {
            ("path", name @ ("key_id" | "project_id" | "user_id" | "session_id")) => {
                id_locations.push(IdLocation::Path(name));
            }
            ("query", "cursor") => id_locations.extend([IdLocation::Cursor, IdLocation::MadeUpCursor]),
            ("query", "key_id") => id_locations.push(IdLocation::Query("key_id")),
            ("header", "Idempotency-Key") => id_locations.push(IdLocation::IdempotencyKey),
            // They name nothing.
            ("query", "limit" | "status" | "environment") => {}
            unknown => panic!("nobody knows whether {unknown:?} of {method} {route} names anything"),
        }
    }
    let body = operation.pointer("/requestBody/content/application~1json/schema/properties");
    for (name, _) in body.and_then(Value::as_object).into_iter().flatten() {
        match name.as_str() {
            "scope" => id_locations.push(IdLocation::Scope),
            "email" => id_locations.push(IdLocation::Address),
            "name" | "permissions" | "type" | "expires_at" | "grace_period" | "status" | "password"
            | "current_password" | "new_password" => {}
            unknown => panic!("nobody knows whether `{unknown}` of {method} {route} names anything"),
        }
    }
    id_locations
}

/// A request that names something, or nothing.
struct RequestWithId {
    path: String,
    key: Option<String>,
    body: String,
    /// What it names, which its response may repeat.
    id: String,
}

/// All of a response that may not differ, and what was called for it.
#[derive(Clone, Debug, PartialEq)]
struct Observation {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    calls: Vec<Call>,
}

impl RequestWithId {
    /// A request of `route` whose path names these, and that is good otherwise.
    fn new(method: &str, route: &str, path: &[(&str, &str)], id: &str) -> Self {
        let fill = |path: String, (name, id): &(&str, &str)| path.replace(&format!("{{{name}}}"), id);
        let path = path.iter().fold(route.to_owned(), fill);
        Self { path, key: None, body: bodies::good(method, route), id: id.to_owned() }
    }

    fn with_query(self, name: &str, value: &str) -> Self {
        Self { path: format!("{}?{name}={value}", self.path), ..self }
    }

    fn with_member(self, name: &str, value: Value) -> Self {
        let mut body: Value = serde_json::from_str(&self.body).expect("a body");
        body[name] = value;
        Self { body: body.to_string(), ..self }
    }

    async fn send(&self, service: &Service, method: &str, by: &Credential) -> Response {
        let request = service.request(method, &self.path).with(by);
        let request = request.header("Content-Type", "application/json").body(self.body.as_str());
        let request = match &self.key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        };
        request.send().await
    }

    /// Sends it, and looks at all that comes of it.
    async fn observe(&self, service: &Service, dynamodb: &DynamoDb, method: &str, by: &Credential) -> Observation {
        dynamodb.calls();
        let response = self.send(service, method, by).await;
        let mut calls = dynamodb.detailed_calls();
        // How much of a key's quota is taken ahead depends on what it did before.
        calls.retain(|call| (call.caller.as_str(), call.operation.as_str()) != ("authorizer", "UpdateItem"));
        let own_to_each = ["x-request-id", "x-amzn-requestid", "x-amz-apigw-id", "date", "ratelimit"];
        let headers = response.headers.iter().filter(|(name, _)| !own_to_each.contains(&name.as_str()));
        let headers = headers
            .map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").to_owned()))
            .collect();
        let body = if response.status < 300 { without_generated_values(response.body) } else { response.text };
        Observation { status: response.status, headers, body: body.replace(&self.id, "the id"), calls }
    }
}

/// A record, or a list, without what is new about each new thing, and how lately things were used.
fn without_generated_values(mut body: Value) -> String {
    let is_new = body.get("key").is_some() || body.get("created_at").is_some();
    let new = ["id", "key", "hint", "created_at", "previous_expires_at"];
    for name in new.iter().filter(|_| is_new) {
        if let Some(value) = body.get_mut(name) {
            *value = json!("…");
        }
    }
    for thing in body.get_mut("data").and_then(Value::as_array_mut).into_iter().flatten() {
        thing.as_object_mut().expect("an object").remove("last_used_at");
    }
    body.to_string()
}

/// What is in the table and is not `caller`'s.
async fn others_items(service: &OwnService, caller: &PopulatedAccount) -> BTreeMap<(String, String), Item> {
    let items = service.items().await.into_iter().map(|item| {
        let key = ["pk", "sk"].map(|name| item[name].as_s().expect("a text").clone());
        (key.into(), item)
    });
    items.filter(|((pk, _), _): &((String, String), _)| !pk.contains(&caller.account.id)).collect()
}

#[tokio::test]
async fn another_accounts_id_looks_like_an_unknown_id() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let (mine, others) = (populated_account(&service).await, populated_account(&service).await);
    for of in [&mine, &others] {
        // A second thing on each list, so that there are cursors.
        service.key(&of.account.session, json!({})).await;
        service.project(&of.account.session).await;
        service.member(&of.account.session, &["read"]).await;
        service.login(&of.account.email).await;
    }
    let mut tried = 0;
    // A public one has no caller, to whom anything could be another's.
    for route in service.gateway.routes().iter().filter(|route| !route.public) {
        let (method, route) = (route.method.as_str(), route.path.as_str());
        for place in id_locations(method, route) {
            let expected: &[u16] = match place {
                IdLocation::Path(_) => &[404],
                IdLocation::Cursor => &[400],
                IdLocation::MadeUpCursor | IdLocation::Query(_) => &[200],
                IdLocation::IdempotencyKey => &[200, 201],
                IdLocation::Scope => &[201],
                IdLocation::Address => &[409],
            };
            for by in [&mine.account.session, &mine.key] {
                let request_pairs = request_pairs(&service, method, route, place, &mine, &others).await;
                let before = others_items(&service, &mine).await;
                for (anothers, none) in request_pairs {
                    let case = format!("{method} {} {place:?} {}", anothers.path, anothers.id);
                    let response = anothers.observe(&service, &dynamodb, method, by).await;
                    let is_for_sessions = route.starts_with("/v1/auth/sessions") && *by == mine.key;
                    let expected = if is_for_sessions { &[403] } else { expected };
                    assert!(expected.contains(&response.status), "{case}: {response:?}");
                    assert_eq!(response, none.observe(&service, &dynamodb, method, by).await, "{case}");
                    tried += 1;
                }
                assert_eq!(others_items(&service, &mine).await, before, "{method} {route} {place:?}");
            }
        }
    }
    assert!(tried > 150, "{tried}");
    assert_eq!(service.me(&others.key).await.expect(200)["secret"], "current");
}

/// Requests that name something of another's in this place, each beside one that names nothing there.
async fn request_pairs(
    service: &OwnService,
    method: &str,
    route: &str,
    place: IdLocation,
    mine: &PopulatedAccount,
    others: &PopulatedAccount,
) -> Vec<(RequestWithId, RequestWithId)> {
    // What a good request of the caller's own names in its path. It may be rotated, so the key is a new one.
    let (_, key) = service.key(&mine.account.session, json!({})).await;
    let own = [("key_id", text(&key, "id")), ("project_id", mine.id("project_id"))];
    let good = |id: &str| RequestWithId::new(method, route, &own, id);
    let beside = |id: &str, naming: &dyn Fn(&str) -> RequestWithId| (naming(id), naming(&unknown_id(id)));
    let first_page = async |of: &PopulatedAccount| {
        let page = service.get(&format!("{route}?limit=1"), &of.account.session).await.expect(200);
        text(&page, "next_cursor").to_owned()
    };
    let ids = others.ids.iter().map(|(_, id)| id);
    match place {
        IdLocation::Path(name) => {
            ids.map(|id| beside(id, &|id| RequestWithId::new(method, route, &[(name, id)], id))).collect()
        }
        IdLocation::Cursor => {
            let cursor = first_page(others).await;
            let none = change_cursor(&cursor, |said| {
                let said = said.replace(&others.account.id, &unknown_id(&others.account.id));
                said.replace(&others.account.user_id, &unknown_id(&others.account.user_id))
            });
            assert_ne!(cursor, none);
            vec![(good("-").with_query("cursor", &cursor), good("-").with_query("cursor", &none))]
        }
        IdLocation::MadeUpCursor => {
            let cursor = first_page(mine).await;
            let behind = |id: &str| {
                change_cursor(&cursor, |said| format!("{} {id}", said.rsplit_once(' ').expect("an id").0))
            };
            ids.map(|id| beside(id, &|id| good("-").with_query("cursor", &behind(id)))).collect()
        }
        IdLocation::Query(name) => vec![beside(others.id(name), &|id| good("-").with_query(name, id))],
        IdLocation::IdempotencyKey => {
            // Another has done the like by that key.
            let used = format!("{:032x}", u128::from_be_bytes(Random::system().bytes()));
            let (_, theirs) = service.key(&others.account.session, json!({})).await;
            let theirs = RequestWithId::new(method, route, &[("key_id", text(&theirs, "id"))], &used);
            let done = RequestWithId { key: Some(used.clone()), ..theirs };
            let done = done.send(service, method, &others.account.session).await;
            assert!(done.status < 300, "{}", done.text);
            vec![beside(&used, &|key| RequestWithId { key: Some(key.to_owned()), ..good(key) })]
        }
        IdLocation::Scope => {
            let within = |id: &str| good(id).with_member("scope", json!({"projects": [id]}));
            vec![beside(others.id("project_id"), &within)]
        }
        // An address is one member's, of whichever account. That it is taken is told, and not by whom.
        IdLocation::Address => {
            let of = |populated_account: &PopulatedAccount| good("-").with_member("email", json!(populated_account.account.email));
            vec![(of(others), of(mine))]
        }
    }
}

/// A cursor that says something else, in the way in which it is written.
fn change_cursor(cursor: &str, change: impl FnOnce(&str) -> String) -> String {
    let said = BASE64_URL_SAFE_NO_PAD.decode(cursor).expect("base64");
    BASE64_URL_SAFE_NO_PAD.encode(change(&String::from_utf8(said).expect("a text")))
}

#[tokio::test]
async fn forged_token_with_another_accounts_ids_looks_like_one_with_unknown_ids() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let others = populated_account(&service).await;
    let before = service.items().await;
    let mut first: Option<Observation> = None;
    let random = Random::system();
    let bearer = |account: &str, key: &str| Credential::forged(Environment::Live, account, key);
    let session = |account: &str, user: &str, session: &str| {
        let (account, user) = (account.parse().expect("an id"), user.parse().expect("an id"));
        let token = NewToken::for_session(account, user, session.parse().expect("an id"), &random);
        Credential::session(token.expose())
    };
    let id = |name: &str| others.id(name).to_owned();
    let no = |name: &str| unknown_id(others.id(name));
    for route in service.gateway.routes().iter().filter(|route| !route.public) {
        let (method, route) = (route.method.as_str(), route.path.as_str());
        let ids: Vec<_> = others.ids.iter().map(|(name, id)| (*name, id.as_str())).collect();
        let request = RequestWithId::new(method, route, &ids, "-");
        for by in [
            bearer(&id("account_id"), &id("key_id")),
            bearer(&id("account_id"), &no("key_id")),
            bearer(&no("account_id"), &id("key_id")),
            bearer(&no("account_id"), &no("key_id")),
            session(&id("account_id"), &id("user_id"), &id("session_id")),
            session(&id("account_id"), &id("user_id"), &no("session_id")),
            session(&id("account_id"), &no("user_id"), &id("session_id")),
            session(&no("account_id"), &no("user_id"), &no("session_id")),
        ] {
            request.send(&service, method, &by).await.assert_unauthorized();
            let observation = request.observe(&service, &dynamodb, method, &by).await;
            let calls = vec![Call {
                caller: "authorizer".to_owned(),
                operation: "BatchGetItem".to_owned(),
                is_direct: true,
                fault: None,
            }];
            assert_eq!(observation.calls, calls, "{method} {route}");
            let first = first.get_or_insert_with(|| observation.clone());
            assert_eq!(observation, *first, "{method} {route}");
        }
    }
    assert_eq!(service.items().await.len(), before.len());
    for item in service.items().await {
        assert!(before.contains(&item), "{item:?}");
    }
}

/// The lists of what [`PopulatedAccount`] has ids of, in the order of those.
const LISTS: [&str; 4] = ["/v1/api-keys?status=all", "/v1/projects", "/v1/members", "/v1/auth/sessions"];

#[tokio::test]
async fn lists_return_only_the_callers_own_items() {
    let service = Service::start().await;
    let (mine, others) = (populated_account(&service).await, populated_account(&service).await);
    for (list, (_, id)) in LISTS.iter().zip(&mine.ids) {
        assert_eq!(service.ids(list, &mine.account.session, 1).await, std::slice::from_ref(id), "{list}");
    }
    for list in LISTS.into_iter().chain(operation_table::lists()) {
        let page = service.get(list, &mine.account.session).await.text;
        let foreign = others.ids.iter().map(|(_, id)| id).chain([&others.account.id, &others.account.email]);
        for id in foreign {
            assert!(!page.contains(id), "{list}: {page}");
        }
    }
}

#[tokio::test]
async fn session_of_another_member_returns_404() {
    let service = Service::start().await;
    let mine = populated_account(&service).await;
    let (colleague, _) = service.member(&mine.account.session, &["read", "admin"]).await;
    let (_, session) = &mine.ids[3];
    service.delete(&format!("/v1/auth/sessions/{session}"), &colleague).await.assert_not_found();
    assert!(!service.ids("/v1/auth/sessions", &colleague, 100).await.contains(session));
    service.me(&mine.account.session).await.expect(200);
}

#[tokio::test]
async fn scope_with_another_accounts_project_grants_no_access() {
    let service = Service::start().await;
    let (mine, others) = (populated_account(&service).await, populated_account(&service).await);
    let (_, project) = &others.ids[1];
    let (key, _) = service.key(&mine.account.session, json!({"scope": {"projects": [project]}})).await;
    let path = format!("/v1/projects/{project}");
    service.get(&path, &key).await.assert_not_found();
    service.patch(&path, &key, json!({"name": "Mine"})).await.assert_not_found();
    service.delete(&path, &key).await.assert_not_found();
    assert_eq!(service.get("/v1/projects", &key).await.expect(200)["data"], json!([]));
    service.get(&path, &others.key).await.expect(200);
}

#[tokio::test]
async fn suspension_does_not_affect_other_accounts() {
    let service = Service::start().await;
    let (mine, others) = (populated_account(&service).await, populated_account(&service).await);
    let suspended: Value =
        service.operate(json!({"suspend_account": {"account_id": mine.account.id}})).await.unwrap();
    assert_eq!(suspended["status"], "suspended");
    for credential in [&mine.key, &mine.account.session] {
        service.me(credential).await.assert_forbidden();
    }
    for credential in [&others.key, &others.account.session] {
        service.me(credential).await.expect(200);
    }
}
