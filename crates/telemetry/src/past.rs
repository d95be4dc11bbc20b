//! What is remembered of a figure: its sums when the present interval began, and the intervals before.

use std::collections::VecDeque;

use crate::distribution::{Distribution, Sums, middle};

/// Shares of values that are shown for Prometheus.
pub const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// What came together in one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Aggregate {
    pub count: u64,
    /// The sum by second.
    pub rate: f64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    /// Of a sample, with n − 1; 0 for fewer than two values.
    pub stddev: f64,
}

/// Raw sums of one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Raw {
    pub count: u64,
    pub sum: u64,
    pub squares: u128,
    pub min: u64,
    pub max: u64,
}

impl Raw {
    /// `n` times the value 1, as counters have it.
    pub fn ones(n: u64) -> Self {
        Self { count: n, sum: n, squares: u128::from(n), min: u64::from(n > 0), max: u64::from(n > 0) }
    }

    /// With each value multiplied by `scale`, over an interval of so many seconds.
    pub fn aggregate(&self, scale: f64, seconds: f64) -> Aggregate {
        if self.count == 0 {
            return Aggregate::default();
        }
        let (count, sum) = (self.count as f64, self.sum as f64);
        let mean = sum / count;
        // In whole numbers as long as it goes: the difference of two large squares keeps few digits of a float.
        let n_squares = self.squares.checked_mul(u128::from(self.count));
        let square_of_sum = u128::from(self.sum).checked_mul(u128::from(self.sum));
        let spread = match (n_squares, square_of_sum) {
            (Some(n_squares), Some(square)) => n_squares.saturating_sub(square) as f64,
            _ => (self.squares as f64 * count - sum * sum).max(0.0),
        };
        let stddev = if self.count < 2 { 0.0 } else { (spread / count / (count - 1.0)).sqrt() };
        // A value that came while the interval ended may be in the sums only.
        let (min, max) = if self.min > self.max { (mean, mean) } else { (self.min as f64, self.max as f64) };
        Aggregate {
            count: self.count,
            rate: if seconds > 0.0 { sum * scale / seconds } else { 0.0 },
            sum: sum * scale,
            min: min * scale,
            max: max * scale,
            mean: mean * scale,
            stddev: stddev * scale,
        }
    }
}

/// Buckets that are not empty, of one interval.
type Filled = Vec<(u8, u32)>;

/// The past of a [`Distribution`].
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// When the present interval began.
    began: Sums,
    /// Values before that.
    count_before: u64,
    /// The last interval that is over.
    complete: Option<Raw>,
    /// The newest last.
    filled: VecDeque<Filled>,
}

/// What a distribution shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shown {
    /// Since the start.
    pub count: u64,
    pub sum: u64,
    /// Of the last interval that is over; of the present one as long as there is none.
    pub interval: Raw,
    /// By [`QUANTILES`], over the intervals that are kept and the present one; `None` when nothing came.
    pub quantiles: Option<[f64; 3]>,
}

impl Past {
    /// The present interval is over.
    pub fn end_interval(&mut self, values: &Distribution, n_kept: usize) {
        let now = values.sums();
        let (min, max) = values.begin_interval();
        let raw = self.since(&now, min, max);
        self.count_before += raw.count;
        self.complete = Some(raw);
        if n_kept > 0 {
            while self.filled.len() >= n_kept {
                self.filled.pop_front();
            }
            self.filled.push_back(self.filled_since(&now));
        }
        self.began = now;
    }

    pub fn show(&self, values: &Distribution) -> Shown {
        let now = values.sums();
        let (min, max) = values.extremes();
        let present = self.since(&now, min, max);
        let mut filled: Vec<u64> = vec![0; now.buckets.len()];
        for (bucket, count) in self.filled.iter().flatten().copied().chain(self.filled_since(&now)) {
            filled[usize::from(bucket)] += u64::from(count);
        }
        Shown {
            count: self.count_before + present.count,
            sum: now.sum,
            interval: self.complete.unwrap_or(present),
            quantiles: quantiles(&filled),
        }
    }

    fn since(&self, now: &Sums, min: u64, max: u64) -> Raw {
        let count = now.buckets.iter().zip(&self.began.buckets).map(|(now, then)| u64::from(now.wrapping_sub(*then))).sum();
        let (sum, squares) = (now.sum.wrapping_sub(self.began.sum), now.squares.wrapping_sub(self.began.squares));
        Raw { count, sum, squares, min, max }
    }

