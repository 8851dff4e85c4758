//! The service under test. A test sends it HTTP requests.
//!
//! A [`Service`] may be shared by several tests. An [`OwnService`] belongs to one test, which controls its clock.

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
    credentials::{
        token::NewToken,
        token_mac::{MIN_TOKEN_MAC_KEY_BYTES, TokenMacKey},
    },
    primitives::{clock::Clock, environment::Environment, random::Random},
};
use time::{OffsetDateTime, macros::datetime};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    authenticator::Authenticator,
    dynamodb::{self, DynamoDb},
    operations::openapi::assert_described,
    response::{Response, text},
};

/// The initial time of every [`OwnService`].
pub const START: OffsetDateTime = datetime!(2026-01-30 00:00:00 UTC);
/// The password of every member that a test creates.
pub const PASSWORD: &str = "a lizard on the 7th wall";

/// A URL at which nothing listens.
pub const UNREACHABLE: &str = "http://127.0.0.1:1";

/// A service that a test can only send requests to.
pub struct Service {
    /// The URL of the API, such as `http://127.0.0.1:3000`. It may have a path.
    pub url: String,
    functions: Arc<Functions>,
    /// The origin of the service's pages, if it does not follow from the URL.
    public_url: Option<String>,
    http: Client,
    /// The gateway, if it runs in this process for this test.
    _gateway: Option<Gateway>,
}

/// A service that runs in this process for one test.
pub struct OwnService {
    service: Service,
    pub gateway: Gateway,
    pub time: Time,
    /// The name of the stack, which the names of its tables begin with.
    pub stack: String,
}

impl Deref for OwnService {
    type Target = Service;

    fn deref(&self) -> &Service {
        &self.service
    }
}

/// The clock of the service. It stands still, except that each reading of the clock takes a millisecond.
#[derive(Clone, Default)]
pub struct Time(Arc<AtomicI64>);

impl Time {
    /// Moves the clock forward by `seconds`, or back if `seconds` is negative.
    pub fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    /// Moves the clock forward to the start of the next second.
    pub fn next_second(&self) {
        let start = (self.0.load(Ordering::SeqCst) / 1_000 + 1) * 1_000;
        self.0.store(start, Ordering::SeqCst);
    }

    /// Moves the clock back to the start of the current second. So the next thousand readings of the clock are in this
    /// second, too.
    pub fn back_to_second_start(&self) {
        let start = self.0.load(Ordering::SeqCst) / 1_000 * 1_000;
        self.0.store(start, Ordering::SeqCst);
    }

    /// The number of milliseconds since [`START`].
    pub fn elapsed_millis(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Sets the clock to this many milliseconds after [`START`].
    pub fn set_elapsed_millis(&self, milliseconds: i64) {
        self.0.store(milliseconds, Ordering::SeqCst);
    }

    /// The time `seconds` from now, in the format of the API.
    pub fn in_seconds(&self, seconds: i64) -> String {
        shared::primitives::timestamp::Timestamp::from(self.now() + time::Duration::seconds(seconds))
            .to_string()
    }

    pub fn now(&self) -> OffsetDateTime {
        START + time::Duration::milliseconds(self.0.load(Ordering::SeqCst))
    }

    /// The clock for the service. Each reading takes a millisecond, so that entities that are created later have greater
    /// ids.
    pub fn clock(&self) -> Clock {
        let time = self.clone();
        Clock::new(move || {
            let now = time.now();
            time.0.fetch_add(1, Ordering::SeqCst);
            now
        })
    }
}

/// An account that a test created, with its first member, who has all permissions.
#[derive(Clone)]
pub struct Account {
    pub id: String,
    /// The id of the first member.
    pub user_id: String,
    /// The address of the first member.
    pub email: String,
    /// A session of the first member.
    pub session: Credential,
}

impl Account {
    /// The partition of the account, its keys and its members.
    pub fn partition(&self) -> String {
        format!("ACCOUNT#{}", self.id)
    }

