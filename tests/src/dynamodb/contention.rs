//! Transaction conflicts between the writes that are in flight.
//!
//! The model follows "Transaction conflict handling in `DynamoDB`" in the Amazon `DynamoDB` Developer Guide:
//!
//! - A transaction is cancelled if one of its items belongs to another transaction in flight, even if both only check the item.
//! - A single write fails if its item belongs to a transaction in flight.
//! - Single writes of one item never conflict with each other. Reads of single items and `BatchGetItem` never conflict.
//!
//! The model is stricter than `DynamoDB` in two respects. A transaction holds its items from its arrival to its response, not
//! only between its two phases. And it is also cancelled if a single write of one of its items is in flight.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::dynamodb::CANARY;

/// How long calls take, in addition to the time of the embedded `DynamoDB`.
#[derive(Clone, Copy, Debug)]
pub struct Latencies {
    pub read: Duration,
    pub write: Duration,
    pub transaction: Duration,
}

impl Latencies {
    /// Latencies as of a table in the same region: single-digit milliseconds, and twice as long for a transaction, which has
    /// two phases.
    pub const TYPICAL: Self = Self {
        read: Duration::from_millis(4),
        write: Duration::from_millis(6),
        transaction: Duration::from_millis(15),
    };
}

/// The primary key of an item: partition and sort key.
type ItemKey = [String; 2];

/// The number of transactions and of single writes of an item that are in flight.
#[derive(Default)]
struct InFlight {
    transactions: usize,
    writes: usize,
}

/// The writes in flight, and the conflicts so far.
pub struct Contention {
    latencies: Latencies,
    in_flight: Mutex<HashMap<ItemKey, InFlight>>,
    conflicts: Mutex<Vec<ItemKey>>,
}

/// A write in flight. Dropping this ends it.
struct Entered {
    contention: Arc<Contention>,
    items: Vec<ItemKey>,
    is_transaction: bool,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut in_flight = self.contention.in_flight.lock().unwrap();
        for item in &self.items {
            let writes = in_flight.get_mut(item).expect("the write is in flight");
            *(if self.is_transaction { &mut writes.transactions } else { &mut writes.writes }) -= 1;
            if (writes.transactions, writes.writes) == (0, 0) {
                in_flight.remove(item);
            }
        }
    }
}

impl Contention {
    pub fn new(latencies: Latencies) -> Self {
        Self { latencies, in_flight: Mutex::default(), conflicts: Mutex::default() }
    }

    /// Removes the conflicts so far and returns the items that caused them, as partition and sort key.
    pub fn take_conflicts(&self) -> Vec<ItemKey> {
        std::mem::take(&mut self.conflicts.lock().unwrap())
    }

    /// Executes a call with `forward`, unless it conflicts with a call in flight.
    pub async fn execute(
        self: Arc<Self>,
        operation: &str,
        call: &[u8],
        forward: impl Future<Output = Response>,
    ) -> Response {
        let Latencies { read, write, transaction } = self.latencies;
        let items = written_items(operation, &serde_json::from_slice(call).expect("JSON"));
        let is_transaction = operation == "TransactWriteItems";
        let latency = match operation {
            "TransactWriteItems" => transaction,
            _ if items.is_empty() => read,
            _ => write,
        };
        match self.enter(items, is_transaction) {
            Ok(_entered) => {
                sleep(latency).await;
                forward.await
            }
            Err(response) => {
                // DynamoDB notices a conflict in the first phase of a transaction.
                sleep(write).await;
                *response
            }
        }
    }

    /// Starts a write of these items, or returns the response if it conflicts.
    fn enter(self: Arc<Self>, items: Vec<ItemKey>, is_transaction: bool) -> Result<Entered, Box<Response>> {
        let mut in_flight = self.in_flight.lock().unwrap();
        let has_conflict = |item: &ItemKey| {
            in_flight.get(item).is_some_and(|InFlight { transactions, writes }| {
                *transactions > 0 || (is_transaction && *writes > 0)
            })
        };
        let conflicts: Vec<bool> = items.iter().map(has_conflict).collect();
        if conflicts.contains(&true) {
            let conflicting = items.iter().zip(&conflicts).filter(|(_, is_conflict)| **is_conflict);
            self.conflicts.lock().unwrap().extend(conflicting.map(|(item, _)| item.clone()));
            return Err(Box::new(conflict_response(is_transaction.then_some(&conflicts))));
        }
        for item in &items {
            let writes = in_flight.entry(item.clone()).or_default();
            *(if is_transaction { &mut writes.transactions } else { &mut writes.writes }) += 1;
        }
        drop(in_flight);
        Ok(Entered { contention: self, items, is_transaction })
    }
}

/// Returns the items that a call writes or, in a transaction, checks.
fn written_items(operation: &str, call: &Value) -> Vec<ItemKey> {
    let item = |write: &Value| {
        let key = if write["Item"].is_null() { &write["Key"] } else { &write["Item"] };
        ["pk", "sk"].map(|name| key[name]["S"].as_str().expect("a key").to_owned())
    };
    match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => vec![item(call)],
        "TransactWriteItems" => {
            let writes = call["TransactItems"].as_array().expect("writes");
            writes.iter().flat_map(|write| write.as_object().expect("a write").values()).map(item).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the response to a write that conflicts. For a transaction, `conflicts` says which of its items conflict.
fn conflict_response(conflicts: Option<&Vec<bool>>) -> Response {
    let kind = |kind: &str| format!("com.amazonaws.dynamodb.v20120810#{kind}");
    let error = match conflicts {
        None => json!({"__type": kind("TransactionConflictException"), "message": CANARY}),
        Some(conflicts) => {
            let reasons = conflicts.iter().map(|is_conflict| {
                if *is_conflict {
                    json!({"Code": "TransactionConflict", "Message": CANARY})
                } else {
                    json!({"Code": "None"})
                }
            });
            json!({
                "__type": kind("TransactionCanceledException"),
                "Message": CANARY,
                "CancellationReasons": reasons.collect::<Vec<_>>(),
            })
        }
    };
    (StatusCode::BAD_REQUEST, error.to_string()).into_response()
}

#[test]
fn transaction_conflicts_with_every_write_of_its_items_and_single_writes_only_with_transactions() {
    let contention = Arc::new(Contention::new(Latencies::TYPICAL));
    let enter = |items: &[&str], is_transaction| {
        let items = items.iter().map(|item| [(*item).to_owned(), String::new()]).collect();
        Arc::clone(&contention).enter(items, is_transaction).ok()
    };
    let transaction = enter(&["a", "b"], true);
    assert!(transaction.is_some());
    assert!(enter(&["b", "c"], true).is_none());
    assert!(enter(&["a"], false).is_none());
    assert_eq!(contention.take_conflicts(), [["b", ""], ["a", ""]].map(|item| item.map(str::to_owned)));
    let single = [enter(&["c"], false), enter(&["c"], false)];
    assert!(single.iter().all(Option::is_some));
    assert!(enter(&["c", "d"], true).is_none());
    assert!(enter(&["d"], true).is_some(), "a rejected transaction holds no item");
    drop((transaction, single));
    assert!(enter(&["a", "b", "c"], true).is_some());
    assert!(contention.in_flight.lock().unwrap().is_empty());
}
