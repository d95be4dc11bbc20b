//! Where work goes: compares what a job wants with what there is, and decides in one step which allocations start where, which stop, and
//! what is left for later.
//!
//! [`schedule`] is a function of a view, an evaluation, the time and a seed: the same four give the same [`Decision`], down to the ids. Its
//! plan is one log entry: placements, stops, the deployment, and every evaluation that follows.
//!
//! It deliberately does not know how evaluations are queued or woken (`control`), when a deployment has succeeded or failed and what is
//! reverted then (`deployment`), nor whose turn it is among regions (`multiregion`): it sees the deployment's status and obeys it.
//!
//! The way through: [`schedule`] → `reconcile` (what should change) → `place` (where there is room, by `board`, `fleet` and `ask`; the best place
//! by `score`; whom to push aside when there is none by `preempt`) → `outcome` (the plan).

mod ask;
mod board;
mod change;
mod constraint;
mod cores;
mod device;
mod dice;
mod explain;
mod feasible;
mod fleet;
mod outcome;
mod place;
mod preempt;
mod reconcile;
mod reschedule;
mod score;
mod setting;
mod tally;
mod tournament;

use std::collections::BTreeMap;

use model::{AllocMetric, DesiredUpdates, Evaluation};
use state::{Plan, Store};

pub use explain::{reasons, unplaced};

use dice::Dice;
use fleet::{Fleet, Need};
use outcome::Assembly;

/// What is to be done about one evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// One log entry. Its `evals` hold the evaluation itself in its final status (`blocked` again if it was made to wait for room and there
    /// is still none), the job's blocked evaluation, cancelled ones, and delayed follow-ups (`wait_until`).
    pub plan: Plan,
    /// By group: what the plan was meant to do, for people.
    pub desired_updates: BTreeMap<String, DesiredUpdates>,
    /// By group: why placements found no node; `coalesced_failures` counts those beyond the first.
    pub failed_tg_allocs: BTreeMap<String, AllocMetric>,
    /// By group of the job: how many allocations found no node; 0 for the others.
    pub queued: BTreeMap<String, i64>,
    /// What somebody who wonders should know: what waits, and for what.
    pub notes: Vec<String>,
}

/// Decides about one evaluation. `now` is in unix nanoseconds.
pub fn schedule(view: &Store, eval: &Evaluation, now: i64, seed: u64) -> Decision {
    let key = eval.job_key();
    let job = view.job(&key);
    let mut dice = Dice::new(seed, eval.id, view.index());
    let mut wishes = reconcile::reconcile(view, eval, now);
    let mut fleet = Fleet::new(view, &key, Need::of(&wishes), &mut dice);
    let all_at_once = job.is_some_and(|job| job.all_at_once);
    let filling = place::fill(view, &mut fleet, &mut wishes, all_at_once, &mut dice);
    Assembly { view, eval, key, now, dice }.decide(wishes, filling, &fleet)
}
