//! The network between regions: loses, doubles, delays and reorders.

use std::sync::Arc;

use model::{IdSource, Job, RegionRecord, RolloutHeader, RolloutId};
use multiregion::submission::{Answer, Vote};

/// What regions say to each other. Requests and answers of a submission carry its number, so that late ones are known for what they are.
#[derive(Clone, Debug)]
pub enum Body {
    Records(Vec<RegionRecord>),
    Prepare { submission: u64, job: Arc<Job> },
    Prepared { submission: u64, answer: Box<Answer> },
    Propose { submission: u64, header: Arc<RolloutHeader>, source: Arc<Job> },
    Voted { submission: u64, vote: Vote },
    Withdraw { id: RolloutId },
    Stop { header: Arc<RolloutHeader> },
    Fetch { id: RolloutId },
    Fetched { header: Arc<RolloutHeader>, source: Option<Arc<Job>> },
}

#[derive(Clone, Debug)]
pub struct Message {
    pub from: usize,
    pub to: usize,
    pub body: Body,
}

#[derive(Default)]
pub struct Network {
    under_way: Vec<Message>,
    /// Pairs that hear nothing of each other, in one direction.
    cut: Vec<(usize, usize)>,
    /// Of 100 messages.
    pub lost: u64,
    pub doubled: u64,
}

impl Network {
    pub fn send(&mut self, dice: &mut Dice, message: Message) {
        if self.cut.contains(&(message.from, message.to)) || dice.percent(self.lost) {
            return;
        }
        if dice.percent(self.doubled) {
            self.under_way.push(message.clone());
        }
        self.under_way.push(message);
    }

    /// Any of those under way.
    pub fn next(&mut self, dice: &mut Dice) -> Option<Message> {
        (!self.under_way.is_empty()).then(|| self.under_way.swap_remove(dice.below(self.under_way.len())))
    }

    pub fn n_under_way(&self) -> usize {
        self.under_way.len()
    }

    pub fn cut(&mut self, from: usize, to: usize) {
        self.cut.push((from, to));
    }

    pub fn heal(&mut self) {
        self.cut.clear();
    }
}

/// All chance of a run.
pub struct Dice(pub IdSource);

impl Dice {
    pub fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n.max(1) as u64) as usize
    }

    pub fn percent(&mut self, n: u64) -> bool {
        self.0.next_u64() % 100 < n
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }
}
