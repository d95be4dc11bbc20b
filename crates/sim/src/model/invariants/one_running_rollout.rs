//! Two rollouts of one job never run at once, in whichever regions.

use model::{Phase, RegionName, RolloutId};

use super::{Budget, Flaw, Invariant, two_of_two};

pub const INVARIANT: Invariant = Invariant {
    name: "one rollout of a job runs at a time",
    holds: |_, world| {
        if world.is_fenced() {
            return true;
        }
        let headers = world.headers();
        let is_split = headers.keys().any(|id| !world.asserted(id).excluded.is_empty());
        let runs_in = |id: &RolloutId| -> Vec<&RegionName> {
            let regions = world.regions.iter().filter(|region| world.phase(id, &region.name) == Some(Phase::Running));
            regions.map(|region| &region.name).collect()
        };
        let running: Vec<_> = headers.iter().map(|(id, header)| (header, runs_in(id))).filter(|(_, regions)| !regions.is_empty()).collect();
        // By age: an older one may go on where the newer one could not reach, as its job allows.
        let are_apart = |at: usize, old: &[&RegionName]| {
            running[at + 1..].iter().all(|(new, _)| old.iter().all(|region| new.deferred.contains(region)))
        };
        is_split || running.iter().enumerate().all(|(at, (_, regions))| are_apart(at, regions))
    },
    control: || (Flaw::StartsAlone, two_of_two(Budget::default())),
};
