//! What a node is worth to an allocation: the mean of what each scorer says, the names under which people see them, and the formulas.

mod affinity;
mod spread;

use std::collections::BTreeMap;

use model::{NodeId, NodeScoreMeta, SchedulerAlgorithm, Usage};

pub(crate) use affinity::{Affinities, constraint as affinity_constraint};
pub(crate) use spread::Spreads;

/// Above this a node is as well filled (or as empty) as it can be.
const PACKING_MAX: f64 = 18.0;

/// How a node's score came about.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Score {
    /// How full the node will be, or with the spread algorithm how empty.
    pub packing: f64,
    /// 0 when no other allocation of the group is there.
    pub anti_affinity: f64,
    /// -1 where an earlier attempt failed.
    pub penalty: f64,
    /// 0 when no affinity says anything of the node.
    pub affinity: f64,
    /// `None` when the job spreads over nothing.
    pub spread: Option<f64>,
    /// `None` when no device is preferred to another.
    pub devices: Option<f64>,
    /// `None` when nobody is pushed aside.
    pub preemption: Option<f64>,
}

impl Score {
    /// The mean of those that apply.
    pub(crate) fn mean(&self) -> f64 {
        let mut sum = self.packing;
        let mut n = 1.0;
        for extra in [self.anti_affinity, self.penalty, self.affinity, self.spread.unwrap_or(0.0)] {
            if extra != 0.0 {
                sum += extra;
                n += 1.0;
            }
        }
        for extra in [self.devices, self.preemption].into_iter().flatten() {
            sum += extra;
            n += 1.0;
        }
        sum / n
    }

    /// As people see it.
    pub(crate) fn shown(&self, node: NodeId) -> NodeScoreMeta {
        let always = [
            ("binpack", self.packing),
            ("job-anti-affinity", self.anti_affinity),
            ("node-reschedule-penalty", self.penalty),
            ("node-affinity", self.affinity),
        ];
        let mut scores: BTreeMap<String, f64> = always.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        for (name, value) in [("allocation-spread", self.spread), ("devices", self.devices), ("preemption", self.preemption)] {
            if let Some(value) = value {
                scores.insert(name.to_owned(), value);
            }
        }
        NodeScoreMeta { node_id: node, scores, norm_score: self.mean() }
    }
}

/// The library's sum of nothing is -0, which people would see.
pub(crate) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |sum, value| sum + value)
}

/// From 0 to 1. The last free parts weigh most: 10 to the power of what is free of CPU and of memory.
pub(crate) fn packing(algorithm: SchedulerAlgorithm, after: Usage, total: Usage) -> f64 {
    let free = |used: i64, total: i64| if total > 0 { 1.0 - used as f64 / total as f64 } else { 0.0 };
    let emptiness = 10_f64.powf(free(after.cpu, total.cpu)) + 10_f64.powf(free(after.memory, total.memory));
    let fit = if algorithm == SchedulerAlgorithm::Spread { emptiness - 2.0 } else { 20.0 - emptiness };
    fit.clamp(0.0, PACKING_MAX) / PACKING_MAX
}

/// `collisions`: allocations of the group on the node.
pub(crate) fn anti_affinity(collisions: u32, desired: f64) -> f64 {
    if collisions > 0 { -(f64::from(collisions) + 1.0) / desired } else { 0.0 }
}

/// Pushing aside few of low priority is nearly free, many of high priority is not: a curve that falls from 1 to 0 around a net priority of
/// 2048. The net priority is the highest one, and the sum of all in relation to it.
pub(crate) fn preemption(priorities: impl Iterator<Item = i64>) -> f64 {
    let (highest, sum) = priorities.fold((0, 0), |(highest, sum), priority| (priority.max(highest), priority.saturating_add(sum)));
    if highest <= 0 {
        return 1.0;
    }
    let net = highest as f64 + sum as f64 / highest as f64;
    1.0 / (1.0 + (0.0048 * (net - 2048.0)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Full nodes are worth most to the one algorithm, empty ones to the other.
    #[test]
    fn packing_table() {
        use SchedulerAlgorithm::{Binpack, Spread};
        let total = Usage { cpu: 1000, memory: 1000, disk: 0 };
        let rows = [
            (Binpack, 0, 0, 0.0),
            (Binpack, 1000, 1000, 1.0),
            (Binpack, 500, 500, (20.0 - 2.0 * 10_f64.sqrt()) / 18.0),
            (Binpack, 1000, 0, 9.0 / 18.0),
            (Spread, 0, 0, 1.0),
            (Spread, 1000, 1000, 0.0),
            (Spread, 500, 500, (2.0 * 10_f64.sqrt() - 2.0) / 18.0),
            (Spread, 0, 1000, 9.0 / 18.0),
        ];
        for (algorithm, cpu, memory, expected) in rows {
            let found = packing(algorithm, Usage { cpu, memory, disk: 0 }, total);
            assert!((found - expected).abs() < 1e-9, "{algorithm} {cpu} {memory}: {found}");
        }
        assert_eq!(packing(Binpack, Usage::default(), Usage::default()), 1.0, "what has nothing is full");
    }

    /// The more and the more important those are that go, the less the node is worth.
    #[test]
    fn preemption_falls() {
        let of = |priorities: &[i64]| preemption(priorities.iter().copied());
        assert!(of(&[1]) > 0.99);
        assert!(of(&[10]) > of(&[40]) && of(&[40]) > of(&[40, 40]) && of(&[40, 40]) > of(&[40, 40, 40]));
        assert!((of(&[40]) - 1.0 / (1.0 + (0.0048_f64 * (41.0 - 2048.0)).exp())).abs() < 1e-12);
        assert_eq!(of(&[0]), 1.0);
    }

    /// Only what applies takes part in the mean.
    #[test]
    fn means() {
        let only = Score { packing: 0.5, ..Score::default() };
        assert_eq!(only.mean(), 0.5);
        assert_eq!(Score { anti_affinity: -1.0, ..only }.mean(), -0.25);
        assert_eq!(Score { affinity: 1.0, penalty: -1.0, ..only }.mean(), 0.5 / 3.0);
        assert_eq!(Score { spread: Some(0.0), ..only }.mean(), 0.5);
        assert_eq!(Score { devices: Some(0.0), ..only }.mean(), 0.25);
    }
}
