use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc};

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

/// A table with one counter.
#[derive(Default)]
struct Table {
    counter: Option<Counter>,
    /// How often the counter was written.
    writes: usize,
}

impl Table {
    /// Makes a conditional write. Fails if the condition fails.
    fn reserve(&mut self, reservation: Reservation) -> Result<ReservedBatch, ()> {
        let reserved = match (reservation, self.counter) {
            (Reservation::StartWindow(Batch { size, replaces: Some(replaced), .. }), Some(counter))
                if counter.window == replaced =>
            {
                size
            }
            (Reservation::StartWindow(Batch { window, size, replaces: None }), counter)
                if counter.is_none_or(|counter| counter.window < window) =>
            {
                size
            }
            (Reservation::AddToWindow { batch, max_reserved }, Some(counter))
                if counter.window == batch.window && counter.reserved <= max_reserved =>
            {
                counter.reserved + batch.size
            }
            _ => return Err(()),
        };
        self.writes += 1;
        let counter = Counter { window: reservation.batch().window, reserved };
        self.counter = Some(counter);
        Ok(ReservedBatch { size: reservation.batch().size, counter })
    }
}

/// Sends one request and completes it, with no other request in between. Returns true if the request is within the limit.
fn send_request(leases: &Leases, table: &mut Table, quota: Quota, now: Timestamp) -> bool {
    let decision = match leases.spend(key(), table.counter, quota, now) {
        SpendResult::Decided(decision) => decision,
        SpendResult::Reserve(batch) => {
            let reserved = Reservation::plan(batch, table.counter, quota)
                .map(|reservation| table.reserve(reservation).expect("there are no concurrent writes"))
                .map_err(NoReservation::Exhausted);
            leases.record_reservation(key(), reserved, quota, now)
        }
    };
    matches!(decision, RateLimitDecision::Within(_))
}

/// A request that an execution environment is handling.
struct PendingRequest {
    now: Timestamp,
    /// The counter as the request last read it.
    counter: Option<Counter>,
    /// The batch that the request has to reserve.
    batch: Option<Batch>,
}

/// The next event in a sequence of concurrent requests.
#[derive(Debug, Clone)]
enum Step {
    /// An execution environment receives a request and reads the counter.
    Receive {
        environment: usize,
    },
    /// A pending request takes its next step. If that is a write, its response may be lost, and the write is then repeated.
    Advance {
        index: usize,
        response_is_lost: bool,
    },
    Wait {
        seconds: i64,
    },
    /// An execution environment is replaced by a new one, which has the clock of the same machine.
    Restart {
        environment: usize,
    },
    /// The clock of an execution environment is set.
    SetClock {
        environment: usize,
        offset: i64,
    },
}

const ENVIRONMENTS: usize = 6;

/// How far a clock is ahead, in seconds. If it is behind, this is negative.
fn any_offset() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), -90..=90_i64, -600..=600_i64]
}

fn any_step() -> impl Strategy<Value = Step> {
    let environment = 0..ENVIRONMENTS;
    prop_oneof![
        30 => environment.clone().prop_map(|environment| Step::Receive { environment }),
        60 => (any::<usize>(), prop::bool::weighted(0.1))
            .prop_map(|(index, response_is_lost)| Step::Advance { index, response_is_lost }),
        10 => (0..40_i64).prop_map(|seconds| Step::Wait { seconds }),
        2 => environment.clone().prop_map(|environment| Step::Restart { environment }),
        1 => (environment, any_offset()).prop_map(|(environment, offset)| Step::SetClock { environment, offset }),
    ]
}

/// What one execution environment does in a [simulation](simulate).
#[derive(Debug, Clone)]
struct Activity {
    /// How far its clock is ahead, in seconds.
    offset: i64,
    /// The probability that it sends requests at a moment.
    frequency: f64,
    /// It sends no requests from this moment on.
    leaves_at: usize,
}

fn any_activity() -> impl Strategy<Value = Activity> {
    (any_offset(), prop_oneof![Just(0.02), Just(0.3), Just(1.0)], 0..MOMENTS)
        .prop_map(|(offset, frequency, leaves_at)| Activity { offset, frequency, leaves_at })
}

