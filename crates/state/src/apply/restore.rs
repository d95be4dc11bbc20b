//! Restoring a region from a snapshot, and what keeps it from contradicting what it had told other regions before.
//!
//! A snapshot comes in parts, each a log entry, and takes effect with the last one. The region then is in a new incarnation and fenced: it
//! takes no part in rollouts until it has heard from the others what it had said last ([`LiftFence`]). They promise at the same time to heed
//! nothing older any more, in their own logs.

use std::collections::HashMap;
use std::sync::Arc;

use imbl::{OrdMap, Vector};
use model::{AutopilotConfig, Job, Phase, RegionName, Rollout, RolloutId, SchedulerConfiguration, Uuid};

use super::Change;
use crate::command::{LiftFence, Outcome, PhaseChange, Recovery};
use crate::snapshot::Restoring;
use crate::store::{Identity, Restoration, Store};
use crate::watch::{Table, Watch};

/// Why a region that was restored just now takes part in nothing.
pub const FENCED: &str = "the region was restored from a snapshot, and asks the other regions what it had told them: it takes part in rollouts when they have answered";

impl Change<'_> {
    /// The answer to everything about rollouts while the region is fenced.
    pub(super) fn fenced(&self) -> Option<Outcome> {
        self.store.is_fenced.then(|| Outcome::Refused(FENCED.to_owned()))
    }

    pub(super) fn begin_restore(&mut self, id: Uuid) -> Outcome {
        self.store.restoring = Some(Restoration { id, parts: Vector::new() });
        Outcome::Done
    }

    pub(super) fn add_to_restore(&mut self, id: Uuid, position: u64, records: &[Vec<u8>]) -> Outcome {
        let Some(restoring) = self.store.restoring.as_mut().filter(|restoring| restoring.id == id) else {
            return no_restore(id);
        };
        let n_parts = restoring.parts.len() as u64;
        if position < n_parts {
            // It came before, and its answer was lost.
            return Outcome::Done;
        }
        if position > n_parts {
            return Outcome::Refused(format!("part {position} of restore {id} came after part {n_parts} was missed"));
        }
        restoring.parts.push_back(Arc::new(records.to_vec()));
        Outcome::Done
    }

    pub(super) fn cancel_restore(&mut self, id: Uuid) -> Outcome {
        if self.store.restoring.as_ref().is_none_or(|restoring| restoring.id != id) {
            return no_restore(id);
        }
        self.store.restoring = None;
        Outcome::Done
    }

    pub(super) fn finish_restore(&mut self, id: Uuid, n_records: u64, incarnation: u64) -> Outcome {
        let Some(restoring) = self.store.restoring.as_ref().filter(|restoring| restoring.id == id) else {
            return no_restore(id);
        };
        let mut restored = Restoring::default();
        let mut n_found = 0;
        for record in restoring.parts.iter().flat_map(|part| part.iter()) {
            if let Err(error) = restored.add(record) {
                return Outcome::Refused(format!("record {n_found} of the snapshot cannot be read: {error}"));
            }
            n_found += 1;
        }
        if n_found != n_records {
            return Outcome::Refused(format!("{n_found} of the snapshot's {n_records} records have come"));
        }
        let mut restored = restored.finish();
        let (own, of_snapshot) = (&self.store.identity, &restored.identity);
        if of_snapshot.region != own.region {
            let (theirs, ours) = (of_snapshot.region.as_str(), own.region.as_str());
            return Outcome::Refused(format!("the snapshot is of region {theirs:?}, this one is {ours:?}"));
        }
        restored.identity = Identity {
            incarnation: own.incarnation.max(of_snapshot.incarnation).saturating_add(1).max(incarnation),
            lamport: own.lamport.max(of_snapshot.lamport),
            ..own.clone()
        };
        for (region, incarnation) in &self.store.heeded {
            let heeded = restored.heeded.get(region).copied().unwrap_or(0).max(*incarnation);
            restored.heeded.insert(region.clone(), heeded);
        }
        restored.restoring = None;
        restored.is_fenced = true;
        restamp(&mut restored, self.index);
        *self.store = restored;
        self.restored = true;
        Outcome::Done
    }

    pub(super) fn heed_region(&mut self, region: &RegionName, incarnation: u64) -> Outcome {
        if self.store.heeds(region, incarnation) {
            self.store.heeded.insert(region.clone(), incarnation);
            self.touch(Watch::Table(Table::Rollouts));
        }
        Outcome::Done
    }

    pub(super) fn lift_fence(&mut self, lift: &LiftFence) -> Outcome {
        if !self.store.is_fenced {
            return Outcome::Refused("the region is not fenced".to_owned());
        }
        self.store.is_fenced = false;
        self.store.identity.lamport = self.store.identity.lamport.max(lift.lamport);
        for recovery in &lift.rollouts {
            self.recover(recovery, lift.time);
        }
        self.touch(Watch::Table(Table::Rollouts));
        Outcome::Done
    }

    fn recover(&mut self, recovery: &Recovery, time: i64) {
        let (id, key) = (&recovery.header.id, recovery.header.job_key());
        if !self.store.rollouts.contains_key(id) {
            let rollout = Rollout::voted(Arc::clone(&recovery.header), recovery.source.clone(), self.index, time);
            self.put_rollout(rollout);
        }
        let is_staged = self.store.rollout_staged.get(&key) == Some(id);
        if recovery.phase == Phase::Voted {
            self.stage_again(id, &key);
            return;
        }
        if let Some(adoption) = &recovery.adoption {
            self.adopt_rollout(adoption);
        } else if is_staged {
            self.store.rollout_staged.remove(&key);
        }
        if recovery.phase.is_adopted() && self.store.rollout_heads.get(&key).is_none_or(|head| head < id) {
            // What it brought is not here, and its number is not given again.
            self.store.rollout_heads.insert(key.clone(), id.clone());
            let floor = self.store.version_floors.get(&key).copied().unwrap_or(0).max(recovery.header.job_version);
            self.store.version_floors.insert(key.clone(), floor);
        }
        let Some(rollout) = self.store.rollouts.get(id).cloned() else { return };
        if rollout.phase == recovery.phase || rollout.phase.is_terminal() {
            return;
        }
        let change = PhaseChange {
            id: id.clone(),
            from: rollout.phase,
            to: recovery.phase,
            cause: recovery.cause.clone(),
            cause_region: recovery.cause_region.clone(),
            forced: recovery.forced,
            revert_to: recovery.revert_to,
            stop_job: recovery.stop_job,
            eval: recovery.eval.clone(),
            time,
        };
        self.change_phase(&rollout, &change);
    }

    fn stage_again(&mut self, id: &RolloutId, key: &model::JobKey) {
        // Only one can be decided, and it is the oldest.
        if self.store.rollout_staged.get(key).is_none_or(|staged| id < staged) {
            self.store.rollout_staged.insert(key.clone(), id.clone());
        }
    }
}

