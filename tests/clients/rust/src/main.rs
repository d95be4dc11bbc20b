//! A job's life through nomad-client-rs: registered from a file, read, stopped. The only argument is the agent's address.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nomad_client_rs::allocation::{ListAllocationsOptions, ReadAllocationOptions};
use nomad_client_rs::deployment::ListDeploymentsOptions;
use nomad_client_rs::job::{CreateJobRequest, ListJobAllocationsOptions, ListJobsOptions, ParseJobRequest, ReadJobOptions, StopJobOptions};
use nomad_client_rs::node::{ListNodeAllocationsOptions, ListNodesOptions};
use nomad_client_rs::{ClientError, Config, Connection, NomadClient};

const JOB: &str = r#"
job "rust-client" {
  group "main" {
    count = 2

    update {
      min_healthy_time = "0s"
    }

    task "main" {
      driver = "raw_exec"

      config {
        command = "/bin/sleep"
        args    = ["600"]
      }

      resources {
        cpu    = 20
        memory = 16
      }
    }
  }
}
"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    rustls::crypto::ring::default_provider().install_default().expect("the first provider");
    let address = std::env::args().nth(1).context("usage: rust-client ADDRESS")?;
    let config = Config { connection: Connection::HttpApi { address, credential: None }, ..Config::default() };
    let client = NomadClient::new(config)?;
    ensure!(client.read_leader().await?.contains(':'), "a leader");

    let parsed =
        client.parse_job(&ParseJobRequest { job_hcl: Some(JOB.to_owned()), canonicalize: Some(true), ..Default::default() }).await?;
    let created = client.create_job(&CreateJobRequest { job: Some(parsed), ..Default::default() }).await?;
    ensure!(created.eval_id.is_some_and(|id| !id.is_empty()), "an evaluation");

    let allocs = running(&client).await?;
    let listed = client.list_jobs(&ListJobsOptions { prefix: Some("rust-".to_owned()), ..Default::default() }).await?;
    ensure!(listed.len() == 1 && listed[0].id.as_deref() == Some("rust-client"), "the list of jobs: {listed:?}");
    let job = client.read_job("rust-client", &ReadJobOptions::default()).await?;
    ensure!(job.name.as_deref() == Some("rust-client"), "the job: {job:?}");

    let all = client.list_allocations(&ListAllocationsOptions::default()).await?;
    ensure!(all.len() >= allocs.len(), "the list of allocations: {all:?}");
    let alloc = client.read_allocation(&allocs[0], &ReadAllocationOptions::default()).await?;
    ensure!(alloc.client_status.as_deref() == Some("running"), "the allocation: {alloc:?}");

    let nodes = client.list_nodes(&ListNodesOptions::default()).await?;
    ensure!(nodes.len() == 1 && nodes[0].status.as_deref() == Some("ready"), "the nodes: {nodes:?}");
    let node = nodes[0].id.as_deref().context("an id")?;
    ensure!(client.read_node(node).await?.attributes.is_some_and(|all| all.contains_key("kernel.name")), "attributes of the node");
    let on_node = client.list_node_allocations(node, &ListNodeAllocationsOptions::default()).await?;
    ensure!(on_node.len() >= allocs.len(), "allocations of the node");

    let deployments = client.list_deployments(&ListDeploymentsOptions::default()).await?;
    let ours = deployments.iter().find(|one| one.job_id.as_deref() == Some("rust-client")).context("a deployment")?;
    let id = ours.id.as_deref().context("an id")?;
    ensure!(client.read_deployment(id).await?.job_id == ours.job_id, "the deployment");
    ensure!(client.list_deployment_allocations(id).await?.len() == 2, "allocations of the deployment");

    client.stop_job("rust-client", &StopJobOptions { purge: Some(true), ..Default::default() }).await?;
    match client.read_job("rust-client", &ReadJobOptions::default()).await {
        Err(ClientError::NomadRejected { status: 404, message }) => ensure!(message.contains("job not found"), "{message}"),
        other => anyhow::bail!("a purged job is read: {other:?}"),
    }
    Ok(())
}

/// The ids of the two allocations once they run.
async fn running(client: &NomadClient) -> Result<Vec<String>> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let all = client.list_job_allocations("rust-client", &ListJobAllocationsOptions::default()).await?;
        let running = all.into_iter().filter(|alloc| alloc.client_status.as_deref() == Some("running"));
        let ids: Vec<String> = running.filter_map(|alloc| alloc.id).collect();
        if ids.len() == 2 {
            return Ok(ids);
        }
        ensure!(Instant::now() < end, "not two running allocations within 20 s: {ids:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
