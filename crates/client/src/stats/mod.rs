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
    tasks: Mutex<BTreeMap<(AllocId, String), usage::TaskSample>>,
}

pub(crate) use host::host_stats;
pub(crate) use usage::alloc_stats;
