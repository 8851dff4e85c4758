//! The `DynamoDB` of the tests, with a proxy in front of it. The proxy records calls, can hold them, and can inject
//! faults. It also forwards calls to Secrets Manager.
//!
//! The `DynamoDB` is embedded, unless [`external_dynamodb`] returns the URL of another. Both differ from the one of AWS:
//!
//! - They execute writes one after the other. So no write ever conflicts with a transaction, unless the proxy raises conflicts
//!   (see [`DynamoDb::raise_conflicts`] and [`Fault::Conflict`]), and every read is consistent.
//! - `DynamoDB Local` deletes expired items within seconds. AWS takes days, and the embedded one deletes them only if the gateway
//!   delivers events of streams. A service of a test does neither, unless the test needs it.

mod contention;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    net::{Ipv4Addr, SocketAddr},
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    serve::Listener,
};
use gateway::{Gateway, Options};
use http_body_util::channel::Channel;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{
        mpsc::{self, UnboundedReceiver, UnboundedSender},
        oneshot::{self, Receiver, Sender},
    },
    task::JoinHandle,
    time::sleep,
};

pub use self::contention::{Contention, Latencies};
use crate::deployment::signature::{Signer, assert_signed};

/// The name of Secrets Manager in the `x-amz-target` header of its calls, and the prefix of its IAM actions.
const SECRETS_MANAGER: &str = "secretsmanager";

/// The message of each injected error. It must not appear in any response or log.
pub const CANARY: &str = "a detail of the table";

/// The URL of the `DynamoDB` that all tests use instead of embedded ones: the environment variable `DYNAMODB_URL`.
#[expect(clippy::disallowed_methods, reason = "only the environment of the test run names it")]
pub fn external_dynamodb() -> Option<String> {
    std::env::var("DYNAMODB_URL").ok()
}

/// A `DynamoDB` behind a proxy of its own.
pub struct DynamoDb {
    /// The URL of the proxy.
    pub url: String,
    proxy: Arc<Proxy>,
    /// Provides the secrets and, unless there is an external `DynamoDB`, the tables.
    backend: Arc<Gateway>,
    /// Dropping it shuts the proxy down.
    _shutdown: Sender<()>,
    server: JoinHandle<()>,
}

struct Proxy {
    /// The URL of the `DynamoDB`.
    target: String,
    /// The URL of Secrets Manager.
    secrets_manager: String,
    /// The credentials that every call must be signed with.
    signer: Signer,
    http: Client,
    calls: Mutex<Vec<Call>>,
    /// The actions of each caller.
    actions: Mutex<BTreeMap<String, BTreeSet<String>>>,
    units: Mutex<Units>,
    holds: Mutex<VecDeque<Hold>>,
    /// While [`DynamoDb::interleave`] runs: receives each call that waits for its turn.
    turns: Mutex<Option<UnboundedSender<Turn>>>,
    injection: Mutex<Option<Injection>>,
    /// If set, writes in flight conflict with each other.
    contention: Mutex<Option<Arc<Contention>>>,
    rejects_connections: AtomicBool,
}

/// A call that the proxy received.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The name of the function that made the call.
    pub caller: String,
    pub operation: String,
    /// True for a direct batch get, which does not use the SDK. The SDK gives each of its calls an invocation id.
    pub is_direct: bool,
    /// The fault that was injected into the call.
    pub fault: Option<Fault>,
}

/// A fault, and the calls that it is injected into.
struct Injection {
    fault: Fault,
    /// If set, only calls of this operation are counted and affected.
    operation: Option<&'static str>,
    /// The positions of the affected calls, counted from 0.
    positions: Range<usize>,
    /// The number of calls so far.
    count: usize,
}

/// The capacity units that calls have consumed, as `DynamoDB` bills them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Units {
    pub read: f64,
    pub write: f64,
}

impl Units {
    /// The counter of the units that an operation consumes, or `None` if the operation consumes none.
    fn counter_for(&mut self, operation: &str) -> Option<&mut f64> {
        match operation {
            "GetItem" | "BatchGetItem" | "Query" | "Scan" => Some(&mut self.read),
            "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems" => {
                Some(&mut self.write)
            }
            _ => None,
        }
    }
}

