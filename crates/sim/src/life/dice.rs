//! Chance from a seed.

use model::IdSource;

pub(super) struct Dice(IdSource);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(IdSource::new(seed ^ 0x6c69_6665))
    }

    pub fn ids(&mut self) -> &mut IdSource {
        &mut self.0
    }

    pub fn seed(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Below `n`; 0 for 0.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.0.next_u64() % n }
    }

    /// Both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.below(high.abs_diff(low) + 1)).unwrap_or(0)
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// With this mean, and no two alike; at least 1.
    pub fn around(&mut self, mean: i64) -> i64 {
        self.between(1, 2 * mean.max(1))
    }

    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        from.get(usize::try_from(self.below(from.len() as u64)).unwrap_or(0))
    }
}
