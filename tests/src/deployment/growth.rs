//! The cost of operations in the table. It does not grow with the number of keys, members and projects of an account.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use serde_json::json;
use shared::primitives::{
    id::{KeyId, UserId},
    project_id::ProjectId,
    random::Random,
};
use tokio::task::JoinSet;

use crate::{
    caller::{Caller, NEW_PASSWORD, PAGE_SIZE, operator_commands},
    dynamodb::{DynamoDb, Units, external_dynamodb},
    operation_table,
    response::text,
    service::{Account, Item, OwnService},
};

/// The number of concurrent batch writes.
const CONCURRENT_WRITES: usize = 4;

/// The cost of one request or command.
#[derive(Debug, PartialEq)]
struct Cost {
    /// The calls to `DynamoDB` in their order.
    calls: Vec<String>,
    units: Units,
}

/// The costs by name in the operation table and by kind of credential: `session` or `key`.
type Costs = BTreeMap<(String, &'static str), Cost>;

#[tokio::test]
async fn more_items_do_not_raise_the_cost_of_any_operation() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let limits = json!({"account_id": account.id, "keys": {"live": 20_000}});
    service.operate(json!({"set_limits": limits})).await.expect("the limits are set");
    let samples = Samples::read(&service, &account).await;
    samples.multiply(&service, &dynamodb, 10).await;
    let few = costs(&service, &dynamodb, &account).await;
    // AWS and the embedded DynamoDB count each item of a transaction twice. DynamoDB Local counts it once.
    if external_dynamodb().is_none() {
        let units = few.iter().map(|(operation, cost)| (operation.clone(), cost.units));
        assert_eq!(units.collect::<BTreeMap<_, _>>(), expected_units());
    }
    samples.multiply(&service, &dynamodb, 10_000 - 10).await;
    assert_eq!(costs(&service, &dynamodb, &account).await, few);

    // None of these keys is visible to a test key. Its request reads some of them, but not all.
    let session = service.login(&account.email).await;
    let (test, _) = service.key(&session, json!({"type": "test"})).await;
    dynamodb.take_cost();
    let path = format!("/v1/api-keys?limit={PAGE_SIZE}");
    service.get(&path, &test).await.expect(200);
    let Cost { calls, units } = dynamodb.take_cost();
    assert_eq!(calls, ["BatchGetItem", "UpdateItem", "GetItem", "Query", "Query", "Query", "Query"]);
    assert!((30.0..100.0).contains(&units.read), "{units:?}");

    // None of these keys matches. A filter does not raise the number of reads, and the next page continues where they ended.
    for filter in
        ["status=disabled", "type=test&status=expired", "created_by=user_0000000000000000", "compliant=false"]
    {
        dynamodb.take_cost();
        let path = format!("/v1/api-keys?limit={PAGE_SIZE}&{filter}");
        let page = service.get(&path, &session).await.expect(200);
        assert_eq!(
            dynamodb.take_cost().calls,
            ["BatchGetItem", "GetItem", "Query", "Query", "Query", "Query"]
        );
        assert_eq!(page["data"], json!([]));
        assert!(page["next_cursor"].is_string(), "{page}");
    }
}

/// Returns the units in the operation table.
fn expected_units() -> BTreeMap<(String, &'static str), Units> {
    let mut expected = BTreeMap::new();
    for row in operation_table::rows() {
        for (units, caller) in row.units.into_iter().zip(["session", "key"]) {
            let Some(units) = units else { continue };
            let (read, write) = units.split_once('+').expect("two numbers");
            let [read, write] = [read, write].map(|units| units.parse().expect("a number"));
            expected.insert((row.name(), caller), Units { read, write });
        }
    }
    expected
}

