//! Faults of `DynamoDB` and Secrets Manager at each call of each operation, once or until the operation has ended.
//!
//! Whatever fails, the following must hold:
//! - The operation is complete, with its event in the audit trail, or it has changed nothing.
//! - No response contains a secret that is not stored.
//! - No request is authorized without a decision.
//! - The response is the one of a run without faults, or a 503. (A key's request gets 429 if it cannot be counted.)
//! - The same request, sent again, leads to the result of a run without faults.
//!
//! Every case starts with the same table, time and randomness. Therefore the table after the case can be compared, byte for
//! byte, with the table before and after a run without faults. Two kinds of data are excluded from the comparison. The
//! record of a credential's use ([`is_usage`]) is best effort, so its failure does not fail the request. A password attempt
//! is reserved before the password is verified, so it may be counted even if the operation changes nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, PutRequest, WriteRequest};
use axum::http::StatusCode;
use gateway::{Gateway, Options, StartError};
use rand::{Rng, SeedableRng, TryCryptoRng, TryRng, rngs::StdRng, seq::SliceRandom};
use serde_json::{Value, json};
use shared::primitives::{environment::Environment, random::Random};
use tokio::task::JoinSet;

use crate::{
    caller::{Caller, operator_commands},
    dynamodb::{Call, DynamoDb, Fault},
    faults::pepper_rotation,
    operation_table::{self, Row},
    response::Response,
    service::{Credential, Item, OwnService, PASSWORD, new_address, new_stack},
};

/// The number of random cases for each call. With `FAULTS=all`, all cases run.
const CASES_PER_CALL: usize = 1;

/// The number of services that run cases at the same time. Most of the time, the cases wait for a timeout.
const CONCURRENT_SERVICES: usize = 10;

/// The time after which API Gateway ends a request.
const GATEWAY_TIMEOUT: Duration = Duration::from_secs(29);

/// The delay of a slow response. It is shorter than the SDK's timeout, even on a busy machine.
const DELAY: Duration = Duration::from_millis(500);

/// The number of requests per minute of the key. With so few, the authorizer reserves a batch of one, and so makes a write for
/// each request.
const KEY_QUOTA: u32 = 7;

/// An operation with a session or with a key.
struct Operation {
    /// The name in the operation table.
    name: String,
    by_key: bool,
    events: usize,
    repeated_status: u16,
    /// The number of events that the repeated request writes.
    repeated_events: usize,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, if self.by_key { " by a key" } else { "" })
    }
}

impl Operation {
    /// Returns each route of the API and each command of the operator.
    async fn all(service: &OwnService) -> Vec<Arc<Self>> {
        // A `HEAD` request runs the handler of `GET`.
        let routes = operation_table::routes().filter(|(method, _)| *method != "HEAD");
        let routes = routes.map(|(method, path)| format!("{method} {path}"));
        let commands = operator_commands(service).await;
        let commands = commands.into_iter().map(|command| format!("operator {command}"));
        let mut operations = Vec::new();
        for name in routes.chain(commands) {
            let row = operation_table::row(&name);
            if row.faults_by_key {
                operations.push(Arc::new(Self::new(&row, true)));
            }
            operations.push(Arc::new(Self::new(&row, false)));
        }
        operations
    }

    fn new(row: &Row, by_key: bool) -> Self {
        let Row { events, repeated_status, repeated_events, .. } = *row;
        Self { name: row.name(), by_key, events, repeated_status, repeated_events }
    }

    /// Returns true if the operation needs a credential.
    fn needs_authorizer(&self) -> bool {
        let is_public = operation_table::public_routes()
            .iter()
            .any(|(method, path)| self.name == format!("{method} {path}"));
        !is_public && !self.name.starts_with("operator ")
    }

    /// Returns true if the operation makes several writes one after the other, and a repetition continues where it has stopped.
    fn is_resumable(&self) -> bool {
        ["operator delete_account", "operator forget_member"].contains(&self.name.as_str())
    }

    /// Returns true if each repetition of the operation starts a new epoch or makes a new token, and so ends the previous one, or if
    /// it records a new authentication.
    fn renews(&self) -> bool {
        [
            "POST /v1/auth/reauthenticate",
            "DELETE /v1/auth/sessions",
            "DELETE /v1/members/{user_id}/sessions",
            "POST /v1/members/{user_id}/invite",
            "operator end_all_credentials",
            "operator invite_again",
            "operator reset_password",
        ]
        .contains(&self.name.as_str())
    }
}

/// The status and body of a response or of a command's result, without the times of last use.
#[derive(Clone, Debug, PartialEq)]
struct ComparableResponse {
    status: u16,
    body: Value,
}

impl ComparableResponse {
    fn unavailable() -> Self {
        Self { status: 503, body: json!({"code": "UNAVAILABLE", "message": "The service is unavailable"}) }
    }

    fn rate_limited() -> Self {
        Self { status: 429, body: json!({"code": "RATE_LIMITED", "message": "Too many requests"}) }
    }

    /// Returns the credential that the response contains, if there is one.
    fn secret(&self) -> Option<Credential> {
        let key = self.body["key"].as_str().map(Credential::bearer);
        key.or_else(|| self.body["session_token"].as_str().map(Credential::session))
    }
}

