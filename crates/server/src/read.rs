//! Answers to reads, from one view.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{Allocation, JobKey};
use multiregion::Records;
use rpc::message::{ListedAlloc, Part, Read, ReadValue, RolloutRegionView, RolloutView};
use state::{Store, Table, Watch, in_namespace};

use crate::search;

/// What a reader of `read` waits for, each of them; nothing: it cannot be waited for.
pub fn watches_of(read: &Read) -> Vec<Watch> {
    vec![match read {
        // With the counts of what runs of them.
        Read::Jobs { .. } => return vec![Watch::Table(Table::Jobs), Watch::Table(Table::JobSummaries)],
        // With the counts of what runs of its groups.
        Read::JobScaling { key } => return vec![Watch::JobScaling(key.clone()), Watch::JobAllocs(key.clone())],
        Read::Job { key } | Read::JobSubmission { key, .. } => Watch::Job(key.clone()),
        Read::JobVersions { key } => Watch::JobVersions(key.clone()),
        Read::JobSummary { key } => Watch::JobSummary(key.clone()),
        Read::JobAllocs { key, .. } => Watch::JobAllocs(key.clone()),
        Read::JobEvals { key } => Watch::JobEvals(key.clone()),
        Read::JobDeployments { key, .. } | Read::JobLatestDeployment { key } => Watch::JobDeployments(key.clone()),
        Read::Allocs { .. } => Watch::Table(Table::Allocs),
        Read::Alloc { id } => Watch::Alloc(*id),
        Read::Evals { .. } => Watch::Table(Table::Evals),
        Read::Eval { id } => Watch::Eval(*id),
        Read::EvalAllocs { id } => Watch::EvalAllocs(*id),
        Read::Deployments { .. } => Watch::Table(Table::Deployments),
        Read::Deployment { id } => Watch::Deployment(*id),
        Read::DeploymentAllocs { id } => Watch::DeploymentAllocs(*id),
        Read::Nodes { .. } => Watch::Table(Table::Nodes),
        Read::Node { id } => Watch::Node(*id),
        Read::NodeAllocs { id } => Watch::NodeAllocs(*id),
        Read::Rollout { key } => Watch::Rollout(key.clone()),
        // A policy changes with its job.
        Read::ScalingPolicies { .. } | Read::ScalingPolicy { .. } => Watch::Table(Table::Jobs),
        Read::Namespaces { .. } => Watch::Table(Table::Namespaces),
        Read::Namespace { name } => Watch::Namespace(name.clone()),
        Read::NodePools { .. } => Watch::Table(Table::NodePools),
        Read::NodePool { name } => Watch::NodePool(name.clone()),
        Read::Scheduler => Watch::Table(Table::Scheduler),
        Read::UsersOf { .. } => Watch::Table(Table::Jobs),
        Read::Search { context, .. } => Watch::Table(search::table(*context)),
        Read::Leader
        | Read::Peers
        | Read::Events { .. }
        | Read::RaftGroup
        | Read::Autopilot
        | Read::AutopilotHealth
        | Read::CheckJob { .. } => return Vec::new(),
    }]
}

