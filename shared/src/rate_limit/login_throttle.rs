//! Login throttling: limits how often a password can be tried, and delays further attempts.
//!
//! This module does no I/O. It gets the stored attempt history and returns the history to store. Four limits apply (NIST SP
//! 800-63B-4, 3.2.2; OWASP ASVS 5.0.0, 6.1.1 and 6.3.1):
//!
//! | scope | counted | limit |
//! |---|---|---|
//! | one address from one source | consecutive failures, until a success or a day without an attempt | 5, then a delay of 30 seconds that doubles up to an hour |
//! | one address from all unrecognized sources | attempts | 20, plus one more each hour |
//! | one unrecognized source, all addresses | failures in one hour of the clock | 300 |
//! | one password | consecutive failures from any source | 100, then the password is disabled until the operator enables it or the member resets it |
//!
//! A source is an IPv4 address or a /64 network of IPv6. An address recognizes a source for 90 days after a login with that
//! address from that source, or after the acceptance of an invitation. It recognizes at most 16 sources, the most recent ones.
//!
//! **An attacker cannot lock a member out permanently.** Failures from one source do not delay other sources. The delay of
//! a single attacking source leaves it at most 11 of the 20 attempts that unrecognized sources share. Two or more sources can
//! use up all 20, and every further attempt, for as long as the attack lasts. During such an attack, the member can log in
//! from a recognized source, to which the shared limit and the source's own limit do not apply. The operator can make a
//! source recognized. An attacker can still get the password disabled, because NIST requires a limit on consecutive failures.
//! With 20 attempts and one more each hour, 100 failures take 80 hours in which the member does not log in once. Sessions
//! and keys keep working in the meantime, and the operator or a password reset can enable the password again. Someone who shares a
//! source with a member can delay the member there, by up to an hour at a time, but not elsewhere.
//!
//! **The limits reveal almost nothing about addresses.** Attempts with an unknown address are counted like all others, and a
//! success from one source does not reset the limits of another. Two observations remain. Someone who shares a source with a
//! member can conclude from its delays that somebody logged in from there. Someone who counts how many attempts unrecognized
//! sources have left can conclude that somebody else logged in from an unrecognized source. A disabled password gets the same
//! response as a wrong one, so an attacker does not learn that it is disabled.
//!
//! **An attempt counts as a failure until it has succeeded.** It is reserved before the password is checked, so concurrent
//! attempts count like consecutive ones. A throttled attempt hashes nothing and does not extend the delay. It writes nothing,
//! unless a concurrent attempt used up the limit in the meantime; then what it wrote is removed again.
//!
//! **A failure of the service does not count.** Each attempt has an id, and the stored history contains the ids of recent attempts.
//! So an attempt can be released if the service fails before it knows that the password is wrong. Releasing an attempt twice
//! changes nothing, nor does releasing it after a login with the password from the same source. If the member has logged in with the
//! password from another source in the meantime, the release may take one later failure from the password's count of 100.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::Mac;
use serde::{Deserialize, Serialize};

use crate::{
    credentials::pepper::Peppers,
    primitives::{id::UserId, random::Random, timestamp::Timestamp},
};

/// The number of consecutive failures that disables a password.
pub(crate) const MAX_CONSECUTIVE_FAILURES: u32 = 100;

/// The number of consecutive failures from one source after which attempts are delayed.
const FAILURES_BEFORE_DELAY: u32 = 5;
/// The number of recent attempts from one source whose ids are stored.
const MAX_RECENT_ATTEMPTS: usize = 5;
/// The first delay, in seconds. Each further delay is twice as long as the one before.
const FIRST_DELAY: u32 = 30;
/// The longest delay, in seconds.
const MAX_DELAY: u32 = 60 * 60;
/// After this many seconds without an attempt, the failures from a source expire.
const FAILURE_LIFETIME: u32 = 24 * 60 * 60;

/// How long a source stays recognized after a success, in seconds.
const RECOGNITION_LIFETIME: u32 = 90 * 24 * 60 * 60;
/// The maximum number of sources that an address recognizes.
const MAX_RECOGNIZED_SOURCES: usize = 16;

/// The number of attempts that unrecognized sources together can make with one address in immediate succession.
const UNRECOGNIZED_BURST: u32 = 20;
/// The time after which unrecognized sources get one more attempt, in seconds.
const UNRECOGNIZED_INTERVAL: u32 = 60 * 60;