const MOMENTS: usize = 300;
/// The longest time between two moments, in seconds.
const MAX_PAUSE: i64 = 10;

/// Something that happens at a moment of a simulation.
#[derive(Debug, Clone)]
struct Moment {
    /// The time since the previous moment, in seconds.
    pause: i64,
    /// Decides which execution environments send requests.
    chances: Vec<f64>,
    /// An execution environment that is replaced by a new one with the same clock.
    restart: Option<usize>,
}

fn any_moment() -> impl Strategy<Value = Moment> {
    (0..=MAX_PAUSE, vec(0.0..1.0, ENVIRONMENTS), prop::option::weighted(0.05, 1..ENVIRONMENTS))
        .prop_map(|(pause, chances, restart)| Moment { pause, chances, restart })
}

/// Simulates execution environments that send as many requests as they can. The first one sends requests at each moment and
/// is never replaced. Returns the time of each moment, and how many requests were authorized in it.
fn simulate(quota: Quota, activities: &[Activity], moments: &[Moment]) -> Vec<(i64, u32)> {
    let mut environments: Vec<_> = activities.iter().map(|_| Leases::default()).collect();
    let (mut table, mut time) = (Table::default(), 1_000_000);
    let moments = moments.iter().enumerate().map(|(n, Moment { pause, chances, restart })| {
        time += pause;
        if let Some(leases) = restart.and_then(|environment| environments.get_mut(environment)) {
            *leases = Leases::default();
        }
        let is_active = |environment: usize| {
            let Activity { frequency, leaves_at, .. } = activities[environment];
            environment == 0 || (n < leaves_at && chances[environment] < frequency)
        };
        let mut authorized = 0;
        // Others are first, so that they take all that they can get.
        for environment in (0..activities.len()).rev().filter(|environment| is_active(*environment)) {
            let now = at(time + activities[environment].offset);
            authorized +=
                std::iter::repeat_with(|| send_request(&environments[environment], &mut table, quota, now))
                    .take_while(|is_authorized| *is_authorized)
                    .count();
        }
        (time, u32::try_from(authorized).unwrap())
    });
    moments.collect()
}

