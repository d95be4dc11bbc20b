//! A world of the model: all regions at one moment, and what has been seen so far.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use model::{Job, JobKey, MultiregionStrategy, Overrides, Phase, RegionName, Rollout, RolloutHeader, RolloutId, RolloutKind, Unreachable};
use state::{Command, Outcome, Store};

use super::event;
use super::flaw::Flaw;
use super::region::Region;
use super::scenario::{Budget, Scenario, Spec};
use super::{Protocol, invariants};

pub const NAMES: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
pub struct World {
    pub regions: Vec<Region>,
    /// What a region comes back to.
    pub old: Arc<Vec<Store>>,
    pub is_submitted: Vec<bool>,
    pub left: Budget,
    /// Nothing is left to do, unless something new comes from outside.
    pub is_at_rest: bool,
    /// Names of the invariants that the last event, or one before it, has broken.
    pub broken: BTreeSet<&'static str>,
    /// What a version of the job stands for, by region.
    versions: BTreeMap<(RegionName, u64), u64>,
    /// Rollouts whose job a person changed in one region alone.
    pub meddled: BTreeSet<RolloutId>,
}

impl World {
    pub fn new(scenario: &Scenario, flaw: Option<Flaw>) -> Self {
        let mut world = Self {
            regions: NAMES[..scenario.n_regions].iter().map(|name| Region::new(name)).collect(),
            old: Arc::default(),
            is_submitted: vec![false; scenario.specs.len()],
            left: scenario.budget,
            is_at_rest: false,
            broken: BTreeSet::new(),
            versions: BTreeMap::new(),
            meddled: BTreeSet::new(),
        };
        if let Some(before) = &scenario.before {
            let quiet = Scenario::new("before", scenario.n_regions, vec![before.clone()], Budget::default());
            world.is_submitted = vec![false];
            world.left = Budget::default();
            world.go_through(&Protocol { scenario: quiet, flaw: None });
            world.is_submitted = vec![false; scenario.specs.len()];
            world.left = scenario.budget;
            // Leaders that have come since.
            world.regions.iter_mut().for_each(|region| region.copies = Default::default());
        }
        world.old = Arc::new(world.regions.iter().map(|region| region.store.clone()).collect());
        world.is_at_rest = event::is_at_rest(&Protocol { scenario: scenario.clone(), flaw }, &world);
        world
    }

    /// The good day: whatever can happen first, until nothing is left.
    fn go_through(&mut self, protocol: &Protocol) {
        loop {
            let mut events = Vec::new();
            event::possible(protocol, self, &mut events);
            match events.into_iter().find(|event| !event.is_harmful()) {
                Some(event) => event::happen(protocol, self, &event),
                None => return,
            }
        }
    }

    /// Some region was restored and does not stand for what it has: it does nothing before it knows what it had said.
    pub fn is_fenced(&self) -> bool {
        self.regions.iter().any(|region| region.store.is_fenced())
    }

    pub fn key() -> JobKey {
        JobKey::new(model::DEFAULT_NAMESPACE, "web")
    }

    pub fn position(&self, name: &RegionName) -> Option<usize> {
        self.regions.iter().position(|region| region.name == *name)
    }

    /// The command is committed in region `at`, and what it leads to inside the region happens.
    pub fn apply(&mut self, at: usize, command: &Command) -> Outcome {
        let before = self.regions[at].store.clone();
        let outcome = self.regions[at].apply(command);
        self.regions[at].settle();
        self.look_back(at, &before);
        outcome
    }

    /// What must hold between two moments of a region.
    pub fn look_back(&mut self, at: usize, before: &Store) {
        let region = &self.regions[at];
        for old in before.rollouts() {
            let now = region.store.rollout(&old.header.id);
            if old.phase.is_terminal() && now.is_none_or(|now| now.phase != old.phase) {
                self.broken.insert(invariants::terminal::INVARIANT.name);
            }
            if let Some(now) = now {
                let (was, is) = (multiregion::own_record(before, old), multiregion::own_record(&region.store, now));
                if is.freshness() < was.freshness() || is.freshness() == was.freshness() && is.phase != was.phase {
                    self.broken.insert(invariants::freshness::INVARIANT.name);
                }
                let starts = old.phase == Phase::Adopted && now.phase == Phase::Running;
                if starts && region.store.rollout_staged(&now.header.job_key()).is_some_and(|staged| staged.header.id > now.header.id) {
                    self.broken.insert(invariants::staging_stops_starts::INVARIANT.name);
                }
            }
        }
        for job in region.store.job_versions(&Self::key()) {
            let is = what(&job);
            let was = *self.versions.entry((region.name.clone(), job.version)).or_insert(is);
            if was != is {
                self.broken.insert(invariants::versions::INVARIANT.name);
            }
        }
    }

