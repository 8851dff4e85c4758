//! Logs: their records, their format, and the absence of secrets.

use std::{
    collections::HashMap,
    io::{self, Write},
    mem,
    sync::{Arc, Mutex, MutexGuard, Once},
};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::http::StatusCode;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use shared::{
    credentials::{
        digest::TokenDigest,
        password::{HashMemory, NewPassword, Password},
        password_rules::PasswordContext,
        pepper::{Pepper, Peppers},
        token::NewToken,
        token_mac::TokenMacKey,
    },
    primitives::{
        email::EmailAddress,
        environment::Environment,
        id::{AccountId, KeyId},
        name::Name,
        random::Random,
    },
    telemetry::log,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{filter::LevelFilter, util::SubscriberInitExt};

use crate::{
    dynamodb::{self, Fault},
    input::bodies,
    operation_table,
    response::{Response, text},
    service::{Account, Credential, OwnService, PASSWORD, Service, key_path},
};

/// A text that requests contain and that must not be logged.
const CANARY: &str = "canary";

/// All lines that this and concurrent tests of this process have logged since [`start_process_log`].
static PROCESS_LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct LogWriter(MutexGuard<'static, Vec<u8>>);

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts to collect the log of this process at level `trace`.
fn start_process_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let writer = || LogWriter(PROCESS_LOG.lock().expect("no test panics while it writes"));
        log::subscriber(LevelFilter::TRACE, writer).init();
    });
}

fn process_log() -> String {
    String::from_utf8(PROCESS_LOG.lock().unwrap().clone()).expect("UTF-8")
}

/// The log of a single test, which must run on one thread.
pub struct CapturedLog {
    lines: &'static Mutex<Vec<u8>>,
    _logging: DefaultGuard,
}

impl CapturedLog {
    /// Starts to collect the log of this thread, with the `LOG_LEVEL` `level`.
    pub fn start(level: LevelFilter) -> Self {
        // If a thread without a subscriber logs an event first, `tracing` may disable that event for all threads.
        start_process_log();
        let lines: &'static Mutex<Vec<u8>> = Box::leak(Box::default());
        let writer = || LogWriter(lines.lock().expect("the test does not panic while it writes"));
        Self { lines, _logging: log::subscriber(level, writer).set_default() }
    }

