//! Task groups.

use std::collections::{BTreeMap, BTreeSet};

use model::{Job, JobType, NetworkResource, ScalingPolicy, ScalingType, TaskGroup};

use super::{Report, constraints, policies, shown, tasks, wishes};

/// Where nodes take dynamic ports from unless they are told otherwise.
const DYNAMIC_PORTS: std::ops::RangeInclusive<i64> = 20_000..=32_000;
const PORT_MAX: i64 = 65_535;
/// MiB; below it not even logs fit.
const EPHEMERAL_DISK_MIN: i64 = 10;

pub(super) fn check(job: &Job, group: &TaskGroup, report: &mut Report<'_>) {
    if group.name.is_empty() {
        report.error("Name", "Missing task group name");
    } else if group.name.contains('\0') {
        report.error("Name", "the name contains a null character");
    }
    if group.count < 0 {
        report.error("Count", format!("count must not be negative: {}", group.count));
    }
    if group.count > model::GROUP_COUNT_MAX {
        report.error("Count", format!("{} allocations are too many, a group may have {}", group.count, model::GROUP_COUNT_MAX));
    }
    if job.kind == JobType::System && group.count > 1 {
        report.error("Count", format!("a system job runs once on every node: count must be 1, not {}", group.count));
    }
    super::meta(&group.meta, report);
    constraints::check(&group.constraints, constraints::Owner::Group, report);
    wishes::check(&group.affinities, &group.spreads, job.kind, report);
    check_policies(job, group, report);
    if let Some(scaling) = &group.scaling {
        check_scaling(scaling, group.count, &mut report.part("Scaling", "scaling"));
    }
    check_absence(job, group, report);
    if let Some(delay) = group.shutdown_delay.filter(|delay| *delay < 0) {
        report.error("ShutdownDelay", format!("shutdown_delay must not be negative: {}", shown(delay)));
    }
    check_disk(group, report);
    check_networks(group, report);
    check_tasks(job, group, report);
}

fn check_policies(job: &Job, group: &TaskGroup, report: &mut Report<'_>) {
    match (&group.restart_policy, job.kind) {
        (Some(policy), _) => policies::restart(policy, &mut report.part("RestartPolicy", "restart")),
        (None, _) => report.error("RestartPolicy", "a restart policy is missing"),
    }
    let is_everywhere = job.kind.is_on_every_node();
    if is_everywhere && group.reschedule_policy.is_some() {
        report.error("ReschedulePolicy", format!("reschedule is for service and batch jobs only: a {} job is on every node", job.kind));
    } else if let Some(policy) = &group.reschedule_policy {
        policies::reschedule(policy, &mut report.part("ReschedulePolicy", "reschedule"));
    }
    match &group.update {
        Some(_) if matches!(job.kind, JobType::Batch | JobType::Sysbatch) => {
            report.error("Update", "update is for service and system jobs only");
        }
        Some(update) => {
            // How many nodes there are is not known here.
            let count = if job.kind == JobType::System { 0 } else { group.count };
            let mut report = report.part("Update", "update");
            policies::update(update, count, &mut report);
            if job.kind == JobType::System && update.canary > 100 {
                report.error(
                    "Canary",
                    format!("canary of a system job is a part of its nodes in percent: at most 100, not {}", update.canary),
                );
            }
        }
        None => {}
    }
    match &group.migrate {
        Some(_) if job.kind != JobType::Service => report.error("Migrate", "migrate is for service jobs only"),
        Some(migrate) => policies::migrate(migrate, &mut report.part("Migrate", "migrate")),
        None => {}
    }
}

/// The bounds of a scaling policy around the present count.
pub(super) fn check_scaling(scaling: &ScalingPolicy, count: i64, report: &mut Report<'_>) {
    let (least, most) = (scaling.min, scaling.max);
    if least < 0 {
        report.error("Min", format!("min must not be negative: {least}"));
    }
    if most < 0 {
        report.error("Max", "max is needed: the largest count");
        return;
    }
    if most < least {
        report.error("Max", format!("max ({most}) must not be less than min ({least})"));
    }
    // The policy of a task is about its resources.
    if scaling.kind == ScalingType::Horizontal && !(least..=most.max(least)).contains(&count) {
        report.error("Max", format!("count ({count}) must be between min ({least}) and max ({most})"));
    }
}

