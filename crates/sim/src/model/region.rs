//! One region of the model: its committed state, and the memory of its leader.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use model::{Allocation, IdSource, Job, JobKey, NodeStatus, RegionName, RegionRecord, RolloutHeader, RolloutId, Testimony, Uuid};
use multiregion::Records;
use multiregion::submission::Vote;
use state::{Command, Outcome, Store};

use super::flaw::Flaw;
use crate::region::{confirmed_stops, due_eval, live, report, verdict};

/// Time stands still: nothing in the protocol may need it.
pub const NOW: i64 = 1_800_000_000_000_000_000;

#[derive(Clone, Debug)]
pub struct Region {
    pub name: RegionName,
    pub store: Store,
    /// Everything from here on is the leader's memory: what it has heard of other regions,
    pub copies: Records,
    /// and the submission that it decides.
    pub open: Option<Open>,
    /// and, when it was restored, what the others have told it.
    pub heard: BTreeMap<RegionName, Testimony>,
}

/// A submission whose origin this region is.
#[derive(Clone, Debug)]
pub struct Open {
    pub source: Arc<Job>,
    pub header: Arc<RolloutHeader>,
    /// The proposal is in the origin's own log.
    pub is_staged: bool,
    pub votes: BTreeMap<RegionName, Vote>,
}

impl Region {
    pub fn new(name: &str) -> Self {
        let mut region =
            Self { name: name.into(), store: Store::default(), copies: Records::default(), open: None, heard: BTreeMap::new() };
        region.begin();
        region
    }

    /// The state of a region that was founded just now.
    pub fn begin(&mut self) {
        self.store = Store::default();
        let cluster = Uuid::new_v5(&Uuid::NAMESPACE_OID, self.name.as_bytes());
        self.apply(&Command::Bootstrap { region: self.name.clone(), cluster });
        // Room for everything on either of them.
        for node in ["one", "two"] {
            let node = testkit::node(&format!("{}-{node}", self.name)).resources(100_000, 100_000).build();
            self.apply(&Command::RegisterNode { node: Arc::new(node), event: None, evals: Vec::new(), time: NOW });
        }
    }

    pub fn apply(&mut self, command: &Command) -> Outcome {
        let index = self.store.index() + 1;
        self.store.apply(index, command).outcome
    }

    /// Ids that are the same whenever the same happens.
    pub fn ids(&self) -> IdSource {
        IdSource::new(self.store.index())
    }

    /// What happens inside the region at once: evaluations become placements, nodes confirm what was stopped.
    pub fn settle(&mut self) {
        loop {
            if let Some(eval) = due_eval(&self.store, NOW) {
                let plan = scheduler::schedule(&self.store, &eval, NOW, self.store.index()).plan;
                let outcome = self.apply(&Command::ApplyPlan(Box::new(plan)));
                assert_eq!(outcome, Outcome::Done, "a plan on the present state fits");
                continue;
            }
            let updates = confirmed_stops(&self.store);
            if updates.is_empty() {
                return;
            }
            self.apply(&Command::UpdateAllocs { updates, evals: Vec::new(), time: NOW });
        }
    }

    /// What the leader's reconcilers want, as in the server: deployments, rollouts, and proposals that nobody decides any more.
    pub fn wishes(&self, flaw: Option<Flaw>) -> Vec<Command> {
        let mut ids = self.ids();
        let mut commands = deployment::step(&self.store, NOW, &mut ids).propose;
        commands.extend(multiregion::step_by(Flaw::rule(flaw), &self.store, &self.copies, NOW, &mut ids).propose);
        if flaw == Some(Flaw::KeepsWhatIsAbandoned) {
            return commands;
        }
        let deciding = |id: &RolloutId| self.open.as_ref().is_some_and(|open| open.header.id == *id);
        commands.extend(multiregion::abandoned(&self.store, deciding, NOW));
        commands
    }

    /// What it says about itself now.
    pub fn record(&self, id: &RolloutId) -> Option<RegionRecord> {
        self.store.rollout(id).map(|rollout| multiregion::own_record(&self.store, rollout))
    }

    pub fn is_fresher(&self, record: &RegionRecord) -> bool {
        self.copies.get(&record.rollout, &record.region.name).is_none_or(|copy| copy.freshness() < record.freshness())
    }

