//! A version number never stands for two specifications in one region.

use super::{Budget, Flaw, Invariant, two_of_two};

pub const INVARIANT: Invariant = Invariant {
    name: "a version number stands for one specification",
    // Looked at between two moments, by the world.
    holds: |_, world| !world.broken.contains(INVARIANT.name),
    control: || (Flaw::Forgets, two_of_two(Budget { restores: 2, ..Default::default() })),
};
