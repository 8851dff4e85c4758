//! The `DynamoDB` of the tests, which is an embedded one unless [`elsewhere`] names another, and a proxy before
//! it that a test can look at, hold up and disturb. The proxy stands before a Secrets Manager, too, for those who
//! ask for it there.
//!
//! Neither is quite that of AWS: both do one write after the other, so that none ever meets a transaction
//! (see [`Trouble::Conflicts`]) and every read is consistent. `DynamoDB Local` deletes what has expired within
//! seconds, where AWS takes days and the embedded one does not.

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

use crate::deployment::signature::{Signer, assert_signed};

/// What Secrets Manager is called where calls to it and their actions are named.
const SECRETS_MANAGER: &str = "secretsmanager";

/// What it says when it refuses. Nobody is to hear it.
pub const CANARY: &str = "a detail of the table";

/// Where the `DynamoDB` is that `DYNAMODB_URL` gives all tests instead of embedded ones.
#[expect(clippy::disallowed_methods, reason = "only those who run the tests know")]
pub fn elsewhere() -> Option<String> {
    std::env::var("DYNAMODB_URL").ok()
}

/// The `DynamoDB`.
pub struct DynamoDb {
    pub url: String,
    proxy: Arc<Proxy>,
    /// Has the tables, unless they are elsewhere, and the secrets.
    behind: Arc<Gateway>,
    _open: Sender<()>,
    served: JoinHandle<()>,
}

struct Proxy {
    target: String,
    secrets_manager: String,
    /// Who signs calls.
    signer: Signer,
    http: Client,
    calls: Mutex<Vec<Call>>,
    actions: Mutex<BTreeMap<String, BTreeSet<String>>>,
    units: Mutex<Units>,
    holds: Mutex<VecDeque<Hold>>,
    turns: Mutex<Option<UnboundedSender<Turn>>>,
    disturbance: Mutex<Option<Disturbance>>,
    takes_no_connection: AtomicBool,
}

/// A call that came.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Who made it: the name of a function.
    pub caller: String,
    pub operation: String,
    /// Whether it came past the SDK, which numbers its calls.
    pub is_fast: bool,
    /// What went wrong with it.
    pub trouble: Option<Trouble>,
}

/// What is wrong, with which calls.
struct Disturbance {
    trouble: Trouble,
    /// With those of one operation alone.
    operation: Option<&'static str>,
    /// With those that come to be these.
    places: Range<usize>,
    /// How many have come.
    come: usize,
}

/// What calls have consumed, as `DynamoDB` bills it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Units {
    pub read: f64,
    pub write: f64,
}

impl Units {
    /// Those that an operation consumes, where it consumes any.
    fn of(&mut self, operation: &str) -> Option<&mut f64> {
        match operation {
            "GetItem" | "BatchGetItem" | "Query" | "Scan" => Some(&mut self.read),
            "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems" => {
                Some(&mut self.write)
            }
            _ => None,
        }
    }
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// It answers with this status and error code.
    Refuses(StatusCode, &'static str),
    /// It does what it is called for, and answers so much later.
    IsSlow(Duration),
    /// It breaks the connection, and does nothing.
    BreaksOff,
    /// It does what it is called for, and breaks the connection after so many 256ths of its answer; before the first
    /// byte where it is none.
    CutsShort(u8),
    /// It takes calls and answers none.
    IsSilent,
    /// It does what it is called for, and answers nothing.
    LosesAnswers,
    /// It answers a batch without the last item, and says that this is left to do.
    LeavesOut,
    /// It does no write, since each meets a transaction of another's.
    Conflicts,
    /// It does no transaction, for this reason that lies with the first write.
    Cancels(&'static str),
}

struct Hold {
    operation: &'static str,
    arrive: Sender<()>,
    released: Receiver<()>,
}

/// A call that is held up. It goes on when this is dropped.
pub struct Held {
    arrived: Receiver<()>,
    _release: Sender<()>,
}

/// A call that waits for its turn. It goes on when this is dropped.
struct Turn {
    _release: Sender<()>,
}

impl Held {
    /// Waits until the call has come, and with it whoever made it has read all that it reads before.
    pub async fn arrived(&mut self) {
        let arrived = tokio::time::timeout(Duration::from_secs(20), &mut self.arrived).await;
        arrived.expect("the call comes in time").expect("the call comes");
    }
}

impl DynamoDb {
    pub async fn start() -> Self {
        let behind = Gateway::start(Options::ephemeral()).await.expect("a gateway starts");
        Self::before(Arc::new(behind)).await
    }

    /// Another proxy before the same tables and secrets.
    pub async fn beside(&self) -> Self {
        Self::before(Arc::clone(&self.behind)).await
    }

    async fn before(behind: Arc<Gateway>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let proxy = Arc::new(Proxy {
            target: elsewhere().unwrap_or_else(|| behind.dynamodb_url().to_owned()),
            secrets_manager: behind.secrets_manager_url().to_owned(),
            signer: Signer::new(&behind.environment()),
            http: Client::new(),
            calls: Mutex::default(),
            actions: Mutex::default(),
            units: Mutex::default(),
            holds: Mutex::default(),
            turns: Mutex::default(),
            disturbance: Mutex::default(),
            takes_no_connection: AtomicBool::default(),
        });
        let listener = Door { listener, proxy: Arc::clone(&proxy) };
        let router = Router::new().fallback(answer).with_state(Arc::clone(&proxy));
        let (open, closed) = oneshot::channel();
        let closed = async { drop(closed.await) };
        let served = tokio::spawn(async {
            axum::serve(listener, router).with_graceful_shutdown(closed).await.expect("it is served");
        });
        Self { url, proxy, behind, _open: open, served }
    }

    /// A client of the one that has the tables, without the proxy before it.
    pub fn client_behind(&self) -> aws_sdk_dynamodb::Client {
        let direct = self.behind.dynamodb().config().to_builder().endpoint_url(&self.proxy.target);
        aws_sdk_dynamodb::Client::from_conf(direct.build())
    }

    /// Ends it: nobody listens there any more.
    pub async fn stop(self) {
        let Self { _open: open, served, .. } = self;
        drop(open);
        served.await.expect("it ends");
    }

    /// The operations that were called since the last look.
    pub fn calls(&self) -> Vec<String> {
        self.told_calls().into_iter().map(|call| call.operation).collect()
    }

    /// The same, with all that is known of each.
    pub fn told_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.proxy.calls.lock().unwrap())
    }

