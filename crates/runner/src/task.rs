//! One task of an allocation: where it stands, and the facts about it. Decides nothing that concerns other tasks.

use model::{LifecycleHook, Task, TaskEvent, TaskPhase, TaskState, Time};
use serde::{Deserialize, Serialize};

use crate::events;
use crate::saved::SavedTask;

/// Where a task stands. bincode writes positions: append only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// For its turn.
    #[default]
    Waiting,
    /// The driver was asked; stop it at once when it started if `doom` says so.
    Starting {
        doom: Option<Doom>,
    },
    /// An earlier agent started it; what it is now is being found out.
    Recovering {
        doom: Option<Doom>,
    },
    Running,
    /// Will be stopped then.
    Delayed {
        until: i64,
        doom: Doom,
    },
    /// The driver was told to stop it.
    Stopping {
        doom: Doom,
    },
    /// Will be started then.
    Backoff {
        until: i64,
    },
    Dead,
}

/// What follows a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Doom {
    Die,
    /// Start again at once.
    Restart,
    /// Begin anew, when its turn comes.
    Reset,
}

/// Which part a task plays in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Main,
    Prestart { sidecar: bool },
    Poststart { sidecar: bool },
    Poststop,
}

impl Role {
    pub fn of(task: &Task) -> Self {
        let sidecar = task.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.sidecar);
        match task.lifecycle.as_ref().map(|lifecycle| lifecycle.hook).unwrap_or_default() {
            LifecycleHook::Unset => Self::Main,
            LifecycleHook::Prestart => Self::Prestart { sidecar },
            LifecycleHook::Poststart => Self::Poststart { sidecar },
            LifecycleHook::Poststop => Self::Poststop,
        }
    }

    /// Runs to its end while the allocation goes on.
    pub fn is_ephemeral(self) -> bool {
        matches!(self, Self::Prestart { sidecar: false } | Self::Poststart { sidecar: false })
    }

    pub fn is_sidecar(self) -> bool {
        matches!(self, Self::Prestart { sidecar: true } | Self::Poststart { sidecar: true })
    }
}

/// One task in its place.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub name: String,
    pub role: Role,
    pub leader: bool,
    pub stage: Stage,
    /// Number of the newest start.
    pub attempt: u64,
    pub state: TaskState,
    pub tracker: crate::restart::Tracker,
}

impl Actor {
    pub fn new(task: &Task) -> Self {
        Self {
            name: task.name.clone(),
            role: Role::of(task),
            leader: task.leader,
            stage: Stage::Waiting,
            attempt: 0,
            state: TaskState::default(),
            tracker: crate::restart::Tracker::default(),
        }
    }

    pub fn restore(task: &Task, saved: &SavedTask) -> Self {
        Self {
            stage: saved.stage.clone(),
            attempt: saved.attempt,
            state: saved.state.clone(),
            tracker: saved.tracker.clone(),
            ..Self::new(task)
        }
    }

    pub fn saved(&self) -> SavedTask {
        SavedTask { stage: self.stage.clone(), attempt: self.attempt, state: self.state.clone(), tracker: self.tracker.clone() }
    }

    pub fn push(&mut self, event: TaskEvent) {
        self.state.events.push(event);
        let surplus = self.state.events.len().saturating_sub(events::KEPT);
        self.state.events.drain(..surplus);
    }

    pub fn is_dead(&self) -> bool {
        self.stage == Stage::Dead
    }

    pub fn has_failed(&self) -> bool {
        self.is_dead() && self.state.failed
    }

    /// It ran at some time.
    pub fn was_started(&self) -> bool {
        !self.state.started_at.is_never()
    }

    /// The driver has it, as far as is known.
    pub fn is_busy(&self) -> bool {
        matches!(
            self.stage,
            Stage::Starting { .. } | Stage::Recovering { .. } | Stage::Running | Stage::Delayed { .. } | Stage::Stopping { .. }
        )
    }

    pub fn runs(&mut self, now: i64) {
        self.stage = Stage::Running;
        self.state.state = TaskPhase::Running;
        self.state.started_at = Time(now);
        self.push(events::started(now));
    }

    pub fn dies(&mut self, now: i64, failed: bool) {
        self.stage = Stage::Dead;
        self.state.state = TaskPhase::Dead;
        self.state.failed = failed;
        self.state.finished_at = Time(now);
    }

    /// It will start again; `stage` says when.
    pub fn returns(&mut self, now: i64, stage: Stage) {
        self.stage = stage;
        self.state.state = TaskPhase::Pending;
        self.state.restarts += 1;
        self.state.last_restart = Time(now);
    }
}
