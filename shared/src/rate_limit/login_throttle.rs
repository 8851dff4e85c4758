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
//! them take no more than 11 of the 20 attempts that strange sources have together. From two sources on they can take
//! all 20, and each further one, for as long as they go on; then a member logs in from a known source, of which
//! neither that limit nor the source's own is asked, and the operator can make one known. What is left to an attacker is to get the password disabled,
//! which NIST demands: with 20 attempts and one more each hour, 100 failures take 80 hours in which the member
//! does not log in once. Sessions and keys go on meanwhile, and the operator enables the password again. Who
//! shares a source with a member can delay them there, by up to an hour at a time, and elsewhere not.
//!
//! **The limits hardly tell whose addresses these are.** What is nobody's address is counted as any other, and a
//! success changes nothing for a source from which nobody succeeded. So only who shares a source with a member
//! could learn from its delays that somebody has logged in from there, and who counts what strange sources have
//! left, that somebody else has logged in from one. A disabled password is answered like a
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

use crate::{credentials::pepper::Peppers, primitives::timestamp::Timestamp};

/// The failures in a row that disable a password.
pub const MAX_CONSECUTIVE_FAILURES: u32 = 100;

/// How many failures in a row from one source bring a delay.
const FAILURES_BEFORE_DELAY: u32 = 5;
/// The first delay, in seconds. Each further one is twice as long.
const FIRST_DELAY: u32 = 30;
/// The longest delay, in seconds.
const MAX_DELAY: u32 = 60 * 60;
/// After how many seconds without an attempt the failures from a source are forgotten.
const FAILURE_LIFETIME: u32 = 24 * 60 * 60;

/// For how many seconds a source is known after a success.
const RECOGNITION_LIFETIME: u32 = 90 * 24 * 60 * 60;
/// How many known sources an address has at most.
const MAX_RECOGNIZED_SOURCES: usize = 16;

/// How many attempts of strangers at one address may follow each other at once.
const UNRECOGNIZED_BURST: u32 = 20;
/// After how many seconds there may be one more.
const UNRECOGNIZED_INTERVAL: u32 = 60 * 60;

/// How many attempts of a stranger may fail in an hour of the clock. As many people log in from one address
/// for the first time, and mistype, where a hospital has one address.
pub(crate) const MAX_UNRECOGNIZED_FAILURES: u32 = 300;
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
pub(crate) struct AttemptHistory {
    /// How often it was changed.
    pub revision: u64,
    /// When the attempts of strangers will be forgotten, if none is added: each adds an hour (a leaky bucket,
    /// in the form of the generic cell rate algorithm, ITU-T I.371).
    strangers_until: Option<Timestamp>,
    sources: BTreeMap<String, SourceHistory>,
}

/// What is remembered of the attempts with one address from one source.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SourceHistory {
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
    pub history: AttemptHistory,
    /// Whether its source is strange to the address, and so its own limit is asked too.
    pub is_unrecognized: bool,
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
    pub(crate) fn hour_expires_at(&self) -> i64 {
        (self.hour() + 2) * HOUR
    }
}

/// What of an IP address tells one source from another. The last 64 bits of IPv6 name a machine in its own network
/// (RFC 4291, 2.5.4), which may give itself all of them, so they tell nothing.
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
    match failures.checked_sub(FAILURES_BEFORE_DELAY) {
        None => 0,
        Some(doublings) => 2_u32
            .checked_pow(doublings)
            .map_or(MAX_DELAY, |times| FIRST_DELAY.saturating_mul(times).min(MAX_DELAY)),
    }
}

impl SourceHistory {
    /// The source of an attempt that has succeeded.
    pub fn recognized(at: Timestamp) -> Self {
        Self { failures: 0, last_attempt_at: at, succeeded_at: Some(at) }
    }

    /// Until when it is known.
    pub fn recognized_until(&self) -> Option<Timestamp> {
        self.succeeded_at.map(|at| at.plus_seconds(RECOGNITION_LIFETIME))
    }

    fn is_recognized(&self, now: Timestamp) -> bool {
        self.recognized_until().is_some_and(|end| now < end)
    }

    fn failures_expire_at(&self) -> Timestamp {
        self.last_attempt_at.plus_seconds(FAILURE_LIFETIME)
    }

    fn failures(&self, now: Timestamp) -> u32 {
        if now < self.failures_expire_at() { self.failures } else { 0 }
    }

    /// How many seconds the next attempt has to wait.
    fn wait(&self, now: Timestamp) -> i64 {
        match delay(self.failures(now)) {
            0 => 0,
            delay => seconds_until(self.last_attempt_at.plus_seconds(delay), now),
        }
    }
}

