//! Logins that fail: does the time of one tell why?

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::Instant,
};

use gateway::{Gateway, Options};
use rand::{rngs::StdRng, seq::SliceRandom};
use reqwest::Client;
use serde_json::{Value, json};
use shared::primitives::clock::Clock;
use time::{Duration, OffsetDateTime, macros::datetime};

use crate::{Error, tested::Tested};

const START: OffsetDateTime = datetime!(2026-01-30 00:00:00 UTC);
const PASSWORD: &str = "a lizard on the 7th wall";
const WRONG: &str = "a lizard on the 8th wall";

/// How many rounds go before those that count.
const WARMING: usize = 5;
/// So many failures in a row disable a password.
const DISABLING: usize = 100;
/// How many hours lie between two rounds, so that none is delayed for what failed before.
const HOURS_BETWEEN: i64 = 2;

/// The class that the others are compared with.
const USUAL: &str = "a wrong password";
/// The class that differs on purpose.
const CONTROL: &str = "a wrong password, and 4 ms more";
/// How much longer that takes: a fifth of what Argon2 does.
const MORE: std::time::Duration = std::time::Duration::from_millis(4);

/// A kind of login that fails.
struct Class {
    name: &'static str,
    email: String,
    password: &'static str,
    times: Vec<f64>,
}

/// A service, and its time.
struct Service {
    gateway: Gateway,
    hours: Arc<AtomicI64>,
}

/// Measures so many logins of each class, one by one in an order that is another in each round.
pub async fn test(rng: &mut StdRng, rounds: usize) -> Result<Vec<Tested>, Error> {
    let service = Service::start().await?;
    let [usual, suspended, removed, disabled] =
        ["usual@example.com", "suspended@example.com", "removed@example.com", "disabled@example.com"];
    for email in [usual, disabled] {
        service.make_account(email).await?;
    }
    let account = service.make_account(suspended).await?;
    service.operate(json!({"suspend_account": {"account_id": account}})).await?;
    service.make_removed_member(usual, removed).await?;
    for _ in 0..DISABLING {
        service.pass();
        service.fail(disabled, WRONG).await?;
    }
    let class = |name, email: &str, password| Class {
        name,
        email: email.to_owned(),
        password,
        times: Vec::with_capacity(rounds),
    };
    let mut classes = [
        class(USUAL, usual, WRONG),
        class("an unknown address", "nobody@example.com", WRONG),
        class("no address", "nobody", WRONG),
        class("a removed member", removed, PASSWORD),
        class("a suspended account", suspended, WRONG),
        class("a disabled password, and a wrong one", disabled, WRONG),
        class("a disabled password, and the right one", disabled, PASSWORD),
        class(CONTROL, usual, WRONG),
    ];
    let mut order: Vec<usize> = (0..classes.len()).collect();
    for round in 0..WARMING + rounds {
        order.shuffle(rng);
        for turn in &order {
            let Class { name, email, password, times } = &mut classes[*turn];
            // One that failed just now with the same address may have made a delay.
            service.pass();
            if [usual, suspended].contains(&email.as_str()) && round % 20 == 0 {
                service.operate(json!({"enable_password": {"email": email}})).await?;
            }
            let began = Instant::now();
            service.fail(email, password).await?;
            if *name == CONTROL {
                thread::sleep(MORE);
            }
            let took = began.elapsed();
            if round >= WARMING {
                times.push(took.as_secs_f64() * 1e9);
            }
        }
    }
    service.gateway.stop().await;

    let (usual, others) = classes.split_first().expect("there are some");
    let tested = others.iter().map(|other| {
        let tested = Tested::new("a login", [usual.name, other.name], [&usual.times, &other.times]);
        if other.name == CONTROL { tested.on_purpose() } else { tested }
    });
    Ok(tested.collect())
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

    /// Lets the time pass after which nothing is delayed any more.
    fn pass(&self) {
        self.hours.fetch_add(HOURS_BETWEEN, Ordering::SeqCst);
    }

    async fn operate(&self, command: Value) -> Result<Value, Error> {
        Ok(self.gateway.invoke("operator", command).await?)
    }

    /// Makes an account whose first member has this address. Returns its id.
    async fn make_account(&self, email: &str) -> Result<String, Error> {
        let command = json!({"create_account": {"name": "Timing", "email": email, "password": PASSWORD}});
        let made = self.operate(command).await?;
        Ok(made["account_id"].as_str().ok_or("an account has no id")?.to_owned())
    }

    /// Makes a member with the address `email` of the account whose admin is `admin`, and removes them.
    async fn make_removed_member(&self, admin: &str, email: &str) -> Result<(), Error> {
        let answer = self.log_in(admin, PASSWORD).await?;
        let session: Value = serde_json::from_str(answer["body"].as_str().unwrap_or_default())?;
        let session = format!("Session {}", session["session_token"].as_str().ok_or("no login")?);
        let (client, members) = (Client::new(), format!("{}/v1/members", self.gateway.url()));
        let member = json!({"email": email, "password": PASSWORD, "permissions": ["read"]});
        let made = client.post(&members).header("Authorization", &session).json(&member).send().await?;
        let made: Value = made.error_for_status()?.json().await?;
        let member = format!("{members}/{}", made["id"].as_str().ok_or("a member has no id")?);
        client.delete(member).header("Authorization", session).send().await?.error_for_status()?;
        Ok(())
    }

    /// Logs in where that has to fail.
    async fn fail(&self, email: &str, password: &str) -> Result<(), Error> {
        let answer = self.log_in(email, password).await?;
        if answer["statusCode"] == 401 { Ok(()) } else { Err(format!("{email} is answered {answer}").into()) }
    }

    async fn log_in(&self, email: &str, password: &str) -> Result<Value, Error> {
        let mut event: Value = serde_json::from_str(include_str!("../../../infra/events/login.json"))?;
        event["body"] = json!({"email": email, "password": password}).to_string().into();
        Ok(self.gateway.invoke("login", event).await?)
    }
}
