//! `DynamoDB` and Secrets Manager fail at any call of any operation, in any way, once or for the rest of the operation.
//!
//! Whatever fails: what was asked for is done as a whole or not at all, and together with its event in the audit trail;
//! nobody is shown a secret of which the table knows nothing, let in without a decision, or told of a fault of
//! their own; and who asks again comes to what they asked for.
//!
//! Every case begins with the same table, time and randomness. So what it leaves can be compared, to the byte, with the
//! table as it was and as it is where nothing fails. Two things are left out of that. What the use of a credential
//! leaves behind ([`is_use`]) is not written down where that fails, and the request goes on. And an attempt at a
//! password is claimed before it is looked at, so it may be counted where nothing came of it.

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
    dynamodb::{Call, DynamoDb, Trouble},
    faults::pepper_rotation,
    operation_table::{self, Row},
    response::Answer,
    service::{Credential, Item, OwnService, PASSWORD, new_address, new_stack},
};

/// How many cases are played of each call, which are others each time, unless `FAULTS=all`.
const SAMPLE: usize = 2;

/// How many services there are. Their cases wait most of the time.
const SERVICES: usize = 10;

/// After how long API Gateway gives up.
const LONGEST: Duration = Duration::from_secs(29);

/// The SDK waits longer for an answer, even where the machine has much else to do.
const LATE: Duration = Duration::from_millis(500);

/// How many requests a minute a key may send. The authorizer takes so little of it at once that it writes for each
/// request, as it does at first of any other.
const QUOTA: u32 = 7;

/// An operation, and who asks for it.
struct Operation {
    /// As the operation table calls it.
    name: String,
    by_key: bool,
    events: usize,
    again: u16,
    /// How many events being asked again leaves.
    events_again: usize,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, if self.by_key { " by a key" } else { "" })
    }
}

impl Operation {
    /// All that there are: each route of the API, and each command of the operator's.
    async fn all(service: &OwnService) -> Vec<Arc<Self>> {
        let routes = operation_table::routes().map(|(method, path)| format!("{method} {path}"));
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
        Self { name: row.name(), by_key, events, again: repeated_status, events_again: repeated_events }
    }

    /// Whether an authorizer decides on who asks.
    fn asks_authorizer(&self) -> bool {
        let is_public = operation_table::public_routes()
            .iter()
            .any(|(method, path)| self.name == format!("{method} {path}"));
        !is_public && !self.name.starts_with("operator ")
    }
}

/// What somebody was told.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    status: u16,
    body: Value,
}

impl Told {
    fn unavailable() -> Self {
        Self { status: 503, body: json!({"code": "UNAVAILABLE", "message": "The service is unavailable"}) }
    }

    fn limited() -> Self {
        Self { status: 429, body: json!({"code": "RATE_LIMITED", "message": "Too many requests"}) }
    }

    /// The secret that was given out, as a credential.
    fn secret(&self) -> Option<Credential> {
        let key = self.body["key"].as_str().map(Credential::bearer);
        key.or_else(|| self.body["session_token"].as_str().map(Credential::session))
    }
}

impl From<Answer> for Told {
    fn from(answer: Answer) -> Self {
        if [429, 503].contains(&answer.status) {
            assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
        }
        let body = if answer.status < 300 { answer.body } else { answer.body["error"].clone() };
        Self { status: answer.status, body: without_use(body) }
    }
}

/// `body` without when credentials were last used.
fn without_use(mut body: Value) -> Value {
    match &mut body {
        Value::Object(members) => {
            members.remove("last_used_at");
            for member in members.values_mut() {
                *member = without_use(member.take());
            }
        }
        Value::Array(elements) => {
            for element in elements {
                *element = without_use(element.take());
            }
        }
        _ => {}
    }
    body
}

/// All that is in a table, by partition and sort key.
type Items = BTreeMap<[String; 2], Item>;

