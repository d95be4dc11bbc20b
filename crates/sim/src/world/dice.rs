//! All chance of a run.

use std::time::Duration;

use model::{IdSource, Uuid};

pub struct Dice(IdSource);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(IdSource::new(seed))
    }

    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub fn uuid(&mut self) -> Uuid {
        self.0.next_uuid()
    }

    /// A source of ids for one decision.
    pub fn ids(&mut self) -> IdSource {
        IdSource::new(self.number())
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.number() % n.max(1) as u64) as usize
    }

    pub fn percent(&mut self, n: u64) -> bool {
        self.number() % 100 < n
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for n in (1..items.len()).rev() {
            items.swap(n, self.below(n + 1));
        }
    }

    /// Between the two, in microseconds.
    pub fn duration(&mut self, from: Duration, to: Duration) -> Duration {
        let range = to.saturating_sub(from).as_micros().max(1);
        from + Duration::from_micros((u128::from(self.number()) % range) as u64)
    }
}
