//! A committed rollout is adopted by every participant, with that very specification and version.

use model::{RegionName, RolloutKind};

use super::{Budget, Flaw, Invariant, one_of};
use crate::model::world::World;

pub const INVARIANT: Invariant = Invariant {
    name: "what is committed is adopted everywhere, as it was proposed",
    holds: |_, world| {
        if world.is_fenced() {
            return true;
        }
        let headers = world.headers();
        let mut committed = headers.values().filter(|header| header.kind == RolloutKind::Run && world.is_committed(header));
        committed.all(|header| {
            let excluded = world.asserted(&header.id).excluded;
            let takes_part = |name: &RegionName| header.participants().any(|other| other == name) && !excluded.contains(name);
            world.regions.iter().filter(|region| takes_part(&region.name)).all(|region| {
                let adopted = region.store.rollout(&header.id).filter(|rollout| rollout.phase.is_adopted());
                let Some(rollout) = adopted else { return !world.is_at_rest };
                let wanted = rollout.source.as_ref().and_then(|source| multiregion::effective_job(source, &region.name));
                let same_source = rollout.source.as_ref().is_some_and(|source| multiregion::spec_hash(source) == header.spec_hash);
                let kept = region.store.job_version(&World::key(), header.job_version);
                let as_proposed = match (&wanted, kept) {
                    (Some(wanted), Some(kept)) => wanted.same_specification(kept),
                    (Some(_), None) => false,
                    (None, _) => header.dropped.contains(&region.name),
                };
                same_source && as_proposed
            })
        })
    },
    control: || (Flaw::GivesUpVotes, one_of(2, model::OnFailure::FailAll, Budget::default())),
};
