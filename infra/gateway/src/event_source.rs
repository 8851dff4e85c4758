//! Delivers the records of a table's stream to a function, as an event source mapping of Lambda does. Before that, makes the embedded
//! DynamoDB remove expired items, which it does not do by itself. DynamoDB Local does.
//!
//! Unlike Lambda, this starts with the records that are written from now on, and delivers each record once, even if the function fails. Of
//! the embedded DynamoDB, it delivers only the removals of expired items: dynoxide 3.2.0 never discards a record, and each write reads
//! all of them to number its own. So the stream is enabled only while expired items are removed.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::{Client, types::StreamSpecification};
use dynoxide::Database;
use serde_json::{Map, Value, json};
use shared::telemetry::log::TARGET;
use tokio::time::sleep;

use crate::{
    ACCESS_KEY_ID, OWN_NAME,
    aws_names::REGION,
    invoke::Functions,
    loopback::{Server, StopSignal},
    tables,
};

/// The pause between two looks at the table and its stream. AWS looks at a stream four times a second, and takes days to remove items.
const PAUSE: Duration = Duration::from_secs(3);

/// To remove expired items, the embedded DynamoDB reads the whole table. The pause is at least this many times as long.
const MIN_PAUSES: u32 = 20;

/// An event source mapping of the template.
#[derive(Debug)]
pub(crate) struct EventSource {
    /// The name of the function.
    pub(crate) function: String,
    /// The name of the table.
    pub(crate) table: String,
    /// The stream of the table, if the stack creates it.
    pub(crate) stream: Option<StreamSpecification>,
    pub(crate) batch_size: usize,
    /// A record is delivered if one of them matches.
    pub(crate) filters: Vec<Pattern>,
}

/// A pattern of `EventBridge`
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html>).
#[derive(Debug)]
pub(crate) enum Pattern {
    Fields(BTreeMap<String, Pattern>),
    AnyOf(Vec<Allowed>),
}

#[derive(Debug)]
pub(crate) enum Allowed {
    Value(Value),
    Prefix(String),
}

impl Pattern {
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        Self::from_json(serde_json::from_str(json).map_err(|error| error.to_string())?)
    }

    fn from_json(pattern: Value) -> Result<Self, String> {
        match pattern {
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, value)| Ok((name, Self::from_json(value)?)));
                fields.collect::<Result<_, String>>().map(Self::Fields)
            }
            Value::Array(allowed) => {
                let allowed = allowed.into_iter().map(|allowed| match allowed {
                    Value::Object(operator) => match Vec::from_iter(operator).as_slice() {
                        [(name, Value::String(prefix))] if name == "prefix" => {
                            Ok(Allowed::Prefix(prefix.clone()))
                        }
                        _ => Err("only values and `prefix` are supported in a pattern".to_owned()),
                    },
                    value => Ok(Allowed::Value(value)),
                });
                allowed.collect::<Result<_, _>>().map(Self::AnyOf)
            }
            _ => Err("a pattern consists of objects and arrays".to_owned()),
        }
    }

    fn matches(&self, value: &Value) -> bool {
        match self {
            Self::Fields(fields) => fields.iter().all(|(name, pattern)| pattern.matches(&value[name])),
            Self::AnyOf(allowed) => allowed.iter().any(|allowed| match allowed {
                Allowed::Value(expected) => value == expected,
                Allowed::Prefix(prefix) => value.as_str().is_some_and(|text| text.starts_with(prefix)),
            }),
        }
    }
}

/// A DynamoDB and its streams.
pub(crate) struct Streams {
    pub(crate) dynamodb: Client,
    pub(crate) url: String,
    /// The embedded DynamoDB, if it is that.
    pub(crate) database: Option<Database>,
}

/// Delivers records to the functions until the server stops.
pub(crate) fn serve(sources: Vec<EventSource>, streams: Streams, functions: Arc<Functions>) -> Server {
    Server::spawn(|stopped: StopSignal| async move {
        tokio::select! {
            () = deliver(&sources, &streams, &functions) => {}
            () = stopped => {}
        }
    })
}

