//! The section of a multi-region deployment, which scripts parse: heading, header, a row per region, two spaces between columns.

use std::time::Duration;

use api::Client;
use model::{Deployment, Job};

use super::job_rollout;
use crate::context::query;
use crate::show;

/// Longest wait for one region: who is cut off is shown as such.
const PATIENCE: Duration = Duration::from_secs(10);

/// The section for `deployment` of `job`: the same deployment in every region, which is the one with the same job version.
pub async fn section(client: &Client, job: &Job, deployment: &Deployment, verbose: bool) -> Option<String> {
    let multiregion = job.multiregion.as_ref()?;
    if !deployment.is_multiregion {
        return None;
    }
    let mut rows =
        futures::future::join_all(multiregion.regions.iter().map(|region| row(client, job, deployment, &region.name, verbose))).await;
    rows.sort();
    rows.insert(0, show::row(&["Region", "ID", "Status"]));
    let section = show::section("Multiregion Deployment", &show::table(&rows));
    Some(match reasons(client, job, deployment).await {
        Some(reasons) => format!("{section}\n\n{reasons}"),
        None => section,
    })
}

/// What regions wait for, as long as the deployment's rollout is the present one.
async fn reasons(client: &Client, job: &Job, deployment: &Deployment) -> Option<String> {
    if !deployment.is_active() {
        return None;
    }
    let rollout = client.job_rollout(&job.id, &query().namespace(job.namespace.as_str())).await.ok()?.value;
    (rollout.job_version == deployment.job_version).then(|| job_rollout::reasons(&rollout)).flatten()
}

async fn row(client: &Client, job: &Job, deployment: &Deployment, region: &str, verbose: bool) -> Vec<String> {
    let in_region = query().region(region).namespace(job.namespace.as_str());
    let answer = tokio::time::timeout(PATIENCE, client.job_deployments(&job.id, true, &in_region)).await;
    let Ok(Ok(answer)) = answer else { return vec![format!("{region} (error)"), String::new(), String::new()] };
    let same = answer.value.into_iter().filter(|other| other.is_multiregion && other.job_version == deployment.job_version);
    match same.max_by_key(|other| other.create_index) {
        None => vec![region.to_owned(), String::new(), String::new()],
        Some(other) => vec![region.to_owned(), show::id(other.id, verbose), other.status.to_string()],
    }
}