impl From<Response> for ComparableResponse {
    fn from(response: Response) -> Self {
        if [429, 503].contains(&response.status) {
            assert_eq!(response.header("retry-after"), Some("1"), "{response:?}");
        }
        let body = if response.status < 300 { response.body } else { response.body["error"].clone() };
        Self { status: response.status, body: without_last_use(body) }
    }
}

/// Removes the times of last use from a body.
fn without_last_use(mut body: Value) -> Value {
    match &mut body {
        Value::Object(fields) => {
            fields.remove("last_used_at");
            fields.remove("last_used_ip");
            for field in fields.values_mut() {
                *field = without_last_use(field.take());
            }
        }
        Value::Array(elements) => {
            for element in elements {
                *element = without_last_use(element.take());
            }
        }
        _ => {}
    }
    body
}

/// The items of a table, by partition and sort key.
type Items = BTreeMap<[String; 2], Item>;

/// Returns true if an attribute records the use of a credential or the number of failed password attempts.
fn is_usage(sort_key: &str, attribute: &str) -> bool {
    match attribute {
        "last_used_at" => sort_key.starts_with("KEY#") || sort_key.starts_with("SESSION#"),
        "counter" | "last_used_ip" | "usage" => sort_key.starts_with("KEY#"),
        // A login whose response was lost has created a session, and its repetition creates another one.
        "failures" | "logins" => sort_key.starts_with("MEMBER#"),
        // An attempt with a second factor is counted before the factor is verified.
        "attempts" => sort_key == "LOGIN_TOKEN",
        _ => false,
    }
}

/// Returns the items without what an operation that [renews](Operation::renews) replaces: epochs, the tokens of invitations and of
/// password resets, and the times of authentications.
fn without_renewed(mut items: Items) -> Items {
    for ([_, sort_key], item) in &mut items {
        let renewed: &[&str] = match sort_key.split('#').next().unwrap_or_default() {
            "ACCOUNT" => &["session_epoch", "key_epoch", "revision"],
            "MEMBER" => &["session_epoch", "invitation"],
            "PASSWORD_RESETS" => &["tokens", "recent_until", "ttl"],
            "SESSION" => &["authenticated_at", "epoch"],
            _ => &[],
        };
        item.retain(|name, _| !renewed.contains(&name.as_str()));
    }
    items
}

/// Returns the items without the attempt histories of logins and without the [usage](is_usage) attributes.
fn without_usage(items: &Items) -> Items {
    let mut items = items.clone();
    items.retain(|[partition, _], _| !partition.starts_with("ATTEMPTS#"));
    for ([_, sort_key], item) in &mut items {
        item.retain(|name, _| !is_usage(sort_key, name));
    }
    items
}

/// Counts the items by kind, which is the prefix of the sort key.
fn count_by_kind(items: &Items) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for [_, sort_key] in items.keys() {
        *counts.entry(sort_key.split('#').next().unwrap_or_default()).or_default() += 1;
    }
    counts
}

/// A random number generator that can be reset.
#[derive(Clone)]
struct ResettableRng(Arc<Mutex<StdRng>>);

impl ResettableRng {
    fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    fn reset(&self, seed: u64) {
        *self.0.lock().unwrap() = StdRng::seed_from_u64(seed);
    }
}

impl TryRng for ResettableRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.lock().unwrap().next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.lock().unwrap().next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.lock().unwrap().fill_bytes(bytes);
        Ok(())
    }
}

impl TryCryptoRng for ResettableRng {}

/// The state with which every case starts.
struct InitialState {
    seed: u64,
    items: Items,
    /// In milliseconds since the start of the test's clock.
    time: i64,
    caller: Caller,
    key: Credential,
}

/// A service that runs cases in sequence.
struct Harness {
    service: OwnService,
    dynamodb: DynamoDb,
    rng: ResettableRng,
    /// Accesses the table without the proxy.
    client: aws_sdk_dynamodb::Client,
    table: String,
}

/// The response, the calls and the table before and after an operation without faults.
struct FaultFreeRun {
    response: ComparableResponse,
    calls: Vec<Call>,
    before: Items,
    after: Items,
}

/// An operation with a fault at one of its calls.
#[derive(Clone)]
struct Case {
    operation: Arc<Operation>,
    expected: Arc<FaultFreeRun>,
    fault: Fault,
    /// The only kind of call that the fault affects, if it can't affect other kinds.
    call_filter: Option<&'static str>,
    /// The index of the first call that fails, among the calls of that kind.
    index: usize,
    /// True if all later calls fail, too.
    is_permanent: bool,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, fault, call_filter, index, is_permanent, .. } = self;
        let calls = call_filter.unwrap_or("call");
        let extent = if *is_permanent { " and all later ones" } else { "" };
        write!(f, "{operation}: {fault:?} at {calls} {index}{extent}")
    }
}

