//! Between servers: what is cut off from whom, and until when; how much is lost, doubled and late.

use std::collections::BTreeMap;
use std::time::Duration;

use super::dice::Dice;

/// One way, on a good day.
const DELAY: (Duration, Duration) = (Duration::from_micros(300), Duration::from_millis(30));
/// One way, for what comes late and in another order.
const DELAY_LATE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(1_500));

#[derive(Default)]
pub struct Network {
    /// Nothing gets from the first to the second before this time.
    cuts: BTreeMap<(usize, usize), Duration>,
    /// Of 100 datagrams; a connection is as much slower instead.
    pub lost: u64,
    pub doubled: u64,
    pub late: u64,
}

impl Network {
    pub fn cut(&mut self, from: usize, to: usize, until: Duration) {
        let cut = self.cuts.entry((from, to)).or_default();
        *cut = until.max(*cut);
    }

    pub fn is_cut(&self, from: usize, to: usize, now: Duration) -> bool {
        self.cuts.get(&(from, to)).is_some_and(|until| *until > now)
    }

    /// A connection needs both ways.
    pub fn is_connected(&self, one: usize, other: usize, now: Duration) -> bool {
        !self.is_cut(one, other, now) && !self.is_cut(other, one, now)
    }

    pub fn delay(&self, dice: &mut Dice) -> Duration {
        let (from, to) = if dice.percent(self.late) { DELAY_LATE } else { DELAY };
        dice.duration(from, to)
    }

    /// What is lost is sent again.
    pub fn connection_delay(&self, dice: &mut Dice) -> Duration {
        let mut delay = self.delay(dice);
        let mut again = Duration::from_millis(200);
        while dice.percent(self.lost) {
            delay += again;
            again *= 2;
        }
        delay
    }

    pub fn heal(&mut self) {
        *self = Self::default();
    }
}
