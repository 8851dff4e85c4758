//! Isolation of accounts. A request with an id of another account gets the same response as one with an unknown id, byte for
//! byte and with the same calls to the table. It changes nothing in the other account.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shared::primitives::{environment::Environment, random::Random};

use crate::{
    authenticator::Authenticator,
    dynamodb::{Call, DynamoDb},
    input::bodies,
    operation_table,
    operations::openapi::described,
    response::{Response, text},
    service::{Account, Credential, Item, OwnService, Service, new_address},
};

/// An account with one entity of each kind.
struct PopulatedAccount {
    account: Account,
    key: Credential,
    authenticator: Authenticator,
    /// The id of each entity, with the name of the parameter that it belongs in.
    ids: Vec<(&'static str, String)>,
}

async fn populated_account(service: &Service) -> PopulatedAccount {
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({})).await;
    let (authenticator, passkey) = service.add_passkey(&account.session).await;
    let sessions = service.get("/v1/auth/sessions", &account.session).await.expect(200);
    let events = service.get("/v1/audit-events", &account.session).await.expect(200);
    let ids = vec![
        ("key_id", text(&record, "id").to_owned()),
        ("project_id", service.project(&account.session).await),
        ("user_id", account.user_id.clone()),
        ("session_id", text(&sessions["data"][0], "id").to_owned()),
        ("account_id", account.id.clone()),
        ("event_id", text(&events["data"][0], "id").to_owned()),
        ("passkey_id", text(&passkey, "id").to_owned()),
    ];
    PopulatedAccount { account, key, authenticator, ids }
}

impl PopulatedAccount {
    fn id(&self, parameter: &str) -> &str {
        let entry = self.ids.iter().find(|(name, _)| *name == parameter);
        &entry.unwrap_or_else(|| panic!("no {parameter}")).1
    }
}

/// Returns an id that differs from `id` in the last digit only, and that no entity has.
fn unknown_id(id: &str) -> String {
    let (start, last) = id.split_at(id.len() - 1);
    format!("{start}{}", if last == "0" { "1" } else { "0" })
}

