//! Measures whether the time of a failed login reveals why it failed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::Instant,
};

use aws_sdk_dynamodb::types::AttributeValue;
use gateway::{Gateway, Options};
use rand::{rngs::StdRng, seq::SliceRandom};
use reqwest::Client;
use serde_json::{Value, json};
use shared::primitives::clock::Clock;
use time::{Duration, OffsetDateTime, macros::datetime};

use crate::{Error, comparison::Comparison};

const START: OffsetDateTime = datetime!(2026-01-30 00:00:00 UTC);
const PASSWORD: &str = "a lizard on the 7th wall";
const WRONG_PASSWORD: &str = "a lizard on the 8th wall";

/// The number of rounds that are not measured, at the beginning.
const WARM_UP_ROUNDS: usize = 5;
/// The number of consecutive failures that disable a password.
const FAILURES_THAT_DISABLE: usize = 100;
/// The hours between two logins. Earlier failures no longer delay a login after them.
const HOURS_BETWEEN_LOGINS: i64 = 2;

/// The case with which the others are compared.
const USUAL: &str = "a wrong password";
/// The case whose time differs on purpose.
const CONTROL: &str = "a wrong password, and 4 ms more";
/// The additional time of the control, a fifth of the time of Argon2.
const CONTROL_DELAY: std::time::Duration = std::time::Duration::from_millis(4);

/// A reason for which a login fails.
struct Case {
    name: &'static str,
    email: String,
    password: &'static str,
    times: Vec<f64>,
}

/// A running service with a clock that the test sets.
struct Service {
    gateway: Gateway,
    hours: Arc<AtomicI64>,
}

/// Measures `rounds` logins of each case, one after the other. The order is different in each round.
pub async fn test(rng: &mut StdRng, rounds: usize) -> Result<Vec<Comparison>, Error> {
    let service = Service::start().await?;
    let [usual, suspended, removed, disabled, passkey] = [
        "usual@example.com",
        "suspended@example.com",
        "removed@example.com",
        "disabled@example.com",
        "passkey@example.com",
    ];
    for email in [usual, disabled] {
        service.create_account(email).await?;
    }
    let account = service.create_account(passkey).await?;
    service.require_second_factor(&account).await?;
    let account = service.create_account(suspended).await?;
    service.operate(json!({"suspend_account": {"account_id": account}})).await?;
    service.create_removed_member(usual, removed).await?;
    for _ in 0..FAILURES_THAT_DISABLE {
        service.advance_clock();
        service.fail_to_log_in(disabled, WRONG_PASSWORD).await?;
    }
    let case = |name, email: &str, password| Case {
        name,
        email: email.to_owned(),
        password,
        times: Vec::with_capacity(rounds),
    };
    let mut cases = [
        case(USUAL, usual, WRONG_PASSWORD),
        case("an unknown address", "nobody@example.com", WRONG_PASSWORD),
        case("a malformed address", "nobody", WRONG_PASSWORD),
        case("a removed member", removed, PASSWORD),
        case("a suspended account", suspended, WRONG_PASSWORD),
        case("a member with a passkey", passkey, WRONG_PASSWORD),
        case("a disabled password, and a wrong one in the request", disabled, WRONG_PASSWORD),
        case("a disabled password, and the same in the request", disabled, PASSWORD),
        case(CONTROL, usual, WRONG_PASSWORD),
    ];
    let mut order: Vec<usize> = (0..cases.len()).collect();
    for round in 0..WARM_UP_ROUNDS + rounds {
        order.shuffle(rng);
        for index in &order {
            let Case { name, email, password, times } = &mut cases[*index];
            // The previous login may have failed with the same address, which delays the next one.
            service.advance_clock();
            if [usual, suspended, passkey].contains(&email.as_str()) && round % 20 == 0 {
                service.operate(json!({"enable_password": {"email": email}})).await?;
            }
            let start = Instant::now();
            service.fail_to_log_in(email, password).await?;
            if *name == CONTROL {
                thread::sleep(CONTROL_DELAY);
            }
            let time = start.elapsed();
            if round >= WARM_UP_ROUNDS {
                times.push(time.as_secs_f64() * 1e9);
            }
        }
    }
    service.gateway.stop().await;

    let (usual, others) = cases.split_first().expect("there are cases");
    let comparisons = others.iter().map(|other| {
        let comparison =
            Comparison::new("a failed login", [usual.name, other.name], [&usual.times, &other.times]);
        if other.name == CONTROL { comparison.control() } else { comparison }
    });
    Ok(comparisons.collect())
}

