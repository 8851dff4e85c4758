use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc};

use proptest::{collection::vec, prelude::*};
use time::OffsetDateTime;

use super::*;
use crate::{
    primitives::{
        id::KeyId,
        quota::{Counter, Quota, Window},
        timestamp::Timestamp,
        usage::tests::usage,
    },
    rate_limit::{
        batch::{Batch, NoReservation, Reservation, ReservedBatch},
        leases::{Leases, SpendResult},
    },
};

const DAY_SECONDS: i64 = 24 * 60 * 60;

fn quota(requests: u32) -> Quota {
    Quota::new(NonZeroU32::new(requests).unwrap())
}

fn at(seconds: i64) -> Timestamp {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap().into()
}

fn key() -> KeyId {
    "key_0000000000000001".parse().unwrap()
}

fn use_at(at: Timestamp) -> KeyUse {
    KeyUse { at, source_ip: None, previous_secret: None }
}

/// A table with one key.
#[derive(Default)]
struct Table {
    counter: Option<Counter>,
    recent: Option<RecentUsage>,
    /// The days with items of their own.
    moved_out: BTreeMap<Day, Counts>,
}

/// A write of the table: a reservation, and the change of the usage unless the report is left out.
#[derive(Clone)]
struct Write {
    reservation: Reservation,
    change: Option<UsageChange>,
}

impl Table {
    /// Makes a write if its conditions hold.
    fn write(&mut self, Write { reservation, change }: &Write) -> Result<(), ()> {
        let counter = self.counter_after(*reservation).ok_or(())?;
        match change {
            None => {}
            Some(UsageChange::Add { latest, earlier }) => {
                let stored = self.recent.as_mut();
                let mut days: Vec<_> = stored.into_iter().flat_map(both).collect();
                let added: Vec<_> = latest.iter().chain(earlier).collect();
                if !added.iter().all(|usage| days.iter().any(|day| day.day == usage.day)) {
                    return Err(());
                }
                for usage in added {
                    let day = days.iter_mut().find(|day| day.day == usage.day).unwrap();
                    **day = DayUsage::new(day.day, day.counts().plus(usage.counts()));
                }
            }
            Some(UsageChange::Replace { stored, new, moved_out }) => {
                if *stored != self.recent {
                    return Err(());
                }
                self.recent = Some(*new);
                for usage in moved_out {
                    let previous = self.moved_out.insert(usage.day, usage.counts());
                    assert_eq!(previous, None, "a day was moved twice");
                }
            }
        }
        self.counter = Some(counter);
        Ok(())
    }

    fn counter_after(&self, reservation: Reservation) -> Option<Counter> {
        let is_possible = match (reservation, self.counter) {
            (Reservation::StartWindow(Batch { replaces: Some(replaced), .. }), counter) => {
                counter.is_some_and(|counter| counter.window == replaced)
            }
            (Reservation::StartWindow(Batch { window, .. }), counter) => {
                counter.is_none_or(|counter| counter.window < window)
            }
            (Reservation::AddToWindow { batch, max_reserved }, counter) => counter
                .is_some_and(|counter| counter.window == batch.window && counter.reserved <= max_reserved),
        };
        is_possible.then(|| reservation.expected_counter(self.counter))
    }

    /// Returns the stored usage of each day.
    fn usage(&self) -> BTreeMap<Day, Counts> {
        let recent = self.recent.into_iter().flat_map(RecentUsage::days);
        let mut usage = self.moved_out.clone();
        for day in recent {
            assert_eq!(
                usage.insert(day.day, day.counts()),
                None,
                "the item contains a day that was moved out"
            );
        }
        usage
    }
}

fn both(recent: &mut RecentUsage) -> impl Iterator<Item = &mut DayUsage> {
    let RecentUsage { latest, earlier } = recent;
    earlier.iter_mut().chain([latest])
}

/// A request that waits for its reservation.
struct Pending {
    leases: Arc<Leases>,
    now: Timestamp,
    counter: Option<Counter>,
    recent: Option<RecentUsage>,
    batch: Batch,
    report: UsageReport,
    sends_report: bool,
}