/// What happens when the node is not heard of, and after how long work ends by itself.
fn check_absence(job: &Job, group: &TaskGroup, report: &mut Report<'_>) {
    if let Some(disconnect) = &group.disconnect {
        let mut report = report.part("Disconnect", "disconnect");
        if disconnect.lost_after < 0 {
            report.error("LostAfter", format!("lost_after must not be negative: {}", shown(disconnect.lost_after)));
        }
        if let Some(after) = disconnect.stop_on_client_after {
            if after < 0 {
                report.error("StopOnClientAfter", format!("stop_on_client_after must not be negative: {}", shown(after)));
            }
            if disconnect.lost_after > 0 {
                report.error("StopOnClientAfter", "stop_on_client_after and lost_after exclude each other");
            }
            if !matches!(job.kind, JobType::Service | JobType::Batch) {
                report.error("StopOnClientAfter", "stop_on_client_after is for service and batch jobs only");
            }
        }
    }
    if let Some(limit) = group.max_run_duration {
        if !matches!(job.kind, JobType::Batch | JobType::Sysbatch) {
            report.error("MaxRunDuration", "max_run_duration is for batch and sysbatch jobs only");
        }
        if limit <= 0 {
            report.error("MaxRunDuration", format!("max_run_duration must be more than 0, not {}", shown(limit)));
        }
    }
    for (field, name, is_set, instead) in [
        ("StopAfterClientDisconnect", "stop_after_client_disconnect", group.stop_after_client_disconnect.is_some(), "stop_on_client_after"),
        ("MaxClientDisconnect", "max_client_disconnect", group.max_client_disconnect.is_some(), "lost_after"),
        ("PreventRescheduleOnLost", "prevent_reschedule_on_lost", group.prevent_reschedule_on_lost, "replace"),
    ] {
        if is_set {
            report.warning(field, format!("{name} is no longer heeded: set {instead} in the block disconnect"));
        }
    }
}

fn check_disk(group: &TaskGroup, report: &mut Report<'_>) {
    let Some(disk) = &group.ephemeral_disk else {
        report.error("EphemeralDisk", "an ephemeral disk is missing");
        return;
    };
    if disk.size_mb < EPHEMERAL_DISK_MIN {
        report.error("EphemeralDisk.SizeMB", format!("ephemeral_disk must have at least {EPHEMERAL_DISK_MIN} MB, not {}", disk.size_mb));
    }
    // For each task by itself: existing jobs count on it that their defaults fit.
    for (index, task) in group.tasks.iter().enumerate() {
        let Some(logs) = task.log_config.as_ref().filter(|logs| !logs.disabled) else { continue };
        let logged = logs.max_files.saturating_mul(logs.max_file_size_mb);
        if logged >= disk.size_mb {
            let text = format!("the logs of task {:?} may take {logged} MB, and ephemeral_disk has only {} MB", task.name, disk.size_mb);
            report.error(&format!("Tasks[{index}].LogConfig"), text);
        }
    }
}

