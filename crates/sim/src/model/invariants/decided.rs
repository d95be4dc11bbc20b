//! Every proposal is decided: at rest nothing is staged anywhere.

use model::Phase;

use super::{Budget, Flaw, Invariant, one_of};
use crate::model::world::World;

pub const INVARIANT: Invariant = Invariant {
    name: "every proposal is decided",
    holds: |_, world| {
        let is_open = |phase: Phase| phase == Phase::Voted;
        let all = || world.regions.iter().flat_map(|region| region.store.rollouts());
        let is_staged = || world.regions.iter().any(|region| region.store.rollout_staged(&World::key()).is_some());
        !world.is_at_rest || !all().any(|rollout| is_open(rollout.phase)) && !is_staged()
    },
    control: || {
        let budget = Budget { crashes: 1, ..Default::default() };
        (Flaw::KeepsWhatIsAbandoned, one_of(2, model::OnFailure::FailAll, budget))
    },
};
