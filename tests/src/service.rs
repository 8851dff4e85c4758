//! The service that a test speaks to, over HTTP alone, and one of the test's own, with a clock that it moves.

use std::{
    collections::HashMap,
    io::{self, Write},
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::Duration,
};

use aws_sdk_dynamodb::types::{AttributeValue, TimeToLiveSpecification};
use gateway::{FunctionError, Gateway, Options};
use reqwest::{Client, Method, header};
use serde_json::{Value, json};
use shared::{
    credentials::token::NewToken,
    primitives::{clock::Clock, environment::Environment, random::Random},
};
use time::{OffsetDateTime, macros::datetime};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    dynamodb::{self, DynamoDb},
    operations::openapi::assert_described,
    response::{Answer, text},
};

/// When every test with a clock begins.
pub const START: OffsetDateTime = datetime!(2026-01-30 00:00:00 UTC);
/// The password of every member whom a test makes.
pub const PASSWORD: &str = "a lizard on the 7th wall";

/// A service as its callers see it.
pub struct Service {
    /// Where it answers, such as `http://127.0.0.1:3000`.
    pub url: String,
    http: Client,
    /// The gateway of one that runs for this test.
    _own: Option<Gateway>,
}

/// A service that runs for one test, with its functions in this process.
pub struct OwnService {
    service: Service,
    pub gateway: Gateway,
    pub time: Time,
    /// The name of its stack.
    pub stack: String,
}

impl Deref for OwnService {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

/// The time that the service sees. It stands still until a test moves it.
#[derive(Clone, Default)]
pub struct Time(Arc<AtomicI64>);

impl Time {
    /// Moves on by `seconds`, or back where that is negative.
    pub fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    /// Moves on to the begin of the next second.
    pub fn begin_second(&self) {
        let begin = (self.0.load(Ordering::SeqCst) / 1_000 + 1) * 1_000;
        self.0.store(begin, Ordering::SeqCst);
    }

    /// Goes back to the begin of the present second, so that it lasts for as long as a test looks around in it.
    pub fn stay_in_second(&self) {
        let begin = self.0.load(Ordering::SeqCst) / 1_000 * 1_000;
        self.0.store(begin, Ordering::SeqCst);
    }

    /// How many milliseconds have passed.
    pub fn passed(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Goes to when so many milliseconds had passed.
    pub fn go_to(&self, milliseconds: i64) {
        self.0.store(milliseconds, Ordering::SeqCst);
    }

    /// The time, `seconds` from now, as answers write it.
    pub fn in_seconds(&self, seconds: i64) -> String {
        shared::primitives::timestamp::Timestamp::from(self.now() + time::Duration::seconds(seconds))
            .to_string()
    }

    /// The time now.
    pub fn now(&self) -> OffsetDateTime {
        START + time::Duration::milliseconds(self.0.load(Ordering::SeqCst))
    }

    /// A clock that shows it. Each look takes a millisecond, so that what is made later has a later id.
    pub fn clock(&self) -> Clock {
        let time = self.clone();
        Clock::new(move || {
            let now = time.now();
            time.0.fetch_add(1, Ordering::SeqCst);
            now
        })
    }
}

/// An account that a test made, and the session of its first member, who has all permissions.
pub struct Account {
    pub id: String,
    pub user_id: String,
    pub email: String,
    pub session: Credential,
}

/// A credential as it stands in the `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential(pub String);

impl Credential {
    pub fn bearer(key: &str) -> Self {
        Self(format!("Bearer {key}"))
    }

    pub fn session(token: &str) -> Self {
        Self(format!("Session {token}"))
    }

