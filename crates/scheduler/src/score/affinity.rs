//! Wishes that a node may or may not meet.

use model::{Affinity, Constraint, Job, Node, TaskGroup};

use crate::constraint::Condition;

/// The affinities of a job, a group and its tasks together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Affinities {
    wishes: Vec<(Condition, f64)>,
    sum: f64,
}

impl Affinities {
    pub(crate) fn new(job: &Job, group: &TaskGroup) -> Self {
        let of_tasks = group.tasks.iter().flat_map(|task| &task.affinities);
        let all = job.affinities.iter().chain(&group.affinities).chain(of_tasks);
        let wishes: Vec<_> = all.map(|affinity| (Condition::new(&constraint(affinity)), affinity.weight as f64)).collect();
        let sum = wishes.iter().map(|(_, weight)| weight.abs()).sum();
        Self { wishes, sum }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sum == 0.0
    }

    /// May differ between nodes of one computed class.
    pub(crate) fn is_unique(&self) -> bool {
        self.wishes.iter().any(|(wish, _)| wish.is_unique())
    }

    /// From -1 to 1: the weights of what holds on the node, of all weights.
    pub(crate) fn score(&self, node: &Node, region: &str) -> f64 {
        if self.is_empty() {
            return 0.0;
        }
        super::sum(self.wishes.iter().filter(|(wish, _)| wish.holds(node, region)).map(|(_, weight)| *weight)) / self.sum
    }
}

/// The condition of an affinity.
pub(crate) fn constraint(affinity: &Affinity) -> Constraint {
    let Affinity { l_target, r_target, operand, .. } = affinity.clone();
    Constraint { l_target, r_target, operand }
}
