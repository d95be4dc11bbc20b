//! What a seed draws: whose power is cut, when, and what is lost.

use std::fmt;
use std::time::Duration;

use super::disk::Loss;
use super::region::N_SERVERS;
use crate::chaos::Dice;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victims {
    All,
    Leader,
    /// This server, whatever it is.
    One(usize),
}

/// Since when the time until the cut is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Writers have begun.
    Load,
    /// A victim has begun a snapshot, after which the log is cut.
    Snapshot,
    /// The leader was killed, and the others elect another one.
    Election,
    /// All servers are started.
    Start,
    /// A server is started that was away while the others cut their log: it gets a snapshot.
    Return,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    pub victims: Victims,
    pub moment: Moment,
    pub after: Duration,
    pub loss: Loss,
    /// The system has written some of what was due by itself.
    pub writes_some: bool,
    /// Where servers are left: how long they go on alone.
    pub apart: Duration,
    /// Whether the file systems are looked through afterwards.
    pub is_checked: bool,
}

impl Cut {
    pub fn drawn(seed: u64) -> Cut {
        let dice = &mut Dice::new(seed);
        let victims = match dice.below(10) {
            0..4 => Victims::All,
            4..7 => Victims::Leader,
            _ => Victims::One(dice.below(N_SERVERS)),
        };
        let (moment, longest_ms) = dice.pick(&[
            (Moment::Load, 1_500),
            (Moment::Load, 1_500),
            (Moment::Snapshot, 40),
            (Moment::Snapshot, 40),
            // longer than an election takes
            (Moment::Election, 1_500),
            // longer than a start takes
            (Moment::Start, 700),
            (Moment::Return, 700),
        ]);
        Cut {
            victims,
            moment,
            after: Duration::from_millis(dice.between(0, longest_ms)),
            loss: if dice.percent(30) { Loss::Content } else { Loss::Unsynced },
            writes_some: dice.percent(30),
            apart: Duration::from_millis(dice.between(0, 500)),
            is_checked: dice.percent(10),
        }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cut { victims, moment, after, loss, writes_some, .. } = self;
        let some = if *writes_some { ", some written" } else { "" };
        write!(f, "{victims:?}, {} ms after {moment:?}, lost {loss:?}{some}", after.as_millis())
    }
}
