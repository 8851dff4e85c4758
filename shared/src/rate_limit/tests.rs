use std::{collections::BTreeMap, num::NonZeroU32};

use proptest::{collection::vec, prelude::*};
use time::OffsetDateTime;

use super::{
    batch::{Batch, NoReservation, Reservation, ReservedBatch},
    decision::{RateLimitDecision, RateLimitStatus},
    leases::{self, Leases, SpendResult},
};
use crate::primitives::{
    id::KeyId,
    quota::{Counter, Quota, Window},
    timestamp::Timestamp,
};

fn quota(requests: u32) -> Quota {
    Quota::new(NonZeroU32::new(requests).unwrap())
}

fn at(seconds: i64) -> Timestamp {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap().into()
}

fn key() -> KeyId {
    "key_0000000000000001".parse().unwrap()
}

/// The counter in the table, and how often it was written.
#[derive(Default)]
struct Table {
    counter: Option<Counter>,
    writes: usize,
}

impl Table {
    /// Does a conditional write.
    fn take(&mut self, taking: Reservation) -> Result<ReservedBatch, ()> {
        let taken = match (taking, self.counter) {
            (Reservation::First(batch), counter)
                if counter.is_none_or(|counter| counter.window < batch.window) =>
            {
                batch.size
            }
            (Reservation::Further { batch, at_most }, Some(counter))
                if counter.window == batch.window && counter.taken <= at_most =>
            {
                counter.taken + batch.size
            }
            _ => return Err(()),
        };
        self.writes += 1;
        let counter = Counter { window: taking.batch().window, taken };
        self.counter = Some(counter);
        Ok(ReservedBatch { size: taking.batch().size, counter })
    }
}

/// One request from its begin to its end, with nothing between. Returns whether it is let in.
fn request(leases: &Leases, table: &mut Table, quota: Quota, now: Timestamp) -> bool {
    let verdict = match leases.spend(key(), table.counter, quota, now) {
        SpendResult::Done(verdict) => verdict,
        SpendResult::Take(wanted) => {
            let taken = Reservation::plan(wanted, table.counter, quota)
                .map(|taking| table.take(taking).expect("nobody came first"))
                .map_err(NoReservation::UsedUp);
            leases.keep(key(), taken, quota, now)
        }
    };
    matches!(verdict, RateLimitDecision::Within(_))
}

/// A request under way in a program.
struct UnderWay {
    program: usize,
    now: Timestamp,
    seen: Option<Counter>,
    wanted: Option<Batch>,
}

/// What happens next in a history.
#[derive(Debug, Clone)]
enum Step {
    /// A program gets a request and reads the counter.
    Begin { program: usize },
    /// One of the requests under way goes a step further. Where it writes, its answer may be lost, and then
    /// the write is tried again.
    Go { which: usize, answer_is_lost: bool },
    /// The time goes on, for the programs whose clocks aren't frozen.
    Pass { seconds: i64 },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..PROGRAMS).prop_map(|program| Step::Begin { program }),
        6 => (any::<usize>(), prop::bool::weighted(0.1))
            .prop_map(|(which, answer_is_lost)| Step::Go { which, answer_is_lost }),
        1 => (0..40_i64).prop_map(|seconds| Step::Pass { seconds }),
    ]
}

const PROGRAMS: usize = 6;

