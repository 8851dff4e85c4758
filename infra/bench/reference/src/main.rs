//! The barest authorizer there can be on Lambda, the SDK and DynamoDB: what the real one is measured against.
//!
//! It takes the credential `Bearer id.secret`, reads one item by the id, and compares the SHA-256 of the secret. It has no
//! pepper, no permissions, no limits, no log, and its client has the settings of ours.

use aws_sdk_dynamodb::{Client, types::AttributeValue};
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

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    #[expect(clippy::disallowed_methods, reason = "it has no other setting")]
    let table = std::env::var("TABLE_NAME")?;
    let client = Client::new(&shared::aws::defaults().load().await);
    lambda_runtime::run(service_fn(|event| authorize(&client, &table, event))).await
}

async fn authorize(client: &Client, table: &str, event: LambdaEvent<Request>) -> Result<Value, Error> {
    let Request { method_arn, headers } = event.payload;
    let token = headers.authorization.strip_prefix("Bearer ").ok_or("Unauthorized")?;
    let (id, secret) = token.split_once('.').ok_or("Unauthorized")?;
    let read = client.get_item().table_name(table).consistent_read(true);
    let read = read.key("pk", AttributeValue::S(id.to_owned())).key("sk", AttributeValue::S(id.to_owned()));
    let item = read.send().await?.item.ok_or("Unauthorized")?;
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
