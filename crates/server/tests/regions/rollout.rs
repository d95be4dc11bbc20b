//! Two regions: a change rolls from west to east, fails as its mode says, is unblocked, stopped.

use std::sync::Arc;

use crate::common::*;
use model::{JobKey, OnFailure};
use rpc::caller::Caller;
use rpc::message::{Read, ReadValue, Write};

const REGIONS: [(&str, i64); 2] = [("west", 1), ("east", 2)];

struct World {
    west: Region,
    east: Region,
    _nodes: [FakeNode; 2],
}

impl World {
    /// `broken`: versions that fail in the east.
    async fn start(n_servers: usize, broken: &[&str]) -> Self {
        let (west, east) = (Region::start("west", n_servers).await, Region::start("east", n_servers).await);
        east.join(&west).await;
        let nodes = [FakeNode::start(west.switchboard(), "west", &[]), FakeNode::start(east.switchboard(), "east", broken)];
        for region in [&west, &east] {
            let caller = region.caller();
            until("nodes", async || match read(&caller, &region.name, Read::Nodes { prefix: String::new() }).await {
                Ok(ReadValue::Nodes(nodes)) if nodes.len() == 1 => Some(()),
                _ => None,
            })
            .await;
        }
        Self { west, east, _nodes: nodes }
    }

    fn caller(&self) -> Arc<dyn Caller> {
        self.west.caller()
    }

    /// The distinct pairs of statuses (west, east) until `done`.
    async fn watch(&self, done: (&str, &str)) -> Vec<(String, String)> {
        let caller = self.caller();
        let mut seen: Vec<(String, String)> = Vec::new();
        until(&format!("{done:?}"), async || {
            let pair = (rollout_status(&caller, "west", "web").await, rollout_status(&caller, "east", "web").await);
            if seen.last() != Some(&pair) {
                seen.push(pair.clone());
            }
            ((pair.0.as_str(), pair.1.as_str()) == done).then_some(())
        })
        .await;
        seen
    }

    async fn stop(self) {
        self.west.stop().await;
        self.east.stop().await;
    }
}

fn position(seen: &[(String, String)], west: &str, east: &str) -> Option<usize> {
    seen.iter().position(|pair| pair.0 == west && pair.1 == east)
}

/// West runs first, then east, never both; both succeed; the same again changes nothing; versions are equal.
#[tokio::test(flavor = "multi_thread")]
async fn in_order_and_then_both_succeed() {
    let world = World::start(1, &[]).await;
    let job = multi("web", "1", OnFailure::FailAll, &REGIONS);
    register(&world.east.caller(), "east", &job).await.expect("submitted in the east");
    let seen = world.watch(("successful", "successful")).await;
    assert!(position(&seen, "running", "running").is_none(), "{seen:?}");
    assert_eq!(running(&world.caller(), "west", "web").await, [0]);
    assert_eq!(running(&world.caller(), "east", "web").await, [0, 0]);
    register(&world.caller(), "west", &job).await.expect("submitted again in the west");
    for region in ["west", "east"] {
        let all = read(&world.caller(), region, Read::JobDeployments { key: JobKey::new("default", "web"), all: true }).await;
        assert!(matches!(&all, Ok(ReadValue::Deployments(deployments)) if deployments.len() == 1), "{region}: {all:?}");
    }
    world.stop().await;
}

/// A version that fails in the east under `fail_all` fails everywhere, and both regions return to what ran before.
#[tokio::test(flavor = "multi_thread")]
async fn fail_all_reverts_everywhere() {
    let world = World::start(1, &["2"]).await;
    register(&world.caller(), "west", &multi("web", "1", OnFailure::FailAll, &REGIONS)).await.expect("submitted");
    world.watch(("successful", "successful")).await;
    register(&world.caller(), "west", &multi("web", "2", OnFailure::FailAll, &REGIONS)).await.expect("submitted");
    world.watch(("failed", "failed")).await;
    let caller = world.caller();
    until("version 1 everywhere", async || {
        for (region, count) in REGIONS {
            let all = allocs(&caller, region, "web").await;
            let live: Vec<_> =
                all.iter().filter(|(alloc, _)| !alloc.is_terminal() && alloc.client_status == model::ClientStatus::Running).collect();
            // The reverted job is registered anew, as version 2.
            if live.len() != count as usize || live.iter().any(|(_, version)| *version == 1) {
                return None;
            }
        }
        Some(())
    })
    .await;
    world.stop().await;
}

