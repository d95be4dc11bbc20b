//! The scheduler of this server as operators see it: whether it works, at which types of jobs, and what it is doing. It works while the server
//! leads its region; what it was told is forgotten with the process, which begins with what the agent is configured with.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{JobType, Uuid};

use crate::core::{Signals, now};

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// The server does not lead.
    Nothing,
    Waiting,
    Scheduling,
    Submitting,
    /// The region's evaluations wait for somebody to say so.
    Paused,
}

impl Doing {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "Stopped",
            Self::Waiting => "WaitingToDequeue",
            Self::Scheduling => "Scheduling",
            Self::Submitting => "SubmittingPlan",
            Self::Paused => "Paused",
        }
    }
}

/// What was said to the worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The worker looks at evaluations at all.
    pub is_on: bool,
    /// Of jobs of these types; others stay pending.
    pub kinds: Vec<JobType>,
}

impl Default for Choice {
    fn default() -> Self {
        Self { is_on: true, kinds: JobType::ALL.to_vec() }
    }
}

pub struct Worker {
    pub id: Uuid,
    now: Mutex<Now>,
    signals: Arc<Signals>,
}

struct Now {
    choice: Choice,
    doing: Doing,
    since: i64,
}

impl Worker {
    pub fn new(id: Uuid, choice: Choice, signals: Arc<Signals>) -> Self {
        Self { id, now: Mutex::new(Now { choice, doing: Doing::Nothing, since: now() }), signals }
    }

    pub fn choice(&self) -> Choice {
        self.now().choice.clone()
    }

    /// Counts from the next evaluation on.
    pub fn choose(&self, choice: Choice) {
        self.now().choice = choice;
        self.signals.scheduler.notify_one();
    }

    pub fn doing(&self) -> Doing {
        self.now().doing
    }

    /// When it last began to work, or the server to run; unix nanoseconds.
    pub fn since(&self) -> i64 {
        self.now().since
    }

    pub(crate) fn says(&self, doing: Doing) {
        self.now().doing = doing;
    }

    /// The worker works until what this returns is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Working {
        self.now().since = now();
        self.says(Doing::Waiting);
        Working(Arc::clone(self))
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Working(Arc<Worker>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.says(Doing::Nothing);
    }
}