/// Measures the cost of each operation and command.
async fn costs(service: &OwnService, dynamodb: &DynamoDb, account: &Account) -> Costs {
    // A command of the previous measurement has ended the sessions of the account.
    let account = &Account { session: service.login(&account.email).await, ..account.clone() };
    let mut costs = Costs::new();
    let mut caller = Caller::new(service, account).await;
    for (method, path) in operation_table::routes() {
        dynamodb.take_cost();
        let response = caller.request(service, method, path, &caller.session).send().await;
        if path == "/v1/auth/password" {
            caller.password = NEW_PASSWORD;
        }
        assert!(response.status < 300, "{method} {path}: {}", response.text);
        costs.insert((format!("{method} {path}"), "session"), dynamodb.take_cost());
    }
    let caller = Caller::new(service, account).await;
    for (method, path) in
        operation_table::routes().filter(|route| !operation_table::public_routes().contains(route))
    {
        let (key, _) = service.key(&caller.session, json!({})).await;
        dynamodb.take_cost();
        let response = caller.request(service, method, path, &key).send().await;
        assert!(response.status < 300 || response.status == 403, "{method} {path}: {}", response.text);
        costs.insert((format!("{method} {path}"), "key"), dynamodb.take_cost());
    }
    // The key of the caller before is revoked by now.
    let caller = Caller::new(service, account).await;
    let other = service.account().await;
    for command in operator_commands(service).await {
        // It reads all events of the account.
        if command == "forget_member" {
            continue;
        }
        // In this account, it would end the keys that the lists of the next measurement read.
        let command_elsewhere =
            (command == "end_all_credentials").then(|| json!({&command: {"account_id": other.id}}));
        let parameters = command_elsewhere.unwrap_or_else(|| caller.command(&command));
        dynamodb.take_cost();
        service.operate(parameters).await.expect("the command succeeds");
        costs.insert((format!("operator {command}"), "session"), dynamodb.take_cost());
    }
    costs
}

impl DynamoDb {
    /// Returns the cost of all calls since the last time it was taken.
    fn take_cost(&self) -> Cost {
        Cost { calls: self.calls(), units: self.units() }
    }
}

/// One item of each kind of which an account can have many.
struct Samples {
    key: Item,
    member: Item,
    project: Item,
}

impl Samples {
    /// Creates a key, a member and a project, and reads their items.
    async fn read(service: &OwnService, account: &Account) -> Self {
        let (_, key) = service.key(&account.session, json!({})).await;
        let project = service.project(&account.session).await;
        let (_, member) = service.member(&account.session, &["read", "admin"]).await;
        let account = format!("ACCOUNT#{}", account.id);
        Self {
            key: item(service, &account, &format!("KEY#{}", text(&key, "id"))).await,
            member: item(service, &account, &format!("MEMBER#{member}")).await,
            project: item(service, &format!("{account}#live"), &format!("PROJECT#{project}")).await,
        }
    }

    /// Writes `times` copies of each sample to the table, with new ids.
    async fn multiply(&self, service: &OwnService, dynamodb: &DynamoDb, times: usize) {
        let (clock, random) = (service.time.clock(), Random::system());
        let mut items = Vec::with_capacity(3 * times);
        for _ in 0..times {
            items.push(with_id(&self.key, "KEY#", &KeyId::new(&clock, &random).to_string()));
            items.push(with_id(&self.member, "MEMBER#", &UserId::new(&clock, &random).to_string()));
            items.push(with_id(&self.project, "PROJECT#", ProjectId::new(&clock, &random).as_str()));
        }
        let table = service.gateway.table("Table").expect("the table");
        // The writes bypass the proxy because they are many.
        let direct = dynamodb.direct_client();
        let mut writes = JoinSet::new();
        for chunk in items.chunks(25) {
            if writes.len() == CONCURRENT_WRITES {
                writes.join_next().await.expect("a running write").expect("the write succeeds");
            }
            let requests = chunk.iter().map(|item| {
                let put = PutRequest::builder().set_item(Some(item.clone())).build().expect("a put");
                WriteRequest::builder().put_request(put).build()
            });
            let write = direct.batch_write_item().request_items(table, requests.collect());
            writes.spawn(async {
                let unprocessed = write.send().await.expect("the batch is written").unprocessed_items;
                assert!(unprocessed.is_none_or(|items| items.is_empty()), "all items are written");
            });
        }
        writes.join_all().await;
    }
}

/// Reads the item with this key.
async fn item(service: &OwnService, pk: &str, sk: &str) -> Item {
    let read = service.gateway.dynamodb().get_item().consistent_read(true);
    let read = read.table_name(service.gateway.table("Table").expect("the table"));
    let key = |text: &str| AttributeValue::S(text.to_owned());
    let response = read.key("pk", key(pk)).key("sk", key(sk)).send().await.expect("a response");
    response.item.unwrap_or_else(|| panic!("no item {sk} in {pk}"))
}

/// Returns a copy of an item with another id. `kind` is the prefix of its sort key.
fn with_id(item: &Item, kind: &str, id: &str) -> Item {
    let mut item = item.clone();
    for (name, value) in [("sk", format!("{kind}{id}")), ("id", id.to_owned())] {
        let before = item.insert(name.to_owned(), AttributeValue::S(value));
        assert!(before.is_some(), "no attribute `{name}`");
    }
    item
}