/// Whether an item's attribute says how a credential is used, or how often a password was tried.
fn is_use(sort_key: &str, attribute: &str) -> bool {
    match attribute {
        "last_used_at" => sort_key.starts_with("KEY#") || sort_key.starts_with("SESSION#"),
        "counter" => sort_key.starts_with("KEY#"),
        "failures" => sort_key.starts_with("MEMBER#"),
        _ => false,
    }
}

/// What is compared of a table.
fn compared(items: &Items) -> Items {
    let mut items = items.clone();
    items.retain(|[partition, _], _| !partition.starts_with("ATTEMPTS#"));
    for ([_, sort_key], item) in &mut items {
        item.retain(|name, _| !is_use(sort_key, name));
    }
    items
}

/// How many items there are of each kind.
fn kinds(items: &Items) -> BTreeMap<&str, usize> {
    let mut kinds = BTreeMap::new();
    for [_, sort_key] in items.keys() {
        *kinds.entry(sort_key.split('#').next().unwrap_or_default()).or_default() += 1;
    }
    kinds
}

/// Randomness that can begin anew.
#[derive(Clone)]
struct Dice(Arc<Mutex<StdRng>>);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    fn begin(&self, seed: u64) {
        *self.0.lock().unwrap() = StdRng::seed_from_u64(seed);
    }
}

impl TryRng for Dice {
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

impl TryCryptoRng for Dice {}

/// What every case begins with.
struct World {
    seed: u64,
    items: Items,
    /// How many milliseconds have passed.
    time: i64,
    caller: Caller,
    key: Credential,
}

/// A service for one case after the other.
struct Stage {
    service: OwnService,
    dynamodb: DynamoDb,
    dice: Dice,
    /// Reaches the table without the proxy before it.
    client: aws_sdk_dynamodb::Client,
    table: String,
}

/// How an operation goes where nothing fails.
struct Clean {
    told: Told,
    calls: Vec<Call>,
    before: Items,
    after: Items,
}

/// What goes wrong with an operation.
#[derive(Clone)]
struct Case {
    operation: Arc<Operation>,
    clean: Arc<Clean>,
    trouble: Trouble,
    /// With calls of this kind alone, where it can go wrong with no other.
    only: Option<&'static str>,
    /// With which of them first.
    place: usize,
    /// Whether it goes wrong with all that follow, too.
    lasts: bool,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, trouble, only, place, lasts, .. } = self;
        let calls = only.unwrap_or("call");
        let lasts = if *lasts { " and after" } else { "" };
        write!(f, "{operation}: {trouble:?} at {calls} {place}{lasts}")
    }
}

impl Stage {
    async fn open(dynamodb: DynamoDb, seed: u64) -> Self {
        let dice = Dice::new(seed);
        let service = OwnService::start_with(|options| {
            options.dynamodb = Some(dynamodb.url.clone());
            options.secrets_manager = Some(dynamodb.url.clone());
            options.random = Random::new(dice.clone());
        })
        .await;
        let client = dynamodb.client_behind();
        let table = service.gateway.table("Table").expect("the table").to_owned();
        Self { service, dynamodb, dice, client, table }
    }

    /// Makes a world with one of each thing.
    async fn make_world(&self, seed: u64) -> World {
        let service = &self.service;
        let account = service.account().await;
        let caller = Caller::new(service, &account).await;
        let (key, _) = service.key(&caller.session, json!({})).await;
        let limits = json!({"live": QUOTA, "test": QUOTA});
        let limits = json!({"set_limits": {"account_id": account.id, "requests_per_minute": limits}});
        service.operate(limits).await.expect("it is done");
        // So much that the next use of the session is written down.
        service.time.pass(120);
        World { seed, items: self.items().await, time: service.time.passed(), caller, key }
    }

    async fn items(&self) -> Items {
        let scan = self.client.scan().table_name(&self.table).consistent_read(true).send().await;
        let scan = scan.expect("it is read");
        assert!(scan.last_evaluated_key().is_none(), "it is small");
        let key = |item: &Item| ["pk", "sk"].map(|name| item[name].as_s().expect("a text").clone());
        scan.items.unwrap_or_default().into_iter().map(|item| (key(&item), item)).collect()
    }

