//! The age in minutes that an account's policy allows for the last authentication of a session.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

const MIN: u16 = 5;
/// The lifetime of a session: a longer age never occurs.
const MAX: u16 = 12 * 60;

/// A number of minutes from 5 to 720.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64")]
pub struct ReauthenticationMinutes(u16);

#[derive(Debug, thiserror::Error)]
#[error("must be from {MIN} to {MAX} minutes")]
pub struct InvalidMinutes;

impl ReauthenticationMinutes {
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }

    #[must_use]
    pub fn in_seconds(self) -> u32 {
        u32::from(self.0) * 60
    }
}

impl TryFrom<i64> for ReauthenticationMinutes {
    type Error = InvalidMinutes;

    fn try_from(minutes: i64) -> Result<Self, InvalidMinutes> {
        let minutes = u16::try_from(minutes).ok().filter(|minutes| (MIN..=MAX).contains(minutes));
        minutes.map(Self).ok_or(InvalidMinutes)
    }
}

impl JsonSchema for ReauthenticationMinutes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ReauthenticationMinutes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Some generated clients send an `int64` as a string, so the schema says `int32`.
        json_schema!({"type": "integer", "format": "int32", "minimum": MIN, "maximum": MAX})
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    pub(crate) fn any_minutes() -> impl Strategy<Value = ReauthenticationMinutes> {
        (MIN..=MAX).prop_map(ReauthenticationMinutes)
    }

    #[test]
    fn only_5_to_720_minutes_are_accepted() {
        for number in [-1, 0, 4, 721, 65_541, i64::MAX] {
            let error = serde_json::from_value::<ReauthenticationMinutes>(json!(number)).unwrap_err();
            assert_eq!(error.to_string(), "must be from 5 to 720 minutes", "{number}");
        }
        for number in [5, 720] {
            let minutes: ReauthenticationMinutes = serde_json::from_value(json!(number)).unwrap();
            assert_eq!(i64::from(minutes.in_seconds()), number * 60);
            assert_eq!(serde_json::to_value(minutes).unwrap(), number);
        }
    }
}