impl Harness {
    async fn start(dynamodb: DynamoDb, seed: u64) -> Self {
        let rng = ResettableRng::new(seed);
        let service = OwnService::start_with(|options| {
            options.dynamodb = Some(dynamodb.url.clone());
            options.secrets_manager = Some(dynamodb.url.clone());
            options.random = Random::new(rng.clone());
            // Each service has another port, and passkeys of one of them must work with all.
            options.parameters.insert("PublicUrl".to_owned(), "https://medtwin.example.com".to_owned());
        })
        .await;
        let client = dynamodb.direct_client();
        let table = service.gateway.table("Table").expect("the table").to_owned();
        Self { service, dynamodb, rng, client, table }
    }

    /// Creates an account with one entity of each kind.
    async fn create_initial_state(&self, seed: u64) -> InitialState {
        let service = &self.service;
        let account = service.account().await;
        let caller = Caller::new(service, &account).await;
        let (key, _) = service.key(&caller.session, json!({})).await;
        let limits = json!({"live": KEY_QUOTA, "test": KEY_QUOTA});
        let limits = json!({"set_limits": {"account_id": account.id, "requests_per_minute": limits}});
        service.operate(limits).await.expect("the command succeeds");
        // After two minutes, the next use of the session is recorded.
        service.time.pass(120);
        InitialState { seed, items: self.items().await, time: service.time.elapsed_millis(), caller, key }
    }

    async fn items(&self) -> Items {
        let scan = self.client.scan().table_name(&self.table).consistent_read(true).send().await;
        let scan = scan.expect("the items");
        assert!(scan.last_evaluated_key().is_none(), "one page contains all items");
        let key = |item: &Item| ["pk", "sk"].map(|name| item[name].as_s().expect("a text").clone());
        scan.items.unwrap_or_default().into_iter().map(|item| (key(&item), item)).collect()
    }

    /// Replaces the content of the table by these items.
    async fn restore(&self, items: &Items) {
        let present = self.items().await;
        let put = |item: &Item| {
            let put = PutRequest::builder().set_item(Some(item.clone())).build().expect("a put");
            WriteRequest::builder().put_request(put).build()
        };
        let delete = |[pk, sk]: &[String; 2]| {
            let [pk, sk] = [pk, sk].map(|text| AttributeValue::S(text.clone()));
            let delete = DeleteRequest::builder().key("pk", pk).key("sk", sk).build().expect("a deletion");
            WriteRequest::builder().delete_request(delete).build()
        };
        let changed =
            items.iter().filter(|(key, item)| present.get(*key) != Some(item)).map(|(_, item)| put(item));
        let added = present.keys().filter(|key| !items.contains_key(*key)).map(delete);
        let writes: Vec<_> = changed.chain(added).collect();
        for writes in writes.chunks(25) {
            let write = self.client.batch_write_item().request_items(&self.table, writes.to_vec());
            let unprocessed = write.send().await.expect("the batch is written").unprocessed_items;
            assert!(unprocessed.is_none_or(|items| items.is_empty()), "all items are written");
        }
    }

    async fn reset(&self, initial: &InitialState) {
        self.restore(&initial.items).await;
        self.reset_time_and_randomness(initial);
        self.dynamodb.detailed_calls();
    }

    /// Resets the time and the randomness, so that the same request has the same result.
    fn reset_time_and_randomness(&self, initial: &InitialState) {
        self.service.time.set_elapsed_millis(initial.time);
        self.rng.reset(initial.seed);
    }

    async fn send(&self, initial: &InitialState, operation: &Operation) -> ComparableResponse {
        let (method, path) = operation.name.split_once(' ').expect("two words");
        if method == "operator" {
            return match self.service.operate(initial.caller.command(path)).await {
                Ok(body) => ComparableResponse { status: 200, body },
                Err(error) => {
                    let status = match error.error_type.as_str() {
                        "UNAVAILABLE" => 503,
                        "CONFLICT" => 409,
                        other => panic!("{operation} ended with {other}"),
                    };
                    ComparableResponse {
                        status,
                        body: json!({"code": error.error_type, "message": error.error_message}),
                    }
                }
            };
        }
        let credential = if operation.by_key { &initial.key } else { &initial.caller.session };
        let mut request = initial.caller.request(&self.service, method, path, credential);
        if ["/v1/api-keys", "/v1/api-keys/{key_id}/rotate", "/v1/projects"].contains(&path)
            && method == "POST"
        {
            request = request.header("Idempotency-Key", "the-only-one");
        }
        request.send().await.into()
    }

    /// Runs an operation without faults.
    async fn run_without_faults(&self, initial: &InitialState, operation: &Operation) -> FaultFreeRun {
        self.reset(initial).await;
        let response = self.send(initial, operation).await;
        let calls = self.dynamodb.detailed_calls();
        let after = self.items().await;
        assert!(response.status < 300, "{operation}: {response:?}");
        assert!(!operation.needs_authorizer() || !calls.is_empty(), "{operation}");
        if let Some(secret) = response.secret() {
            self.service.me(&secret).await.expect(200);
        }
        let (before, after) = (without_usage(&initial.items), without_usage(&after));
        let events = |items: &Items| count_by_kind(items).get("EVENT").copied().unwrap_or_default();
        // `delete_account` erases events.
        assert_eq!(events(&after).saturating_sub(events(&before)), operation.events, "{operation}");
        FaultFreeRun { response, calls, before, after }
    }

