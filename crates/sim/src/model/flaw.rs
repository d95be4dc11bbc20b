//! The protocol, broken on purpose: what shows that the invariants can see.

use model::{Overrides, Phase, RegionName, RolloutHeader};
use multiregion::Rule;
use multiregion::guard::{self, Local, Move, Phases};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// A region counts those that it sees running, instead of those before it that are not done.
    CountsTheRunning,
    /// A region starts when it has adopted, whatever the others have.
    StartsAlone,
    /// A region that has voted for success has success, without waiting for the other votes.
    FinishesAlone,
    /// A failure stays where it happened, whatever the mode says.
    FailuresStay,
    /// A failure spreads everywhere, whatever the mode says.
    FailuresSpread,
    /// A peer gives up its vote when it has heard nothing of the origin.
    GivesUpVotes,
    /// A start that was decided before the vote for a newer rollout counts after it.
    StartsBesideTheStaged,
    /// The origin takes every answer for a vote.
    TakesNoForYes,
    /// The last copy that arrives wins, however old.
    CopiesByArrival,
    /// A region that comes back from a snapshot says nothing of it.
    RestoresInSilence,
    /// A region that comes back from a snapshot takes part again without asking what it had said.
    AsksNobody,
    /// A region that is given a new disk keeps its name and its number.
    Forgets,
    /// What is lost is replaced only while the rollout runs.
    RepairWaits,
    /// A proposal that nobody decides any more stays.
    KeepsWhatIsAbandoned,
    /// What was stopped elsewhere is no concern of a region that was away.
    IgnoresStops,
}

impl Flaw {
    /// The rule by which a region goes on.
    pub fn rule(flaw: Option<Self>) -> Rule {
        match flaw {
            Some(Self::CountsTheRunning) => counts_the_running,
            Some(Self::StartsAlone) => starts_alone,
            Some(Self::FinishesAlone) => finishes_alone,
            Some(Self::FailuresStay) => failures_stay,
            Some(Self::FailuresSpread) => failures_spread,
            Some(Self::GivesUpVotes) => gives_up_votes,
            _ => guard::next,
        }
    }
}

fn counts_the_running(
    header: &RolloutHeader,
    me: &RegionName,
    own: Phase,
    phases: &Phases,
    overrides: &Overrides,
    local: Local,
) -> Option<Move> {
    let next = guard::next(header, me, own, phases, overrides, local);
    let all_adopted = header.participants().all(|region| phases.get(region).is_some_and(Phase::is_adopted));
    if own != Phase::Adopted || next.is_some() || !all_adopted {
        return next;
    }
    let n_running = phases.values().filter(|phase| **phase == Phase::Running).count();
    (n_running < usize::try_from(header.strategy.max_parallel).unwrap_or(0)).then_some(Move::Start)
}

fn starts_alone(header: &RolloutHeader, me: &RegionName, own: Phase, phases: &Phases, overrides: &Overrides, local: Local) -> Option<Move> {
    if own == Phase::Adopted { Some(Move::Start) } else { guard::next(header, me, own, phases, overrides, local) }
}

fn finishes_alone(
    header: &RolloutHeader,
    me: &RegionName,
    own: Phase,
    phases: &Phases,
    overrides: &Overrides,
    local: Local,
) -> Option<Move> {
    if own == Phase::Unblocking { Some(Move::Finish) } else { guard::next(header, me, own, phases, overrides, local) }
}

fn failures_stay(
    header: &RolloutHeader,
    me: &RegionName,
    own: Phase,
    phases: &Phases,
    overrides: &Overrides,
    local: Local,
) -> Option<Move> {
    let mut local_only = header.clone();
    local_only.strategy.on_failure = model::OnFailure::FailLocal;
    guard::next(&local_only, me, own, phases, overrides, local)
}

fn failures_spread(
    header: &RolloutHeader,
    me: &RegionName,
    own: Phase,
    phases: &Phases,
    overrides: &Overrides,
    local: Local,
) -> Option<Move> {
    let mut everywhere = header.clone();
    everywhere.strategy.on_failure = model::OnFailure::FailAll;
    guard::next(&everywhere, me, own, phases, overrides, local)
}

fn gives_up_votes(
    header: &RolloutHeader,
    me: &RegionName,
    own: Phase,
    phases: &Phases,
    overrides: &Overrides,
    local: Local,
) -> Option<Move> {
    let is_peer = header.id.origin != *me;
    let gives_up = own == Phase::Voted && is_peer && !phases.contains_key(&header.id.origin);
    if gives_up { Some(Move::Withdraw) } else { guard::next(header, me, own, phases, overrides, local) }
}
