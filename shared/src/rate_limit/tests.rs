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
            (Reservation::StartWindow(batch), counter)
                if counter.is_none_or(|counter| counter.window < batch.window) =>
            {
                batch.size
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
    environment: usize,
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
    Receive { environment: usize },
    /// A pending request takes its next step. If that is a write, its response may be lost, and the write is then repeated.
    Advance { index: usize, response_is_lost: bool },
    /// Time passes for the execution environments whose clock is not frozen.
    Wait { seconds: i64 },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..ENVIRONMENTS).prop_map(|environment| Step::Receive { environment }),
        6 => (any::<usize>(), prop::bool::weighted(0.1))
            .prop_map(|(index, response_is_lost)| Step::Advance { index, response_is_lost }),
        1 => (0..40_i64).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

const ENVIRONMENTS: usize = 6;

proptest! {
    #[test]
    fn concurrent_requests_never_exceed_the_quota(
        requests in 1..40_u32,
        offsets in vec(-90..90_i64, ENVIRONMENTS),
        frozen in vec(any::<bool>(), ENVIRONMENTS),
        steps in vec(any_step(), 0..600),
    ) {
        let quota = quota(requests);
        let environments: Vec<_> = (0..ENVIRONMENTS).map(|_| Leases::default()).collect();
        let (mut table, mut time) = (Table::default(), 1_000_000);
        let mut pending: Vec<PendingRequest> = Vec::new();
        let mut authorized: BTreeMap<Window, u32> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Wait { seconds } => time += seconds,
                Step::Receive { environment } => {
                    let now = at(offsets[environment] + if frozen[environment] { 1_000_000 } else { time });
                    pending.push(PendingRequest { environment, now, counter: table.counter, batch: None });
                }
                Step::Advance { .. } if pending.is_empty() => {}
                Step::Advance { index, response_is_lost } => {
                    let index = index % pending.len();
                    let request = &mut pending[index];
                    let leases = &environments[request.environment];
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
                            SpendResult::Decided(decision) => (decision, None),
                        }
                    };
                    if let RateLimitDecision::Within(status) = decision {
                        // A request that reserved nothing counts for the window whose end its status reports.
                        let end = request.now.plus_seconds(status.resets_in);
                        let window = window.unwrap_or(Window(Window::at(end).0 - 1));
                        *authorized.entry(window).or_default() += 1;
                    }
                    pending.remove(index);
                }
            }
            prop_assert!(authorized.values().all(|count| *count <= quota.get()), "{authorized:?} of {quota:?}");
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
    assert_eq!(batch, Batch { window: Window(0), size: 1 });
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
    let batch = |size| Batch { window: Window(0), size };
    assert_eq!(Reservation::plan(batch(5), None, quota(3)).unwrap(), Reservation::StartWindow(batch(3)));
}
