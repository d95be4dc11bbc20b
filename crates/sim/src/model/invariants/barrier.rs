//! A region runs, or drops out, only after all participants have adopted.

use model::{Phase, RolloutKind};

use super::{Budget, Flaw, Invariant, one_of};

pub const INVARIANT: Invariant = Invariant {
    name: "nobody runs before all have adopted",
    holds: |_, world| {
        if world.is_fenced() {
            return true;
        }
        world.headers().values().filter(|header| header.kind == RolloutKind::Run).all(|header| {
            let began = |phase: Phase| matches!(phase, Phase::Running | Phase::Blocked | Phase::Dropped);
            let any_began = header.participants().any(|name| world.phase(&header.id, name).is_some_and(began));
            let adopted = |phase: Phase| phase.is_adopted();
            let excluded = world.asserted(&header.id).excluded;
            !any_began
                || header
                    .participants()
                    .filter(|name| !excluded.contains(*name))
                    .all(|name| world.phase(&header.id, name).is_some_and(adopted))
        })
    },
    control: || (Flaw::StartsAlone, one_of(2, model::OnFailure::FailAll, Budget::default())),
};
