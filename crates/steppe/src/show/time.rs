//! Points in time and spans, as the interface writes them.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;

const SECOND: i64 = 1_000_000_000;

/// Local time, `2006-01-02T15:04:05Z` or with an offset; empty when there is none.
pub fn time(unix_nanos: i64) -> String {
    in_zone(unix_nanos, TimeZone::system())
}

fn in_zone(unix_nanos: i64, zone: TimeZone) -> String {
    if unix_nanos <= 0 {
        return String::new();
    }
    let Ok(timestamp) = jiff::Timestamp::from_second(unix_nanos / SECOND) else { return String::new() };
    let text = timestamp.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    match text.strip_suffix("+00:00") {
        Some(utc) => format!("{utc}Z"),
        None => text,
    }
}

/// `1h3m ago`; empty when there is no time.
pub fn ago(unix_nanos: i64) -> String {
    if unix_nanos <= 0 {
        return String::new();
    }
    let past = now().saturating_sub(unix_nanos);
    if past < 0 { from_now(unix_nanos) } else { format!("{} ago", span(past / SECOND)) }
}

/// `1h3m from now`.
pub fn from_now(unix_nanos: i64) -> String {
    format!("{} from now", span(unix_nanos.saturating_sub(now()).max(0) / SECOND))
}

/// The two most significant units of a number of seconds.
pub fn span(seconds: i64) -> String {
    const UNITS: [(&str, i64); 6] = [("y", 31_536_000), ("mo", 2_592_000), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let Some(first) = UNITS.iter().position(|(_, size)| seconds >= *size) else { return "0s".to_owned() };
    let mut rest = seconds;
    let mut text = String::new();
    for (name, size) in UNITS.iter().skip(first).take(2) {
        if rest >= *size {
            text.push_str(&format!("{}{name}", rest / size));
        }
        rest %= size;
    }
    text
}

/// `1h0m0s`, as durations are configured.
pub fn duration(nanos: i64) -> String {
    model::format_duration(nanos)
}

/// Unix nanoseconds.
pub fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: seconds; the two largest units, without those that are zero.
    #[test]
    fn spans() {
        for (seconds, want) in [
            (0, "0s"),
            (-5, "0s"),
            (59, "59s"),
            (61, "1m1s"),
            (3_780, "1h3m"),
            (3_601, "1h"),
            (187_200, "2d4h"),
            (31_536_000, "1y"),
            (34_128_001, "1y1mo"),
        ] {
            assert_eq!(span(seconds), want);
        }
    }

    /// Times carry their offset, `Z` in UTC; no time is an empty text.
    #[test]
    fn times() {
        let east = TimeZone::fixed(jiff::tz::offset(2));
        for (nanos, zone, want) in [
            (1_136_214_245 * SECOND + 999, TimeZone::UTC, "2006-01-02T15:04:05Z"),
            (1_136_214_245 * SECOND, east, "2006-01-02T17:04:05+02:00"),
            (0, TimeZone::UTC, ""),
            (-1, TimeZone::UTC, ""),
        ] {
            assert_eq!(in_zone(nanos, zone), want);
        }
    }
}
