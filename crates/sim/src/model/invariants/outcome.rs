//! At rest every rollout has ended as its mode says: all successful; or all failed (`fail_all`); or a prefix held and the rest failed (`""`); or
//! the failed ones failed and the others held (`fail_local`).

use model::{OnFailure, Phase, RolloutHeader};

use super::{Budget, Flaw, Invariant, one_of};
use crate::model::world::World;

pub const INVARIANT: Invariant = Invariant {
    name: "a rollout ends as its mode says",
    holds: |_, world| {
        if !world.is_at_rest {
            return true;
        }
        world.headers().values().filter(|header| world.is_committed(header) && world.is_undisturbed(header)).all(|header| {
            let in_time = world.in_time(header);
            let phases: Vec<Phase> = in_time.iter().copied().flatten().collect();
            phases.len() == in_time.len() && ends_as(header.strategy.on_failure, &phases) && late_ones_have_joined(world, header, &phases)
        })
    },
    control: || {
        let budget = Budget { failures: 1, ..Default::default() };
        (Flaw::FailuresStay, one_of(2, OnFailure::FailRemaining, budget))
    },
};

/// Who was away follows when all others have succeeded and nothing newer came.
fn late_ones_have_joined(world: &World, header: &RolloutHeader, in_time: &[Phase]) -> bool {
    let is_last = world.headers().keys().all(|id| **id <= header.id);
    let mut late = header.deferred.iter().filter(|name| header.regions.contains(name));
    !is_last
        || in_time.contains(&Phase::Failed)
        || late.all(|name| matches!(world.phase(&header.id, name), Some(Phase::Successful | Phase::Failed | Phase::Blocked)))
}

fn ends_as(mode: OnFailure, phases: &[Phase]) -> bool {
    let all = |phases: &[Phase], wanted: Phase| phases.iter().all(|phase| *phase == wanted);
    if all(phases, Phase::Successful) {
        return true;
    }
    let failed = phases.contains(&Phase::Failed);
    failed
        && match mode {
            OnFailure::FailAll => all(phases, Phase::Failed),
            OnFailure::FailRemaining => {
                let n_held = phases.iter().take_while(|phase| **phase == Phase::Held).count();
                all(&phases[n_held..], Phase::Failed)
            }
            OnFailure::FailLocal => phases.iter().all(|phase| matches!(phase, Phase::Failed | Phase::Held)),
        }
}
