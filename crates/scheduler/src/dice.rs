//! Chance that is the same for the same seed: ids, ports and ties come from here.

use model::{EvalId, Uuid};

/// A stream of numbers (SplitMix64 by Steele, Lea and Flood: small, fast, and good enough where nobody attacks).
pub(crate) struct Dice(u64);

impl Dice {
    /// The evaluation and the index of the view are mixed in, so that a careless seed does not make one id twice.
    pub(crate) fn new(seed: u64, eval: EvalId, index: u64) -> Self {
        let (high, low) = eval.0.as_u64_pair();
        let mut dice = Self(seed);
        for salt in [high, low, index] {
            dice.0 = dice.roll() ^ salt;
        }
        dice
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `n` - 1; 0 when `n` is 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.roll()) * u128::from(n)) >> 64) as u64
    }

    /// A UUID of version 4.
    pub(crate) fn uuid(&mut self) -> Uuid {
        let high = self.roll() & 0xffff_ffff_ffff_0fff | 0x4000;
        let low = self.roll() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
        Uuid::from_u64_pair(high, low)
    }

    /// The numbers from 0 to `n` - 1 in random order.
    pub(crate) fn permutation(&mut self, n: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n as u32).collect();
        for last in (1..n).rev() {
            order.swap(last, self.below(last as u64 + 1) as usize);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids are valid UUIDs of version 4, differ, and come again with the same seed.
    #[test]
    fn ids() {
        let make = |seed| {
            let mut dice = Dice::new(seed, EvalId::NIL, 7);
            (0..100).map(|_| dice.uuid()).collect::<Vec<_>>()
        };
        let ids = make(1);
        assert!(ids.iter().all(|id| id.get_version_num() == 4 && id.as_bytes()[8] >> 6 == 0b10));
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 100);
        assert_eq!(ids, make(1));
        assert_ne!(ids, make(2));
    }
}