/// A part of a request that can contain an id, a cursor or an address.
#[derive(Clone, Copy, Debug)]
enum IdLocation {
    /// A path parameter.
    Path(&'static str),
    /// The `cursor` parameter, with a cursor that the service returned to the other account.
    Cursor,
    /// The `cursor` parameter, with a cursor of the caller's own account in which the id was replaced.
    ForgedCursor,
    /// Another query parameter.
    Query(&'static str),
    /// A parameter whose value is the id of a member or of a key.
    MemberOrKeyInQuery(&'static str),
    /// The `Idempotency-Key` header.
    IdempotencyKey,
    /// The `scope` field of the body.
    Scope,
    /// The `ids` field of the body.
    KeyIds,
    /// The `created_by` field of the body.
    CreatedBy,
    /// The `email` field of the body.
    Email,
}

/// Returns the parts of a request to this route that can contain an id, according to the OpenAPI document. Fails if the
/// document has a parameter or a field that is not listed here.
fn id_locations(method: &str, route: &str) -> Vec<IdLocation> {
    let operation = described(method, route);
    let mut locations = Vec::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        match (text(parameter, "in"), text(parameter, "name")) {
            ("path", name @ ("key_id" | "project_id" | "user_id" | "session_id" | "passkey_id")) => {
                locations.push(IdLocation::Path(name));
            }
            ("query", "cursor") => locations.extend([IdLocation::Cursor, IdLocation::ForgedCursor]),
            ("query", "key_id") => locations.push(IdLocation::Query("key_id")),
            ("query", name @ ("created_by" | "actor")) => {
                locations.push(IdLocation::MemberOrKeyInQuery(name));
            }
            ("header", "Idempotency-Key") => locations.push(IdLocation::IdempotencyKey),
            // These contain no id.
            (
                "query",
                "limit" | "status" | "type" | "environment" | "days" | "compliant" | "since" | "until",
            ) => {}
            unlisted => panic!("is {unlisted:?} of {method} {route} an id? List it here"),
        }
    }
    let body = operation.pointer("/requestBody/content/application~1json/schema/properties");
    for (name, _) in body.and_then(Value::as_object).into_iter().flatten() {
        match name.as_str() {
            "scope" => locations.push(IdLocation::Scope),
            "ids" => locations.push(IdLocation::KeyIds),
            "created_by" => locations.push(IdLocation::CreatedBy),
            "email" => locations.push(IdLocation::Email),
            "name" | "permissions" | "type" | "expires_at" | "grace_period" | "status" | "password"
            | "current_password" | "new_password" | "method" | "path" | "ip_address" | "allowed_ips"
            | "disabled" | "policy" | "credential" => {}
            unlisted => panic!("is `{unlisted}` of {method} {route} an id? List it here"),
        }
    }
    locations
}

/// A request that contains an id.
struct RequestWithId {
    path: String,
    idempotency_key: Option<String>,
    body: String,
    /// The id, which the response may repeat.
    id: String,
}

/// The parts of a response that must be the same for a foreign and an unknown id, and the calls to the table.
#[derive(Clone, Debug, PartialEq)]
struct Observation {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    calls: Vec<Call>,
}

impl RequestWithId {
    /// Creates a request to `route` with these path parameters and a valid body.
    fn new(method: &str, route: &str, parameters: &[(&str, &str)], id: &str) -> Self {
        let fill = |path: String, (name, value): &(&str, &str)| path.replace(&format!("{{{name}}}"), value);
        let path = parameters.iter().fold(route.to_owned(), fill);
        Self { path, idempotency_key: None, body: bodies::valid_body(method, route), id: id.to_owned() }
    }

    fn with_query(self, name: &str, value: &str) -> Self {
        Self { path: format!("{}?{name}={value}", self.path), ..self }
    }

    fn with_field(self, name: &str, value: Value) -> Self {
        let mut body: Value = serde_json::from_str(&self.body).expect("a body");
        body[name] = value;
        Self { body: body.to_string(), ..self }
    }

    async fn send(&self, service: &Service, method: &str, by: &Credential) -> Response {
        let request = service.request(method, &self.path).with(by);
        let request = request.header("Content-Type", "application/json").body(self.body.as_str());
        let request = match &self.idempotency_key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        };
        request.send().await
    }

    /// Sends the request, and returns the response and the calls to the table.
    async fn observe(
        &self,
        service: &Service,
        dynamodb: &DynamoDb,
        method: &str,
        by: &Credential,
    ) -> Observation {
        dynamodb.calls();
        let response = self.send(service, method, by).await;
        let mut calls = dynamodb.detailed_calls();
        // The size of a reserved batch of the key's quota depends on its earlier requests.
        calls.retain(|call| (call.caller.as_str(), call.operation.as_str()) != ("authorizer", "UpdateItem"));
        // The first batch get of a function uses the SDK, which enables direct ones. Both kinds count as direct here.
        for call in &mut calls {
            call.is_direct |= call.operation == "BatchGetItem";
        }
        let unique_headers = ["x-request-id", "x-amzn-requestid", "x-amz-apigw-id", "date", "ratelimit"];
        let headers = response.headers.iter().filter(|(name, _)| !unique_headers.contains(&name.as_str()));
        let headers = headers
            .map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").to_owned()))
            .collect();
        let body =
            if response.status < 300 { without_generated_values(response.body) } else { response.text };
        Observation { status: response.status, headers, body: body.replace(&self.id, "the id"), calls }
    }
}

/// Returns a body as text, without the values that are generated for each new entity and without the times of last use.
fn without_generated_values(mut body: Value) -> String {
    let is_new = body.get("key").is_some() || body.get("created_at").is_some();
    let generated = ["id", "key", "hint", "created_at", "previous_expires_at"];
    for name in generated.iter().filter(|_| is_new) {
        if let Some(value) = body.get_mut(name) {
            *value = json!("…");
        }
    }
    if let Some(token) = body.pointer_mut("/invitation/token") {
        *token = json!("…");
    }
    for entity in body.get_mut("data").and_then(Value::as_array_mut).into_iter().flatten() {
        let entity = entity.as_object_mut().expect("an object");
        entity.remove("last_used_at");
        entity.remove("last_used_ip");
    }
    body.to_string()
}

/// Returns the items of the table that do not belong to the caller's account, by partition and sort key.
async fn items_of_others(
    service: &OwnService,
    caller: &PopulatedAccount,
) -> BTreeMap<(String, String), Item> {
    let items = service.items().await.into_iter().map(|item| {
        let key = ["pk", "sk"].map(|name| item[name].as_s().expect("a text").clone());
        (key.into(), item)
    });
    items.filter(|((pk, _), _): &((String, String), _)| !pk.contains(&caller.account.id)).collect()
}

#[tokio::test]
async fn id_of_another_account_returns_the_same_as_an_unknown_id() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let (own, other) = (populated_account(&service).await, populated_account(&service).await);
    for PopulatedAccount { account, authenticator, .. } in [&own, &other] {
        // A second entity on each list, so that the first page has a cursor.
        service.key(&account.session, json!({})).await;
        service.project(&account.session).await;
        service.member(&account.session, &["read"]).await;
        service.add_passkey(&account.session).await;
        service.login_with_passkey(&mut authenticator.clone()).await;
    }
    // Before they have read from the table, these functions do not use a direct batch get.
    let session = &own.account.session;
    service.post("/v1/api-keys/revoke", session, json!({"ids": ["key_0000000000000000"]})).await.expect(200);
    let simulate = format!("/v1/api-keys/{}/simulate", own.id("key_id"));
    let request = json!({"method": "GET", "path": "/", "ip_address": "192.0.2.1"});
    service.post(&simulate, session, request).await.expect(200);
    let key = format!("/v1/api-keys/{}", own.id("key_id"));
    service.patch(&key, session, json!({"name": "Renamed"})).await.expect(200);
    let sessions = format!("/v1/members/{}/sessions", own.account.user_id);
    service.get(&sessions, session).await.expect(200);
    let mut tried = 0;
    // A public route has no caller, and so no account to isolate.
    for route in service.gateway.routes().iter().filter(|route| !route.public) {
        let (method, route) = (route.method.as_str(), route.path.as_str());
        for location in id_locations(method, route) {
            let expected: &[u16] = match location {
                IdLocation::Path(_) => &[404],
                IdLocation::Cursor => &[400],
                IdLocation::ForgedCursor
                | IdLocation::Query(_)
                | IdLocation::MemberOrKeyInQuery(_)
                | IdLocation::KeyIds
                | IdLocation::CreatedBy => &[200],
                IdLocation::Email | IdLocation::IdempotencyKey | IdLocation::Scope => &[200, 201],
            };
            for by in [&own.account.session, &own.key] {
                let pairs = request_pairs(&service, method, route, location, &own, &other).await;
                let before = items_of_others(&service, &own).await;
                for (foreign, unknown) in pairs {
                    let case = format!("{method} {} {location:?} {}", foreign.path, foreign.id);
                    let response = foreign.observe(&service, &dynamodb, method, by).await;
                    let is_for_sessions = route.starts_with("/v1/auth/") || route == "/v1/api-keys/revoke";
                    let is_for_sessions = is_for_sessions && *by == own.key;
                    let expected = if is_for_sessions { &[403] } else { expected };
                    assert!(expected.contains(&response.status), "{case}: {response:?}");
                    assert_eq!(response, unknown.observe(&service, &dynamodb, method, by).await, "{case}");
                    tried += 1;
                }
                assert_eq!(items_of_others(&service, &own).await, before, "{method} {route} {location:?}");
            }
        }
    }
    assert!(tried > 150, "{tried}");
    assert_eq!(service.me(&other.key).await.expect(200)["secret"], "current");
}