    /// A well-formed key of this type, account and id, whose secret nobody gave out.
    pub fn forged(environment: Environment, account: &str, key: &str) -> Self {
        let account = account.parse().expect("the id of an account");
        let key = key.parse().expect("the id of a key");
        Self::bearer(NewToken::for_key(environment, account, key, &Random::system()).expose())
    }
}

/// Where the service is that `SERVICE_URL` gives all tests that need none of their own.
#[expect(clippy::disallowed_methods, reason = "only those who run the tests know")]
fn elsewhere() -> Option<String> {
    std::env::var("SERVICE_URL").ok()
}

impl OwnService {
    /// Starts one with nothing in it.
    pub async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// Starts one with nothing in it, and shows its `DynamoDB`.
    pub async fn start_with_dynamodb() -> (Self, DynamoDb) {
        let dynamodb = DynamoDb::start().await;
        let service = Self::start_with(|options| options.dynamodb = Some(dynamodb.url.clone())).await;
        (service, dynamodb)
    }

    /// Starts one with other options.
    pub async fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        let time = Time::default();
        let dynamodb = dynamodb::elsewhere();
        let mut options =
            Options { clock: time.clock(), stack: new_stack(), dynamodb, ..Options::ephemeral() };
        change(&mut options);
        let stack = options.stack.clone();
        let gateway = Gateway::start(options).await.expect("the gateway starts");
        keep_what_expires(&gateway).await;
        say_where("in this process");
        Self { service: Service::at(gateway.url().to_owned()), gateway, time, stack }
    }
}

/// An item as the table has it.
pub type Item = HashMap<String, AttributeValue>;

impl OwnService {
    /// Everything in its table.
    pub async fn items(&self) -> Vec<Item> {
        let table = self.gateway.table("Table").expect("the table");
        let pages = self.gateway.dynamodb().scan().table_name(table).into_paginator().items().send();
        pages.try_collect().await.expect("all items")
    }
}

/// Tells whoever gave all tests a service which of them use it.
fn say_where(service: &str) {
    if elsewhere().is_some() {
        let test = thread::current();
        let line = format!("{} spoke to the service {service}\n", test.name().unwrap_or_default());
        // Not by a macro, whose output is kept back until the test fails.
        io::stderr().write_all(line.as_bytes()).expect("it is said");
    }
}

impl Service {
    /// The one at `SERVICE_URL`, or where none is given, one that runs for this test.
    ///
    /// Others may use it too, and its clock is the real one: a test that says what time it is, or looks behind
    /// the API, starts an [`OwnService`].
    pub async fn start() -> Self {
        if let Some(url) = elsewhere() {
            say_where("at SERVICE_URL");
            return Self::at(url);
        }
        let OwnService { service, gateway, .. } = OwnService::start().await;
        Self { _own: Some(gateway), ..service }
    }

    fn at(url: String) -> Self {
        Self { url, http: Client::new(), _own: None }
    }

    /// A request without a credential.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        Request(self.http.request(method, format!("{}{path}", self.url)))
    }

    /// A `GET` with a credential.
    pub async fn get(&self, path: &str, credential: &Credential) -> Answer {
        self.request("GET", path).with(credential).send().await
    }

    /// A `POST` with a credential and a JSON body.
    pub async fn post(&self, path: &str, credential: &Credential, body: Value) -> Answer {
        self.request("POST", path).with(credential).json(&body).send().await
    }

    /// A `PATCH` with a credential and a JSON body.
    pub async fn patch(&self, path: &str, credential: &Credential, body: Value) -> Answer {
        self.request("PATCH", path).with(credential).json(&body).send().await
    }

    /// A `DELETE` with a credential.
    pub async fn delete(&self, path: &str, credential: &Credential) -> Answer {
        self.request("DELETE", path).with(credential).send().await
    }

    /// Who the service says a credential is of.
    pub async fn me(&self, credential: &Credential) -> Answer {
        self.get("/v1/auth/me", credential).await
    }