    /// Makes the table hold these.
    async fn restore(&self, items: &Items) {
        let now = self.items().await;
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
            items.iter().filter(|(key, item)| now.get(*key) != Some(item)).map(|(_, item)| put(item));
        let added = now.keys().filter(|key| !items.contains_key(*key)).map(delete);
        let writes: Vec<_> = changed.chain(added).collect();
        for writes in writes.chunks(25) {
            let write = self.client.batch_write_item().request_items(&self.table, writes.to_vec());
            let left = write.send().await.expect("it is written").unprocessed_items;
            assert!(left.is_none_or(|left| left.is_empty()), "all of it is");
        }
    }

    async fn begin(&self, world: &World) {
        self.restore(&world.items).await;
        self.begin_again(world);
        self.dynamodb.told_calls();
    }

    /// With the same time and randomness, the same request does the same.
    fn begin_again(&self, world: &World) {
        self.service.time.go_to(world.time);
        self.dice.begin(world.seed);
    }

    async fn send(&self, world: &World, operation: &Operation) -> Told {
        let (method, path) = operation.name.split_once(' ').expect("two words");
        if method == "operator" {
            return match self.service.operate(world.caller.command(path)).await {
                Ok(body) => Told { status: 200, body },
                Err(error) => {
                    let status = match error.error_type.as_str() {
                        "UNAVAILABLE" => 503,
                        "CONFLICT" => 409,
                        other => panic!("{operation} ended with {other}"),
                    };
                    Told { status, body: json!({"code": error.error_type, "message": error.error_message}) }
                }
            };
        }
        let credential = if operation.by_key { &world.key } else { &world.caller.session };
        let mut request = world.caller.request(&self.service, method, path, credential);
        if ["/v1/api-keys", "/v1/api-keys/{key_id}/rotate", "/v1/projects"].contains(&path)
            && method == "POST"
        {
            request = request.header("Idempotency-Key", "the-only-one");
        }
        request.send().await.into()
    }

    /// Lets nothing fail.
    async fn clean(&self, world: &World, operation: &Operation) -> Clean {
        self.begin(world).await;
        let told = self.send(world, operation).await;
        let calls = self.dynamodb.told_calls();
        let after = self.items().await;
        assert!(told.status < 300, "{operation}: {told:?}");
        assert!(!operation.asks_authorizer() || !calls.is_empty(), "{operation}");
        if let Some(secret) = told.secret() {
            self.service.me(&secret).await.expect(200);
        }
        let (before, after) = (compared(&world.items), compared(&after));
        let events = |items: &Items| kinds(items).get("EVENT").copied().unwrap_or_default();
        assert_eq!(events(&after) - events(&before), operation.events, "{operation}");
        Clean { told, calls, before, after }
    }

