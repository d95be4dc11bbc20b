//! One author per record, and what an author says, or a copy of it, only becomes fresher; two records of one freshness say the same.

use super::{Budget, Flaw, Invariant, one_of};

pub const INVARIANT: Invariant = Invariant {
    name: "freshness only grows",
    // Looked at between two moments, by the world.
    holds: |_, world| !world.broken.contains(INVARIANT.name),
    control: || (Flaw::CopiesByArrival, one_of(3, model::OnFailure::FailLocal, Budget::default())),
};