proptest! {
    #[test]
    fn no_history_lets_in_more_than_the_quota(
        requests in 1..40_u32,
        offsets in vec(-90..90_i64, PROGRAMS),
        frozen in vec(any::<bool>(), PROGRAMS),
        steps in vec(any_step(), 0..600),
    ) {
        let quota = quota(requests);
        let programs: Vec<_> = (0..PROGRAMS).map(|_| Leases::default()).collect();
        let (mut table, mut time) = (Table::default(), 1_000_000);
        let mut under_way: Vec<UnderWay> = Vec::new();
        let mut let_in: BTreeMap<Window, u32> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Pass { seconds } => time += seconds,
                Step::Begin { program } => {
                    let now = offsets[program] + if frozen[program] { 1_000_000 } else { time };
                    under_way.push(UnderWay { program, now: at(now), seen: table.counter, wanted: None });
                }
                Step::Go { .. } if under_way.is_empty() => {}
                Step::Go { which, answer_is_lost } => {
                    let place = which % under_way.len();
                    let one = &mut under_way[place];
                    let leases = &programs[one.program];
                    let (verdict, window) = if let Some(wanted) = one.wanted {
                        let taken = match Reservation::plan(wanted, one.seen, quota).map(|taking| table.take(taking)) {
                            Ok(Ok(_)) if answer_is_lost => continue,
                            Ok(Ok(taken)) => Ok(taken),
                            Ok(Err(())) => {
                                one.seen = table.counter;
                                continue;
                            }
                            Err(counter) => Err(NoReservation::UsedUp(counter)),
                        };
                        let window = taken.map(|taken| taken.counter.window).ok();
                        (leases.keep(key(), taken, quota, one.now), window)
                    } else {
                        match leases.spend(key(), one.seen, quota, one.now) {
                            SpendResult::Take(batch) => {
                                one.wanted = Some(batch);
                                continue;
                            }
                            SpendResult::Done(verdict) => (verdict, None),
                        }
                    };
                    if let RateLimitDecision::Within(status) = verdict {
                        // Else it is the window whose end the caller is told.
                        let end = one.now.plus_seconds(status.resets_in);
                        let window = window.unwrap_or(Window(Window::at(end).0 - 1));
                        *let_in.entry(window).or_default() += 1;
                    }
                    under_way.remove(place);
                }
            }
            prop_assert!(let_in.values().all(|count| *count <= quota.get()), "{let_in:?} of {quota:?}");
        }
    }

    /// Of a smaller quota, the largest batch is too small for that.
    #[test]
    fn a_steady_caller_costs_one_write_in_ten_requests(
        (requests, each_minute) in (80..10_000_u32).prop_flat_map(|quota| (Just(quota), 10..=quota.min(400))),
    ) {
        let (leases, mut table, quota) = (Leases::default(), Table::default(), quota(requests));
        for minute in 0..12 {
            if minute == 2 {
                table.writes = 0;
            }
            for n in 0..each_minute {
                let now = at(60 * minute + i64::from(n * 60 / each_minute));
                prop_assert!(request(&leases, &mut table, quota, now));
            }
        }
        let requests = usize::try_from(each_minute).unwrap() * 10;
        prop_assert!(table.writes * 10 <= requests, "{} writes for {requests} requests", table.writes);
    }

    /// What one program leaves unspent is at most a quarter more than what it spent, or one; and never more
    /// than a quarter of the quota.
    #[test]
    fn the_idle_leave_the_rest_to_the_others(requests in 4..400_u32, spent in vec(0..9_u32, 1..8)) {
        let (mut table, quota) = (Table::default(), quota(requests));
        let mut let_in = 0;
        let mut unspent_at_most = 0;
        for spent in spent {
            let leases = Leases::default();
            let own = (0..spent).filter(|_| request(&leases, &mut table, quota, at(0))).count();
            let own = u32::try_from(own).unwrap();
            let_in += own;
            unspent_at_most += (own + own / 4).min(requests / 4).min(100);
        }
        let another = Leases::default();
        while request(&another, &mut table, quota, at(59)) {
            let_in += 1;
        }
        prop_assert!(let_in + unspent_at_most >= requests);
        prop_assert!(let_in <= requests);
    }
}

#[test]
fn the_quota_is_let_in_and_no_more_until_the_window_ends() {
    let (leases, mut table, quota) = (Leases::default(), Table::default(), quota(100));
    let let_in =
        |now: i64, table: &mut Table| (0..300).filter(|_| request(&leases, table, quota, at(now))).count();
    assert_eq!(let_in(0, &mut table), 100);
    assert_eq!(let_in(59, &mut table), 0);
    assert_eq!(let_in(60, &mut table), 100);
}

