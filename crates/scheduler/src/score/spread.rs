//! Spreading a group's allocations over the values of a property: in given proportions, or evenly.

use std::collections::BTreeMap;

use model::{Job, Spread, TaskGroup};

use crate::constraint::Target;
use crate::fleet::Fleet;
use crate::tally::Tally;

/// What a node is worth that does not have the property, and at most one whose value nobody wants.
const LOWEST: f64 = -1.0;
/// A target that stands for all values that are not named.
const ANY_OTHER: &str = "*";

/// The spreads of a job and a group together.
#[derive(Debug, Default)]
pub(crate) struct Spreads {
    spreads: Vec<OneSpread>,
}

#[derive(Debug)]
struct OneSpread {
    tally: Tally,
    /// Of all weights.
    weight: f64,
    /// How many allocations each named value shall get; empty: all values the same.
    desired: BTreeMap<String, f64>,
    /// How many the values that are not named shall get.
    remainder: Option<f64>,
    /// By value, as of now.
    boosts: Vec<f64>,
}

impl Spreads {
    pub(crate) fn new(fleet: &Fleet, job: &Job, group: &TaskGroup, region: &str) -> Self {
        let all: Vec<&Spread> = job.spreads.iter().chain(&group.spreads).collect();
        let sum: f64 = all.iter().map(|spread| spread.weight.abs() as f64).sum();
        let make = |spread: &&Spread| {
            let weight = if sum > 0.0 { spread.weight as f64 / sum } else { 0.0 };
            let tally = Tally::new(fleet, &Target::parse(&spread.attribute), Some(&group.name), region);
            OneSpread::new(spread, tally, weight, group.count.max(0) as f64)
        };
        Self { spreads: all.iter().map(make).collect() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spreads.is_empty()
    }

    /// `None` when nothing is spread.
    pub(crate) fn boost(&self, node: u32) -> Option<f64> {
        (!self.is_empty()).then(|| super::sum(self.spreads.iter().map(|spread| spread.boost(node))))
    }

    /// The allocations of one node changed.
    pub(crate) fn update(&mut self, fleet: &Fleet, node: u32) {
        for spread in &mut self.spreads {
            spread.tally.update(fleet, node);
        }
    }

    /// After updates: `changed` gets the nodes that are worth something else now, some perhaps twice.
    pub(crate) fn settle(&mut self, fleet: &Fleet, changed: &mut Vec<u32>) {
        for spread in &mut self.spreads {
            spread.tally.update_outside(fleet);
            let boosts = spread.all_boosts();
            for (value, boost) in (0..).zip(&boosts) {
                if spread.boosts.get(value as usize) != Some(boost) {
                    changed.extend_from_slice(spread.tally.nodes_with(value));
                }
            }
            spread.boosts = boosts;
        }
    }
}

impl OneSpread {
    fn new(spread: &Spread, tally: Tally, weight: f64, count: f64) -> Self {
        let named = spread.targets.iter().filter(|target| target.value != ANY_OTHER);
        let desired: BTreeMap<String, f64> = named.map(|target| (target.value.clone(), target.percent as f64 / 100.0 * count)).collect();
        let rest = count - desired.values().sum::<f64>();
        // Rounding of percentages is not a remainder.
        let remainder = (!spread.targets.is_empty() && rest > 1e-9).then_some(rest);
        let mut this = Self { tally, weight, desired, remainder, boosts: Vec::new() };
        this.boosts = this.all_boosts();
        this
    }

    fn has_targets(&self) -> bool {
        !self.desired.is_empty() || self.remainder.is_some()
    }

    fn boost(&self, node: u32) -> f64 {
        self.tally.value_of(node).and_then(|value| self.boosts.get(value as usize)).copied().unwrap_or(LOWEST)
    }

    fn all_boosts(&self) -> Vec<f64> {
        let values = 0..self.tally.values.len() as u32;
        if !self.has_targets() {
            return self.even_boosts();
        }
        let wanted = |value: u32| {
            let name = self.tally.values.get(value as usize)?;
            self.desired.get(name).copied().or(self.remainder).filter(|desired| *desired > 0.0)
        };
        let boosts: Vec<Option<f64>> = values
            .map(|value| {
                let used = self.tally.count(value) as f64 + 1.0;
                wanted(value).map(|desired| (desired - used) / desired * self.weight)
            })
            .collect();
        // Nobody's wish is worth less than any wish.
        let lowest = boosts.iter().flatten().copied().fold(LOWEST, f64::min);
        boosts.into_iter().map(|boost| boost.unwrap_or(lowest)).collect()
    }

    /// Values with the fewest allocations are worth most; those that have none, everything.
    fn even_boosts(&self) -> Vec<f64> {
        let counts: Vec<f64> = (0..self.tally.values.len() as u32).map(|value| self.tally.count(value) as f64).collect();
        let used = || counts.iter().copied().filter(|count| *count > 0.0);
        let (min, max) = (used().fold(f64::INFINITY, f64::min), used().fold(0.0, f64::max));
        let boost = |count: f64| {
            if max == 0.0 {
                0.0
            } else if count != min {
                ((min - count) / min).max(-1.0)
            } else if min == max {
                // It is even, and would not be afterwards.
                -1.0
            } else {
                ((max - min) / min).min(1.0)
            }
        };
        counts.iter().copied().map(boost).collect()
    }
}
