//! Values that come one by one, summed up by atomic operations: three additions and two comparisons each.
//!
//! Sums are exact. The share of values below a bound is kept in buckets that grow by a quarter of a power of two, so that a quantile is right
//! within an eighth of its value.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Buckets of one power of two.
const PER_POWER: usize = 4;
/// The last bucket holds all from nearly 2^41 on: nanoseconds of half an hour, or two terabytes.
pub(crate) const BUCKETS: usize = 40 * PER_POWER;

/// Where values of one kind are summed up. Writers never wait; a reader may see a value in one sum and not yet in another.
#[derive(Debug)]
pub(crate) struct Distribution {
    sum: AtomicU64,
    /// The sum of squares, low and high half.
    squares: [AtomicU64; 2],
    /// Since the last interval ended.
    min: AtomicU64,
    max: AtomicU64,
    /// They wrap around; only their growth within an interval is used.
    buckets: [AtomicU32; BUCKETS],
}

impl Default for Distribution {
    fn default() -> Self {
        Self {
            sum: AtomicU64::new(0),
            squares: Default::default(),
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
            buckets: std::array::from_fn(|_| AtomicU32::new(0)),
        }
    }
}

/// The sums at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    pub sum: u64,
    pub squares: u128,
    pub buckets: [u32; BUCKETS],
}

impl Default for Sums {
    fn default() -> Self {
        Self { sum: 0, squares: 0, buckets: [0; BUCKETS] }
    }
}

impl Distribution {
    pub fn record(&self, value: u64) {
        self.buckets[bucket(value)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
        let square = u128::from(value) * u128::from(value);
        let (low, mut high) = (square as u64, (square >> 64) as u64);
        let before = self.squares[0].fetch_add(low, Ordering::Relaxed);
        high = high.wrapping_add(u64::from(before.checked_add(low).is_none()));
        // Only values above four seconds, and once in many.
        if high > 0 {
            self.squares[1].fetch_add(high, Ordering::Relaxed);
        }
        // Looking is cheaper than writing, and nearly always enough.
        if value < self.min.load(Ordering::Relaxed) {
            self.min.fetch_min(value, Ordering::Relaxed);
        }
        if value > self.max.load(Ordering::Relaxed) {
            self.max.fetch_max(value, Ordering::Relaxed);
        }
    }

    pub fn sums(&self) -> Sums {
        let squares = u128::from(self.squares[1].load(Ordering::Relaxed)) << 64 | u128::from(self.squares[0].load(Ordering::Relaxed));
        let buckets = std::array::from_fn(|at| self.buckets[at].load(Ordering::Relaxed));
        Sums { sum: self.sum.load(Ordering::Relaxed), squares, buckets }
    }

    /// The least and the greatest value since [`Distribution::begin_interval`]; the wrong way round when there was none.
    pub fn extremes(&self) -> (u64, u64) {
        (self.min.load(Ordering::Relaxed), self.max.load(Ordering::Relaxed))
    }

    /// As [`Distribution::extremes`], and begins anew.
    pub fn begin_interval(&self) -> (u64, u64) {
        (self.min.swap(u64::MAX, Ordering::Relaxed), self.max.swap(0, Ordering::Relaxed))
    }
}

/// The bucket of a value.
pub(crate) fn bucket(value: u64) -> usize {
    if value < PER_POWER as u64 {
        return value as usize;
    }
    let power = 63 - value.leading_zeros() as usize;
    let part = (value >> (power - 2)) as usize & (PER_POWER - 1);
    ((power - 1) * PER_POWER + part).min(BUCKETS - 1)
}

/// A value in the middle of a bucket.
pub(crate) fn middle(bucket: usize) -> f64 {
    if bucket < PER_POWER {
        return bucket as f64;
    }
    let (power, part) = (bucket / PER_POWER + 1, bucket % PER_POWER);
    let width = (1_u64 << (power - 2)) as f64;
    (PER_POWER + part) as f64 * width + (width - 1.0) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Buckets follow each other without holes, and the middle of each lies within it and near every value of it.
    #[test]
    fn buckets() {
        assert_eq!((0..6).map(bucket).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        let mut last = 0;
        let mut value = 1_u64;
        while value < 1 << 40 {
            let at = bucket(value);
            assert!(at == last || at == last + 1, "{value}: bucket {at} after {last}");
            assert_eq!(bucket(middle(at).round() as u64), at, "{value}");
            let error = (middle(at) - value as f64).abs() / value as f64;
            assert!(error <= 0.125, "{value} is taken for {}", middle(at));
            last = at;
            value += (value / 9).max(1);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    /// Squares do not overflow, whatever is recorded.
    #[test]
    fn squares() {
        let values = Distribution::default();
        for _ in 0..3 {
            values.record(u64::MAX);
        }
        assert_eq!(values.sums().squares, (u128::from(u64::MAX) * u128::from(u64::MAX)).wrapping_mul(3));
        let values = Distribution::default();
        let long = 5_000_000_000_u64;
        (0..10).for_each(|_| values.record(long));
        assert_eq!(values.sums().squares, 10 * u128::from(long) * u128::from(long));
        assert_eq!((values.begin_interval(), values.extremes()), ((long, long), (u64::MAX, 0)));
    }
}
