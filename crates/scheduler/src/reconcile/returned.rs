//! Allocations whose node was away and has returned, when another one took their place meanwhile: one of the two goes on.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{AllocId, Allocation, ClientStatus, ReconnectChoice};

use super::Reconciler;
use super::absence::{has_successor, successors};
use super::classify::{Item, Lot, description};

impl<'a> Reconciler<'a> {
    /// Stops one of each two, as the group says, and those in its place that are away themselves when the earlier one goes on. A canary never
    /// meets one that is none: only who took a place over is compared. Returns who stays, of `items` and of `away`.
    pub(super) fn settle_returns(
        &mut self,
        group: &str,
        items: Vec<Item<'a>>,
        away: Vec<&'a Arc<Allocation>>,
    ) -> (Vec<Item<'a>>, Vec<&'a Arc<Allocation>>) {
        let mut losers: BTreeSet<AllocId> = BTreeSet::new();
        let mut kept = 0;
        for original in items.iter().filter(|item| self.has_returned(item)) {
            if losers.contains(&original.alloc.id) {
                continue;
            }
            let successors: BTreeSet<AllocId> = successors(self.view, original.alloc).map(|successor| successor.id).collect();
            let mut best = original;
            for other in items.iter().filter(|other| successors.contains(&other.alloc.id)) {
                if losers.contains(&other.alloc.id) {
                    continue;
                }
                let loser = if self.prefers(best, other) { other } else { std::mem::replace(&mut best, other) };
                losers.insert(loser.alloc.id);
            }
            if best.alloc.id == original.alloc.id {
                kept += 1;
                losers.extend(away.iter().map(|alloc| alloc.id).filter(|id| successors.contains(id)));
            }
        }
        self.out.counts(group).reconnect += kept;
        let (go, stay): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| losers.contains(&item.alloc.id));
        let (gone, away): (Vec<_>, Vec<_>) = away.into_iter().partition(|alloc| losers.contains(&alloc.id));
        for alloc in go.iter().filter(|item| item.lot != Lot::Done).map(|item| item.alloc).chain(gone) {
            self.out.stop(alloc, description::RECONNECTED, None);
            self.out.counts(group).stop += 1;
        }
        (stay, away)
    }

    fn has_returned(&self, item: &Item) -> bool {
        let holds = matches!(item.lot, Lot::Alive | Lot::Done | Lot::Migrating);
        holds && item.alloc.disconnect().is_some_and(|disconnect| disconnect.lost_after > 0) && has_successor(self.view, item.alloc)
    }

    /// Whether the earlier one goes on.
    fn prefers(&self, original: &Item, other: &Item) -> bool {
        let unlike = |original: bool, other: bool| (original != other).then_some(original);
        let is_done = |item: &Item| item.lot == Lot::Done;
        let is_well = |item: &Item| !item.lot.has_failed() && item.lot != Lot::Away;
        let is_of_now = |item: &Item| item.alloc.is_of(self.job);
        let plain = unlike(is_done(original), is_done(other))
            .or_else(|| unlike(is_well(original), is_well(other)))
            .or_else(|| unlike(is_of_now(original), is_of_now(other)));
        if let Some(answer) = plain {
            return answer;
        }
        match original.alloc.disconnect().map(|disconnect| disconnect.reconcile).unwrap_or_default() {
            ReconnectChoice::KeepOriginal => true,
            ReconnectChoice::KeepReplacement => false,
            ReconnectChoice::LongestRunning => started_at(original.alloc) <= started_at(other.alloc),
            ReconnectChoice::BestScore => {
                let runs = |item: &Item| item.alloc.client_status == ClientStatus::Running && !item.alloc.is_unhealthy();
                unlike(runs(original), runs(other)).unwrap_or_else(|| score(original.alloc) >= score(other.alloc))
            }
        }
    }
}

/// When its first task began; what has not begun comes last.
fn started_at(alloc: &Allocation) -> i64 {
    let states = alloc.task_states.all();
    let started = states.values().map(|state| state.started_at.0).filter(|at| *at > 0);
    started.min().unwrap_or(i64::MAX)
}

/// How well it went with its node when it was placed.
fn score(alloc: &Allocation) -> f64 {
    let scores = alloc.metrics.iter().flat_map(|metrics| &metrics.score_meta_data);
    let own = scores.clone().find(|score| score.node_id == alloc.node_id);
    own.or_else(|| scores.clone().next()).map_or(0.0, |score| score.norm_score)
}
