//! Statistics for display: of the machine and of tasks. No decision depends on them.

mod host;
mod usage;

pub(crate) use host::{Mount, disk_usage, memory, mounts};

use std::collections::BTreeMap;
use std::sync::Mutex;

use model::AllocId;

/// Earlier measurements, which percentages need.
#[derive(Default)]
pub(crate) struct Samples {
    cpus: Mutex<Option<host::CpuSample>>,
    tasks: TaskSamples,
    /// The same for figures, which are asked for at their own pace.
    cpus_of_probe: Mutex<Option<host::CpuSample>>,
    tasks_of_probe: TaskSamples,
}

type TaskSamples = Mutex<BTreeMap<(AllocId, String), usage::TaskSample>>;

pub(crate) use host::{cpu_figures, host_stats, uptime};
pub(crate) use usage::{TaskFigures, alloc_stats, forget_ended, task_figures};