/// What happens to a write.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Responds,
    /// The write is applied if its conditions hold, and its response is lost.
    LosesResponse,
    /// The write is not applied, and there is no response.
    IsLost,
    /// There is no response, and the write is applied later, if its conditions hold then.
    IsDelayed,
    /// `DynamoDB` rejects the write.
    IsRejected,
}

#[derive(Debug, Clone)]
enum Step {
    /// An execution environment receives a request and reads the key.
    Receive {
        environment: usize,
    },
    /// A pending request makes its next write.
    Write {
        index: usize,
        fate: Fate,
    },
    /// A pending request gives up after a timeout.
    TimeOut {
        index: usize,
    },
    /// A delayed write arrives.
    Arrive {
        index: usize,
    },
    Wait {
        seconds: i64,
    },
    /// An execution environment is replaced by a new one. The requests that it has begun continue.
    Restart {
        environment: usize,
    },
    SetClock {
        environment: usize,
        offset: i64,
    },
}

const ENVIRONMENTS: usize = 4;

/// How far a clock is ahead, in seconds.
fn any_offset() -> impl Strategy<Value = i64> {
    prop_oneof![8 => Just(0), 4 => -600..=600_i64, 1 => -400 * DAY_SECONDS..=400 * DAY_SECONDS]
}

fn any_step() -> impl Strategy<Value = Step> {
    let environment = 0..ENVIRONMENTS;
    let fate = prop_oneof![
        20 => Just(Fate::Responds),
        1 => Just(Fate::LosesResponse),
        1 => Just(Fate::IsLost),
        1 => Just(Fate::IsDelayed),
        1 => Just(Fate::IsRejected),
    ];
    prop_oneof![
        30 => environment.clone().prop_map(|environment| Step::Receive { environment }),
        40 => (any::<usize>(), fate).prop_map(|(index, fate)| Step::Write { index, fate }),
        1 => any::<usize>().prop_map(|index| Step::TimeOut { index }),
        5 => any::<usize>().prop_map(|index| Step::Arrive { index }),
        6 => prop_oneof![0..90_i64, 0..3 * DAY_SECONDS].prop_map(|seconds| Step::Wait { seconds }),
        2 => environment.clone().prop_map(|environment| Step::Restart { environment }),
        1 => (environment, any_offset()).prop_map(|(environment, offset)| Step::SetClock { environment, offset }),
    ]
}

/// What really happened, by day of the clock of the execution environment.
#[derive(Default)]
struct Reality(BTreeMap<Day, Counts>);

impl Reality {
    fn count(&mut self, now: Timestamp, decision: Option<RateLimitDecision>) {
        let is_rejected = matches!(decision, Some(RateLimitDecision::Exceeded(_)));
        let counts = if is_rejected { Counts::ONE_RATE_LIMITED } else { Counts::ONE_REQUEST };
        let sum = self.0.entry(Day::at(now)).or_default();
        *sum = sum.plus(counts);
    }
}

/// Ends a pending request as the authorizer does. `reserved` is `None` if there was no reservation in time.
fn finish(
    pending: Pending,
    reserved: Option<Result<ReservedBatch, NoReservation>>,
    quota: Quota,
    reality: &mut Reality,
) {
    let Pending { leases, now, report, .. } = pending;
    let decision = match reserved {
        Some(Err(_)) if report.delivery == Delivery::Unknown => None,
        Some(reserved) => Some(leases.record_reservation(key(), reserved, quota, now)),
        None => None,
    };
    leases.return_report(key(), report, decision);
    reality.count(now, decision);
}

