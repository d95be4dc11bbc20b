//! What is lost with a node is replaced, in whatever phase the rollout is.

use super::{Budget, Flaw, Invariant, one_of};

pub const INVARIANT: Invariant = Invariant {
    name: "repair never waits for a rollout",
    // Looked at between two moments, by the world.
    holds: |_, world| !world.broken.contains(INVARIANT.name),
    control: || {
        let budget = Budget { losses: 1, ..Default::default() };
        (Flaw::RepairWaits, one_of(2, model::OnFailure::FailAll, budget))
    },
};
