//! Usage: how many requests of an API key were authorized, and how many exceeded its rate limit, on each day.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::primitives::timestamp::Timestamp;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// A day in UTC, as the number of days since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(i64);

impl Day {
    /// The number of days for which usage is stored.
    pub const STORED: u16 = 90;

    /// Returns the day that contains `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(now.unix_seconds().div_euclid(DAY_SECONDS))
    }

    /// Returns the last `count` days up to this one. `count` must be at least 1.
    #[must_use]
    pub fn last(self, count: u16) -> RangeInclusive<Self> {
        Self(self.0 + 1 - i64::from(count))..=self
    }

    /// Returns when the usage of this day may be deleted, in seconds since 1970: a day after it was shown for the last time.
    pub(crate) fn deleted_at(self) -> i64 {
        (self.0 + i64::from(Self::STORED) + 1) * DAY_SECONDS
    }
}

/// The date in the format of RFC 3339, such as `2026-01-30`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::from_unix_timestamp(self.0.saturating_mul(DAY_SECONDS));
        write!(f, "{}", moment.map_err(|_| fmt::Error)?.date())
    }
}

/// Numbers of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The authorized requests.
    pub requests: u64,
    /// The requests that exceeded the rate limit.
    pub rate_limited: u64,
}

impl Counts {
    pub const ONE_REQUEST: Self = Self { requests: 1, rate_limited: 0 };
    pub const ONE_RATE_LIMITED: Self = Self { requests: 0, rate_limited: 1 };

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            rate_limited: self.rate_limited.saturating_add(other.rate_limited),
        }
    }
}

/// The usage of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayUsage {
    pub day: Day,
    /// The authorized requests.
    pub requests: u64,
    /// The requests that exceeded the rate limit.
    pub rate_limited: u64,
}

impl DayUsage {
    #[must_use]
    pub fn new(day: Day, Counts { requests, rate_limited }: Counts) -> Self {
        Self { day, requests, rate_limited }
    }

    #[must_use]
    pub fn counts(self) -> Counts {
        Counts { requests: self.requests, rate_limited: self.rate_limited }
    }
}

/// The usage of the last two days on which a key was used, as its item contains it. Earlier days have items of their own.
///
/// Two days, and not one, because an execution environment may report requests of a day after another one has begun the next
/// day: its clock may be slow, or it may have served no request since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentUsage {
    pub latest: DayUsage,
    /// A day before `latest`, or `None` if the key was used on one day only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<DayUsage>,
}

impl RecentUsage {
    /// Returns both days, the earlier one first.
    pub fn days(self) -> impl Iterator<Item = DayUsage> {
        self.earlier.into_iter().chain([self.latest])
    }
}

/// Combines the days that have items of their own with those in the key's item, newest first. Only `days` on which the key was
/// used are included.
///
/// The key's item must have been read first. If a day was moved to an item of its own in the meantime, both contain it. Then the
/// day's own item applies, because it is never older.
#[must_use]
pub fn combine(
    recent: Option<RecentUsage>,
    moved_out: Vec<DayUsage>,
    days: &RangeInclusive<Day>,
) -> Vec<DayUsage> {
    let recent = recent.into_iter().flat_map(RecentUsage::days);
    let by_day: BTreeMap<_, _> = recent.chain(moved_out).map(|usage| (usage.day, usage)).collect();
    let used = by_day.into_values().rev();
    used.filter(|usage| days.contains(&usage.day) && usage.counts() != Counts::default()).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::primitives::timestamp::tests::timestamp;

    pub(crate) fn usage(day: i64, requests: u64, rate_limited: u64) -> DayUsage {
        DayUsage { day: Day(day), requests, rate_limited }
    }

    #[test]
    fn day_begins_at_midnight_in_utc() {
        for (seconds, date) in [
            (0, "1970-01-01"),
            (1_769_731_199, "2026-01-29"),
            (1_769_731_200, "2026-01-30"),
            (253_402_300_799, "9999-12-31"),
        ] {
            assert_eq!(Day::at(timestamp(seconds)).to_string(), date);
        }
    }

    #[test]
    fn last_days_include_the_day_itself() {
        let day = Day(100);
        assert_eq!(day.last(1), day..=day);
        assert_eq!(day.last(90), Day(11)..=day);
    }

    #[test]
    fn usage_is_deleted_after_it_was_shown_for_the_last_time() {
        let day = Day(100);
        let last_shown = (0..200).map(Day).rfind(|today| today.last(Day::STORED).contains(&day)).unwrap();
        assert_eq!(last_shown, Day(189));
        assert_eq!(day.deleted_at(), (last_shown.0 + 2) * DAY_SECONDS);
    }

    #[test]
    fn combined_days_are_newest_first_without_unused_and_other_days() {
        let recent = RecentUsage { latest: usage(9, 5, 1), earlier: Some(usage(7, 3, 0)) };
        let moved_out = vec![usage(2, 1, 1), usage(3, 8, 0), usage(5, 0, 0), usage(6, 0, 4)];
        let days = Day(3)..=Day(8);
        let combined = combine(Some(recent), moved_out, &days);
        assert_eq!(combined, [usage(7, 3, 0), usage(6, 0, 4), usage(3, 8, 0)]);
        assert_eq!(combine(None, Vec::new(), &days), []);
    }

    #[test]
    fn day_that_is_moved_out_during_the_reads_is_combined_once() {
        let recent = RecentUsage { latest: usage(9, 5, 1), earlier: Some(usage(7, 3, 0)) };
        let combined = combine(Some(recent), vec![usage(7, 4, 2)], &(Day(1)..=Day(9)));
        assert_eq!(combined, [usage(9, 5, 1), usage(7, 4, 2)]);
    }
}
