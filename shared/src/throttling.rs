//! Throttling: how often somebody may try to log in, and for how long they wait once that was too often.
//!
//! No I/O: what is remembered comes in, and what is to be remembered goes out. Three limits hold together,
//! and a fourth ends it all (NIST SP 800-63B-4, 3.2.2; OWASP ASVS 5.0.0, 6.1.1 and 6.3.1):
//!
//! | of | counted | limit |
//! |---|---|---|
//! | an address from one source | failures in a row, since the last success or a day of silence | five, then 30 seconds of delay that double up to an hour |
//! | an address from all strange sources | attempts | 20, and one more each hour |
//! | a strange source, at all addresses | failures in an hour of the clock | 300 |
//! | a password | failures in a row, from wherever | 100, then it is disabled until the operator enables it |
//!
//! A source is an IPv4 address or a /64 of IPv6. It is known to an address for 90 days after somebody logged in
//! from it with that address, and strange otherwise. An address keeps the last 16 that are known to it.
//!
//! **Nobody locks another out for good.** Who fails from one source delays nobody elsewhere: their own delays let
//! them take no more than 11 of the 20 attempts that strange sources have together. Many sources can take all
//! 20, and each further one, for as long as they go on; then a member logs in from a known source, of which
//! neither that limit nor the source's own is asked. What is left to an attacker is to get the password disabled,
//! which NIST demands: with 20 attempts and one more each hour, 100 failures take 80 hours in which the member
//! does not log in once. Sessions and keys go on meanwhile, and the operator enables the password again. Who
//! shares a source with a member can delay them there, by up to an hour at a time, and elsewhere not.
//!
//! **The limits don't tell whose addresses these are.** What is nobody's address is counted as any other, and a
//! success changes nothing for a source from which nobody succeeded. So only who shares a source with a member
//! could learn from its delays that somebody has logged in from there. A disabled password is answered like a
//! wrong one, so that whoever had it disabled learns nothing.
//!
//! **An attempt counts as failed until it has succeeded.** It is claimed by one write, before the password is
//! looked at, so attempts at the same moment are as many as attempts one after the other. One that has to wait
//! is answered before that: it writes nothing, hashes nothing, and doesn't prolong the delay.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::Mac;
use serde::{Deserialize, Serialize};

use crate::{pepper::Peppers, timestamp::Timestamp};

/// The failures in a row that disable a password.
pub const MAX_FAILURES_IN_A_ROW: u32 = 100;

/// How many failures in a row from one source bring a delay.
const FAILURES_TO_DELAY: u32 = 5;
/// The first delay, in seconds. Each further one is twice as long.
const FIRST_DELAY: u32 = 30;
/// The longest delay, in seconds.
const LONGEST_DELAY: u32 = 60 * 60;
/// After how many seconds without an attempt the failures from a source are forgotten.
const MEMORY: u32 = 24 * 60 * 60;

/// For how many seconds a source is known after a success.
const KNOWN_LIFETIME: u32 = 90 * 24 * 60 * 60;
/// How many known sources an address has at most.
const MAX_KNOWN: usize = 16;

/// How many attempts of strangers at one address may follow each other at once.
const STRANGERS_AT_ONCE: u32 = 20;
/// After how many seconds there may be one more.
const STRANGERS_INTERVAL: u32 = 60 * 60;

/// How many attempts of a stranger may fail in an hour of the clock. As many people log in from one address
/// for the first time, and mistype, where a hospital has one address.
pub(crate) const MAX_STRANGE_FAILURES: u32 = 300;
const HOUR: i64 = 60 * 60;

/// An attempt to log in: with which address, from where and when. Where and with what can't be read from it,
/// since people type passwords where an address belongs.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub(crate) address: String,
    pub(crate) source: String,
    pub(crate) at: Timestamp,
}

/// What is remembered of the attempts with one address.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct History {
    /// How often it was changed.
    pub revision: u64,
    /// When the attempts of strangers will be forgotten, if none is added: each adds an hour (a leaky bucket,
    /// in the form of the generic cell rate algorithm, ITU-T I.371).
    strangers_until: Option<Timestamp>,
    sources: BTreeMap<String, Source>,
}

/// What is remembered of the attempts with one address from one source.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Source {
    /// The failures in a row.
    failures: u32,
    last_attempt_at: Timestamp,
    /// The last success.
    succeeded_at: Option<Timestamp>,
}

/// An attempt that may go on.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// What is to be remembered from now on.
    pub history: History,
    /// Whether its source is strange to the address, and so its own limit is asked too.
    pub is_strange: bool,
}

/// It was tried too often.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Throttled {
    /// In how many seconds it can be tried again.
    pub retry_after: u32,
}

impl Attempt {
    /// An attempt with what was given as an address, from the IP address `source`. All whose address is not
    /// known share one.
    #[must_use]
    pub fn new(address: &str, source: Option<&str>, at: Timestamp, peppers: &Peppers) -> Self {
        let pseudonym = |kind: &str, text: &str| {
            let mac = peppers.current().hmac().chain_update(kind).chain_update(text).finalize().into_bytes();
            // Half of it names one as surely as all.
            BASE64_URL_SAFE_NO_PAD.encode(&mac[..16])
        };
        Self {
            address: pseudonym("address of a login\n", address),
            source: pseudonym("source of a login\n", &network(source)),
            at,
        }
    }

