//! Jobs that are launched by the clock or by a dispatch.

use std::collections::BTreeSet;

use model::{Job, JobType, ParameterizedJobConfig, PayloadRule, PeriodicConfig, Schedule};

use super::Report;

/// Bytes of the description on a page.
const UI_DESCRIPTION_MAX: usize = 1_000;

pub(super) fn check(job: &Job, report: &mut Report<'_>) {
    let is_batch = matches!(job.kind, JobType::Batch | JobType::Sysbatch);
    if let Some(periodic) = &job.periodic {
        if !is_batch {
            report.error("Periodic", format!("periodic is for batch and sysbatch jobs, not for {} jobs", job.kind));
        }
        check_periodic(periodic, &mut report.part("Periodic", "periodic"));
    }
    if let Some(parameterized) = &job.parameterized_job {
        if !is_batch {
            report.error("ParameterizedJob", format!("parameterized is for batch and sysbatch jobs, not for {} jobs", job.kind));
        }
        check_parameterized(parameterized, &mut report.part("ParameterizedJob", "parameterized"));
    }
    if job.periodic.is_some() && job.parameterized_job.is_some() {
        report.error("Periodic", "periodic and parameterized exclude each other: a launch by the clock has no payload");
    }
    check_dispatch_payloads(job, report);
    if let Some(ui) = &job.ui
        && ui.description.chars().count() > UI_DESCRIPTION_MAX
    {
        report.error("UI.Description", format!("the description of ui has at most {UI_DESCRIPTION_MAX} characters"));
    }
}

fn check_periodic(periodic: &PeriodicConfig, report: &mut Report<'_>) {
    if !periodic.spec.is_empty() && !periodic.specs.is_empty() {
        report.error("Spec", "cron and crons exclude each other: write all expressions into crons");
    } else if !periodic.spec.is_empty() {
        report.warning("Spec", "cron is deprecated: write crons = [\"…\"]");
    }
    if periodic.spec_type != "cron" {
        report.error("SpecType", format!("the type of a schedule is \"cron\", not {:?}", periodic.spec_type));
    }
    if let Err(error) = Schedule::new(periodic) {
        report.error("Specs", error.to_string());
    }
}

fn check_parameterized(parameterized: &ParameterizedJobConfig, report: &mut Report<'_>) {
    let required: BTreeSet<&String> = parameterized.meta_required.iter().collect();
    let both: Vec<&str> = parameterized.meta_optional.iter().filter(|key| required.contains(key)).map(String::as_str).collect();
    if !both.is_empty() {
        report.error("MetaOptional", format!("meta is either required or optional, not both: {}", both.join(", ")));
    }
}

fn check_dispatch_payloads(job: &Job, report: &mut Report<'_>) {
    for (at, group) in job.task_groups.iter().enumerate() {
        for (place, task) in group.tasks.iter().enumerate() {
            let Some(payload) = &task.dispatch_payload else { continue };
            let path = format!("TaskGroups[{at}].Tasks[{place}].DispatchPayload");
            let mut report = report.part(&path, &format!("task {:?}: dispatch_payload", task.name));
            if payload.file.is_empty() {
                report.error("File", "a file is needed, relative to the task's local directory");
            } else if leaves(&payload.file) {
                report.error("File", format!("{:?} leaves the task's local directory", payload.file));
            }
            match &job.parameterized_job {
                None => report.error("File", "only parameterized jobs have a payload"),
                Some(config) if config.payload == PayloadRule::Forbidden => {
                    report.error("File", "the job forbids a payload: drop this block, or set payload of parameterized");
                }
                Some(_) => {}
            }
        }
    }
}

/// Whether a relative path leads out of where it begins, on the way or at its end.
fn leaves(path: &str) -> bool {
    let mut depth = 0_i64;
    for part in path.split('/') {
        match part {
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
        if depth < 0 {
            return true;
        }
    }
    path.starts_with('/') || depth == 0
}