    /// What was consumed since the last look.
    pub fn units(&self) -> Units {
        std::mem::take(&mut self.proxy.units.lock().unwrap())
    }

    /// The actions that each caller has done, such as `dynamodb:GetItem`.
    pub fn actions(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.proxy.actions.lock().unwrap().clone()
    }

    /// Holds the next call of `operation` up.
    pub fn hold(&self, operation: &'static str) -> Held {
        let (arrive, arrived) = oneshot::channel();
        let (release, released) = oneshot::channel();
        self.proxy.holds.lock().unwrap().push_back(Hold { operation, arrive, released });
        Held { arrived, _release: release }
    }

    /// Holds the call of `operation` after the next one up.
    pub fn hold_second(&self, operation: &'static str) -> Held {
        // Nobody holds the first one.
        drop(self.hold(operation));
        self.hold(operation)
    }

    /// Does all `requests` at once, but lets one of them alone go on at a time, from one of its calls up to the next.
    /// `choose` says which, by its place among those that are not done yet, when it is told how many they are.
    ///
    /// So it says all of the order in which their calls meet, and no other order can come about than one of those.
    pub async fn interleave<R: Send + 'static>(
        &self,
        requests: Vec<impl Future<Output = R> + Send + 'static>,
        mut choose: impl FnMut(usize) -> usize,
    ) -> Vec<R> {
        let (sender, mut turns) = mpsc::unbounded_channel();
        *self.proxy.turns.lock().unwrap() = Some(sender);
        let mut done: Vec<_> = requests.iter().map(|_| None).collect();
        let mut under_way = Vec::new();
        for (place, request) in requests.into_iter().enumerate() {
            let request = tokio::spawn(request);
            go_on(place, request, &mut turns, &mut under_way, &mut done).await;
        }
        while !under_way.is_empty() {
            under_way.sort_by_key(|(place, ..)| *place);
            let (place, request, turn) = under_way.remove(choose(under_way.len()));
            drop(turn);
            go_on(place, request, &mut turns, &mut under_way, &mut done).await;
        }
        *self.proxy.turns.lock().unwrap() = None;
        done.into_iter().map(|answer| answer.expect("it is done")).collect()
    }

    /// Lets something go wrong with every call from now on, or with those of one operation.
    pub fn disturb(&self, trouble: Trouble, operation: Option<&'static str>) {
        self.disturb_at(trouble, operation, 0..usize::MAX);
    }

    /// Lets something go wrong with those calls, of all from now on or of one operation's, that come to be these. The
    /// first is call 0.
    pub fn disturb_at(&self, trouble: Trouble, operation: Option<&'static str>, places: Range<usize>) {
        let disturbance = Disturbance { trouble, operation, places, come: 0 };
        *self.proxy.disturbance.lock().unwrap() = Some(disturbance);
    }

    /// Takes no connection any more. Those that are open stay.
    pub fn take_no_connection(&self) {
        self.proxy.takes_no_connection.store(true, Ordering::SeqCst);
    }

    /// Lets all go well again.
    pub fn recover(&self) {
        *self.proxy.disturbance.lock().unwrap() = None;
        self.proxy.takes_no_connection.store(false, Ordering::SeqCst);
    }
}