    /// The partition of what belongs to the first member.
    pub fn member_partition(&self) -> String {
        format!("{}#USER#{}", self.partition(), self.user_id)
    }
}

/// The value of an `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential(pub String);

impl Credential {
    pub fn bearer(key: &str) -> Self {
        Self(format!("Bearer {key}"))
    }

    pub fn session(token: &str) -> Self {
        Self(format!("Session {token}"))
    }

    /// The token without the scheme.
    pub fn token(&self) -> &str {
        self.0.split_once(' ').expect("a scheme and a token").1
    }

    /// An API key for this type, account and id, made up without the key of the token MACs. Its check digits are wrong.
    pub fn forged(environment: Environment, account: &str, key: &str) -> Self {
        Self::with_wrong_secret(&random_mac_key(), environment, account, key)
    }

    /// A session for these ids, made up without the key of the token MACs. Its check digits are wrong.
    pub fn forged_session(account: &str, user: &str, session: &str) -> Self {
        Self::session_with_wrong_secret(&random_mac_key(), account, user, session)
    }

    /// An API key with the right check digits for this type, account and id, and a random secret that was never issued.
    pub fn with_wrong_secret(
        mac_key: &TokenMacKey,
        environment: Environment,
        account: &str,
        key: &str,
    ) -> Self {
        let account = account.parse().expect("the id of an account");
        let key = key.parse().expect("the id of a key");
        Self::bearer(NewToken::for_key(environment, account, key, mac_key, &Random::system()).expose())
    }

    /// A session with the right check digits for these ids, and a random secret that was never issued.
    pub fn session_with_wrong_secret(
        mac_key: &TokenMacKey,
        account: &str,
        user: &str,
        session: &str,
    ) -> Self {
        let account = account.parse().expect("the id of an account");
        let user = user.parse().expect("the id of a member");
        let session = session.parse().expect("the id of a session");
        Self::session(NewToken::for_session(account, user, session, mac_key, &Random::system()).expose())
    }
}

fn random_mac_key() -> TokenMacKey {
    let secret = Random::system().bytes::<MIN_TOKEN_MAC_KEY_BYTES>();
    TokenMacKey::new(secret.to_vec().into()).expect("the key is long enough")
}

/// Where and under which names a service's functions can be invoked directly.
struct Functions {
    /// The URL of Lambda's API.
    url: String,
    /// The deployed functions by their names here. A function that is not listed is deployed under its name here.
    names: HashMap<String, String>,
}

/// The service that [`Service::start`] uses instead of starting one: the environment variable `SERVICE_URL` has its URL.
///
/// Lambda's API is at `LAMBDA_URL`, by default at the same URL. `FUNCTION_NAMES` maps names of functions to those of the
/// deployed functions, as a JSON object.
#[expect(clippy::disallowed_methods, reason = "only the environment of the test run names it")]
fn external_service() -> Option<(String, Functions)> {
    let url = std::env::var("SERVICE_URL").ok()?;
    let names = std::env::var("FUNCTION_NAMES").ok();
    let functions = Functions {
        url: std::env::var("LAMBDA_URL").unwrap_or_else(|_| url.clone()),
        names: names.map_or_else(HashMap::new, |names| serde_json::from_str(&names).expect("FUNCTION_NAMES")),
    };
    Some((url, functions))
}

impl OwnService {
    /// Starts a service without data.
    pub async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// Starts a service without data that sends mails, to the gateway.
    pub async fn start_with_mail() -> Self {
        Self::start_with(|options| options.mail = Some(|_, _| ())).await
    }

    /// Starts a service without data that sends mails, but in which functions cannot invoke each other, and so cannot hand a mail over.
    pub async fn start_with_unreachable_lambda() -> Self {
        Self::start_with(make_lambda_unreachable).await
    }

