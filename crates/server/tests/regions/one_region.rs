//! One region: jobs are placed, writes survive leaders and restarts, nodes come and go.

use crate::common::*;
use model::JobKey;
use rpc::message::{Read, ReadValue, Write};

/// A job is placed, becomes healthy, its deployment succeeds and the version is stable; a second server answers the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs() {
    let region = Region::start("west", 3).await;
    let _node = FakeNode::start(region.switchboard(), "west", &[]);
    let caller = region.caller();
    until("the node", async || match read(&caller, "west", Read::Nodes { prefix: String::new() }).await {
        Ok(ReadValue::Nodes(nodes)) if nodes.len() == 1 => Some(()),
        _ => None,
    })
    .await;
    register(&caller, "west", &job("web", 3)).await.expect("registered");
    until("three running", async || (running(&caller, "west", "web").await.len() == 3).then_some(())).await;
    for member in &region.members {
        let caller = member.caller();
        until("a stable version", async || match read(&caller, "west", Read::JobVersions { key: JobKey::new("default", "web") }).await {
            Ok(ReadValue::JobVersions(versions)) if versions.iter().any(|job| job.stable) => Some(()),
            _ => None,
        })
        .await;
    }
    region.stop().await;
}

/// The leader stops: writes go on after an election. All stop and start again: everything is there.
#[tokio::test(flavor = "multi_thread")]
async fn writes_survive_leaders_and_restarts() {
    let mut region = Region::start("west", 3).await;
    register(&region.caller(), "west", &job("first", 1)).await.expect("registered");
    let leader = region.leader().await;
    region.members[leader].stop().await;
    region.await_leader().await;
    let caller = region.caller();
    until("a write under the new leader", async || register(&caller, "west", &job("second", 1)).await.ok()).await;
    for member in &mut region.members {
        member.stop().await;
    }
    for member in &mut region.members {
        member.start().await;
    }
    region.await_leader().await;
    let caller = region.caller();
    for id in ["first", "second"] {
        let found = read(&caller, "west", Read::Job { key: JobKey::new("default", id) }).await;
        assert!(matches!(&found, Ok(ReadValue::Job(Some(job))) if *job.id == *id), "{id}: {found:?}");
    }
    region.stop().await;
}

/// A silent node is taken for down and its work placed elsewhere; stopping a job ends it.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_node_is_replaced() {
    let region = Region::start("west", 1).await;
    let caller = region.caller();
    let first = FakeNode::start(region.switchboard(), "west", &[]);
    until("the first node", async || match read(&caller, "west", Read::Nodes { prefix: String::new() }).await {
        Ok(ReadValue::Nodes(nodes)) if nodes.len() == 1 => Some(()),
        _ => None,
    })
    .await;
    register(&caller, "west", &job("web", 1)).await.expect("registered");
    until("running", async || (running(&caller, "west", "web").await.len() == 1).then_some(())).await;
    let second = FakeNode::start(region.switchboard(), "west", &[]);
    first.silence(true);
    until("running on the second node", async || {
        let all = allocs(&caller, "west", "web").await;
        all.iter().any(|(alloc, _)| alloc.node_id == second.id && alloc.client_status == model::ClientStatus::Running).then_some(())
    })
    .await;
    let stop = Write::DeregisterJob {
        key: JobKey::new("default", "web"),
        purge: false,
        global: false,
        eval_priority: 0,
        no_shutdown_delay: false,
    };
    write(&caller, "west", stop).await.expect("stopped");
    until("nothing running", async || running(&caller, "west", "web").await.is_empty().then_some(())).await;
    region.stop().await;
}

/// Bad input changes nothing and names what there is.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_what_exists() {
    let region = Region::start("west", 1).await;
    let caller = region.caller();
    let _node = FakeNode::start(region.switchboard(), "west", &[]);
    until("the node", async || match read(&caller, "west", Read::Nodes { prefix: String::new() }).await {
        Ok(ReadValue::Nodes(nodes)) if nodes.len() == 1 => Some(()),
        _ => None,
    })
    .await;
    let mut wrong = job("web", 1);
    wrong.datacenters = vec!["mars-1".into()];
    wrong.node_pool = "gpu".into();
    wrong.task_groups[0].tasks[0].driver = "docker".into();
    let text = register(&caller, "west", &wrong).await.expect_err("refused").text;
    for part in ["3 errors occurred", "mars-1", "west-1", "gpu", "default", "docker", "raw_exec"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    let unknown = read(&caller, "mars", Read::Leader).await.expect_err("refused").text;
    assert!(unknown.contains("No path to region") && unknown.contains("west"), "{unknown}");
    assert!(matches!(read(&caller, "west", Read::Job { key: JobKey::new("default", "web") }).await, Ok(ReadValue::Job(None))));
    region.stop().await;
}