proptest! {
    #[test]
    fn stored_usage_never_exceeds_what_was_authorized(
        requests in 1..60_u32,
        mut offsets in vec(any_offset(), ENVIRONMENTS),
        steps in vec(any_step(), 0..500),
    ) {
        let quota = quota(requests);
        let mut environments: Vec<_> = (0..ENVIRONMENTS).map(|_| Arc::new(Leases::default())).collect();
        let (mut table, mut time, mut reality) = (Table::default(), 500 * DAY_SECONDS - 100, Reality::default());
        let (mut pending, mut delayed): (Vec<Pending>, Vec<Write>) = Default::default();
        for step in steps {
            match step {
                Step::Wait { seconds } => time += seconds,
                Step::SetClock { environment, offset } => offsets[environment] = offset,
                Step::Restart { environment } => environments[environment] = Arc::default(),
                Step::Receive { environment } => {
                    let (leases, now) = (Arc::clone(&environments[environment]), at(time + offsets[environment]));
                    match leases.spend(key(), table.counter, quota, now) {
                        SpendResult::Decided(decision) => reality.count(now, Some(decision)),
                        SpendResult::Reserve(batch) => {
                            let report = leases.take_report(key(), use_at(now));
                            let Table { counter, recent, .. } = table;
                            pending.push(Pending { leases, now, counter, recent, batch, report, sends_report: true });
                        }
                    }
                }
                Step::Arrive { .. } if delayed.is_empty() => {}
                Step::Arrive { index } => {
                    let write = delayed.remove(index % delayed.len());
                    table.write(&write).ok();
                }
                Step::Write { .. } | Step::TimeOut { .. } if pending.is_empty() => {}
                Step::TimeOut { index } => {
                    let request = pending.remove(index % pending.len());
                    finish(request, None, quota, &mut reality);
                }
                Step::Write { index, fate } => {
                    let index = index % pending.len();
                    let request = &mut pending[index];
                    let reservation = match Reservation::plan(request.batch, request.counter, quota) {
                        Ok(reservation) => reservation,
                        Err(counter) => {
                            let request = pending.remove(index);
                            finish(request, Some(Err(NoReservation::Exhausted(counter))), quota, &mut reality);
                            continue;
                        }
                    };
                    let change = request.sends_report.then(|| request.report.plan(request.recent));
                    let write = Write { reservation, change };
                    let delivery = match fate {
                        Fate::IsRejected => Delivery::NotSent,
                        Fate::IsLost => Delivery::Unknown,
                        Fate::IsDelayed => {
                            delayed.push(write);
                            Delivery::Unknown
                        }
                        Fate::LosesResponse => {
                            table.write(&write).ok();
                            Delivery::Unknown
                        }
                        Fate::Responds if table.write(&write).is_ok() => Delivery::Stored,
                        Fate::Responds => {
                            (request.counter, request.recent) = (table.counter, table.recent);
                            let plan = request.report.plan(request.recent);
                            request.sends_report &= matches!(plan, UsageChange::Add { .. });
                            continue;
                        }
                    };
                    if request.sends_report {
                        request.report.delivery = delivery;
                    }
                    request.sends_report = false;
                    if delivery == Delivery::Stored {
                        let (request, counter) = (pending.remove(index), table.counter.unwrap());
                        let reserved = ReservedBatch { size: reservation.batch().size, counter };
                        finish(request, Some(Ok(reserved)), quota, &mut reality);
                    }
                }
            }
            // A request whose report may be stored is authorized in the end.
            let mut possible = reality.0.clone();
            for request in pending.iter().filter(|request| request.report.delivery == Delivery::Unknown) {
                let sum = possible.entry(Day::at(request.now)).or_default();
                *sum = sum.plus(Counts::ONE_REQUEST);
            }
            for (day, stored) in table.usage() {
                let possible = possible.get(&day).copied().unwrap_or_default();
                prop_assert!(stored.requests <= possible.requests, "{day}: {stored:?} of {possible:?}");
                prop_assert!(stored.rate_limited <= possible.rate_limited, "{day}: {stored:?} of {possible:?}");
            }
        }
    }

    /// Every execution environment sends requests at least every six hours until it ends, and the quota suffices for all of them. No
    /// write fails.
    #[test]
    fn stored_usage_lacks_at_most_the_rest_of_one_batch_per_environment(
        requests in 1..200_u32,
        offsets in vec(-600..=600_i64, ENVIRONMENTS),
        moments in vec((1_800..6 * 60 * 60_i64, vec(any::<u32>(), ENVIRONMENTS), prop::option::weighted(0.2, 0..ENVIRONMENTS)), 1..60),
    ) {
        let limit = quota(requests);
        let mut environments: Vec<_> = (0..ENVIRONMENTS).map(|_| Arc::new(Leases::default())).collect();
        let mut environments_so_far = u64::try_from(ENVIRONMENTS).unwrap();
        let (mut table, mut time, mut reality) = (Table::default(), 500 * DAY_SECONDS, Reality::default());
        for (pause, sent, restart) in moments {
            time += pause;
            if let Some(environment) = restart {
                environments[environment] = Arc::default();
                environments_so_far += 1;
            }
            for ((leases, offset), sent) in environments.iter().zip(&offsets).zip(sent) {
                for _ in 0..=sent % (requests / 8).max(1) {
                    let now = at(time + offset);
                    let decision = match leases.spend(key(), table.counter, limit, now) {
                        SpendResult::Decided(decision) => decision,
                        SpendResult::Reserve(batch) => {
                            let mut report = leases.take_report(key(), use_at(now));
                            let plan = Reservation::plan(batch, table.counter, limit);
                            let reserved = plan.map_err(NoReservation::Exhausted).map(|reservation| {
                                let write = Write { reservation, change: Some(report.plan(table.recent)) };
                                table.write(&write).expect("there are no concurrent writes");
                                report.delivery = Delivery::Stored;
                                let (size, counter) = (reservation.batch().size, table.counter.unwrap());
                                ReservedBatch { size, counter }
                            });
                            let decision = leases.record_reservation(key(), reserved, limit, now);
                            leases.return_report(key(), report, Some(decision));
                            decision
                        }
                    };
                    reality.count(now, Some(decision));
                }
            }
            let stored = table.usage();
            let max_rest = u64::from((requests / 4).clamp(1, 100)) - 1;
            for (day, real) in &reality.0 {
                let stored = stored.get(day).copied().unwrap_or_default();
                prop_assert!(stored.requests <= real.requests && stored.rate_limited <= real.rate_limited);
            }
            let sum = |usage: &BTreeMap<Day, Counts>| usage.values().map(|counts| counts.requests).sum::<u64>();
            let missing = sum(&reality.0) - sum(&stored);
            prop_assert!(missing <= environments_so_far * max_rest, "{missing} of {environments_so_far} * {max_rest}");
        }
    }
}