    /// Waits until at least `count` mails have been sent, and a moment longer, in which further ones would arrive. Returns all
    /// mails, newest first.
    pub async fn mails(&self, count: usize) -> Vec<Value> {
        let url = format!("{}/_local/mail", self.url);
        let mails = async || -> Vec<Value> {
            let response = reqwest::get(&url).await.expect("a response");
            let mut mails: Value = response.json().await.expect("JSON");
            serde_json::from_value(mails["data"].take()).expect("a list")
        };
        let arrived = timeout(Duration::from_secs(20), async {
            while mails().await.len() < count {
                sleep(Duration::from_millis(10)).await;
            }
        });
        arrived.await.unwrap_or_else(|_| panic!("{count} mails are not sent in time"));
        sleep(Duration::from_millis(200)).await;
        mails().await
    }

    /// Starts a service without data, with a proxy in front of its `DynamoDB`.
    pub async fn start_with_dynamodb() -> (Self, DynamoDb) {
        let dynamodb = DynamoDb::start().await;
        let service = Self::start_with(|options| options.dynamodb = Some(dynamodb.url.clone())).await;
        (service, dynamodb)
    }

    /// Starts a service without data, after `change` has changed the gateway's options.
    pub async fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        let time = Time::default();
        let dynamodb = dynamodb::external_dynamodb();
        let mut options =
            Options { clock: time.clock(), stack: new_stack(), dynamodb, ..Options::ephemeral() };
        change(&mut options);
        let stack = options.stack.clone();
        let public_url = options.parameters.get("PublicUrl").cloned();
        let has_event_sources = options.event_sources;
        let gateway = Gateway::start(options).await.expect("the gateway starts");
        if !has_event_sources {
            disable_ttl(&gateway).await;
        }
        report_service("in this process");
        let url = gateway.url().to_owned();
        let functions = Functions { url: url.clone(), names: HashMap::new() };
        Self { service: Service { public_url, ..Service::at(url, functions) }, gateway, time, stack }
    }
}

/// Changes the options so that functions send mails, but cannot invoke each other.
pub fn make_lambda_unreachable(options: &mut Options) {
    options.mail = Some(|_, _| ());
    options.invoked_lambda = Some(UNREACHABLE.to_owned());
}

/// An item of the table.
pub type Item = HashMap<String, AttributeValue>;

impl OwnService {
    /// All items of the table.
    pub async fn items(&self) -> Vec<Item> {
        let table = self.gateway.table("Table").expect("the table");
        let pages = self.gateway.dynamodb().scan().table_name(table).into_paginator().items().send();
        pages.try_collect().await.expect("all items")
    }

    /// Reads an item of the table.
    pub async fn item(&self, pk: &str, sk: &str) -> Option<Item> {
        let table = self.gateway.table("Table").expect("the table");
        let get = self.gateway.dynamodb().get_item().table_name(table).consistent_read(true);
        let text = |text: &str| AttributeValue::S(text.to_owned());
        get.key("pk", text(pk)).key("sk", text(sk)).send().await.expect("a response").item
    }

    /// Reads the item of an account's first member.
    pub async fn first_member(&self, account: &Account) -> Item {
        let member = self.item(&account.partition(), &format!("MEMBER#{}", account.user_id)).await;
        member.expect("the member")
    }

    /// Calls an operation of Secrets Manager.
    pub async fn secrets_manager(&self, operation: &str, request: Value) -> Value {
        let response = reqwest::Client::new()
            .post(self.gateway.secrets_manager_url())
            .header("x-amz-target", format!("secretsmanager.{operation}"))
            .header("user-agent", "app/tests")
            .body(request.to_string())
            .send()
            .await
            .expect("a response");
        assert_eq!(response.status(), 200);
        response.json().await.expect("JSON")
    }

    /// Reads the key of the token MACs. Whoever knows it can create tokens that are wrong only in their secret.
    pub async fn token_mac_key(&self) -> TokenMacKey {
        let secret = self.secrets_manager("GetSecretValue", json!({"SecretId": "TokenMacKey"})).await;
        let secret = text(&secret, "SecretString").as_bytes().to_vec();
        TokenMacKey::new(secret.into()).expect("the key is long enough")
    }
}