impl Service {
    async fn start() -> Result<Self, Error> {
        let hours = Arc::new(AtomicI64::new(0));
        let clock = {
            let hours = Arc::clone(&hours);
            Clock::new(move || START + Duration::hours(hours.load(Ordering::SeqCst)))
        };
        let gateway = Gateway::start(Options { clock, ..Options::ephemeral() }).await?;
        Ok(Self { gateway, hours })
    }

    /// Advances the clock until earlier failures no longer delay a login.
    fn advance_clock(&self) {
        self.hours.fetch_add(HOURS_BETWEEN_LOGINS, Ordering::SeqCst);
    }

    async fn operate(&self, command: Value) -> Result<Value, Error> {
        Ok(self.gateway.invoke("operator", command).await?)
    }

    /// Creates an account whose first member has this address. Returns the account's id.
    async fn create_account(&self, email: &str) -> Result<String, Error> {
        let command = json!({"create_account": {"name": "Timing", "email": email, "password": PASSWORD}});
        let created = self.operate(command).await?;
        Ok(created["account_id"].as_str().ok_or("the account has no id")?.to_owned())
    }

    /// Stores that the first member of an account has a passkey, so that the password alone does not log them in.
    async fn require_second_factor(&self, account: &str) -> Result<(), Error> {
        let table = self.gateway.table("Table").ok_or("no table")?;
        let partition = AttributeValue::S(format!("ACCOUNT#{account}"));
        let members = self.gateway.dynamodb().query().table_name(table).consistent_read(true);
        let members = members.key_condition_expression("pk = :pk AND begins_with(sk, :member)");
        let members = members.expression_attribute_values(":pk", partition.clone());
        let members = members.expression_attribute_values(":member", AttributeValue::S("MEMBER#".to_owned()));
        let members = members.send().await?.items.unwrap_or_default();
        let member = members.first().ok_or("no member")?["sk"].clone();
        let update =
            self.gateway.dynamodb().update_item().table_name(table).key("pk", partition).key("sk", member);
        let update = update.update_expression("SET passkeys = :one, restrictions = :restrictions");
        let update = update.expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        let names = AttributeValue::Ss(vec!["passkeys".to_owned()]);
        update.expression_attribute_values(":restrictions", names).send().await?;
        Ok(())
    }

    /// Adds a member with the address `email` to the account of `admin`, and removes the member.
    async fn create_removed_member(&self, admin: &str, email: &str) -> Result<(), Error> {
        let response = self.log_in(admin, PASSWORD).await?;
        let session: Value = serde_json::from_str(response["body"].as_str().unwrap_or_default())?;
        let session = format!("Session {}", session["session_token"].as_str().ok_or("the login failed")?);
        let (client, members) = (Client::new(), format!("{}/v1/members", self.gateway.url()));
        let member = json!({"email": email, "password": PASSWORD, "permissions": ["read"]});
        let created = client.post(&members).header("Authorization", &session).json(&member).send().await?;
        let created: Value = created.error_for_status()?.json().await?;
        let member = format!("{members}/{}", created["id"].as_str().ok_or("the member has no id")?);
        client.delete(member).header("Authorization", session).send().await?.error_for_status()?;
        Ok(())
    }

    /// Sends a login that must fail with 401.
    async fn fail_to_log_in(&self, email: &str, password: &str) -> Result<(), Error> {
        let response = self.log_in(email, password).await?;
        if response["statusCode"] == 401 {
            Ok(())
        } else {
            Err(format!("the login of {email} returned {response}").into())
        }
    }

    async fn log_in(&self, email: &str, password: &str) -> Result<Value, Error> {
        let mut event: Value = serde_json::from_str(include_str!("../../../infra/events/login.json"))?;
        event["body"] = json!({"email": email, "password": password}).to_string().into();
        Ok(self.gateway.invoke("login", event).await?)
    }
}