    /// Lets something fail, and says what is wrong with what came of it.
    async fn play(&self, world: &World, case: &Case) -> Result<(), Wrong> {
        let Case { operation, clean, trouble, only, place, lasts } = case;
        let Clean { before, after, .. } = &**clean;
        self.begin(world).await;
        let end = if *lasts { usize::MAX } else { place + 1 };
        self.dynamodb.disturb_at(*trouble, *only, *place..end);
        let began = Instant::now();
        let told = self.send(world, operation).await;
        let took = began.elapsed();
        self.dynamodb.recover();
        let calls = self.dynamodb.told_calls();
        let all = self.items().await;
        let items = compared(&all);
        let said = || format!("{} {} after {took:?}", told.status, told.body);

        in_time(calls.iter().any(|call| call.trouble.is_some()), || "nothing went wrong".to_owned())?;
        check(took < LONGEST, || format!("it took {took:?}"))?;
        check(items == *before || items == *after, || {
            format!("{}, and something else is in the table: {}", said(), difference(before, after, &items))
        })?;
        check(
            all.iter().all(|(key, item)| failures(item) <= 1 + world.items.get(key).map_or(0, failures)),
            || "one attempt is counted twice".to_owned(),
        )?;
        if operation.asks_authorizer() && !calls.iter().any(is_decided) {
            check(calls.iter().all(|call| call.caller == "authorizer"), || {
                "it was let in undecided".to_owned()
            })?;
            check(told == Told::unavailable(), || format!("{}, and nothing was decided", said()))?;
        }
        let deletions = calls.iter().filter(|call| call.operation == "DeleteItem").count();
        if told == clean.told {
            check(items == *after, || format!("{}, and it is not done", said()))?;
            return Ok(());
        } else if told.status == 404 && operation.again == 404 && deletions > 1 {
            check(items == *after, || format!("{}, and it is not done", said()))?;
        } else if told.status == 429 {
            check(told == Told::limited() && calls.last().is_some_and(is_uncounted), said)?;
            in_time(*lasts, || "it is told of what passed".to_owned())?;
            check(items == *before, || format!("{}, and it is done", said()))?;
        } else {
            check(told == Told::unavailable(), said)?;
            let passes = !*lasts || matches!(trouble, Trouble::IsSlow(_));
            in_time(!passes, || "it is told of what passed".to_owned())?;
        }

        if items == *before {
            self.begin_again(world);
            let told = self.send(world, operation).await;
            in_time(told != Told::unavailable(), || "asked again, it is a 503".to_owned())?;
            check(told == clean.told, || format!("asked again, it answers {} {}", told.status, told.body))?;
            let items = compared(&self.items().await);
            return check(items == *after, || {
                format!("asked again, something else is there: {}", difference(before, after, &items))
            });
        }
        self.service.time.pass(1);
        let told = self.send(world, operation).await;
        in_time(told != Told::unavailable(), || "it was done, and asked again, it is a 503".to_owned())?;
        check(told.status == operation.again, || {
            format!("it was done, and asked again, it answers {} {}", told.status, told.body)
        })?;
        check(told.body.get("key").is_none(), || "a secret is shown twice".to_owned())?;
        let mut items = compared(&self.items().await);
        let added: Vec<_> =
            items.extract_if(.., |key, _| !after.contains_key(key)).map(|(key, _)| key).collect();
        check(items == *after, || {
            format!("it was done, and asked again, it does more: {}", difference(before, after, &items))
        })?;
        let events = added.iter().filter(|[_, sort_key]| sort_key.starts_with("EVENT#")).count();
        let sessions = added.iter().filter(|[_, sort_key]| sort_key.starts_with("SESSION#")).count();
        let is_login = operation.name.ends_with("/login");
        check((events, sessions) == (operation.events_again, usize::from(is_login)), || {
            format!("added: {added:?}")
        })?;
        check(added.len() == events + sessions, || format!("added: {added:?}"))
    }
}

/// Whether the authorizer has read by it all that it decides with.
fn is_decided(call: &Call) -> bool {
    let is_read = call.caller == "authorizer" && call.operation == "BatchGetItem";
    is_read && call.trouble.is_none_or(|trouble| matches!(trouble, Trouble::IsSlow(_)))
}

/// Whether a key's request could not be counted, since other writes got in the way. Those are of the key's own holder,
/// who would pass uncounted if it were let in.
fn is_uncounted(call: &Call) -> bool {
    let is_count = call.caller == "authorizer" && call.operation == "UpdateItem";
    is_count && matches!(call.trouble, Some(Trouble::Conflicts))
}

/// What is wrong with what came of a case.
enum Wrong {
    /// What must not be.
    Always(String),
    /// A 503 where nothing failed for long enough. It may be that the machine had too much else to do to answer within
    /// the SDK's two seconds; then it is another thing when the case is played alone.
    WhenAlone(String),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Always(wrong) | Self::WhenAlone(wrong)) = self;
        f.write_str(wrong)
    }
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(Wrong::Always(otherwise())) }
}