#[test]
fn a_caller_is_told_what_remains() {
    let (leases, quota) = (Leases::default(), quota(3));
    let SpendResult::Take(batch) = leases.spend(key(), None, quota, at(42)) else {
        panic!("nothing was taken")
    };
    assert_eq!(batch, Batch { window: Window(0), size: 1 });
    let counter = |taken| Counter { window: Window(0), taken };
    let taken = Ok(ReservedBatch { size: 1, counter: counter(1) });
    let status = |remaining, resets_in| RateLimitStatus { quota, remaining, resets_in };
    assert_eq!(leases.keep(key(), taken, quota, at(42)), RateLimitDecision::Within(status(2, 18)));
    let exceeded = SpendResult::Done(RateLimitDecision::Exceeded(status(0, 1)));
    assert_eq!(leases.spend(key(), Some(counter(3)), quota, at(59)), exceeded);
}

#[test]
fn what_is_remembered_of_keys_has_a_limit_and_no_key_loses_by_coming_again() {
    let (leases, quota) = (Leases::default(), quota(1_000));
    let key = |number: usize| format!("key_{number:016}").parse().unwrap();
    let counter = Counter { window: Window(0), taken: 2 };
    let keep = |number| leases.keep(key(number), Ok(ReservedBatch { size: 2, counter }), quota, at(0));
    let is_left =
        |number| matches!(leases.spend(key(number), Some(counter), quota, at(0)), SpendResult::Done(_));
    for number in 0..leases::KEPT - 1 {
        keep(number);
    }
    assert!(!is_left(leases::KEPT));
    // With that one, they are as many as are remembered, and who is among them stays.
    assert!(is_left(0) && is_left(1));
    assert!(!is_left(leases::KEPT + 1));
    // One more, and all are forgotten.
    assert!(!is_left(2));
}

#[test]
fn a_batch_is_what_was_spent_lately_and_a_quarter_more_up_to_a_quarter_of_the_quota() {
    for (requests, lately, seconds_later, size) in [
        (100, 0, 60, 1),
        (100, 8, 60, 10),
        (100, 12, 60, 15),
        (100, 80, 60, 25),
        (3, 3, 60, 1),
        (6_000, 40, 60, 50),
        (6_000, 400, 60, 100),
        // After a window without a request it begins anew.
        (100, 80, 120, 1),
    ] {
        let (leases, mut table, quota) = (Leases::default(), Table::default(), quota(requests));
        for _ in 0..lately {
            assert!(request(&leases, &mut table, quota, at(0)));
        }
        let taking = leases.spend(key(), table.counter, quota, at(seconds_later));
        let SpendResult::Take(batch) = taking else { panic!("nothing was taken") };
        assert_eq!(batch.size, size, "{requests} {lately}");
    }
}

#[test]
fn of_a_quota_that_was_lowered_below_what_was_taken_nothing_is_left() {
    for before in 2..200 {
        let (leases, mut table) = (Leases::default(), Table::default());
        for _ in 0..before {
            assert!(request(&leases, &mut table, quota(6_000), at(0)));
        }
        assert!(!request(&leases, &mut table, quota(before - 1), at(0)), "{before}");
        // Nor is it there when the quota is raised: other programs may have taken it.
        let taken = table.counter.unwrap().taken;
        assert!(!request(&leases, &mut table, quota(taken), at(0)), "{before}");
        assert!(request(&leases, &mut table, quota(taken + 1), at(0)), "{before}");
    }
}

#[test]
fn a_first_batch_is_no_more_than_the_quota() {
    let batch = |size| Batch { window: Window(0), size };
    assert_eq!(Reservation::plan(batch(5), None, quota(3)).unwrap(), Reservation::First(batch(3)));
}
