//! The `DynamoDB` of the tests, which is an embedded one unless [`elsewhere`] names another, and a proxy before
//! it that a test can look at, hold up and disturb.
//!
//! Neither is quite that of AWS: both do one write after the other, so that none ever meets a transaction
//! (see [`Trouble::Conflicts`]) and every read is consistent. `DynamoDB Local` deletes what has expired within
//! seconds, where AWS takes days and the embedded one does not.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use gateway::{Gateway, Options};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{
        mpsc::{self, UnboundedReceiver, UnboundedSender},
        oneshot::{self, Receiver, Sender},
    },
    task::JoinHandle,
};

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
    /// The one that has the tables.
    embedded: Option<Gateway>,
    _open: Sender<()>,
    served: JoinHandle<()>,
}

struct Proxy {
    target: String,
    http: Client,
    calls: Mutex<Vec<Call>>,
    actions: Mutex<BTreeMap<String, BTreeSet<String>>>,
    units: Mutex<Units>,
    holds: Mutex<VecDeque<Hold>>,
    trouble: Mutex<Option<(Trouble, Option<&'static str>)>>,
    turns: Mutex<Option<UnboundedSender<Turn>>>,
}

/// A call: which function made it, and of which operation it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub caller: String,
    pub operation: String,
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
#[derive(Clone, Copy)]
pub enum Trouble {
    /// It answers with this status and error code.
    Refuses(StatusCode, &'static str),
    /// It takes calls and answers none.
    IsSilent,
    /// It does what it is called for, and answers nothing.
    LosesAnswers,
    /// It answers a batch with nothing, and says that all of it is left to do.
    LeavesOut,
    /// It does no write, since each meets a transaction of another's.
    Conflicts,
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
        let (target, embedded) = if let Some(url) = elsewhere() {
            (url, None)
        } else {
            let embedded = Gateway::start(Options::ephemeral()).await.expect("a gateway starts");
            (embedded.dynamodb_url().to_owned(), Some(embedded))
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let proxy = Arc::new(Proxy {
            target,
            http: Client::new(),
            calls: Mutex::default(),
            actions: Mutex::default(),
            units: Mutex::default(),
            holds: Mutex::default(),
            trouble: Mutex::default(),
            turns: Mutex::default(),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&proxy));
        let (open, closed) = oneshot::channel();
        let closed = async { drop(closed.await) };
        let served = tokio::spawn(async {
            axum::serve(listener, router).with_graceful_shutdown(closed).await.expect("it is served");
        });
        Self { url, proxy, embedded, _open: open, served }
    }

    /// Whether it is an embedded one.
    pub fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// Where the one is that has the tables, without the proxy before it.
    pub fn behind(&self) -> &str {
        &self.proxy.target
    }

    /// Ends it: nobody listens there any more.
    pub async fn stop(self) {
        let Self { _open: open, served, .. } = self;
        drop(open);
        served.await.expect("it ends");
    }

    /// The operations that were called since the last look.
    pub fn calls(&self) -> Vec<String> {
        self.calls_by_caller().into_iter().map(|call| call.operation).collect()
    }

    /// The same, with who called them.
    pub fn calls_by_caller(&self) -> Vec<Call> {
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
        *self.proxy.trouble.lock().unwrap() = Some((trouble, operation));
    }

    /// Lets all go well again.
    pub fn recover(&self) {
        *self.proxy.trouble.lock().unwrap() = None;
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
    let operation = target.rsplit('.').next().unwrap_or_default();
    let call = Call { caller: caller(&headers), operation: operation.to_owned() };
    proxy.calls.lock().unwrap().push(call);
    let done = actions(operation, &body).into_iter().map(|action| format!("dynamodb:{action}"));
    proxy.actions.lock().unwrap().entry(caller(&headers)).or_default().extend(done);
    assert_reads_consistently(operation, &body);
    let trouble = proxy.trouble_with(operation);
    if let Some(Trouble::LosesAnswers) = trouble {
        proxy.pass_on(operation, &headers, body.clone()).await;
    }
    if let Some(trouble) = trouble {
        return trouble.answer(&body).await;
    }
    proxy.wait_for_turn().await;
    if let Some(hold) = proxy.hold_of(operation) {
        // Whoever held it up may not be there any more.
        hold.arrive.send(()).ok();
        hold.released.await.ok();
    }
    proxy.pass_on(operation, &headers, body).await
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

impl Trouble {
    /// The answer to a call with `body`.
    async fn answer(self, body: &[u8]) -> Response {
        match self {
            Self::IsSilent | Self::LosesAnswers => std::future::pending().await,
            Self::Refuses(status, code) => {
                let error =
                    json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": CANARY});
                (status, error.to_string()).into_response()
            }
            Self::LeavesOut => {
                let asked: Value = serde_json::from_slice(body).expect("JSON");
                let answer = json!({"Responses": {}, "UnprocessedKeys": asked["RequestItems"]});
                answer.to_string().into_response()
            }
            Self::Conflicts => {
                let asked: Value = serde_json::from_slice(body).expect("JSON");
                let kind = |kind: &str| format!("com.amazonaws.dynamodb.v20120810#{kind}");
                let error = match asked["TransactItems"].as_array() {
                    None => json!({"__type": kind("TransactionConflictException"), "message": CANARY}),
                    Some(writes) => {
                        let mut reasons = vec![json!({"Code": "None"}); writes.len()];
                        reasons[0] = json!({"Code": "TransactionConflict", "Message": CANARY});
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
        let (trouble, only) = (*self.trouble.lock().unwrap())?;
        only.is_none_or(|only| only == operation).then_some(trouble)
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

    async fn pass_on(&self, operation: &str, headers: &HeaderMap, body: Bytes) -> Response {
        let mut headers = headers.clone();
        // They are told anew, for where it goes and how long it is then.
        headers.remove(header::HOST);
        headers.remove(header::CONTENT_LENGTH);
        let consumes = Units::default().of(operation).is_some();
        let body = if consumes { asking_what_it_consumes(&body).into() } else { body };
        let answer = self.http.post(&self.target).headers(headers).body(body).send().await;
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
