//! Two proposals on one base never both commit.

use std::collections::BTreeSet;

use model::RolloutKind;

use super::{Budget, Flaw, Invariant, two_of_two};

pub const INVARIANT: Invariant = Invariant {
    name: "one proposal wins on a base",
    holds: |_, world| {
        if world.is_fenced() {
            return true;
        }
        let mut bases = BTreeSet::new();
        let headers = world.headers();
        if headers.keys().any(|id| !world.asserted(id).excluded.is_empty()) {
            // Who is excluded has no vote that counts.
            return true;
        }
        let mut committed = headers.values().filter(|header| header.kind == RolloutKind::Run && world.is_committed(header));
        committed.all(|header| bases.insert(header.base.clone()))
    },
    control: || (Flaw::TakesNoForYes, two_of_two(Budget::default())),
};
