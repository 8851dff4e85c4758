//! What an operation costs in the table, which does not grow with what an account has.

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
    caller::{Caller, NEW_PASSWORD, PAGE, operator_commands},
    dynamodb::{DynamoDb, Units, elsewhere},
    operation_table,
    response::text,
    service::{Account, Item, OwnService},
};

/// How many batches of items are written at once.
const WRITES_AT_ONCE: usize = 4;

/// What one operation led to.
#[derive(Debug, PartialEq)]
struct Cost {
    /// The operations of `DynamoDB` that were called, one after the other.
    calls: Vec<String>,
    units: Units,
}

/// Costs by operation, as the operation table calls it, and who asks for it.
type Costs = BTreeMap<(String, &'static str), Cost>;

#[tokio::test]
async fn of_keys_members_and_projects_costs_no_operation_more() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let samples = Samples::read(&service, &account).await;
    samples.multiply(&service, &dynamodb, 10).await;
    let few = costs(&service, &dynamodb, &account).await;
    // That of AWS counts each item of a transaction twice, and so does the embedded one; DynamoDB Local does not.
    if elsewhere().is_none() {
        let units = few.iter().map(|(operation, cost)| (operation.clone(), cost.units));
        assert_eq!(units.collect::<BTreeMap<_, _>>(), expected_units());
    }
    samples.multiply(&service, &dynamodb, 10_000 - 10).await;
    assert_eq!(costs(&service, &dynamodb, &account).await, few);

    // All of them are left out of what a test key sees: it looks through some, but not through all.
    let (test, _) = service.key(&account.session, json!({"type": "test"})).await;
    dynamodb.look();
    let path = format!("/v1/api-keys?limit={PAGE}");
    service.get(&path, &test).await.expect(200);
    let Cost { calls, units } = dynamodb.look();
    assert_eq!(calls, ["BatchGetItem", "UpdateItem", "Query", "Query", "Query", "Query"]);
    assert!((30.0..100.0).contains(&units.read), "{units:?}");
}

/// What the operation table expects.
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

/// What each operation costs now.
async fn costs(service: &OwnService, dynamodb: &DynamoDb, account: &Account) -> Costs {
    let mut costs = Costs::new();
    let mut caller = Caller::new(service, account).await;
    for (method, path) in operation_table::routes() {
        dynamodb.look();
        let answer = caller.request(service, method, path, &caller.session).send().await;
        if path == "/v1/auth/password" {
            caller.password = NEW_PASSWORD;
        }
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        costs.insert((format!("{method} {path}"), "session"), dynamodb.look());
    }
    let caller = Caller::new(service, account).await;
    for (method, path) in
        operation_table::routes().filter(|route| !operation_table::public_routes().contains(route))
    {
        let (key, _) = service.key(&caller.session, json!({})).await;
        dynamodb.look();
        let answer = caller.request(service, method, path, &key).send().await;
        assert!(answer.status < 300 || answer.status == 403, "{method} {path}: {}", answer.text);
        costs.insert((format!("{method} {path}"), "key"), dynamodb.look());
    }
    for command in operator_commands(service).await {
        dynamodb.look();
        service.operate(caller.command(&command)).await.expect("it is done");
        costs.insert((format!("operator {command}"), "session"), dynamodb.look());
    }
    costs
}

impl DynamoDb {
    /// What was called and consumed since the last look.
    fn look(&self) -> Cost {
        Cost { calls: self.calls(), units: self.units() }
    }
}

/// One item of each kind that an account has many of.
struct Samples {
    key: Item,
    member: Item,
    project: Item,
}

impl Samples {
    /// Those of things that were made as any others are.
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

    /// Puts so many more of each into the table, with ids of their own.
    async fn multiply(&self, service: &OwnService, dynamodb: &DynamoDb, times: usize) {
        let (clock, random) = (service.time.clock(), Random::system());
        let mut items = Vec::with_capacity(3 * times);
        for _ in 0..times {
            items.push(with_id(&self.key, "KEY#", &KeyId::new(&clock, &random).to_string()));
            items.push(with_id(&self.member, "MEMBER#", &UserId::new(&clock, &random).to_string()));
            items.push(with_id(&self.project, "PROJECT#", ProjectId::new(&clock, &random).as_str()));
        }
        let table = service.gateway.table("Table").expect("the table");
        // Straight to where the table is, since they are many.
        let direct = dynamodb.client_behind();
        let mut writes = JoinSet::new();
        for chunk in items.chunks(25) {
            if writes.len() == WRITES_AT_ONCE {
                writes.join_next().await.expect("there are some").expect("one is done");
            }
            let requests = chunk.iter().map(|item| {
                let put = PutRequest::builder().set_item(Some(item.clone())).build().expect("a put");
                WriteRequest::builder().put_request(put).build()
            });
            let write = direct.batch_write_item().request_items(table, requests.collect());
            writes.spawn(async {
                let left = write.send().await.expect("it is written").unprocessed_items;
                assert!(left.is_none_or(|left| left.is_empty()), "all of it is");
            });
        }
        writes.join_all().await;
    }
}
/// The item at this key.
async fn item(service: &OwnService, pk: &str, sk: &str) -> Item {
    let read = service.gateway.dynamodb().get_item().consistent_read(true);
    let read = read.table_name(service.gateway.table("Table").expect("the table"));
    let key = |text: &str| AttributeValue::S(text.to_owned());
    let answer = read.key("pk", key(pk)).key("sk", key(sk)).send().await.expect("it answers");
    answer.item.unwrap_or_else(|| panic!("there is no {sk} in {pk}"))
}

/// The same item with another id.
fn with_id(item: &Item, kind: &str, id: &str) -> Item {
    let mut item = item.clone();
    for (name, value) in [("sk", format!("{kind}{id}")), ("id", id.to_owned())] {
        let before = item.insert(name.to_owned(), AttributeValue::S(value));
        assert!(before.is_some(), "there is no `{name}`");
    }
    item
}
