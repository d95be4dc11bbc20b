//! Tasks.

use model::{Job, JobType, LifecycleHook, Resources, Task, TaskGroup};
use serde_json::Value as Json;

use crate::diagnostic::nearest;

use super::{Report, constraints, groups, policies, shown, wishes};

/// MiB below which no process starts.
const MEMORY_MIN: i64 = 10;

/// What the known drivers cannot do without.
const REQUIRED_CONFIG: &[(&str, &str)] = &[("raw_exec", "command"), ("exec", "command"), ("docker", "image"), ("qemu", "image_path")];

/// What the drivers of this program understand, and what they know and do not do yet.
const CONFIG_KEYS: &[(&str, &[&str], &[&str])] = &[
    (
        "raw_exec",
        &["command", "args", "work_dir", "denied_envvars", "oom_score_adj", "cgroup_v1_override", "cgroup_v2_override"],
        &["cgroup_v1_override", "cgroup_v2_override"],
    ),
    (
        "mock_driver",
        &[
            "run_for",
            "exit_code",
            "exit_signal",
            "exit_err_msg",
            "start_error",
            "start_error_recoverable",
            "start_block_for",
            "kill_after",
            "signal_error",
            "stdout_string",
            "stdout_repeat",
            "stdout_repeat_duration",
            "plugin_exit_after",
        ],
        &[],
    ),
];

pub(super) fn check(job: &Job, group: &TaskGroup, task: &Task, report: &mut Report<'_>) {
    match task.name.as_str() {
        "" => report.error("Name", "Missing task name"),
        "alloc" => report.error("Name", "the name \"alloc\" is taken by the directory that all tasks share"),
        name if name.contains(['/', '\\', '\0']) => {
            report.error("Name", "the name must not have slashes, backslashes or null characters in it")
        }
        _ => {}
    }
    if task.driver.is_empty() {
        report.error("Driver", "Missing task driver");
    }
    check_config(task, report);
    super::meta(&task.meta, report);
    if task.env.keys().any(|name| name.is_empty() || name.contains(['\0', '='])) {
        report.error("Env", "names in env must not be empty nor have = or null characters in them");
    }
    constraints::check(&task.constraints, constraints::Owner::Task, report);
    wishes::check(&task.affinities, &[], job.kind, report);
    for (index, policy) in task.scaling_policies.iter().enumerate() {
        groups::check_scaling(policy, 0, &mut report.part(&format!("ScalingPolicies[{index}]"), "scaling"));
    }
    // What a task took over from its group is the group's mistake.
    if let Some(policy) = task.restart_policy.as_ref().filter(|policy| Some(*policy) != group.restart_policy.as_ref()) {
        policies::restart(policy, &mut report.part("RestartPolicy", "restart"));
    }
    check_times(job, group, task, report);
    check_resources(task, report);
    if let Some(logs) = &task.log_config {
        if logs.max_files < 1 {
            report.error("LogConfig.MaxFiles", format!("logs need at least 1 file, not {}", logs.max_files));
        }
        if logs.max_file_size_mb < 1 {
            report.error("LogConfig.MaxFileSizeMB", format!("log files need at least 1 MB, not {}", logs.max_file_size_mb));
        }
    }
    check_lifecycle(task, report);
}

fn check_config(task: &Task, report: &mut Report<'_>) {
    check_config_keys(task, report);
    let Some((driver, wanted)) = REQUIRED_CONFIG.iter().find(|(driver, _)| *driver == task.driver) else { return };
    match task.config.get(wanted) {
        Some(Json::String(text)) if !text.is_empty() => {}
        Some(Json::String(_)) | Some(Json::Null) | None => {
            report.error("Config", format!("the driver {driver:?} needs {wanted:?} in the config block"))
        }
        Some(_) => report.error("Config", format!("{wanted:?} in the config block must be a string")),
    }
}