/// The number of attempts from one unrecognized source that may fail in one hour of the clock. The limit is high, because
/// all people in a hospital may share one IP address, log in for the first time and mistype their password.
pub(crate) const MAX_UNRECOGNIZED_FAILURES: u32 = 300;
/// The number of requests for a password reset from one source in one hour of the clock. All people in a hospital may share one IP
/// address.
pub(crate) const MAX_RESET_REQUESTS: u32 = 100;
pub(crate) const HOUR: i64 = 60 * 60;
/// The number of seconds after which an attempt is no longer in progress. Lambda ends a function after 10 seconds.
const MAX_ATTEMPT_SECONDS: i64 = 10;
/// `Retry-After`, in seconds, for a source that only has to wait for attempts in progress.
const IN_PROGRESS_RETRY_SECONDS: i64 = 1;

/// The number of random bits in the id of an attempt. Two attempts from one source in the same second have the same id with a
/// probability of one in a billion. Then they count as one.
const ID_RANDOM_BITS: u32 = 30;

/// The id of an attempt among those from its source in the same hour of the clock: the second of the hour, and random bits. As
/// a number of at most 13 digits it takes 8 bytes in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
// `serde_dynamo` cannot deserialize a newtype in a set of numbers.
#[serde(transparent)]
pub(crate) struct AttemptId(u64);

impl AttemptId {
    fn new(at: Timestamp, random: &Random) -> Self {
        let second = at.unix_seconds().rem_euclid(HOUR).unsigned_abs();
        let random = u32::from_be_bytes(random.bytes()) >> (u32::BITS - ID_RANDOM_BITS);
        Self(second << ID_RANDOM_BITS | u64::from(random))
    }

    /// Returns the second of the hour in which the attempt was made.
    fn second(self) -> i64 {
        (self.0 >> ID_RANDOM_BITS).cast_signed()
    }
}

/// A login attempt. It contains pseudonyms instead of the address and the source, because people sometimes type their
/// password into the address field.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub(crate) id: AttemptId,
    /// The pseudonym of the address.
    pub(crate) address: String,
    /// The pseudonym of the source.
    pub(crate) source: String,
    pub(crate) at: Timestamp,
}

/// The stored history of the attempts with one address.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct AttemptHistory {
    /// The number of changes to this history. A conditional write compares it.
    pub revision: u64,
    /// When the attempts from unrecognized sources expire, if there are no further ones. Each attempt adds an hour. This is a
    /// leaky bucket in the form of the generic cell rate algorithm (ITU-T I.371).
    #[serde(rename = "strangers_until")]
    unrecognized_until: Option<Timestamp>,
    sources: BTreeMap<String, SourceHistory>,
}

/// The stored history of the attempts with one address from one source.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SourceHistory {
    /// The number of consecutive failures.
    failures: u32,
    last_attempt_at: Timestamp,
    /// The time of the last success.
    succeeded_at: Option<Timestamp>,
    /// The ids of the last attempts that `failures` includes. Before the first delay, all of them may be in progress at once.
    /// After it, at most one can be, because a delay is longer than an attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<AttemptId>,
    /// The last login that the audit trail contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recorded_login: Option<RecordedLogin>,
}

/// The hour of the clock in which a member's login was recorded in the audit trail. Further logins of this member from the same
/// source in this hour are not recorded, so that they cannot bury other events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordedLogin {
    /// An address can move to another member.
    user_id: UserId,
    /// The number of hours since 1970.
    hour: i64,
}

/// The attempts from one source in one hour of the clock that failed or are in progress. It only includes attempts with an
/// address that did not recognize the source.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct SourceHour(BTreeSet<AttemptId>);

/// An attempt that is not throttled.
#[derive(Debug)]
pub(crate) struct AdmittedAttempt {
    /// The history that includes this attempt.
    pub history: AttemptHistory,
    pub counted: CountedAttempt,
}

/// How an attempt is counted. This is needed to release it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CountedAttempt {
    /// Whether the address does not recognize the source. If so, the failures of the source are counted too.
    pub is_unrecognized: bool,
    /// The time of the attempt before this one, from the same source.
    previous_at: Option<Timestamp>,
    /// The last login from the same source that the audit trail contains.
    pub recorded_login: Option<RecordedLogin>,
}

/// There were too many attempts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Throttled {
    /// Seconds until the next attempt is possible.
    pub retry_after: u32,
}

impl Attempt {
    /// Creates an attempt with `address`, which may be any text, from the IP address `source`. All requests without a valid
    /// IP address count as one source.
    #[must_use]
    pub fn new(
        address: &str,
        source: Option<&str>,
        at: Timestamp,
        peppers: &Peppers,
        random: &Random,
    ) -> Self {
        let pseudonym = |kind: &str, text: &str| {
            let mac = peppers.current().hmac().chain_update(kind).chain_update(text).finalize().into_bytes();
            // 128 bits are enough to be unique.
            BASE64_URL_SAFE_NO_PAD.encode(&mac[..16])
        };
        Self {
            id: AttemptId::new(at, random),
            address: pseudonym("address of a login\n", address),
            source: pseudonym("source of a login\n", &network(source)),
            at,
        }
    }