    /// Reads a list to its end, in pages of `limit`. Returns the ids on all of them.
    pub async fn ids(&self, path: &str, credential: &Credential, limit: usize) -> Vec<String> {
        let first = format!("{path}{}limit={limit}", if path.contains('?') { '&' } else { '?' });
        let mut next = first.clone();
        let mut ids = Vec::new();
        loop {
            let page = self.get(&next, credential).await.expect(200);
            let data = page["data"].as_array().expect("a list");
            ids.extend(data.iter().map(|thing| text(thing, "id").to_owned()));
            if page["next_cursor"].is_null() {
                assert!(data.len() <= limit && (ids.is_empty() || !data.is_empty()), "{page}");
                return ids;
            }
            assert_eq!(data.len(), limit, "only the last page may have room left");
            next = format!("{first}&cursor={}", text(&page, "next_cursor"));
        }
    }

    /// Sends a request as no library would: `line` is its method and path, and each header stands there as
    /// it is. Returns what comes back, to the byte.
    pub async fn exchange(&self, line: &str, headers: &[&[u8]], body: &str) -> String {
        let address = self.url.strip_prefix("http://").expect("a URL");
        let has_host = headers.iter().any(|header| header.starts_with(b"Host:"));
        let host = if has_host { String::new() } else { format!("Host: {address}\r\n") };
        let first = format!("{line} HTTP/1.1\r\n{host}Connection: close");
        let length = format!("Content-Length: {}", body.len());
        let head = [&[first.as_bytes()], headers, &[length.as_bytes(), b"\r\n"]].concat().join(&b"\r\n"[..]);
        self.converse(&[&head, body.as_bytes()].concat()).await
    }

    /// Sends these bytes over a connection of their own. Returns all that comes back until it is closed.
    pub async fn converse(&self, bytes: &[u8]) -> String {
        let mut connection = self.connect().await;
        // It may be closed before it has taken all.
        connection.write_all(bytes).await.ok();
        read_to_end(&mut connection).await
    }

    /// A connection to it.
    pub async fn connect(&self) -> TcpStream {
        let address = self.url.strip_prefix("http://").expect("a URL");
        TcpStream::connect(address).await.expect("a connection")
    }

    /// The same, with the answer read.
    pub async fn raw(&self, line: &str, headers: &[&[u8]], body: &str) -> Answer {
        let answer = Answer::parse(&self.exchange(line, headers, body).await);
        let (method, path) = line.split_once(' ').expect("a method and a path");
        assert_described(method, path, &answer);
        answer
    }

    /// Suspends an account.
    pub async fn suspend(&self, account: &Account) {
        self.operate(json!({"suspend_account": {"account_id": account.id}})).await.expect("it is suspended");
    }

    /// Restores an account.
    pub async fn restore(&self, account: &Account) {
        self.operate(json!({"restore_account": {"account_id": account.id}})).await.expect("it is restored");
    }

    /// Sends one command to the operator's function.
    pub async fn operate(&self, command: Value) -> Result<Value, FunctionError> {
        self.invoke("operator", &command).await
    }