proptest! {
    #[test]
    fn concurrent_requests_never_exceed_the_quota(
        requests in 1..40_u32,
        mut offsets in vec(any_offset(), ENVIRONMENTS),
        steps in vec(any_step(), 0..600),
    ) {
        let quota = quota(requests);
        let mut environments: Vec<_> = (0..ENVIRONMENTS).map(|_| Arc::new(Leases::default())).collect();
        let (mut table, mut time) = (Table::default(), 1_000_000);
        let mut pending: Vec<(Arc<Leases>, PendingRequest)> = Vec::new();
        let mut authorized: BTreeMap<Window, u32> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Wait { seconds } => time += seconds,
                Step::SetClock { environment, offset } => offsets[environment] = offset,
                Step::Restart { environment } => environments[environment] = Arc::new(Leases::default()),
                Step::Receive { environment } => {
                    let now = at(time + offsets[environment]);
                    let request = PendingRequest { now, counter: table.counter, batch: None };
                    pending.push((Arc::clone(&environments[environment]), request));
                }
                Step::Advance { .. } if pending.is_empty() => {}
                Step::Advance { index, response_is_lost } => {
                    let index = index % pending.len();
                    let (leases, request) = &mut pending[index];
                    let (decision, window) = if let Some(batch) = request.batch {
                        let plan = Reservation::plan(batch, request.counter, quota);
                        let reserved = match plan.map(|reservation| table.reserve(reservation)) {
                            Ok(Ok(_)) if response_is_lost => continue,
                            Ok(Ok(reserved)) => Ok(reserved),
                            Ok(Err(())) => {
                                request.counter = table.counter;
                                continue;
                            }
                            Err(counter) => Err(NoReservation::Exhausted(counter)),
                        };
                        let window = reserved.map(|reserved| reserved.counter.window).ok();
                        (leases.record_reservation(key(), reserved, quota, request.now), window)
                    } else {
                        match leases.spend(key(), request.counter, quota, request.now) {
                            SpendResult::Reserve(batch) => {
                                request.batch = Some(batch);
                                continue;
                            }
                            SpendResult::Decided(decision) => (decision, leases.window(key())),
                        }
                    };
                    if let RateLimitDecision::Within(_) = decision {
                        *authorized.entry(window.unwrap()).or_default() += 1;
                    }
                    pending.remove(index);
                }
            }
            prop_assert!(authorized.values().all(|count| *count <= quota.get()), "{authorized:?} of {quota:?}");
        }
    }

    /// The windows that are used during some time are those that any clock passes in it.
    #[test]
    fn requests_in_any_period_never_exceed_the_quota_of_the_windows_of_all_clocks(
        requests in 1..40_u32,
        activities in vec(any_activity(), 1..=ENVIRONMENTS),
        moments in vec(any_moment(), MOMENTS),
    ) {
        let moments = simulate(quota(requests), &activities, &moments);
        let offsets = activities.iter().map(|activity| activity.offset);
        let (slowest, fastest) = (offsets.clone().min().unwrap(), offsets.max().unwrap());
        for (n, (start, _)) in moments.iter().enumerate() {
            let mut authorized = 0;
            for (end, count) in &moments[n..] {
                authorized += count;
                let windows = (end + fastest).div_euclid(60) - (start + slowest).div_euclid(60) + 1;
                prop_assert!(i64::from(authorized) <= windows * i64::from(requests), "{start} to {end}: {authorized}");
            }
        }
    }

    /// The batches have one request each, because the quota is small. So no part of it is lost.
    #[test]
    fn whole_quota_is_available_soon_after_any_moment(
        requests in 1..8_u32,
        activities in vec(any_activity(), 1..=ENVIRONMENTS),
        moments in vec(any_moment(), MOMENTS),
    ) {
        let moments = simulate(quota(requests), &activities, &moments);
        for (n, (start, _)) in moments.iter().enumerate() {
            let mut authorized = 0;
            for (end, count) in &moments[n..] {
                authorized += count;
                if end - start > 65 + 2 * MAX_PAUSE {
                    prop_assert!(authorized >= requests, "{start} to {end}: {authorized} of {requests}");
                    break;
                }
            }
        }
    }

    /// The quota is at least 80: with a smaller one, the largest batch would have fewer than 20 requests.
    #[test]
    fn steady_traffic_needs_at_most_one_write_per_ten_requests(
        (requests, each_minute) in (80..10_000_u32).prop_flat_map(|quota| (Just(quota), 10..=quota.min(400))),
    ) {
        let (leases, mut table, quota) = (Leases::default(), Table::default(), quota(requests));
        for minute in 0..12 {
            if minute == 2 {
                table.writes = 0;
            }
            for n in 0..each_minute {
                let now = at(60 * minute + i64::from(n * 60 / each_minute));
                prop_assert!(send_request(&leases, &mut table, quota, now));
            }
        }
        let requests = usize::try_from(each_minute).unwrap() * 10;
        prop_assert!(table.writes * 10 <= requests, "{} writes for {requests} requests", table.writes);
    }

    /// The unspent part of an execution environment's last batch is at most five quarters of its authorized requests, and at
    /// most a quarter of the quota.
    #[test]
    fn idle_environments_leave_the_rest_of_the_quota_to_others(
        requests in 4..400_u32,
        requests_per_environment in vec(0..9_u32, 1..8),
    ) {
        let (mut table, quota) = (Table::default(), quota(requests));
        let mut authorized = 0;
        let mut max_unspent = 0;
        for sent in requests_per_environment {
            let leases = Leases::default();
            let own = (0..sent).filter(|_| send_request(&leases, &mut table, quota, at(0))).count();
            let own = u32::try_from(own).unwrap();
            authorized += own;
            max_unspent += (own + own / 4).min(requests / 4).min(100);
        }
        let leases = Leases::default();
        while send_request(&leases, &mut table, quota, at(59)) {
            authorized += 1;
        }
        prop_assert!(authorized + max_unspent >= requests);
        prop_assert!(authorized <= requests);
    }
}

#[test]
fn exactly_the_quota_is_authorized_in_each_window() {
    let (leases, mut table, quota) = (Leases::default(), Table::default(), quota(100));
    let authorized = |now: i64, table: &mut Table| {
        (0..300).filter(|_| send_request(&leases, table, quota, at(now))).count()
    };
    assert_eq!(authorized(0, &mut table), 100);
    assert_eq!(authorized(59, &mut table), 0);
    assert_eq!(authorized(60, &mut table), 100);
}