fn in_time(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(Wrong::WhenAlone(otherwise())) }
}

/// How many failures in a row of a member's are counted.
fn failures(item: &Item) -> u32 {
    item.get("failures").and_then(|failures| failures.as_n().ok()?.parse().ok()).unwrap_or_default()
}

/// The items in which a table differs from the one before or the one after, whichever is more like it.
fn difference(before: &Items, after: &Items, items: &Items) -> String {
    let from = |other: &Items| {
        let keys = items.keys().chain(other.keys()).filter(|key| items.get(*key) != other.get(*key));
        keys.map(|key| format!("{key:?}: {:?}, not {:?}", items.get(key), other.get(key))).collect::<Vec<_>>()
    };
    let differences = [from(before), from(after)];
    differences.into_iter().min_by_key(Vec::len).unwrap_or_default().join("; ")
}

/// All that can go wrong with call `place` of an operation to `DynamoDB`, each with the calls that it can go wrong with.
fn troubles(calls: &[Call], place: usize, part: u8) -> Vec<(Trouble, Option<&'static str>, usize)> {
    let operation = calls[place].operation.as_str();
    let mut troubles: Vec<_> = failing("ProvisionedThroughputExceededException", "InternalServerError", part)
        .map(|trouble| (trouble, None, place))
        .into();
    let of_its_kind = calls[..place].iter().filter(|call| call.operation == operation).count();
    let mut with =
        |trouble, only| troubles.push((trouble, only, if only.is_some() { of_its_kind } else { place }));
    match operation {
        "GetItem" | "Query" => {}
        "BatchGetItem" => with(Trouble::LeavesOut, Some("BatchGetItem")),
        write => {
            with(Trouble::CutsShort(0), None);
            with(Trouble::LosesAnswers, None);
            let writes = ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"];
            with(Trouble::Conflicts, Some(*writes.iter().find(|name| **name == write).expect("a write")));
            if write == "TransactWriteItems" {
                with(Trouble::Cancels("ThrottlingError"), Some("TransactWriteItems"));
            }
        }
    }
    troubles
}

/// What can go wrong with a call of any kind.
fn failing(throttled: &'static str, broken: &'static str, part: u8) -> [Trouble; 6] {
    [
        Trouble::Refuses(StatusCode::BAD_REQUEST, throttled),
        Trouble::Refuses(StatusCode::INTERNAL_SERVER_ERROR, broken),
        Trouble::IsSlow(LATE),
        Trouble::BreaksOff,
        Trouble::CutsShort(part),
        Trouble::IsSilent,
    ]
}

/// A seed that is another each time, unless `FAULTS_SEED` gives the one of a run that failed.
#[expect(clippy::disallowed_methods, reason = "only those who run the tests know")]
fn seed() -> u64 {
    let given = std::env::var("FAULTS_SEED").ok().map(|seed| seed.parse().expect("FAULTS_SEED is a number"));
    given.unwrap_or_else(|| u64::from_be_bytes(Random::system().bytes()))
}

/// Whether `FAULTS` asks for all cases.
#[expect(clippy::disallowed_methods, reason = "only those who run the tests know")]
fn all_are_wanted() -> bool {
    std::env::var("FAULTS").is_ok_and(|which| which == "all")
}

/// Which cases are played.
struct Chosen {
    rng: StdRng,
    cases: Vec<Case>,
}