impl AttemptHistory {
    /// Whether `attempt` may go on, where `unrecognized_failures` is how many attempts of its source, while that was
    /// strange, have failed or are under way in its hour.
    pub fn admit(&self, attempt: &Attempt, unrecognized_failures: u32) -> Result<Admitted, Throttled> {
        let now = attempt.at;
        let source = self.sources.get(&attempt.source);
        let is_unrecognized = !source.is_some_and(|source| source.is_recognized(now));
        let mut wait = source.map_or(0, |source| source.wait(now));
        if is_unrecognized {
            let until = self.strangers_until.map_or(0, |until| seconds_until(until, now));
            wait = wait.max(until - i64::from((UNRECOGNIZED_BURST - 1) * UNRECOGNIZED_INTERVAL));
            if unrecognized_failures >= MAX_UNRECOGNIZED_FAILURES {
                wait = wait.max((attempt.hour() + 1) * HOUR - now.unix_seconds());
            }
        }
        match u32::try_from(wait) {
            Err(_) | Ok(0) => {
                Ok(Admitted { history: self.with_attempt(attempt, is_unrecognized), is_unrecognized })
            }
            Ok(retry_after) => Err(Throttled { retry_after }),
        }
    }

    /// The history in which the source of `attempt` is known, whatever came of attempts from there.
    pub fn with_recognized_source(&self, attempt: &Attempt) -> Self {
        let mut next = self.clone();
        next.revision = self.revision + 1;
        next.sources.insert(attempt.source.clone(), SourceHistory::recognized(attempt.at));
        next
    }

    /// The history with `attempt`, and without what is forgotten.
    fn with_attempt(&self, attempt: &Attempt, is_unrecognized: bool) -> Self {
        let now = attempt.at;
        let mut next = self.clone();
        next.revision = self.revision + 1;
        if is_unrecognized {
            let begin = self.strangers_until.map_or(now, |until| until.max(now));
            next.strangers_until = Some(begin.plus_seconds(UNRECOGNIZED_INTERVAL));
        }
        let source = next.sources.entry(attempt.source.clone()).or_insert(SourceHistory {
            failures: 0,
            last_attempt_at: now,
            succeeded_at: None,
        });
        source.failures = source.failures(now) + 1;
        source.last_attempt_at = source.last_attempt_at.max(now);

        let mut known: Vec<_> = next.sources.values().filter_map(|source| source.succeeded_at).collect();
        known.sort_unstable();
        let oldest_known = known.iter().rev().nth(MAX_RECOGNIZED_SOURCES - 1).copied();
        next.sources.retain(|_, source| {
            let is_recognized = source.is_recognized(now) && source.succeeded_at >= oldest_known;
            is_recognized || now < source.failures_expire_at()
        });
        next
    }

    /// When all of it is forgotten.
    pub fn expires_at(&self) -> Option<Timestamp> {
        let sources = self.sources.values();
        let ends = sources.map(|source| source.recognized_until().max(Some(source.failures_expire_at())));
        ends.max().flatten().max(self.strangers_until)
    }
}