    pub fn live<'a>(&'a self, key: &JobKey) -> impl Iterator<Item = &'a Arc<Allocation>> {
        live(&self.store, key)
    }

    /// A task of which nobody has said yet how it turns out.
    pub fn without_verdict(&self, key: &JobKey) -> Option<&Arc<Allocation>> {
        self.live(key).find(|alloc| verdict(alloc).is_none())
    }

    pub fn report(&mut self, alloc: &Allocation, healthy: bool) {
        let update = report(alloc, healthy, NOW);
        let evals = control::report_evals(&self.store, std::slice::from_ref(&update), &mut self.ids());
        self.apply(&Command::UpdateAllocs { updates: vec![update], evals, time: NOW });
    }

    /// The node of an allocation is lost, and comes back when all is done about the loss. `repairs`: whether anybody looks after it. Returns how
    /// many tasks of the job run without the node.
    pub fn lose_node_of(&mut self, alloc: &Allocation, repairs: bool) -> usize {
        let id = alloc.node_id;
        let evals = if repairs { control::node_evals(&self.store, id, &mut self.ids()) } else { Vec::new() };
        self.apply(&Command::SetNodeStatus { id, status: NodeStatus::Down, event: None, evals, time: NOW });
        self.settle();
        let n_live = self.live(&alloc.job_key()).filter(|live| live.node_id != id).count();
        self.apply(&Command::SetNodeStatus { id, status: NodeStatus::Ready, event: None, evals: Vec::new(), time: NOW });
        n_live
    }
}

/// What makes two regions behave alike from now on: phases, jobs, deployments and tasks, what was heard and what is being decided. Indexes and
/// times are left out: only their order matters, and news are copies of what the author says now.
impl Hash for Region {
    fn hash<H: Hasher>(&self, to: &mut H) {
        let store = &self.store;
        (store.identity().lamport, store.identity().incarnation).hash(to);
        for rollout in store.rollouts() {
            let is_staged = store.rollout_staged(&rollout.header.job_key()).is_some_and(|staged| staged.header.id == rollout.header.id);
            let is_head = store.rollout_head(&rollout.header.job_key()).is_some_and(|head| head.header.id == rollout.header.id);
            (&rollout.header.id, rollout.phase as u8, rollout.resume_to.map(|phase| phase as u8)).hash(to);
            (rollout.forced, &rollout.cause_region, is_staged, is_head, rollout.header.job_version).hash(to);
            (&rollout.header.base, rollout.header.dropped.len(), rollout.header.kind as u8, &rollout.header.deferred).hash(to);
            (&rollout.overrides.released, &rollout.overrides.excluded, rollout.overrides.aborted).hash(to);
            if let Some(deployment) = store.deployment(rollout.deployment_id) {
                (deployment.status as u8, deployment.job_version).hash(to);
                for group in deployment.task_groups.values() {
                    (group.placed_allocs, group.healthy_allocs, group.unhealthy_allocs).hash(to);
                }
            }
        }
        for job in store.jobs() {
            (job.version, job.stop, job.stable, store.newest_version(&job.key())).hash(to);
            let key = job.key();
            let mut allocs: Vec<(u64, u8, u8, Option<bool>)> = store
                .job_allocs(&key)
                .filter(|alloc| !alloc.is_terminal())
                .map(|alloc| {
                    let version = alloc.job.as_ref().map_or(0, |job| job.version);
                    (version, alloc.desired_status as u8, alloc.client_status as u8, verdict(alloc))
                })
                .collect();
            allocs.sort_unstable();
            allocs.hash(to);
        }
        for copy in self.copies.all() {
            (&copy.rollout, &copy.region.name, copy.phase as u8, copy.forced, copy.incarnation).hash(to);
            (copy.overrides.released, copy.overrides.excluded, copy.overrides.aborted).hash(to);
        }
        if let Some(open) = &self.open {
            (&open.header.id, &open.header.base, open.header.job_version, open.is_staged).hash(to);
            for (region, vote) in &open.votes {
                (region, format!("{vote:?}")).hash(to);
            }
        }
        u8::from(self.open.is_some()).hash(to);
        store.is_fenced().hash(to);
        for other in super::world::NAMES {
            // What it heeds of the others' earlier words.
            (0..4).filter(|incarnation| store.heeds(&other.into(), *incarnation)).count().hash(to);
        }
        for (region, testimony) in &self.heard {
            (region, super::restoring::digest(testimony)).hash(to);
        }
    }
}
