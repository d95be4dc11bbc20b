//! What every node is worth to one group of one job version, kept up to date while a plan grows.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{AllocMetric, Job, Node, Resources, TaskGroup};

use crate::ask::{Ask, Lack};
use crate::feasible::{Checks, Scope};
use crate::fleet::{Fleet, Room};
use crate::preempt::Victim;
use crate::score::{self, Affinities, Score, Spreads};
use crate::setting::Setting;
use crate::tally::Tally;
use crate::tournament::Tournament;

/// Nodes whose scores are shown.
pub(crate) const SHOWN_SCORES: usize = 5;
/// So many placements of a group are explained one by one.
const EXPLAINED_ALONE: usize = 16;
/// Above so many changed scores the whole tree is made anew.
const CHANGES_FEW: usize = 64;

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

/// A chosen node.
pub(crate) struct Choice {
    pub node: u32,
    /// The best nodes, this one among them, with their scores.
    pub best: Vec<(u32, Score)>,
}

/// At most `limit` allocations where the property has one value.
struct Distinct {
    tally: Tally,
    limit: u64,
    /// By value.
    full: Vec<bool>,
}

pub(crate) struct Board {
    group: String,
    desired: f64,
    pub ask: Ask,
    checks: Checks,
    labels: Vec<String>,
    setting: Setting,
    /// By node.
    fitness: Vec<Fitness>,
    verdicts: Vec<Verdict>,
    /// By node; empty without affinities.
    affinity: Vec<f64>,
    distinct: Vec<Distinct>,
    spreads: Spreads,
    /// By node, without the spread, which changes for many nodes at once; empty when nothing is spread.
    bare: Vec<Score>,
    tree: Tournament,
    /// How much of `Fleet::changes` and of its `outsider_changes` is known here.
    seen: usize,
    seen_outside: u64,
    n_in_pool: i64,
    n_in_scope: i64,
    n_available: BTreeMap<String, i64>,
    filtered: Vec<i64>,
    filtered_by_class: Vec<i64>,
    exhausted: Vec<i64>,
    exhausted_by_class: Vec<i64>,
    /// What each task asks for, for metrics.
    asked: Vec<(String, Resources)>,
    n_explained: usize,
    explained: Option<Arc<AllocMetric>>,
}

