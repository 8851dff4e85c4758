//! Many requests in a second, from clients that retry as `Retry-After` says. Several gateways stand for the execution
//! environments of Lambda. They share a table whose writes in flight conflict as in AWS.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use serde_json::{Value, json};
use shared::primitives::{clock::Clock, id::UserId, random::Random};
use tokio::{task::JoinSet, time::sleep};
use tracing_subscriber::filter::LevelFilter;

use crate::{
    deployment::logs::CapturedLog,
    dynamodb::{Contention, DynamoDb, Latencies},
    operations::login_throttling::{failures_of_sources, source_attempts},
    own_process,
    response::Response,
    service::{Account, Item, OwnService, PASSWORD, key_path, new_address, new_stack},
};

/// The number of gateways.
const ENVIRONMENTS: usize = 4;
/// A client gives up after this time. A test that shares the processor with others needs most of it.
const PATIENCE: Duration = Duration::from_mins(5);

/// Gateways that share a table and its pepper.
struct Environments {
    services: Vec<Arc<OwnService>>,
    dynamodb: DynamoDb,
}

/// The result of many requests.
struct Rush {
    /// The final response of each client, in any order.
    responses: Vec<Response>,
    /// The number of requests.
    sent: usize,
}

impl Environments {
    async fn start() -> Self {
        let (dynamodb, stack) = (DynamoDb::start().await, new_stack());
        let mut services = Vec::new();
        for _ in 0..ENVIRONMENTS {
            let service = OwnService::start_with(|options| {
                options.dynamodb = Some(dynamodb.url.clone());
                options.secrets_manager = Some(dynamodb.url.clone());
                options.stack.clone_from(&stack);
                // Clients wait in real time.
                options.clock = Clock::system();
            });
            services.push(Arc::new(service.await));
        }
        Self { services, dynamodb }
    }

    /// Spreads requests over the environments and over `duration`. Each client sends its request until the response is neither
    /// 429 nor 503. It waits at least as long as `Retry-After` says, and longer each time.
    async fn send<R: Future<Output = Response> + Send + 'static>(
        &self,
        requests: impl IntoIterator<Item = impl Fn(Arc<OwnService>) -> R + Send + Sync + 'static>,
        duration: Duration,
    ) -> Rush {
        let requests: Vec<_> = requests.into_iter().collect();
        let interval = duration / u32::try_from(requests.len()).expect("few requests");
        let sent = Arc::new(AtomicUsize::new(0));
        let mut clients = JoinSet::new();
        for (n, request) in requests.into_iter().enumerate() {
            let (service, sent) = (Arc::clone(&self.services[n % ENVIRONMENTS]), Arc::clone(&sent));
            clients.spawn(async move {
                let start = Instant::now();
                for attempt in 1.. {
                    sent.fetch_add(1, Ordering::SeqCst);
                    let response = request(Arc::clone(&service)).await;
                    if ![429, 503].contains(&response.status) {
                        return response;
                    }
                    assert!(start.elapsed() < PATIENCE, "{response:?}");
                    let seconds: u32 =
                        response.header("retry-after").expect("a delay").parse().expect("seconds");
                    sleep(Duration::from_secs(seconds.into()) * attempt).await;
                }
                unreachable!("the loop does not end")
            });
            sleep(interval).await;
        }
        let responses = clients.join_all().await;
        Rush { responses, sent: sent.load(Ordering::SeqCst) }
    }

    /// Adds members to an account. All have the same password. Returns their addresses.
    async fn add_members(&self, account: &Account, count: usize) -> Vec<String> {
        let service = &self.services[0];
        let items = service.items().await;
        let member_key = format!("MEMBER#{}", account.user_id);
        let sample = |sk: &str| items.iter().find(|item| item["sk"].as_s().is_ok_and(|key| key == sk));
        let (member, address) =
            (sample(&member_key).expect("a member"), sample("EMAIL").expect("an address"));
        let string = |text: &str| AttributeValue::S(text.to_owned());
        let with = |item: &Item, attributes: &[(&str, &str)]| {
            let mut item = item.clone();
            for (name, value) in attributes {
                item.insert((*name).to_owned(), string(value)).expect("the attribute exists");
            }
            item
        };
        let (clock, random, mut addresses) = (Clock::system(), Random::system(), Vec::new());
        let mut writes = Vec::new();
        for _ in 0..count {
            let (id, email) = (UserId::new(&clock, &random).to_string(), new_address());
            let member = with(member, &[("sk", &format!("MEMBER#{id}")), ("id", &id), ("email", &email)]);
            let address = with(address, &[("pk", &format!("EMAIL#{email}")), ("user_id", &id)]);
            writes.extend([member, address].map(|item| {
                let put = PutRequest::builder().set_item(Some(item)).build().expect("a put");
                WriteRequest::builder().put_request(put).build()
            }));
            addresses.push(email);
        }
        let (client, table) =
            (self.dynamodb.direct_client(), service.gateway.table("Table").expect("a table"));
        for writes in writes.chunks(25) {
            let write = client.batch_write_item().request_items(table, writes.to_vec());
            write.send().await.expect("the members are written");
        }
        addresses
    }
}

