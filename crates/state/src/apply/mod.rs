//! Applying commands. One file per table; small and dull on purpose.

mod allocs;
mod autopilot;
mod deployments;
mod evals;
mod jobs;
mod launch;
mod nodes;
mod places;
mod plan;
mod reap;
mod restore;
mod rollouts;
mod scheduling;

pub use autopilot::AUTOPILOT_CHANGED;
pub use restore::FENCED;
pub use scheduling::SCHEDULER_CHANGED;

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{EventSubject, JobKey, JobStatus};

use crate::command::{Applied, Command, Outcome};
use crate::store::{Store, Tally};
use crate::watch::{Table, Touched, Watch};

impl Store {
    /// Applies the command of log entry `index`. Total and deterministic: a command whose precondition does not hold is refused and changes
    /// nothing but the index (and the largest rollout number seen, which a refused proposal also shows).
    pub fn apply(&mut self, index: u64, command: &Command) -> Applied {
        self.index = index;
        let mut change =
            Change { store: self, index, touched: Touched::default(), jobs: BTreeSet::new(), restored: false, noted: Vec::new() };
        let outcome = change.apply(command);
        change.settle();
        let Change { mut touched, restored, noted, .. } = change;
        touched.dedup();
        for watch in &touched.0 {
            match (watch, self.has_group(watch)) {
                (Watch::Table(table), _) => {
                    self.table_indexes.insert(*table, index);
                }
                (group, Some(true)) => {
                    self.group_indexes.insert(group.clone(), index);
                }
                // Looked up first: a removal copies its way through the map, whether there is anything to remove or not.
                (group, Some(false)) if self.group_indexes.contains_key(group) => {
                    self.group_indexes.remove(group);
                }
                (_, Some(false) | None) => {}
            }
        }
        Applied { index, outcome, touched, restored, noted }
    }

    /// Whether what the watched group belongs to is there; nothing for what is no group. The groups of what is gone have the index of their
    /// table: nothing is kept for them.
    fn has_group(&self, watch: &Watch) -> Option<bool> {
        match watch {
            Watch::JobVersions(key)
            | Watch::JobAllocs(key)
            | Watch::JobEvals(key)
            | Watch::JobDeployments(key)
            | Watch::JobScaling(key) => Some(self.jobs.contains_key(key)),
            Watch::NodeAllocs(id) | Watch::NodeLosses(id) => Some(self.nodes.contains_key(id)),
            Watch::EvalAllocs(id) => Some(self.evals.contains_key(id)),
            Watch::DeploymentAllocs(id) => Some(self.deployments.contains_key(id)),
            Watch::Rollout(key) => Some(self.rollout_heads.contains_key(key) || self.rollout_staged.contains_key(key)),
            Watch::Table(_)
            | Watch::Job(_)
            | Watch::JobSummary(_)
            | Watch::Alloc(_)
            | Watch::Node(_)
            | Watch::Eval(_)
            | Watch::Deployment(_)
            | Watch::NodeWork(_)
            | Watch::Namespace(_)
            | Watch::NodePool(_) => None,
        }
    }
}

/// One command in progress.
struct Change<'a> {
    store: &'a mut Store,
    index: u64,
    touched: Touched,
    /// Jobs whose status may have to follow.
    jobs: BTreeSet<JobKey>,
    restored: bool,
    /// For events, beside what is touched.
    noted: Vec<EventSubject>,
}

