//! Rollouts while servers and regions come and go: each ends as the design says, without a person.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::*;
use model::{JobKey, OnFailure, RolloutHeader, RolloutId, RolloutKind, Uuid};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rpc::caller::Caller;
use rpc::message::{Failure, Read, ReadValue, Reply, Request, RolloutReply, RolloutRequest, Write, WriteValue};

const REGIONS: [(&str, i64); 2] = [("west", 1), ("east", 1)];

struct World {
    west: Region,
    east: Region,
    nodes: [FakeNode; 2],
}

impl World {
    async fn start(n_servers: usize) -> Self {
        let (west, east) = tokio::join!(Region::start("west", n_servers), Region::start("east", n_servers));
        east.join(&west).await;
        let nodes = [FakeNode::start(west.switchboard(), "west", &[]), FakeNode::start(east.switchboard(), "east", &[])];
        await_nodes(&west, 1).await;
        await_nodes(&east, 1).await;
        Self { west, east, nodes }
    }

    fn region(&mut self, west: bool) -> &mut Region {
        if west { &mut self.west } else { &mut self.east }
    }

    async fn statuses(&self) -> (String, String) {
        (rollout_status(&self.west.caller(), "west", "web").await, rollout_status(&self.east.caller(), "east", "web").await)
    }

    async fn await_success(&self) {
        let mut last = (String::new(), String::new());
        let end = Instant::now() + PATIENCE;
        loop {
            last = match self.statuses().await {
                (west, east) if west == "successful" && east == "successful" => return,
                (west, east) if west.is_empty() || east.is_empty() => last,
                seen => seen,
            };
            assert!(Instant::now() < end, "not both successful, but {last:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Versions of what runs: the meta `version` of the job in each region.
    async fn running(&self) -> [Vec<String>; 2] {
        let of = async |region: &Region| {
            let all = allocs(&region.caller(), &region.name, "web").await;
            let mut versions = Vec::new();
            for (alloc, _) in all.into_iter().filter(|(alloc, _)| !alloc.is_terminal()) {
                let caller = region.caller();
                if let Ok(ReadValue::Alloc(Some(alloc))) = read(&caller, &region.name, Read::Alloc { id: alloc.id }).await {
                    versions.push(alloc.job.as_ref().and_then(|job| job.meta.get("version")).cloned().unwrap_or_default());
                }
            }
            versions
        };
        [of(&self.west).await, of(&self.east).await]
    }

    async fn stop(self) {
        tokio::join!(self.west.stop(), self.east.stop());
    }
}

fn quick(version: &str) -> model::Job {
    multi("web", version, OnFailure::FailAll, &REGIONS)
}

async fn submit(caller: &Arc<dyn Caller>, region: &str, version: &str) -> Result<model::EvalId, Failure> {
    register(caller, region, &quick(version)).await
}

/// Submits until it is accepted: what stands in the way goes away by itself.
async fn submit_in_the_end(caller: &Arc<dyn Caller>, region: &str, version: &str) {
    let mut last = String::new();
    let end = Instant::now() + PATIENCE;
    while let Err(failure) = submit(caller, region, version).await {
        assert!(Instant::now() < end, "not accepted: {failure}; before: {last}");
        last = failure.text;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The east is cut off while the west runs: the west completes and waits; when the east returns, both end well.
#[tokio::test(flavor = "multi_thread")]
async fn a_region_is_cut_off_in_the_middle() {
    let mut world = World::start(1).await;
    // Its turn in the east does not end.
    world.nodes[1].silence(true);
    submit(&world.west.caller(), "west", "1").await.expect("submitted");
    let west = world.west.caller();
    until("the west to begin", async || matches!(rollout_status(&west, "west", "web").await.as_str(), "running" | "blocked").then_some(()))
        .await;
    world.east.stop_all().await;
    until("the west to be through", async || (rollout_status(&west, "west", "web").await == "blocked").then_some(())).await;
    // Nobody finishes on a guess.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(rollout_status(&west, "west", "web").await, "blocked");
    let refused = submit(&west, "west", "2").await.expect_err("the east cannot be asked");
    assert!(refused.text.contains("east") && refused.text.contains("west: ok"), "{refused}");
    world.east.start_all().await;
    world.nodes[1].silence(false);
    world.await_success().await;
    assert_eq!(world.running().await, [["1"], ["1"]]);
    world.stop().await;
}

/// All servers of both regions, one region after the other, stop and start in the middle.
#[tokio::test(flavor = "multi_thread")]
async fn whole_regions_restart_in_the_middle() {
    let mut world = World::start(3).await;
    submit(&world.east.caller(), "east", "1").await.expect("submitted");
    world.west.restart().await;
    world.east.restart().await;
    world.await_success().await;
    assert_eq!(world.running().await, [["1"], ["1"]]);
    world.stop().await;
}

/// A stop of all regions reaches one that was away, when it comes back; the answer names it.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_reaches_who_was_away() {
    let mut world = World::start(1).await;
    submit(&world.west.caller(), "west", "1").await.expect("submitted");
    world.await_success().await;
    world.east.stop_all().await;
    let west = world.west.caller();
    let stop = || Write::DeregisterJob {
        key: JobKey::new("default", "web"),
        purge: false,
        global: true,
        eval_priority: 0,
        no_shutdown_delay: false,
    };
    for _ in 0..2 {
        // The second time it is the same stop.
        match write(&west, "west", stop()).await.expect("stopped").value {
            WriteValue::Job { unreached, .. } => assert_eq!(unreached, ["east"]),
            other => panic!("{other:?}"),
        }
    }
    until("nothing in the west", async || running(&west, "west", "web").await.is_empty().then_some(())).await;
    world.east.start_all().await;
    world.east.await_leader().await;
    let east = world.east.caller();
    until("stopped in the east", async || match read(&east, "east", Read::Job { key: JobKey::new("default", "web") }).await {
        Ok(ReadValue::Job(Some(job))) if job.stop => Some(()),
        _ => None,
    })
    .await;
    until("nothing in the east", async || running(&east, "east", "web").await.is_empty().then_some(())).await;
    submit_in_the_end(&east, "east", "2").await;
    world.await_success().await;
    world.stop().await;
}

/// A vote for a proposal that its origin does not know, because it lost its memory, is given up: until then the job waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_vote_that_nobody_decides() {
    let world = World::start(1).await;
    let west = world.west.caller();
    let job = quick("lost");
    let header = RolloutHeader {
        id: RolloutId { lamport: 1, origin: "east".into(), uuid: Uuid::new_v4() },
        namespace: "default".into(),
        job_id: "web".into(),
        base: None,
        kind: RolloutKind::Run,
        job_version: 0,
        spec_hash: multiregion::spec_hash(&job),
        regions: multiregion::submission::listed(&job),
        dropped: Vec::new(),
        deferred: Vec::new(),
        strategy: Default::default(),
        author: String::new(),
        submit_time: 0,
    };
    let propose = RolloutRequest::Propose { header: Arc::new(header), job: Some(Arc::new(job)), submission: None };
    let vote = call(&west, "west", Request::Rollout(propose)).await;
    assert!(matches!(&vote, Ok(Reply::Rollout(RolloutReply::Voted))), "{vote:?}");
    let refused = submit(&west, "west", "1").await.expect_err("another one is undecided");
    assert!(refused.code == 409 && refused.text.contains("being decided"), "{refused:?}");
    submit_in_the_end(&west, "west", "1").await;
    world.await_success().await;
    world.stop().await;
}

/// Two submit at once from two regions: the same specification is one rollout for both; of different ones exactly one wins.
#[tokio::test(flavor = "multi_thread")]
async fn two_at_once() {
    let world = World::start(1).await;
    let (west, east) = (world.west.caller(), world.east.caller());
    for round in 0..3 {
        let version = format!("same-{round}");
        let both = tokio::join!(submit(&west, "west", &version), submit(&east, "east", &version));
        assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
        world.await_success().await;
        assert_eq!(world.running().await, [[version.clone()], [version]]);
    }
    let n_rollouts = deployments(&west).await;
    assert_eq!(n_rollouts, 3);
    for round in 0..3 {
        let versions = [format!("west-{round}"), format!("east-{round}")];
        let both = tokio::join!(submit(&west, "west", &versions[0]), submit(&east, "east", &versions[1]));
        let (winner, loser) = match both {
            (Ok(_), Err(failure)) => (&versions[0], failure),
            (Err(failure), Ok(_)) => (&versions[1], failure),
            other => panic!("not exactly one: {other:?}"),
        };
        assert_eq!(loser.code, 409, "{loser:?}");
        world.await_success().await;
        assert_eq!(world.running().await, [[winner.clone()], [winner.clone()]]);
    }
    world.stop().await;
}

async fn deployments(caller: &Arc<dyn Caller>) -> usize {
    match read(caller, "west", Read::JobDeployments { key: JobKey::new("default", "web"), all: true }).await {
        Ok(ReadValue::Deployments(deployments)) => deployments.len(),
        other => panic!("{other:?}"),
    }
}

/// Leaders of either region stop at random moments of several rollouts, also while one is being decided, and come back later.
#[tokio::test(flavor = "multi_thread")]
async fn leaders_stop_at_random() {
    stop_leaders_at_random(4).await;
}

/// The same once more beside it: most of the time goes into waiting for elections.
#[tokio::test(flavor = "multi_thread")]
async fn leaders_stop_at_other_random_moments() {
    stop_leaders_at_random(4).await;
}

async fn stop_leaders_at_random(n_rounds: usize) {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random::<u64>);
    println!("SEED={seed}");
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut world = World::start(3).await;
    for round in 0..n_rounds {
        let version = format!("{round}");
        let from = if rng.random_bool(0.5) { "west" } else { "east" };
        // Any server takes it, but not one that is about to stop.
        let origin = world.region(from == "west");
        let leader = origin.leader().await;
        let caller = origin.members[(leader + 1) % 3].caller();
        let submitting = {
            let (caller, version) = (Arc::clone(&caller), version.clone());
            tokio::spawn(async move { submit(&caller, from, &version).await })
        };
        let hit_west = rng.random_bool(0.5);
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..300))).await;
        let hit = world.region(hit_west);
        let leader = hit.leader().await;
        let mut victim = hit.members.swap_remove(leader);
        victim.stop().await;
        let began = Instant::now();
        if let Err(failure) = submitting.await.expect("not panicked") {
            println!("round {round}: {failure}");
            submit_in_the_end(&world.region(from == "west").caller(), from, &version).await;
        }
        assert!(began.elapsed() < PATIENCE, "answered late");
        if rng.random_bool(0.5) {
            world.await_success().await;
        }
        victim.start().await;
        world.region(hit_west).members.push(victim);
        world.await_success().await;
        assert_eq!(world.running().await, [[version.clone()], [version]]);
    }
    world.stop().await;
}