/// The value of `read` in `view`. `Leader`, `Peers`, `Events`, `RaftGroup`, `CheckJob`, those of the autopilot and searches depend on more than the
/// state and are answered elsewhere.
pub fn value(view: &Store, records: &Records, heard: impl Fn(&model::RegionRecord) -> i64, read: &Read) -> ReadValue {
    match read {
        Read::Jobs { namespace, prefix } => ReadValue::Jobs(
            view.jobs()
                .filter(|job| in_namespace(namespace.as_ref(), &job.namespace) && job.id.starts_with(prefix.as_str()))
                .map(|job| {
                    let summary = view.job_summary(&job.key()).cloned().unwrap_or_default();
                    (as_submitted(view, job), summary)
                })
                .collect(),
        ),
        Read::Job { key } => ReadValue::Job(view.job(key).map(|job| as_submitted(view, job))),
        Read::JobVersions { key } => ReadValue::JobVersions(view.job_versions(key)),
        Read::JobSubmission { key, version } => ReadValue::JobSubmission(view.job_submission(key, *version).cloned()),
        Read::JobSummary { key } => ReadValue::JobSummary(view.job_summary(key).cloned()),
        Read::JobAllocs { key, all } => {
            // Those of an earlier job of the same name were created before this one.
            let since = if *all { 0 } else { view.job(key).map_or(0, |job| job.create_index) };
            let allocs = view.job_allocs(key).filter(|alloc| alloc.job.as_ref().is_none_or(|job| job.create_index >= since));
            ReadValue::Allocs(by_creation(allocs))
        }
        Read::JobEvals { key } => {
            let mut evals: Vec<_> = view.job_evals(key).cloned().collect();
            evals.sort_by_key(|eval| (eval.create_index, eval.id));
            ReadValue::Evals(evals)
        }
        Read::JobDeployments { key, all } => {
            let since = if *all { 0 } else { view.job(key).map_or(0, |job| job.create_index) };
            let mut deployments: Vec<_> =
                view.job_deployments(key).filter(|deployment| deployment.job_create_index >= since).cloned().collect();
            deployments.sort_by_key(|deployment| (deployment.create_index, deployment.id));
            ReadValue::Deployments(deployments)
        }
        Read::JobLatestDeployment { key } => {
            let since = view.job(key).map_or(0, |job| job.create_index);
            ReadValue::Deployment(view.latest_deployment(key).filter(|deployment| deployment.job_create_index >= since).cloned())
        }
        Read::Allocs { namespace, prefix, part, with_jobs } => {
            let allocs = view.allocs().filter(|alloc| in_namespace(namespace.as_ref(), &alloc.namespace) && has_prefix(&alloc.id, prefix));
            let allocs = match part {
                _ if !prefix.is_empty() => allocs.map(listed).collect(),
                None => by_creation(allocs),
                Some(part) => part_of(allocs, part),
            };
            match with_jobs {
                true => with_jobs_beside(allocs),
                false => ReadValue::Allocs(allocs),
            }
        }
        Read::Alloc { id } => ReadValue::Alloc(view.alloc(*id).cloned()),
        Read::Evals { namespace, prefix } => {
            let mut evals: Vec<_> = view
                .evals()
                .filter(|eval| in_namespace(namespace.as_ref(), &eval.namespace) && has_prefix(&eval.id, prefix))
                .cloned()
                .collect();
            if prefix.is_empty() {
                evals.sort_by_key(|eval| (eval.create_index, eval.id));
            }
            ReadValue::Evals(evals)
        }
        Read::Eval { id } => ReadValue::Eval(view.eval(*id).cloned()),
        Read::EvalAllocs { id } => ReadValue::Allocs(by_creation(view.eval_allocs(*id))),
        Read::Deployments { namespace, prefix } => {
            let mut deployments: Vec<_> = view
                .deployments()
                .filter(|deployment| in_namespace(namespace.as_ref(), &deployment.namespace) && has_prefix(&deployment.id, prefix))
                .cloned()
                .collect();
            if prefix.is_empty() {
                deployments.sort_by_key(|deployment| (deployment.create_index, deployment.id));
            }
            ReadValue::Deployments(deployments)
        }
        Read::Deployment { id } => ReadValue::Deployment(view.deployment(*id).cloned()),
        Read::DeploymentAllocs { id } => ReadValue::Allocs(by_creation(view.deployment_allocs(*id))),
        Read::Nodes { prefix } => ReadValue::Nodes(view.nodes().filter(|node| has_prefix(&node.id, prefix)).cloned().collect()),
        Read::Node { id } => ReadValue::Node(view.node_shown(*id)),
        Read::NodeAllocs { id } => ReadValue::Allocs(by_creation(view.node_allocs(*id))),
        Read::Rollout { key } => ReadValue::Rollout(rollout(view, records, heard, key)),
        Read::JobScaling { key } => ReadValue::JobScaling(view.scaling_events(key).cloned().unwrap_or_default()),
        Read::ScalingPolicies { namespace, prefix, job, kind } => {
            let is_wanted =
                |policy: &model::ScalingPolicy| has_prefix(&policy.id, prefix) && (kind.is_empty() || *kind == policy.kind.as_str());
            let jobs = view.jobs().filter(|known| in_namespace(namespace.as_ref(), &known.namespace) && !known.stop);
            let jobs = jobs.filter(|known| job.is_empty() || known.id == *job.as_str());
            ReadValue::ScalingPolicies(jobs.flat_map(|job| job.scaling_policies()).filter(is_wanted).collect())
        }
        Read::ScalingPolicy { id } => {
            let policies = view.jobs().filter(|job| !job.stop).flat_map(|job| job.scaling_policies());
            ReadValue::ScalingPolicy(policies.into_iter().find(|policy| policy.id == *id).map(Box::new))
        }
        Read::Namespaces { prefix } => ReadValue::Namespaces(begin_with(view.namespaces(), prefix, |namespace| &namespace.name)),
        Read::Namespace { name } => ReadValue::Namespace(view.namespace(name)),
        Read::NodePools { prefix } => ReadValue::NodePools(begin_with(view.node_pools(), prefix, |pool| &pool.name)),
        Read::NodePool { name } => ReadValue::NodePool(view.node_pool(name)),
        Read::Scheduler => ReadValue::Scheduler(view.scheduler().clone()),
        // Answered by who knows whom the region follows.
        Read::UsersOf { .. } => ReadValue::Texts(Vec::new()),
        Read::Leader => ReadValue::Text(String::new()),
        Read::Peers => ReadValue::Texts(Vec::new()),
        Read::Events { .. } => ReadValue::Events(Vec::new()),
        Read::Search { .. } => ReadValue::Found(Default::default()),
        Read::RaftGroup => ReadValue::RaftGroup(Vec::new()),
        Read::CheckJob { .. } => ReadValue::Findings(Default::default()),
        Read::Autopilot => ReadValue::Autopilot(Default::default()),
        Read::AutopilotHealth => ReadValue::AutopilotHealth(Vec::new()),
    }
}