async fn deliver(sources: &[EventSource], streams: &Streams, functions: &Functions) {
    let http = reqwest::Client::new();
    let mut readers: Vec<_> = sources.iter().map(|source| (source, None)).collect();
    loop {
        let started = Instant::now();
        for (source, reader) in &mut readers {
            match next_records(source, streams, &http, reader).await {
                Ok(records) => source.invoke(records, functions).await,
                Err(error) => {
                    tracing::warn!(target: TARGET, table = source.table, error, "the stream of a table could not be read");
                }
            }
        }
        sleep(PAUSE.max(started.elapsed() * MIN_PAUSES)).await;
    }
}

/// Returns the records since the last call.
async fn next_records<'a>(
    source: &EventSource,
    streams: &'a Streams,
    http: &'a reqwest::Client,
    reader: &mut Option<Reader<'a>>,
) -> Result<Vec<Value>, String> {
    let Streams { dynamodb, database, .. } = streams;
    let (Some(database), Some(stream)) = (database, &source.stream) else {
        return read_records(source, streams, http, reader, None).await;
    };
    tables::enable_stream(dynamodb, &source.table, stream).await?;
    let records = read_records(source, streams, http, reader, Some(database)).await;
    tables::disable_stream(dynamodb, &source.table).await?;
    records
}

/// Returns the records since the last call, if the stream is enabled. The embedded DynamoDB first removes expired items.
async fn read_records<'a>(
    source: &EventSource,
    streams: &'a Streams,
    http: &'a reqwest::Client,
    reader: &mut Option<Reader<'a>>,
    embedded: Option<&Database>,
) -> Result<Vec<Value>, String> {
    if reader.is_none() {
        *reader = Reader::open(http, streams, &source.table).await?;
    }
    let Some(open) = reader else { return Ok(Vec::new()) };
    if let Some(database) = embedded.cloned() {
        let removed = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
        removed.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    }
    let records = open.records().await;
    if records.is_err() {
        // Its iterators may have expired, or somebody has disabled the stream.
        *reader = None;
    }
    records
}

impl EventSource {
    /// Invokes the function with those of the records that match.
    async fn invoke(&self, mut records: Vec<Value>, functions: &Functions) {
        records.retain(|record| self.filters.iter().any(|filter| filter.matches(record)));
        for batch in records.chunks(self.batch_size) {
            let event = json!({"Records": batch});
            let result = functions.invoke(&self.function, event.to_string().into_bytes()).await;
            let failed = match &result {
                Ok(result) => serde_json::from_slice::<Value>(result).is_ok_and(|result| {
                    result["batchItemFailures"].as_array().is_some_and(|failed| !failed.is_empty())
                }),
                Err(_) => true,
            };
            if failed {
                tracing::warn!(target: TARGET, function = self.function, "a function failed for records of a stream");
            }
        }
    }
}

/// Reads a stream from its end.
struct Reader<'a> {
    http: &'a reqwest::Client,
    url: &'a str,
    stream: String,
    /// The iterator of each shard. A closed shard has none.
    iterators: BTreeMap<String, Option<String>>,
}

impl<'a> Reader<'a> {
    /// Opens the stream of a table, if it is enabled.
    async fn open(
        http: &'a reqwest::Client,
        streams: &'a Streams,
        table: &str,
    ) -> Result<Option<Self>, String> {
        let Some(stream) = tables::stream_arn(&streams.dynamodb, table).await? else { return Ok(None) };
        let mut reader = Self { http, url: &streams.url, stream, iterators: BTreeMap::new() };
        reader.find_shards("LATEST").await?;
        Ok(Some(reader))
    }

    /// Adds the shards that are not known yet.
    async fn find_shards(&mut self, position: &str) -> Result<(), String> {
        let described = self.call("DescribeStream", &json!({"StreamArn": self.stream})).await?;
        let shards = described["StreamDescription"]["Shards"].as_array().cloned().unwrap_or_default();
        for shard in shards.iter().filter_map(|shard| shard["ShardId"].as_str()) {
            if self.iterators.contains_key(shard) {
                continue;
            }
            let request = json!({"StreamArn": self.stream, "ShardId": shard, "ShardIteratorType": position});
            let response = self.call("GetShardIterator", &request).await?;
            self.iterators.insert(shard.to_owned(), response["ShardIterator"].as_str().map(str::to_owned));
        }
        Ok(())
    }

