//! The measured cases: a program, and the event with which it is invoked.

use std::{collections::BTreeMap, path::PathBuf};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use gateway::Gateway;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Error;

/// A program, and the event with which it is invoked.
pub struct Case {
    /// The name in the report.
    pub name: &'static str,
    /// The name of the Lambda function.
    pub function: &'static str,
    pub program: PathBuf,
    pub event: String,
    /// A text that every response must contain.
    pub expected: &'static str,
    /// The number of invocations in each turn.
    pub per_turn: u32,
}

/// The name of the case with which the authorizer is compared.
pub const REFERENCE: &str = "reference";
/// The name of the case whose figures have limits.
pub const AUTHORIZER: &str = "authorizer, a key";

/// The number of invocations of an authorizer in each turn. Together they take about as long as one login.
const PER_TURN: u32 = 50;
/// A limit that is never reached.
const UNLIMITED: u32 = 1_000_000_000;
/// The ids of the items that the reference reads, and the secret of the first.
const ID: &str = "REFERENCE";
const OTHER: &str = "OTHER";
const SECRET: &str = "a secret of 32 random characters";
const ALLOW: &str = r#""Effect":"Allow""#;

/// Creates an account, a session, a key and the reference's items at `gateway`, and returns all cases of `programs`.
pub async fn all(gateway: &Gateway, programs: &BTreeMap<String, PathBuf>) -> Result<Vec<Case>, Error> {
    let account = gateway.invoke("operator", parse(include_str!("../../events/operator.json"))?).await?;
    let limits = json!({"live": UNLIMITED, "test": UNLIMITED});
    let limits = json!({
        "account_id": account["account_id"],
        "requests_per_minute": limits,
        // The measured logins must not end the session that is measured.
        "sessions_per_member": UNLIMITED,
    });
    gateway.invoke("operator", json!({"set_limits": limits})).await?;
    let login_event = include_str!("../../events/login.json");
    let response = gateway.invoke("login", parse(login_event)?).await?;
    let session = text(&parse(response["body"].as_str().unwrap_or_default())?, "session_token")?;
    let key = create_key(gateway, &session, &[]).await?;
    let one_network = create_key(gateway, &session, &networks(1)).await?;
    let fifty_networks = create_key(gateway, &session, &networks(50)).await?;
    put_reference_items(gateway).await?;

    let case = |name, package, credential: String, expected| {
        let event =
            include_str!("../../events/authorizer.json").replace("Session SESSION_TOKEN", &credential);
        let program = programs.get(package)?.clone();
        Some(Case { name, function: "authorizer", program, event, expected, per_turn: PER_TURN })
    };
    let mistyped_key = format!("{}{}", &key[..key.len() - 1], if key.ends_with('0') { '1' } else { '0' });
    let login = case("login", "login", String::new(), r#""statusCode":200"#);
    let cases = [
        case("floor", "bench-floor", String::new(), ALLOW),
        case(REFERENCE, "bench-reference", format!("Bearer {ID}.{SECRET}"), ALLOW),
        case("reference, two items", "bench-reference", format!("Bearer {ID}+{OTHER}.{SECRET}"), ALLOW),
        case(AUTHORIZER, "authorizer", format!("Bearer {key}"), ALLOW),
        case("authorizer, a key for 1 network", "authorizer", format!("Bearer {one_network}"), ALLOW),
        case("authorizer, a key for 50 networks", "authorizer", format!("Bearer {fifty_networks}"), ALLOW),
        case("authorizer, a session", "authorizer", format!("Session {session}"), ALLOW),
        case(
            "authorizer, a typo",
            "authorizer",
            format!("Bearer {mistyped_key}"),
            r#""errorMessage":"Unauthorized""#,
        ),
        login.map(|case| Case { function: "login", event: login_event.to_owned(), per_turn: 1, ..case }),
    ];
    Ok(cases.into_iter().flatten().collect())
}

/// Returns networks of which only the last contains the address that the events name. It is compared with all of them.
fn networks(count: u8) -> Vec<String> {
    let others = (1..count).map(|index| format!("10.0.{index}.0/24"));
    others.chain(["192.0.2.0/24".to_owned()]).collect()
}

/// Creates a key that can be used from the `networks`, or from everywhere if there are none.
async fn create_key(gateway: &Gateway, session: &str, networks: &[String]) -> Result<String, Error> {
    let url = format!("{}/v1/api-keys", gateway.url());
    let request = reqwest::Client::new().post(url).header("Authorization", format!("Session {session}"));
    let allowed_ips = (!networks.is_empty()).then_some(networks);
    let key = json!({"name": "Bench", "permissions": ["read", "write"], "allowed_ips": allowed_ips});
    text(&request.json(&key).send().await?.error_for_status()?.json().await?, "key")
}

async fn put_reference_items(gateway: &Gateway) -> Result<(), Error> {
    let table = gateway.table("Table").ok_or("the template has no table")?;
    for id in [ID, OTHER] {
        let item = gateway.dynamodb().put_item().table_name(table);
        item.item("pk", AttributeValue::S(id.to_owned()))
            .item("sk", AttributeValue::S(id.to_owned()))
            .item("digest", AttributeValue::B(Blob::new(Sha256::digest(SECRET).to_vec())))
            .send()
            .await?;
    }
    Ok(())
}

fn parse(json: &str) -> Result<Value, Error> {
    Ok(serde_json::from_str(json)?)
}

fn text(body: &Value, field: &str) -> Result<String, Error> {
    let text = body[field].as_str().ok_or_else(|| format!("a response has no field {field}"))?;
    Ok(text.to_owned())
}