/// A multi-region job is read as it was submitted, so that nothing is lost when it is edited and submitted again.
fn as_submitted(view: &Store, job: &Arc<model::Job>) -> Arc<model::Job> {
    let Some(head) = view.rollout_head(&job.key()) else { return Arc::clone(job) };
    match &head.source {
        Some(source) if head.header.job_version == job.version => multiregion::source_view(source, job),
        _ => Arc::clone(job),
    }
}

fn begin_with<T>(mut all: Vec<Arc<T>>, prefix: &str, name: impl Fn(&T) -> &str) -> Vec<Arc<T>> {
    all.retain(|one| name(one).starts_with(prefix));
    all
}

pub(crate) fn has_prefix(id: &impl std::fmt::Display, prefix: &str) -> bool {
    prefix.is_empty() || id.to_string().starts_with(&prefix.to_ascii_lowercase())
}

/// Goes through all of them and keeps no more than the part has.
fn part_of<'a>(allocs: impl Iterator<Item = &'a Arc<Allocation>>, part: &Part) -> Vec<ListedAlloc> {
    // The last ones are the first ones of the numbers that are missing to the largest.
    let place = |(index, id): (u64, u128)| if part.newest_first { (u64::MAX - index, u128::MAX - id) } else { (index, id) };
    let from = part.from.map(place).unwrap_or_default();
    let n = usize::try_from(part.n).unwrap_or(usize::MAX);
    let mut first = BTreeMap::new();
    for alloc in allocs {
        let place = place((alloc.create_index, alloc.id.0.as_u128()));
        let is_among = place >= from && (first.len() < n || first.last_key_value().is_some_and(|(last, _)| place < *last));
        if is_among {
            first.insert(place, alloc);
            if first.len() > n {
                first.pop_last();
            }
        }
    }
    first.into_values().map(listed).collect()
}

fn by_creation<'a>(allocs: impl Iterator<Item = &'a Arc<Allocation>>) -> Vec<ListedAlloc> {
    let mut allocs: Vec<ListedAlloc> = allocs.map(listed).collect();
    allocs.sort_by_key(|listed| (listed.alloc.create_index, listed.alloc.id));
    allocs
}

