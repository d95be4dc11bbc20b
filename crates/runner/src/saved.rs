//! What survives the agent.

use std::collections::BTreeMap;

use model::TaskState;
use serde::{Deserialize, Serialize};

use crate::health::Judgement;
use crate::restart::Tracker;
use crate::task::Stage;

/// Everything of a machine that does not follow from its allocation. Opaque: write it down, hand it back to [`crate::Machine::restore`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    pub(crate) dirs_built: bool,
    pub(crate) tasks: BTreeMap<String, SavedTask>,
    pub(crate) judgement: Option<Judgement>,
    pub(crate) restarting_all: bool,
    /// Why the node itself ends the allocation.
    #[serde(with = "model::json::since_2")]
    pub(crate) cut: Option<String>,
}

impl Saved {
    /// The directories were built.
    pub fn has_dirs(&self) -> bool {
        self.dirs_built
    }
}

/// One task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SavedTask {
    pub(crate) stage: Stage,
    pub(crate) attempt: u64,
    pub(crate) state: TaskState,
    pub(crate) tracker: Tracker,
}
