//! Two accounts know nothing of each other: whatever id of another's stands wherever in a request, the answer is the one
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
    response::{Answer, text},
    service::{Account, Credential, Item, OwnService, Service},
};

/// An account with one of everything.
struct Full {
    account: Account,
    key: Credential,
    /// What a parameter of this name would name, and its id.
    ids: Vec<(&'static str, String)>,
}

async fn full(service: &Service) -> Full {
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
    Full { account, key, ids }
}

impl Full {
    fn id(&self, name: &str) -> &str {
        let found = self.ids.iter().find(|(named, _)| *named == name);
        &found.unwrap_or_else(|| panic!("no {name}")).1
    }
}

/// An id like `id`, of the same age, that names nothing.
fn nobodys(id: &str) -> String {
    let (begin, last) = id.split_at(id.len() - 1);
    format!("{begin}{}", if last == "0" { "1" } else { "0" })
}

/// Where in a request something of another's can stand.
#[derive(Clone, Copy, Debug)]
enum Place {
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

/// All places of a route, as the API's description has them: one that nobody has thought of here is a failure.
fn places(method: &str, route: &str) -> Vec<Place> {
    let operation = &DOCUMENT["paths"][route][method.to_ascii_lowercase()];
    let mut places = Vec::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        match (text(parameter, "in"), text(parameter, "name")) {
            ("path", name @ ("key_id" | "project_id" | "user_id" | "session_id")) => {
                places.push(Place::Path(name));
            }
            ("query", "cursor") => places.extend([Place::Cursor, Place::MadeUpCursor]),
            ("query", "key_id") => places.push(Place::Query("key_id")),
            ("header", "Idempotency-Key") => places.push(Place::IdempotencyKey),
            // They name nothing.
            ("query", "limit" | "status" | "environment") => {}
            unknown => panic!("nobody knows whether {unknown:?} of {method} {route} names anything"),
        }
    }
    let body = operation.pointer("/requestBody/content/application~1json/schema/properties");
    for (name, _) in body.and_then(Value::as_object).into_iter().flatten() {
        match name.as_str() {
            "scope" => places.push(Place::Scope),
            "email" => places.push(Place::Address),
            "name" | "permissions" | "type" | "expires_at" | "grace_period" | "status" | "password"
            | "current_password" | "new_password" => {}
            unknown => panic!("nobody knows whether `{unknown}` of {method} {route} names anything"),
        }
    }
    places
}

/// A request that names something, or nothing.
struct Naming {
    path: String,
    key: Option<String>,
    body: String,
    /// What it names, which its answer may repeat.
    id: String,
}

/// All of an answer that may not differ, and what was called for it.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    calls: Vec<Call>,
}

impl Naming {
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

    async fn send(&self, service: &Service, method: &str, by: &Credential) -> Answer {
        let request = service.request(method, &self.path).with(by);
        let request = request.header("Content-Type", "application/json").body(self.body.as_str());
        let request = match &self.key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        };
        request.send().await
    }

    /// Sends it, and looks at all that comes of it.
    async fn see(&self, service: &Service, dynamodb: &DynamoDb, method: &str, by: &Credential) -> Seen {
        dynamodb.calls();
        let answer = self.send(service, method, by).await;
        let mut calls = dynamodb.told_calls();
        // How much of a key's quota is taken ahead depends on what it did before.
        calls.retain(|call| (call.caller.as_str(), call.operation.as_str()) != ("authorizer", "UpdateItem"));
        let own_to_each = ["x-request-id", "x-amzn-requestid", "x-amz-apigw-id", "date", "ratelimit"];
        let headers = answer.headers.iter().filter(|(name, _)| !own_to_each.contains(&name.as_str()));
        let headers = headers
            .map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").to_owned()))
            .collect();
        let body = if answer.status < 300 { masked(answer.body) } else { answer.text };
        Seen { status: answer.status, headers, body: body.replace(&self.id, "the id"), calls }
    }
}

