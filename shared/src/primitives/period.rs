//! Periods that a setting states in a whole number of days or minutes, each within the range of its setting.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::primitives::timestamp::Timestamp;

const MINUTE: u32 = 60;
const DAY: u32 = 24 * 60 * 60;

/// A number from `MIN` to `MAX` of units that have `SECONDS` seconds each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64")]
pub struct Period<const SECONDS: u32, const MIN: u16, const MAX: u16>(u16);

/// A number of days from `MIN` to `MAX`. A day has 24 hours.
pub type Days<const MIN: u16, const MAX: u16> = Period<DAY, MIN, MAX>;
/// A number of minutes from `MIN` to `MAX`.
pub type Minutes<const MIN: u16, const MAX: u16> = Period<MINUTE, MIN, MAX>;

#[derive(Debug, thiserror::Error)]
#[error("must be from {min} to {max} {unit}")]
pub struct OutOfRange {
    min: u16,
    max: u16,
    unit: &'static str,
}

impl<const SECONDS: u32, const MIN: u16, const MAX: u16> Period<SECONDS, MIN, MAX> {
    const UNIT: &str = if SECONDS == DAY { "days" } else { "minutes" };

    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }

    /// Returns the end of this period if it starts at `time`.
    #[must_use]
    pub fn after(self, time: Timestamp) -> Timestamp {
        time.plus_seconds(u32::from(self.0) * SECONDS)
    }

    /// Returns the start of this period if it ends at `time`.
    #[must_use]
    pub fn before(self, time: Timestamp) -> Timestamp {
        time.minus_seconds(u32::from(self.0) * SECONDS)
    }
}

impl<const SECONDS: u32, const MIN: u16, const MAX: u16> TryFrom<i64> for Period<SECONDS, MIN, MAX> {
    type Error = OutOfRange;

    fn try_from(number: i64) -> Result<Self, OutOfRange> {
        let number = u16::try_from(number).ok().filter(|number| (MIN..=MAX).contains(number));
        number.map(Self).ok_or(OutOfRange { min: MIN, max: MAX, unit: Self::UNIT })
    }
}

impl<const SECONDS: u32, const MIN: u16, const MAX: u16> JsonSchema for Period<SECONDS, MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}From{MIN}To{MAX}", Self::UNIT).into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Some generated clients send an `int64` as a string, so the schema says `int32`.
        json_schema!({"type": "integer", "format": "int32", "minimum": MIN, "maximum": MAX})
    }
}

impl<const SECONDS: u32, const MIN: u16, const MAX: u16> fmt::Display for Period<SECONDS, MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
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
    fn error_of_minutes_names_the_unit() {
        let error = Minutes::<5, 720>::try_from(4).unwrap_err();
        assert_eq!(error.to_string(), "must be from 5 to 720 minutes");
        assert_eq!(Minutes::<5, 720>::try_from(5).unwrap().after(timestamp(10)), timestamp(310));
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