impl Chosen {
    fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), cases: Vec::new() }
    }

    /// Where an answer is cut, a different place for each.
    fn part(&mut self) -> u8 {
        u8::try_from(1 + self.rng.next_u32() % 255).expect("it fits")
    }

    /// Chooses from what can go wrong with one call.
    fn choose(
        &mut self,
        operation: &Arc<Operation>,
        clean: &Arc<Clean>,
        troubles: impl IntoIterator<Item = (Trouble, Option<&'static str>, usize)>,
    ) {
        let mut cases = Vec::new();
        for (trouble, only, place) in troubles {
            for lasts in [false, true] {
                let (operation, clean) = (Arc::clone(operation), Arc::clone(clean));
                cases.push(Case { operation, clean, trouble, only, place, lasts });
            }
        }
        cases.shuffle(&mut self.rng);
        if !all_are_wanted() {
            cases.truncate(SAMPLE);
        }
        self.cases.append(&mut cases);
    }

    /// All that were chosen, in any order but for those that take long, which come first, so that none is waited for
    /// in the end.
    fn in_order(mut self) -> VecDeque<Case> {
        self.cases.shuffle(&mut self.rng);
        let waits = |case: &Case| matches!(case.trouble, Trouble::IsSilent | Trouble::LosesAnswers);
        self.cases.sort_by_key(|case| (!waits(case), !case.lasts));
        self.cases.into()
    }
}

