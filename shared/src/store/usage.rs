//! Reads and writes of the usage of API keys.

use std::ops::RangeInclusive;

use serde::Serialize;

use crate::{
    model::api_key::ApiKey,
    primitives::usage::{Day, DayUsage, RecentUsage, combine},
    rate_limit::usage::UsageChange,
    store::{
        Store,
        dynamodb::{
            attributes::{to_entity, to_item},
            key::Key,
            write::Write,
        },
        error::StoreError,
    },
};

/// The usage of a day that has an item of its own.
#[derive(Serialize)]
struct StoredDay {
    #[serde(flatten)]
    usage: DayUsage,
    ttl: i64,
}

impl Store {
    /// Returns the usage of `key` on those of `days` on which it was used, newest first. `key` must have been read before.
    ///
    /// # Errors
    /// If the read fails.
    pub async fn usage(&self, key: &ApiKey, days: &RangeInclusive<Day>) -> Result<Vec<DayUsage>, StoreError> {
        let day_key = |day: &Day| Key::day_usage(key.account_id, key.id, *day);
        let items = self.table.range(day_key(days.start()), day_key(days.end())).await?;
        let moved_out = items.into_iter().map(to_entity).collect::<Result<_, _>>()?;
        Ok(combine(key.usage, moved_out, days))
    }
}

/// Returns the write that stores a day in an item of its own.
pub(super) fn day_write(key: &ApiKey, usage: DayUsage) -> Result<Write, StoreError> {
    let stored = StoredDay { usage, ttl: usage.day.deleted_at() };
    Ok(Write::put(to_item(Key::day_usage(key.account_id, key.id, usage.day), stored)?))
}

/// Adds a change of the usage to an update of the key's item.
pub(super) fn with_usage(write: Write, change: &UsageChange) -> Result<Write, StoreError> {
    let write = match change {
        UsageChange::Add { latest: None, earlier: None } => return Ok(write),
        UsageChange::Add { latest, earlier } => {
            let write = match latest {
                Some(DayUsage { day, requests, rate_limited }) => write
                    .and_set(
                        "#usage.#latest.#requests = #usage.#latest.#requests + :latest_requests, \
                         #usage.#latest.#rate_limited = #usage.#latest.#rate_limited + :latest_rate_limited",
                    )
                    .and("#usage.#latest.#day = :latest_day")
                    .name("#latest", "latest")
                    .value(":latest_day", day)?
                    .value(":latest_requests", requests)?
                    .value(":latest_rate_limited", rate_limited)?,
                None => write,
            };
            match earlier {
                Some(DayUsage { day, requests, rate_limited }) => write
                    .and_set(
                        "#usage.#earlier.#requests = #usage.#earlier.#requests + :earlier_requests, \
                         #usage.#earlier.#rate_limited = #usage.#earlier.#rate_limited + :earlier_rate_limited",
                    )
                    .and("#usage.#earlier.#day = :earlier_day")
                    .name("#earlier", "earlier")
                    .value(":earlier_day", day)?
                    .value(":earlier_requests", requests)?
                    .value(":earlier_rate_limited", rate_limited)?,
                None => write,
            }
        }
        UsageChange::Replace { stored, new, .. } => {
            let write = write.and_set("#usage = :usage").value(":usage", new)?;
            match stored {
                Some(stored) => return unchanged_usage(write, *stored),
                None => return Ok(write.and("attribute_not_exists(#usage)").name("#usage", "usage")),
            }
        }
    };
    let write = write.name("#day", "day").name("#requests", "requests");
    Ok(write.name("#rate_limited", "rate_limited").name("#usage", "usage"))
}

/// Adds the condition that the usage is as it was read. Compares the fields one by one, because a later version may have added
/// further ones.
fn unchanged_usage(write: Write, stored: RecentUsage) -> Result<Write, StoreError> {
    let RecentUsage { latest, earlier } = stored;
    let write = write
        .and(
            "#usage.#latest.#day = :latest_day AND #usage.#latest.#requests = :latest_requests \
             AND #usage.#latest.#rate_limited = :latest_rate_limited",
        )
        .name("#usage", "usage")
        .name("#latest", "latest")
        .name("#earlier", "earlier")
        .name("#day", "day")
        .name("#requests", "requests")
        .name("#rate_limited", "rate_limited")
        .value(":latest_day", latest.day)?
        .value(":latest_requests", latest.requests)?
        .value(":latest_rate_limited", latest.rate_limited)?;
    match earlier {
        Some(earlier) => write
            .and(
                "#usage.#earlier.#day = :earlier_day AND #usage.#earlier.#requests = :earlier_requests \
                 AND #usage.#earlier.#rate_limited = :earlier_rate_limited",
            )
            .value(":earlier_day", earlier.day)?
            .value(":earlier_requests", earlier.requests)?
            .value(":earlier_rate_limited", earlier.rate_limited),
        None => Ok(write.and("attribute_not_exists(#usage.#earlier)")),
    }
}