    /// A rollout as all regions have it, by position; `None` where it is not known.
    pub fn everywhere<'a>(&'a self, id: &RolloutId) -> Vec<Option<&'a Arc<Rollout>>> {
        self.regions.iter().map(|region| region.store.rollout(id)).collect()
    }

    /// Every rollout that some region knows.
    pub fn headers(&self) -> BTreeMap<&RolloutId, &Arc<RolloutHeader>> {
        let all = self.regions.iter().flat_map(|region| region.store.rollouts());
        all.map(|rollout| (&rollout.header.id, &rollout.header)).collect()
    }

    /// Where a region stands in a rollout.
    pub fn phase(&self, id: &RolloutId, name: &RegionName) -> Option<Phase> {
        let region = self.regions.iter().find(|region| region.name == *name)?;
        region.store.rollout(id).map(|rollout| rollout.phase)
    }

    /// Phases of the listed regions whose part matters to the others, in the order of the list.
    pub fn in_time(&self, header: &RolloutHeader) -> Vec<Option<Phase>> {
        let names = header.regions.iter().filter(|name| !header.deferred.contains(name));
        names.map(|name| self.phase(&header.id, name)).collect()
    }

    /// What people asserted about a rollout, anywhere.
    pub fn asserted(&self, id: &RolloutId) -> Overrides {
        let mut asserted = Overrides::default();
        for rollout in self.everywhere(id).into_iter().flatten() {
            asserted.merge(&rollout.overrides);
        }
        asserted
    }

    /// The origin has cast its vote.
    pub fn is_committed(&self, header: &RolloutHeader) -> bool {
        self.phase(&header.id, &header.id.origin).is_some_and(|phase| phase.is_adopted())
    }

    /// Whether the mode alone decides how it ends: nobody forced it, stopped it, replaced it.
    pub fn is_undisturbed(&self, header: &RolloutHeader) -> bool {
        let forced = |rollout: &Arc<Rollout>| {
            rollout.forced || !rollout.overrides.is_empty() || matches!(rollout.phase, Phase::Cancelled | Phase::Paused)
        };
        header.kind == RolloutKind::Run
            && !self.meddled.contains(&header.id)
            && !self.everywhere(&header.id).into_iter().flatten().any(forced)
    }

    pub fn job(&self, spec: &Spec) -> Arc<Job> {
        let names: Vec<&str> = spec.regions.iter().map(|at| NAMES[*at]).collect();
        let unreachable = if spec.defers { Unreachable::Defer } else { Unreachable::Reject };
        let strategy = MultiregionStrategy { max_parallel: spec.max_parallel, on_failure: spec.on_failure, unreachable };
        let mut job = testkit::job("web").count(0).no_reschedule().env("VERSION", spec.content);
        if spec.auto_revert {
            job = job.auto_revert();
        }
        let one_each = |job: &mut Job| {
            for listed in job.multiregion.iter_mut().flat_map(|multiregion| &mut multiregion.regions) {
                listed.count = 1;
            }
        };
        job.multiregion(strategy, &names).edit(one_each).arc()
    }
}

/// Tells specifications apart.
fn what(job: &Job) -> u64 {
    let tasks = job.task_groups.iter().flat_map(|group| &group.tasks);
    let words = tasks.flat_map(|task| task.env.iter()).flat_map(|(key, value)| [key.as_str(), value.as_str()]);
    words.flat_map(|word| word.bytes()).fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

fn fingerprint(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

/// Worlds that behave alike are one world to the checker.
impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        fingerprint(self) == fingerprint(other)
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, to: &mut H) {
        self.regions.hash(to);
        self.is_submitted.hash(to);
        self.left.hash(to);
        self.broken.hash(to);
        self.versions.hash(to);
        self.meddled.hash(to);
    }
}