    /// Returns the hour of the clock in which the attempt is made, as the number of hours since 1970.
    pub(crate) fn hour(&self) -> i64 {
        self.at.unix_seconds() / HOUR
    }

    /// Returns the record of a login as `user_id` with this attempt.
    pub(crate) fn recorded_login(&self, user_id: UserId) -> RecordedLogin {
        RecordedLogin { user_id, hour: self.hour() }
    }

    /// Returns the number of seconds until the next hour of the clock begins.
    fn rest_of_hour(&self) -> i64 {
        (self.hour() + 1) * HOUR - self.at.unix_seconds()
    }

    /// Returns the number of seconds until the next hour of the clock begins, for `Retry-After`.
    pub(crate) fn seconds_until_next_hour(&self) -> u32 {
        u32::try_from(self.rest_of_hour()).unwrap_or(1)
    }

    /// Returns when the failures of this hour can be deleted: an hour after its end, in seconds since 1970.
    pub(crate) fn hour_expires_at(&self) -> i64 {
        (self.hour() + 2) * HOUR
    }
}

/// Returns the part of an IP address that identifies a source: all of an IPv4 address, or the first 64 bits of an IPv6
/// address. A machine can choose the last 64 bits of its IPv6 address itself (RFC 4291, 2.5.4).
fn network(address: Option<&str>) -> String {
    match address.and_then(|address| address.parse().ok()).map(|address: IpAddr| address.to_canonical()) {
        Some(IpAddr::V6(address)) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).to_string()
        }
        Some(IpAddr::V4(address)) => address.to_string(),
        None => "unknown".to_owned(),
    }
}

/// Returns the delay after this many consecutive failures, in seconds.
fn delay(failures: u32) -> u32 {
    match failures.checked_sub(FAILURES_BEFORE_DELAY) {
        None => 0,
        Some(doublings) => 2_u32
            .checked_pow(doublings)
            .map_or(MAX_DELAY, |factor| FIRST_DELAY.saturating_mul(factor).min(MAX_DELAY)),
    }
}

impl SourceHistory {
    /// Returns the history of a source from which an attempt has succeeded.
    pub fn recognized(at: Timestamp, recorded_login: Option<RecordedLogin>) -> Self {
        Self {
            failures: 0,
            last_attempt_at: at,
            succeeded_at: Some(at),
            attempts: Vec::new(),
            recorded_login,
        }
    }

    /// Returns when the source stops being recognized, if it is.
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

    /// Returns the seconds until the next attempt from this source is possible.
    fn wait(&self, now: Timestamp) -> i64 {
        match delay(self.failures(now)) {
            0 => 0,
            delay => seconds_until(self.last_attempt_at.plus_seconds(delay), now),
        }
    }
}

impl SourceHour {
    /// Returns the seconds until `attempt` is possible. If some of the attempts may still be in progress and may succeed, the
    /// source need not wait for the next hour.
    fn wait(&self, attempt: &Attempt) -> i64 {
        let limit = usize::try_from(MAX_UNRECOGNIZED_FAILURES).unwrap_or(usize::MAX);
        if self.0.len() < limit || self.0.contains(&attempt.id) {
            return 0;
        }
        let since = attempt.id.second() - MAX_ATTEMPT_SECONDS;
        let failed = self.0.iter().filter(|id| id.second() < since).count();
        let rest = attempt.rest_of_hour();
        if failed < limit { rest.min(IN_PROGRESS_RETRY_SECONDS) } else { rest }
    }
}

impl AttemptHistory {
    /// Checks whether `attempt` is throttled. `hour` contains the attempts from the same source in the same hour.
    ///
    /// # Errors
    /// If a limit is exceeded.
    pub fn admit(&self, attempt: &Attempt, hour: &SourceHour) -> Result<AdmittedAttempt, Throttled> {
        let now = attempt.at;
        let source = self.sources.get(&attempt.source);
        let is_unrecognized = !self.recognizes(attempt);
        let mut wait = source.map_or(0, |source| source.wait(now));
        if is_unrecognized {
            let until = self.unrecognized_until.map_or(0, |until| seconds_until(until, now));
            wait = wait.max(until - i64::from((UNRECOGNIZED_BURST - 1) * UNRECOGNIZED_INTERVAL));
            wait = wait.max(hour.wait(attempt));
        }
        match u32::try_from(wait) {
            Err(_) | Ok(0) => {
                let previous_at = source.map(|source| source.last_attempt_at);
                let recorded_login = source.and_then(|source| source.recorded_login);
                Ok(AdmittedAttempt {
                    history: self.with_attempt(attempt, is_unrecognized),
                    counted: CountedAttempt { is_unrecognized, previous_at, recorded_login },
                })
            }
            Ok(retry_after) => Err(Throttled { retry_after }),
        }
    }

