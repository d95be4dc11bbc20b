//! A submission as its origin drives it: ask, propose, count, commit. As in the server, its memory is gone with the leader.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Job, RegionName, RolloutHeader, RolloutId};
use multiregion::submission::{Answer, Answers, Vote, listed};

pub struct Submission {
    pub number: u64,
    pub job: Arc<Job>,
    /// Steps of the world since it began; whoever has not answered by then is silent.
    pub age: u64,
    pub stage: Stage,
}

pub enum Stage {
    Asking { asked: BTreeSet<RegionName>, answers: BTreeMap<RegionName, Answer> },
    Voting { header: Arc<RolloutHeader>, votes: BTreeMap<RegionName, Vote> },
}

pub const PATIENCE: u64 = 60;

impl Submission {
    pub fn new(number: u64, job: Arc<Job>, origin: &RegionName) -> Self {
        let mut asked: BTreeSet<RegionName> = listed(&job).into_iter().collect();
        asked.insert(origin.clone());
        Self { number, job, age: 0, stage: Stage::Asking { asked, answers: BTreeMap::new() } }
    }

    pub fn rollout(&self) -> Option<&RolloutId> {
        match &self.stage {
            Stage::Asking { .. } => None,
            Stage::Voting { header, .. } => Some(&header.id),
        }
    }

    pub fn is_over_time(&self) -> bool {
        self.age > PATIENCE
    }
}

/// In the order of the list, as the server has them.
pub fn in_order(job: &Job, asked: &BTreeSet<RegionName>, answers: &BTreeMap<RegionName, Answer>) -> Answers {
    let mut names = listed(job);
    names.extend(asked.iter().filter(|name| !listed(job).contains(name)).cloned());
    names.into_iter().map(|name| (name.clone(), answers.get(&name).cloned().ok_or_else(|| "no answer".to_owned()))).collect()
}