/// A fault of `DynamoDB` or Secrets Manager that the proxy simulates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The call is not executed. The response has this status and error code.
    Error(StatusCode, &'static str),
    /// The call is executed, and the response is delayed by this duration.
    Delay(Duration),
    /// The call is not executed, and the connection is reset.
    Reset,
    /// The call is executed, and the connection is reset after this many 256ths of the response's body. If that is less
    /// than a byte, the connection is reset before the first byte of the response.
    Truncate(u8),
    /// The call is not executed, and there is no response.
    Hang,
    /// The call is executed, and there is no response.
    LoseResponse,
    /// The last key of a batch get is not read. The response lists it as unprocessed.
    UnprocessedKey,
    /// The write is not executed, because it conflicts with another transaction.
    Conflict,
    /// The transaction is not executed. This is the cancellation reason of its first write.
    Cancel(&'static str),
}

/// A request to hold the next call of an operation.
struct Hold {
    operation: &'static str,
    arrive: Sender<()>,
    released: Receiver<()>,
}

/// A call that is held. Dropping this releases the call.
pub struct Held {
    arrived: Receiver<()>,
    _release: Sender<()>,
}

/// A call that waits for its turn. Dropping this releases the call.
struct Turn {
    _release: Sender<()>,
}

impl Held {
    /// Waits until the proxy has received the call. By then, the caller has finished all its earlier calls.
    pub async fn arrived(&mut self) {
        let arrived = tokio::time::timeout(Duration::from_secs(20), &mut self.arrived).await;
        arrived.expect("the call arrives in time").expect("the call arrives");
    }
}

impl DynamoDb {
    pub async fn start() -> Self {
        let backend = Gateway::start(Options::ephemeral()).await.expect("a gateway starts");
        Self::in_front_of(Arc::new(backend)).await
    }

    /// Starts another proxy in front of the same tables and secrets.
    pub async fn another_proxy(&self) -> Self {
        Self::in_front_of(Arc::clone(&self.backend)).await
    }

    async fn in_front_of(backend: Arc<Gateway>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let proxy = Arc::new(Proxy {
            target: external_dynamodb().unwrap_or_else(|| backend.dynamodb_url().to_owned()),
            secrets_manager: backend.secrets_manager_url().to_owned(),
            signer: Signer::new(&backend.environment()),
            http: Client::new(),
            calls: Mutex::default(),
            actions: Mutex::default(),
            units: Mutex::default(),
            holds: Mutex::default(),
            turns: Mutex::default(),
            injection: Mutex::default(),
            contention: Mutex::default(),
            rejects_connections: AtomicBool::default(),
        });
        let listener = ResettingListener { listener, proxy: Arc::clone(&proxy) };
        let router = Router::new().fallback(handle).with_state(Arc::clone(&proxy));
        let (shutdown, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let server = tokio::spawn(async {
            axum::serve(listener, router).with_graceful_shutdown(stopped).await.expect("the proxy runs");
        });
        Self { url, proxy, backend, _shutdown: shutdown, server }
    }

    /// A client that bypasses the proxy.
    pub fn direct_client(&self) -> aws_sdk_dynamodb::Client {
        let direct = self.backend.dynamodb().config().to_builder().endpoint_url(&self.proxy.target);
        aws_sdk_dynamodb::Client::from_conf(direct.build())
    }

    /// Stops the proxy and closes its port.
    pub async fn stop(self) {
        let Self { _shutdown: shutdown, server, .. } = self;
        drop(shutdown);
        server.await.expect("the proxy stops");
    }

    /// Removes the recorded calls and returns their operations.
    pub fn calls(&self) -> Vec<String> {
        self.detailed_calls().into_iter().map(|call| call.operation).collect()
    }

    /// Removes the recorded calls and returns them.
    pub fn detailed_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.proxy.calls.lock().unwrap())
    }

    /// The units consumed since the last call of this function.
    pub fn units(&self) -> Units {
        std::mem::take(&mut self.proxy.units.lock().unwrap())
    }

    /// The IAM actions that each caller has used, such as `dynamodb:GetItem`.
    pub fn actions(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.proxy.actions.lock().unwrap().clone()
    }

    /// Holds the next call of `operation`.
    pub fn hold(&self, operation: &'static str) -> Held {
        let (arrive, arrived) = oneshot::channel();
        let (release, released) = oneshot::channel();
        self.proxy.holds.lock().unwrap().push_back(Hold { operation, arrive, released });
        Held { arrived, _release: release }
    }

    /// Holds the second call of `operation` from now on.
    pub fn hold_second_call(&self, operation: &'static str) -> Held {
        // The first call is released immediately.
        drop(self.hold(operation));
        self.hold(operation)
    }

    /// Sends all `requests` concurrently, but lets only one at a time proceed, from one of its calls to the next.
    ///
    /// `choose` receives the number of unfinished requests and returns the index of the one that proceeds. So `choose`
    /// alone determines the order of all calls.
    pub async fn interleave<R: Send + 'static>(
        &self,
        requests: Vec<impl Future<Output = R> + Send + 'static>,
        mut choose: impl FnMut(usize) -> usize,
    ) -> Vec<R> {
        let (sender, mut turns) = mpsc::unbounded_channel();
        *self.proxy.turns.lock().unwrap() = Some(sender);
        let mut responses: Vec<_> = requests.iter().map(|_| None).collect();
        let mut waiting = Vec::new();
        for (index, request) in requests.into_iter().enumerate() {
            let request = tokio::spawn(request);
            proceed(index, request, &mut turns, &mut waiting, &mut responses).await;
        }
        while !waiting.is_empty() {
            waiting.sort_by_key(|(index, ..)| *index);
            let (index, request, turn) = waiting.remove(choose(waiting.len()));
            drop(turn);
            proceed(index, request, &mut turns, &mut waiting, &mut responses).await;
        }
        *self.proxy.turns.lock().unwrap() = None;
        responses.into_iter().map(|response| response.expect("the request is finished")).collect()
    }

    /// Injects a fault into every call from now on, or into every call of one operation.
    pub fn inject(&self, fault: Fault, operation: Option<&'static str>) {
        self.inject_at(fault, operation, 0..usize::MAX);
    }

    /// Injects a fault into the calls at these positions. Position 0 is the next call or, with `operation`, the next call
    /// of that operation.
    pub fn inject_at(&self, fault: Fault, operation: Option<&'static str>, positions: Range<usize>) {
        let injection = Injection { fault, operation, positions, count: 0 };
        *self.proxy.injection.lock().unwrap() = Some(injection);
    }

    /// From now on, calls take this long, and writes that are in flight at the same time conflict with each other as in AWS.
    pub fn raise_conflicts(&self, latencies: Latencies) -> Arc<Contention> {
        let contention = Arc::new(Contention::new(latencies));
        *self.proxy.contention.lock().unwrap() = Some(Arc::clone(&contention));
        contention
    }

    /// Resets each new connection. Open connections stay open.
    pub fn reject_connections(&self) {
        self.proxy.rejects_connections.store(true, Ordering::SeqCst);
    }

    /// Removes the injected fault and accepts connections again.
    pub fn recover(&self) {
        *self.proxy.injection.lock().unwrap() = None;
        self.proxy.rejects_connections.store(false, Ordering::SeqCst);
    }
}

