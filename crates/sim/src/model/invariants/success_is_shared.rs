//! Unforced, never successful in one region and failed or held in another.

use model::Phase;

use super::{Budget, Flaw, Invariant, one_of};

pub const INVARIANT: Invariant = Invariant {
    name: "success is shared",
    holds: |_, world| {
        if world.is_fenced() {
            return true;
        }
        world.headers().values().all(|header| {
            let is_by_person = world.everywhere(&header.id).into_iter().flatten().any(|rollout| rollout.forced);
            if is_by_person || !world.asserted(&header.id).is_empty() {
                return true;
            }
            let phases = world.in_time(header);
            let any = |phase: Phase| phases.contains(&Some(phase));
            !(any(Phase::Successful) && (any(Phase::Failed) || any(Phase::Held)))
        })
    },
    control: || {
        let budget = Budget { fails: 1, ..Default::default() };
        (Flaw::FinishesAlone, one_of(2, model::OnFailure::FailAll, budget))
    },
};