#[test]
fn status_has_the_remaining_requests_and_the_seconds_to_the_reset() {
    let (leases, quota) = (Leases::default(), quota(3));
    let SpendResult::Reserve(batch) = leases.spend(key(), None, quota, at(42)) else {
        panic!("an empty lease requires a reservation")
    };
    assert_eq!(batch, Batch { window: Window(0), size: 1, replaces: None });
    let counter = |reserved| Counter { window: Window(0), reserved };
    let reserved = Ok(ReservedBatch { size: 1, counter: counter(1) });
    let status = |remaining, resets_in| RateLimitStatus { quota, remaining, resets_in };
    let decision = leases.record_reservation(key(), reserved, quota, at(42));
    assert_eq!(decision, RateLimitDecision::Within(status(2, 18)));
    let exceeded = SpendResult::Decided(RateLimitDecision::Exceeded(status(0, 1)));
    assert_eq!(leases.spend(key(), Some(counter(3)), quota, at(59)), exceeded);
}

#[test]
fn leases_of_10_000_keys_are_stored_and_one_more_key_discards_all() {
    let (leases, quota) = (Leases::default(), quota(1_000));
    let key = |number: usize| format!("key_{number:016}").parse().unwrap();
    let counter = Counter { window: Window(0), reserved: 2 };
    let has_lease =
        |number| matches!(leases.spend(key(number), Some(counter), quota, at(0)), SpendResult::Decided(_));
    for number in 0..leases::MAX_LEASES - 1 {
        leases.record_reservation(key(number), Ok(ReservedBatch { size: 2, counter }), quota, at(0));
    }
    // This call adds the key with an empty lease, so the map is full. The other leases stay.
    assert!(!has_lease(leases::MAX_LEASES));
    assert!(has_lease(0) && has_lease(1));
    // One more key discards all leases.
    assert!(!has_lease(leases::MAX_LEASES + 1));
    assert!(!has_lease(2));
}

#[test]
fn batch_is_five_quarters_of_recent_requests_up_to_a_quarter_of_the_quota() {
    for (requests, recent, seconds_later, size) in [
        (100, 0, 60, 1),
        (100, 8, 60, 10),
        (100, 12, 60, 15),
        (100, 80, 60, 25),
        (3, 3, 60, 1),
        (6_000, 40, 60, 50),
        (6_000, 400, 60, 100),
        // A window without requests resets the batch size.
        (100, 80, 120, 1),
    ] {
        let (leases, mut table, quota) = (Leases::default(), Table::default(), quota(requests));
        for _ in 0..recent {
            assert!(send_request(&leases, &mut table, quota, at(0)));
        }
        let result = leases.spend(key(), table.counter, quota, at(seconds_later));
        let SpendResult::Reserve(batch) = result else { panic!("an empty lease requires a reservation") };
        assert_eq!(batch.size, size, "{requests} {recent}");
    }
}

#[test]
fn quota_lowered_below_the_reserved_requests_voids_leases() {
    for before in 2..200 {
        let (leases, mut table) = (Leases::default(), Table::default());
        for _ in 0..before {
            assert!(send_request(&leases, &mut table, quota(6_000), at(0)));
        }
        assert!(!send_request(&leases, &mut table, quota(before - 1), at(0)), "{before}");
        // Raising the quota again does not restore the lease, because other execution environments may have spent it.
        let reserved = table.counter.unwrap().reserved;
        assert!(!send_request(&leases, &mut table, quota(reserved), at(0)), "{before}");
        assert!(send_request(&leases, &mut table, quota(reserved + 1), at(0)), "{before}");
    }
}

#[test]
fn first_batch_never_exceeds_the_quota() {
    let batch = |size| Batch { window: Window(0), size, replaces: None };
    assert_eq!(Reservation::plan(batch(5), None, quota(3)).unwrap(), Reservation::StartWindow(batch(3)));
}

