//! Between which counts a group may be moved.

use model::{Job, JobType, TaskGroup};

/// Why a group cannot have this count; `None` when it can. The bounds of its policy hold for everybody, and also where the policy is not
/// enabled, which is a word to autoscalers only.
pub fn problem(job: &Job, group: &TaskGroup, count: i64) -> Option<String> {
    if count < 0 {
        return Some("scaling action count can't be negative".to_owned());
    }
    if job.kind == JobType::System && count > 1 {
        return Some(format!("job {:?} is of type system, so a group has the count 0 or 1, not {count}", job.id.as_str()));
    }
    let policy = group.scaling.as_ref()?;
    if count < policy.min {
        return Some(format!("group count was less than scaling policy minimum: {count} < {}", policy.min));
    }
    (count > policy.max).then(|| format!("group count was greater than scaling policy maximum: {count} > {}", policy.max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ScalingPolicy;

    /// Each row: the type of a job, the bounds of a group, a count, and the refusal.
    #[test]
    fn counts() {
        for (kind, bounds, count, expected) in [
            (JobType::Service, None, 1_000, None),
            (JobType::Service, None, -1, Some("scaling action count can't be negative")),
            (JobType::Service, Some((2, 5)), 2, None),
            (JobType::Service, Some((2, 5)), 5, None),
            (JobType::Service, Some((2, 5)), 1, Some("group count was less than scaling policy minimum: 1 < 2")),
            (JobType::Service, Some((2, 5)), 6, Some("group count was greater than scaling policy maximum: 6 > 5")),
            (JobType::System, None, 1, None),
            (JobType::System, None, 2, Some("job \"web\" is of type system, so a group has the count 0 or 1, not 2")),
        ] {
            let job = Job { id: "web".into(), kind, ..Default::default() };
            let scaling = bounds.map(|(min, max)| ScalingPolicy { min, max, enabled: false, ..Default::default() });
            let group = TaskGroup { scaling, ..Default::default() };
            assert_eq!(problem(&job, &group, count).as_deref(), expected);
        }
    }
}
