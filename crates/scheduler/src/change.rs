//! What a change of a job means for an allocation that runs: nothing, new words for the same tasks, or new tasks.

use std::collections::BTreeMap;

use model::{Job, Task, TaskGroup};

/// What an allocation needs to become one of the present version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Update {
    Nothing,
    /// The tasks go on; only what surrounds them changed.
    InPlace,
    /// Stop, and place anew.
    Destructive,
}

/// Compares two versions of a group. Whatever a running task could not take over is destructive.
pub(crate) fn compare(old: &Job, new: &Job, group: &str) -> Update {
    let (Some(old_group), Some(new_group)) = (old.group(group), new.group(group)) else { return Update::Destructive };
    let same_tasks = old_group.tasks.len() == new_group.tasks.len()
        && new_group.tasks.iter().all(|new_task| {
            let old_task = old_group.task(&new_task.name);
            old_task.is_some_and(|old_task| same_task((old, old_group, old_task), (new, new_group, new_task)))
        });
    if same_tasks && same_shared(old_group, new_group) { Update::InPlace } else { Update::Destructive }
}

fn same_shared(old: &TaskGroup, new: &TaskGroup) -> bool {
    old.networks == new.networks && old.ephemeral_disk == new.ephemeral_disk
}

type InGroup<'a> = (&'a Job, &'a TaskGroup, &'a Task);

fn same_task(old: InGroup, new: InGroup) -> bool {
    let (old_task, new_task) = (old.2, new.2);
    old_task.driver == new_task.driver
        && old_task.user == new_task.user
        && old_task.config == new_task.config
        && old_task.env == new_task.env
        && old_task.resources == new_task.resources
        && old_task.kind == new_task.kind
        // When a task starts, and whether its end ends the others, is settled when the allocation starts.
        && old_task.lifecycle == new_task.lifecycle
        && old_task.leader == new_task.leader
        && is_log_disabled(old_task) == is_log_disabled(new_task)
        && renders_templates(old_task) == renders_templates(new_task)
        && meta(old) == meta(new)
}

fn is_log_disabled(task: &Task) -> bool {
    task.log_config.as_ref().is_some_and(|log| log.disabled)
}

fn renders_templates(task: &Task) -> bool {
    task.restart_policy.as_ref().is_some_and(|policy| policy.render_templates)
}

/// As the task sees it: its own goes before the group's and the job's.
fn meta<'a>((job, group, task): InGroup<'a>) -> BTreeMap<&'a str, &'a str> {
    let pairs = job.meta.iter().chain(&group.meta).chain(&task.meta);
    pairs.map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{LogConfig, NetworkResource, Port, ReschedulePolicy, Resources, RestartPolicy, TaskLifecycle, UpdateStrategy};

    fn job() -> Job {
        let task =
            Task { name: "server".to_owned(), driver: "raw_exec".to_owned(), resources: Some(Resources::default()), ..Task::default() };
        let group = TaskGroup { name: "app".to_owned(), count: 3, tasks: vec![task], ..TaskGroup::default() };
        Job { meta: BTreeMap::from([("owner".to_owned(), "a".to_owned())]), task_groups: vec![group], ..Job::default() }
    }

    /// Each change of a job is either in place or destructive.
    #[test]
    fn table() {
        type Change = fn(&mut Job);
        use Update::{Destructive, InPlace};
        fn task(job: &mut Job) -> &mut Task {
            &mut job.task_groups[0].tasks[0]
        }
        let rows: &[(&str, Change, Update)] = &[
            ("nothing", |_| (), InPlace),
            ("count", |job| job.task_groups[0].count = 5, InPlace),
            ("priority", |job| job.priority = 70, InPlace),
            ("constraint", |job| job.constraints.push(Default::default()), InPlace),
            ("restart attempts", |job| task(job).restart_policy = Some(RestartPolicy { attempts: 9, ..Default::default() }), InPlace),
            ("reschedule", |job| job.task_groups[0].reschedule_policy = Some(ReschedulePolicy::default()), InPlace),
            ("update", |job| job.task_groups[0].update = Some(UpdateStrategy::default()), InPlace),
            ("kill timeout", |job| task(job).kill_timeout = 1, InPlace),
            ("shutdown delay", |job| task(job).shutdown_delay = 1, InPlace),
            ("log size", |job| task(job).log_config = Some(LogConfig { max_files: 1, ..Default::default() }), InPlace),
            ("job meta", |job| _ = job.meta.insert("owner".to_owned(), "b".to_owned()), Destructive),
            ("hidden meta", |job| _ = job.task_groups[0].meta.insert("owner".to_owned(), "a".to_owned()), InPlace),
            ("task meta", |job| _ = task(job).meta.insert("k".to_owned(), "v".to_owned()), Destructive),
            ("driver", |job| task(job).driver = "exec".to_owned(), Destructive),
            ("user", |job| task(job).user = "nobody".to_owned(), Destructive),
            ("env", |job| _ = task(job).env.insert("K".to_owned(), "v".to_owned()), Destructive),
            ("cpu", |job| task(job).resources = Some(Resources { cpu: 1, ..Default::default() }), Destructive),
            ("memory_max", |job| task(job).resources = Some(Resources { memory_max_mb: 1, ..Default::default() }), Destructive),
            ("task name", |job| task(job).name = "other".to_owned(), Destructive),
            ("one task more", |job| job.task_groups[0].tasks.push(Task::default()), Destructive),
            ("lifecycle", |job| task(job).lifecycle = Some(TaskLifecycle::default()), Destructive),
            ("log off", |job| task(job).log_config = Some(LogConfig { disabled: true, ..Default::default() }), Destructive),
            (
                "render templates",
                |job| task(job).restart_policy = Some(RestartPolicy { render_templates: true, ..Default::default() }),
                Destructive,
            ),
            (
                "port",
                |job| {
                    let port = Port { label: "http".to_owned(), ..Default::default() };
                    job.task_groups[0].networks.push(NetworkResource { dynamic_ports: vec![port], ..Default::default() });
                },
                Destructive,
            ),
            ("disk", |job| job.task_groups[0].ephemeral_disk = Some(Default::default()), Destructive),
            ("group gone", |job| job.task_groups.clear(), Destructive),
        ];
        for (name, change, expected) in rows {
            let mut new = job();
            change(&mut new);
            assert_eq!(compare(&job(), &new, "app"), *expected, "{name}");
        }
    }

    /// A plan says of a task that its change replaces it just when it does: tried with every value of a task.
    #[test]
    fn plans_say_what_happens() {
        let full: Job = testkit::full(0).expect("a job");
        let group = full.task_groups[0].name.clone();
        let of_task = testkit::variations(&full).into_iter().filter(|(path, _)| path.starts_with("TaskGroups/0/Tasks/0/"));
        let mut n_replacing = 0;
        for (path, new) in of_task {
            let mut diff = api::diff::jobs(Some(&full), Some(&new));
            api::diff::annotate(&mut diff, &model::PlanAnnotations::default());
            let tasks = diff.task_groups.iter().flat_map(|group| &group.tasks);
            let said = tasks.flat_map(|task| &task.annotations).any(|text| text == "forces create/destroy update");
            let done = compare(&full, &new, &group) == Update::Destructive;
            assert_eq!(said, done, "{path}: what the plan says, and what is done");
            n_replacing += usize::from(done);
        }
        assert!(n_replacing > 20, "{n_replacing}");
    }
}