    /// Runs a case, and sends the request again if it failed. Returns the first requirement that does not hold.
    async fn run(&self, initial: &InitialState, case: &Case) -> Result<(), Failure> {
        let Case { operation, expected, fault, call_filter, index, is_permanent } = case;
        let FaultFreeRun { before, after, .. } = &**expected;
        self.reset(initial).await;
        let end = if *is_permanent { usize::MAX } else { index + 1 };
        self.dynamodb.inject_at(*fault, *call_filter, *index..end);
        let started = Instant::now();
        let response = self.send(initial, operation).await;
        let elapsed = started.elapsed();
        self.dynamodb.recover();
        let calls = self.dynamodb.detailed_calls();
        let all = self.items().await;
        let items = without_usage(&all);
        let outcome = || format!("{} {} after {elapsed:?}", response.status, response.body);

        ensure_in_time(calls.iter().any(|call| call.fault.is_some()), || "no call failed".to_owned())?;
        ensure(elapsed < GATEWAY_TIMEOUT, || format!("the response took {elapsed:?}"))?;
        if operation.is_resumable() {
            let is_over = response == expected.response || response == ComparableResponse::unavailable();
            ensure(is_over, outcome)?;
            return self.resume(initial, case).await;
        }
        ensure(items == *before || items == *after, || {
            format!("{}, and the table is in another state: {}", outcome(), difference(before, after, &items))
        })?;
        ensure(
            all.iter().all(|(key, item)| failures(item) <= 1 + initial.items.get(key).map_or(0, failures)),
            || "one password attempt was counted twice".to_owned(),
        )?;
        if operation.needs_authorizer() && !calls.iter().any(is_decisive_read) {
            ensure(calls.iter().all(|call| call.caller == "authorizer"), || {
                "the function was called without a decision".to_owned()
            })?;
            ensure(response == ComparableResponse::unavailable(), || {
                format!("{}, without a decision", outcome())
            })?;
        }
        let deletions = calls.iter().filter(|call| call.operation == "DeleteItem").count();
        if operation.name == "operator export_account" && response.body["cursor"].is_string() {
            // The calls were so slow that the result ends early.
            return Ok(());
        }
        if response == expected.response {
            ensure(items == *after, || format!("{}, but the operation is not complete", outcome()))?;
            return Ok(());
        } else if response.status == 404 && operation.repeated_status == 404 && deletions > 1 {
            ensure(items == *after, || format!("{}, but the operation is not complete", outcome()))?;
        } else if response.status == 429 {
            let is_contended = calls.last().is_some_and(is_contended_count);
            ensure(response == ComparableResponse::rate_limited() && is_contended, outcome)?;
            ensure_in_time(*is_permanent, || "a temporary fault caused a 429".to_owned())?;
            ensure(items == *before, || format!("{}, but the operation is complete", outcome()))?;
        } else {
            ensure(response == ComparableResponse::unavailable(), outcome)?;
            let is_harmless = !*is_permanent || matches!(fault, Fault::Delay(_));
            ensure_in_time(!is_harmless, || "a temporary fault caused a 503".to_owned())?;
        }

        if items == *before {
            self.reset_time_and_randomness(initial);
            let response = self.send(initial, operation).await;
            ensure_in_time(response != ComparableResponse::unavailable(), || "a retry got 503".to_owned())?;
            ensure(response == expected.response, || {
                format!("a retry got {} {}", response.status, response.body)
            })?;
            let items = without_usage(&self.items().await);
            return ensure(items == *after, || {
                format!("after a retry, the table is in another state: {}", difference(before, after, &items))
            });
        }
        self.repeat(initial, case).await
    }
}

impl Harness {
    /// Sends the request again, after the operation is complete.
    async fn repeat(&self, initial: &InitialState, case: &Case) -> Result<(), Failure> {
        let Case { operation, expected, .. } = case;
        let FaultFreeRun { before, after, .. } = &**expected;
        self.service.time.pass(1);
        let response = self.send(initial, operation).await;
        ensure_in_time(response != ComparableResponse::unavailable(), || {
            "a repetition of the complete operation got 503".to_owned()
        })?;
        ensure(response.status == operation.repeated_status, || {
            format!("a repetition of the complete operation got {} {}", response.status, response.body)
        })?;
        ensure(response.body.get("key").is_none(), || "a secret was returned twice".to_owned())?;
        let mut items = without_usage(&self.items().await);
        let added: Vec<_> =
            items.extract_if(.., |key, _| !after.contains_key(key)).map(|(key, _)| key).collect();
        if operation.name == "POST /v1/auth/recovery-codes" {
            // The repetition makes new codes.
            let codes =
                |items: &Items| items.keys().find(|[_, sort_key]| sort_key == "RECOVERY_CODES").cloned();
            let key = codes(after).expect("the codes");
            ensure(items.insert(key.clone(), after[&key].clone()).as_ref() != after.get(&key), || {
                "the repetition kept the codes".to_owned()
            })?;
        }
        let after = &if operation.renews() {
            items = without_renewed(items);
            without_renewed(after.clone())
        } else {
            after.clone()
        };
        ensure(items == *after, || {
            format!("a repetition of the complete operation changed: {}", difference(before, after, &items))
        })?;
        let count = |prefix| added.iter().filter(|[_, sort_key]| sort_key.starts_with(prefix)).count();
        let (events, sessions) = (count("EVENT#"), count("SESSION#"));
        let is_login = operation.name.ends_with("/login");
        ensure((events, sessions) == (operation.repeated_events, usize::from(is_login)), || {
            format!("the repetition added {added:?}")
        })?;
        let challenges = usize::from(operation.name.ends_with("/options"));
        // The IP address of each event, unless the operator caused it.
        let sources = count("SOURCE#");
        ensure(sources <= events && added.len() == events + sources + sessions + challenges, || {
            format!("the repetition added {added:?}")
        })
    }

