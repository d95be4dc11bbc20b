//! Answers to reads, from one view.

use std::sync::Arc;

use model::{Allocation, JobKey};
use multiregion::Records;
use rpc::message::{ListedAlloc, Read, ReadValue, RolloutRegionView, RolloutView};
use state::{Store, Table, Watch, in_namespace};

/// What a reader of `read` waits for; `None`: it cannot be waited for.
pub fn watch_of(read: &Read) -> Option<Watch> {
    Some(match read {
        Read::Jobs { .. } => Watch::Table(Table::Jobs),
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
        Read::JobScaling { key } => Watch::JobScaling(key.clone()),
        Read::Leader | Read::Peers | Read::Events { .. } | Read::RaftGroup | Read::Autopilot | Read::AutopilotHealth => return None,
    })
}

/// The value of `read` in `view`. `Leader`, `Peers`, `Events`, `RaftGroup` and those of the autopilot are not in the state and answered elsewhere.
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
        Read::Allocs { namespace, prefix } => {
            let allocs = view.allocs().filter(|alloc| in_namespace(namespace.as_ref(), &alloc.namespace) && has_prefix(&alloc.id, prefix));
            ReadValue::Allocs(if prefix.is_empty() { by_creation(allocs) } else { allocs.map(listed).collect() })
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
        Read::Node { id } => ReadValue::Node(view.node(*id).cloned()),
        Read::NodeAllocs { id } => ReadValue::Allocs(by_creation(view.node_allocs(*id))),
        Read::Rollout { key } => ReadValue::Rollout(rollout(view, records, heard, key)),
        Read::JobScaling { key } => ReadValue::JobScaling(view.scaling_events(key).cloned().unwrap_or_default()),
        Read::Leader => ReadValue::Text(String::new()),
        Read::Peers => ReadValue::Texts(Vec::new()),
        Read::Events { .. } => ReadValue::Events(Vec::new()),
        Read::RaftGroup => ReadValue::RaftGroup(Vec::new()),
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

fn has_prefix(id: &impl std::fmt::Display, prefix: &str) -> bool {
    prefix.is_empty() || id.to_string().starts_with(&prefix.to_ascii_lowercase())
}

fn by_creation<'a>(allocs: impl Iterator<Item = &'a Arc<Allocation>>) -> Vec<ListedAlloc> {
    let mut allocs: Vec<ListedAlloc> = allocs.map(listed).collect();
    allocs.sort_by_key(|listed| (listed.alloc.create_index, listed.alloc.id));
    allocs
}

fn listed(alloc: &Arc<Allocation>) -> ListedAlloc {
    let job = alloc.job.as_deref();
    ListedAlloc {
        job_type: job.map(|job| job.kind).unwrap_or_default(),
        job_version: job.map_or(0, |job| job.version),
        alloc: Arc::new(Allocation { job: None, ..(**alloc).clone() }),
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
