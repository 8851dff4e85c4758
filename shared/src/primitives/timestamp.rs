//! Timestamps in UTC, in whole seconds. Responses and the table contain them in the format of RFC 3339 with a `Z`.

use std::{fmt, str::FromStr, time::SystemTime};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{Duration, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// A date and time in UTC, in whole seconds, from 1970 to 9999.
///
/// All texts have the same length, so they sort in chronological order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(inline, extend("format" = "date-time"), description = "A date and time in UTC, in whole seconds (RFC 3339).")]
pub struct Timestamp(#[schemars(with = "String")] OffsetDateTime);

#[derive(Debug, thiserror::Error)]
#[error("must be an RFC 3339 date and time from 1970 to 9999, such as 2027-01-30T12:00:00Z")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// Returns the time `seconds` later, or the end of the year 9999 if that is earlier.
    #[must_use]
    pub fn plus_seconds(self, seconds: u32) -> Self {
        Self::from(self.0.saturating_add(Duration::seconds(seconds.into())))
    }

    /// Returns the time `seconds` earlier, or the year 1970 if that is later.
    #[must_use]
    pub fn minus_seconds(self, seconds: u32) -> Self {
        Self::from(self.0.saturating_sub(Duration::seconds(seconds.into())).max(OffsetDateTime::UNIX_EPOCH))
    }

    /// Returns the number of seconds since 1970, the format of DynamoDB's time to live.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.unix_timestamp()
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(moment: OffsetDateTime) -> Self {
        Self(moment.to_offset(UtcOffset::UTC).truncate_to_second())
    }
}

impl From<Timestamp> for SystemTime {
    fn from(Timestamp(moment): Timestamp) -> Self {
        moment.into()
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        // The parser accepts any character between date and time. Only `T` and `t` are allowed here.
        let has_t = text.as_bytes().get(10).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'T'));
        let moment = OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .filter(|_| has_t)
            .and_then(|moment| moment.checked_to_offset(UtcOffset::UTC))
            .ok_or(InvalidTimestamp)?;
        if (1970..=9999).contains(&moment.year()) { Ok(Self::from(moment)) } else { Err(InvalidTimestamp) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn timestamp(unix_seconds: i64) -> Timestamp {
        Timestamp::from(OffsetDateTime::from_unix_timestamp(unix_seconds).unwrap())
    }

    #[test]
    fn time_with_offset_and_fraction_becomes_utc_in_whole_seconds() {
        let timestamp: Timestamp = "2027-01-30T13:00:00.999+01:00".parse().unwrap();
        assert_eq!(timestamp.to_string(), "2027-01-30T12:00:00Z");
    }

    #[test]
    fn text_that_is_not_an_rfc_3339_time_is_rejected() {
        for text in [
            "",
            "2027-01-30",
            "2027-01-30T12:00:00",
            "1969-12-31T23:59:59Z",
            "2027-01-30 12:00:00Z",
            "yesterday",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn plus_seconds_saturates_at_the_end_of_year_9999() {
        let last: Timestamp = "9999-12-31T23:59:59Z".parse().unwrap();
        assert_eq!(last.plus_seconds(1).to_string(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn minus_seconds_saturates_at_1970() {
        assert_eq!(timestamp(10).minus_seconds(4), timestamp(6));
        assert_eq!(timestamp(10).minus_seconds(11), timestamp(0));
    }

    fn any_timestamp() -> impl Strategy<Value = Timestamp> {
        (0..253_402_300_800_i64)
            .prop_map(|seconds| Timestamp::from(OffsetDateTime::from_unix_timestamp(seconds).unwrap()))
    }

    proptest! {
        #[test]
        fn timestamp_parses_back_from_its_text(timestamp in any_timestamp()) {
            prop_assert_eq!(timestamp.to_string().parse::<Timestamp>().unwrap(), timestamp);
        }

        #[test]
        fn texts_sort_in_chronological_order(one in any_timestamp(), other in any_timestamp()) {
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        }
    }
}