    /// Returns the history in which the source of `attempt` is recognized and has no failures.
    pub fn with_recognized_source(&self, attempt: &Attempt) -> Self {
        let mut next = self.with_success(attempt);
        if let Some(source) = next.sources.get_mut(&attempt.source) {
            *source = SourceHistory::recognized(attempt.at, source.recorded_login);
        }
        next
    }

    /// Returns true if the address recognizes the source of `attempt`.
    pub fn recognizes(&self, attempt: &Attempt) -> bool {
        self.sources.get(&attempt.source).is_some_and(|source| source.is_recognized(attempt.at))
    }

    /// Returns true if the audit trail contains a login of `user` from the source of `attempt` in its hour of the clock.
    pub fn has_recorded(&self, attempt: &Attempt, user: UserId) -> bool {
        let source = self.sources.get(&attempt.source);
        source.and_then(|source| source.recorded_login) == Some(attempt.recorded_login(user))
    }

    /// Returns the history in which the source of `attempt` is recognized, because the member has proved from there who they are,
    /// without an attempt at the password. The failures of the source stay: some of them may be in progress,
    /// and can be released later.
    pub fn with_success(&self, attempt: &Attempt) -> Self {
        let mut next = self.clone();
        next.revision = self.revision + 1;
        let new = SourceHistory::recognized(attempt.at, None);
        let source = next.sources.entry(attempt.source.clone()).or_insert(new);
        source.succeeded_at = source.succeeded_at.max(Some(attempt.at));
        next.remove_expired_sources(attempt.at);
        next
    }

    /// Returns the history [with the success](Self::with_success) of a login of `user`, which the audit trail contains.
    pub fn with_login(&self, attempt: &Attempt, user: UserId) -> Self {
        let mut next = self.with_success(attempt);
        if let Some(source) = next.sources.get_mut(&attempt.source) {
            source.recorded_login = Some(attempt.recorded_login(user));
        }
        next
    }

    /// Removes the sources that are no longer recognized and whose failures have expired.
    fn remove_expired_sources(&mut self, now: Timestamp) {
        let mut successes: Vec<_> = self.sources.values().filter_map(|source| source.succeeded_at).collect();
        successes.sort_unstable();
        let oldest_success = successes.iter().rev().nth(MAX_RECOGNIZED_SOURCES - 1).copied();
        self.sources.retain(|_, source| {
            let is_recognized = source.is_recognized(now) && source.succeeded_at >= oldest_success;
            is_recognized || now < source.failures_expire_at()
        });
    }

    /// Returns the history as if `attempt` had not been made. Returns `None` if the history does not count it as a failure:
    /// because it was not reserved, a later login with the password from the same source has reset the count, or it was released before.
    pub fn without_attempt(&self, attempt: &Attempt, counted: CountedAttempt) -> Option<Self> {
        let mut next = self.clone();
        let source = next.sources.get_mut(&attempt.source)?;
        let index = source.attempts.iter().position(|id| *id == attempt.id)?;
        source.attempts.remove(index);
        source.failures = source.failures.saturating_sub(1);
        // Only the last attempt may move the time back. If there are later ones, the time is theirs, even in the same second.
        let is_last = index == source.attempts.len();
        if is_last && let Some(previous_at) = counted.previous_at {
            source.last_attempt_at = previous_at;
        }
        if source.failures == 0 && source.succeeded_at.is_none() {
            next.sources.remove(&attempt.source);
        }
        if counted.is_unrecognized {
            next.unrecognized_until =
                next.unrecognized_until.map(|until| until.minus_seconds(UNRECOGNIZED_INTERVAL));
        }
        next.revision = self.revision + 1;
        Some(next)
    }

    /// Returns the history with `attempt` added and expired sources removed.
    fn with_attempt(&self, attempt: &Attempt, is_unrecognized: bool) -> Self {
        let now = attempt.at;
        let mut next = self.clone();
        next.revision = self.revision + 1;
        if is_unrecognized {
            let start = self.unrecognized_until.map_or(now, |until| until.max(now));
            next.unrecognized_until = Some(start.plus_seconds(UNRECOGNIZED_INTERVAL));
        }
        let source = next.sources.entry(attempt.source.clone()).or_insert(SourceHistory {
            failures: 0,
            last_attempt_at: now,
            succeeded_at: None,
            attempts: Vec::new(),
            recorded_login: None,
        });
        if source.failures(now) == 0 {
            source.attempts.clear();
        }
        source.failures = source.failures(now) + 1;
        source.attempts.push(attempt.id);
        let excess = source.attempts.len().saturating_sub(MAX_RECENT_ATTEMPTS);
        source.attempts.drain(..excess);
        source.last_attempt_at = source.last_attempt_at.max(now);
        next.remove_expired_sources(now);
        next
    }

