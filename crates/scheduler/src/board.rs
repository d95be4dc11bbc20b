//! What every node is worth to one group of one job version, kept up to date while a plan grows.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{AllocMetric, Job, NodeScoreMeta, TaskGroup};

use crate::ask::{Ask, Lack};
use crate::feasible::{Checks, Scope};
use crate::fleet::{Fleet, Room};
use crate::tournament::Tournament;

/// Nodes whose scores are shown.
const SHOWN_SCORES: usize = 5;
/// So many placements of a group are explained one by one.
const EXPLAINED_ALONE: usize = 16;
/// Above this a node is as well filled as it can be.
const BINPACK_MAX: f64 = 18.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Not in the job's datacenters or pool.
    Outside,
    /// By the check of this label.
    Filtered(u16),
    Exhausted(Lack),
    Fits,
}

/// What constraints say of a class of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fitness {
    Outside,
    Filtered(u16),
    Feasible,
}

/// How a node's score came about.
pub(crate) struct Score {
    binpack: f64,
    /// 0 when no other allocation of the group is there.
    anti_affinity: f64,
    /// -1 where an earlier attempt failed.
    penalty: f64,
}

impl Score {
    /// The mean of those that apply.
    fn mean(&self) -> f64 {
        let mut sum = self.binpack;
        let mut n = 1.0;
        for extra in [self.anti_affinity, self.penalty] {
            if extra != 0.0 {
                sum += extra;
                n += 1.0;
            }
        }
        sum / n
    }
}

/// A chosen node.
pub(crate) struct Choice {
    pub node: u32,
    /// The best nodes, this one among them, with their scores.
    pub best: Vec<(u32, Score)>,
}

pub(crate) struct Board {
    group: String,
    desired: f64,
    pub ask: Ask,
    checks: Checks,
    labels: Vec<String>,
    region: String,
    /// By node.
    fitness: Vec<Fitness>,
    verdicts: Vec<Verdict>,
    tree: Tournament,
    /// How much of `Fleet::changes` is known here.
    seen: usize,
    n_in_pool: i64,
    n_in_scope: i64,
    n_available: BTreeMap<String, i64>,
    filtered: Vec<i64>,
    filtered_by_class: Vec<i64>,
    exhausted: Vec<i64>,
    exhausted_by_class: Vec<i64>,
    n_explained: usize,
    explained: Option<Arc<AllocMetric>>,
}

impl Board {
    pub(crate) fn new(fleet: &mut Fleet, job: &Job, group: &TaskGroup, region: &str) -> Self {
        let checks = Checks::new(job, group);
        let ask = Ask::new(group);
        let labels = checks.labels();
        let n = fleet.nodes.len();
        let mut this = Self {
            group: group.name.clone(),
            desired: group.count.max(1) as f64,
            region: region.to_owned(),
            fitness: Vec::with_capacity(n),
            verdicts: vec![Verdict::Outside; n],
            tree: Tournament::new(&fleet.tie),
            seen: fleet.changes.len(),
            n_in_pool: 0,
            n_in_scope: 0,
            n_available: BTreeMap::new(),
            filtered: vec![0; labels.len()],
            filtered_by_class: vec![0; fleet.node_classes.len()],
            exhausted: vec![0; FIXED_LACKS + ask.n_static_ports()],
            exhausted_by_class: vec![0; fleet.node_classes.len()],
            n_explained: 0,
            explained: None,
            labels,
            ask,
            checks,
        };
        this.judge_classes(fleet);
        this.judge_all(fleet);
        this
    }

    /// Constraints are asked once per class of nodes, unless they look at what is unique to a node.
    fn judge_classes(&mut self, fleet: &Fleet) {
        let mut of_class: Vec<Option<Fitness>> = vec![None; fleet.classes.len()];
        for (node, class) in fleet.nodes.iter().zip(&fleet.class_of) {
            let known = of_class.get(*class as usize).copied().flatten().filter(|_| !self.checks.is_unique);
            let fitness = known.unwrap_or_else(|| {
                if !self.checks.in_scope(node) {
                    Fitness::Outside
                } else {
                    self.checks.first_failure(node, &self.region).map_or(Fitness::Feasible, Fitness::Filtered)
                }
            });
            of_class[*class as usize] = Some(fitness);
            self.fitness.push(fitness);
            if self.checks.in_pool(node) {
                self.n_in_pool += 1;
            }
            if fitness != Fitness::Outside {
                self.n_in_scope += 1;
                match self.n_available.get_mut(&node.datacenter) {
                    Some(n) => *n += 1,
                    None => {
                        self.n_available.insert(node.datacenter.clone(), 1);
                    }
                }
            }
        }
    }

    fn judge_all(&mut self, fleet: &mut Fleet) {
        let full = self.full_properties(fleet);
        let scores: Vec<Option<f64>> = (0..fleet.nodes.len() as u32)
            .map(|node| {
                let verdict = self.judge(fleet, node, &full);
                self.set_verdict(fleet, node, verdict);
                (verdict == Verdict::Fits).then(|| self.score(fleet, node, false).mean())
            })
            .collect();
        self.tree.fill(scores.into_iter());
    }

