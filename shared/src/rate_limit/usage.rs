//! Usage reports: what an execution environment has counted since its last report, and how a report changes the stored usage.
//!
//! An execution environment counts the requests that it authorizes or rejects in memory, and reports them with its next
//! reservation. A report also contains the request that makes the reservation, because the write reserves a batch and spends
//! its first request at once.
//!
//! A report is sent at most once. If it is unknown whether a write was applied, its report is not repeated. So the stored usage never
//! exceeds what was authorized.

use std::collections::BTreeMap;

use crate::{
    primitives::usage::{Counts, Day, DayUsage, RecentUsage},
    rate_limit::{
        decision::RateLimitDecision,
        key_use::{KeyUse, PreviousSecretUse},
    },
};

/// The number of days that a key's item contains.
const DAYS: usize = 2;

/// What an execution environment has counted for a key and not reported yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unreported {
    /// The last two days with requests. Earlier ones could not be stored any more.
    days: BTreeMap<Day, Counts>,
    /// The last use of the key's previous secret.
    previous_secret: Option<PreviousSecretUse>,
}

impl Unreported {
    pub(super) fn count(&mut self, day: Day, counts: Counts) {
        let sum = self.days.entry(day).or_default();
        *sum = sum.plus(counts);
        while self.days.len() > DAYS {
            self.days.pop_first();
        }
    }

    pub(super) fn add_previous_secret_use(&mut self, used: Option<PreviousSecretUse>) {
        self.previous_secret = self.previous_secret.max(used);
    }

    /// Adds what was not reported after all.
    pub(super) fn add(&mut self, other: Self) {
        other.days.into_iter().for_each(|(day, counts)| self.count(day, counts));
        self.add_previous_secret_use(other.previous_secret);
    }
}

/// What is known about the delivery of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// No write with the report was applied.
    NotSent,
    /// A write with the report may have been applied, or may still be applied.
    Unknown,
    /// The report is stored.
    Stored,
}

/// A report of a key's usage, for a reservation. Afterwards, it is
/// [returned](crate::rate_limit::leases::Leases::return_report) to the execution environment's memory.
#[derive(Debug)]
pub struct UsageReport {
    /// The request that waits for the reservation.
    pub key_use: KeyUse,
    pub delivery: Delivery,
    unreported: Unreported,
}

impl UsageReport {
    pub(super) fn new(unreported: Unreported, key_use: KeyUse) -> Self {
        Self { key_use, delivery: Delivery::NotSent, unreported }
    }

    /// Returns the last use of the previous secret, including that of the request itself.
    #[must_use]
    pub fn previous_secret_use(&self) -> Option<PreviousSecretUse> {
        self.unreported.previous_secret.max(self.key_use.previous_secret)
    }

    /// Plans the change of the usage in the key's item.
    #[must_use]
    pub fn plan(&self, stored: Option<RecentUsage>) -> UsageChange {
        UsageChange::plan(self.with_request().days, stored)
    }

    /// Returns what has to be reported again. `decision` is the decision on the request itself, or `None` if the request is
    /// authorized without being counted against the rate limit.
    pub(super) fn into_unreported(self, decision: Option<RateLimitDecision>) -> Unreported {
        let delivery = self.delivery;
        let is_rejected = matches!(decision, Some(RateLimitDecision::Exceeded(_)));
        let mut unreported = if is_rejected { self.unreported } else { self.with_request() };
        if delivery != Delivery::NotSent {
            unreported.days.clear();
        }
        // Each reservation stores the use of the previous secret, and storing it twice does no harm.
        if matches!(decision, Some(RateLimitDecision::Within(_))) {
            unreported.previous_secret = None;
        }
        unreported
    }

    /// Returns everything that is reported, including the request itself.
    fn with_request(&self) -> Unreported {
        let mut all = self.unreported.clone();
        all.count(Day::at(self.key_use.at), Counts::ONE_REQUEST);
        all.add_previous_secret_use(self.key_use.previous_secret);
        all
    }
}

/// A planned change of the usage in a key's item, with its condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageChange {
    /// Adds to days that the item contains. The change fails if it does not contain one of them any more.
    Add { latest: Option<DayUsage>, earlier: Option<DayUsage> },
    /// Replaces the usage, because a day begins. The change fails if the usage is not `stored` any more.
    Replace {
        stored: Option<RecentUsage>,
        new: RecentUsage,
        /// Days that the item does not contain any more. In the same transaction, each gets an item of its own.
        moved_out: Vec<DayUsage>,
    },
}

impl UsageChange {
    /// Plans to add `report` to the usage in a key's item.
    ///
    /// The item keeps the last two days. A day that has an item of its own is earlier than both, and never comes back: its
    /// requests are not counted any more.
    fn plan(mut report: BTreeMap<Day, Counts>, stored: Option<RecentUsage>) -> Self {
        if let Some(earliest) = stored.and_then(|stored| stored.earlier) {
            report.retain(|day, _| *day >= earliest.day);
        }
        let stored_days: BTreeMap<_, _> =
            stored.into_iter().flat_map(RecentUsage::days).map(|usage| (usage.day, usage.counts())).collect();
        let added = |usage: DayUsage| report.get(&usage.day).map(|counts| DayUsage::new(usage.day, *counts));
        let add = Self::Add {
            latest: stored.and_then(|stored| added(stored.latest)),
            earlier: stored.and_then(|stored| stored.earlier).and_then(added),
        };
        if report.keys().all(|day| stored_days.contains_key(day)) {
            return add;
        }
        let mut days = stored_days.clone();
        for (day, counts) in report {
            let sum = days.entry(day).or_default();
            *sum = sum.plus(counts);
        }
        let mut last = || days.pop_last().map(|(day, counts)| DayUsage::new(day, counts));
        let (Some(latest), earlier) = (last(), last()) else { return add };
        let moved_out = days.into_iter().filter(|(day, _)| stored_days.contains_key(day));
        Self::Replace {
            stored,
            new: RecentUsage { latest, earlier },
            moved_out: moved_out.map(|(day, counts)| DayUsage::new(day, counts)).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
