//! A point in time as the interface writes it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Nanoseconds since 1970 in UTC; 0 means "never". In JSON an RFC 3339 text with nanoseconds, `null` when never; in bincode the number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    pub const NEVER: Self = Self(0);

    pub fn is_never(&self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{}ns", self.0),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            serializer.serialize_i64(self.0)
        } else if self.is_never() {
            serializer.serialize_unit()
        } else {
            serializer.collect_str(self)
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(Time);
        }
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(Time::NEVER) };
        // The zero time of existing clients.
        if text.is_empty() || text.starts_with("0001-01-01T00:00:00") {
            return Ok(Time::NEVER);
        }
        let timestamp: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        i64::try_from(timestamp.as_nanosecond()).map(Time).map_err(|_| serde::de::Error::custom("time out of range"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times read and write what existing clients do.
    #[test]
    fn json() {
        for (time, text) in [(Time(0), "null"), (Time(1_700_000_000_123_456_789), "\"2023-11-14T22:13:20.123456789Z\"")] {
            assert_eq!(serde_json::to_string(&time).unwrap(), text);
            assert_eq!(serde_json::from_str::<Time>(text).unwrap(), time);
        }
        assert_eq!(serde_json::from_str::<Time>("\"0001-01-01T00:00:00Z\"").unwrap(), Time::NEVER);
    }
}
