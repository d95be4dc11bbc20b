//! From the specification that was submitted to what runs in one region. Plan and run share it.

use std::sync::Arc;

use model::{Deployment, DeploymentId, DeploymentState, DeploymentStatus, Job, JobType, RegionName};
use sha2::{Digest, Sha256};

/// The effective copy of `source` in `region`: counts of groups that say 0, datacenters, node pool and meta of the region are put in.
/// `None` when the region is not in the list.
pub fn effective_job(source: &Job, region: &RegionName) -> Option<Job> {
    let listed = source.multiregion.as_ref()?.regions.iter().find(|listed| listed.name == region.as_str())?;
    let mut job = source.clone();
    job.region = region.as_str().to_owned();
    if !listed.datacenters.is_empty() {
        job.datacenters.clone_from(&listed.datacenters);
    }
    if !listed.node_pool.is_empty() {
        job.node_pool.clone_from(&listed.node_pool);
    }
    for (key, value) in &listed.meta {
        job.meta.insert(key.clone(), value.clone());
    }
    for group in job.task_groups.iter_mut().filter(|group| group.count == 0) {
        group.count = listed.count;
    }
    Some(job)
}

/// How a reader sees the effective copy `present`: as it was submitted, with what the region itself wrote, so that nothing is lost when it
/// is edited and submitted again.
pub fn source_view(source: &Job, present: &Arc<Job>) -> Arc<Job> {
    Arc::new(Job {
        // Which region's copy this is; it is not part of what the user asks for.
        region: present.region.clone(),
        stop: present.stop,
        status: present.status,
        status_description: present.status_description.clone(),
        stable: present.stable,
        version: present.version,
        submit_time: present.submit_time,
        create_index: present.create_index,
        modify_index: present.modify_index,
        job_modify_index: present.job_modify_index,
        ..source.clone()
    })
}

/// SHA-256 of what the user asks for, in hex; what a region writes into a job does not count.
pub fn spec_hash(source: &Job) -> String {
    let bare = Job {
        region: String::new(),
        stop: false,
        status: Default::default(),
        status_description: String::new(),
        stable: false,
        version: 0,
        submit_time: 0,
        create_index: 0,
        modify_index: 0,
        job_modify_index: 0,
        nomad_token_id: String::new(),
        ..source.clone()
    };
    let text = serde_json::to_vec(&bare).unwrap_or_default();
    Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The deployment of a region's effective copy, waiting for its turn. `None` for kinds of jobs that have no deployments.
pub fn new_deployment(effective: &Job, job_version: u64, id: DeploymentId) -> Option<Deployment> {
    if !matches!(effective.kind, JobType::Service | JobType::System) {
        return None;
    }
    let task_groups = effective
        .task_groups
        .iter()
        .filter_map(|group| {
            let update = group.rolling_update()?;
            let state = DeploymentState {
                auto_revert: update.auto_revert,
                auto_promote: update.auto_promote,
                progress_deadline: update.progress_deadline,
                desired_total: group.count,
                ..Default::default()
            };
            Some((group.name.clone(), state))
        })
        .collect();
    Some(Deployment {
        id,
        namespace: effective.namespace.clone(),
        job_id: effective.id.clone(),
        job_version,
        is_multiregion: true,
        task_groups,
        status: DeploymentStatus::Pending,
        status_description: "Deployment is pending, waiting for peer region".to_owned(),
        eval_priority: effective.priority,
        ..Default::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Multiregion, MultiregionRegion, TaskGroup};

    fn source() -> Job {
        let region = |name: &str, count, datacenter: &str| MultiregionRegion {
            name: name.into(),
            count,
            datacenters: vec![datacenter.into()],
            meta: [("greeting".to_owned(), format!("hello from {name}"))].into(),
            ..Default::default()
        };
        Job {
            id: "example".into(),
            region: "global".into(),
            meta: [("greeting".to_owned(), "hello".to_owned()), ("kept".to_owned(), "yes".to_owned())].into(),
            datacenters: vec!["*".into()],
            multiregion: Some(Multiregion { strategy: None, regions: vec![region("west", 1, "west-1"), region("east", 2, "east-1")] }),
            task_groups: vec![
                TaskGroup { name: "cache".into(), count: 0, ..Default::default() },
                TaskGroup { name: "fixed".into(), count: 5, ..Default::default() },
            ],
            ..Default::default()
        }
    }

    /// Counts fill in only where the group says 0; meta of the region wins over the job's.
    #[test]
    fn a_region_gets_its_own_copy() {
        let east = effective_job(&source(), &"east".into()).unwrap();
        assert_eq!(east.region, "east");
        assert_eq!(east.datacenters, ["east-1"]);
        assert_eq!(east.task_groups.iter().map(|group| group.count).collect::<Vec<_>>(), [2, 5]);
        assert_eq!(east.meta["greeting"], "hello from east");
        assert_eq!(east.meta["kept"], "yes");
        assert_eq!(effective_job(&source(), &"mars".into()), None);
    }

    /// A round trip through the API keeps `count = 0` and is the same specification.
    #[test]
    fn reading_and_submitting_again_loses_nothing() {
        let source = source();
        let mut present = effective_job(&source, &"west".into()).unwrap();
        present.version = 7;
        let read = source_view(&source, &Arc::new(present));
        assert_eq!(read.task_groups[0].count, 0);
        assert_eq!(read.version, 7);
        assert_eq!(spec_hash(&read), spec_hash(&source));
    }

    /// What the user asks for decides the hash, nothing else.
    #[test]
    fn hash() {
        let base = source();
        assert_eq!(spec_hash(&base), spec_hash(&Job { version: 3, stable: true, modify_index: 9, ..base.clone() }));
        assert_ne!(spec_hash(&base), spec_hash(&Job { priority: 51, ..base.clone() }));
    }
}