/// Returns pairs of requests: the first contains an id of the other account in this location, the second an unknown id.
async fn request_pairs(
    service: &OwnService,
    method: &str,
    route: &str,
    location: IdLocation,
    own: &PopulatedAccount,
    other: &PopulatedAccount,
) -> Vec<(RequestWithId, RequestWithId)> {
    // The path parameters of a valid request by the caller. The request may rotate the key, so each call creates one.
    let (_, key) = service.key(&own.account.session, json!({})).await;
    let own_ids = [
        ("key_id", text(&key, "id")),
        ("project_id", own.id("project_id")),
        ("user_id", &own.account.user_id),
    ];
    let valid = |id: &str| RequestWithId::new(method, route, &own_ids, id);
    let pair = |id: &str, request: &dyn Fn(&str) -> RequestWithId| (request(id), request(&unknown_id(id)));
    let cursor_of = async |owner: &PopulatedAccount| {
        let path = route.replace("{user_id}", &owner.account.user_id);
        let page = service.get(&format!("{path}?limit=1"), &owner.account.session).await.expect(200);
        text(&page, "next_cursor").to_owned()
    };
    let ids = other.ids.iter().map(|(_, id)| id);
    match location {
        IdLocation::Path(name) => {
            ids.map(|id| pair(id, &|id| RequestWithId::new(method, route, &[(name, id)], id))).collect()
        }
        IdLocation::Cursor => {
            let cursor = cursor_of(other).await;
            let unknown = change_cursor(&cursor, |content| {
                let content = content.replace(&other.account.id, &unknown_id(&other.account.id));
                content.replace(&other.account.user_id, &unknown_id(&other.account.user_id))
            });
            assert_ne!(cursor, unknown);
            vec![(valid("-").with_query("cursor", &cursor), valid("-").with_query("cursor", &unknown))]
        }
        IdLocation::ForgedCursor => {
            let cursor = cursor_of(own).await;
            let with_id = |id: &str| {
                change_cursor(&cursor, |content| {
                    let (start, _) = content.rsplit_once(' ').expect("an id at the end");
                    format!("{start} {id}")
                })
            };
            ids.map(|id| pair(id, &|id| valid("-").with_query("cursor", &with_id(id)))).collect()
        }
        IdLocation::Query(name) => vec![pair(other.id(name), &|id| valid("-").with_query(name, id))],
        IdLocation::MemberOrKeyInQuery(name) => {
            let with_id = |id: &str| valid(id).with_query(name, id);
            vec![pair(other.id("user_id"), &with_id), pair(other.id("key_id"), &with_id)]
        }
        IdLocation::KeyIds => {
            vec![pair(other.id("key_id"), &|id| valid(id).with_field("ids", json!([id])))]
        }
        IdLocation::CreatedBy => {
            let with_creator =
                |id: &str| RequestWithId { body: json!({"created_by": id}).to_string(), ..valid(id) };
            vec![pair(other.id("user_id"), &with_creator)]
        }
        IdLocation::IdempotencyKey => {
            // The other account has already used this key for the same operation.
            let used = format!("{:032x}", u128::from_be_bytes(Random::system().bytes()));
            let (_, key) = service.key(&other.account.session, json!({})).await;
            let request = RequestWithId::new(method, route, &[("key_id", text(&key, "id"))], &used);
            let request = RequestWithId { idempotency_key: Some(used.clone()), ..request };
            let response = request.send(service, method, &other.account.session).await;
            assert!(response.status < 300, "{}", response.text);
            let with_key = |key: &str| RequestWithId { idempotency_key: Some(key.to_owned()), ..valid(key) };
            vec![pair(&used, &with_key)]
        }
        IdLocation::Scope => {
            let with_scope = |id: &str| valid(id).with_field("scope", json!({"projects": [id]}));
            vec![pair(other.id("project_id"), &with_scope)]
        }
        // The response to an invitation does not reveal that a member of another account has the address.
        IdLocation::Email => {
            let of_member = new_address();
            service.member_with_email(&other.account.session, &of_member, &["read"]).await;
            let with_email = |address: &str| valid(address).with_field("email", json!(address));
            vec![(with_email(&of_member), with_email(&new_address()))]
        }
    }
}

