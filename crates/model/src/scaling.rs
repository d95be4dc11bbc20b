//! What was asked of the count of a group, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::EvalId;

/// Something that was said about the count of a group: a change of it, or a note of who watches over it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalingEvent {
    /// Unix nanoseconds.
    pub time: i64,
    /// The new count; `None`: only a note.
    pub count: Option<i64>,
    pub previous_count: i64,
    pub message: String,
    /// Whether the note tells of an error.
    pub error: bool,
    /// JSON text of an object, kept for whoever wrote it; empty when there is none.
    pub meta: String,
    /// Nil when nothing was to be scheduled.
    pub eval_id: EvalId,
    pub create_index: u64,
}

/// The events of a job by group, newest first.
pub type ScalingEvents = BTreeMap<String, Vec<ScalingEvent>>;