    fn filled_since(&self, now: &Sums) -> Filled {
        let grown = now.buckets.iter().zip(&self.began.buckets).map(|(now, then)| now.wrapping_sub(*then));
        grown.enumerate().filter(|(_, n)| *n > 0).filter_map(|(at, n)| Some((u8::try_from(at).ok()?, n))).collect()
    }
}

fn quantiles(filled: &[u64]) -> Option<[f64; 3]> {
    let total: u64 = filled.iter().sum();
    if total == 0 {
        return None;
    }
    Some(QUANTILES.map(|share| {
        let rank = ((share * total as f64).ceil() as u64).max(1);
        let mut passed = 0;
        let at = filled.iter().position(|count| {
            passed += count;
            passed >= rank
        });
        at.map_or(0.0, middle)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(values: &[u64]) -> Raw {
        let distribution = Distribution::default();
        values.iter().for_each(|value| distribution.record(*value));
        Past::default().show(&distribution).interval
    }

    /// Rows: values; their aggregate over ten seconds, each value taken for half as much.
    #[test]
    fn aggregates() {
        let rows: [(&[u64], Aggregate); 5] = [
            (&[], Aggregate::default()),
            (&[8], Aggregate { count: 1, rate: 0.4, sum: 4.0, min: 4.0, max: 4.0, mean: 4.0, stddev: 0.0 }),
            (&[6, 6, 6], Aggregate { count: 3, rate: 0.9, sum: 9.0, min: 3.0, max: 3.0, mean: 3.0, stddev: 0.0 }),
            (&[2, 4, 4, 4, 6], Aggregate { count: 5, rate: 1.0, sum: 10.0, min: 1.0, max: 3.0, mean: 2.0, stddev: 0.5_f64.sqrt() }),
            (
                &[10_000_000_000_001, 10_000_000_000_003],
                Aggregate {
                    count: 2,
                    rate: 1_000_000_000_000.2,
                    sum: 10_000_000_000_002.0,
                    min: 5_000_000_000_000.5,
                    max: 5_000_000_000_001.5,
                    mean: 5_000_000_000_001.0,
                    stddev: 0.5_f64.sqrt(),
                },
            ),
        ];
        for (values, expected) in rows {
            let got = raw(values).aggregate(0.5, 10.0);
            assert!((got.stddev - expected.stddev).abs() < 1e-9, "{values:?}: {got:?}");
            assert_eq!(Aggregate { stddev: expected.stddev, ..got }, expected, "{values:?}");
        }
        let ones = Aggregate { count: 7, rate: 0.7, sum: 7.0, min: 1.0, max: 1.0, mean: 1.0, stddev: 0.0 };
        assert_eq!(Raw::ones(7).aggregate(1.0, 10.0), ones);
        assert_eq!(Raw::ones(0).aggregate(1.0, 10.0), Aggregate::default());
        assert_eq!(Raw::ones(7).aggregate(1.0, 0.0).rate, 0.0);
        // The extremes of a value that came while the interval ended went to the next one.
        let torn = Raw { count: 2, sum: 10, squares: 50, min: u64::MAX, max: 0 };
        assert_eq!((torn.aggregate(1.0, 1.0).min, torn.aggregate(1.0, 1.0).max), (5.0, 5.0));
    }

    /// An interval holds what came in it; totals grow; quantiles are of the intervals that are kept.
    #[test]
    fn intervals() {
        let (values, mut past) = (Distribution::default(), Past::default());
        (0..10).for_each(|_| values.record(4));
        assert_eq!(past.show(&values).interval.count, 10, "the present one, as long as there is no other");
        past.end_interval(&values, 2);
        values.record(1_000);
        let shown = past.show(&values);
        assert_eq!((shown.interval.count, shown.interval.min, shown.interval.max), (10, 4, 4));
        assert_eq!((shown.count, shown.sum), (11, 1_040));
        assert_eq!(shown.quantiles.map(|quantiles| (quantiles[0], quantiles[1])), Some((4.0, 4.0)));
        past.end_interval(&values, 2);
        let shown = past.show(&values);
        assert_eq!((shown.interval.count, shown.interval.min, shown.interval.max), (1, 1_000, 1_000));
        past.end_interval(&values, 2);
        let quantiles = past.show(&values).quantiles.expect("the interval before is kept");
        assert!((900.0..1_100.0).contains(&quantiles[0]), "{quantiles:?}");
        past.end_interval(&values, 2);
        assert_eq!(past.show(&values), Shown { count: 11, sum: 1_040, interval: past.complete.unwrap(), quantiles: None });
        assert_eq!(past.complete.unwrap().count, 0);
    }
}
