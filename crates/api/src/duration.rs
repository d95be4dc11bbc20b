//! Durations as the interface writes them: `1h30m`, `10s`, `250ms`. Values are nanoseconds.

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration such as 10s, 1m30s or 250ms")]
pub struct Invalid(pub String);

const NANOSECOND: i128 = 1;
const MICROSECOND: i128 = 1_000;
const MILLISECOND: i128 = 1_000_000;
const SECOND: i128 = 1_000_000_000;
const MINUTE: i128 = 60 * SECOND;
const HOUR: i128 = 60 * MINUTE;

/// Longest first, so that `ms` is not read as `m`.
const UNITS: [(&str, i128); 8] = [
    ("ns", NANOSECOND),
    ("us", MICROSECOND),
    ("µs", MICROSECOND),
    ("μs", MICROSECOND),
    ("ms", MILLISECOND),
    ("s", SECOND),
    ("m", MINUTE),
    ("h", HOUR),
];

/// Reads a duration; `0` needs no unit.
pub fn parse(text: &str) -> Result<i64, Invalid> {
    let invalid = || Invalid(text.to_owned());
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number_len = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?;
        let (number, tail) = rest.split_at(number_len);
        let (unit, nanoseconds) = UNITS.into_iter().find(|(unit, _)| tail.starts_with(unit)).ok_or_else(invalid)?;
        total = total.checked_add(scale(number, nanoseconds).ok_or_else(invalid)?).ok_or_else(invalid)?;
        rest = &tail[unit.len()..];
    }
    i64::try_from(if negative { -total } else { total }).map_err(|_| invalid())
}

/// `number` (digits with at most one point) times `unit`.
fn scale(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    // Beyond these lengths the value is out of range, or the digit below a nanosecond.
    if whole.len() > 19 {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction = &fraction[..fraction.len().min(18)];
    let part: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    whole.checked_mul(unit)?.checked_add(part * unit / 10_i128.pow(fraction.len() as u32))
}

/// Writes a duration: `1h0m0s`, `1m30s`, `15s`, `1.5s`, `250ms`, `0s`.
pub fn format(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let n = i128::from(nanoseconds).abs();
    if n == 0 {
        return "0s".to_owned();
    }
    if n < SECOND {
        let (unit, size) = match n {
            n if n >= MILLISECOND => ("ms", MILLISECOND),
            n if n >= MICROSECOND => ("µs", MICROSECOND),
            _ => ("ns", NANOSECOND),
        };
        return format!("{sign}{}{unit}", decimal(n, size));
    }
    let (hours, minutes, seconds) = (n / HOUR, n / MINUTE % 60, decimal(n % MINUTE, SECOND));
    if hours > 0 {
        format!("{sign}{hours}h{minutes}m{seconds}s")
    } else if minutes > 0 {
        format!("{sign}{minutes}m{seconds}s")
    } else {
        format!("{sign}{seconds}s")
    }
}

/// `n / size` as a decimal without trailing zeros.
fn decimal(n: i128, size: i128) -> String {
    let (whole, rest) = (n / size, n % size);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = size.ilog10() as usize;
    format!("{whole}.{}", format!("{rest:0digits$}").trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each text reads as its nanoseconds; those in canonical form are written the same.
    #[test]
    fn durations() {
        for (text, expected) in [
            ("10s", 10_000_000_000),
            ("250ms", 250_000_000),
            ("1m30s", 90_000_000_000),
            ("1h0m0s", 3_600_000_000_000),
            ("1.5s", 1_500_000_000),
            ("1.5µs", 1_500),
            ("7ns", 7),
            ("-2m0s", -120_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
            assert_eq!(format(expected), text);
        }
        for (text, expected) in
            [("0", 0), ("0s", 0), ("5m", 300_000_000_000), ("+1h", 3_600_000_000_000), (".5s", 500_000_000), ("90s", 90_000_000_000)]
        {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        for text in ["", "s", "10", "-", "1.2.3s", "1d", "1 s", "ten", "9999999999999999999999h", "300000000h", "10s ", "é"] {
            assert_eq!(parse(text), Err(Invalid(text.to_owned())));
        }
    }
}