/// A listener whose connections are reset when they are closed, like broken ones.
struct ResettingListener {
    listener: TcpListener,
    proxy: Arc<Proxy>,
}

impl Listener for ResettingListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let (stream, from) = Listener::accept(&mut self.listener).await;
            // This fails if the client has closed the connection already.
            stream.set_zero_linger().ok();
            if !self.proxy.rejects_connections.load(Ordering::SeqCst) {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A request whose next call waits: its index among all requests, its task, and that call.
type Waiting<R> = (usize, JoinHandle<R>, Turn);

/// Waits until the request makes its next call or ends.
async fn proceed<R>(
    index: usize,
    mut request: JoinHandle<R>,
    turns: &mut UnboundedReceiver<Turn>,
    waiting: &mut Vec<Waiting<R>>,
    responses: &mut [Option<R>],
) {
    tokio::select! {
        Some(turn) = turns.recv() => waiting.push((index, request, turn)),
        response = &mut request => responses[index] = Some(response.expect("a response")),
    }
}

async fn handle(State(proxy): State<Arc<Proxy>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let (api, operation) = target.rsplit_once('.').unwrap_or_default();
    let service = if api == SECRETS_MANAGER { api } else { "dynamodb" };
    let used = actions(operation, &body).into_iter().map(|action| format!("{service}:{action}"));
    proxy.actions.lock().unwrap().entry(caller(&headers)).or_default().extend(used);
    if service == "dynamodb" {
        assert_signed(&headers, &body, &proxy.signer);
    }
    assert_consistent_reads(operation, &body);
    let fault = proxy.fault_for(operation);
    let is_direct = !headers.contains_key("amz-sdk-invocation-id");
    let call = Call { caller: caller(&headers), operation: operation.to_owned(), is_direct, fault };
    proxy.calls.lock().unwrap().push(call);
    if let Some(fault) = fault {
        let response = if fault.executes_the_call() {
            Some(proxy.forward(service, operation, &headers, body.clone()).await)
        } else {
            None
        };
        return fault.respond(service, &body, response).await;
    }
    proxy.wait_for_turn().await;
    if let Some(hold) = proxy.take_hold(operation) {
        // The test may have dropped its `Held` already.
        hold.arrive.send(()).ok();
        hold.released.await.ok();
    }
    let contention = proxy.contention.lock().unwrap().clone().filter(|_| service == "dynamodb");
    match contention {
        Some(contention) => {
            let forward = proxy.forward(service, operation, &headers, body.clone());
            contention.execute(operation, &body, forward).await
        }
        None => proxy.forward(service, operation, &headers, body).await,
    }
}

/// The name of the calling function, which is sent as the application's name.
fn caller(headers: &HeaderMap) -> String {
    let agent = headers.get("user-agent").and_then(|value| value.to_str().ok()).expect("an agent");
    agent.split(' ').find_map(|part| part.strip_prefix("app/")).expect("its name").to_owned()
}

/// Panics unless each read is strongly consistent.
///
/// A response would not show the difference: neither the embedded `DynamoDB` nor `DynamoDB Local` has a second copy of
/// the data that could be out of date.
fn assert_consistent_reads(operation: &str, body: &[u8]) {
    let call: Value = serde_json::from_slice(body).expect("JSON");
    let reads: Vec<&Value> = match operation {
        "GetItem" | "Query" => vec![&call],
        "BatchGetItem" => call["RequestItems"].as_object().expect("tables").values().collect(),
        _ => Vec::new(),
    };
    for read in reads {
        assert_eq!(read["ConsistentRead"], true, "{operation}");
    }
}

/// The actions that a call requires. A transaction requires the actions of its writes, and no action of its own.
fn actions(operation: &str, body: &[u8]) -> Vec<String> {
    if operation != "TransactWriteItems" {
        return vec![operation.to_owned()];
    }
    let transaction: Value = serde_json::from_slice(body).expect("JSON");
    let writes = transaction["TransactItems"].as_array().expect("writes");
    let kinds = writes.iter().flat_map(|write| write.as_object().expect("a write").keys());
    kinds
        .map(
            |kind| {
                if kind == "ConditionCheck" { "ConditionCheckItem".to_owned() } else { format!("{kind}Item") }
            },
        )
        .collect()
}

/// A response whose connection is reset after this many 256ths of its body.
async fn truncate(response: Response, part: u8) -> Response {
    let (mut parts, body) = response.into_parts();
    let mut body = to_bytes(body, usize::MAX).await.expect("a body");
    parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    body.truncate(body.len() * usize::from(part) / 256);
    let (mut sender, channel) = Channel::new(1);
    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    if body.is_empty() {
        sender.abort(reset);
    } else {
        tokio::spawn(async move {
            sender.send_data(body).await.ok();
            // The server flushes the data only once it waits for more.
            sleep(Duration::from_millis(5)).await;
            sender.abort(reset);
        });
    }
    Response::from_parts(parts, Body::new(channel))
}

/// The response to a batch get, changed as if the last key of each table had not been processed.
async fn with_unprocessed_key(response: Response, call: &[u8]) -> Response {
    let mut call: Value = serde_json::from_slice(call).expect("JSON");
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    let mut response: Value = serde_json::from_slice(&body).expect("JSON");
    for (table, request) in call["RequestItems"].as_object_mut().expect("tables") {
        let key = request["Keys"].as_array_mut().and_then(Vec::pop).expect("a key");
        let is_unprocessed = |item: &Value| item["pk"] == key["pk"] && item["sk"] == key["sk"];
        response["Responses"][table].as_array_mut().expect("items").retain(|item| !is_unprocessed(item));
        request["Keys"] = json!([key]);
    }
    response["UnprocessedKeys"] = call["RequestItems"].take();
    response.to_string().into_response()
}

impl Fault {
    fn executes_the_call(self) -> bool {
        matches!(self, Self::Delay(_) | Self::Truncate(_) | Self::LoseResponse | Self::UnprocessedKey)
    }

    /// Responds to a call with this body. `response` is the real response, if the call was executed.
    async fn respond(self, service: &str, call: &[u8], response: Option<Response>) -> Response {
        match (self, response) {
            (Self::Delay(delay), Some(response)) => {
                sleep(delay).await;
                response
            }
            (Self::Truncate(part), Some(response)) => truncate(response, part).await,
            (Self::UnprocessedKey, Some(response)) => with_unprocessed_key(response, call).await,
            (fault, _) => fault.respond_without_result(service, call).await,
        }
    }

    async fn respond_without_result(self, service: &str, call: &[u8]) -> Response {
        match self {
            Self::Hang | Self::LoseResponse => std::future::pending().await,
            Self::Reset => truncate(CANARY.into_response(), 0).await,
            Self::Delay(_) | Self::Truncate(_) | Self::UnprocessedKey => {
                unreachable!("these faults have a result")
            }
            Self::Error(status, code) => {
                let namespace =
                    if service == SECRETS_MANAGER { "" } else { "com.amazonaws.dynamodb.v20120810#" };
                let error = json!({"__type": format!("{namespace}{code}"), "message": CANARY});
                (status, error.to_string()).into_response()
            }
            Self::Conflict | Self::Cancel(_) => {
                let call: Value = serde_json::from_slice(call).expect("JSON");
                let kind = |kind: &str| format!("com.amazonaws.dynamodb.v20120810#{kind}");
                let error = match call["TransactItems"].as_array() {
                    None => json!({"__type": kind("TransactionConflictException"), "message": CANARY}),
                    Some(writes) => {
                        let code = if let Self::Cancel(code) = self { code } else { "TransactionConflict" };
                        let mut reasons = vec![json!({"Code": "None"}); writes.len()];
                        reasons[0] = json!({"Code": code, "Message": CANARY});
                        json!({
                            "__type": kind("TransactionCanceledException"),
                            "Message": CANARY,
                            "CancellationReasons": reasons,
                        })
                    }
                };
                (StatusCode::BAD_REQUEST, error.to_string()).into_response()
            }
        }
    }
}

impl Proxy {
    fn fault_for(&self, operation: &str) -> Option<Fault> {
        let mut injection = self.injection.lock().unwrap();
        let Injection { fault, operation: only, positions, count } = injection.as_mut()?;
        if only.is_some_and(|only| only != operation) {
            return None;
        }
        let position = *count;
        *count += 1;
        positions.contains(&position).then_some(*fault)
    }

    fn take_hold(&self, operation: &str) -> Option<Hold> {
        let mut holds = self.holds.lock().unwrap();
        let index = holds.iter().position(|hold| hold.operation == operation)?;
        holds.remove(index)
    }

    /// While [`DynamoDb::interleave`] runs, waits for the turn of a call. Otherwise returns immediately.
    async fn wait_for_turn(&self) {
        let turns = self.turns.lock().unwrap().clone();
        if let Some(turns) = turns {
            let (release, released) = oneshot::channel();
            // `interleave` may have ended already.
            turns.send(Turn { _release: release }).ok();
            released.await.ok();
        }
    }

    async fn forward(&self, service: &str, operation: &str, headers: &HeaderMap, body: Bytes) -> Response {
        let mut headers = headers.clone();
        // The client sets both again, because the host and the length change.
        headers.remove(header::HOST);
        headers.remove(header::CONTENT_LENGTH);
        let consumes_units = Units::default().counter_for(operation).is_some();
        let body = if consumes_units { requesting_consumed_capacity(&body).into() } else { body };
        let target = if service == SECRETS_MANAGER { &self.secrets_manager } else { &self.target };
        let response = self.http.post(target).headers(headers).body(body).send().await;
        let response = response.expect("a response");
        let (status, mut headers) = (response.status(), response.headers().clone());
        // A long response arrives in chunks, but is forwarded as a whole.
        headers.remove(header::TRANSFER_ENCODING);
        let body = response.bytes().await.expect("a body");
        if let Some(units) = self.units.lock().unwrap().counter_for(operation) {
            *units += consumed_units(&body);
        }
        (status, headers, body).into_response()
    }
}

/// The call, changed so that the response states the consumed capacity.
fn requesting_consumed_capacity(call: &[u8]) -> String {
    let mut call: Value = serde_json::from_slice(call).expect("JSON");
    call["ReturnConsumedCapacity"] = "TOTAL".into();
    call.to_string()
}

/// The units that a response states, summed over all tables. An error response states none.
fn consumed_units(response: &[u8]) -> f64 {
    let response: Value = serde_json::from_slice(response).expect("JSON");
    let units = |table: &Value| table["CapacityUnits"].as_f64().expect("units");
    match &response["ConsumedCapacity"] {
        Value::Null => 0.0,
        Value::Array(tables) => tables.iter().map(units).sum(),
        table => units(table),
    }
}