fn seconds_until(moment: Timestamp, now: Timestamp) -> i64 {
    moment.unix_seconds() - now.unix_seconds()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::credentials::pepper::tests::peppers;

    const START: u32 = 1_800_000_000;

    fn at(seconds: u32) -> Timestamp {
        "1970-01-01T00:00:00Z".parse::<Timestamp>().unwrap().plus_seconds(START).plus_seconds(seconds)
    }

    fn attempt(source: &str, seconds: u32) -> Attempt {
        Attempt { address: "address".to_owned(), source: source.to_owned(), at: at(seconds) }
    }

    /// Lets `source` attempt as soon as it may, and fail, until `end`. Returns when that was, in seconds.
    fn hammer(history: &mut AttemptHistory, source: &str, end: u32) -> Vec<u32> {
        let (mut now, mut attempts) = (0, Vec::new());
        while now < end {
            match history.admit(&attempt(source, now), 0) {
                Ok(admitted) => {
                    *history = admitted.history;
                    attempts.push(now);
                }
                Err(Throttled { retry_after }) => now += retry_after,
            }
        }
        attempts
    }

    fn network_of(address: &str) -> String {
        network(Some(address))
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_64_bits_of_ipv6() {
        assert_eq!(network_of("192.0.2.1"), "192.0.2.1");
        assert_eq!(network_of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(network_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network_of("2001:db8:1:2::"), network_of("2001:db8:1:2:ffff::1"));
        assert_ne!(network_of("2001:db8:1:2::1"), network_of("2001:db8:1:3::1"));
        assert_eq!(network_of("nonsense"), network(None));
    }

    #[test]
    fn an_address_and_a_source_of_the_same_text_are_two() {
        let attempt = Attempt::new("192.0.2.1", Some("192.0.2.1"), at(0), &peppers("1"));
        assert_ne!(attempt.address, attempt.source);
        assert!(!format!("{attempt:?}").contains("192"));
        assert_ne!(
            attempt.address,
            Attempt::new("192.0.2.1", Some("192.0.2.1"), at(0), &peppers("2")).address
        );
    }

    #[test]
    fn an_hour_of_the_clock_is_forgotten_an_hour_after_its_end() {
        for (second, hour, expires_at) in
            [(0, 500_000, 1_800_007_200), (3_599, 500_000, 1_800_007_200), (3_600, 500_001, 1_800_010_800)]
        {
            let attempt = attempt("source", second);
            assert_eq!((attempt.hour(), attempt.hour_expires_at()), (hour, expires_at));
        }
    }

    #[test]
    fn each_change_makes_the_next_revision() {
        let attempted = AttemptHistory::default().admit(&attempt("source", 0), 0).unwrap().history;
        assert_eq!(attempted.revision, 1);
        let known = attempted.with_recognized_source(&attempt("source", 0));
        assert_eq!(known.revision, 2);
        assert!(known.sources["source"].is_recognized(at(0)));
    }

    #[test]
    fn delays_double_from_30_seconds_to_an_hour() {
        let delays: Vec<_> = (4..=13).map(delay).collect();
        assert_eq!(delays, [0, 30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
    }

    #[test]
    fn one_source_leaves_others_nine_attempts() {
        let mut history = AttemptHistory::default();
        let attempts = hammer(&mut history, "attacker", 30 * 24 * 60 * 60);
        assert_eq!(attempts[..13], [0, 0, 0, 0, 0, 30, 90, 210, 450, 930, 1_890, 3_810, 7_410]);
        let now = *attempts.last().unwrap();
        for _ in 0..5 {
            history = history.admit(&attempt("member", now), 0).unwrap().history;
        }
        for _ in 0..4 {
            history = history.admit(&attempt("another member", now), 0).unwrap().history;
        }
    }

    #[test]
    fn two_sources_leave_other_strange_ones_nothing() {
        let (week, mut history) = (7 * 24 * 60 * 60, AttemptHistory::default());
        for now in (0..week).step_by(30) {
            for source in ["one", "two"] {
                if let Ok(admitted) = history.admit(&attempt(source, now), 0) {
                    history = admitted.history;
                }
            }
            let is_taken = history.admit(&attempt("member", now), 0).is_err();
            assert!(is_taken || now < 24 * 60 * 60, "after {now} s");
        }
    }

    #[test]
    fn from_all_strange_sources_100_failures_take_80_hours() {
        let mut history = AttemptHistory::default();
        let (mut now, mut attempts) = (0, 0);
        for source in 0.. {
            // Each attempt from a source of its own.
            match history.admit(&attempt(&source.to_string(), now), 0) {
                Ok(admitted) => {
                    (history, attempts) = (admitted.history, attempts + 1);
                    if attempts == MAX_CONSECUTIVE_FAILURES {
                        break;
                    }
                }
                Err(Throttled { retry_after }) => now += retry_after,
            }
        }
        assert_eq!(now, 80 * 60 * 60);
    }

    #[test]
    fn a_known_source_is_let_in_whatever_strangers_do() {
        let mut history = AttemptHistory::default();
        history = history.admit(&attempt("home", 0), 0).unwrap().history;
        history.sources.insert("home".to_owned(), SourceHistory::recognized(at(0)));
        for stranger in 0..19 {
            history = history.admit(&attempt(&stranger.to_string(), 0), 0).unwrap().history;
        }
        assert_eq!(history.admit(&attempt("stranger", 0), 0).unwrap_err(), Throttled { retry_after: 3_600 });
        let admitted = history.admit(&attempt("home", 0), MAX_UNRECOGNIZED_FAILURES).unwrap();
        assert!(!admitted.is_unrecognized);
        // Its own failures delay it still.
        let attempts = hammer(&mut history, "home", 100);
        assert_eq!(attempts, [0, 0, 0, 0, 0, 30, 90]);
        // For 90 days.
        let last = RECOGNITION_LIFETIME - 1;
        assert!(!history.admit(&attempt("home", last), 0).unwrap().is_unrecognized);
        assert!(history.admit(&attempt("home", last + 1), 0).unwrap().is_unrecognized);
    }

    #[test]
    fn a_strange_source_that_failed_too_often_waits_for_the_next_hour() {
        let history = AttemptHistory::default();
        let rest = HOUR - i64::from(START) % HOUR;
        assert!(
            history.admit(&attempt("stranger", 0), MAX_UNRECOGNIZED_FAILURES - 1).unwrap().is_unrecognized
        );
        let throttled = history.admit(&attempt("stranger", 0), MAX_UNRECOGNIZED_FAILURES).unwrap_err();
        assert_eq!(i64::from(throttled.retry_after), rest);
        let next = attempt("stranger", throttled.retry_after);
        assert_eq!(next.hour(), attempt("stranger", throttled.retry_after - 1).hour() + 1);
    }

    #[test]
    fn a_source_is_forgotten_after_a_day_of_silence() {
        let mut history = AttemptHistory::default();
        hammer(&mut history, "stranger", 100);
        let admitted = history.admit(&attempt("stranger", 90 + FAILURE_LIFETIME), 0).unwrap();
        assert_eq!(admitted.history.sources["stranger"].failures, 1);
        assert_eq!(history.expires_at(), Some(at(90 + FAILURE_LIFETIME)));
        let other = history.admit(&attempt("other", 90 + FAILURE_LIFETIME), 0).unwrap();
        assert_eq!(other.history.sources.len(), 1);
    }

    #[test]
    fn the_sources_that_are_known_are_the_last_16() {
        let mut history = AttemptHistory::default();
        for day in 0..40 {
            let source = day.to_string();
            let now = day * 2 * FAILURE_LIFETIME;
            history = history.admit(&attempt(&source, now), 0).unwrap().history;
            history.sources.insert(source, SourceHistory::recognized(at(now)));
        }
        history = history.admit(&attempt("stranger", 80 * FAILURE_LIFETIME), 0).unwrap().history;
        let known = history.sources.values().filter(|source| source.succeeded_at.is_some()).count();
        assert_eq!(known, MAX_RECOGNIZED_SOURCES);
        assert!(history.sources.contains_key("39") && !history.sources.contains_key("23"));
    }

    #[test]
    fn a_clock_that_is_behind_makes_nobody_wait_who_need_not() {
        let history = AttemptHistory::default().admit(&attempt("stranger", 10), 0).unwrap().history;
        assert!(history.admit(&attempt("stranger", 0), 0).is_ok());
    }

    #[test]
    fn a_clock_that_is_behind_shortens_no_delay() {
        let mut history = AttemptHistory::default();
        for seconds in [10, 10, 10, 10, 0] {
            history = history.admit(&attempt("stranger", seconds), 0).unwrap().history;
        }
        let throttled = history.admit(&attempt("stranger", 10), 0).unwrap_err();
        assert_eq!(throttled.retry_after, FIRST_DELAY);
    }

    proptest! {
        #[test]
        fn delays_never_shrink_and_end_at_an_hour(failures: u32) {
            let (now, next) = (delay(failures), delay(failures.saturating_add(1)));
            prop_assert!(now <= next && next <= MAX_DELAY);
            prop_assert_eq!(now == 0, failures < FAILURES_BEFORE_DELAY);
        }

        #[test]
        fn who_waits_as_told_is_let_in_and_nobody_earlier(
            steps in prop::collection::vec((0_usize..4, 0_u32..4_000), 1..200),
        ) {
            let mut history = AttemptHistory::default();
            let mut now = 0;
            for (source, pause) in steps {
                now += pause;
                let source = source.to_string();
                match history.admit(&attempt(&source, now), 0) {
                    Ok(admitted) => history = admitted.history,
                    Err(Throttled { retry_after }) => {
                        prop_assert!((1..=MAX_DELAY).contains(&retry_after));
                        prop_assert!(history.admit(&attempt(&source, now + retry_after - 1), 0).is_err());
                        prop_assert!(history.admit(&attempt(&source, now + retry_after), 0).is_ok());
                    }
                }
            }
        }

        #[test]
        fn strangers_have_20_attempts_and_one_an_hour(
            steps in prop::collection::vec((any::<u8>(), 0_u32..9_000), 1..300),
        ) {
            let mut history = AttemptHistory::default();
            let (mut now, mut admitted_at) = (0, Vec::new());
            for (source, pause) in steps {
                now += pause;
                if let Ok(admitted) = history.admit(&attempt(&source.to_string(), now), 0) {
                    history = admitted.history;
                    admitted_at.push(now);
                }
            }
            for (first, begin) in admitted_at.iter().enumerate() {
                for (last, end) in admitted_at.iter().enumerate().skip(first) {
                    let may = UNRECOGNIZED_BURST + (end - begin) / UNRECOGNIZED_INTERVAL;
                    prop_assert!(last - first < may as usize);
                }
            }
        }
    }
}