    /// Returns the records since the last call, in the form in which Lambda delivers them.
    async fn records(&mut self) -> Result<Vec<Value>, String> {
        self.find_shards("TRIM_HORIZON").await?;
        let mut records = Vec::new();
        for shard in self.iterators.keys().cloned().collect::<Vec<_>>() {
            while let Some(Some(iterator)) = self.iterators.get(&shard) {
                let mut response = self.call("GetRecords", &json!({"ShardIterator": iterator})).await?;
                let next = response["NextShardIterator"].as_str().map(str::to_owned);
                self.iterators.insert(shard.clone(), next);
                let Value::Array(read) = response["Records"].take() else { break };
                if read.is_empty() {
                    break;
                }
                records.extend(read.into_iter().map(|record| self.as_delivered(record)));
            }
        }
        Ok(records)
    }

    /// Returns a record as Lambda delivers it. The API of streams begins the names in `userIdentity` with capital letters.
    fn as_delivered(&self, mut record: Value) -> Value {
        if let Value::Object(identity) = record["userIdentity"].take() {
            let lowered = identity.into_iter().map(|(name, value)| {
                let (first, rest) = name.split_at(1);
                (first.to_lowercase() + rest, value)
            });
            record["userIdentity"] = lowered.collect::<Map<_, _>>().into();
        }
        record["eventSourceARN"] = self.stream.clone().into();
        record
    }

    /// Calls an operation of the API of streams.
    async fn call(&self, operation: &str, request: &Value) -> Result<Value, String> {
        // Nothing checks the signature.
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/20260130/{REGION}/dynamodb/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-target, Signature=none"
        );
        let response = self
            .http
            .post(self.url)
            .header("authorization", authorization)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-date", "20260130T000000Z")
            .header("user-agent", format!("app/{OWN_NAME}"))
            .header("x-amz-target", format!("DynamoDBStreams_20120810.{operation}"))
            .body(request.to_string());
        let response = response.send().await.map_err(|error| error.to_string())?;
        let status = response.status();
        let body: Value = response.json().await.map_err(|error| error.to_string())?;
        if status.is_success() { Ok(body) } else { Err(format!("{operation}: {status}: {}", body["__type"])) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_matches_values_and_prefixes() {
        let pattern =
            Pattern::parse(r#"{"kind": ["a", "b"], "keys": {"sk": [{"prefix": "KEY#"}]}}"#).unwrap();
        for (record, expected) in [
            (json!({"kind": "b", "keys": {"sk": "KEY#1"}, "other": 1}), true),
            (json!({"kind": "c", "keys": {"sk": "KEY#1"}}), false),
            (json!({"kind": "a", "keys": {"sk": "KE"}}), false),
            (json!({"kind": "a", "keys": null}), false),
            (json!({}), false),
        ] {
            assert_eq!(pattern.matches(&record), expected, "{record}");
        }
    }

    #[test]
    fn record_is_delivered_with_the_names_that_lambda_uses() {
        let http = reqwest::Client::new();
        let reader = Reader { http: &http, url: "", stream: "arn".to_owned(), iterators: BTreeMap::new() };
        let delivered = json!({
            "eventName": "REMOVE", "eventSourceARN": "arn", "userIdentity": {"type": "Service", "principalId": "p"},
        });
        for identity in [json!({"Type": "Service", "PrincipalId": "p"}), delivered["userIdentity"].clone()] {
            let record = json!({"eventName": "REMOVE", "userIdentity": identity});
            assert_eq!(reader.as_delivered(record), delivered);
        }
        let without = reader.as_delivered(json!({"eventName": "INSERT"}));
        assert!(without["userIdentity"].is_null(), "{without}");
    }

    #[test]
    fn unsupported_pattern_is_rejected() {
        for pattern in ["", "1", r#"{"a": "b"}"#, r#"{"a": [{"suffix": "b"}]}"#, r#"{"a": [{"prefix": 1}]}"#]
        {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
