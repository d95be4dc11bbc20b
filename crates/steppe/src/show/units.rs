//! Sizes.

/// Bytes for people: `5 B`, `4.0 KiB`, `282 MiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64;
    let mut unit = "";
    for name in UNITS {
        value /= 1024.0;
        unit = name;
        if value < 1024.0 {
            break;
        }
    }
    let value = (value * 10.0).round() / 10.0;
    if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// Megabytes (MiB) for people.
pub fn megabytes(n: i64) -> String {
    bytes(u64::try_from(n).unwrap_or(0).saturating_mul(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: bytes; two digits at least, and the unit.
    #[test]
    fn sizes() {
        for (n, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (4096, "4.0 KiB"),
            (10_500, "10 KiB"),
            (48 << 20, "48 MiB"),
            (25_276_510_208, "24 GiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(bytes(n), expected);
        }
        assert_eq!(megabytes(900), "900 MiB");
        assert_eq!(megabytes(-1), "0 B");
    }
}