/// A node would refuse these, too, but only once the job is placed.
fn check_config_keys(task: &Task, report: &mut Report<'_>) {
    let Some((driver, known, later)) = CONFIG_KEYS.iter().find(|(driver, ..)| *driver == task.driver) else { return };
    for (key, value) in task.config.0.iter() {
        let field = format!("Config.{key}");
        if !known.contains(&key.as_str()) {
            let hint = match nearest(key, known.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("known are {}", known.join(", ")),
            };
            report.error(&field, format!("unknown key {key:?} in the config block of {driver}: {hint}"));
        } else if later.contains(&key.as_str()) && !model::json::means_nothing(value) {
            report.error(&field, format!("{key:?} in the config block of {driver} is not supported yet"));
        }
    }
}

fn check_times(job: &Job, group: &TaskGroup, task: &Task, report: &mut Report<'_>) {
    if task.shutdown_delay < 0 {
        report.error("ShutdownDelay", format!("shutdown_delay must not be negative: {}", shown(task.shutdown_delay)));
    }
    if task.kill_timeout < 0 {
        report.error("KillTimeout", format!("kill_timeout must not be negative: {}", shown(task.kill_timeout)));
    }
    let rolling = group.rolling_update().filter(|update| job.kind == JobType::Service && update.progress_deadline > 0);
    if let Some(update) = rolling.filter(|update| task.kill_timeout > update.progress_deadline) {
        let (timeout, deadline) = (shown(task.kill_timeout), shown(update.progress_deadline));
        report
            .error("KillTimeout", format!("kill_timeout ({timeout}) must not be longer than progress_deadline of the update ({deadline})"));
    }
}

fn check_resources(task: &Task, report: &mut Report<'_>) {
    let Some(resources) = &task.resources else {
        report.error("Resources", "Missing task resources");
        return;
    };
    let mut report = report.part("Resources", "");
    if resources.cores < 0 {
        report.error("Cores", format!("cores must not be negative: {}", resources.cores));
    } else if resources.cores > 0 && resources.cpu > 0 {
        report.error("Cores", "cores and cpu exclude each other: a task has whole cores or a share");
    } else if resources.cores == 0 && resources.cpu < 1 {
        report.error("CPU", format!("cpu must be at least 1 MHz, not {}", resources.cpu));
    }
    if resources.cores <= 0 && resources.numa.as_ref().is_some_and(|numa| numa.affinity != model::NumaAffinity::None) {
        report.error("NUMA", "numa is about reserved cores: set cores");
    }
    check_devices(resources, &mut report);
    if resources.memory_mb < MEMORY_MIN {
        report.error("MemoryMB", format!("memory must be at least {MEMORY_MIN} MB, not {}", resources.memory_mb));
    }
    let most = resources.memory_max_mb;
    if most != 0 && most != -1 && most < resources.memory_mb {
        report.error(
            "MemoryMaxMB",
            format!("memory_max ({most} MB) must be 0, -1 for no limit, or at least memory ({} MB)", resources.memory_mb),
        );
    }
    if resources.disk_mb != 0 {
        report.error("DiskMB", "disk of a task must be 0: use ephemeral_disk of the group");
    }
}

fn check_devices(resources: &Resources, report: &mut Report<'_>) {
    for (index, device) in resources.devices.iter().enumerate() {
        let mut report = report.part(&format!("Devices[{index}]"), &format!("device {:?}", device.name));
        let parts: Vec<&str> = device.name.splitn(3, '/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            report.error("Name", "a device is named by its type, vendor/type, or vendor/type/model");
        }
        if device.count == 0 {
            report.error("Count", "count must be at least 1");
        }
        constraints::check(&device.constraints, constraints::Owner::Device, &mut report);
        wishes::affinities(&device.affinities, &mut report);
    }
}

fn check_lifecycle(task: &Task, report: &mut Report<'_>) {
    let Some(lifecycle) = &task.lifecycle else { return };
    if lifecycle.hook == LifecycleHook::Unset {
        report.error("Lifecycle.Hook", "lifecycle needs a hook: prestart, poststart or poststop");
    }
    if lifecycle.hook == LifecycleHook::Poststop && lifecycle.sidecar {
        report.warning("Lifecycle.Sidecar", "a poststop task is never a sidecar: sidecar is ignored");
    }
    if task.leader && lifecycle.hook == LifecycleHook::Poststop {
        report.error("Leader", "a poststop task cannot be leader: it runs when all others have ended");
    }
}
