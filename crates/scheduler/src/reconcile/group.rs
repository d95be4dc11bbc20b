//! One group while the present version may go on: canaries, surplus, what is missing, and what has to be updated.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Allocation, TaskGroup, Text, alloc_name};

use super::classify::{Item, Lot};
use super::{Canaries, InPlace, Reconciler, Slot, Stage, Urgency, used_indexes, wanted};
use crate::change::{self, Update};
use crate::feasible::{Checks, Scope};

/// Newer allocations of a name win over older ones, those that run over those that do not.
type Preference = (bool, bool, Reverse<u64>, model::AllocId);

impl<'a> Reconciler<'a> {
    pub(super) fn update_group(
        &mut self,
        group: &'a TaskGroup,
        canaries: Canaries<'a>,
        items: Vec<Item<'a>>,
        vacated: &[&'a Arc<Allocation>],
        allocs: &[&'a Arc<Allocation>],
    ) {
        let updates = self.compare_all(group, &items);
        let n_canaries = self.n_canaries_wanted(group, &items, &updates);
        let is_promoted = self.group_state(&group.name).is_some_and(|state| state.promoted);
        if n_canaries > 0 && !is_promoted {
            // Canaries of an earlier version that were promoted, but have not taken over yet.
            let items = self.stop_duplicates(&group.name, items);
            self.try_canaries(group, n_canaries, &canaries, &items, &updates);
            self.repair(&group.name, &items, vacated);
            return;
        }
        // Canaries that nobody waits for any more.
        for item in &canaries.items {
            self.stop_item(&group.name, item);
        }
        self.converge(group, items, vacated, allocs, &updates, n_canaries);
    }

    /// By allocation version: all of one version need the same.
    pub(super) fn compare_all(&self, group: &TaskGroup, items: &[Item<'a>]) -> BTreeMap<(u64, u64), Update> {
        let mut updates = BTreeMap::new();
        for item in items {
            updates.entry(version_key(item.alloc)).or_insert_with(|| match &item.alloc.job {
                _ if item.alloc.is_of(self.job) => Update::Nothing,
                Some(own) => change::compare(own, self.job, &group.name),
                None => Update::Destructive,
            });
        }
        updates
    }

    fn n_canaries_wanted(&self, group: &TaskGroup, items: &[Item<'a>], updates: &BTreeMap<(u64, u64), Update>) -> i64 {
        if let Some(state) = self.group_state(&group.name)
            && (state.placed_allocs > 0 || state.promoted)
        {
            // Decided when it began.
            return state.desired_canaries;
        }
        let Some(update) = self.rolling(group).filter(|_| !matches!(self.stage, Stage::Settled)) else { return 0 };
        let replaces_some = items.iter().any(|item| updates.get(&version_key(item.alloc)) == Some(&Update::Destructive));
        if replaces_some { update.canary.max(0) } else { 0 }
    }

    pub(super) fn rolling(&self, group: &'a TaskGroup) -> Option<&'a model::UpdateStrategy> {
        group.rolling_update().filter(|_| !self.is_batch())
    }

    fn try_canaries(
        &mut self,
        group: &'a TaskGroup,
        n_wanted: i64,
        canaries: &Canaries<'a>,
        items: &[Item<'a>],
        updates: &BTreeMap<(u64, u64), Update>,
    ) {
        if let Some(update) = self.rolling(group) {
            self.deploy(&group.name, update, group.count, n_wanted);
        }
        self.repair_canaries(&group.name, &canaries.items);
        let n_missing = wanted(n_wanted).saturating_sub(canaries.items.len());
        let in_deployment = canaries.vacated.iter().filter(|alloc| self.counts_in_deployment(alloc));
        let gone: BTreeMap<u64, &Arc<Allocation>> = in_deployment.filter_map(|alloc| Some((alloc.index()?, *alloc))).collect();
        // They take the names of canaries that are gone or away, then of those whose places they will take over, then names beyond.
        let is_replaced = |item: &&Item| updates.get(&version_key(item.alloc)) == Some(&Update::Destructive);
        let of_replaced: BTreeSet<u64> =
            items.iter().filter(is_replaced).map(|item| item.index).filter(|index| *index != u64::MAX).collect();
        let names = gone.keys().copied().chain(of_replaced).chain(group.count.max(0) as u64..);
        let mut used = used_indexes(&canaries.items);
        let indexes: Vec<u64> = names.filter(|index| used.insert(*index)).take(n_missing).collect();
        let name = Text::from(&group.name);
        for index in indexes {
            self.place_new(group, &name, index, gone.get(&index).copied(), Urgency::Canary);
            self.out.counts(&group.name).canary += 1;
        }
    }

    fn place_new(&mut self, group: &TaskGroup, name: &Text, index: u64, previous: Option<&'a Arc<Allocation>>, urgency: Urgency) {
        let is_canary = urgency == Urgency::Canary;
        self.out.slots.push(Slot {
            urgency,
            job: Arc::clone(self.job),
            group: name.clone(),
            name: alloc_name(&self.job.id, &group.name, index).into(),
            is_canary,
            in_deployment: is_canary || self.is_deployed(&group.name),
            previous,
            stops_previous: None,
            tracker: previous.and_then(|previous| previous.reschedule_tracker.clone()),
            penalised: Vec::new(),
            pinned: None,
            is_turn: false,
        });
    }

    /// Brings the group to its count in the present version, as far as the update strategy lets it in one step.
    fn converge(
        &mut self,
        group: &'a TaskGroup,
        items: Vec<Item<'a>>,
        vacated: &[&'a Arc<Allocation>],
        allocs: &[&'a Arc<Allocation>],
        updates: &BTreeMap<(u64, u64), Update>,
        n_canaries: i64,
    ) {
        let count = wanted(group.count);
        let items = self.stop_duplicates(&group.name, items);
        let items = self.stop_surplus(group, items, count);

        let mut replaced = Vec::new();
        let mut kept = Vec::new();
        let mut in_place = Vec::new();
        let mut destructive = Vec::new();
        let checks = Checks::new(self.job, group);
        let mut crowding = checks.distinct_hosts.map(|_| self.n_live_by_node.clone()).unwrap_or_default();
        for item in &items {
            let update = updates.get(&version_key(item.alloc)).copied().unwrap_or(Update::Destructive);
            match item.lot {
                Lot::Now { .. } | Lot::Migrating | Lot::Lost => replaced.push(*item),
                Lot::Done | Lot::Away => kept.push(*item),
                _ if update == Update::Nothing => kept.push(*item),
                Lot::Alive if update == Update::InPlace && self.still_fits(&checks, item.alloc, &mut crowding) => in_place.push(*item),
                Lot::Alive | Lot::Dead | Lot::Later(_) => destructive.push(*item),
            }
        }
        let n_missing = count.saturating_sub(items.len());
        let is_first = !allocs.iter().any(|alloc| alloc.is_of(self.job));
        let needs_deployment = !destructive.is_empty() || !in_place.is_empty() || is_first && (n_missing > 0 || !replaced.is_empty());
        if let Some(update) = self.rolling(group)
            && count > 0
            && (matches!(self.stage, Stage::Rolling(_)) || matches!(self.stage, Stage::Open) && needs_deployment)
        {
            self.deploy(&group.name, update, group.count, n_canaries);
        }
        let in_deployment = self.is_deployed(&group.name);

        for item in &replaced {
            self.replace(&group.name, item, Arc::clone(self.job), false, in_deployment);
        }
        for item in &kept {
            self.keep(&group.name, item);
        }
        for item in &in_place {
            self.out.in_place.push(InPlace { alloc: item.alloc, in_deployment });
            self.out.counts(&group.name).in_place_update += 1;
        }
        self.fill_missing(group, &items, vacated, n_missing);

        let n_starting = replaced.len() + n_missing + in_place.len();
        let limit = self.update_limit(group, kept.iter().chain(&destructive), n_starting);
        // What does not run is updated first: nothing is lost by it.
        destructive.sort_by_key(|item| (item.lot == Lot::Alive, item.index, item.alloc.id));
        for (position, item) in destructive.iter().enumerate() {
            if position < limit {
                self.replace(&group.name, item, Arc::clone(self.job), false, in_deployment);
            } else {
                self.keep(&group.name, item);
            }
        }
        if destructive.len() > limit {
            self.out.notes.push(format!(
                "group {}: {} of {} allocations wait for their update until those before them are healthy",
                group.name,
                destructive.len() - limit,
                count
            ));
        }
    }

    /// Of several allocations with one name one stays. Promoted canaries take over so.
    pub(super) fn stop_duplicates(&mut self, group: &str, items: Vec<Item<'a>>) -> Vec<Item<'a>> {
        let preference = |item: &Item| -> Preference {
            (
                item.lot.has_failed() || self.never_ran_well(item),
                !item.alloc.is_of(self.job),
                Reverse(item.alloc.create_index),
                item.alloc.id,
            )
        };
        let mut best: BTreeMap<u64, Preference> = BTreeMap::new();
        for item in items.iter().filter(|item| item.lot != Lot::Done) {
            let preference = preference(item);
            best.entry(item.index).and_modify(|best| *best = (*best).min(preference)).or_insert(preference);
        }
        let (stay, go): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| item.lot == Lot::Done || best.get(&item.index) == Some(&preference(item)));
        for item in &go {
            self.stop_item(group, item);
        }
        stay
    }

    /// Failed ones go first, then those that have to move anyway, then the highest index.
    fn stop_surplus(&mut self, group: &TaskGroup, mut items: Vec<Item<'a>>, count: usize) -> Vec<Item<'a>> {
        let n_surplus = items.len().saturating_sub(count);
        if n_surplus == 0 {
            return items;
        }
        let rank = |item: &Item| match item.lot {
            Lot::Dead | Lot::Later(_) | Lot::Now { .. } => 0,
            Lot::Lost | Lot::Away => 1,
            Lot::Migrating => 2,
            Lot::Alive => 3,
            Lot::Done => 4,
        };
        items.sort_by_key(|item| (rank(item), Reverse(item.index), item.alloc.id));
        let mut stay = items.split_off(n_surplus);
        for item in &items {
            self.stop_item(&group.name, item);
        }
        stay.sort_by_key(|item| (item.index, item.alloc.create_index, item.alloc.id));
        stay
    }

    /// The lowest free indexes.
    fn fill_missing(&mut self, group: &'a TaskGroup, items: &[Item<'a>], vacated: &[&'a Arc<Allocation>], n_missing: usize) {
        let used = used_indexes(items);
        let indexes: Vec<u64> = (0..).filter(|index| !used.contains(index)).take(n_missing).collect();
        let name = Text::from(&group.name);
        for index in indexes {
            let before = vacated.iter().filter(|alloc| alloc.index() == Some(index)).max_by_key(|alloc| (alloc.create_index, alloc.id));
            self.place_new(group, &name, index, before.copied(), Urgency::Missing);
            self.out.counts(&group.name).place += 1;
        }
    }

    /// How many may be updated now.
    fn update_limit<'b>(&self, group: &'a TaskGroup, others: impl Iterator<Item = &'b Item<'a>>, n_starting: usize) -> usize
    where
        'a: 'b,
    {
        if matches!(self.stage, Stage::Settled) {
            // The deployment was complete without them: nobody would ever come back for the rest.
            return usize::MAX;
        }
        let Some(update) = self.rolling(group) else { return usize::MAX };
        let deployment = self.out.deployment.as_ref().map(|deployment| deployment.id).filter(|id| !id.is_nil());
        let n_unhealthy = others.filter(|item| deployment == Some(item.alloc.deployment_id) && !item.alloc.is_healthy()).count();
        usize::try_from(update.max_parallel).unwrap_or(0).saturating_sub(n_unhealthy + n_starting)
    }

    /// Whether its node still meets the demands of the present version. Resources are the same, or it would not be in place.
    fn still_fits(&self, checks: &Checks, alloc: &Allocation, crowding: &mut BTreeMap<model::NodeId, u64>) -> bool {
        let Some(node) = self.view.node(alloc.node_id) else { return false };
        if checks.distinct_hosts.is_some() && !self.has_host_alone(checks, alloc, crowding) {
            return false;
        }
        checks.in_scope(node) && checks.first_failure(node, &self.region).is_none()
    }

    /// All but the last of several on one host have to go.
    fn has_host_alone(&self, checks: &Checks, alloc: &Allocation, crowding: &mut BTreeMap<model::NodeId, u64>) -> bool {
        if checks.distinct_hosts == Some(Scope::Group) {
            let others = self.view.node_allocs(alloc.node_id).filter(|other| {
                !other.is_terminal() && other.task_group == alloc.task_group && other.job_key() == self.key && other.id < alloc.id
            });
            return others.count() == 0;
        }
        match crowding.get_mut(&alloc.node_id) {
            Some(n) if *n > 1 => {
                *n -= 1;
                false
            }
            _ => true,
        }
    }
}

/// Equal for allocations of one version of one job.
pub(super) fn version_key(alloc: &Allocation) -> (u64, u64) {
    alloc.job.as_ref().map_or((0, 0), |job| (job.create_index, job.version))
}