    /// Sends the request again, after a case has stopped a [resumable](Operation::is_resumable) operation.
    async fn resume(&self, initial: &InitialState, case: &Case) -> Result<(), Failure> {
        let Case { operation, expected, .. } = case;
        self.reset_time_and_randomness(initial);
        let response = self.send(initial, operation).await;
        ensure_in_time(response != ComparableResponse::unavailable(), || "a repetition got 503".to_owned())?;
        ensure(response == expected.response, || {
            format!("a repetition got {} {}", response.status, response.body)
        })?;
        let items = without_usage(&self.items().await);
        ensure(items == expected.after, || {
            let difference = difference(&expected.before, &expected.after, &items);
            format!("after a repetition, the table is in another state: {difference}")
        })
    }
}

/// Returns true if the call is a successful read of everything that the authorizer needs for its decision.
fn is_decisive_read(call: &Call) -> bool {
    let is_read = call.caller == "authorizer" && call.operation == "BatchGetItem";
    is_read && call.fault.is_none_or(|fault| matches!(fault, Fault::Delay(_)))
}

/// Returns true if the call is the contended write that counts a request of a key. Such a request gets 429: only requests of
/// the same key contend with it, so its holder could otherwise exceed the limit.
fn is_contended_count(call: &Call) -> bool {
    let is_count = call.caller == "authorizer" && call.operation == "UpdateItem";
    is_count && matches!(call.fault, Some(Fault::Conflict))
}

/// A requirement that does not hold in a case, as a sentence.
enum Failure {
    /// The case has failed.
    Definite(String),
    /// The response was a 503, but the fault should not have caused one. A busy machine may have exceeded the SDK's timeout of
    /// two seconds instead. The case has failed if it fails again while no other case runs.
    MaybeTimeout(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Definite(message) | Self::MaybeTimeout(message)) = self;
        f.write_str(message)
    }
}

fn ensure(holds: bool, message: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::Definite(message())) }
}

fn ensure_in_time(holds: bool, message: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::MaybeTimeout(message())) }
}

/// Returns the number of consecutive failed password attempts in a member's item.
fn failures(item: &Item) -> u32 {
    item.get("failures").and_then(|failures| failures.as_n().ok()?.parse().ok()).unwrap_or_default()
}

/// Compares a table with the table before and after the operation. Lists the differences from the more similar one.
fn difference(before: &Items, after: &Items, items: &Items) -> String {
    let from = |other: &Items| {
        let keys = items.keys().chain(other.keys()).filter(|key| items.get(*key) != other.get(*key));
        keys.map(|key| format!("{key:?}: {:?}, not {:?}", items.get(key), other.get(key))).collect::<Vec<_>>()
    };
    let differences = [from(before), from(after)];
    differences.into_iter().min_by_key(Vec::len).unwrap_or_default().join("; ")
}

/// Returns the possible faults of the call to `DynamoDB` at `index`, each with a call filter and an index as in [`Case`].
fn dynamodb_faults(
    calls: &[Call],
    index: usize,
    truncation: u8,
) -> Vec<(Fault, Option<&'static str>, usize)> {
    let operation = calls[index].operation.as_str();
    let mut faults: Vec<_> =
        common_faults("ProvisionedThroughputExceededException", "InternalServerError", truncation)
            .map(|fault| (fault, None, index))
            .into();
    let index_in_kind = calls[..index].iter().filter(|call| call.operation == operation).count();
    match operation {
        "GetItem" | "Query" => {}
        "BatchGetItem" => faults.push((Fault::UnprocessedKey, Some("BatchGetItem"), index_in_kind)),
        write => {
            faults.extend([(Fault::Truncate(0), None, index), (Fault::LoseResponse, None, index)]);
            let writes = ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"];
            let write = *writes.iter().find(|name| **name == write).expect("a write");
            faults.push((Fault::Conflict, Some(write), index_in_kind));
            if write == "TransactWriteItems" {
                faults.push((Fault::Cancel("ThrottlingError"), Some(write), index_in_kind));
            }
        }
    }
    faults
}

