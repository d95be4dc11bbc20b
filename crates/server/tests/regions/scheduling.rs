//! Evaluations: none is lost, whoever leads and whenever room comes up.

use crate::common::*;
use futures::future::join_all;
use model::{EvalStatus, JobKey};
use rpc::message::{Read, ReadValue, Write};

/// Takes most of a node's memory.
fn large(id: &str) -> model::Job {
    let mut job = job(id, 1);
    if let Some(resources) = &mut job.task_groups[0].tasks[0].resources {
        resources.memory_mb = 3_000;
    }
    job
}

/// Jobs that find no room start, one after the other, as soon as the one before is gone.
#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_room_waits_for_it() {
    let region = Region::start("west", 1).await;
    let caller = region.caller();
    let _node = FakeNode::start(region.switchboard(), "west", &[]);
    await_nodes(&region, 1).await;
    let ids: Vec<String> = (0..4).map(|number| format!("large-{number}")).collect();
    let jobs: Vec<model::Job> = ids.iter().map(|id| large(id)).collect();
    for registered in join_all(jobs.iter().map(|job| register(&caller, "west", job))).await {
        registered.expect("registered");
    }
    let mut left = ids;
    while !left.is_empty() {
        let started = until("one of them to run", async || {
            for (number, id) in left.iter().enumerate() {
                if !running(&caller, "west", id).await.is_empty() {
                    return Some(number);
                }
            }
            None
        })
        .await;
        let key = JobKey::new("default", left.remove(started).as_str());
        for other in &left {
            assert!(running(&caller, "west", other).await.is_empty(), "two on a node that has room for one");
        }
        let stop = Write::DeregisterJob { key, purge: false, global: false, eval_priority: 0, no_shutdown_delay: false };
        write(&caller, "west", stop).await.expect("stopped");
    }
    region.stop().await;
}

/// Many jobs registered at once, while the leader goes away: the next leader places them all, and no evaluation stays pending.
#[tokio::test(flavor = "multi_thread")]
async fn evaluations_outlive_their_leader() {
    const N_JOBS: usize = 30;
    let mut region = Region::start("west", 3).await;
    region.await_voters(3).await;
    let _node = FakeNode::start(region.switchboard(), "west", &[]);
    await_nodes(&region, 1).await;
    let leader = region.leader().await;
    let caller = region.members[(leader + 1) % 3].caller();
    let jobs: Vec<model::Job> = (0..N_JOBS).map(|number| job(&format!("job-{number}"), 1)).collect();
    let registering = join_all(jobs.iter().map(|job| {
        let caller = &caller;
        async move { until("an accepted job", async || register(caller, "west", job).await.ok()).await }
    }));
    let stopping = async {
        tokio::time::sleep(std::time::Duration::from_millis(40)).await;
        region.members[leader].stop().await;
    };
    tokio::join!(registering, stopping);
    for number in 0..N_JOBS {
        until("a running job", async || (running(&caller, "west", &format!("job-{number}")).await.len() == 1).then_some(())).await;
    }
    until("no evaluation pending", async || match read(&caller, "west", Read::Evals { namespace: None, prefix: String::new() }).await {
        Ok(ReadValue::Evals(evals)) => evals.iter().all(|eval| eval.status != EvalStatus::Pending).then_some(()),
        _ => None,
    })
    .await;
    region.stop().await;
}