    /// Returns when the whole history can be deleted.
    pub fn expires_at(&self) -> Option<Timestamp> {
        let sources = self.sources.values();
        let ends = sources.map(|source| source.recognized_until().max(Some(source.failures_expire_at())));
        ends.max().flatten().max(self.unrecognized_until)
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
        let (id, address) = (AttemptId::new(at(seconds), &Random::system()), "address".to_owned());
        Attempt { id, address, source: source.to_owned(), at: at(seconds) }
    }

    /// An hour without attempts from the source.
    fn no_others() -> SourceHour {
        SourceHour::default()
    }

    /// An hour with `count` attempts from the source, all of them at the same time.
    fn others(count: u32, seconds: u32) -> SourceHour {
        SourceHour(
            (0..count).map(|n| AttemptId(attempt("source", seconds).id.0 >> 9 << 9 | u64::from(n))).collect(),
        )
    }

    /// Makes failing attempts from `source` until `end`, each as soon as it is admitted. Returns their times, in seconds.
    fn attack(history: &mut AttemptHistory, source: &str, end: u32) -> Vec<u32> {
        let (mut now, mut attempts) = (0, Vec::new());
        while now < end {
            match history.admit(&attempt(source, now), &no_others()) {
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
    fn source_is_an_ipv4_address_or_a_64_bit_ipv6_prefix() {
        assert_eq!(network_of("192.0.2.1"), "192.0.2.1");
        assert_eq!(network_of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(network_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network_of("2001:db8:1:2::"), network_of("2001:db8:1:2:ffff::1"));
        assert_ne!(network_of("2001:db8:1:2::1"), network_of("2001:db8:1:3::1"));
        assert_eq!(network_of("nonsense"), network(None));
    }

    #[test]
    fn attempt_has_pseudonyms_that_differ_by_kind_and_pepper() {
        let attempt = Attempt::new("192.0.2.1", Some("192.0.2.1"), at(0), &peppers("1"), &Random::system());
        assert_ne!(attempt.address, attempt.source);
        assert!(!format!("{attempt:?}").contains("192"));
        assert_ne!(
            attempt.address,
            Attempt::new("192.0.2.1", Some("192.0.2.1"), at(0), &peppers("2"), &Random::system()).address
        );
    }

    #[test]
    fn failures_of_an_hour_expire_an_hour_after_its_end() {
        for (second, hour, expires_at) in
            [(0, 500_000, 1_800_007_200), (3_599, 500_000, 1_800_007_200), (3_600, 500_001, 1_800_010_800)]
        {
            let attempt = attempt("source", second);
            assert_eq!((attempt.hour(), attempt.hour_expires_at()), (hour, expires_at));
        }
    }

    #[test]
    fn each_change_increments_the_revision() {
        let attempted = AttemptHistory::default().admit(&attempt("source", 0), &no_others()).unwrap().history;
        assert_eq!(attempted.revision, 1);
        let recognized = attempted.with_recognized_source(&attempt("source", 0));
        assert_eq!(recognized.revision, 2);
        assert!(recognized.sources["source"].is_recognized(at(0)));
    }

    #[test]
    fn delay_doubles_from_30_seconds_to_an_hour() {
        let delays: Vec<_> = (4..=13).map(delay).collect();
        assert_eq!(delays, [0, 30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
    }

    #[test]
    fn one_attacking_source_leaves_nine_attempts_to_others() {
        let mut history = AttemptHistory::default();
        let attempts = attack(&mut history, "attacker", 30 * 24 * 60 * 60);
        assert_eq!(attempts[..13], [0, 0, 0, 0, 0, 30, 90, 210, 450, 930, 1_890, 3_810, 7_410]);
        let now = *attempts.last().unwrap();
        for _ in 0..5 {
            history = history.admit(&attempt("member", now), &no_others()).unwrap().history;
        }
        for _ in 0..4 {
            history = history.admit(&attempt("another member", now), &no_others()).unwrap().history;
        }
    }

    #[test]
    fn two_attacking_sources_leave_no_attempts_to_other_unrecognized_sources() {
        let (week, mut history) = (7 * 24 * 60 * 60, AttemptHistory::default());
        for now in (0..week).step_by(30) {
            for source in ["one", "two"] {
                if let Ok(admitted) = history.admit(&attempt(source, now), &no_others()) {
                    history = admitted.history;
                }
            }
            let is_throttled = history.admit(&attempt("member", now), &no_others()).is_err();
            assert!(is_throttled || now < 24 * 60 * 60, "after {now} s");
        }
    }

    #[test]
    fn unrecognized_sources_need_80_hours_for_100_failures() {
        let mut history = AttemptHistory::default();
        let (mut now, mut attempts) = (0, 0);
        for source in 0.. {
            // Each attempt comes from a different source.
            match history.admit(&attempt(&source.to_string(), now), &no_others()) {
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
    fn recognized_source_is_admitted_regardless_of_unrecognized_ones() {
        let mut history = AttemptHistory::default();
        history = history.admit(&attempt("home", 0), &no_others()).unwrap().history;
        history.sources.insert("home".to_owned(), SourceHistory::recognized(at(0), None));
        for source in 0..19 {
            history = history.admit(&attempt(&source.to_string(), 0), &no_others()).unwrap().history;
        }
        assert_eq!(
            history.admit(&attempt("unrecognized", 0), &no_others()).unwrap_err(),
            Throttled { retry_after: 3_600 }
        );
        let admitted = history.admit(&attempt("home", 0), &others(MAX_UNRECOGNIZED_FAILURES, 0)).unwrap();
        assert!(!admitted.counted.is_unrecognized);
        // The source's own failures still delay it.
        let attempts = attack(&mut history, "home", 100);
        assert_eq!(attempts, [0, 0, 0, 0, 0, 30, 90]);
        // The source stays recognized for 90 days.
        let last = RECOGNITION_LIFETIME - 1;
        assert!(!history.admit(&attempt("home", last), &no_others()).unwrap().counted.is_unrecognized);
        assert!(history.admit(&attempt("home", last + 1), &no_others()).unwrap().counted.is_unrecognized);
    }

    #[test]
    fn unrecognized_source_with_too_many_failures_waits_for_the_next_hour() {
        let (history, now) = (AttemptHistory::default(), 11);
        let rest_of_hour = HOUR - i64::from(START + now) % HOUR;
        let attempt_at = |seconds| attempt("unrecognized", seconds);
        let almost = others(MAX_UNRECOGNIZED_FAILURES - 1, 0);
        assert!(history.admit(&attempt_at(now), &almost).unwrap().counted.is_unrecognized);
        let all = others(MAX_UNRECOGNIZED_FAILURES, 0);
        let throttled = history.admit(&attempt_at(now), &all).unwrap_err();
        assert_eq!(i64::from(throttled.retry_after), rest_of_hour);
        let next = now + throttled.retry_after;
        assert_eq!(attempt_at(next).hour(), attempt_at(next - 1).hour() + 1);
    }

    #[test]
    fn unrecognized_source_with_too_many_attempts_in_progress_waits_for_a_second() {
        let history = AttemptHistory::default();
        let mut all = others(MAX_UNRECOGNIZED_FAILURES, 0);
        let wait = |hour: &SourceHour, seconds| {
            history.admit(&attempt("unrecognized", seconds), hour).unwrap_err().retry_after
        };
        // An attempt lasts ten seconds at most.
        assert_eq!([0, 10].map(|seconds| wait(&all, seconds)), [1, 1]);
        assert_eq!(wait(&all, 11), 3_589);
        // One of them was made later.
        let first = *all.0.first().unwrap();
        all.0.remove(&first);
        all.0.insert(attempt("unrecognized", 20).id);
        assert_eq!([11, 30, 31].map(|seconds| wait(&all, seconds)), [1, 1, 3_569]);
        // The clock of another execution environment may be ahead.
        assert_eq!(wait(&others(MAX_UNRECOGNIZED_FAILURES, 3), 0), 1);
    }

    #[test]
    fn attempt_in_a_full_hour_is_admitted_if_it_is_one_of_the_counted() {
        let mut all = others(MAX_UNRECOGNIZED_FAILURES - 1, 0);
        let attempt = attempt("unrecognized", 0);
        all.0.insert(attempt.id);
        assert!(AttemptHistory::default().admit(&attempt, &all).is_ok());
    }

    #[test]
    fn id_contains_the_second_of_the_hour() {
        for (seconds, second) in [(0, 0), (59, 59), (3_599, 3_599), (3_600, 0)] {
            assert_eq!(attempt("source", seconds).id.second(), second);
        }
        assert!(attempt("source", 3_599).id.0 < 10_u64.pow(13));
    }

    #[test]
    fn released_attempt_delays_no_further_attempt() {
        let mut history = AttemptHistory::default();
        attack(&mut history, "unrecognized", 30);
        let sixth = attempt("unrecognized", 30);
        let admitted = history.admit(&sixth, &no_others()).unwrap();
        let released = admitted.history.without_attempt(&sixth, admitted.counted).unwrap();
        assert!(admitted.history.admit(&attempt("unrecognized", 31), &no_others()).is_err());
        assert!(released.admit(&attempt("unrecognized", 31), &no_others()).is_ok());
    }

    #[test]
    fn release_leaves_a_later_failure_of_the_same_second() {
        let mut history = AttemptHistory::default();
        attack(&mut history, "source", 1);
        let now = 2 * FAILURE_LIFETIME;
        let (released, failed) = (attempt("source", now), attempt("source", now));
        let admitted = history.admit(&released, &no_others()).unwrap();
        let both = admitted.history.admit(&failed, &no_others()).unwrap().history;
        let history = both.without_attempt(&released, admitted.counted).unwrap();
        assert_eq!(history.sources["source"].failures(at(now)), 1);
        assert_eq!(history.sources["source"].last_attempt_at, at(now));
    }

    #[test]
    fn attempt_before_a_success_is_not_released() {
        let pending = attempt("source", 0);
        let admitted = AttemptHistory::default().admit(&pending, &no_others()).unwrap();
        let recognized = admitted.history.with_recognized_source(&attempt("source", 1));
        assert!(recognized.without_attempt(&pending, admitted.counted).is_none());
    }

    #[test]
    fn login_without_a_password_recognizes_the_source_and_keeps_its_failures() {
        let user = "user_0000000000000001".parse().unwrap();
        let mut history = AttemptHistory::default();
        attack(&mut history, "source", 1);
        let pending = attempt("source", 60);
        let admitted = history.admit(&pending, &no_others()).unwrap();
        let login = attempt("source", 61);
        let after = admitted.history.with_login(&login, user);
        let (before, source) = (&admitted.history.sources["source"], &after.sources["source"]);
        assert_eq!(source.succeeded_at, Some(at(61)));
        assert!(after.has_recorded(&login, user) && !admitted.history.has_recorded(&login, user));
        assert_eq!((source.failures, &source.attempts), (before.failures, &before.attempts));
        assert_eq!((source.last_attempt_at, after.revision), (at(60), admitted.history.revision + 1));
        let released = after.without_attempt(&pending, admitted.counted).unwrap();
        assert_eq!(released.sources["source"].failures, before.failures - 1);
        // A success whose time is earlier does not move the time back.
        let earlier = after.with_success(&attempt("source", 30));
        assert_eq!(earlier.sources["source"].succeeded_at, Some(at(61)));
        assert!(earlier.has_recorded(&login, user));
    }

    #[test]
    fn failures_of_a_source_expire_after_a_day_without_attempts() {
        let mut history = AttemptHistory::default();
        attack(&mut history, "unrecognized", 100);
        let admitted = history.admit(&attempt("unrecognized", 90 + FAILURE_LIFETIME), &no_others()).unwrap();
        assert_eq!(admitted.history.sources["unrecognized"].failures, 1);
        assert_eq!(history.expires_at(), Some(at(90 + FAILURE_LIFETIME)));
        let other = history.admit(&attempt("other", 90 + FAILURE_LIFETIME), &no_others()).unwrap();
        assert_eq!(other.history.sources.len(), 1);
    }

    #[test]
    fn last_16_sources_with_a_success_are_recognized() {
        let mut history = AttemptHistory::default();
        for day in 0..40 {
            let source = day.to_string();
            let now = day * 2 * FAILURE_LIFETIME;
            history = history.admit(&attempt(&source, now), &no_others()).unwrap().history;
            history.sources.insert(source, SourceHistory::recognized(at(now), None));
        }
        history =
            history.admit(&attempt("unrecognized", 80 * FAILURE_LIFETIME), &no_others()).unwrap().history;
        let recognized = history.sources.values().filter(|source| source.succeeded_at.is_some()).count();
        assert_eq!(recognized, MAX_RECOGNIZED_SOURCES);
        assert!(history.sources.contains_key("39") && !history.sources.contains_key("23"));
    }

    #[test]
    fn clock_that_is_behind_adds_no_delay() {
        let history =
            AttemptHistory::default().admit(&attempt("unrecognized", 10), &no_others()).unwrap().history;
        assert!(history.admit(&attempt("unrecognized", 0), &no_others()).is_ok());
    }

    #[test]
    fn clock_that_is_behind_shortens_no_delay() {
        let mut history = AttemptHistory::default();
        for seconds in [10, 10, 10, 10, 0] {
            history = history.admit(&attempt("unrecognized", seconds), &no_others()).unwrap().history;
        }
        let throttled = history.admit(&attempt("unrecognized", 10), &no_others()).unwrap_err();
        assert_eq!(throttled.retry_after, FIRST_DELAY);
    }

    proptest! {
        #[test]
        fn delay_never_shrinks_or_exceeds_an_hour(failures: u32) {
            let (this, next) = (delay(failures), delay(failures.saturating_add(1)));
            prop_assert!(this <= next && next <= MAX_DELAY);
            prop_assert_eq!(this == 0, failures < FAILURES_BEFORE_DELAY);
        }

        #[test]
        fn attempt_is_admitted_exactly_after_retry_after(
            steps in prop::collection::vec((0_usize..4, 0_u32..4_000), 1..200),
        ) {
            let mut history = AttemptHistory::default();
            let mut now = 0;
            for (source, pause) in steps {
                now += pause;
                let source = source.to_string();
                match history.admit(&attempt(&source, now), &no_others()) {
                    Ok(admitted) => history = admitted.history,
                    Err(Throttled { retry_after }) => {
                        prop_assert!((1..=MAX_DELAY).contains(&retry_after));
                        prop_assert!(history.admit(&attempt(&source, now + retry_after - 1), &no_others()).is_err());
                        prop_assert!(history.admit(&attempt(&source, now + retry_after), &no_others()).is_ok());
                    }
                }
            }
        }

        #[test]
        fn unrecognized_sources_have_20_attempts_and_one_more_each_hour(
            steps in prop::collection::vec((any::<u8>(), 0_u32..9_000), 1..300),
        ) {
            let mut history = AttemptHistory::default();
            let (mut now, mut admitted_at) = (0, Vec::new());
            for (source, pause) in steps {
                now += pause;
                if let Ok(admitted) = history.admit(&attempt(&source.to_string(), now), &no_others()) {
                    history = admitted.history;
                    admitted_at.push(now);
                }
            }
            for (first, start) in admitted_at.iter().enumerate() {
                for (last, end) in admitted_at.iter().enumerate().skip(first) {
                    let limit = UNRECOGNIZED_BURST + (end - start) / UNRECOGNIZED_INTERVAL;
                    prop_assert!(last - first < limit as usize);
                }
            }
        }

        #[test]
        fn released_attempts_leave_the_history_of_the_others(
            steps in prop::collection::vec((0_usize..3, 0_u32..4_000, any::<bool>()), 1..60),
        ) {
            let (mut history, mut expected) = (AttemptHistory::default(), AttemptHistory::default());
            let mut now = 0;
            for (source, pause, is_released) in steps {
                now += pause;
                let attempt = attempt(&source.to_string(), now);
                let Ok(admitted) = history.admit(&attempt, &no_others()) else {
                    prop_assert!(expected.admit(&attempt, &no_others()).is_err());
                    continue;
                };
                if is_released {
                    history = admitted.history.without_attempt(&attempt, admitted.counted).unwrap();
                    prop_assert!(history.without_attempt(&attempt, admitted.counted).is_none());
                } else {
                    history = admitted.history;
                    expected = expected.admit(&attempt, &no_others()).unwrap().history;
                }
                let retry_after = |history: &AttemptHistory, source: usize| {
                    let attempt = self::attempt(&source.to_string(), now);
                    history.admit(&attempt, &no_others()).map(drop)
                };
                for source in 0..4 {
                    prop_assert_eq!(retry_after(&history, source), retry_after(&expected, source));
                }
            }
        }

        #[test]
        fn concurrent_attempts_can_be_released_in_any_order(
            released in prop::collection::vec(any::<bool>(), 5), is_reversed: bool, has_old_failures: bool,
        ) {
            let mut history = AttemptHistory::default();
            if has_old_failures {
                attack(&mut history, "source", 1);
            }
            let now = 2 * FAILURE_LIFETIME;
            let mut pending = Vec::new();
            for is_released in &released {
                let attempt = attempt("source", now);
                let admitted = history.admit(&attempt, &no_others()).unwrap();
                history = admitted.history;
                if *is_released {
                    pending.push((attempt, admitted.counted));
                }
            }
            if is_reversed {
                pending.reverse();
            }
            let failed = 5 - pending.len();
            for (attempt, counted) in pending {
                history = history.without_attempt(&attempt, counted).unwrap();
            }
            let failures = history.sources.get("source").map_or(0, |source| source.failures(at(now)));
            prop_assert_eq!(failures as usize, failed);
            let until = history.unrecognized_until.unwrap();
            prop_assert_eq!(seconds_until(until, at(now)), i64::try_from(failed * 3_600).unwrap());
        }
    }
}
