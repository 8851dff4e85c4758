//! How often a key's counter is written, by the very rule that the authorizer goes by.

use shared::{
    id::KeyId,
    limit::{Counter, Leases, Quota, Spending, Taken, Taking, Untaken},
    timestamp::Timestamp,
};
use time::OffsetDateTime;

/// A minute, in seconds.
const MINUTE: u32 = 60;

/// The writes of one key's counter in a minute, after another one like it.
pub struct Writes {
    pub in_the_minute: u32,
    pub in_the_busiest_second: u32,
}

/// What comes of so many requests a second with one key, that go to so many programs in turn.
pub fn writes(requests_per_second: u32, programs: usize) -> Writes {
    let key: KeyId = "key_0000000000000000".parse().expect("an id");
    let quota = (2 * MINUTE * requests_per_second).try_into().map(Quota::new).expect("some requests");
    let leases: Vec<_> = (0..programs).map(|_| Leases::default()).collect();
    let mut counter = None;
    let mut seconds = Vec::new();
    for second in 0..2 * MINUTE {
        let now = OffsetDateTime::from_unix_timestamp(second.into()).map(Timestamp::from).expect("a time");
        let mut writes = 0;
        for request in 0..requests_per_second {
            let place = (second * requests_per_second + request) as usize % programs;
            let Spending::Take(wanted) = leases[place].spend(key, counter, quota, now) else { continue };
            let taken = Taking::plan(wanted, counter, quota).map(|taking| {
                let (window, size) = (taking.batch().window, taking.batch().size);
                let before = match taking {
                    Taking::First(_) => 0,
                    Taking::Further { .. } => counter.map_or(0, |counter: Counter| counter.taken),
                };
                Taken { size, counter: Counter { window, taken: before + size } }
            });
            counter = taken.map_or_else(Some, |taken| Some(taken.counter));
            leases[place].keep(key, taken.map_err(Untaken::UsedUp), quota, now);
            writes += 1;
        }
        seconds.push(writes);
    }
    let minute = &seconds[MINUTE as usize..];
    Writes {
        in_the_minute: minute.iter().sum(),
        in_the_busiest_second: minute.iter().max().copied().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_used_once_a_minute_is_written_then() {
        let Writes { in_the_minute, in_the_busiest_second } = writes(1, 60);
        assert_eq!((in_the_minute, in_the_busiest_second), (60, 1));
    }

    #[test]
    fn of_a_busy_key_in_one_program_one_request_in_a_hundred_writes() {
        assert_eq!(writes(100, 1).in_the_minute, 60);
    }
}
