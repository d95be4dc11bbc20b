//! What a job may not become, and what only the region itself writes into one.

use std::sync::Arc;

use model::Job;
use rpc::message::Findings;
use state::Store;

use crate::core::Core;

/// With the ids of its scaling policies, which follow from whose they are.
pub fn identified(mut job: Job) -> Job {
    job.identify_policies();
    job
}

/// Checks an effective job against what it was before.
pub fn check(core: &Core, view: &Store, job: &Job, findings: &mut Findings) {
    let present = view.job(&job.key());
    findings.errors.extend(other_kind(present.map(Arc::as_ref), job));
    findings.errors.extend(foreign_fields(present.map(Arc::as_ref), job));
    findings.errors.extend(too_many(core.config.bounds.jobs.count_max, job));
    findings.errors.extend(too_important("Job priority", core.config.bounds.jobs.priority_max, job.priority));
}

/// Why a job cannot become another kind of parent, not even after it was stopped.
pub fn other_kind(present: Option<&Job>, job: &Job) -> Option<String> {
    let present = present?;
    let advice = "purge it first, or give the new one another name";
    let what = |is: bool, kind: &str| if is { kind.to_owned() } else { format!("not {kind}") };
    let kinds = [
        ("periodic", present.periodic.is_some(), job.periodic.is_some()),
        ("parameterized", present.parameterized_job.is_some(), job.parameterized_job.is_some()),
    ];
    let (kind, was, is) = kinds.into_iter().find(|(_, was, is)| was != is)?;
    Some(format!("job {:?} is {} and cannot become {}: {advice}", job.id.as_str(), what(was, kind), what(is, kind)))
}

/// Fields that a launch fills in and nobody else.
fn foreign_fields(present: Option<&Job>, job: &Job) -> Option<String> {
    let nothing = Job::default();
    let present = present.unwrap_or(&nothing);
    let differs = [
        ("Dispatched", present.dispatched != job.dispatched),
        ("ParentID", present.parent_id != job.parent_id),
        ("Payload", present.payload != job.payload),
        ("DispatchIdempotencyToken", present.dispatch_idempotency_token != job.dispatch_idempotency_token),
    ];
    let (field, _) = differs.into_iter().find(|(_, differs)| *differs)?;
    Some(format!("{field} of a job is written by the region when the job is launched: leave it out, or dispatch the parent"))
}

/// Why a job asks for too much; `most` 0: it never does.
pub fn too_many(most: u64, job: &Job) -> Option<String> {
    if let Some(group) = job.task_groups.iter().find(|group| group.count > model::GROUP_COUNT_MAX) {
        let most = model::GROUP_COUNT_MAX;
        return Some(format!("group {:?} asks for {} allocations, a group may have {most}", group.name, group.count));
    }
    let total = job.task_groups.iter().fold(0_u64, |total, group| total.saturating_add(group.count.max(0).unsigned_abs()));
    (most > 0 && total > most)
        .then(|| format!("job {:?} asks for {total} allocations, server.job_max_count allows {most}", job.id.as_str()))
}

/// Why a priority cannot be; `what` is important.
pub fn too_important(what: &str, most: i64, priority: i64) -> Option<String> {
    let is_allowed = (1..=most).contains(&priority);
    (!is_allowed).then(|| format!("{what} must be between 1 and {most}, not {priority} (server.job_max_priority)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ParameterizedJobConfig, PeriodicConfig};

    fn plain() -> Job {
        Job { id: "web".into(), ..Job::default() }
    }

    fn periodic() -> Job {
        Job { periodic: Some(PeriodicConfig::default()), ..plain() }
    }

    fn parameterized() -> Job {
        Job { parameterized_job: Some(ParameterizedJobConfig::default()), ..plain() }
    }

    /// Each row: a job, what it shall become, and the beginning of the refusal.
    #[test]
    fn kinds() {
        let refused = |text: &'static str| Some(text);
        for (present, job, expected) in [
            (None, periodic(), None),
            (Some(periodic()), periodic(), None),
            (Some(plain()), plain(), None),
            (Some(plain()), periodic(), refused("job \"web\" is not periodic and cannot become periodic")),
            (Some(periodic()), plain(), refused("job \"web\" is periodic and cannot become not periodic")),
            (Some(plain()), parameterized(), refused("job \"web\" is not parameterized and cannot become parameterized")),
            (Some(parameterized()), plain(), refused("job \"web\" is parameterized and cannot become not parameterized")),
            (Some(Job { stop: true, ..periodic() }), plain(), refused("job \"web\" is periodic and cannot become not periodic")),
            (None, plain(), None),
        ] {
            let found = other_kind(present.as_ref(), &job);
            match expected {
                None => assert_eq!(found, None),
                Some(text) => assert!(found.as_ref().is_some_and(|found| found.starts_with(text)), "{found:?}, not {text}"),
            }
        }
    }

    /// Each row: what the job has already, what is submitted, and the field that is refused.
    #[test]
    fn fields_of_launches() {
        let child = || Job { dispatched: true, parent_id: "up".into(), ..parameterized() };
        for (present, job, expected) in [
            (None, plain(), None),
            (None, Job { dispatched: true, ..plain() }, Some("Dispatched")),
            (None, Job { parent_id: "up".into(), ..plain() }, Some("ParentID")),
            (None, Job { payload: model::Payload(b"x".as_slice().into()), ..plain() }, Some("Payload")),
            (None, Job { dispatch_idempotency_token: "t".to_owned(), ..plain() }, Some("DispatchIdempotencyToken")),
            // A child that was stopped is started again as it was.
            (Some(child()), child(), None),
            (Some(child()), plain(), Some("Dispatched")),
        ] {
            let found = foreign_fields(present.as_ref(), &job);
            assert_eq!(found.as_deref().and_then(|text| text.split_once(' ')).map(|(field, _)| field), expected);
        }
    }

    /// All groups together count.
    #[test]
    fn counts() {
        let group = |count| model::TaskGroup { count, ..Default::default() };
        let job = Job { task_groups: vec![group(3), group(4)], ..plain() };
        let huge = Job { task_groups: vec![group(model::GROUP_COUNT_MAX + 1)], ..plain() };
        assert_eq!(too_many(0, &huge).as_deref(), Some("group \"\" asks for 100001 allocations, a group may have 100000"));
        assert_eq!((too_many(0, &job), too_many(7, &job)), (None, None));
        assert_eq!(too_many(6, &job).as_deref(), Some("job \"web\" asks for 7 allocations, server.job_max_count allows 6"));
    }

    /// The region's limit of priorities, which is not everybody's.
    #[test]
    fn priorities() {
        for (most, priority, is_allowed) in [(100, 1, true), (100, 100, true), (100, 101, false), (100, 0, false), (1000, 101, true)] {
            let found = too_important("Job priority", most, priority);
            assert_eq!(found.is_none(), is_allowed, "{most} {priority}: {found:?}");
        }
    }
}
