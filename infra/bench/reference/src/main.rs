//! The smallest authorizer that could work. The benchmark compares the real authorizer with it.
//!
//! It accepts the credential `Bearer id.secret`, reads the item with that id, and compares the SHA-256 of the secret.
//! For `Bearer id+other.secret`, it also reads the item `other` in the same round trip, and ignores it. It has no
//! pepper, no permissions, no rate limits and no log. Its AWS client has the timeouts and retries of the real
//! authorizer's, and the SDK's defaults in everything else.

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
    #[expect(clippy::disallowed_methods, reason = "this is the only setting")]
    let table = std::env::var("TABLE_NAME")?;
    let client = Client::new(&shared::runtime::aws::settings_with_system_roots().load().await);
    lambda_runtime::run(service_fn(|event| authorize(&client, &table, event))).await
}

async fn authorize(client: &Client, table: &str, event: LambdaEvent<Request>) -> Result<Value, Error> {
    let Request { method_arn, headers } = event.payload;
    let token = headers.authorization.strip_prefix("Bearer ").ok_or("Unauthorized")?;
    let (id, secret) = token.split_once('.').ok_or("Unauthorized")?;
    let item = match id.split_once('+') {
        None => get_item(client, table, id).await?,
        Some((id, other)) => get_first_of_two(client, table, id, other).await?,
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

async fn get_item(client: &Client, table: &str, id: &str) -> Result<Option<Item>, Error> {
    let read = client.get_item().table_name(table).consistent_read(true);
    Ok(read.set_key(Some(key(id))).send().await?.item)
}

async fn get_first_of_two(
    client: &Client,
    table: &str,
    id: &str,
    other: &str,
) -> Result<Option<Item>, Error> {
    let both = KeysAndAttributes::builder().keys(key(id)).keys(key(other)).consistent_read(true).build()?;
    let output = client.batch_get_item().request_items(table, both).send().await?;
    let mut items = output.responses.into_iter().flatten().flat_map(|(_, items)| items);
    Ok(items.find(|item| item["sk"].as_s().is_ok_and(|sk| sk == id)))
}

fn key(id: &str) -> Item {
    ["pk", "sk"].map(|name| (name.to_owned(), AttributeValue::S(id.to_owned()))).into()
}
