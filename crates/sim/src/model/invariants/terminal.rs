//! What has ended does not change.

use super::{Budget, Flaw, Invariant, one_of};

pub const INVARIANT: Invariant = Invariant {
    name: "what has ended does not change",
    // Looked at between two moments, by the world.
    holds: |_, world| !world.broken.contains(INVARIANT.name),
    control: || {
        let budget = Budget { restores: 1, ..Default::default() };
        (Flaw::RestoresInSilence, one_of(2, model::OnFailure::FailAll, budget))
    },
};