    /// Invokes a function through Lambda's own API.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value, FunctionError> {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.url);
        let answer = self.http.post(url).json(event).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let failed = answer.headers().get("x-amz-function-error").cloned();
        match failed {
            None => Ok(answer.json().await.expect("JSON")),
            Some(kind) => {
                assert_eq!(kind, "Unhandled");
                Err(answer.json().await.expect("an error"))
            }
        }
    }

    /// Makes an account, and logs its first member in.
    pub async fn account(&self) -> Account {
        self.account_of(new_address()).await
    }

    /// The same, whose first member has this address.
    pub async fn account_of(&self, email: String) -> Account {
        let command = json!({"create_account": {"name": "Study", "email": email, "password": PASSWORD}});
        let made = self.operate(command).await.expect("the account is made");
        let text = |name: &str| made[name].as_str().expect(name).to_owned();
        let session = self.login(&email).await;
        Account { id: text("account_id"), user_id: text("user_id"), email, session }
    }

    /// Logs a member in who has the usual password.
    pub async fn login(&self, email: &str) -> Credential {
        let body = json!({"email": email, "password": PASSWORD});
        let answer = self.request("POST", "/v1/auth/login").json(&body).send().await;
        Credential::session(answer.expect(200)["session_token"].as_str().expect("a token"))
    }

    /// Makes a key by `credential`, which has these members besides a name. Returns its record, with `key`.
    pub async fn key(&self, credential: &Credential, members: Value) -> (Credential, Value) {
        let mut body = json!({"name": "A key", "permissions": ["read", "write", "delete", "admin"]});
        let Value::Object(members) = members else { panic!("members are an object") };
        body.as_object_mut().expect("an object").extend(members);
        let record = self.post("/v1/api-keys", credential, body).await.expect(201);
        (Credential::bearer(record["key"].as_str().expect("a key")), record)
    }

    /// Rotates a key by `credential`, which the old secret outlives by `grace` seconds. Returns the new
    /// secret, and the answer.
    pub async fn rotate(&self, key: &Value, credential: &Credential, grace: u32) -> (Credential, Value) {
        let path = format!("{}/rotate", key_path(key));
        let rotated = self.post(&path, credential, json!({"grace_period": grace})).await.expect(200);
        (Credential::bearer(text(&rotated, "key")), rotated)
    }

    /// Makes a member with these permissions by `credential`, and logs them in. Returns the id too.
    pub async fn member(&self, credential: &Credential, permissions: &[&str]) -> (Credential, String) {
        let email = new_address();
        let body = json!({"email": email, "password": PASSWORD, "permissions": permissions});
        let record = self.post("/v1/members", credential, body).await.expect(201);
        (self.login(&email).await, record["id"].as_str().expect("an id").to_owned())
    }

    /// Makes a project by `credential`. Returns its id.
    pub async fn project(&self, credential: &Credential) -> String {
        let record = self.post("/v1/projects", credential, json!({"name": "A project"})).await.expect(201);
        record["id"].as_str().expect("an id").to_owned()
    }
}

/// All that comes back until the connection is closed.
pub async fn read_to_end(connection: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // One that is closed before all was read of it ends with an error, behind what has come.
    let read = timeout(Duration::from_secs(20), connection.read_to_end(&mut answer));
    read.await.unwrap_or_else(|_| panic!("it is not closed: {}", String::from_utf8_lossy(&answer))).ok();
    String::from_utf8(answer).expect("UTF-8")
}

/// An e-mail address that nobody has yet.
pub fn new_address() -> String {
    format!("user{:016x}@example.com", u64::from_be_bytes(Random::system().bytes()))
}

/// The name of a stack that no other test has, whose tables lie in the same `DynamoDB`.
pub fn new_stack() -> String {
    format!("test-{:032x}", u128::from_be_bytes(Random::system().bytes()))
}

/// Lets nothing be deleted because the real time has passed the end that a test's own time gave it.
async fn keep_what_expires(gateway: &Gateway) {
    let (client, table) = (gateway.dynamodb(), gateway.table("Table").expect("the table"));
    let told = client.describe_time_to_live().table_name(table).send().await.expect("it is told");
    let ttl = told.time_to_live_description().expect("a description");
    if let Some(attribute) = ttl.attribute_name() {
        let off = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(false).build();
        let off = off.expect("all that it needs");
        let update = client.update_time_to_live().table_name(table).time_to_live_specification(off);
        update.send().await.expect("it is off");
    }
}

/// A request that is being made.
pub struct Request(reqwest::RequestBuilder);

impl Request {
    pub fn with(self, credential: &Credential) -> Self {
        self.header("Authorization", &credential.0)
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value.as_bytes()))
    }

    pub fn json(self, body: &Value) -> Self {
        self.header(header::CONTENT_TYPE.as_str(), "application/json").body(body.to_string())
    }

    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self(self.0.body(body.into()))
    }

    pub async fn send(self) -> Answer {
        let (http, request) = self.0.build_split();
        let request = request.expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let answer = Answer::read(http.execute(request).await.expect("an answer")).await;
        assert_described(method.as_str(), &path, &answer);
        answer
    }
}

/// The path of a key.
pub fn key_path(key: &Value) -> String {
    format!("/v1/api-keys/{}", text(key, "id"))
}