    /// The hour of the clock in which it is made.
    pub(crate) fn hour(&self) -> i64 {
        self.at.unix_seconds() / HOUR
    }

    /// When the attempts of this hour are of no interest any more, an hour after its end.
    pub(crate) fn hour_forgotten_at(&self) -> i64 {
        (self.hour() + 2) * HOUR
    }
}

/// What of an IP address tells one source from another. A household has 64 bits of IPv6 addresses to itself
/// (RFC 6177), so they are one.
fn network(address: Option<&str>) -> String {
    match address.and_then(|address| address.parse().ok()).map(|address: IpAddr| address.to_canonical()) {
        Some(IpAddr::V6(address)) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).to_string()
        }
        Some(IpAddr::V4(address)) => address.to_string(),
        None => "unknown".to_owned(),
    }
}

/// How many seconds after so many failures in a row the next attempt may come.
fn delay(failures: u32) -> u32 {
    match failures.checked_sub(FAILURES_TO_DELAY) {
        None => 0,
        Some(doublings) => 2_u32
            .checked_pow(doublings)
            .map_or(LONGEST_DELAY, |times| FIRST_DELAY.saturating_mul(times).min(LONGEST_DELAY)),
    }
}

impl Source {
    /// The source of an attempt that has succeeded.
    pub fn known(at: Timestamp) -> Self {
        Self { failures: 0, last_attempt_at: at, succeeded_at: Some(at) }
    }

    /// Until when it is known.
    pub fn known_until(&self) -> Option<Timestamp> {
        self.succeeded_at.map(|at| at.plus_seconds(KNOWN_LIFETIME))
    }

    fn is_known(&self, now: Timestamp) -> bool {
        self.known_until().is_some_and(|end| now < end)
    }

    fn failures_forgotten_at(&self) -> Timestamp {
        self.last_attempt_at.plus_seconds(MEMORY)
    }

    fn failures(&self, now: Timestamp) -> u32 {
        if now < self.failures_forgotten_at() { self.failures } else { 0 }
    }

    /// How many seconds the next attempt has to wait.
    fn wait(&self, now: Timestamp) -> i64 {
        match delay(self.failures(now)) {
            0 => 0,
            delay => seconds_until(self.last_attempt_at.plus_seconds(delay), now),
        }
    }
}

impl History {
    /// Whether `attempt` may go on, where `strange_failures` is how many attempts of its source, while that was
    /// strange, have failed or are under way in its hour.
    pub fn admit(&self, attempt: &Attempt, strange_failures: u32) -> Result<Admitted, Throttled> {
        let now = attempt.at;
        let source = self.sources.get(&attempt.source);
        let is_strange = !source.is_some_and(|source| source.is_known(now));
        let mut wait = source.map_or(0, |source| source.wait(now));
        if is_strange {
            let until = self.strangers_until.map_or(0, |until| seconds_until(until, now));
            wait = wait.max(until - i64::from((STRANGERS_AT_ONCE - 1) * STRANGERS_INTERVAL));
            if strange_failures >= MAX_STRANGE_FAILURES {
                wait = wait.max((attempt.hour() + 1) * HOUR - now.unix_seconds());
            }
        }
        match u32::try_from(wait) {
            Err(_) | Ok(0) => Ok(Admitted { history: self.with(attempt, is_strange), is_strange }),
            Ok(retry_after) => Err(Throttled { retry_after }),
        }
    }

    /// The history with `attempt`, and without what is forgotten.
    fn with(&self, attempt: &Attempt, is_strange: bool) -> Self {
        let now = attempt.at;
        let mut next = self.clone();
        next.revision = self.revision + 1;
        if is_strange {
            let begin = self.strangers_until.map_or(now, |until| until.max(now));
            next.strangers_until = Some(begin.plus_seconds(STRANGERS_INTERVAL));
        }
        let source = next.sources.entry(attempt.source.clone()).or_insert(Source {
            failures: 0,
            last_attempt_at: now,
            succeeded_at: None,
        });
        source.failures = source.failures(now) + 1;
        source.last_attempt_at = source.last_attempt_at.max(now);

        let mut known: Vec<_> = next.sources.values().filter_map(|source| source.succeeded_at).collect();
        known.sort_unstable();
        let oldest_known = known.iter().rev().nth(MAX_KNOWN - 1).copied();
        next.sources.retain(|_, source| {
            let is_known = source.is_known(now) && source.succeeded_at >= oldest_known;
            is_known || now < source.failures_forgotten_at()
        });
        next
    }

    /// When all of it is forgotten.
    pub fn forgotten_at(&self) -> Option<Timestamp> {
        let sources = self.sources.values();
        let ends = sources.map(|source| source.known_until().max(Some(source.failures_forgotten_at())));
        ends.max().flatten().max(self.strangers_until)
    }
}

fn seconds_until(moment: Timestamp, now: Timestamp) -> i64 {
    moment.unix_seconds() - now.unix_seconds()
}