/// Plays what was chosen, many at a time, and fails where one does.
async fn play_all<P>(first: Stage, world: World, chosen: Chosen, play: fn(Arc<Stage>, Arc<World>, Case) -> P)
where
    P: Future<Output = Result<(), Wrong>> + Send + 'static,
{
    let (seed, world) = (world.seed, Arc::new(world));
    let cases = chosen.in_order();
    println!("FAULTS_SEED={seed}: {} cases", cases.len());
    let cases = Arc::new(Mutex::new(cases));
    let first = Arc::new(first);
    let mut running = JoinSet::new();
    for number in 0..SERVICES {
        let (first, world, cases) = (Arc::clone(&first), Arc::clone(&world), Arc::clone(&cases));
        running.spawn(async move {
            let stage = if number == 0 {
                first
            } else {
                Arc::new(Stage::open(first.dynamodb.beside().await, seed).await)
            };
            let (mut failed, mut late) = (Vec::new(), Vec::new());
            loop {
                let Some(case) = cases.lock().unwrap().pop_front() else { return (failed, late) };
                // In a task of its own, so that a panic says which case it is of.
                let played = tokio::spawn(play(Arc::clone(&stage), Arc::clone(&world), case.clone()));
                match played.await {
                    Ok(Ok(())) => {}
                    Ok(Err(Wrong::WhenAlone(_))) => late.push(case),
                    Ok(Err(wrong)) => failed.push(format!("{case}: {wrong}")),
                    Err(panic) => failed.push(format!("{case}: {panic}")),
                }
            }
        });
    }
    let (failed, late): (Vec<_>, Vec<_>) = running.join_all().await.into_iter().unzip();
    let mut failed = failed.concat();
    for case in late.concat() {
        if let Err(wrong) = play(Arc::clone(&first), Arc::clone(&world), case.clone()).await {
            failed.push(format!("{case}: {wrong}"));
        }
    }
    assert!(failed.is_empty(), "FAULTS_SEED={seed}: {} failed:\n{}", failed.len(), failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_dynamodb_at_any_call_leave_all_or_nothing() {
    let seed = seed();
    let stage = Stage::open(DynamoDb::start().await, seed).await;
    let world = stage.make_world(seed).await;
    let mut chosen = Chosen::new(seed);
    for operation in Operation::all(&stage.service).await {
        let clean = Arc::new(stage.clean(&world, &operation).await);
        for place in 0..clean.calls.len() {
            let troubles = troubles(&clean.calls, place, chosen.part());
            chosen.choose(&operation, &clean, troubles);
        }
    }
    // The other routes are of pages, which ask nobody.
    for route in stage.service.gateway.routes().iter().filter(|route| !route.path.starts_with("/v1/")) {
        stage.dynamodb.told_calls();
        stage.service.exchange(&format!("{} {}", route.method, route.path), &[], "").await;
        assert!(stage.dynamodb.told_calls().is_empty(), "{}", route.path);
    }
    play_all(stage, world, chosen, |stage, world, case| async move { stage.play(&world, &case).await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_secrets_manager_at_any_call_leave_the_peppers_at_hand_in_use() {
    const FETCH: &str = "GetSecretValue";
    /// After so many seconds the peppers at hand are old.
    const OLD: i64 = 301;

    async fn send(stage: &Stage, world: &World, operation: &Operation) -> (Told, Items) {
        stage.restore(&world.items).await;
        stage.service.time.pass(OLD);
        let told = stage.send(world, operation).await;
        (told, compared(&stage.items().await))
    }

    async fn play(stage: &Stage, world: &World, case: &Case) -> Result<(), Wrong> {
        let Case { operation, clean, trouble, only, place, lasts } = case;
        let end = if *lasts { usize::MAX } else { place + 1 };
        stage.dynamodb.told_calls();
        stage.dynamodb.disturb_at(*trouble, *only, *place..end);
        let (told, items) = send(stage, world, operation).await;
        stage.dynamodb.recover();
        let calls = stage.dynamodb.told_calls();
        in_time(told.status != 503, || "it is a 503".to_owned())?;
        check(calls.iter().any(|call| call.trouble.is_some()), || "nothing went wrong".to_owned())?;
        check(told.status == clean.told.status, || format!("{} {}", told.status, told.body))?;
        check(kinds(&items) == kinds(&clean.after), || "it is not done".to_owned())?;
        let Some(secret) = told.secret() else { return Ok(()) };
        let used = stage.service.me(&secret).await.status;
        in_time(used != 503, || "its use is a 503".to_owned())?;
        check(used == 200, || "the secret is none".to_owned())
    }

    let seed = seed();
    let stage = Stage::open(DynamoDb::start().await, seed).await;
    let mut world = stage.make_world(seed).await;
    // The time goes on with each case, and sessions would end.
    for ([_, sort_key], item) in &mut world.items {
        if sort_key.starts_with("SESSION#") {
            for name in ["expires_at", "last_used_at"] {
                item.insert(name.to_owned(), AttributeValue::S("9999-01-01T00:00:00Z".to_owned()));
            }
        }
    }
    let mut chosen = Chosen::new(seed);
    for operation in Operation::all(&stage.service).await {
        stage.dynamodb.told_calls();
        let (told, after) = send(&stage, &world, &operation).await;
        assert!(told.status < 300, "{operation}: {told:?}");
        let mut calls = stage.dynamodb.told_calls();
        calls.retain(|call| call.operation == FETCH);
        let count = calls.len();
        let clean = Arc::new(Clean { told, calls, before: compared(&world.items), after });
        for place in 0..count {
            let troubles = failing("ThrottlingException", "InternalServiceError", chosen.part());
            chosen.choose(&operation, &clean, troubles.map(|trouble| (trouble, Some(FETCH), place)));
        }
    }
    play_all(stage, world, chosen, |stage, world, case| async move { play(&stage, &world, &case).await })
        .await;
}

/// A service whose calls to Secrets Manager, too, go through the proxy.
async fn start(dynamodb: &DynamoDb) -> OwnService {
    OwnService::start_with(|options| {
        options.dynamodb = Some(dynamodb.url.clone());
        options.secrets_manager = Some(dynamodb.url.clone());
    })
    .await
}

#[tokio::test]
async fn of_dynamodb_at_the_start_are_503_until_they_are_over() {
    let dynamodb = DynamoDb::start().await;
    let troubles = failing("ProvisionedThroughputExceededException", "InternalServerError", 100);
    for trouble in troubles.into_iter().filter(|trouble| !matches!(trouble, Trouble::IsSlow(_))) {
        println!("{trouble:?}");
        // The first operation of those who read at the start.
        dynamodb.disturb(trouble, Some("BatchGetItem"));
        let service = start(&dynamodb).await;
        let login = json!({"email": "ada@example.com", "password": PASSWORD});
        let login = || service.request("POST", "/v1/auth/login").json(&login).send();
        assert_eq!(Told::from(login().await), Told::unavailable());
        let forged = Credential::forged(Environment::Live, "acct_0000000000000001", "key_0000000000000001");
        assert_eq!(Told::from(service.me(&forged).await), Told::unavailable());
        dynamodb.recover();
        login().await.assert_error(401, "UNAUTHORIZED");
        service.me(&service.account().await.session).await.expect(200);
        service.me(&forged).await.assert_unauthorized();
    }
}

#[tokio::test]
async fn of_secrets_manager_at_the_start_let_nothing_start_that_needs_it() {
    let dynamodb = DynamoDb::start().await;
    for trouble in failing("ThrottlingException", "InternalServiceError", 100) {
        println!("{trouble:?}");
        for place in [0, 1] {
            // One that passes is tried again.
            dynamodb.disturb_at(trouble, Some("GetSecretValue"), place..place + 1);
            let service = start(&dynamodb).await;
            service.me(&service.account().await.session).await.expect(200);
            if matches!(trouble, Trouble::IsSlow(_)) {
                continue;
            }
            dynamodb.disturb_at(trouble, Some("GetSecretValue"), place..usize::MAX);
            let stack = new_stack();
            let url = || Some(dynamodb.url.clone());
            let options = Options { dynamodb: url(), secrets_manager: url(), stack, ..Options::ephemeral() };
            let error = Gateway::start(options).await.err().expect("it does not start");
            assert!(matches!(error, StartError::Function { .. }), "{error}");
            assert!(error.to_string().contains("the pepper can't be had"), "{error}");
        }
    }
}

#[tokio::test]
async fn of_secrets_manager_where_a_pepper_is_not_at_hand_are_503_and_no_401() {
    let dynamodb = DynamoDb::start().await;
    let service = start(&dynamodb).await;
    let account = service.account().await;
    let troubles = failing("ThrottlingException", "InternalServiceError", 100);
    for trouble in troubles.into_iter().filter(|trouble| !matches!(trouble, Trouble::IsSlow(_))) {
        println!("{trouble:?}");
        service.time.pass(300);
        // The authorizer looks for peppers now, and the others only when there is a new one.
        service.me(&account.session).await.expect(200);
        pepper_rotation::change_to(&service, &format!("a new pepper, which is called {}", new_address()))
            .await;
        let (key, _) = service.key(&account.session, json!({})).await;
        let member = json!({"email": new_address(), "password": PASSWORD, "permissions": ["read"]});
        service.post("/v1/members", &account.session, member.clone()).await.expect(201);
        service.time.pass(10);

        dynamodb.disturb(trouble, Some("GetSecretValue"));
        let login = json!({"email": member["email"], "password": PASSWORD});
        let login = || service.request("POST", "/v1/auth/login").json(&login).send();
        assert_eq!(Told::from(service.me(&key).await), Told::unavailable());
        assert_eq!(Told::from(login().await), Told::unavailable());
        service.me(&account.session).await.expect(200);
        dynamodb.recover();
        service.time.pass(10);
        service.me(&key).await.expect(200);
        login().await.expect(200);
    }
}

#[tokio::test]
async fn of_new_connections_leave_a_warm_program_those_that_it_has() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let (key, _) = service.key(&account.session, json!({})).await;
    service.me(&key).await.expect(200);
    dynamodb.take_no_connection();
    for _ in 0..3 {
        service.me(&key).await.expect(200);
    }
    // So many at once that there is no connection for some.
    dynamodb.disturb(Trouble::IsSlow(LATE), Some("BatchGetItem"));
    let service = Arc::new(service);
    let mut asked = JoinSet::new();
    for _ in 0..16 {
        let (service, key) = (Arc::clone(&service), key.clone());
        asked.spawn(async move { Told::from(service.me(&key).await) });
    }
    let (passed, failed): (Vec<_>, Vec<_>) =
        asked.join_all().await.into_iter().partition(|told| told.status == 200);
    assert!(!passed.is_empty() && !failed.is_empty(), "{} passed", passed.len());
    assert!(failed.iter().all(|told| *told == Told::unavailable()), "{failed:?}");
    dynamodb.recover();
    service.me(&key).await.expect(200);
}