/// Logs in with each address, all within a second. All logins succeed.
async fn log_in(environments: &Environments, addresses: &[String]) -> Rush {
    let logins = addresses.iter().map(|email| {
        let body = json!({"email": email, "password": PASSWORD});
        move |service: Arc<OwnService>| {
            let request = service.request("POST", "/v1/auth/login").json(&body);
            async { request.send().await }
        }
    });
    let rush = environments.send(logins, Duration::from_secs(1)).await;
    for response in &rush.responses {
        assert_eq!(response.status, 200, "{response:?}");
    }
    rush
}

/// Asserts that no login counts as a failure: not of its source, its address or its member.
///
/// On a busy machine, the service may have no time to remove an attempt from its source's hour. Then it logs this, or that the
/// invocation took too long. Only so many attempts may stay in an hour.
async fn assert_no_failures(environments: &Environments, log: &CapturedLog) {
    const NOT_REMOVED: &str = "a login attempt still counts as a failure of its source";
    const TOO_LONG: &str = "deadline has elapsed";
    let records = log.take_records();
    let count = |field: &str, text: &str| records.iter().filter(|record| record[field] == text).count();
    let (not_removed, too_long) = (count("message", NOT_REMOVED), count("reason", TOO_LONG));
    let items = environments.services[0].items().await;
    assert!(items.iter().any(|item| item["sk"].as_s().is_ok_and(|sk| sk.starts_with("HOUR#"))));
    let of_sources: usize = items.iter().map(|item| source_attempts(item).len()).sum();
    println!("{of_sources} attempts stay; {not_removed} were not removed, {too_long} took too long");
    assert!(of_sources <= not_removed + too_long);
    for item in &items {
        assert!(failures_of_sources(item).iter().all(|failures| *failures == 0), "{item:?}");
        if let Some(failures) = item.get("failures") {
            assert_eq!(failures.as_n(), Ok(&"0".to_owned()), "{item:?}");
        }
    }
}

/// Returns the number of conflicts at items with this prefix of the sort key.
fn count(conflicts: &[[String; 2]], sort_key: &str) -> usize {
    conflicts.iter().filter(|[_, sk]| sk.starts_with(sort_key)).count()
}

#[test]
fn logins_of_300_members_from_one_source_in_a_second_all_succeed_and_count_no_failure() {
    own_process::run("races::rush::logins_of_300_members_from_one_source_in_a_second_in_own_process");
}

#[tokio::test]
#[ignore = "fills the hash queue: the test above runs it in a process of its own"]
async fn logins_of_300_members_from_one_source_in_a_second_in_own_process() {
    let log = CapturedLog::start(LevelFilter::WARN);
    let environments = Environments::start().await;
    let account = environments.services[0].account().await;
    let addresses = environments.add_members(&account, 300).await;
    let contention = environments.dynamodb.raise_conflicts(Latencies::TYPICAL);
    let rush = log_in(&environments, &addresses).await;
    let conflicts = contention.take_conflicts();
    println!("300 logins took {} requests, with {} conflicts", rush.sent, conflicts.len());
    assert_eq!(count(&conflicts, "HOUR#"), 0, "the attempts of a source never conflict");
    assert_no_failures(&environments, &log).await;
}

#[test]
fn concurrent_logins_of_the_same_members_all_succeed_and_count_no_failure() {
    own_process::run("races::rush::concurrent_logins_of_the_same_members_in_own_process");
}

#[tokio::test]
#[ignore = "fills the hash queue: the test above runs it in a process of its own"]
async fn concurrent_logins_of_the_same_members_in_own_process() {
    let log = CapturedLog::start(LevelFilter::WARN);
    let environments = Environments::start().await;
    let account = environments.services[0].account().await;
    let members = environments.add_members(&account, 10).await;
    // Each member logs in four times. With more concurrent attempts, the throttle would delay the member.
    let addresses: Vec<_> = members.iter().flat_map(|email| vec![email.clone(); 4]).collect();
    let contention = environments.dynamodb.raise_conflicts(Latencies::TYPICAL);
    let rush = log_in(&environments, &addresses).await;
    let conflicts = contention.take_conflicts();
    println!("40 logins of 10 members took {} requests, with {} conflicts", rush.sent, conflicts.len());
    assert!(count(&conflicts, "HISTORY") > 0, "these logins conflict");
    assert_no_failures(&environments, &log).await;
}

/// A change that concurrent requests make in one account.
#[derive(Clone, Copy, Debug)]
enum Change {
    CreateKey,
    RotateKey,
    UpdateMember,
    CreateProject,
}

impl Change {
    const ALL: [Self; 4] = [Self::CreateKey, Self::RotateKey, Self::UpdateMember, Self::CreateProject];