/// Where connections come in. Each that ends is reset, as one is that breaks.
struct Door {
    listener: TcpListener,
    proxy: Arc<Proxy>,
}

impl Listener for Door {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let (stream, from) = Listener::accept(&mut self.listener).await;
            // Who has gone already needs no reset.
            stream.set_zero_linger().ok();
            if !self.proxy.takes_no_connection.load(Ordering::SeqCst) {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A request that is under way: its place among all, and its call that waits.
type UnderWay<R> = (usize, JoinHandle<R>, Turn);

/// Lets a request go on up to its next call, or to its end.
async fn go_on<R>(
    place: usize,
    mut request: JoinHandle<R>,
    turns: &mut UnboundedReceiver<Turn>,
    under_way: &mut Vec<UnderWay<R>>,
    done: &mut [Option<R>],
) {
    tokio::select! {
        Some(turn) = turns.recv() => under_way.push((place, request, turn)),
        answer = &mut request => done[place] = Some(answer.expect("an answer")),
    }
}

async fn answer(State(proxy): State<Arc<Proxy>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let (api, operation) = target.rsplit_once('.').unwrap_or_default();
    let service = if api == SECRETS_MANAGER { api } else { "dynamodb" };
    let done = actions(operation, &body).into_iter().map(|action| format!("{service}:{action}"));
    proxy.actions.lock().unwrap().entry(caller(&headers)).or_default().extend(done);
    if service == "dynamodb" {
        assert_signed(&headers, &body, &proxy.signer);
    }
    assert_reads_consistently(operation, &body);
    let trouble = proxy.trouble_with(operation);
    let is_fast = !headers.contains_key("amz-sdk-invocation-id");
    let call = Call { caller: caller(&headers), operation: operation.to_owned(), is_fast, trouble };
    proxy.calls.lock().unwrap().push(call);
    if let Some(trouble) = trouble {
        let done = if trouble.does() {
            Some(proxy.pass_on(service, operation, &headers, body.clone()).await)
        } else {
            None
        };
        return trouble.answer(service, &body, done).await;
    }
    proxy.wait_for_turn().await;
    if let Some(hold) = proxy.hold_of(operation) {
        // Whoever held it up may not be there any more.
        hold.arrive.send(()).ok();
        hold.released.await.ok();
    }
    proxy.pass_on(service, operation, &headers, body).await
}

/// Who made a call, as its SDK says.
fn caller(headers: &HeaderMap) -> String {
    let agent = headers.get("x-amz-user-agent").and_then(|value| value.to_str().ok()).expect("an agent");
    agent.split(' ').find_map(|part| part.strip_prefix("app/")).expect("its name").to_owned()
}

/// Every read sees what was written before it, which no answer of an engine that has one copy would show.
fn assert_reads_consistently(operation: &str, body: &[u8]) {
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

/// The actions that a call needs: a transaction needs those of all its writes, and none of its own.
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

/// An answer that breaks off with the connection, after so many 256ths of its body.
async fn cut(answer: Response, part: u8) -> Response {
    let (mut parts, body) = answer.into_parts();
    let mut body = to_bytes(body, usize::MAX).await.expect("a body");
    parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    body.truncate(body.len() * usize::from(part) / 256);
    let (mut sender, channel) = Channel::new(1);
    let broken = io::Error::from(io::ErrorKind::ConnectionReset);
    if body.is_empty() {
        sender.abort(broken);
    } else {
        tokio::spawn(async move {
            sender.send_data(body).await.ok();
            // What was written goes out only when the server waits for more.
            sleep(Duration::from_millis(5)).await;
            sender.abort(broken);
        });
    }
    Response::from_parts(parts, Body::new(channel))
}

/// The answer to a batch of keys, but for the item at the last one, which is left to do.
async fn without_the_last(done: Response, asked: &[u8]) -> Response {
    let mut asked: Value = serde_json::from_slice(asked).expect("JSON");
    let done = to_bytes(done.into_body(), usize::MAX).await.expect("a body");
    let mut answer: Value = serde_json::from_slice(&done).expect("JSON");
    for (table, asked) in asked["RequestItems"].as_object_mut().expect("tables") {
        let left = asked["Keys"].as_array_mut().and_then(Vec::pop).expect("a key");
        let is_left = |item: &Value| item["pk"] == left["pk"] && item["sk"] == left["sk"];
        answer["Responses"][table].as_array_mut().expect("items").retain(|item| !is_left(item));
        asked["Keys"] = json!([left]);
    }
    answer["UnprocessedKeys"] = asked["RequestItems"].take();
    answer.to_string().into_response()
}

impl Trouble {
    /// Whether the call is done all the same.
    fn does(self) -> bool {
        matches!(self, Self::IsSlow(_) | Self::CutsShort(_) | Self::LosesAnswers | Self::LeavesOut)
    }

    /// The answer to a call with `body`, where it would have been `done`.
    async fn answer(self, service: &str, body: &[u8], done: Option<Response>) -> Response {
        match (self, done) {
            (Self::IsSlow(time), Some(done)) => {
                sleep(time).await;
                done
            }
            (Self::CutsShort(part), Some(done)) => cut(done, part).await,
            (Self::LeavesOut, Some(done)) => without_the_last(done, body).await,
            (trouble, _) => trouble.answer_undone(service, body).await,
        }
    }

    async fn answer_undone(self, service: &str, body: &[u8]) -> Response {
        match self {
            Self::IsSilent | Self::LosesAnswers => std::future::pending().await,
            Self::BreaksOff => cut(CANARY.into_response(), 0).await,
            Self::IsSlow(_) | Self::CutsShort(_) | Self::LeavesOut => unreachable!("it is done"),
            Self::Refuses(status, code) => {
                let namespace =
                    if service == SECRETS_MANAGER { "" } else { "com.amazonaws.dynamodb.v20120810#" };
                let error = json!({"__type": format!("{namespace}{code}"), "message": CANARY});
                (status, error.to_string()).into_response()
            }
            Self::Conflicts | Self::Cancels(_) => {
                let asked: Value = serde_json::from_slice(body).expect("JSON");
                let kind = |kind: &str| format!("com.amazonaws.dynamodb.v20120810#{kind}");
                let error = match asked["TransactItems"].as_array() {
                    None => json!({"__type": kind("TransactionConflictException"), "message": CANARY}),
                    Some(writes) => {
                        let code = if let Self::Cancels(code) = self { code } else { "TransactionConflict" };
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
    fn trouble_with(&self, operation: &str) -> Option<Trouble> {
        let mut disturbance = self.disturbance.lock().unwrap();
        let Disturbance { trouble, operation: only, places, come } = disturbance.as_mut()?;
        if only.is_some_and(|only| only != operation) {
            return None;
        }
        *come += 1;
        places.contains(&(*come - 1)).then_some(*trouble)
    }

    fn hold_of(&self, operation: &str) -> Option<Hold> {
        let mut holds = self.holds.lock().unwrap();
        let place = holds.iter().position(|hold| hold.operation == operation)?;
        holds.remove(place)
    }

    /// Waits for the turn of a call, where they are let through one at a time.
    async fn wait_for_turn(&self) {
        let turns = self.turns.lock().unwrap().clone();
        if let Some(turns) = turns {
            let (release, released) = oneshot::channel();
            // Whoever let them through may not be there any more.
            turns.send(Turn { _release: release }).ok();
            released.await.ok();
        }
    }

    async fn pass_on(&self, service: &str, operation: &str, headers: &HeaderMap, body: Bytes) -> Response {
        let mut headers = headers.clone();
        // They are told anew, for where it goes and how long it is then.
        headers.remove(header::HOST);
        headers.remove(header::CONTENT_LENGTH);
        let consumes = Units::default().of(operation).is_some();
        let body = if consumes { asking_what_it_consumes(&body).into() } else { body };
        let target = if service == SECRETS_MANAGER { &self.secrets_manager } else { &self.target };
        let answer = self.http.post(target).headers(headers).body(body).send().await;
        let answer = answer.expect("the one behind it answers");
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        // A long answer comes in chunks, and goes on in one piece.
        headers.remove(header::TRANSFER_ENCODING);
        let body = answer.bytes().await.expect("a body");
        if let Some(units) = self.units.lock().unwrap().of(operation) {
            *units += consumed(&body);
        }
        (status, headers, body).into_response()
    }
}

/// A call that asks to be told what it consumes.
fn asking_what_it_consumes(call: &[u8]) -> String {
    let mut call: Value = serde_json::from_slice(call).expect("JSON");
    call["ReturnConsumedCapacity"] = "TOTAL".into();
    call.to_string()
}

/// What an answer says that its call consumed: of one table, or of each. One that failed says nothing.
fn consumed(answer: &[u8]) -> f64 {
    let answer: Value = serde_json::from_slice(answer).expect("JSON");
    let units = |table: &Value| table["CapacityUnits"].as_f64().expect("units");
    match &answer["ConsumedCapacity"] {
        Value::Null => 0.0,
        Value::Array(tables) => tables.iter().map(units).sum(),
        table => units(table),
    }
}
