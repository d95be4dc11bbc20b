//! Durations as people write them (`1m30s`) and as the interface shows them.

/// A text that is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration: write numbers with units, such as \"300ms\", \"10s\", \"1m30s\" or \"2h\"")]
pub struct InvalidDuration(pub String);

const UNITS: [(&str, i64); 7] =
    [("ns", 1), ("us", 1_000), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

/// Nanoseconds of a text such as `1m30s`, `1.5h` or `-10s`; `0` needs no unit.
///
/// # Errors
///
/// Anything else, and what does not fit in 64 bits.
pub fn parse_duration(text: &str) -> Result<i64, InvalidDuration> {
    let invalid = || InvalidDuration(text.to_owned());
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let scale = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, scale)| *scale).ok_or_else(invalid)?;
        let part = scaled(number, scale).ok_or_else(invalid)?;
        total = total.checked_add(part).ok_or_else(invalid)?;
        rest = after;
    }
    Ok(if negative { -total } else { total })
}

fn scaled(number: &str, scale: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut nanoseconds = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()?.checked_mul(scale)? };
    let mut unit = scale;
    for digit in fraction.chars() {
        unit /= 10;
        nanoseconds = nanoseconds.checked_add(i64::from(digit.to_digit(10)?).checked_mul(unit)?)?;
    }
    Some(nanoseconds)
}

/// `1m30s`, `250ms`, `0s`: the form in which the interface writes durations into texts.
pub fn format_duration(nanoseconds: i64) -> String {
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let small = |value: u64, unit: u64, name: &str| format!("{sign}{}{name}", decimal(value, unit));
    if total < 1_000 {
        return small(total, 1, "ns");
    }
    if total < 1_000_000 {
        return small(total, 1_000, "µs");
    }
    if total < 1_000_000_000 {
        return small(total, 1_000_000, "ms");
    }
    let seconds = total / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = decimal(total % 60_000_000_000, 1_000_000_000);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{rest}s"),
        (0, _) => format!("{sign}{minutes}m{rest}s"),
        _ => format!("{sign}{hours}h{minutes}m{rest}s"),
    }
}

/// `value / unit` without trailing zeros.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, fraction) = (value / unit, value % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{fraction:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: text, nanoseconds, and how they are shown.
    #[test]
    fn durations() {
        for (text, nanoseconds, shown) in [
            ("0", 0, "0s"),
            ("10s", 10_000_000_000, "10s"),
            ("1m30s", 90_000_000_000, "1m30s"),
            ("30m", 1_800_000_000_000, "30m0s"),
            ("24h", 86_400_000_000_000, "24h0m0s"),
            ("1.5s", 1_500_000_000, "1.5s"),
            ("-250ms", -250_000_000, "-250ms"),
            (".5ms", 500_000, "500µs"),
            ("17ns", 17, "17ns"),
            ("1h0m0.000000001s", 3_600_000_000_001, "1h0m0.000000001s"),
        ] {
            assert_eq!(parse_duration(text), Ok(nanoseconds), "{text}");
            assert_eq!(format_duration(nanoseconds), shown, "{text}");
            assert_eq!(parse_duration(shown), Ok(nanoseconds), "{shown}");
        }
        for text in ["", "-", "10", "s", "1x", "1.2.3s", "10 s", "99999999999h", "."] {
            assert_eq!(parse_duration(text), Err(InvalidDuration(text.to_owned())));
        }
    }
}
