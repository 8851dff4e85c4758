//! What an operation costs in the table, which does not grow with what an account has.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use serde_json::{Value, json};
use shared::{
    id::{KeyId, UserId},
    project::ProjectId,
    random::Random,
};
use tokio::task::JoinSet;

use crate::{
    answer::{Answer, text},
    dynamodb::{DynamoDb, Units},
    routes,
    service::{Account, Credential, OwnService, PASSWORD, key_path, new_address},
};

/// The password of a member who has changed it.
const NEW_PASSWORD: &str = "two lizards on the wall";

/// How many batches of items are written at once.
const WRITES_AT_ONCE: usize = 4;

/// What one request led to.
#[derive(PartialEq)]
struct Cost {
    status: u16,
    /// The operations of `DynamoDB` that were called, one after the other.
    calls: Vec<String>,
    units: Units,
}

impl fmt::Debug for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, calls, units: Units { read, write } } = self;
        write!(f, "{status}: {read} + {write} by {}", calls.join(", "))
    }
}

#[tokio::test]
async fn of_keys_members_and_projects_costs_no_operation_more() {
    let (service, dynamodb) = OwnService::start_with_dynamodb().await;
    let account = service.account().await;
    let samples = Samples::read(&service, &account).await;
    samples.multiply(&service, 10).await;
    let few = costs(&service, &dynamodb, &account).await;
    let t = std::time::Instant::now();
    samples.multiply(&service, 10_000 - 10).await;
    println!("{:?}", t.elapsed());
    let many = costs(&service, &dynamodb, &account).await;
    for (operation, cost) in &many {
        println!("{operation:60} {cost:?}");
    }
    assert_eq!(few, many);
}

/// What each operation costs now.
async fn costs(service: &OwnService, dynamodb: &DynamoDb, account: &Account) -> BTreeMap<String, Cost> {
    let mut costs = BTreeMap::new();
    let caller = Caller::new(service, account).await;
    for (method, path) in routes::all() {
        dynamodb.look();
        let answer = caller.send(service, method, path, &caller.session).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        costs.insert(format!("{method} {path}"), dynamodb.cost(&answer));
    }
    let caller = Caller::new(service, account).await;
    for (method, path) in routes::all() {
        let (key, _) = service.key(&caller.session, json!({})).await;
        dynamodb.look();
        let answer = caller.send(service, method, path, &key).await;
        costs.insert(format!("{method} {path} with a key"), dynamodb.cost(&answer));
    }
    costs
}

impl DynamoDb {
    fn look(&self) {
        self.calls();
        self.units();
    }

    /// What was called and consumed since the last look, for a request with this `answer`.
    fn cost(&self, answer: &Answer) -> Cost {
        Cost { status: answer.status, calls: self.calls(), units: self.units() }
    }
}

/// A member with all permissions who has just logged in, and one of each thing that they can do something to.
struct Caller {
    email: String,
    session: Credential,
    other_session: String,
    key: Value,
    project: String,
    member: String,
}

impl Caller {
    async fn new(service: &OwnService, account: &Account) -> Self {
        let email = new_address();
        let body = json!({
            "email": email, "password": PASSWORD, "permissions": ["read", "write", "delete", "admin"],
        });
        service.post("/v1/members", &account.session, body).await.expect(201);
        let other = service.login(&email).await;
        let session = service.login(&email).await;
        let sessions = service.ids("/v1/auth/sessions", &other, 2).await;
        let (_, key) = service.key(&session, json!({})).await;
        let project = service.project(&session).await;
        let (_, member) = service.member(&session, &["read", "admin"]).await;
        Self { email, session, other_session: sessions[1].clone(), key, project, member }
    }

