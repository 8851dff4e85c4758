//! The barest authorizer there can be on Lambda, the SDK and DynamoDB: what the real one is measured against.
//!
//! It takes the credential `Bearer id.secret`, reads one item by the id, and compares the SHA-256 of the secret. With
//! `Bearer id+other.secret` it reads the other item too, in the same round trip, and makes nothing of it. It has no
//! pepper, no permissions, no limits, no log, and its client has the settings of ours.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, KeysAndAttributes},
};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method_arn: String,
    headers: Headers,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Headers {
    authorization: String,
}

type Item = HashMap<String, AttributeValue>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    #[expect(clippy::disallowed_methods, reason = "it has no other setting")]
    let table = std::env::var("TABLE_NAME")?;
    let client = Client::new(&shared::runtime::aws::defaults().load().await);
    lambda_runtime::run(service_fn(|event| authorize(&client, &table, event))).await
}

async fn authorize(client: &Client, table: &str, event: LambdaEvent<Request>) -> Result<Value, Error> {
    let Request { method_arn, headers } = event.payload;
    let token = headers.authorization.strip_prefix("Bearer ").ok_or("Unauthorized")?;
    let (id, secret) = token.split_once('.').ok_or("Unauthorized")?;
    let item = match id.split_once('+') {
        None => one(client, table, id).await?,
        Some((id, other)) => first_of_two(client, table, id, other).await?,
    };
    let item = item.ok_or("Unauthorized")?;
    let digest = item.get("digest").and_then(|digest| digest.as_b().ok()).ok_or("Unauthorized")?;
    if digest.as_ref() != Sha256::digest(secret).as_slice() {
        return Err("Unauthorized".into());
    }
    Ok(json!({
        "principalId": id,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": method_arn}],
        },
    }))
}

async fn one(client: &Client, table: &str, id: &str) -> Result<Option<Item>, Error> {
    let read = client.get_item().table_name(table).consistent_read(true);
    Ok(read.set_key(Some(key(id))).send().await?.item)
}

async fn first_of_two(client: &Client, table: &str, id: &str, other: &str) -> Result<Option<Item>, Error> {
    let both = KeysAndAttributes::builder().keys(key(id)).keys(key(other)).consistent_read(true).build()?;
    let answer = client.batch_get_item().request_items(table, both).send().await?;
    let mut items = answer.responses.into_iter().flatten().flat_map(|(_, items)| items);
    Ok(items.find(|item| item["sk"].as_s().is_ok_and(|sk| sk == id)))
}

fn key(id: &str) -> Item {
    ["pk", "sk"].map(|name| (name.to_owned(), AttributeValue::S(id.to_owned()))).into()
}