/// The ports of a group and of its tasks: a label stands for one port in each task, a number for one port of all.
fn check_networks(group: &TaskGroup, report: &mut Report<'_>) {
    if group.networks.len() > 1 {
        report.error("Networks", "only one network block is supported in a group");
    }
    let mut labels = BTreeSet::new();
    let mut taken = BTreeMap::new();
    for (index, network) in group.networks.iter().enumerate() {
        check_network(network, &format!("Networks[{index}]"), &mut labels, &mut taken, report);
    }
    for (position, task) in group.tasks.iter().enumerate() {
        let path = format!("Tasks[{position}].Resources");
        let Some(resources) = &task.resources else { continue };
        let subject = format!("task {:?}", task.name);
        if resources.iops != 0 {
            report.warning(&format!("{path}.IOPS"), format!("{subject}: iops is deprecated and without effect"));
        }
        if !resources.networks.is_empty() {
            let text = format!("{subject}: a network of resources is deprecated: write it in the group");
            report.warning(&format!("{path}.Networks"), text);
        }
        if resources.networks.len() > 1 {
            report.error(&format!("{path}.Networks"), format!("{subject}: only one network block is supported in a task"));
        }
        let mut labels = labels.clone();
        for (index, network) in resources.networks.iter().enumerate() {
            let path = format!("{path}.Networks[{index}]");
            check_network(network, &path, &mut labels, &mut taken, report);
            let ports = network.reserved_ports.iter().chain(&network.dynamic_ports);
            let named = |port: &'_ model::Port| !matches!(port.host_network.as_str(), "" | "default");
            let addresses: BTreeSet<&str> = ports.map(|port| if named(port) { port.host_network.as_str() } else { "" }).collect();
            if addresses.len() > 1 {
                report.error(&path, format!("{subject}: the ports of a network of resources have one host_network, these have several"));
            }
        }
    }
}

fn check_network<'g>(
    network: &'g NetworkResource,
    path: &str,
    labels: &mut BTreeSet<&'g str>,
    taken: &mut BTreeMap<i64, &'g str>,
    report: &mut Report<'_>,
) {
    if network.mbits != 0 {
        report.warning(&format!("{path}.MBits"), "network: mbits is deprecated and without effect");
    }
    let reserved = network.reserved_ports.iter().enumerate().map(|(place, port)| ("ReservedPorts", place, port));
    let dynamic = network.dynamic_ports.iter().enumerate().map(|(place, port)| ("DynamicPorts", place, port));
    for (list, place, port) in reserved.chain(dynamic) {
        let path = format!("{path}.{list}[{place}]");
        let label = port.label.as_str();
        if label.is_empty() || label.contains(|c: char| c.is_whitespace() || c == '\0') {
            report.error(&path, format!("a port needs a label without spaces, not {label:?}"));
        } else if !labels.insert(label) {
            report.error(&path, format!("the port {label:?} is there twice"));
        }
        if !(-1..=PORT_MAX).contains(&port.to) {
            report.error(&format!("{path}.To"), format!("port {label:?}: \"to\" must be between -1 and {PORT_MAX}, not {}", port.to));
        }
        if list == "DynamicPorts" {
            continue;
        }
        if !(1..=PORT_MAX).contains(&port.value) {
            report.error(
                &format!("{path}.Value"),
                format!("port {label:?}: \"static\" must be between 1 and {PORT_MAX}, not {}", port.value),
            );
        } else if let Some(other) = taken.insert(port.value, label) {
            report.error(&format!("{path}.Value"), format!("the ports {other:?} and {label:?} both want {}", port.value));
        } else if DYNAMIC_PORTS.contains(&port.value) {
            let range = format!("{} to {}", DYNAMIC_PORTS.start(), DYNAMIC_PORTS.end());
            report.warning(
                &format!("{path}.Value"),
                format!("port {label:?}: {} is in the range that nodes give to dynamic ports ({range})", port.value),
            );
        }
    }
}

fn check_tasks(job: &Job, group: &TaskGroup, report: &mut Report<'_>) {
    if group.tasks.is_empty() {
        report.error("Tasks", "Missing tasks for task group");
        return;
    }
    report.unique("task", "Tasks", "Name", group.tasks.iter().map(|task| task.name.as_str()));
    if group.tasks.iter().all(|task| task.lifecycle.is_some()) {
        report.error("Tasks", "one task must be without lifecycle: the main task");
    }
    let n_leaders = group.tasks.iter().filter(|task| task.leader).count();
    if n_leaders > 1 {
        report.error("Tasks", format!("only one task may be leader, not {n_leaders}"));
    }
    for (index, task) in group.tasks.iter().enumerate() {
        tasks::check(job, group, task, &mut report.part(&format!("Tasks[{index}]"), &format!("task {:?}", task.name)));
    }
}
