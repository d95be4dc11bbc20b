//! `/v1/jobs/statuses`: jobs with what runs of them, most recently changed first.

use std::borrow::Cow;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::{JobStatusesAlloc, JobStatusesDeployment, JobStatusesJob, JobStatusesLatestDeployment, JobStatusesRequest};
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use model::{Job, JobKey, JobSummary, Namespace};
use rpc::message::{ListedAlloc, Part, Read, ReadOptions, ReadValue};

use super::search::wait;
use crate::list::{self, Key, Order};
use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::Answer;

/// Jobs whose allocations are gathered at a time.
const READS_AT_A_TIME: usize = 16;

pub(super) async fn statuses(mut cx: Cx) -> Answer {
    let request: JobStatusesRequest = match cx.verb() {
        Verb::Get => JobStatusesRequest::default(),
        Verb::Put => cx.decode_optional().await?,
        _ => return Err(Refusal::wrong_verb()),
    };
    let wanted: BTreeSet<(&str, &str)> = request.jobs.iter().map(|job| (or_default(&job.namespace), job.id.as_str())).collect();
    let namespace = if wanted.is_empty() { cx.list_namespace() } else { None };
    let children = request.include_children || cx.params.flag("include_children")? || !wanted.is_empty();
    let read = Read::Jobs { namespace, prefix: cx.params.text("prefix").to_owned() };
    wait(&cx, [read.clone()].into_iter().chain(beside())).await?;
    let options = cx.options_now()?;
    // What the answer is of is asked before what is in it: it may be newer than it says, not older.
    let beside = try_join_all(beside().map(|read| cx.read_with(options.clone(), read))).await?;
    let (mut meta, ReadValue::Jobs(mut jobs)) = cx.read_with(options.clone(), read).await? else { return Err(Refusal::mismatch()) };
    meta.index = beside.iter().map(|(meta, _)| meta.index).fold(meta.index, u64::max);
    let mut of_children: BTreeMap<JobKey, Vec<String>> = BTreeMap::new();
    for (child, _) in jobs.iter().filter(|(job, _)| !job.parent_id.is_empty()) {
        let parent = JobKey { namespace: child.namespace.clone(), id: child.parent_id.clone() };
        of_children.entry(parent).or_default().push(child.status.to_string());
    }
    jobs.retain(|(job, _)| {
        (wanted.is_empty() || wanted.contains(&(job.namespace.as_str(), job.id.as_str()))) && (children || job.parent_id.is_empty())
    });
    let order = Order::Changed { reverse: cx.params.text("reverse") == "true" };
    let jobs = list::select(&cx.params, &mut meta, jobs, order, |(job, _)| Cow::Borrowed(&**job), key)?;
    let mut reads = Vec::with_capacity(jobs.len());
    for (job, _) in &jobs {
        reads.push(status(&cx, &options, job));
    }
    let mut statuses: Vec<JobStatusesJob> = stream::iter(reads).buffered(READS_AT_A_TIME).try_collect().await?;
    for status in &mut statuses {
        let key = JobKey { namespace: status.namespace.clone(), id: status.id.clone() };
        status.child_statuses = of_children.remove(&key).unwrap_or_default();
    }
    cx.json(Some(&meta), &statuses)
}

/// What is shown of a job beside itself: its allocations and its deployment. Of no namespace, because only the indexes are wanted.
fn beside() -> impl Iterator<Item = Read> {
    let none = || Some(Namespace::default());
    let first = Some(Part { from: None, n: 1, newest_first: true });
    let allocs = Read::Allocs { namespace: none(), prefix: String::new(), part: first, with_jobs: false };
    [allocs, Read::Deployments { namespace: none(), prefix: String::new() }].into_iter()
}

fn or_default(namespace: &str) -> &str {
    if namespace.is_empty() { model::DEFAULT_NAMESPACE } else { namespace }
}

fn key((job, _): &(Arc<Job>, Arc<JobSummary>)) -> Key<'_> {
    Key { index: job.modify_index, namespace: &job.namespace, name: &job.id, ..Key::default() }
}

async fn status(cx: &Cx, options: &ReadOptions, job: &Job) -> Result<JobStatusesJob, Refusal> {
    let key = job.key();
    let (_, ReadValue::Allocs(allocs)) = cx.read_with(options.clone(), Read::JobAllocs { key: key.clone(), all: false }).await? else {
        return Err(Refusal::mismatch());
    };
    let (_, ReadValue::Deployment(deployment)) = cx.read_with(options.clone(), Read::JobLatestDeployment { key }).await? else {
        return Err(Refusal::mismatch());
    };
    Ok(JobStatusesJob {
        allocs: allocs.iter().map(alloc).collect(),
        latest_deployment: deployment.as_deref().map(JobStatusesLatestDeployment::from),
        ..JobStatusesJob::new(job)
    })
}

fn alloc(listed: &ListedAlloc) -> JobStatusesAlloc {
    let alloc = &listed.alloc;
    let health = alloc.deployment_status.as_ref();
    JobStatusesAlloc {
        id: alloc.id,
        group: alloc.task_group.to_string(),
        client_status: alloc.client_status,
        node_id: alloc.node_id,
        deployment_status: JobStatusesDeployment {
            canary: health.is_some_and(|health| health.canary),
            healthy: health.and_then(|health| health.healthy),
        },
        job_version: listed.job_version,
        followup_eval_id: alloc.followup_eval_id,
        has_paused_task: alloc.task_states.all().values().any(|state| !state.paused.is_empty()),
    }
}