#[test]
fn window_of_a_clock_that_is_ahead_ends_65_seconds_after_it_was_first_seen() {
    let (fast, slow, mut table, quota) = (Leases::default(), Leases::default(), Table::default(), quota(2));
    let mut authorized =
        |leases: &Leases, now| (0..4).filter(|_| send_request(leases, &mut table, quota, at(now))).count();
    // The fast clock is 560 seconds ahead.
    assert_eq!(authorized(&fast, 570), 2);
    for (now, expected) in [(10, 0), (74, 0), (75, 2), (139, 0), (140, 2), (335, 2)] {
        assert_eq!(authorized(&slow, now), expected, "{now}");
    }
    // Both use the same windows. The fast clock starts the next one.
    assert_eq!(authorized(&fast, 560 + 335), 0);
    assert_eq!(authorized(&fast, 560 + 340), 2);
    assert_eq!(table.counter.unwrap().window, Window(15));
}

#[test]
fn retry_time_ends_when_the_window_ends_for_this_environment() {
    let (leases, quota) = (Leases::default(), quota(2));
    let counter = Some(Counter { window: Window(9), reserved: 2 });
    for (now, resets_in) in [(10, 65), (50, 25), (74, 1)] {
        let status = RateLimitStatus { quota, remaining: 0, resets_in };
        let exceeded = SpendResult::Decided(RateLimitDecision::Exceeded(status));
        assert_eq!(leases.spend(key(), counter, quota, at(now)), exceeded, "{now}");
    }
}

#[test]
fn clock_that_is_set_back_delays_the_next_window_only_briefly() {
    let (leases, mut table, quota) = (Leases::default(), Table::default(), quota(2));
    let mut authorized = |now| (0..4).filter(|_| send_request(&leases, &mut table, quota, at(now))).count();
    assert_eq!(authorized(600), 2);
    for (now, expected) in [(1, 0), (65, 0), (66, 2)] {
        assert_eq!(authorized(now), expected, "{now}");
    }
}

#[test]
fn counter_far_in_the_future_is_replaced() {
    let (fast, accurate, mut table, quota) =
        (Leases::default(), Leases::default(), Table::default(), quota(2));
    let mut authorized = |leases: &Leases, now| {
        let authorized = (0..4).filter(|_| send_request(leases, &mut table, quota, at(now))).count();
        (authorized, table.counter.unwrap().window)
    };
    let year = 365 * 24 * 60;
    assert_eq!(authorized(&fast, year * 60), (2, Window(year)));
    for (now, expected) in [
        (10, (0, Window(year))),
        (74, (0, Window(year))),
        (75, (2, Window(1))),
        (119, (0, Window(1))),
        (120, (2, Window(2))),
    ] {
        assert_eq!(authorized(&accurate, now), expected, "{now}");
    }
    // An environment that has not seen the replaced window does not wait.
    assert_eq!(authorized(&Leases::default(), 180), (2, Window(3)));
}

#[test]
fn counter_that_is_a_week_ahead_is_not_replaced() {
    let week = 7 * 24 * 60;
    for (window, expected) in [(week, Window(week + 1)), (week + 2, Window(1))] {
        let leases = Leases::default();
        let mut table =
            Table { counter: Some(Counter { window: Window(window), reserved: 2 }), ..Table::default() };
        assert!(!send_request(&leases, &mut table, quota(2), at(0)));
        assert!(send_request(&leases, &mut table, quota(2), at(65)));
        assert_eq!(table.counter.unwrap().window, expected);
    }
}

#[test]
fn only_the_window_that_an_environment_has_watched_is_replaced() {
    let wanted = Batch { window: Window(1), size: 1, replaces: Some(Window(100)) };
    let counter = |window| Some(Counter { window: Window(window), reserved: 1 });
    let plan = |window| Reservation::plan(wanted, counter(window), quota(2)).unwrap();
    assert_eq!(plan(100), Reservation::StartWindow(wanted));
    // Another environment has started the next window meanwhile.
    let added = Batch { window: Window(101), size: 1, replaces: None };
    assert_eq!(plan(101), Reservation::AddToWindow { batch: added, max_reserved: 1 });
    // Another environment has replaced the window already.
    let added = Batch { window: Window(1), ..added };
    assert_eq!(plan(1), Reservation::AddToWindow { batch: added, max_reserved: 1 });
    assert_eq!(plan(0), Reservation::StartWindow(Batch { replaces: None, ..wanted }));
}