fn with_jobs_beside(allocs: Vec<ListedAlloc>) -> ReadValue {
    let (mut jobs, mut places) = (Vec::new(), HashMap::new());
    let job_of = |listed: &ListedAlloc| {
        let Some(job) = &listed.alloc.job else { return u32::MAX };
        *places.entry(Arc::as_ptr(job)).or_insert_with(|| {
            jobs.push(Arc::clone(job));
            jobs.len() as u32 - 1
        })
    };
    let job_of = allocs.iter().map(job_of).collect();
    ReadValue::AllocsAndJobs { allocs, jobs, job_of }
}

fn listed(alloc: &Arc<Allocation>) -> ListedAlloc {
    let job = alloc.job.as_deref();
    ListedAlloc {
        job_type: job.map(|job| job.kind).unwrap_or_default(),
        job_version: job.map_or(0, |job| job.version),
        alloc: alloc.clone(),
    }
}

/// The head rollout of a job with what every region last said.
pub fn rollout(view: &Store, records: &Records, heard: impl Fn(&model::RegionRecord) -> i64, key: &JobKey) -> Option<RolloutView> {
    let head = view.rollout_staged(key).or_else(|| view.rollout_head(key))?;
    let header = &head.header;
    let me = &view.identity().region;
    let own = Some(multiregion::own_record(view, head));
    let overrides = records.overrides(header, &head.overrides);
    let mut phases = records.phases(view, &header.id);
    phases.insert(me.clone(), head.phase);
    let record_of = |region: &model::RegionName| if region == me { own.as_ref() } else { records.get(&header.id, region) };
    let regions = header
        .regions
        .iter()
        .chain(&header.dropped)
        .map(|region| RolloutRegionView {
            region: region.clone(),
            record: record_of(region).cloned(),
            age: if region == me { 0 } else { record_of(region).map_or(0, &heard) },
            waiting_for: match view.is_fenced() && region == me {
                true => state::FENCED.to_owned(),
                false => multiregion::waiting_for(header, region, &phases, &overrides, record_of),
            },
        })
        .collect();
    Some(RolloutView { header: Arc::clone(header), overrides, regions })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AllocId, Uuid};

    /// Each version of a job goes beside the allocations once, and each allocation finds its own, whatever its name and number.
    #[test]
    fn jobs_beside_a_list() {
        let of_version = |version| Arc::new(model::Job { version, ..Default::default() });
        let jobs = [of_version(0), of_version(1), of_version(0)];
        let alloc = |job: Option<usize>| Arc::new(Allocation { job: job.map(|n| Arc::clone(&jobs[n])), ..Default::default() });
        let allocs = [Some(2), Some(0), None, Some(2), Some(1)].map(alloc);
        let ReadValue::AllocsAndJobs { jobs: beside, job_of, .. } = with_jobs_beside(allocs.iter().map(listed).collect()) else {
            panic!("another answer")
        };
        let found: Vec<_> = job_of.iter().map(|place| beside.get(*place as usize)).collect();
        assert!(found.iter().zip(&allocs).all(|(found, alloc)| found.map(Arc::as_ptr) == alloc.job.as_ref().map(Arc::as_ptr)));
        assert_eq!(beside.len(), jobs.len());
    }

    /// Parts, one after the other, are the whole list in its order, in both directions and with any size.
    #[test]
    fn parts_of_a_list() {
        let of =
            |n: u64| Allocation { id: AllocId(Uuid::from_u128(u128::from(n * 7 % 31))), create_index: n * 5 % 13, ..Default::default() };
        let allocs: Vec<Arc<Allocation>> = (0..31).map(|n| Arc::new(of(n))).collect();
        let place = |listed: &ListedAlloc| (listed.alloc.create_index, listed.alloc.id.0.as_u128());
        let mut whole: Vec<(u64, u128)> = by_creation(allocs.iter()).iter().map(place).collect();
        for newest_first in [false, true] {
            for n in [1, 2, 10, 31, 100] {
                let (mut parts, mut from) = (Vec::new(), None);
                loop {
                    // One more than the part: where the next begins.
                    let mut part = part_of(allocs.iter(), &Part { from, n: n + 1, newest_first });
                    from = part.get(n as usize).map(place);
                    part.truncate(n as usize);
                    parts.extend(part.iter().map(place));
                    if from.is_none() {
                        break;
                    }
                }
                assert_eq!(parts, whole, "{n} {newest_first}");
            }
            whole.reverse();
        }
    }
}