    /// Returns the records that were logged since the last call.
    pub fn take_records(&self) -> Vec<Value> {
        let lines = String::from_utf8(mem::take(&mut self.lines.lock().unwrap())).expect("UTF-8");
        assert!(lines.is_empty() || lines.ends_with('\n'), "{lines}");
        assert!(!lines.contains(|character: char| character.is_control() && character != '\n'), "{lines:?}");
        lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

/// Returns the records of a request from the log of this process.
fn records_of_request(request_id: &str) -> Vec<Value> {
    let records =
        process_log().lines().map(|line| serde_json::from_str(line).expect(line)).collect::<Vec<Value>>();
    records.into_iter().filter(|record| record["request_id"] == request_id).collect()
}

/// Returns the secret part of a token, without the last digits, which the key's hint contains.
fn secret(credential: &Credential) -> &str {
    let text = &credential.0;
    &text[text.len() - 38..text.len() - 4]
}

/// Makes valid and invalid requests of all kinds. Returns the credentials that were issued, which must not be logged.
async fn send_requests_of_all_kinds(service: &Service, account: &Account) -> Vec<Credential> {
    let session = &account.session;
    let (key, record) = service.key(session, json!({"name": CANARY})).await;
    let (rotated, _) = service.rotate(&record, session, 60).await;
    let (revoked, revoked_record) = service.key(session, json!({})).await;
    let (leaked, _) = service.key(session, json!({})).await;
    let (member, member_id) = service.member(session, &["read"]).await;
    let project = format!("/v1/projects/{}", service.project(session).await);
    let member_path = format!("/v1/members/{member_id}");
    let name = || json!({"name": CANARY});
    let new_password = |new: &str| json!({"current_password": PASSWORD, "new_password": new});
    let login = |password: &str| json!({"email": account.email, "password": password});
    let new_key = || json!({"name": CANARY, "permissions": ["read"]});
    for (nth, (method, path, credential, body, status)) in [
        ("POST", "/v1/api-keys?canary=canary", Some(session), new_key(), 400),
        ("POST", "/v1/api-keys", Some(session), new_key(), 201),
        ("POST", &format!("{}/rotate?canary=canary", key_path(&record)), Some(session), json!({}), 400),
        ("POST", &format!("{}/rotate", key_path(&record)), Some(session), json!({}), 200),
        ("POST", "/v1/projects?canary=canary", Some(&rotated), name(), 400),
        ("POST", "/v1/projects", Some(&rotated), name(), 201),
        ("GET", "/v1/auth/me?canary=canary", Some(&rotated), Value::Null, 400),
        ("HEAD", "/v1/auth/me", Some(&rotated), Value::Null, 200),
        ("GET", "/v1/api-keys?status=all", Some(session), Value::Null, 200),
        ("GET", &key_path(&record), Some(&rotated), Value::Null, 200),
        ("DELETE", &key_path(&revoked_record), Some(session), Value::Null, 204),
        ("GET", "/v1/auth/me", Some(&revoked), Value::Null, 401),
        ("GET", "/v1/audit-events?limit=9&canary=canary", Some(session), Value::Null, 400),
        ("GET", "/v1/audit-events?limit=9", Some(session), Value::Null, 200),
        ("GET", "/v1/audit-events?key_id=canary", Some(session), Value::Null, 400),
        ("GET", "/v1/projects", Some(&rotated), Value::Null, 200),
        ("GET", "/v1/health", None, Value::Null, 200),
        ("GET", &project, Some(&rotated), Value::Null, 200),
        ("PATCH", &project, Some(&rotated), name(), 200),
        ("DELETE", &project, Some(&member), Value::Null, 403),
        ("DELETE", &project, Some(&rotated), Value::Null, 204),
        ("GET", "/v1/members", Some(session), Value::Null, 200),
        ("GET", &member_path, Some(session), Value::Null, 200),
        ("PATCH", &member_path, Some(session), json!({"permissions": ["write"]}), 200),
        ("PATCH", &member_path, Some(session), json!({"status": CANARY}), 400),
        ("DELETE", &member_path, Some(session), Value::Null, 204),
        ("GET", "/v1/auth/sessions", Some(session), Value::Null, 200),
        ("DELETE", "/v1/auth/sessions/canary", Some(session), Value::Null, 404),
        ("POST", "/v1/auth/login", None, login("the canary sings at 9"), 401),
        ("POST", "/v1/auth/login", None, json!({"email": CANARY, "password": CANARY}), 401),
        ("POST", "/v1/auth/login", None, json!({"email": 1, "password": {CANARY: CANARY}}), 400),
        ("POST", "/v1/auth/login", None, json!({"canary@example.com": CANARY}), 400),
        ("POST", "/v1/auth/password", Some(session), new_password(CANARY), 400),
        ("POST", "/v1/auth/password", Some(session), json!({CANARY: PASSWORD}), 400),
        ("POST", "/v1/auth/password", Some(session), new_password("the canary sings at 9"), 204),
        ("POST", "/v1/api-keys", Some(session), json!({"name": 1, "permissions": [CANARY]}), 400),
        ("POST", "/v1/api-keys", Some(session), json!({"name": "a", "permissions": [CANARY]}), 400),
        ("POST", "/v1/members", Some(session), json!({"email": "canary@", "password": CANARY}), 400),
        ("POST", "/v1/auth/accept-invitation", None, json!({"token": CANARY, "password": PASSWORD}), 401),
        ("POST", "/v1/auth/accept-invitation", None, json!({"token": "invite_", "password": CANARY}), 401),
        ("POST", "/v1/auth/reauthenticate", Some(session), json!({"password": CANARY}), 403),
        ("GET", "/v1/api-keys/canary?canary=canary", Some(session), Value::Null, 400),
        ("GET", "/v1/api-keys/canary", Some(session), Value::Null, 404),
        ("GET", "/v1/api-keys?cursor=canary", Some(session), Value::Null, 400),
        ("GET", "/v1/projects?environment=canary", Some(&rotated), Value::Null, 400),
        ("GET", "/v1/canary", Some(session), Value::Null, 404),
        ("POST", "/v1/credentials/revoke", None, json!({"credentials": [CANARY, "mt_live_canary"]}), 202),
        ("POST", "/v1/credentials/revoke", None, json!({"credentials": CANARY}), 400),
        ("POST", "/v1/credentials/revoke", None, json!({"credentials": [], CANARY: leaked.token()}), 400),
        ("POST", "/v1/credentials/revoke", None, json!({"credentials": [leaked.token(), {}]}), 400),
        (
            "POST",
            "/v1/credentials/revoke",
            None,
            json!({"credentials": [leaked.token(), member.token()]}),
            202,
        ),
        ("POST", "/v1/auth/logout", Some(session), Value::Null, 204),
    ]
    .into_iter()
    .enumerate()
    {
        let request = service.request(method, path).header("User-Agent", "canary\u{85}\u{2028}");
        let mut request = request.header("Idempotency-Key", &format!("{CANARY}{nth}"));
        if let Some(credential) = credential {
            request = request.with(credential);
        }
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await;
        assert_eq!(response.status, status, "{method} {path}: {}", response.text);
    }
    let invalid = json!({"create_account": {"name": CANARY, "email": CANARY}});
    service.operate(invalid).await.expect_err("an invalid command");
    service.operate(json!({CANARY: CANARY})).await.expect_err("an unknown command");
    vec![key, rotated, revoked, leaked, member, session.clone()]
}

/// Sends requests with [`CANARY`] in path, query, headers and body to each route: without a credential, with `key`, and with a
/// session that has all permissions, so that each function receives one.
async fn send_canaries(service: &OwnService, account: &Account, key: &Credential) {
    let session = service.login(&account.email).await;
    let mut routes: Vec<_> = service.gateway.routes().iter().collect();
    // The logout is last because it ends the session.
    routes.sort_by_key(|route| route.path == "/v1/auth/logout");
    let body = json!({CANARY: CANARY}).to_string();
    for route in routes {
        let fill = |part: &str| if part.starts_with('{') { CANARY.to_owned() } else { part.to_owned() };
        let path = route.path.split('/').map(fill).collect::<Vec<_>>().join("/");
        // A `/v1` operation rejects the query before it reads the path and the body.
        let lines =
            [format!("{} {path}?{CANARY}={CANARY}", route.method), format!("{} {path}", route.method)];
        for credential in [
            "X-Canary: canary",
            &format!("Authorization: {}", key.0),
            &format!("Authorization: {}", session.0),
        ] {
            let headers = [
                credential,
                "Content-Type: application/json",
                "Idempotency-Key: canary",
                "Cookie: canary=canary",
                "Referer: https://canary.example/canary",
                "X-Forwarded-For: canary",
            ];
            for line in &lines {
                let response = service.exchange(line, &headers.map(str::as_bytes), &body).await;
                assert!(response.starts_with("HTTP/1.1 "), "{response}");
            }
        }
    }
}

/// Sends malformed credentials, a malformed body, and header bytes that no HTTP client sends.
async fn send_malformed_requests(service: &Service, key: &Credential) {
    let token = &key.0["Bearer ".len()..];
    for value in [
        "canary".to_owned(),
        "Basic canary".to_owned(),
        format!("Bearer {token}canary"),
        format!("Session {token}"),
        format!("Canary {token}"),
        format!("{}, {}", key.0, key.0),
        format!("{}\u{85}canary", key.0),
    ] {
        let request = service.request("GET", "/v1/auth/me").header("Authorization", &value);
        request.send().await.assert_unauthorized();
    }
    let request = service.request("GET", "/v1/auth/me").with(key).with(key);
    request.send().await.assert_unauthorized();
    let request = service.request("POST", "/v1/auth/login").header("Content-Type", "application/json");
    request.body("{\"email\": \"canary@example.com\", \"password\": canary").send().await.expect(400);

    let address = service.url.strip_prefix("http://").expect("a URL");
    for agent in ["\x1b[31mcanary", "canary\r canary", "canary\n{\"canary\": 1}"] {
        let mut connection = TcpStream::connect(address).await.expect("a connection");
        let request = format!(
            "GET /v1/auth/me HTTP/1.1\r\nHost: {address}\r\nAuthorization: {}\r\nUser-Agent: {agent}\r\n\
             Connection: close\r\n\r\n",
            key.0
        );
        connection.write_all(request.as_bytes()).await.expect("the bytes are sent");
        let mut response = Vec::new();
        connection.read_to_end(&mut response).await.expect("a response");
        assert!(response.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&response));
    }
}

/// Returns every digest and password hash in the table, in each encoding in which it could be logged.
async fn stored_secrets(service: &OwnService) -> Vec<String> {
    let mut secrets = Vec::new();
    for item in service.items().await {
        collect_secrets(&item, &mut secrets);
    }
    secrets
}

fn collect_secrets(attributes: &HashMap<String, AttributeValue>, secrets: &mut Vec<String>) {
    for (name, value) in attributes {
        match value {
            AttributeValue::M(inner) => collect_secrets(inner, secrets),
            AttributeValue::B(bytes) => {
                let bytes = bytes.as_ref();
                let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
                let debug = format!("{bytes:?}");
                secrets.extend([BASE64_STANDARD.encode(bytes), hex.to_uppercase(), hex, debug]);
            }
            AttributeValue::S(text) if name == "phc" => secrets.push(text.clone()),
            _ => {}
        }
    }
}

#[tokio::test]
async fn no_secret_is_logged() {
    start_process_log();
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let mut account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    let policy = json!({"policy": {"idle_key_days": 7}});
    service.patch("/v1/account", &account.session, policy).await.expect(200);
    send_canaries(&service, &account, &key).await;
    // One of these requests ended all other sessions of the member.
    account.session = service.login(&account.email).await;
    let mut issued = send_requests_of_all_kinds(&service, &account).await;
    send_malformed_requests(&service, &key).await;
    dynamodb.inject(Fault::Error(StatusCode::BAD_REQUEST, "ValidationException"), None);
    service.me(&key).await.assert_error(503, "UNAVAILABLE");
    dynamodb.recover();
    service.time.pass(7 * 24 * 60 * 60);
    service.me(&key).await.assert_unauthorized();
    issued.push(key);

    let log = process_log();
    // The log contains the requests of this test.
    let metrics = "\"CloudWatchMetrics\":[{\"Namespace\":\"MedTWINAuth\"";
    for expected in [
        account.id.as_str(),
        "malformed credential",
        "revoked",
        "missing permission: delete",
        r#""reason":"idle""#,
        "DynamoDB failed",
        metrics,
    ] {
        assert!(log.contains(expected), "{expected}");
    }
    for route in service.gateway.routes() {
        let operation = format!("\"operation\":\"{} {}\"", route.method, route.path);
        assert!(log.contains(&operation), "{operation}");
    }
    let stored = stored_secrets(&service).await;
    // Three keys, one of them rotated and one revoked; a session; the passwords of two members.
    assert!(stored.len() > 12, "{}", stored.len());
    let issued = issued.iter().map(secret);
    let others =
        [PASSWORD, CANARY, "Bearer mt_", "Session sess_", "$argon2", "@example.com", dynamodb::CANARY];
    for secret in stored.iter().map(String::as_str).chain(issued).chain(others) {
        let lines: Vec<_> = log.lines().filter(|line| line.contains(secret)).collect();
        assert!(lines.is_empty(), "{secret}: {lines:?}");
    }
    assert!(!log.contains('\u{1b}') && !log.contains('\u{85}') && !log.contains('\u{2028}'));
}

#[tokio::test]
async fn hostile_request_yields_one_line_per_invocation() {
    let log = CapturedLog::start(LevelFilter::TRACE);
    let service = OwnService::start().await;
    let account = service.account().await;
    log.take_records();
    // Without escaping, this text would add a line to the log, and a terminal would use it to overwrite other lines.
    let hostile =
        format!("{CANARY}\r\n{{\"level\": \"INFO\"}}\n\u{1b}[2K\u{1b}[31m\u{0}\u{7f}\u{85}\u{2028}\u{9b}31m");
    let encoded: String = hostile.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
    let assert_one_line_each = |is_public: bool, case: &str| {
        let records = log.take_records();
        assert_eq!(
            records.iter().filter(|record| record["message"] == "request").count(),
            1,
            "{case}: {records:?}"
        );
        let documents = records.iter().filter(|record| record["_aws"].is_object());
        let (authorizer, function): (Vec<_>, Vec<_>) =
            documents.partition(|document| document["FunctionName"] == "authorizer");
        assert_eq!(authorizer.len(), usize::from(!is_public), "{case}: {records:?}");
        let is_authorized = authorizer.iter().all(|document| document["Outcome"] == "allowed");
        assert_eq!(function.len(), usize::from(is_authorized), "{case}: {records:?}");
        assert!(!records.iter().any(|record| record.to_string().contains(CANARY)), "{case}: {records:?}");
    };
    for (method, route) in operation_table::routes() {
        let valid = bodies::valid_body(method, route);
        let mut bodies = vec![hostile.clone()];
        if let Ok(Value::Object(valid)) = serde_json::from_str(&valid) {
            for name in valid.keys() {
                for value in [json!(hostile), json!([hostile]), json!({&hostile: hostile})] {
                    let mut body = valid.clone();
                    body.insert(name.clone(), value);
                    bodies.push(json!(body).to_string());
                }
            }
            let mut body = valid.clone();
            body.insert(hostile.clone(), json!(hostile));
            bodies.push(json!(body).to_string());
        }
        let parts = route.split('/').map(|part| if part.starts_with('{') { &encoded } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        let parameters = ["limit", "cursor", "status", "environment", "key_id", &encoded];
        let query: String = parameters.map(|name| format!("{name}={encoded}&")).concat();
        for path in [format!("{path}?{query}"), path] {
            for body in &bodies {
                let request = service.request(method, &path).with(&account.session);
                let request =
                    request.header("Content-Type", "application/json").header("User-Agent", "canary\t\u{85}");
                request.header("Idempotency-Key", "canary\u{9b}").body(body.as_str()).send().await;
                let is_public = operation_table::public_routes().contains(&(method, route));
                assert_one_line_each(is_public, &format!("{method} {path} {body:?}"));
            }
        }
    }
    let request =
        service.request("GET", "/v1/auth/me").header("Authorization", "Bearer canary\t\u{85}\u{9b}");
    request.send().await.assert_unauthorized();
    assert_one_line_each(false, "a credential");
}

#[tokio::test]
async fn hostile_event_yields_one_line_per_invocation() {
    let log = CapturedLog::start(LevelFilter::TRACE);
    let service = OwnService::start().await;
    let hostile = "x\r\n{\"level\": \"INFO\"}\n\u{1b}[2K\u{0}";
    let context = json!({
        "requestId": hostile, "resourcePath": hostile, "path": hostile, "stage": hostile, "httpMethod": "GET",
        "identity": {"sourceIp": hostile, "userAgent": hostile},
        "authorizer": {"type": hostile, "account_id": hostile},
    });
    let event = json!({
        "methodArn": hostile, "resource": hostile, "path": "/", "httpMethod": "GET",
        "headers": {"Authorization": hostile, hostile: hostile},
        "multiValueHeaders": {"Authorization": [hostile], hostile: [hostile]},
        "requestContext": context, "pathParameters": {"key_id": hostile}, "body": hostile, "isBase64Encoded": false,
    });
    for function in service.gateway.actions().keys() {
        log.take_records();
        // The result does not matter.
        service.invoke(function, &event).await.ok();
        let records = log.take_records();
        let documents = records.iter().filter(|record| record["_aws"].is_object());
        assert_eq!(documents.count(), 1, "{function}: {records:?}");
    }
}

#[tokio::test]
async fn denied_request_is_logged_with_caller_operation_and_reason() {
    start_process_log();
    let service = OwnService::start().await;
    let account = service.account().await;
    let (key, record) = service.key(&account.session, json!({"permissions": ["write"]})).await;
    let response = service.get("/v1/projects", &key).await;
    response.assert_forbidden();
    let records = records_of_request(response.header("x-request-id").expect("an id"));
    let authorized = records.iter().find(|record| record["Outcome"] == "forbidden").expect("a record");
    for (field, value) in [
        ("level", "INFO"),
        ("FunctionName", "authorizer"),
        ("operation", "authorize GET /v1/projects"),
        ("account_id", &account.id),
        ("principal_id", text(&record, "id")),
        ("Outcome", "forbidden"),
        ("reason", "missing permission: read"),
    ] {
        assert_eq!(authorized[field], value, "{authorized}");
    }
}

#[tokio::test]
async fn token_with_a_wrong_secret_is_logged_with_its_claimed_ids() {
    start_process_log();
    let service = OwnService::start().await;
    let account = service.account().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    let id = text(&record, "id");
    let mac_key = service.token_mac_key().await;
    let wrong = Credential::with_wrong_secret(&mac_key, Environment::Live, &account.id, id);
    let response = service.me(&wrong).await;
    response.assert_unauthorized();
    let records = records_of_request(response.header("x-request-id").expect("an id"));
    let authorized = records.iter().find(|record| record["Outcome"] == "unauthenticated").expect("a record");
    assert_eq!(authorized["claimed"], format!("{} {id}", account.id));
    assert_eq!((&authorized["account_id"], &authorized["principal_id"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn malformed_credential_is_logged_with_its_specific_reason() {
    start_process_log();
    let service = OwnService::start().await;
    let account = service.account().await;
    let (_, record) = service.key(&account.session, json!({})).await;
    let key = text(&record, "key");
    let session = account.session.0.strip_prefix("Session ").expect("the scheme");
    let with_typo = |token: &str| {
        let (start, last) = token.split_at(token.len() - 1);
        format!("{start}{}", if last == "0" { "1" } else { "0" })
    };
    for (value, reason) in [
        (format!("Basic {key}"), "the scheme is neither Bearer nor Session"),
        (key.to_owned(), "the scheme is neither Bearer nor Session"),
        (format!("Bearer {session}"), "a session token was sent as Bearer"),
        (format!("Session {key}"), "an API key was sent as Session"),
        (format!("Bearer {}", with_typo(key)), "wrong check digits"),
        (format!("Session {}", with_typo(session)), "wrong check digits"),
        (Credential::forged(Environment::Live, &account.id, text(&record, "id")).0, "wrong check digits"),
        (format!("Bearer {key}0"), "not in the format of a token"),
    ] {
        let response = service.request("GET", "/v1/auth/me").header("Authorization", &value).send().await;
        response.assert_unauthorized();
        let records = records_of_request(response.header("x-request-id").expect("an id"));
        let rejected = records.iter().find(|record| record["Outcome"] == "unauthenticated").expect(reason);
        assert_eq!(rejected["FunctionName"], "authorizer", "{rejected}");
        assert_eq!(rejected["reason"], format!("malformed credential: {reason}"), "{rejected}");
        // Anyone can write any id into such a credential.
        assert_eq!(rejected["claimed"], Value::Null, "{rejected}");
    }
}

#[tokio::test]
async fn unknown_path_is_logged_with_only_its_length_and_first_known_segment() {
    start_process_log();
    let service = OwnService::start().await;
    for (path, known_segment) in
        [(format!("/{CANARY}/projects/{CANARY}/v1"), json!("projects")), (format!("/{CANARY}"), Value::Null)]
    {
        let response = service.request("GET", &format!("{path}?{CANARY}={CANARY}")).send().await;
        response.assert_error(404, "NOT_FOUND");
        let records = records_of_request(response.header("x-request-id").expect("an id"));
        let [record] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!(record["status"], 404, "{record}");
        assert_eq!(record["path_length"], path.len(), "{record}");
        assert_eq!(record["known_segment"], known_segment, "{record}");
        assert!(!record.to_string().contains(CANARY), "{record}");
    }
}

#[tokio::test]
async fn error_response_is_logged_with_status_and_reason() {
    start_process_log();
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let body = json!({"name": CANARY.repeat(20), "permissions": ["read"]});
    let response = service.post("/v1/api-keys", &account.session, body).await;
    response.assert_bad_field("name");
    let function_record = |response: &Response| {
        let records = records_of_request(response.header("x-request-id").expect("an id"));
        let is_of_function = |record: &Value| {
            record["operation"].as_str().is_some_and(|operation| !operation.starts_with("authorize"))
        };
        records.into_iter().find(is_of_function).expect("a record")
    };
    let record = function_record(&response);
    assert_eq!(record["operation"], "POST /v1/api-keys");
    assert_eq!(record["status"], 400);
    assert_eq!(record["reason"], "BAD_REQUEST: name");
    assert_eq!(record["principal_id"], account.user_id);
    // The name of an unknown field comes from the caller and is not logged.
    let body = json!({"name": "A", "permissions": ["read"], CANARY: 1});
    let response = service.post("/v1/api-keys", &account.session, body).await;
    response.assert_bad_field(CANARY);
    let record = function_record(&response);
    assert_eq!(record["reason"], "BAD_REQUEST: an unknown field");

    dynamodb.inject(Fault::Error(StatusCode::BAD_REQUEST, "AccessDeniedException"), Some("Query"));
    let response = service.get("/v1/api-keys", &account.session).await;
    response.assert_error(503, "UNAVAILABLE");
    let record = function_record(&response);
    assert_eq!(record["reason"], "DynamoDB failed: error response: AccessDeniedException");
}

#[tokio::test]
async fn operator_command_is_logged_with_account_and_outcome() {
    let service = OwnService::start().await;
    let account = service.account().await;
    let log = CapturedLog::start(LevelFilter::INFO);
    service.suspend(&account).await;
    let command = json!({"restore_account": {"account_id": "acct_0000000000000001"}});
    service.operate(command).await.expect_err("an unknown account");
    service.operate(json!({CANARY: {}})).await.expect_err("an unknown command");
    let mut records = log.take_records();
    // The embedded DynamoDB logs a warning for each write whose condition fails.
    records.retain(|record| record["target"] != "dynoxide::server");
    let [suspended, missing, unknown] = records.as_slice() else { panic!("{records:?}") };
    for (record, operation, outcome, account_id, reason) in [
        (suspended, "operator suspend_account", "succeeded", Some(account.id.as_str()), None),
        (missing, "operator restore_account", "refused", None, Some("Not found")),
        (unknown, "operator", "refused", None, Some("BAD_REQUEST")),
    ] {
        assert_eq!(record["operation"], operation, "{record}");
        assert_eq!(record["Outcome"], outcome, "{record}");
        assert_eq!(record["account_id"].as_str(), account_id, "{record}");
        assert_eq!(record["reason"].as_str(), reason, "{record}");
    }
}

#[tokio::test]
async fn debug_output_of_secret_types_is_redacted() {
    let random = Random::system();
    let secret = "a canary of 32 bytes and some more";
    let pepper = Pepper::new("1".to_owned(), secret.as_bytes().to_vec().into()).expect("long enough");
    let peppers = Arc::new(Peppers::new(pepper, None));
    let new_password = || NewPassword::try_from(secret.to_owned()).expect("a valid password");
    let email = EmailAddress::try_from("canary@example.com".to_owned()).expect("an address");
    let context = PasswordContext::new(email, Name::try_from("Study".to_owned()).expect("a name"));
    let hash = new_password()
        .hash(None, &context, &peppers, &random.bytes(), &mut HashMemory::new())
        .expect("a hash");
    let id = "0000000000000001";
    let (account, key) = (AccountId::from_digits(id).unwrap(), KeyId::from_digits(id).unwrap());
    let mac_key = TokenMacKey::new(secret.as_bytes().to_vec().into()).expect("long enough");
    let token = NewToken::for_key(Environment::Live, account, key, &mac_key, &random);
    for (output, expected) in [
        (format!("{peppers:?}"), "Peppers { current: Pepper(…), previous: None }"),
        (format!("{:?}", TokenDigest::of(secret, &peppers)), "TokenDigest(…)"),
        (format!("{:?}", Password::from(secret.to_owned())), "Password(…)"),
        (format!("{:?}", new_password()), "NewPassword(…)"),
        (format!("{hash:?}"), "PasswordHash(…)"),
        (format!("{mac_key:?}"), "TokenMacKey(…)"),
        (format!("{token:?}"), "NewToken(…)"),
    ] {
        assert_eq!(output, expected);
    }
}
