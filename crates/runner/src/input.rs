//! What a machine is told and what it says.

use std::sync::Arc;

use model::{AllocUpdate, Allocation};

/// How a task ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    pub code: i32,
    /// 0: none.
    pub signal: i32,
    pub oom_killed: bool,
    /// Why nothing better is known; usually empty.
    pub message: String,
}

impl Ended {
    pub fn success(&self) -> bool {
        self.code == 0 && self.signal == 0 && self.message.is_empty()
    }
}

/// Why a task did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartFailure {
    pub message: String,
    /// Trying again may help.
    pub recoverable: bool,
    /// It failed before the driver was asked.
    pub in_setup: bool,
}

/// What became of a task while no agent looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovered {
    Running,
    NeverStarted,
    Ended(Ended),
    Lost(String),
}

/// What happened. `attempt` is that of the [`Output`] which is answered; answers to older ones are ignored.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time passed.
    Tick,
    /// The region changed the allocation.
    Updated(Arc<Allocation>),
    /// Answers [`Output::BuildDirs`], with what there is to say about the data of the allocation before.
    DirsBuilt(Result<Option<String>, String>),
    /// Answers [`Output::Start`].
    Started { task: String, attempt: u64, result: Result<(), StartFailure> },
    /// Answers [`Output::Recover`].
    Recovered { task: String, attempt: u64, outcome: Recovered },
    /// A started or recovered task ended, stopped or not.
    Ended { task: String, attempt: u64, ended: Ended },
    /// [`Output::Stop`] could not be done; the task may still run.
    StopFailed { task: String, attempt: u64, message: String },
    /// Somebody wants tasks to start again: that one, or the running ones (empty), or all of them from the beginning. Ask
    /// [`crate::Machine::restart_refusal`] first.
    Restart { task: String, all_tasks: bool },
    /// The node itself ends the allocation, whatever the region wants, and says why.
    Cut { reason: String },
    /// Somebody sent the task a signal.
    Signaled { task: String, signal: String },
}

/// What to do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Write [`crate::Machine::saved`] down; when `durable`, before doing anything that follows.
    Save {
        durable: bool,
    },
    /// Make the directories of the allocation and of its tasks.
    BuildDirs,
    Start {
        task: String,
        attempt: u64,
    },
    /// Find a task that an earlier agent started.
    Recover {
        task: String,
        attempt: u64,
    },
    /// End the task: first ask by `signal` (empty: the driver's own), after `timeout` nanoseconds by force.
    Stop {
        task: String,
        attempt: u64,
        signal: String,
        timeout: i64,
    },
    /// Tell the region.
    Report(Box<AllocUpdate>),
}
