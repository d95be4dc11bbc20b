//! A region that comes back from a snapshot takes back nothing of what others have heard from it: what has ended has ended, a promise not to
//! fail is kept, what it adopted is adopted.

use super::{Budget, Flaw, Invariant, one_of};

pub const INVARIANT: Invariant = Invariant {
    name: "a restored region keeps its word",
    // Looked at when it takes part again.
    holds: |_, world| !world.broken.contains(INVARIANT.name),
    control: || {
        let budget = Budget { restores: 1, ..Default::default() };
        (Flaw::AsksNobody, one_of(2, model::OnFailure::FailAll, budget))
    },
};