impl Board {
    pub(crate) fn new(fleet: &mut Fleet, job: &Job, group: &TaskGroup, setting: Setting) -> Self {
        let checks = Checks::new(job, group);
        let ask = Ask::new(group, setting.oversubscribes);
        let labels = checks.labels();
        let n = fleet.nodes.len();
        let region = setting.region.clone();
        let scope_name = |scope: Scope| (scope == Scope::Group).then_some(group.name.as_str());
        let distinct = checks.distinct_properties.iter().map(|distinct| Distinct {
            tally: Tally::new(fleet, &distinct.property, scope_name(distinct.scope), &region),
            limit: distinct.limit,
            full: Vec::new(),
        });
        let distinct = distinct.collect();
        let spreads = Spreads::new(fleet, job, group, &region);
        let asked = group.tasks.iter().map(|task| (task.name.clone(), task.resources.clone().unwrap_or_default()));
        let mut this = Self {
            group: group.name.clone(),
            desired: group.count.max(1) as f64,
            setting,
            fitness: Vec::with_capacity(n),
            verdicts: vec![Verdict::Outside; n],
            affinity: Vec::new(),
            distinct,
            bare: if spreads.is_empty() { Vec::new() } else { vec![Score::default(); n] },
            spreads,
            tree: Tournament::new(&fleet.tie),
            seen: fleet.changes.len(),
            seen_outside: fleet.outsider_changes,
            n_in_pool: 0,
            n_in_scope: 0,
            n_available: checks.named_datacenters().map(|name| (name.clone(), 0)).collect(),
            filtered: vec![0; labels.len()],
            filtered_by_class: vec![0; fleet.node_classes.len()],
            exhausted: vec![0; FIXED_LACKS + ask.n_static_ports()],
            exhausted_by_class: vec![0; fleet.node_classes.len()],
            asked: asked.collect(),
            n_explained: 0,
            explained: None,
            labels,
            ask,
            checks,
        };
        this.judge_classes(fleet);
        this.weigh_affinities(fleet, &Affinities::new(job, group));
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
                    self.checks.first_failure(node, &self.setting.region).map_or(Fitness::Feasible, Fitness::Filtered)
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

    /// Once per class of nodes, as constraints.
    fn weigh_affinities(&mut self, fleet: &Fleet, affinities: &Affinities) {
        if affinities.is_empty() {
            return;
        }
        let is_unique = affinities.is_unique();
        let mut of_class: Vec<Option<f64>> = vec![None; fleet.classes.len()];
        for (node, class) in fleet.nodes.iter().zip(&fleet.class_of) {
            let known = of_class.get(*class as usize).copied().flatten().filter(|_| !is_unique);
            let score = known.unwrap_or_else(|| affinities.score(node, &self.setting.region));
            of_class[*class as usize] = Some(score);
            self.affinity.push(score);
        }
    }

    fn judge_all(&mut self, fleet: &mut Fleet) {
        for distinct in &mut self.distinct {
            distinct.settle(fleet, &mut Vec::new());
        }
        let scores: Vec<Option<f64>> = (0..fleet.nodes.len() as u32).map(|node| self.judge_anew(fleet, node)).collect();
        self.tree.fill(scores.into_iter());
    }

    /// Takes over what changed in the fleet.
    pub(crate) fn refresh(&mut self, fleet: &mut Fleet) {
        if self.seen == fleet.changes.len() && self.seen_outside == fleet.outsider_changes {
            return;
        }
        let from = std::mem::replace(&mut self.seen, fleet.changes.len());
        self.seen_outside = fleet.outsider_changes;
        let (mut judged, mut scored) = (fleet.changes[from..].to_vec(), Vec::new());
        if !self.distinct.is_empty() || !self.spreads.is_empty() {
            for node in &judged {
                self.distinct.iter_mut().for_each(|distinct| distinct.tally.update(fleet, *node));
                self.spreads.update(fleet, *node);
            }
            for distinct in &mut self.distinct {
                distinct.settle(fleet, &mut judged);
            }
            self.spreads.settle(fleet, &mut scored);
        }
        let are_many = judged.len() + scored.len() > CHANGES_FEW;
        for node in judged {
            let score = self.judge_anew(fleet, node);
            if are_many { self.tree.put(node, score) } else { self.tree.set(node, score) }
        }
        for node in scored.into_iter().filter(|node| self.verdicts[*node as usize] == Verdict::Fits) {
            let score = self.bare.get(node as usize).map(|bare| Score { spread: self.spreads.boost(node), ..*bare }.mean());
            if are_many { self.tree.put(node, score) } else { self.tree.set(node, score) }
        }
        if are_many {
            self.tree.settle();
        }
    }

    /// Returns the score of a node that has room.
    fn judge_anew(&mut self, fleet: &mut Fleet, node: u32) -> Option<f64> {
        let verdict = self.judge(fleet, node);
        self.set_verdict(fleet, node, verdict);
        if verdict != Verdict::Fits {
            return None;
        }
        let score = self.score(fleet, node, false);
        if let Some(bare) = self.bare.get_mut(node as usize) {
            *bare = score;
        }
        Some(score.mean())
    }

    fn judge(&self, fleet: &mut Fleet, position: u32) -> Verdict {
        match self.fitness[position as usize] {
            Fitness::Outside => return Verdict::Outside,
            Fitness::Filtered(label) => return Verdict::Filtered(label),
            Fitness::Feasible => {}
        }
        if let Some(scope) = self.checks.distinct_hosts
            && fleet.n_allocs(position, self.group_of(scope)) > 0
        {
            return Verdict::Filtered(self.checks.distinct_hosts_label());
        }
        for (distinct, i) in self.distinct.iter().zip(1..) {
            let value = distinct.tally.value_of(position);
            if value.is_none_or(|value| distinct.full.get(value as usize) == Some(&true)) {
                return Verdict::Filtered(self.checks.distinct_hosts_label() + i);
            }
        }
        let node = fleet.nodes[position as usize];
        self.ask.lacks(node, fleet.room_for(position, &self.ask)).map_or(Verdict::Fits, Verdict::Exhausted)
    }

    fn group_of(&self, scope: Scope) -> Option<&str> {
        (scope == Scope::Group).then_some(self.group.as_str())
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
        let (node, collisions) = (fleet.nodes[position as usize], fleet.n_allocs(position, Some(&self.group)));
        self.score_in(node, fleet.room_for(position, &self.ask), position, collisions, is_penalised)
    }

    /// What the node is worth if this is what is left on it.
    fn score_in(&self, node: &Node, room: &Room, position: u32, collisions: u32, is_penalised: bool) -> Score {
        Score {
            packing: score::packing(self.setting.algorithm, room.used.plus(self.ask.usage_on(room)), room.total),
            anti_affinity: score::anti_affinity(collisions, self.desired),
            penalty: if is_penalised { -1.0 } else { 0.0 },
            affinity: self.affinity.get(position as usize).copied().unwrap_or(0.0),
            spread: self.spreads.boost(position),
            devices: self.ask.devices.score(node, &room.devices),
            preemption: None,
        }
    }

    /// What the node is worth when these are pushed aside.
    pub(crate) fn score_without(&self, fleet: &Fleet, position: u32, room: &Room, victims: &[Victim]) -> Score {
        let (node, collisions) = (fleet.nodes[position as usize], fleet.n_allocs(position, Some(&self.group)));
        let preemption = Some(score::preemption(victims.iter().map(|victim| victim.priority)));
        Score { preemption, ..self.score_in(node, room, position, collisions, false) }
    }

    /// As of now; the rest of the score follows from the node alone.
    pub(crate) fn spread_boost(&self, position: u32) -> Option<f64> {
        self.spreads.boost(position)
    }

    /// Would do, were it not full.
    pub(crate) fn is_exhausted(&self, position: u32) -> bool {
        matches!(self.verdicts.get(position as usize), Some(Verdict::Exhausted(_)))
    }

    pub(crate) fn preempts_up_to(&self) -> Option<i64> {
        self.setting.preempts_up_to
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
        let scores = best.iter().map(|(node, score)| score.shown(fleet.nodes[*node as usize].id));
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
            resources_exhausted: self.resources_exhausted(),
            score_meta_data: scores.collect(),
            ..AllocMetric::default()
        }
    }

