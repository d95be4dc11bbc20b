//! At most `max_parallel` regions run at any moment.

use model::{Phase, RegionName};

use super::{Budget, Flaw, Invariant, one_of};

pub const INVARIANT: Invariant = Invariant {
    name: "at most max_parallel regions run",
    holds: |_, world| {
        if world.is_fenced() {
            return true;
        }
        world.headers().values().all(|header| {
            // Nobody waits for those that joined late, or that a person has released or excluded.
            let asserted = world.asserted(&header.id);
            let is_waited_for = |name: &&RegionName| {
                !header.deferred.contains(name) && !asserted.released.contains(*name) && !asserted.excluded.contains(*name)
            };
            let waited_for = header.regions.iter().filter(is_waited_for);
            let n_running = waited_for.filter(|name| world.phase(&header.id, name) == Some(Phase::Running)).count();
            header.strategy.max_parallel == 0 || n_running as i64 <= header.strategy.max_parallel
        })
    },
    control: || (Flaw::CountsTheRunning, one_of(2, model::OnFailure::FailAll, Budget::default())),
};