/// If `SERVICE_URL` is set, prints which service the current test uses.
fn report_service(place: &str) {
    if external_service().is_some() {
        let test = thread::current();
        let line = format!("{} used the service {place}\n", test.name().unwrap_or_default());
        // The test harness captures the output of `eprintln!`, but not what is written to the stream itself.
        io::stderr().write_all(line.as_bytes()).expect("standard error is open");
    }
}

impl Service {
    /// Returns the service at `SERVICE_URL`. If that is not set, starts a service for this test.
    ///
    /// The service at `SERVICE_URL` may have other users, and it uses the real time. A test that sets the time, or that
    /// needs more than the API, starts an [`OwnService`] instead.
    pub async fn start() -> Self {
        if let Some((url, functions)) = external_service() {
            report_service("at SERVICE_URL");
            return Self::at(url, functions);
        }
        let OwnService { service, gateway, .. } = OwnService::start().await;
        Self { _gateway: Some(gateway), ..service }
    }

    fn at(url: String, functions: Functions) -> Self {
        Self { url, functions: Arc::new(functions), public_url: None, http: Client::new(), _gateway: None }
    }

    /// The host and port of the API, and the path below which its routes are.
    fn address(&self) -> (&str, &str) {
        let address = self.url.strip_prefix("http://").expect("a URL");
        address.split_at(address.find('/').unwrap_or(address.len()))
    }

