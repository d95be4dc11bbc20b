//! Under `fail_local` no failure spreads; under `""` from earlier regions to later ones only.

use model::{OnFailure, Phase};

use super::{Budget, Flaw, Invariant, one_of};

pub const INVARIANT: Invariant = Invariant {
    name: "failures spread as the mode says",
    holds: |_, world| {
        if world.is_fenced() {
            return true;
        }
        world.headers().values().all(|header| {
            let position = |name: &model::RegionName| header.regions.iter().position(|listed| listed == name);
            world.regions.iter().all(|region| match region.store.rollout(&header.id) {
                Some(rollout) if rollout.phase == Phase::Failed && !rollout.cause_region.is_empty() => match header.strategy.on_failure {
                    OnFailure::FailLocal => false,
                    OnFailure::FailRemaining => position(&rollout.cause_region) < position(&region.name),
                    OnFailure::FailAll => true,
                },
                _ => true,
            })
        })
    },
    control: || {
        let budget = Budget { failures: 1, ..Default::default() };
        (Flaw::FailuresSpread, one_of(2, OnFailure::FailLocal, budget))
    },
};
