//! A stop reaches every region that takes part, also one that was away.

use model::{Phase, RolloutKind};

use super::{Budget, Flaw, Invariant, one_of};
use crate::model::world::World;

pub const INVARIANT: Invariant = Invariant {
    name: "a stop reaches every region",
    holds: |_, world| {
        if !world.is_at_rest {
            return true;
        }
        let headers = world.headers();
        let mut stops = headers.values().filter(|header| header.kind == RolloutKind::Stop && world.is_committed(header));
        stops.all(|header| {
            world.regions.iter().filter(|region| header.participants().any(|name| *name == region.name)).all(|region| {
                let has_moved_on = region.store.rollout_head(&World::key()).is_some_and(|head| {
                    head.header.id > header.id || head.header.kind == RolloutKind::Stop && head.phase == Phase::Stopped
                });
                let is_stopped = region.store.job(&World::key()).is_none_or(|job| job.stop);
                has_moved_on || is_stopped
            })
        })
    },
    control: || {
        let budget = Budget { stops: 1, ..Default::default() };
        (Flaw::IgnoresStops, one_of(2, model::OnFailure::FailAll, budget))
    },
};