/// A record, or a list, without what is new about each new thing, and how lately things were used.
fn masked(mut body: Value) -> String {
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
async fn others_items(service: &OwnService, caller: &Full) -> BTreeMap<(String, String), Item> {
    let items = service.items().await.into_iter().map(|item| {
        let key = ["pk", "sk"].map(|name| item[name].as_s().expect("a text").clone());
        (key.into(), item)
    });
    items.filter(|((pk, _), _): &((String, String), _)| !pk.contains(&caller.account.id)).collect()
}

#[tokio::test]
async fn anothers_in_any_place_of_any_route_looks_like_nothing() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let (mine, others) = (full(&service).await, full(&service).await);
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
        for place in places(method, route) {
            let expected: &[u16] = match place {
                Place::Path(_) => &[404],
                Place::Cursor => &[400],
                Place::MadeUpCursor | Place::Query(_) => &[200],
                Place::IdempotencyKey => &[200, 201],
                Place::Scope => &[201],
                Place::Address => &[409],
            };
            for by in [&mine.account.session, &mine.key] {
                let pairs = pairs(&service, method, route, place, &mine, &others).await;
                let before = others_items(&service, &mine).await;
                for (anothers, none) in pairs {
                    let case = format!("{method} {} {place:?} {}", anothers.path, anothers.id);
                    let answer = anothers.see(&service, &dynamodb, method, by).await;
                    let is_for_sessions = route.starts_with("/v1/auth/sessions") && *by == mine.key;
                    let expected = if is_for_sessions { &[403] } else { expected };
                    assert!(expected.contains(&answer.status), "{case}: {answer:?}");
                    assert_eq!(answer, none.see(&service, &dynamodb, method, by).await, "{case}");
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
async fn pairs(
    service: &OwnService,
    method: &str,
    route: &str,
    place: Place,
    mine: &Full,
    others: &Full,
) -> Vec<(Naming, Naming)> {
    // What a good request of the caller's own names in its path. It may be rotated, so the key is a new one.
    let (_, key) = service.key(&mine.account.session, json!({})).await;
    let own = [("key_id", text(&key, "id")), ("project_id", mine.id("project_id"))];
    let good = |id: &str| Naming::new(method, route, &own, id);
    let beside = |id: &str, naming: &dyn Fn(&str) -> Naming| (naming(id), naming(&nobodys(id)));
    let first_page = async |of: &Full| {
        let page = service.get(&format!("{route}?limit=1"), &of.account.session).await.expect(200);
        text(&page, "next_cursor").to_owned()
    };
    let ids = others.ids.iter().map(|(_, id)| id);
    match place {
        Place::Path(name) => {
            ids.map(|id| beside(id, &|id| Naming::new(method, route, &[(name, id)], id))).collect()
        }
        Place::Cursor => {
            let cursor = first_page(others).await;
            let none = said_otherwise(&cursor, |said| {
                let said = said.replace(&others.account.id, &nobodys(&others.account.id));
                said.replace(&others.account.user_id, &nobodys(&others.account.user_id))
            });
            assert_ne!(cursor, none);
            vec![(good("-").with_query("cursor", &cursor), good("-").with_query("cursor", &none))]
        }
        Place::MadeUpCursor => {
            let cursor = first_page(mine).await;
            let behind = |id: &str| {
                said_otherwise(&cursor, |said| format!("{} {id}", said.rsplit_once(' ').expect("an id").0))
            };
            ids.map(|id| beside(id, &|id| good("-").with_query("cursor", &behind(id)))).collect()
        }
        Place::Query(name) => vec![beside(others.id(name), &|id| good("-").with_query(name, id))],
        Place::IdempotencyKey => {
            // Another has done the like by that key.
            let used = format!("{:032x}", u128::from_be_bytes(Random::system().bytes()));
            let (_, theirs) = service.key(&others.account.session, json!({})).await;
            let theirs = Naming::new(method, route, &[("key_id", text(&theirs, "id"))], &used);
            let done = Naming { key: Some(used.clone()), ..theirs };
            let done = done.send(service, method, &others.account.session).await;
            assert!(done.status < 300, "{}", done.text);
            vec![beside(&used, &|key| Naming { key: Some(key.to_owned()), ..good(key) })]
        }
        Place::Scope => {
            let within = |id: &str| good(id).with_member("scope", json!({"projects": [id]}));
            vec![beside(others.id("project_id"), &within)]
        }
        // An address is one member's, of whichever account. That it is taken is told, and not by whom.
        Place::Address => {
            let of = |full: &Full| good("-").with_member("email", json!(full.account.email));
            vec![(of(others), of(mine))]
        }
    }
}

/// A cursor that says something else, in the way in which it is written.
fn said_otherwise(cursor: &str, change: impl FnOnce(&str) -> String) -> String {
    let said = BASE64_URL_SAFE_NO_PAD.decode(cursor).expect("base64");
    BASE64_URL_SAFE_NO_PAD.encode(change(&String::from_utf8(said).expect("a text")))
}

#[tokio::test]
async fn a_made_up_token_that_names_anothers_looks_like_one_that_names_nothing() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let others = full(&service).await;
    let before = service.items().await;
    let mut first: Option<Seen> = None;
    let random = Random::system();
    let bearer = |account: &str, key: &str| Credential::forged(Environment::Live, account, key);
    let session = |account: &str, user: &str, session: &str| {
        let (account, user) = (account.parse().expect("an id"), user.parse().expect("an id"));
        let token = NewToken::for_session(account, user, session.parse().expect("an id"), &random);
        Credential::session(token.expose())
    };
    let id = |name: &str| others.id(name).to_owned();
    let no = |name: &str| nobodys(others.id(name));
    for route in service.gateway.routes().iter().filter(|route| !route.public) {
        let (method, route) = (route.method.as_str(), route.path.as_str());
        let ids: Vec<_> = others.ids.iter().map(|(name, id)| (*name, id.as_str())).collect();
        let request = Naming::new(method, route, &ids, "-");
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
            let seen = request.see(&service, &dynamodb, method, &by).await;
            let calls = vec![Call {
                caller: "authorizer".to_owned(),
                operation: "BatchGetItem".to_owned(),
                is_fast: true,
                trouble: None,
            }];
            assert_eq!(seen.calls, calls, "{method} {route}");
            let first = first.get_or_insert_with(|| seen.clone());
            assert_eq!(seen, *first, "{method} {route}");
        }
    }
    assert_eq!(service.items().await.len(), before.len());
    for item in service.items().await {
        assert!(before.contains(&item), "{item:?}");
    }
}

/// The lists of what [`Full`] has ids of, in the order of those.
const LISTS: [&str; 4] = ["/v1/api-keys?status=all", "/v1/projects", "/v1/members", "/v1/auth/sessions"];

#[tokio::test]
async fn lists_show_ones_own_alone() {
    let service = Service::start().await;
    let (mine, others) = (full(&service).await, full(&service).await);
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
async fn a_colleagues_session_looks_like_none() {
    let service = Service::start().await;
    let mine = full(&service).await;
    let (colleague, _) = service.member(&mine.account.session, &["read", "admin"]).await;
    let (_, session) = &mine.ids[3];
    service.delete(&format!("/v1/auth/sessions/{session}"), &colleague).await.assert_not_found();
    assert!(!service.ids("/v1/auth/sessions", &colleague, 100).await.contains(session));
    service.me(&mine.account.session).await.expect(200);
}

#[tokio::test]
async fn a_scope_that_names_anothers_project_opens_nothing() {
    let service = Service::start().await;
    let (mine, others) = (full(&service).await, full(&service).await);
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
async fn one_suspended_account_leaves_the_other_alone() {
    let service = Service::start().await;
    let (mine, others) = (full(&service).await, full(&service).await);
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