fn report(days: &[DayUsage]) -> BTreeMap<Day, Counts> {
    days.iter().map(|usage| (usage.day, usage.counts())).collect()
}

#[test]
fn report_adds_to_days_that_the_item_contains() {
    let stored = RecentUsage { latest: usage(8, 5, 1), earlier: Some(usage(7, 3, 0)) };
    let days = [usage(7, 10, 0), usage(8, 20, 2)];
    for (reported, latest, earlier) in [
        (&days[..], Some(days[1]), Some(days[0])),
        (&days[..1], None, Some(days[0])),
        (&days[1..], Some(days[1]), None),
        // An earlier day has an item of its own, so its requests are not counted any more.
        (&[usage(6, 1, 1), days[1]], Some(days[1]), None),
        (&[usage(5, 1, 1), usage(6, 1, 1)], None, None),
    ] {
        assert_eq!(UsageChange::plan(report(reported), Some(stored)), UsageChange::Add { latest, earlier });
    }
}

#[test]
fn new_day_moves_the_earliest_out_of_the_item() {
    let two_days = RecentUsage { latest: usage(8, 5, 1), earlier: Some(usage(7, 3, 0)) };
    let one_day = RecentUsage { earlier: None, ..two_days };
    for (reported, stored, [latest, earlier], moved_out) in [
        (&[usage(9, 1, 0)][..], None, [Some(usage(9, 1, 0)), None], vec![]),
        (&[usage(8, 2, 2), usage(9, 1, 0)], None, [Some(usage(9, 1, 0)), Some(usage(8, 2, 2))], vec![]),
        (&[usage(9, 1, 0)], Some(one_day), [Some(usage(9, 1, 0)), Some(usage(8, 5, 1))], vec![]),
        // Another clock is ahead and has begun the next day.
        (&[usage(7, 1, 0)], Some(one_day), [Some(usage(8, 5, 1)), Some(usage(7, 1, 0))], vec![]),
        (
            &[usage(9, 1, 0)],
            Some(two_days),
            [Some(usage(9, 1, 0)), Some(usage(8, 5, 1))],
            vec![usage(7, 3, 0)],
        ),
        (
            &[usage(7, 4, 1), usage(9, 1, 0)],
            Some(two_days),
            [Some(usage(9, 1, 0)), Some(usage(8, 5, 1))],
            vec![usage(7, 7, 1)],
        ),
        (
            &[usage(9, 1, 0), usage(10, 2, 0)],
            Some(two_days),
            [Some(usage(10, 2, 0)), Some(usage(9, 1, 0))],
            vec![usage(7, 3, 0), usage(8, 5, 1)],
        ),
    ] {
        let new = RecentUsage { latest: latest.unwrap(), earlier };
        let expected = UsageChange::Replace { stored, new, moved_out };
        assert_eq!(UsageChange::plan(report(reported), stored), expected);
    }
}

