//! From a task as it was asked for to what a driver gets.

use std::sync::Arc;

use drivers::{LogFiles, TaskDriver, TaskSpec};
use model::Allocation;
use serde_json::Value;

use super::dirs::AllocDir;
use super::env::{Place, build};
use crate::shared::Shared;

/// The driver that a task names.
pub(crate) fn driver(shared: &Shared, alloc: &Allocation, task: &str) -> Result<Arc<dyn TaskDriver>, String> {
    let found = alloc.group().and_then(|group| group.task(task));
    let name = found.map(|task| task.driver.as_str()).ok_or_else(|| format!("the group has no task {task:?}"))?;
    shared.drivers.get(name).cloned().ok_or_else(|| {
        let known: Vec<&str> = shared.drivers.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        format!("driver {name:?} is not available on this node; available: {known}")
    })
}

/// Everything that the driver needs, interpolated.
pub(crate) fn spec(shared: &Shared, dir: &AllocDir, alloc: &Allocation, name: &str) -> Result<TaskSpec, String> {
    let job = alloc.job.as_deref().ok_or("the allocation came without its job")?;
    let group = job.group(&alloc.task_group).ok_or("the job has no such group")?;
    let task = group.task(name).ok_or("the group has no such task")?;
    // The servers send such work only to nodes that offer the mode, and this one offers none but the host's.
    if let Some(network) = group.all_networks().find(|network| !network.is_of_host()) {
        return Err(format!("network mode {:?} is not available on this node; available: host", network.mode));
    }
    let (region, node, host_env) = (shared.config.region.as_str(), shared.node(), &shared.host_env);
    let (env, interpolator) = build(&Place { alloc, job, group, task, node: &node, region, dir, host_env });
    let config = match interpolator.json(&Value::Object((*task.config.0).clone())) {
        Value::Object(config) => config,
        _ => serde_json::Map::new(),
    };
    let log_config = task.log_config.clone().unwrap_or_default();
    let positive = |given: i64| u64::try_from(given).ok().filter(|given| *given > 0).unwrap_or(10);
    Ok(TaskSpec {
        name: task.name.clone(),
        config,
        env,
        user: interpolator.text(&task.user),
        task_dir: dir.task(&task.name).root,
        logs: LogFiles {
            dir: dir.logs(),
            max_files: positive(log_config.max_files),
            max_file_size: positive(log_config.max_file_size_mb) << 20,
            disabled: log_config.disabled,
        },
    })
}
