//! The scheduler of this server as operators see it: whether it works, at which types of jobs, and what it is doing. It works while the server
//! leads its region; what it was told is forgotten with the process.

use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::{JobType, Uuid};

use crate::core::{Signals, now};

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Doing {
    /// The server does not lead.
    Nothing,
    Waiting,
    Scheduling,
    Submitting,
    /// The region's evaluations wait for somebody to say so.
    Paused,
}

const ALL: [Doing; 5] = [Doing::Nothing, Doing::Waiting, Doing::Scheduling, Doing::Submitting, Doing::Paused];

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

pub struct Worker {
    pub id: Uuid,
    choice: Mutex<Choice>,
    doing: AtomicU8,
    /// When it last began to work, or the server to run; unix nanoseconds.
    since: AtomicI64,
    signals: Arc<Signals>,
}

impl Worker {
    pub fn new(id: Uuid, signals: Arc<Signals>) -> Self {
        let choice = Mutex::new(Choice { is_on: true, kinds: JobType::ALL.to_vec() });
        Self { id, choice, doing: AtomicU8::new(Doing::Nothing as u8), since: AtomicI64::new(now()), signals }
    }

    pub fn choice(&self) -> Choice {
        self.choice.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts from the next evaluation on.
    pub fn choose(&self, choice: Choice) {
        *self.choice.lock().unwrap_or_else(PoisonError::into_inner) = choice;
        self.signals.scheduler.notify_one();
    }

    pub fn doing(&self) -> Doing {
        ALL.get(usize::from(self.doing.load(Ordering::Relaxed))).copied().unwrap_or(Doing::Nothing)
    }

    /// Unix nanoseconds.
    pub fn since(&self) -> i64 {
        self.since.load(Ordering::Relaxed)
    }

    pub(crate) fn says(&self, doing: Doing) {
        self.doing.store(doing as u8, Ordering::Relaxed);
    }

    /// The worker works until what this returns is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Working {
        self.since.store(now(), Ordering::Relaxed);
        self.says(Doing::Waiting);
        Working(Arc::clone(self))
    }
}

pub(crate) struct Working(Arc<Worker>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.says(Doing::Nothing);
    }
}