/// Returns the faults that can affect any call, with the service's codes for throttling and for an internal error.
fn common_faults(throttling: &'static str, internal: &'static str, truncation: u8) -> [Fault; 6] {
    [
        Fault::Error(StatusCode::BAD_REQUEST, throttling),
        Fault::Error(StatusCode::INTERNAL_SERVER_ERROR, internal),
        Fault::Delay(DELAY),
        Fault::Reset,
        Fault::Truncate(truncation),
        Fault::Hang,
    ]
}

/// Returns the seed in `FAULTS_SEED`, with which a failed run can be repeated, or a new random seed.
#[expect(clippy::disallowed_methods, reason = "settings of a test run are environment variables")]
fn seed() -> u64 {
    let seed = std::env::var("FAULTS_SEED").ok().map(|seed| seed.parse().expect("FAULTS_SEED is a number"));
    seed.unwrap_or_else(|| u64::from_be_bytes(Random::system().bytes()))
}

/// Returns true if `FAULTS=all`.
#[expect(clippy::disallowed_methods, reason = "settings of a test run are environment variables")]
fn run_all_cases() -> bool {
    std::env::var("FAULTS").is_ok_and(|which| which == "all")
}

/// The cases to run.
struct CaseSelection {
    rng: StdRng,
    cases: Vec<Case>,
}

impl CaseSelection {
    fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), cases: Vec::new() }
    }

    /// Returns a random argument for [`Fault::Truncate`].
    fn truncation(&mut self) -> u8 {
        u8::try_from(1 + self.rng.next_u32() % 255).expect("at most 255")
    }

    /// Adds cases for some of the faults of one call.
    fn add(
        &mut self,
        operation: &Arc<Operation>,
        expected: &Arc<FaultFreeRun>,
        faults: impl IntoIterator<Item = (Fault, Option<&'static str>, usize)>,
    ) {
        let mut cases = Vec::new();
        for (fault, call_filter, index) in faults {
            for is_permanent in [false, true] {
                let (operation, expected) = (Arc::clone(operation), Arc::clone(expected));
                cases.push(Case { operation, expected, fault, call_filter, index, is_permanent });
            }
        }
        cases.shuffle(&mut self.rng);
        if !run_all_cases() {
            cases.truncate(CASES_PER_CALL);
        }
        self.cases.append(&mut cases);
    }

    /// Returns the cases in random order, except that cases with a timeout come first. So the run does not end with services
    /// that are idle while one waits.
    fn into_queue(mut self) -> VecDeque<Case> {
        self.cases.shuffle(&mut self.rng);
        let has_timeout = |case: &Case| matches!(case.fault, Fault::Hang | Fault::LoseResponse);
        self.cases.sort_by_key(|case| (!has_timeout(case), !case.is_permanent));
        self.cases.into()
    }
}

