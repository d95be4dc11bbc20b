//! At rest every rollout has ended as its mode says: all successful; or all failed (`fail_all`); or a prefix held and the rest failed (`""`); or
//! the failed ones failed and the others held (`fail_local`).

use model::{OnFailure, Phase};

use super::{Budget, Flaw, Invariant, one_of};

pub const INVARIANT: Invariant = Invariant {
    name: "a rollout ends as its mode says",
    holds: |_, world| {
        if !world.is_at_rest {
            return true;
        }
        world.headers().values().filter(|header| world.is_committed(header) && world.is_undisturbed(header)).all(|header| {
            let phases: Vec<Phase> = world.listed(header).into_iter().flatten().collect();
            phases.len() == header.regions.len() && ends_as(header.strategy.on_failure, &phases)
        })
    },
    control: || {
        let budget = Budget { failures: 1, ..Default::default() };
        (Flaw::FailuresStay, one_of(2, OnFailure::FailRemaining, budget))
    },
};

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