    /// Begins a request without a credential.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.url));
        Request { request, base_length: self.address().1.len() }
    }

    /// Sends a `GET` with a credential.
    pub async fn get(&self, path: &str, credential: &Credential) -> Response {
        self.request("GET", path).with(credential).send().await
    }

    /// Sends a `POST` with a credential and a JSON body.
    pub async fn post(&self, path: &str, credential: &Credential, body: Value) -> Response {
        self.request("POST", path).with(credential).json(&body).send().await
    }

    /// Sends a `PATCH` with a credential and a JSON body.
    pub async fn patch(&self, path: &str, credential: &Credential, body: Value) -> Response {
        self.request("PATCH", path).with(credential).json(&body).send().await
    }

    /// Sends a `DELETE` with a credential.
    pub async fn delete(&self, path: &str, credential: &Credential) -> Response {
        self.request("DELETE", path).with(credential).send().await
    }

    /// Requests the identity that a credential authenticates.
    pub async fn me(&self, credential: &Credential) -> Response {
        self.get("/v1/auth/me", credential).await
    }

    /// Reads all pages of a list, with `limit` entries each. Returns the ids of all entries.
    pub async fn ids(&self, path: &str, credential: &Credential, limit: usize) -> Vec<String> {
        let first = format!("{path}{}limit={limit}", if path.contains('?') { '&' } else { '?' });
        let mut next = first.clone();
        let mut ids = Vec::new();
        loop {
            let page = self.get(&next, credential).await.expect(200);
            let data = page["data"].as_array().expect("a list");
            ids.extend(data.iter().map(|entry| text(entry, "id").to_owned()));
            if page["next_cursor"].is_null() {
                assert!(data.len() <= limit && (ids.is_empty() || !data.is_empty()), "{page}");
                return ids;
            }
            assert_eq!(data.len(), limit, "only the last page may have fewer entries");
            next = format!("{first}&cursor={}", text(&page, "next_cursor"));
        }
    }

    /// Sends a request over a connection of its own and returns the unparsed response. `line` is the method and the path.
    /// Unlike an HTTP library, this sends them and each line of `headers` unchanged.
    pub async fn exchange(&self, line: &str, headers: &[&[u8]], body: &str) -> String {
        let (address, base) = self.address();
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let has_host = headers.iter().any(|header| header.starts_with(b"Host:"));
        let host = if has_host { String::new() } else { format!("Host: {address}\r\n") };
        let first = format!("{method} {base}{path} HTTP/1.1\r\n{host}Connection: close");
        let length = format!("Content-Length: {}", body.len());
        let head = [&[first.as_bytes()], headers, &[length.as_bytes(), b"\r\n"]].concat().join(&b"\r\n"[..]);
        self.send_bytes(&[&head, body.as_bytes()].concat()).await
    }

    /// Sends these bytes over a connection of their own. Returns everything that is received until the connection closes.
    pub async fn send_bytes(&self, bytes: &[u8]) -> String {
        let mut connection = self.connect().await;
        // The server may close the connection before it has read all bytes.
        connection.write_all(bytes).await.ok();
        read_to_end(&mut connection).await
    }

    /// Opens a TCP connection to the service.
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address().0).await.expect("a connection")
    }

    /// Sends a request like [`Self::exchange`], parses the response, and checks it against the OpenAPI document.
    pub async fn raw(&self, line: &str, headers: &[&[u8]], body: &str) -> Response {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let response = Response::parse(method, path, &self.exchange(line, headers, body).await);
        assert_described(method, path, &response);
        response
    }

    pub async fn suspend(&self, account: &Account) {
        self.operate(json!({"suspend_account": {"account_id": account.id}}))
            .await
            .expect("the account is suspended");
    }

    pub async fn restore(&self, account: &Account) {
        self.operate(json!({"restore_account": {"account_id": account.id}}))
            .await
            .expect("the account is restored");
    }

    /// Sends a command to the `operator` function.
    pub async fn operate(&self, command: Value) -> Result<Value, FunctionError> {
        self.invoke("operator", &command).await
    }

    /// The URL of a function in Lambda's Invoke API.
    pub fn invocation_url(&self, function: &str) -> String {
        let Functions { url, names } = &*self.functions;
        let name = names.get(function).map_or(function, String::as_str);
        format!("{url}/2015-03-31/functions/{name}/invocations")
    }

    /// Invokes a function through Lambda's Invoke API.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value, FunctionError> {
        let response =
            self.http.post(self.invocation_url(function)).json(event).send().await.expect("a response");
        assert_eq!(response.status(), 200);
        let failed = response.headers().get("x-amz-function-error").cloned();
        match failed {
            None => Ok(response.json().await.expect("JSON")),
            Some(kind) => {
                assert_eq!(kind, "Unhandled");
                Err(response.json().await.expect("an error"))
            }
        }
    }

    /// Creates an account and logs its first member in.
    pub async fn account(&self) -> Account {
        self.account_with_email(new_address()).await
    }

    /// Creates an account whose first member has this address, and logs that member in.
    pub async fn account_with_email(&self, email: String) -> Account {
        let command = json!({"create_account": {"name": "Study", "email": email, "password": PASSWORD}});
        let created = self.operate(command).await.expect("the account is created");
        let text = |name: &str| created[name].as_str().expect(name).to_owned();
        let session = self.login(&email).await;
        Account { id: text("account_id"), user_id: text("user_id"), email, session }
    }

    /// Logs in a member whose password is [`PASSWORD`].
    pub async fn login(&self, email: &str) -> Credential {
        let body = json!({"email": email, "password": PASSWORD});
        let response = self.request("POST", "/v1/auth/login").json(&body).send().await;
        Credential::session(response.expect(200)["session_token"].as_str().expect("a token"))
    }

    /// The origin of the service's pages, which passkeys belong to.
    pub fn origin(&self) -> String {
        if let Some(public_url) = &self.public_url {
            return public_url.clone();
        }
        let (address, _) = self.address();
        let port = address.rsplit_once(':').expect("an address with a port").1;
        format!("http://localhost:{port}")
    }

    /// Creates a passkey with a new authenticator and adds it to the member with this session. Returns the authenticator and the
    /// response.
    pub async fn add_passkey(&self, session: &Credential) -> (Authenticator, Value) {
        let mut authenticator = Authenticator::new(&self.origin());
        let body = self.new_passkey(session, &mut authenticator).await;
        (authenticator, self.post("/v1/auth/passkeys", session, body).await.expect(201))
    }

    /// Creates a passkey for the member with this session. Returns the body of the request that adds it.
    pub async fn new_passkey(&self, session: &Credential, authenticator: &mut Authenticator) -> Value {
        let options = self.post("/v1/auth/passkeys/options", session, json!({})).await.expect(200);
        json!({"name": "A passkey", "credential": authenticator.register(&options)})
    }

    /// Returns the body of a request that logs in with the passkey of an authenticator.
    pub async fn passkey_login(&self, authenticator: &mut Authenticator) -> Value {
        let options = self.request("POST", "/v1/auth/login/options").send().await.expect(200);
        json!({"credential": authenticator.authenticate(&options)})
    }

    /// Logs in with the passkey of an authenticator.
    pub async fn login_with_passkey(&self, authenticator: &mut Authenticator) -> Credential {
        let body = self.passkey_login(authenticator).await;
        let response = self.request("POST", "/v1/auth/login/passkey").json(&body).send().await;
        Credential::session(text(&response.expect(200), "session_token"))
    }

    /// Sends the right password of a member with a passkey. Returns `second_factor` of the response.
    pub async fn second_factor(&self, email: &str) -> Value {
        let body = json!({"email": email, "password": PASSWORD});
        let mut response = self.request("POST", "/v1/auth/login").json(&body).send().await.expect(200);
        assert!(response.get("session_token").is_none(), "{response}");
        response["second_factor"].take()
    }

    /// Creates an API key with `credential`. By default it has all permissions; `fields` are added to the request's body
    /// or replace its fields. Returns the key's credential and the response, which contains the secret in `key`.
    pub async fn key(&self, credential: &Credential, fields: Value) -> (Credential, Value) {
        let mut body = json!({"name": "A key", "permissions": ["read", "write", "delete", "admin"]});
        let Value::Object(fields) = fields else { panic!("the fields are an object") };
        body.as_object_mut().expect("an object").extend(fields);
        let record = self.post("/v1/api-keys", credential, body).await.expect(201);
        (Credential::bearer(record["key"].as_str().expect("a key")), record)
    }

    /// Rotates a key with `credential`. The old secret stays valid for `grace` seconds. Returns the credential with the
    /// new secret, and the response.
    pub async fn rotate(&self, key: &Value, credential: &Credential, grace: u32) -> (Credential, Value) {
        let path = format!("{}/rotate", key_path(key));
        let rotated = self.post(&path, credential, json!({"grace_period": grace})).await.expect(200);
        (Credential::bearer(text(&rotated, "key")), rotated)
    }

    /// Reports these credentials as leaked.
    pub fn report(&self, leaked: &[&Credential]) -> impl Future<Output = Response> + use<> {
        let tokens: Vec<_> = leaked.iter().map(|credential| credential.token()).collect();
        self.request("POST", "/v1/credentials/revoke").json(&json!({"credentials": tokens})).send()
    }

    /// Invites a member with `credential`. Returns the response.
    pub async fn invite(&self, credential: &Credential, email: &str, permissions: &[&str]) -> Value {
        let body = json!({"email": email, "permissions": permissions});
        self.post("/v1/members", credential, body).await.expect(201)
    }

    /// Accepts the invitation in the response `invited` with [`PASSWORD`]. Returns the member's session.
    pub async fn accept(&self, invited: &Value) -> Credential {
        let token = match invited["invitation"]["token"].as_str() {
            Some(token) => token.to_owned(),
            None => self.mailed_invitation(text(invited, "email")).await,
        };
        let response = self.try_to_accept(&token, PASSWORD).await;
        Credential::session(text(&response.expect(200), "session_token"))
    }

    /// Waits for a mail with an invitation to `email`, and returns its token.
    async fn mailed_invitation(&self, email: &str) -> String {
        let url = format!("{}/_local/mail", self.url);
        let find = async || {
            let mails: Value = reqwest::get(&url).await.expect("a response").json().await.expect("JSON");
            let mails = mails["data"].as_array().expect("a list").clone();
            let mut to_member = mails.iter().filter(|mail| mail["to"] == email);
            to_member.find_map(|mail| invitation_token(text(mail, "text")).map(str::to_owned))
        };
        let found = timeout(Duration::from_secs(20), async {
            loop {
                match find().await {
                    Some(token) => return token,
                    None => sleep(Duration::from_millis(10)).await,
                }
            }
        });
        found.await.expect("the mail is sent in time")
    }

    /// Tries to accept an invitation.
    pub async fn try_to_accept(&self, token: &str, password: &str) -> Response {
        let body = json!({"token": token, "password": password});
        self.request("POST", "/v1/auth/accept-invitation").json(&body).send().await
    }

    /// Creates a member with this address, who has accepted the invitation. Returns the member's session and id.
    pub async fn member_with_email(
        &self,
        credential: &Credential,
        email: &str,
        permissions: &[&str],
    ) -> (Credential, String) {
        let invited = self.invite(credential, email, permissions).await;
        (self.accept(&invited).await, text(&invited, "id").to_owned())
    }

    /// Creates a member with `credential`, who has accepted the invitation. Returns the member's session and id.
    pub async fn member(&self, credential: &Credential, permissions: &[&str]) -> (Credential, String) {
        self.member_with_email(credential, &new_address(), permissions).await
    }

    /// Creates a project with `credential`. Returns its id.
    pub async fn project(&self, credential: &Credential) -> String {
        let record = self.post("/v1/projects", credential, json!({"name": "A project"})).await.expect(201);
        record["id"].as_str().expect("an id").to_owned()
    }
}

