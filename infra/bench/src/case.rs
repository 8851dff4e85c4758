//! What is measured: programs, and the events that each is invoked with.

use std::{collections::BTreeMap, path::PathBuf};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use gateway::Gateway;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Error;

/// A program, and what it is invoked with.
pub struct Case {
    /// What the report calls it.
    pub name: &'static str,
    /// The function's name.
    pub function: &'static str,
    /// Where the program is.
    pub program: PathBuf,
    /// The event.
    pub event: String,
    /// What is part of every answer.
    pub answer: &'static str,
    /// How many invocations it gets when it is its turn.
    pub per_turn: u32,
}

/// The name of the case that the others are measured against.
pub const REFERENCE: &str = "reference";
/// The name of the case that is held to bounds.
pub const AUTHORIZER: &str = "authorizer, a key";

/// How many invocations the authorizer gets when it is its turn: about as long as one login takes.
const PER_TURN: u32 = 50;
/// So many requests a minute are no limit.
const UNLIMITED: u32 = 1_000_000_000;
/// The items that the reference reads, and the secret of the first.
const ID: &str = "REFERENCE";
const OTHER: &str = "OTHER";
const SECRET: &str = "a secret of 32 random characters";
const ALLOW: &str = r#""Effect":"Allow""#;

/// All cases of `programs`, for which there is an account at `gateway`, with a session, a key, and an item for the reference.
pub async fn all(gateway: &Gateway, programs: &BTreeMap<String, PathBuf>) -> Result<Vec<Case>, Error> {
    let account = gateway.invoke("operator", kept(include_str!("../../events/operator.json"))?).await?;
    let limits = json!({"live": UNLIMITED, "test": UNLIMITED});
    let limits = json!({"account_id": account["account_id"], "requests_per_minute": limits});
    gateway.invoke("operator", json!({"set_limits": limits})).await?;
    let login_event = include_str!("../../events/login.json");
    let answer = gateway.invoke("login", kept(login_event)?).await?;
    let session = text(&kept(answer["body"].as_str().unwrap_or_default())?, "session_token")?;
    let key = make_key(gateway, &session).await?;
    make_items(gateway).await?;

    let case = |name, package, credential: String, answer| {
        let event =
            include_str!("../../events/authorizer.json").replace("Session SESSION_TOKEN", &credential);
        let program = programs.get(package)?.clone();
        Some(Case { name, function: "authorizer", program, event, answer, per_turn: PER_TURN })
    };
    let misspelled = format!("{}{}", &key[..key.len() - 1], if key.ends_with('0') { '1' } else { '0' });
    let login = case("login", "login", String::new(), r#""statusCode":200"#);
    let cases = [
        case(REFERENCE, "bench-reference", format!("Bearer {ID}.{SECRET}"), ALLOW),
        case("reference, two items", "bench-reference", format!("Bearer {ID}+{OTHER}.{SECRET}"), ALLOW),
        case(AUTHORIZER, "authorizer", format!("Bearer {key}"), ALLOW),
        case("authorizer, a session", "authorizer", format!("Session {session}"), ALLOW),
        case(
            "authorizer, a typo",
            "authorizer",
            format!("Bearer {misspelled}"),
            r#""errorMessage":"Unauthorized""#,
        ),
        login.map(|case| Case { function: "login", event: login_event.to_owned(), per_turn: 1, ..case }),
    ];
    Ok(cases.into_iter().flatten().collect())
}

async fn make_key(gateway: &Gateway, session: &str) -> Result<String, Error> {
    let url = format!("{}/v1/api-keys", gateway.url());
    let request = reqwest::Client::new().post(url).header("Authorization", format!("Session {session}"));
    let key = json!({"name": "Bench", "permissions": ["read", "write"]});
    text(&request.json(&key).send().await?.error_for_status()?.json().await?, "key")
}

/// What the reference reads.
async fn make_items(gateway: &Gateway) -> Result<(), Error> {
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

fn kept(json: &str) -> Result<Value, Error> {
    Ok(serde_json::from_str(json)?)
}

fn text(answer: &Value, member: &str) -> Result<String, Error> {
    let text = answer[member].as_str().ok_or_else(|| format!("an answer has no {member}"))?;
    Ok(text.to_owned())
}
