//! Keeping what runs, in the version it has: while a rollout waits, is paused or failed, and while canaries are tried.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Allocation, Job};

use super::classify::{Item, Lot};
use super::{Reconciler, Slot, Stage, Urgency, used_indexes, wanted};

impl<'a> Reconciler<'a> {
    /// Replaces what is lost, failed or has to move. Nothing is added, updated or taken away.
    pub(super) fn repair(&mut self, group: &str, items: &[Item<'a>], vacated: &[&'a Arc<Allocation>]) {
        for item in items {
            match item.lot {
                Lot::Alive | Lot::Done | Lot::Dead | Lot::Away => self.keep(group, item),
                Lot::Later(_) | Lot::Now { .. } if self.never_ran_well(item) => self.keep(group, &Item { lot: Lot::Dead, ..*item }),
                Lot::Later(_) => self.keep(group, item),
                Lot::Now { .. } | Lot::Migrating | Lot::Lost => {
                    let in_deployment = self.counts_in_deployment(item.alloc);
                    match self.own_job(item.alloc) {
                        Some(job) => self.replace(group, item, job, false, in_deployment),
                        None => self.out.notes.push(format!(
                            "{} cannot be replaced: its version of the job is no longer known, and no stable one is",
                            item.alloc.name
                        )),
                    }
                }
            }
        }
        self.fill_vacated(group, items, vacated);
    }

    /// Canaries are replaced by canaries.
    pub(super) fn repair_canaries(&mut self, group: &str, canaries: &[Item<'a>]) {
        for item in canaries {
            match item.lot {
                Lot::Alive | Lot::Done | Lot::Dead | Lot::Away | Lot::Later(_) => self.keep(group, item),
                Lot::Now { .. } | Lot::Migrating | Lot::Lost => self.replace(group, item, Arc::clone(self.job), true, true),
            }
        }
    }

    /// Lost ones for which there was no room then. One that was gone before the present version came, and given up by a later one, stays gone.
    fn fill_vacated(&mut self, group: &str, items: &[Item<'a>], vacated: &[&'a Arc<Allocation>]) {
        let version = |alloc: &Allocation| alloc.job.as_ref().map_or(0, |job| job.version);
        let oldest_wanted = items.iter().map(|item| version(item.alloc)).min();
        let oldest_wanted = oldest_wanted.or_else(|| vacated.iter().map(|alloc| version(alloc)).max()).unwrap_or(0);
        let mut used: BTreeSet<u64> = used_indexes(items);
        let is_wanted = |alloc: &Allocation| version(alloc) >= oldest_wanted || alloc.alloc_modify_index > self.job.job_modify_index;
        let mut candidates: Vec<&&Arc<Allocation>> = vacated.iter().filter(|alloc| is_wanted(alloc)).collect();
        candidates.sort_by_key(|alloc| (alloc.index(), std::cmp::Reverse(alloc.create_index), alloc.id));
        for alloc in candidates {
            let Some(job) = self.own_job(alloc) else { continue };
            let count = job.group(group).map_or(0, |group| wanted(group.count));
            if used.len() >= count || !used.insert(alloc.index().unwrap_or(u64::MAX)) {
                continue;
            }
            self.out.slots.push(Slot {
                urgency: Urgency::Repair,
                job,
                group: alloc.task_group.clone(),
                name: alloc.name.clone(),
                is_canary: false,
                in_deployment: self.counts_in_deployment(alloc),
                previous: Some(*alloc),
                stops_previous: None,
                tracker: alloc.reschedule_tracker.clone(),
                penalised: Vec::new(),
                pinned: None,
                is_turn: false,
            });
            self.out.counts(group).place += 1;
        }
    }

    /// Part of the very deployment that failed, and never healthy: nothing that ran well is lost by leaving it.
    pub(super) fn never_ran_well(&self, item: &Item) -> bool {
        let Stage::Closed(deployment) = self.stage else { return false };
        !deployment.is_active() && item.alloc.deployment_id == deployment.id && !item.alloc.is_healthy()
    }

    pub(super) fn counts_in_deployment(&self, alloc: &Allocation) -> bool {
        self.out.deployment.as_ref().is_some_and(|deployment| !deployment.id.is_nil() && deployment.id == alloc.deployment_id)
    }

    /// The version that the allocation runs; the newest stable one when that is no longer known.
    pub(super) fn own_job(&self, alloc: &Allocation) -> Option<Arc<Job>> {
        let own = alloc.job.as_ref().filter(|own| own.create_index == self.job.create_index);
        let known = own.and_then(|own| self.view.job_version(&self.key, own.version));
        known
            .or_else(|| self.view.latest_stable_job(&self.key, self.job.version))
            .cloned()
            .filter(|job| job.group(&alloc.task_group).is_some())
    }
}