    /// Sends a request of this route that does what it can, where `credential` may.
    async fn send(&self, service: &OwnService, method: &str, path: &str, credential: &Credential) -> Answer {
        let body = match (method, path) {
            ("POST", "/v1/auth/login") => json!({"email": self.email, "password": NEW_PASSWORD}),
            ("POST", "/v1/auth/password") => {
                json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD})
            }
            ("POST", "/v1/api-keys") => json!({"name": "A", "permissions": ["read"]}),
            ("POST", "/v1/members") => {
                json!({"email": new_address(), "password": PASSWORD, "permissions": ["read", "admin"]})
            }
            ("POST" | "PATCH", "/v1/projects" | "/v1/projects/{project_id}") => json!({"name": "A"}),
            ("PATCH", "/v1/members/{user_id}") => json!({"permissions": ["read"]}),
            _ => json!({}),
        };
        let path = path
            .replace("{session_id}", &self.other_session)
            .replace("{key_id}", text(&self.key, "id"))
            .replace("{project_id}", &self.project)
            .replace("{user_id}", &self.member);
        service.request(method, &path).with(credential).json(&body).send().await
    }
}

/// An item as the table has it.
type Item = HashMap<String, AttributeValue>;

/// One item of each kind that an account has many of.
struct Samples {
    key: Item,
    member: Item,
    address: Item,
    project: Item,
}

impl Samples {
    /// Those of things that were made as any others are.
    async fn read(service: &OwnService, account: &Account) -> Self {
        let (_, key) = service.key(&account.session, json!({})).await;
        let project = service.project(&account.session).await;
        let email = new_address();
        let body = json!({"email": email, "password": PASSWORD, "permissions": ["read", "admin"]});
        let member = service.post("/v1/members", &account.session, body).await.expect(201);
        let account = format!("ACCOUNT#{}", account.id);
        Self {
            key: item(service, &account, &format!("KEY#{}", text(&key, "id"))).await,
            member: item(service, &account, &format!("MEMBER#{}", text(&member, "id"))).await,
            address: item(service, &format!("EMAIL#{email}"), "EMAIL").await,
            project: item(service, &format!("{account}#live"), &format!("PROJECT#{project}")).await,
        }
    }

    /// Puts so many more of each into the table, with ids and addresses of their own.
    async fn multiply(&self, service: &OwnService, times: usize) {
        let (clock, random) = (service.time.clock(), Random::system());
        let mut puts = Vec::with_capacity(4 * times);
        for _ in 0..times {
            let user = UserId::new(&clock, &random).to_string();
            let email = new_address();
            puts.push(with(&self.key, "KEY#", &KeyId::new(&clock, &random).to_string(), &[]));
            puts.push(with(&self.member, "MEMBER#", &user, &[("email", &email)]));
            puts.push(with(&self.project, "PROJECT#", ProjectId::new(&clock, &random).as_str(), &[]));
            let mut address = self.address.clone();
            address.insert("pk".to_owned(), AttributeValue::S(format!("EMAIL#{email}")));
            address.insert("user_id".to_owned(), AttributeValue::S(user));
            puts.push(address);
        }
        let table = service.gateway.table("Table").expect("the table");
        let mut writes = JoinSet::new();
        for chunk in puts.chunks(25) {
            if writes.len() == WRITES_AT_ONCE {
                writes.join_next().await.expect("there are some").expect("one is done");
            }
            let requests = chunk.iter().map(|item| {
                let put = PutRequest::builder().set_item(Some(item.clone())).build().expect("a put");
                WriteRequest::builder().put_request(put).build()
            });
            let write = service.gateway.dynamodb().batch_write_item().request_items(table, requests.collect());
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

/// The same item with another id, and other values of these attributes.
fn with(item: &Item, kind: &str, id: &str, others: &[(&str, &str)]) -> Item {
    let sk = format!("{kind}{id}");
    let changed = [("sk", sk.as_str()), ("id", id)];
    let changed = changed.iter().chain(others);
    let mut item = item.clone();
    for (name, value) in changed {
        let before = item.insert((*name).to_owned(), AttributeValue::S((*value).to_owned()));
        assert!(before.is_some(), "no `{name}`");
    }
    item
}