    /// Returns the requests of `count` changes, each of another entity: method, path and body.
    async fn requests(
        self,
        service: &OwnService,
        account: &Account,
        members: &[String],
        count: usize,
    ) -> Vec<(&'static str, String, Value)> {
        let mut members = members.iter();
        let mut requests = Vec::new();
        for _ in 0..count {
            requests.push(match self {
                Self::CreateKey => {
                    ("POST", "/v1/api-keys".to_owned(), json!({"name": "A", "permissions": ["read"]}))
                }
                Self::RotateKey => {
                    let (_, key) = service.key(&account.session, json!({})).await;
                    ("POST", format!("{}/rotate", key_path(&key)), json!({}))
                }
                Self::UpdateMember => (
                    "PATCH",
                    format!("/v1/members/{}", members.next().expect("a member")),
                    json!({"permissions": ["read", "admin"]}),
                ),
                Self::CreateProject => ("POST", "/v1/projects".to_owned(), json!({"name": "A"})),
            });
        }
        requests
    }
}

/// The result of concurrent changes.
struct Measurement {
    /// From the first request to the last response.
    elapsed: Duration,
    /// The number of requests, including those that got 429 or 503.
    sent: usize,
    /// The number of writes that a conflict rejected.
    conflicts: usize,
}

/// Makes `count` changes at once, with one session.
async fn change(
    environments: &Environments,
    account: &Account,
    members: &[String],
    change: Change,
    count: usize,
    contention: &Contention,
) -> Measurement {
    let requests = change.requests(&environments.services[0], account, members, count).await;
    let requests = requests.into_iter().map(|(method, path, body)| {
        let session = account.session.clone();
        move |service: Arc<OwnService>| {
            let request = service.request(method, &path).with(&session).json(&body);
            async { request.send().await }
        }
    });
    contention.take_conflicts();
    let start = Instant::now();
    let Rush { responses, sent } = environments.send(requests, Duration::ZERO).await;
    let elapsed = start.elapsed();
    for response in responses {
        assert!(response.status < 300, "{change:?}: {response:?}");
    }
    Measurement { elapsed, sent, conflicts: contention.take_conflicts().len() }
}

/// Returns the ids of the account's members, except the first one.
async fn member_ids(environments: &Environments, account: &Account) -> Vec<String> {
    let mut ids = environments.services[0].ids("/v1/members", &account.session, 100).await;
    ids.retain(|id| *id != account.user_id);
    ids
}

#[test]
fn concurrent_changes_in_one_account_all_succeed() {
    own_process::run("races::rush::concurrent_changes_in_one_account_in_own_process");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "fills the hash queue: the test above runs it in a process of its own"]
async fn concurrent_changes_in_one_account_in_own_process() {
    let environments = Environments::start().await;
    let account = environments.services[0].account().await;
    environments.add_members(&account, 50).await;
    let members = member_ids(&environments, &account).await;
    let contention = environments.dynamodb.raise_conflicts(Latencies::TYPICAL);
    for kind in Change::ALL {
        let count = if matches!(kind, Change::RotateKey) { 10 } else { 50 };
        let Measurement { elapsed, sent, conflicts } =
            change(&environments, &account, &members, kind, count, &contention).await;
        println!("{kind:?}: {count} in {elapsed:?} with {sent} requests and {conflicts} conflicts");
        let has_transaction = !matches!(kind, Change::CreateProject);
        assert_eq!(conflicts > 0, has_transaction, "{kind:?}: {conflicts}");
    }
    let service = &environments.services[0];
    assert_eq!(service.ids("/v1/api-keys", &account.session, 100).await.len(), 60);
    assert_eq!(service.ids("/v1/projects", &account.session, 100).await.len(), 50);
    let members = service.get("/v1/members?limit=100", &account.session).await.expect(200);
    let changed = members["data"].as_array().expect("a list").iter();
    assert_eq!(changed.filter(|member| member["permissions"] == json!(["read", "admin"])).count(), 50);
}

/// Prints how many changes per second succeed, to compare them with the simulation of `infra/scale`. The transactions are long,
/// so that the conflicts determine the figures, not the processor of this machine.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute, and measures instead of testing: see docs/scale.md"]
async fn print_changes_per_second_in_one_account() {
    const TRANSACTION: Duration = Duration::from_millis(200);
    let environments = Environments::start().await;
    let account = environments.services[0].account().await;
    environments.add_members(&account, 40).await;
    let members = member_ids(&environments, &account).await;
    let latencies = Latencies { transaction: TRANSACTION, ..Latencies::TYPICAL };
    let contention = environments.dynamodb.raise_conflicts(latencies);
    for kind in [Change::CreateKey, Change::UpdateMember, Change::CreateProject] {
        for count in [10, 40] {
            let Measurement { elapsed, sent, conflicts } =
                change(&environments, &account, &members, kind, count, &contention).await;
            println!("{kind:?}: {count} in {elapsed:.1?}, {sent} requests, {conflicts} conflicts");
        }
    }
}
