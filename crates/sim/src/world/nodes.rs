//! The nodes of a region: they ask its leader what is to run, and tell how it turned out.

use std::hash::{DefaultHasher, Hash, Hasher};

use model::AllocUpdate;
use state::Command;

use super::executor::Sim;
use super::world::World;
use crate::region::{confirmed_stops, live, report, verdict};

pub async fn nodes(sim: Sim, region: usize) {
    loop {
        sim.pause(3).await;
        let asked = sim.with(|world| {
            let servers = world.groups[region].servers.iter().copied();
            let leaders: Vec<usize> = servers.filter(|at| world.servers[*at].runs() && world.servers[*at].raft.is_leader).collect();
            let at = *world.dice.pick(&leaders)?;
            let share = if world.is_resting { 100 } else { 60 };
            let updates = world.told_by_nodes(at, share);
            if updates.is_empty() {
                return None;
            }
            let (time, mut ids) = (world.unix(), world.dice.ids());
            let evals = control::report_evals(&world.servers[at].store, &updates, &mut ids);
            Some((at, Command::UpdateAllocs { updates, evals, time }))
        });
        if let Some((at, command)) = asked {
            let task = sim.clone();
            sim.spawn_at(at, async move {
                let _ = task.propose(at, command).await;
            });
        }
    }
}

impl World {
    /// `share`: of 100 tasks, of how many it is known by now.
    fn told_by_nodes(&mut self, at: usize, share: u64) -> Vec<AllocUpdate> {
        let region = self.group_of(at).name.clone();
        let (now, flakes, dice) = (self.unix(), self.flakes, &mut self.dice);
        let store = &self.servers[at].store;
        let open = live(store, &self.key).filter(|alloc| verdict(alloc).is_none());
        let turned_out = open.filter(|_| dice.percent(share)).map(|alloc| {
            let bad = alloc.job.as_ref().and_then(|job| job.meta.get("bad"));
            let is_bad = bad.is_some_and(|bad| bad.contains(region.as_str())) || luck(&alloc.id) % 100 < flakes;
            report(alloc, !is_bad, now)
        });
        let mut updates: Vec<AllocUpdate> = turned_out.collect();
        updates.extend(confirmed_stops(store));
        updates
    }
}

/// The same whenever it is asked.
fn luck(id: &model::AllocId) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