    /// By task: how much it asks for of what some node has too little.
    fn resources_exhausted(&self) -> BTreeMap<String, Resources> {
        if self.exhausted.iter().all(|n| *n == 0) {
            return BTreeMap::new();
        }
        let is = |lack: Lack| self.exhausted[lack_position(lack)] > 0;
        let of = |asked: &Resources| Resources {
            cpu: if is(Lack::Cpu) { asked.cpu } else { 0 },
            cores: if is(Lack::Cpu) || is(Lack::Cores) { asked.cores } else { 0 },
            memory_mb: if is(Lack::Memory) { asked.memory_mb } else { 0 },
            devices: if is(Lack::Devices) { asked.devices.clone() } else { Vec::new() },
            ..Resources::default()
        };
        self.asked.iter().map(|(task, asked)| (task.clone(), of(asked))).collect()
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

impl Distinct {
    /// After updates of the tally: `changed` gets the nodes whose value became full, or is not any more.
    fn settle(&mut self, fleet: &Fleet, changed: &mut Vec<u32>) {
        self.tally.update_outside(fleet);
        self.full.resize(self.tally.values.len(), false);
        for (value, full) in (0..).zip(&mut self.full) {
            let is_full = self.tally.count(value) >= self.limit;
            if std::mem::replace(full, is_full) != is_full {
                changed.extend_from_slice(self.tally.nodes_with(value));
            }
        }
    }
}

/// Dimensions before those of the static ports.
const FIXED_LACKS: usize = 7;

fn lack_position(lack: Lack) -> usize {
    match lack {
        Lack::Cpu => 0,
        Lack::Memory => 1,
        Lack::Disk => 2,
        Lack::Cores => 3,
        Lack::DynamicPorts => 4,
        Lack::Allocs => 5,
        Lack::Devices => 6,
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
        6 => Lack::Devices,
        port => Lack::StaticPort((port - FIXED_LACKS) as u16),
    }
}