/// Decodes a cursor, changes its content and encodes it again.
fn change_cursor(cursor: &str, change: impl FnOnce(&str) -> String) -> String {
    let content = BASE64_URL_SAFE_NO_PAD.decode(cursor).expect("base64");
    BASE64_URL_SAFE_NO_PAD.encode(change(&String::from_utf8(content).expect("a text")))
}

#[tokio::test]
async fn token_with_ids_of_another_account_returns_the_same_as_with_unknown_ids() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let other = populated_account(&service).await;
    let before = service.items().await;
    // The response to a `HEAD` request has no body.
    let mut first: BTreeMap<bool, Observation> = BTreeMap::new();
    // Even somebody who knows the key of the token MACs learns nothing.
    let mac_key = service.token_mac_key().await;
    let bearer =
        |account: &str, key: &str| Credential::with_wrong_secret(&mac_key, Environment::Live, account, key);
    let session = |account: &str, user: &str, session: &str| {
        Credential::session_with_wrong_secret(&mac_key, account, user, session)
    };
    let id = |name: &str| other.id(name).to_owned();
    let unknown = |name: &str| unknown_id(other.id(name));
    for route in service.gateway.routes().iter().filter(|route| !route.public) {
        let (method, route) = (route.method.as_str(), route.path.as_str());
        let ids: Vec<_> = other.ids.iter().map(|(name, id)| (*name, id.as_str())).collect();
        let request = RequestWithId::new(method, route, &ids, "-");
        for by in [
            bearer(&id("account_id"), &id("key_id")),
            bearer(&id("account_id"), &unknown("key_id")),
            bearer(&unknown("account_id"), &id("key_id")),
            bearer(&unknown("account_id"), &unknown("key_id")),
            session(&id("account_id"), &id("user_id"), &id("session_id")),
            session(&id("account_id"), &id("user_id"), &unknown("session_id")),
            session(&id("account_id"), &unknown("user_id"), &id("session_id")),
            session(&unknown("account_id"), &unknown("user_id"), &unknown("session_id")),
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
            let first = first.entry(method == "HEAD").or_insert_with(|| observation.clone());
            assert_eq!(observation, *first, "{method} {route}");
        }
    }
    assert_eq!(service.items().await.len(), before.len());
    for item in service.items().await {
        assert!(before.contains(&item), "{item:?}");
    }
}

