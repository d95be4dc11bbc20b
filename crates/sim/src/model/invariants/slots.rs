//! At most `max_parallel` regions run at any moment.

use model::Phase;

use super::{Budget, Flaw, Invariant, one_of};

pub const INVARIANT: Invariant = Invariant {
    name: "at most max_parallel regions run",
    holds: |_, world| {
        world.headers().values().all(|header| {
            let n_running = world.listed(header).iter().filter(|phase| **phase == Some(Phase::Running)).count();
            header.strategy.max_parallel == 0 || n_running as i64 <= header.strategy.max_parallel
        })
    },
    control: || (Flaw::CountsTheRunning, one_of(2, model::OnFailure::FailAll, Budget::default())),
};
