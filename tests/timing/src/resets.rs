//! Measures whether the time of a request for a password reset reveals whether its address belongs to a member.

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
use serde_json::{Value, json};
use shared::primitives::clock::Clock;
use time::{Duration, OffsetDateTime, macros::datetime};

use crate::{Error, comparison::Comparison};

const START: OffsetDateTime = datetime!(2026-01-30 00:00:00 UTC);
/// The number of rounds that are not measured, at the beginning.
const WARM_UP_ROUNDS: usize = 5;
/// The time between two rounds. Afterwards, a further token is sent.
const MINUTES_BETWEEN_ROUNDS: i64 = 11;

/// The case with which the others are compared.
const UNKNOWN: &str = "an unknown address";
/// The case whose time differs on purpose.
const CONTROL: &str = "an unknown address, and 1 ms more";
const CONTROL_DELAY: std::time::Duration = std::time::Duration::from_millis(1);

/// A kind of address.
struct Case {
    name: &'static str,
    email: &'static str,
    times: Vec<f64>,
}

/// Measures `rounds` requests for each kind of address, one after the other. The order is different in each round.
pub async fn test(rng: &mut StdRng, rounds: usize) -> Result<Vec<Comparison>, Error> {
    let minutes = Arc::new(AtomicI64::new(0));
    let clock = {
        let minutes = Arc::clone(&minutes);
        Clock::new(move || START + Duration::minutes(minutes.load(Ordering::SeqCst)))
    };
    let gateway = Gateway::start(Options { clock, mail: Some(|_, _| ()), ..Options::ephemeral() }).await?;
    for email in ["member@example.com", "suspended@example.com"] {
        let password = "a lizard on the 7th wall";
        let command = json!({"create_account": {"name": "Timing", "email": email, "password": password}});
        let account = gateway.invoke("operator", command).await?["account_id"].take();
        if email.starts_with("suspended") {
            gateway.invoke("operator", json!({"suspend_account": {"account_id": account}})).await?;
        }
    }
    let case = |name, email| Case { name, email, times: Vec::with_capacity(rounds) };
    let mut cases = [
        case(UNKNOWN, "nobody@example.com"),
        case("the address of a member", "member@example.com"),
        case("the address of a member of a suspended account", "suspended@example.com"),
        case(CONTROL, "nobody@example.com"),
    ];
    let mut order: Vec<usize> = (0..cases.len()).collect();
    for round in 0..WARM_UP_ROUNDS + rounds {
        minutes.fetch_add(MINUTES_BETWEEN_ROUNDS, Ordering::SeqCst);
        order.shuffle(rng);
        for index in &order {
            let Case { name, email, times } = &mut cases[*index];
            let start = Instant::now();
            request(&gateway, email).await?;
            if *name == CONTROL {
                thread::sleep(CONTROL_DELAY);
            }
            let time = start.elapsed();
            if round >= WARM_UP_ROUNDS {
                times.push(time.as_secs_f64() * 1e9);
            }
            // The work that the request has caused must not delay the next one.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    gateway.stop().await;

    let (unknown, others) = cases.split_first().expect("there are cases");
    let comparisons = others.iter().map(|other| {
        let names = [unknown.name, other.name];
        let comparison =
            Comparison::new("a request for a password reset", names, [&unknown.times, &other.times]);
        if other.name == CONTROL { comparison.control() } else { comparison }
    });
    Ok(comparisons.collect())
}

async fn request(gateway: &Gateway, email: &str) -> Result<(), Error> {
    const ROUTE: &str = "/v1/auth/password-reset";
    let mut event: Value = serde_json::from_str(include_str!("../../../infra/events/login.json"))?;
    for (field, value) in [("resource", ROUTE), ("path", ROUTE)] {
        event[field] = value.into();
    }
    for field in ["resourcePath", "path"] {
        event["requestContext"][field] = ROUTE.into();
    }
    event["body"] = json!({"email": email}).to_string().into();
    let response = gateway.invoke("password-reset", event).await?;
    if response["statusCode"] == 202 {
        Ok(())
    } else {
        Err(format!("the request for {email} returned {response}").into())
    }
}