    /// Takes over what changed in the fleet.
    pub(crate) fn refresh(&mut self, fleet: &mut Fleet) {
        if self.seen == fleet.changes.len() {
            return;
        }
        if !self.checks.distinct_properties.is_empty() {
            // One allocation more changes what all nodes with the same value are worth.
            self.seen = fleet.changes.len();
            self.judge_all(fleet);
            return;
        }
        while let Some(node) = fleet.changes.get(self.seen).copied() {
            self.seen += 1;
            let verdict = self.judge(fleet, node, &[]);
            self.set_verdict(fleet, node, verdict);
            let score = (verdict == Verdict::Fits).then(|| self.score(fleet, node, false).mean());
            self.tree.set(node, score);
        }
    }

    fn judge(&self, fleet: &mut Fleet, position: u32, full: &[Vec<String>]) -> Verdict {
        match self.fitness[position as usize] {
            Fitness::Outside => return Verdict::Outside,
            Fitness::Filtered(label) => return Verdict::Filtered(label),
            Fitness::Feasible => {}
        }
        let node = fleet.nodes[position as usize];
        if let Some(scope) = self.checks.distinct_hosts
            && fleet.n_allocs(position, self.group_of(scope)) > 0
        {
            return Verdict::Filtered(self.checks.distinct_hosts_label());
        }
        for ((distinct, full), i) in self.checks.distinct_properties.iter().zip(full).zip(1..) {
            let value = distinct.property.resolve(node, &self.region);
            if value.is_none_or(|value| full.iter().any(|full| *full == value)) {
                return Verdict::Filtered(self.checks.distinct_hosts_label() + i);
            }
        }
        self.ask.lacks(node, fleet.room(position)).map_or(Verdict::Fits, Verdict::Exhausted)
    }

    fn group_of(&self, scope: Scope) -> Option<&str> {
        (scope == Scope::Group).then_some(self.group.as_str())
    }

    /// Values that no further allocation may have, for each `distinct_property`.
    fn full_properties(&self, fleet: &Fleet) -> Vec<Vec<String>> {
        let count = |distinct: &crate::feasible::DistinctProperty| {
            let group = self.group_of(distinct.scope);
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            let outside = fleet.outside(group).map(|node| (node, 1));
            let inside = fleet.nodes.iter().zip(0..).map(|(node, position)| (*node, u64::from(fleet.n_allocs(position, group))));
            for (node, n) in outside.chain(inside).filter(|(_, n)| *n > 0) {
                if let Some(value) = distinct.property.resolve(node, &self.region) {
                    *counts.entry(value.into_owned()).or_default() += n;
                }
            }
            counts.into_iter().filter(|(_, n)| *n >= distinct.limit).map(|(value, _)| value).collect()
        };
        self.checks.distinct_properties.iter().map(count).collect()
    }

    fn set_verdict(&mut self, fleet: &Fleet, position: u32, verdict: Verdict) {
        let node_class = fleet.node_class_of[position as usize] as usize;
        let old = std::mem::replace(&mut self.verdicts[position as usize], verdict);
        for (verdict, n) in [(old, -1), (verdict, 1)] {
            match verdict {
                Verdict::Outside | Verdict::Fits => {}
                Verdict::Filtered(label) => {
                    self.filtered[usize::from(label)] += n;
                    self.filtered_by_class[node_class] += n;
                }
                Verdict::Exhausted(lack) => {
                    self.exhausted[lack_position(lack)] += n;
                    self.exhausted_by_class[node_class] += n;
                }
            }
        }
    }

    fn score(&self, fleet: &mut Fleet, position: u32, is_penalised: bool) -> Score {
        let collisions = fleet.n_allocs(position, Some(&self.group));
        let anti_affinity = if collisions > 0 { -(f64::from(collisions) + 1.0) / self.desired } else { 0.0 };
        let binpack = self.binpack(fleet.room(position));
        Score { binpack, anti_affinity, penalty: if is_penalised { -1.0 } else { 0.0 } }
    }

    /// How full the node would be, from 0 (empty) to 1; the last free parts weigh most.
    fn binpack(&self, room: &Room) -> f64 {
        let after = room.used.plus(self.ask.usage_on(room));
        let free = |used: i64, total: i64| if total > 0 { 1.0 - used as f64 / total as f64 } else { 0.0 };
        let emptiness = 10_f64.powf(free(after.cpu, room.total.cpu)) + 10_f64.powf(free(after.memory, room.total.memory));
        (20.0 - emptiness).clamp(0.0, BINPACK_MAX) / BINPACK_MAX
    }