/// Under `fail_local` the west waits for a person, who unblocks it; then a stop reaches every region.
#[tokio::test(flavor = "multi_thread")]
async fn fail_local_waits_for_a_person() {
    let world = World::start(1, &["2"]).await;
    let caller = world.caller();
    register(&caller, "west", &multi("web", "1", OnFailure::FailLocal, &REGIONS)).await.expect("submitted");
    world.watch(("successful", "successful")).await;
    register(&caller, "west", &multi("web", "2", OnFailure::FailLocal, &REGIONS)).await.expect("submitted");
    world.watch(("blocked", "failed")).await;
    let key = JobKey::new("default", "web");
    let Ok(ReadValue::Deployment(Some(blocked))) = read(&caller, "west", Read::JobLatestDeployment { key: key.clone() }).await else {
        panic!("no deployment")
    };
    write(&caller, "west", Write::UnblockDeployment { id: blocked.id }).await.expect("unblocked");
    world.watch(("successful", "failed")).await;
    write(&caller, "west", Write::DeregisterJob { key, purge: false, global: true, eval_priority: 0, no_shutdown_delay: false })
        .await
        .expect("stopped");
    until("nothing running", async || {
        (running(&caller, "west", "web").await.is_empty() && running(&caller, "east", "web").await.is_empty()).then_some(())
    })
    .await;
    world.stop().await;
}

/// A region that cannot be reached refuses the submission, which names every region, and nothing is changed anywhere.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_region_refuses_everything() {
    let world = World::start(1, &[]).await;
    let job = multi("web", "1", OnFailure::FailAll, &[("west", 1), ("mars", 1), ("east", 1)]);
    let text = register(&world.caller(), "west", &job).await.expect_err("refused").text;
    for part in ["west: ok", "mars", "No path to region", "east: ok"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    for region in ["west", "east"] {
        assert!(matches!(read(&world.caller(), region, Read::Job { key: JobKey::new("default", "web") }).await, Ok(ReadValue::Job(None))));
    }
    world.stop().await;
}

/// The leaders of both regions stop in the middle of a rollout: it ends as it should, without a person.
#[tokio::test(flavor = "multi_thread")]
async fn leaders_stop_in_the_middle() {
    let mut world = World::start(3, &[]).await;
    // The nodes talk to the first server of each region, which is therefore kept.
    register(&world.caller(), "west", &multi("web", "1", OnFailure::FailAll, &REGIONS)).await.expect("submitted");
    for region in [&mut world.west, &mut world.east] {
        let leader = region.leader().await;
        if leader != 0 {
            region.members[leader].stop().await;
        }
    }
    world.watch(("successful", "successful")).await;
    world.stop().await;
}

/// How long it takes from the end of west's turn to the beginning of east's, as seen from west: prints the median of 20.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn hand_over() {
    let world = World::start(3, &[]).await;
    let caller = world.caller();
    let mut took = Vec::new();
    for version in 0..20 {
        register(&caller, "west", &multi("web", &version.to_string(), OnFailure::FailAll, &REGIONS)).await.expect("submitted");
        let reaches = async |region: &str, wanted: &[&str]| loop {
            let key = JobKey::new("default", "web");
            if let Ok(ReadValue::Deployment(Some(deployment))) = read(&caller, region, Read::JobLatestDeployment { key }).await
                && deployment.job_version == version
                && wanted.contains(&deployment.status.as_str())
            {
                return std::time::Instant::now();
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        };
        let after = ["blocked", "unblocking", "successful"];
        let (ended, began) = tokio::join!(reaches("west", &after), reaches("east", &["running", "blocked", "unblocking", "successful"]));
        took.push(began.saturating_duration_since(ended));
        tokio::join!(reaches("west", &["successful"]), reaches("east", &["successful"]));
    }
    took.sort();
    println!("hand-over: median {:?}, longest {:?}", took[10], took[19]);
    world.stop().await;
}
