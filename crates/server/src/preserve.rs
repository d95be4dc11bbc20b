//! What a submission leaves as it is registered: whoever scales or sizes a job by other means does not want its file to undo that.

use std::sync::Arc;

use model::Job;
use rpc::message::RegisterJob;

/// `job` with the counts and resources of `present` that the submission wants to keep, by the names of groups and tasks.
pub fn kept(register: &RegisterJob, job: Job, present: Option<&Arc<Job>>) -> Job {
    let mut job = job;
    let Some(present) = present.filter(|_| register.preserve_counts || register.preserve_resources) else { return job };
    for group in &mut job.task_groups {
        let Some(before) = present.group(&group.name) else { continue };
        if register.preserve_counts {
            // Within the bounds that the file sets.
            let bounds = group.scaling.as_ref().map_or((0, i64::MAX), |policy| (policy.min, policy.max));
            group.count = before.count.min(bounds.1).max(bounds.0);
        }
        if register.preserve_resources {
            for task in &mut group.tasks {
                if let Some(before) = before.tasks.iter().find(|before| before.name == task.name) {
                    task.resources.clone_from(&before.resources);
                }
            }
        }
    }
    job
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: what to keep, then the count and the memory that come out.
    #[test]
    fn what_is_kept() {
        let job = |count, memory: i64| {
            let mut job = Job { task_groups: vec![Default::default(), Default::default()], ..Default::default() };
            for (group, name) in job.task_groups.iter_mut().zip(["g", "other"]) {
                name.clone_into(&mut group.name);
                group.count = count;
                let resources = model::Resources { memory_mb: memory, ..Default::default() };
                group.tasks = vec![model::Task { name: "t".to_owned(), resources: Some(resources), ..Default::default() }];
            }
            job
        };
        let mut present = job(5, 500);
        present.task_groups[1].name = "renamed".to_owned();
        let present = Arc::new(present);
        let numbers = |job: &Job| -> Vec<(i64, i64)> {
            let memory = |group: &model::TaskGroup| group.tasks[0].resources.as_ref().map_or(0, |resources| resources.memory_mb);
            job.task_groups.iter().map(|group| (group.count, memory(group))).collect()
        };
        for (preserve_counts, preserve_resources, expected) in
            [(false, false, (1, 100)), (true, false, (5, 100)), (false, true, (1, 500)), (true, true, (5, 500))]
        {
            let submitted = job(1, 100);
            let register = RegisterJob {
                job: Arc::new(submitted.clone()),
                submission: None,
                enforce_index: None,
                preserve_counts,
                preserve_resources,
                eval_priority: 0,
            };
            assert_eq!(numbers(&kept(&register, submitted.clone(), Some(&present))), [expected, (1, 100)]);
            assert_eq!(numbers(&kept(&register, submitted.clone(), None)), [(1, 100), (1, 100)]);
            // Each row: the bounds of a policy, and the count that is kept of 5.
            for (min, max, count) in [(1, 9, 5), (6, 9, 6), (1, 4, 4)] {
                let mut submitted = submitted.clone();
                submitted.task_groups[0].scaling = Some(model::ScalingPolicy { min, max, ..Default::default() });
                let expected = if preserve_counts { count } else { 1 };
                assert_eq!(kept(&register, submitted, Some(&present)).task_groups[0].count, expected);
            }
        }
    }
}
