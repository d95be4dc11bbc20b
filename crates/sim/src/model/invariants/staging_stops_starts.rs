//! A region that has voted for a newer rollout starts nothing of the present one any more.

use super::{Budget, Flaw, Invariant, two_of_two};

pub const INVARIANT: Invariant = Invariant {
    name: "what is staged stops the present rollout from starting",
    // Looked at between two moments, by the world.
    holds: |_, world| !world.broken.contains(INVARIANT.name),
    control: || (Flaw::StartsBesideTheStaged, two_of_two(Budget::default())),
};