impl Change<'_> {
    fn apply(&mut self, command: &Command) -> Outcome {
        match command {
            Command::Noop => Outcome::Done,
            Command::Bootstrap { region, cluster } => self.bootstrap(region, *cluster),
            Command::RegisterJob(register) => self.register_job(register),
            Command::DeregisterJob { key, purge, eval, time } => self.deregister_job(key, *purge, eval.as_deref(), *time),
            Command::SetJobStability { key, version, stable } => self.set_job_stability(key, *version, *stable),
            Command::UpsertEvals { evals, time } => self.upsert_evals(evals, *time),
            Command::ApplyPlan(plan) => self.apply_plan(plan),
            Command::ApplyPackedPlan(packed) => self.apply_plan(&packed.0),
            Command::UpdateAllocs { updates, evals, time } => self.update_allocs(updates, evals, *time),
            Command::SetTransitions { transitions, evals, time } => self.set_transitions(transitions, evals, *time),
            Command::RegisterNode { node, event, evals, time } => self.register_node(node, event.as_ref(), evals, *time),
            Command::SetNodeStatus { id, status, event, evals, time } => self.set_node_status(*id, *status, event.as_ref(), evals, *time),
            Command::SetNodeEligibility { id, eligibility, event, evals, time } => {
                self.set_node_eligibility(*id, *eligibility, event.as_ref(), evals, *time)
            }
            Command::AddNodeEvents { id, events } => self.add_node_events(*id, events),
            Command::SetDeploymentStatus(change) => self.set_deployment_status(change),
            Command::PromoteDeployment { id, groups, eval, time } => self.promote_deployment(*id, groups, eval.as_deref(), *time),
            Command::SetAllocHealth { id, healthy, unhealthy, eval, time } => {
                self.set_alloc_health(*id, healthy, unhealthy, eval.as_deref(), *time)
            }
            Command::StageRollout { header, source, submission, time } => {
                self.stage_rollout(header, source.as_ref(), submission.as_ref(), *time)
            }
            Command::UnstageRollout { id, phase, cause, cause_region, time } => {
                self.unstage_rollout(id, *phase, cause, cause_region, *time)
            }
            Command::AdoptRollout(adoption) => self.adopt_rollout(adoption),
            Command::SetRolloutPhase(change) => self.set_rollout_phase(change),
            Command::Reap(reap) => self.reap(reap),
            Command::ReapNodes { ids } => self.reap_nodes(ids),
            Command::ReconcileSummaries => self.reconcile_summaries(),
            Command::ScaleJob(scale) => self.scale_job(scale),
            Command::OverrideRollout { id, overrides, time } => self.override_rollout(id, overrides, *time),
            Command::BeginRestore { id } => self.begin_restore(*id),
            Command::AddToRestore { id, position, records } => self.add_to_restore(*id, *position, records),
            Command::FinishRestore { id, n_records, incarnation, time: _ } => self.finish_restore(*id, *n_records, *incarnation),
            Command::CancelRestore { id } => self.cancel_restore(*id),
            Command::HeedRegion { region, incarnation } => self.heed_region(region, *incarnation),
            Command::LiftFence(lift) => self.lift_fence(lift),
            Command::SetAutopilot { config, cas } => self.set_autopilot(config, *cas),
            Command::UpsertNamespaces { namespaces } => self.upsert_namespaces(namespaces),
            Command::DeleteNamespaces { names } => self.delete_namespaces(names),
            Command::UpsertNodePools { pools } => self.upsert_node_pools(pools),
            Command::DeleteNodePools { names } => self.delete_node_pools(names),
            Command::SetScheduler { config, cas } => self.set_scheduler(config, *cas),
            Command::LaunchJob(launch) => self.launch_job(launch),
            Command::TagJobVersion { key, name, tag } => self.tag_job_version(key, name, tag.as_ref()),
            Command::SetNodeDrain(drain) => self.set_node_drain(drain),
            Command::DeleteEvals { ids } => self.delete_evals(ids),
            Command::TrackVersions { n } => {
                self.store.tracked_versions = Some(*n);
                Outcome::Done
            }
        }
    }

    fn bootstrap(&mut self, region: &model::RegionName, cluster: model::Uuid) -> Outcome {
        if !self.store.identity.cluster.is_nil() {
            return Outcome::Refused(format!("the region is already bootstrapped as cluster {}", self.store.identity.cluster));
        }
        self.store.identity.region = region.clone();
        self.store.identity.cluster = cluster;
        self.store.identity.incarnation = 1;
        Outcome::Done
    }

    fn touch(&mut self, watch: Watch) {
        self.touched.add(watch);
    }

    /// Live allocations or open evaluations of a job came or went.
    fn tally(&mut self, key: &JobKey, live_allocs: i64, open_evals: i64) {
        if live_allocs == 0 && open_evals == 0 {
            return;
        }
        let tally = self.store.job_tallies.entry(key.clone()).or_default();
        tally.live_allocs += live_allocs;
        tally.open_evals += open_evals;
        if *tally == Tally::default() {
            self.store.job_tallies.remove(key);
        }
        self.jobs.insert(key.clone());
    }

    /// Lets the status of the touched jobs follow from what they have.
    fn settle(&mut self) {
        for key in std::mem::take(&mut self.jobs) {
            let Some(job) = self.store.jobs.get(&key) else { continue };
            let tally = self.store.job_tallies.get(&key).copied().unwrap_or_default();
            let status = if tally.live_allocs > 0 || job.is_parent() && !job.stop {
                JobStatus::Running
            } else if !job.stop && (tally.open_evals > 0 || self.has_active_deployment(&key)) {
                // Also while it waits for its turn among regions, or is paused before anything started.
                JobStatus::Pending
            } else {
                JobStatus::Dead
            };
            if job.status == status {
                continue;
            }
            let mut job = Arc::clone(job);
            self.count_child(&job, Some(job.status), Some(status));
            let changed = Arc::make_mut(&mut job);
            changed.status = status;
            changed.modify_index = self.index;
            self.store.job_versions.insert((key.clone(), job.version), Arc::clone(&job));
            self.store.jobs.insert(key.clone(), job);
            self.touch(Watch::Table(Table::Jobs));
            self.touch(Watch::Table(Table::JobVersions));
            self.touch(Watch::JobVersions(key.clone()));
            self.touch(Watch::Job(key));
        }
    }

    fn has_active_deployment(&self, key: &JobKey) -> bool {
        self.store.job_deployments(key).any(|deployment| deployment.is_active())
    }
}