    /// The best node, if any has room. `penalised`: nodes where earlier attempts failed. `preferred` wins if it has room.
    pub(crate) fn choose(&self, fleet: &mut Fleet, penalised: &[u32], preferred: Option<u32>) -> Option<Choice> {
        // Whoever is penalised can only sink, so the first few of the others are certainly among these.
        let mut best = self.tree.top(SHOWN_SCORES + penalised.len());
        let mut scores: Vec<(u32, Score)> = best.drain(..).map(|node| (node, self.score(fleet, node, penalised.contains(&node)))).collect();
        if !penalised.is_empty() {
            scores.sort_by(|(_, one), (_, other)| other.mean().total_cmp(&one.mean()));
        }
        let chosen = match preferred.filter(|node| self.tree.score(*node).is_some() && !penalised.contains(node)) {
            Some(preferred) => {
                scores.retain(|(node, _)| *node != preferred);
                scores.insert(0, (preferred, self.score(fleet, preferred, false)));
                preferred
            }
            None => scores.first()?.0,
        };
        scores.truncate(SHOWN_SCORES);
        Some(Choice { node: chosen, best: scores })
    }

    /// This node, if it has room.
    pub(crate) fn choose_pinned(&self, fleet: &mut Fleet, node: u32) -> Option<Choice> {
        self.tree.score(node)?;
        Some(Choice { node, best: vec![(node, self.score(fleet, node, false))] })
    }

    /// How it came to a placement. The first placements of a group have their own words; of many more, those that follow share them with the
    /// last one whose number is a power of two: they differ by hardly more than a node.
    pub(crate) fn explain(&mut self, fleet: &Fleet, best: Vec<(u32, Score)>) -> Arc<AllocMetric> {
        self.n_explained += 1;
        match &self.explained {
            Some(known) if self.n_explained > EXPLAINED_ALONE && !self.n_explained.is_power_of_two() => Arc::clone(known),
            _ => {
                let metric = Arc::new(self.metric(fleet, &best));
                self.explained = Some(Arc::clone(&metric));
                metric
            }
        }
    }

    /// How the nodes stand right now.
    pub(crate) fn metric(&self, fleet: &Fleet, best: &[(u32, Score)]) -> AllocMetric {
        let scores = best.iter().map(|(node, score)| NodeScoreMeta {
            node_id: fleet.nodes[*node as usize].id,
            scores: BTreeMap::from([
                ("binpack".to_owned(), score.binpack),
                ("job-anti-affinity".to_owned(), score.anti_affinity),
                ("node-reschedule-penalty".to_owned(), score.penalty),
                ("node-affinity".to_owned(), 0.0),
            ]),
            norm_score: score.mean(),
        });
        let named = |counts: &[i64], names: &dyn Fn(usize) -> String| {
            let mut map: BTreeMap<String, i64> = BTreeMap::new();
            for (position, n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
                *map.entry(names(position)).or_default() += n;
            }
            map.remove("");
            map
        };
        let node_class = |class: usize| fleet.node_classes.get(class).map(|class| (*class).to_owned()).unwrap_or_default();
        AllocMetric {
            nodes_evaluated: self.n_in_scope,
            nodes_filtered: self.filtered.iter().sum(),
            nodes_in_pool: self.n_in_pool,
            node_pool: self.checks.node_pool.clone(),
            nodes_available: self.n_available.clone(),
            class_filtered: named(&self.filtered_by_class, &node_class),
            constraint_filtered: named(&self.filtered, &|label| self.labels.get(label).cloned().unwrap_or_default()),
            nodes_exhausted: self.exhausted.iter().sum(),
            class_exhausted: named(&self.exhausted_by_class, &node_class),
            dimension_exhausted: named(&self.exhausted, &|position| self.ask.dimension(lack_at(position))),
            score_meta_data: scores.collect(),
            ..AllocMetric::default()
        }
    }

    /// Which classes of nodes could run the group if they had room.
    pub(crate) fn class_eligibility(&self, fleet: &Fleet) -> BTreeMap<String, bool> {
        let mut eligible: BTreeMap<String, bool> = BTreeMap::new();
        for (class, fitness) in fleet.class_of.iter().zip(&self.fitness) {
            if let Some(class) = fleet.classes.get(*class as usize) {
                *eligible.entry(class.clone().into_owned()).or_default() |= *fitness == Fitness::Feasible;
            }
        }
        eligible
    }

    /// Another node of a class that was refused may still do.
    pub(crate) fn escapes_classes(&self) -> bool {
        self.checks.is_unique
    }
}

/// Dimensions before those of the static ports.
const FIXED_LACKS: usize = 6;

fn lack_position(lack: Lack) -> usize {
    match lack {
        Lack::Cpu => 0,
        Lack::Memory => 1,
        Lack::Disk => 2,
        Lack::Cores => 3,
        Lack::DynamicPorts => 4,
        Lack::Allocs => 5,
        Lack::StaticPort(port) => FIXED_LACKS + usize::from(port),
    }
}

fn lack_at(position: usize) -> Lack {
    match position {
        0 => Lack::Cpu,
        1 => Lack::Memory,
        2 => Lack::Disk,
        3 => Lack::Cores,
        4 => Lack::DynamicPorts,
        5 => Lack::Allocs,
        port => Lack::StaticPort((port - FIXED_LACKS) as u16),
    }
}
