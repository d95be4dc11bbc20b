//! Two rollouts of one job never run at once, in whichever regions.

use model::Phase;

use super::{Budget, Flaw, Invariant, two_of_two};

pub const INVARIANT: Invariant = Invariant {
    name: "one rollout of a job runs at a time",
    holds: |_, world| {
        let running = |id: &&model::RolloutId| world.everywhere(id).into_iter().flatten().any(|rollout| rollout.phase == Phase::Running);
        world.headers().into_keys().filter(running).count() <= 1
    },
    control: || (Flaw::StartsAlone, two_of_two(Budget::default())),
};
