//! Numbers of days, each within the range of its setting.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::primitives::timestamp::Timestamp;

const DAY_SECONDS: u32 = 24 * 60 * 60;

/// A number of days from `MIN` to `MAX`. A day has 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64")]
pub struct Days<const MIN: u16, const MAX: u16>(u16);

#[derive(Debug, thiserror::Error)]
#[error("must be from {0} to {1} days")]
pub struct InvalidDays(u16, u16);

impl<const MIN: u16, const MAX: u16> Days<MIN, MAX> {
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }

    /// Returns the time this many days after `time`.
    #[must_use]
    pub fn after(self, time: Timestamp) -> Timestamp {
        time.plus_seconds(u32::from(self.0) * DAY_SECONDS)
    }

    /// Returns the time this many days before `time`.
    #[must_use]
    pub fn before(self, time: Timestamp) -> Timestamp {
        time.minus_seconds(u32::from(self.0) * DAY_SECONDS)
    }
}

impl<const MIN: u16, const MAX: u16> TryFrom<i64> for Days<MIN, MAX> {
    type Error = InvalidDays;

    fn try_from(days: i64) -> Result<Self, InvalidDays> {
        let days = u16::try_from(days).ok().filter(|days| (MIN..=MAX).contains(days));
        days.map(Self).ok_or(InvalidDays(MIN, MAX))
    }
}

impl<const MIN: u16, const MAX: u16> JsonSchema for Days<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("DaysFrom{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Some generated clients send an `int64` as a string, so the schema says `int32`.
        json_schema!({"type": "integer", "format": "int32", "minimum": MIN, "maximum": MAX})
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::primitives::timestamp::tests::timestamp;

    pub(crate) fn days<const MIN: u16, const MAX: u16>(days: i64) -> Days<MIN, MAX> {
        Days::try_from(days).unwrap()
    }

    #[test]
    fn only_numbers_within_the_range_are_accepted() {
        for number in [-1, 0, 6, 3_651, 65_543, i64::MAX] {
            let error = serde_json::from_value::<Days<7, 3_650>>(json!(number)).unwrap_err();
            assert_eq!(error.to_string(), "must be from 7 to 3650 days", "{number}");
        }
        for number in [7, 8, 3_650] {
            let days: Days<7, 3_650> = serde_json::from_value(json!(number)).unwrap();
            assert_eq!(serde_json::to_value(days).unwrap(), number);
        }
    }

    #[test]
    fn day_has_24_hours_in_both_directions() {
        let three = days::<1, 3_650>(3);
        assert_eq!(three.after(timestamp(10)), timestamp(10 + 3 * 86_400));
        assert_eq!(three.before(timestamp(10 + 3 * 86_400)), timestamp(10));
        assert_eq!(three.before(timestamp(10)), timestamp(0));
        let longest = days::<1, 3_650>(3_650);
        assert_eq!(longest.after(timestamp(0)), timestamp(3_650 * 86_400));
    }
}