/// Runs all cases, several at a time. Fails if one of them fails.
async fn run_all<P>(
    first: Harness,
    initial: InitialState,
    selection: CaseSelection,
    run: fn(Arc<Harness>, Arc<InitialState>, Case) -> P,
) where
    P: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let (seed, initial) = (initial.seed, Arc::new(initial));
    let cases = selection.into_queue();
    println!("FAULTS_SEED={seed}: {} cases", cases.len());
    let cases = Arc::new(Mutex::new(cases));
    let first = Arc::new(first);
    let mut running = JoinSet::new();
    for number in 0..CONCURRENT_SERVICES {
        let (first, initial, cases) = (Arc::clone(&first), Arc::clone(&initial), Arc::clone(&cases));
        running.spawn(async move {
            let harness = if number == 0 {
                first
            } else {
                Arc::new(Harness::start(first.dynamodb.another_proxy().await, seed).await)
            };
            let (mut failed, mut unclear) = (Vec::new(), Vec::new());
            loop {
                let Some(case) = cases.lock().unwrap().pop_front() else { return (failed, unclear) };
                // Each case runs in its own task, so that a panic is reported with its case.
                let task = tokio::spawn(run(Arc::clone(&harness), Arc::clone(&initial), case.clone()));
                match task.await {
                    Ok(Ok(())) => {}
                    Ok(Err(Failure::MaybeTimeout(_))) => unclear.push(case),
                    Ok(Err(failure)) => failed.push(format!("{case}: {failure}")),
                    Err(panic) => failed.push(format!("{case}: {panic}")),
                }
            }
        });
    }
    let (failed, unclear): (Vec<_>, Vec<_>) = running.join_all().await.into_iter().unzip();
    let mut failed = failed.concat();
    for case in unclear.concat() {
        if let Err(failure) = run(Arc::clone(&first), Arc::clone(&initial), case.clone()).await {
            failed.push(format!("{case}: {failure}"));
        }
    }
    assert!(failed.is_empty(), "FAULTS_SEED={seed}: {} failed:\n{}", failed.len(), failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamodb_fault_leaves_the_operation_complete_or_undone() {
    let seed = seed();
    let harness = Harness::start(DynamoDb::start().await, seed).await;
    let initial = harness.create_initial_state(seed).await;
    let mut selection = CaseSelection::new(seed);
    for operation in Operation::all(&harness.service).await {
        let expected = Arc::new(harness.run_without_faults(&initial, &operation).await);
        for index in 0..expected.calls.len() {
            let faults = dynamodb_faults(&expected.calls, index, selection.truncation());
            selection.add(&operation, &expected, faults);
        }
    }
    // The other routes return pages, and make no calls.
    for route in harness.service.gateway.routes().iter().filter(|route| !route.path.starts_with("/v1/")) {
        harness.dynamodb.detailed_calls();
        harness.service.exchange(&format!("{} {}", route.method, route.path), &[], "").await;
        assert!(harness.dynamodb.detailed_calls().is_empty(), "{}", route.path);
    }
    run_all(harness, initial, selection, |harness, initial, case| async move {
        harness.run(&initial, &case).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_manager_fault_leaves_the_cached_peppers_in_use() {
    const FETCH: &str = "GetSecretValue";
    /// After this many seconds, cached peppers are fetched again.
    const REFRESH_AFTER: i64 = 301;

    async fn send(
        harness: &Harness,
        initial: &InitialState,
        operation: &Operation,
    ) -> (ComparableResponse, Items) {
        harness.restore(&initial.items).await;
        harness.service.time.pass(REFRESH_AFTER);
        let response = harness.send(initial, operation).await;
        (response, without_usage(&harness.items().await))
    }

    async fn run(harness: &Harness, initial: &InitialState, case: &Case) -> Result<(), Failure> {
        let Case { operation, expected, fault, call_filter, index, is_permanent } = case;
        let end = if *is_permanent { usize::MAX } else { index + 1 };
        harness.dynamodb.detailed_calls();
        harness.dynamodb.inject_at(*fault, *call_filter, *index..end);
        let (response, items) = send(harness, initial, operation).await;
        harness.dynamodb.recover();
        let calls = harness.dynamodb.detailed_calls();
        ensure_in_time(response.status != 503, || "the response is a 503".to_owned())?;
        ensure(calls.iter().any(|call| call.fault.is_some()), || "no call failed".to_owned())?;
        ensure(response.status == expected.response.status, || {
            format!("{} {}", response.status, response.body)
        })?;
        let [mut counts, mut expected_counts] = [&items, &expected.after].map(count_by_kind);
        if operation.name.contains("/v1/auth/login") {
            // Whether a login is recorded depends on the hour of the clock.
            for kind in ["EVENT", "SOURCE"] {
                counts.remove(kind);
                expected_counts.remove(kind);
            }
        }
        // A command that continues where it has stopped has no time left after slow retries.
        let is_complete = counts == expected_counts || operation.is_resumable();
        ensure(is_complete, || "the operation is not complete".to_owned())?;
        let Some(secret) = response.secret() else { return Ok(()) };
        let status = harness.service.me(&secret).await.status;
        ensure_in_time(status != 503, || "a request with the returned credential got 503".to_owned())?;
        ensure(status == 200, || format!("a request with the returned credential got {status}"))
    }

    let seed = seed();
    let harness = Harness::start(DynamoDb::start().await, seed).await;
    let mut initial = harness.create_initial_state(seed).await;
    // Time passes in each case. Without this change, the sessions, the challenges and the tokens of password resets would expire.
    for ([_, sort_key], item) in &mut initial.items {
        if sort_key == "PASSWORD_RESETS"
            && let Some(AttributeValue::L(tokens)) = item.get_mut("tokens")
        {
            for token in tokens {
                let AttributeValue::M(token) = token else { panic!("the token is no map: {token:?}") };
                token.insert("expires_at".to_owned(), AttributeValue::S("9999-01-01T00:00:00Z".to_owned()));
            }
        }
        if sort_key.starts_with("SESSION#") {
            for name in ["authenticated_at", "expires_at", "last_used_at"] {
                item.insert(name.to_owned(), AttributeValue::S("9999-01-01T00:00:00Z".to_owned()));
            }
        } else if sort_key.starts_with("CHALLENGE") || sort_key == "LOGIN_TOKEN" {
            item.insert("expires_at".to_owned(), AttributeValue::S("9999-01-01T00:00:00Z".to_owned()));
        }
    }
    let mut selection = CaseSelection::new(seed);
    for operation in Operation::all(&harness.service).await {
        harness.dynamodb.detailed_calls();
        let (response, after) = send(&harness, &initial, &operation).await;
        assert!(response.status < 300, "{operation}: {response:?}");
        let mut calls = harness.dynamodb.detailed_calls();
        calls.retain(|call| call.operation == FETCH);
        let count = calls.len();
        let expected =
            Arc::new(FaultFreeRun { response, calls, before: without_usage(&initial.items), after });
        for index in 0..count {
            let faults = common_faults("ThrottlingException", "InternalServiceError", selection.truncation());
            selection.add(&operation, &expected, faults.map(|fault| (fault, Some(FETCH), index)));
        }
    }
    run_all(harness, initial, selection, |harness, initial, case| async move {
        run(&harness, &initial, &case).await
    })
    .await;
}

/// Starts a service that calls both `DynamoDB` and Secrets Manager through the proxy.
async fn start(dynamodb: &DynamoDb) -> OwnService {
    OwnService::start_with(|options| {
        options.dynamodb = Some(dynamodb.url.clone());
        options.secrets_manager = Some(dynamodb.url.clone());
    })
    .await
}

#[tokio::test]
async fn dynamodb_fault_at_start_returns_503_until_recovery() {
    let dynamodb = DynamoDb::start().await;
    let faults = common_faults("ProvisionedThroughputExceededException", "InternalServerError", 100);
    for fault in faults.into_iter().filter(|fault| !matches!(fault, Fault::Delay(_))) {
        println!("{fault:?}");
        // This is the operation that functions call when they start.
        dynamodb.inject(fault, Some("BatchGetItem"));
        let service = start(&dynamodb).await;
        let mac_key = service.token_mac_key().await;
        let login = json!({"email": "ada@example.com", "password": PASSWORD});
        let login = || service.request("POST", "/v1/auth/login").json(&login).send();
        assert_eq!(ComparableResponse::from(login().await), ComparableResponse::unavailable());
        let (account, key) = ("acct_0000000000000001", "key_0000000000000001");
        let unknown = Credential::with_wrong_secret(&mac_key, Environment::Live, account, key);
        assert_eq!(ComparableResponse::from(service.me(&unknown).await), ComparableResponse::unavailable());
        dynamodb.recover();
        login().await.assert_error(401, "UNAUTHORIZED");
        service.me(&service.account().await.session).await.expect(200);
        service.me(&unknown).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn secrets_manager_fault_at_start_prevents_the_start() {
    let dynamodb = DynamoDb::start().await;
    for fault in common_faults("ThrottlingException", "InternalServiceError", 100) {
        println!("{fault:?}");
        // The first function fetches two versions of the pepper, and the key of the token MACs.
        for index in [0, 1, 2] {
            // A temporary fault is followed by a retry.
            dynamodb.inject_at(fault, Some("GetSecretValue"), index..index + 1);
            let service = start(&dynamodb).await;
            service.me(&service.account().await.session).await.expect(200);
            if matches!(fault, Fault::Delay(_)) {
                continue;
            }
            dynamodb.inject_at(fault, Some("GetSecretValue"), index..usize::MAX);
            let stack = new_stack();
            let url = || Some(dynamodb.url.clone());
            let options = Options { dynamodb: url(), secrets_manager: url(), stack, ..Options::ephemeral() };
            let error = Gateway::start(options).await.err().expect("the gateway does not start");
            assert!(matches!(error, StartError::Function { .. }), "{error}");
            let error = error.to_string();
            let secrets = ["the pepper", "the key of the token MACs"];
            assert!(
                secrets.iter().any(|secret| error.contains(&format!("cannot get {secret} from"))),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn secrets_manager_fault_without_a_cached_pepper_returns_503_not_401() {
    let dynamodb = DynamoDb::start().await;
    let service = start(&dynamodb).await;
    let faults = common_faults("ThrottlingException", "InternalServiceError", 100);
    for fault in faults.into_iter().filter(|fault| !matches!(fault, Fault::Delay(_))) {
        println!("{fault:?}");
        service.time.pass(300);
        let account = service.account().await;
        // The authorizer refreshes its peppers now. The other functions do so after the rotation.
        service.me(&account.session).await.expect(200);
        pepper_rotation::rotate_pepper_to(
            &service,
            &format!("a new pepper with a random part {}", new_address()),
        )
        .await;
        let (key, _) = service.key(&account.session, json!({})).await;
        let email = new_address();
        service.member_with_email(&account.session, &email, &["read"]).await;
        service.time.pass(10);

        dynamodb.inject(fault, Some("GetSecretValue"));
        let login = json!({"email": email, "password": PASSWORD});
        let login = || service.request("POST", "/v1/auth/login").json(&login).send();
        assert_eq!(ComparableResponse::from(service.me(&key).await), ComparableResponse::unavailable());
        assert_eq!(ComparableResponse::from(login().await), ComparableResponse::unavailable());
        service.me(&account.session).await.expect(200);
        dynamodb.recover();
        service.time.pass(10);
        service.me(&key).await.expect(200);
        login().await.expect(200);
    }
}

#[tokio::test]
async fn connection_fault_leaves_open_connections_usable() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    service.me(&key).await.expect(200);
    dynamodb.reject_connections();
    for _ in 0..3 {
        service.me(&key).await.expect(200);
    }
    // There are more concurrent requests than open connections.
    dynamodb.inject(Fault::Delay(DELAY), Some("BatchGetItem"));
    let service = Arc::new(service);
    let mut requests = JoinSet::new();
    for _ in 0..16 {
        let (service, key) = (Arc::clone(&service), key.clone());
        requests.spawn(async move { ComparableResponse::from(service.me(&key).await) });
    }
    let (passed, failed): (Vec<_>, Vec<_>) =
        requests.join_all().await.into_iter().partition(|response| response.status == 200);
    assert!(!passed.is_empty() && !failed.is_empty(), "{} passed", passed.len());
    assert!(failed.iter().all(|response| *response == ComparableResponse::unavailable()), "{failed:?}");
    dynamodb.recover();
    service.me(&key).await.expect(200);
}