/// Returns everything that is received until the connection closes.
pub async fn read_to_end(connection: &mut TcpStream) -> String {
    let mut response = Vec::new();
    // If the server has not read all bytes, it resets the connection after the response. That error is ignored.
    let read = timeout(Duration::from_secs(20), connection.read_to_end(&mut response));
    read.await
        .unwrap_or_else(|_| panic!("the connection stays open: {}", String::from_utf8_lossy(&response)))
        .ok();
    String::from_utf8(response).expect("UTF-8")
}

/// The token of an invitation in the text of a mail.
pub fn invitation_token(mail: &str) -> Option<&str> {
    let (_, rest) = mail.split_once("/accept-invitation/")?;
    rest.split_whitespace().next()
}

/// A new random email address.
pub fn new_address() -> String {
    format!("user{:016x}@example.com", u64::from_be_bytes(Random::system().bytes()))
}

/// A new random name of a stack. It keeps the tables of tests apart that use the same `DynamoDB`.
pub fn new_stack() -> String {
    format!("test-{:032x}", u128::from_be_bytes(Random::system().bytes()))
}

/// Disables the deletion of expired items. It compares `ttl` with the real time, not with the test's clock.
async fn disable_ttl(gateway: &Gateway) {
    // The stack does not create an existing table, and so does not enable the deletion there.
    let Some(table) = gateway.table("Table") else { return };
    let client = gateway.dynamodb();
    let described = client.describe_time_to_live().table_name(table).send().await.expect("a response");
    let ttl = described.time_to_live_description().expect("a description");
    if let Some(attribute) = ttl.attribute_name() {
        let disabled = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(false).build();
        let disabled = disabled.expect("a complete specification");
        let update = client.update_time_to_live().table_name(table).time_to_live_specification(disabled);
        update.send().await.expect("TTL is disabled");
    }
}

/// A request before it is sent.
pub struct Request {
    request: reqwest::RequestBuilder,
    /// The length of the path below which the API's routes are.
    base_length: usize,
}

impl Request {
    pub fn with(self, credential: &Credential) -> Self {
        self.header("Authorization", &credential.0)
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value.as_bytes());
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.header(header::CONTENT_TYPE.as_str(), "application/json").body(body.to_string())
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request = self.request.body(body.into());
        self
    }

    pub async fn send(self) -> Response {
        let (http, request) = self.request.build_split();
        let request = request.expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        // In a box, because it is large and becomes a part of each test's future.
        let response = Box::pin(http.execute(request)).await.expect("a response");
        let path = &path[self.base_length..];
        let response = Response::read(method.as_str(), path, response).await;
        assert_described(method.as_str(), path, &response);
        response
    }
}

/// The path of an API key.
pub fn key_path(key: &Value) -> String {
    format!("/v1/api-keys/{}", text(key, "id"))
}