fn no_restore(id: Uuid) -> Outcome {
    Outcome::Refused(format!("restore {id} is not under way: another one has begun, or the leader changed"))
}

/// Everything changed with this log entry, and nothing did later: the log of a region that was founded anew can be shorter than the one that
/// the snapshot is of.
fn restamp(store: &mut Store, index: u64) {
    store.index = index;
    let mut jobs = Jobs { index, known: HashMap::new() };
    let at_most = |known: &mut u64| *known = (*known).min(index);
    store.jobs = store.jobs.iter().map(|(key, job)| (key.clone(), jobs.restamped(job))).collect();
    store.job_versions = store.job_versions.iter().map(|(key, job)| (key.clone(), jobs.restamped(job))).collect();
    change_all(&mut store.job_submissions, |submission| at_most(&mut submission.job_modify_index));
    change_all(&mut store.job_summaries, |summary| {
        at_most(&mut summary.create_index);
        summary.modify_index = index;
    });
    change_all(&mut store.scaling_events, |events| {
        events.values_mut().flatten().for_each(|event| at_most(&mut event.create_index));
    });
    change_all(&mut store.evals, |eval| {
        for known in [&mut eval.job_modify_index, &mut eval.node_modify_index, &mut eval.snapshot_index, &mut eval.create_index] {
            at_most(known);
        }
        eval.modify_index = index;
    });
    change_all(&mut store.allocs, |alloc| {
        at_most(&mut alloc.create_index);
        alloc.modify_index = index;
        alloc.alloc_modify_index = index;
        alloc.job = alloc.job.as_ref().map(|job| jobs.restamped(job));
    });
    store.allocs_by_node = store.allocs.values().map(|alloc| (alloc.node_id, index, alloc.id)).collect();
    change_all(&mut store.nodes, |node| {
        for known in [&mut node.last_missed_heartbeat_index, &mut node.last_alloc_update_index, &mut node.create_index] {
            at_most(known);
        }
        node.events.iter_mut().for_each(|event| at_most(&mut event.create_index));
        node.modify_index = index;
    });
    store.node_reports = store.node_reports.iter().map(|(id, known)| (*id, (*known).min(index))).collect();
    change_all(&mut store.deployments, |deployment| {
        at_most(&mut deployment.job_modify_index);
        at_most(&mut deployment.job_spec_modify_index);
        at_most(&mut deployment.job_create_index);
        at_most(&mut deployment.create_index);
        deployment.modify_index = index;
    });
    change_all(&mut store.rollouts, |rollout| {
        at_most(&mut rollout.create_index);
        rollout.modify_index = index;
    });
    store.autopilot = store.autopilot.take().map(|config| {
        let create_index = config.create_index.min(index);
        Arc::new(AutopilotConfig { create_index, modify_index: index, ..(*config).clone() })
    });
    store.scheduler = store.scheduler.take().map(|config| {
        let create_index = config.create_index.min(index);
        Arc::new(SchedulerConfiguration { create_index, modify_index: index, ..(*config).clone() })
    });
    change_all(&mut store.namespaces, |namespace| {
        at_most(&mut namespace.create_index);
        namespace.modify_index = index;
    });
    change_all(&mut store.node_pools, |pool| {
        at_most(&mut pool.create_index);
        pool.modify_index = index;
    });
    store.table_indexes = Table::ALL.into_iter().map(|table| (table, index)).collect();
    // All of them have the index of their table.
    store.group_indexes.clear();
}

fn change_all<K: Clone + Ord, V: Clone>(table: &mut OrdMap<K, Arc<V>>, mut change: impl FnMut(&mut V)) {
    let changed = table.iter().map(|(key, value)| {
        let mut value = (**value).clone();
        change(&mut value);
        (key.clone(), Arc::new(value))
    });
    *table = changed.collect();
}

/// Jobs are shared, and stay so.
struct Jobs {
    index: u64,
    known: HashMap<*const Job, Arc<Job>>,
}

impl Jobs {
    fn restamped(&mut self, job: &Arc<Job>) -> Arc<Job> {
        let index = self.index;
        let restamped = self.known.entry(Arc::as_ptr(job)).or_insert_with(|| {
            let mut job = (**job).clone();
            job.create_index = job.create_index.min(index);
            job.job_modify_index = job.job_modify_index.min(index);
            job.modify_index = index;
            Arc::new(job)
        });
        Arc::clone(restamped)
    }
}