/// A clock that is a year ahead has begun a day. The other environments still count each of their days.
#[test]
fn day_of_a_wrong_clock_keeps_no_day_from_being_counted() {
    let mut table =
        Table { recent: Some(RecentUsage { latest: usage(400, 5, 0), earlier: None }), ..Table::default() };
    for day in 10..15 {
        let leases = Leases::default();
        let now = at(day * DAY_SECONDS);
        let report = leases.take_report(key(), use_at(now));
        let batch = Batch { window: Window::at(now), size: 1, replaces: None };
        let reservation = Reservation::plan(batch, table.counter, quota(10)).unwrap();
        table.write(&Write { reservation, change: Some(report.plan(table.recent)) }).unwrap();
    }
    let expected = (10..15).map(|day| usage(day, 1, 0)).chain([usage(400, 5, 0)]);
    assert!(table.usage().into_iter().map(|(day, counts)| DayUsage::new(day, counts)).eq(expected));
}

#[test]
fn previous_secret_use_is_reported_again_unless_a_reservation_has_stored_it() {
    let leases = Leases::default();
    let used = |seconds| PreviousSecretUse { generation: 0, at: at(seconds) };
    assert!(matches!(leases.spend(key(), None, quota(10), at(0)), SpendResult::Reserve(_)));
    leases.remember_previous_secret_use(key(), used(1));
    let status = |decision: fn(_) -> _| {
        decision(crate::rate_limit::decision::RateLimitStatus {
            quota: quota(10),
            remaining: 0,
            resets_in: 1,
        })
    };
    let (within, exceeded) = (status(RateLimitDecision::Within), status(RateLimitDecision::Exceeded));
    for (seconds, delivery, decision, reported) in [
        (2, Delivery::NotSent, Some(exceeded), Some(used(1))),
        (3, Delivery::Unknown, None, Some(used(3))),
        (4, Delivery::Unknown, Some(within), None),
    ] {
        let key_use = KeyUse { previous_secret: Some(used(seconds)), ..use_at(at(seconds)) };
        let report = leases.take_report(key(), key_use);
        assert_eq!(report.previous_secret_use(), Some(used(seconds)));
        leases.return_report(key(), UsageReport { delivery, ..report }, decision);
        let next = leases.take_report(key(), use_at(at(seconds)));
        assert_eq!(next.previous_secret_use(), reported);
        leases.return_report(key(), next, Some(exceeded));
    }
}