/// The lists that contain the first four ids of a [`PopulatedAccount`], in their order.
const LISTS: [&str; 4] = ["/v1/api-keys?status=all", "/v1/projects", "/v1/members", "/v1/auth/sessions"];

#[tokio::test]
async fn lists_return_only_the_callers_own_items() {
    let service = Service::start().await;
    let (own, other) = (populated_account(&service).await, populated_account(&service).await);
    for (list, (_, id)) in LISTS.iter().zip(&own.ids) {
        assert_eq!(service.ids(list, &own.account.session, 1).await, std::slice::from_ref(id), "{list}");
    }
    let lists = operation_table::lists(&own.account.user_id).into_iter().chain(LISTS.map(str::to_owned));
    for list in lists {
        let page = service.get(&list, &own.account.session).await.text;
        for foreign in other.ids.iter().map(|(_, id)| id).chain([&other.account.id, &other.account.email]) {
            assert!(!page.contains(foreign), "{list}: {page}");
        }
    }
}

#[tokio::test]
async fn session_of_another_member_returns_404() {
    let service = Service::start().await;
    let own = populated_account(&service).await;
    let (colleague, _) = service.member(&own.account.session, &["read", "admin"]).await;
    let (_, session) = &own.ids[3];
    service.delete(&format!("/v1/auth/sessions/{session}"), &colleague).await.assert_not_found();
    assert!(!service.ids("/v1/auth/sessions", &colleague, 100).await.contains(session));
    service.me(&own.account.session).await.expect(200);
}

#[tokio::test]
async fn scope_with_a_project_of_another_account_grants_no_access() {
    let service = Service::start().await;
    let (own, other) = (populated_account(&service).await, populated_account(&service).await);
    let (_, project) = &other.ids[1];
    let (key, _) = service.key(&own.account.session, json!({"scope": {"projects": [project]}})).await;
    let path = format!("/v1/projects/{project}");
    service.get(&path, &key).await.assert_not_found();
    service.patch(&path, &key, json!({"name": "Mine"})).await.assert_not_found();
    service.delete(&path, &key).await.assert_not_found();
    assert_eq!(service.get("/v1/projects", &key).await.expect(200)["data"], json!([]));
    service.get(&path, &other.key).await.expect(200);
}

#[tokio::test]
async fn suspension_does_not_affect_other_accounts() {
    let service = Service::start().await;
    let (own, other) = (populated_account(&service).await, populated_account(&service).await);
    let suspended: Value =
        service.operate(json!({"suspend_account": {"account_id": own.account.id}})).await.unwrap();
    assert_eq!(suspended["status"], "suspended");
    service.me(&own.key).await.assert_forbidden();
    service.me(&own.account.session).await.assert_unauthorized();
    for credential in [&other.key, &other.account.session] {
        service.me(credential).await.expect(200);
    }
}
