//! The raft group follows the region's servers: it is founded once, takes in and lets go, and survives what happens to disks and addresses.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::common::*;
use rpc::message::{AgentReply, AgentRequest, Reply, Request};
use server::LogLimits;

/// Five servers that expect three: one cluster, with all of them in it in the end.
#[tokio::test(flavor = "multi_thread")]
async fn more_servers_than_expected_are_one_group() {
    let region = Region::start_with("west", Setup { bootstrap_expect: 3, ..Setup::new(5) }).await;
    let voters = region.await_voters(5).await;
    assert_eq!(voters.iter().collect::<BTreeSet<_>>().len(), 5, "{voters:?}");
    assert_eq!(clusters(&region).await.len(), 1);
    region.stop().await;
}

/// Servers that meet one after the other, so that several of them see enough to found, and not the same: still one cluster.
#[tokio::test(flavor = "multi_thread")]
async fn founders_with_different_views_are_one_group() {
    let mut region = Region::apart("west");
    let setup = Setup { bootstrap_expect: 3, ..Setup::new(0) };
    // A chain: nobody is told of more than one other.
    for number in 0..5 {
        let seeds: Vec<String> = region.members.last().map(Member::gossip_address).into_iter().collect();
        let member = region.add(&setup);
        member.config.retry_join = seeds;
        member.start().await;
        assert_eq!(region.members.len(), number + 1);
    }
    region.await_leader().await;
    region.await_voters(5).await;
    assert_eq!(clusters(&region).await.len(), 1);
    region.stop().await;
}

/// Servers that expect different numbers found the region only with those of one mind, and the rest is taken in.
#[tokio::test(flavor = "multi_thread")]
async fn those_who_expect_the_same_number_found_the_region() {
    let mut region = Region::apart("west");
    for bootstrap_expect in [3, 5, 3, 3] {
        region.add(&Setup { bootstrap_expect, ..Setup::new(0) }).start().await;
    }
    region.await_voters(4).await;
    assert_eq!(clusters(&region).await.len(), 1);
    region.stop().await;
}

/// Two lone servers with one region name meet at any moment of their founding: they are one cluster, or the join says in words that they
/// are two. It never says that it worked for servers that then keep each other out.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_joins_is_of_one_cluster_or_refused_in_words() {
    let meet = |round: u64| async move {
        let (mut one, mut two) = (Region::apart("west"), Region::apart("west"));
        one.add(&Setup::new(1)).start().await;
        two.add(&Setup::new(1)).start().await;
        // Not a wait for anything: it spreads the moments.
        tokio::time::sleep(Duration::from_millis(round * 7)).await;
        let caller = two.caller();
        let join = Request::Agent(AgentRequest::Join { addresses: vec![one.members[0].gossip_address()] });
        let (count, errors) = match call(&caller, "west", join).await {
            Ok(Reply::Agent(AgentReply::Joined { count, errors })) => (count, errors.join("; ")),
            other => panic!("{other:?}"),
        };
        if count == 1 {
            one.await_voters(2).await;
            two.await_voters(2).await;
            assert_eq!(clusters(&one).await.len(), 1, "round {round}");
        } else {
            assert!(errors.contains("belongs to another cluster"), "round {round}: {errors}");
            one.await_voters(1).await;
            two.await_voters(1).await;
            assert_ne!(clusters(&one).await, clusters(&two).await, "round {round}");
        }
        one.stop().await;
        two.stop().await;
    };
    futures::future::join_all((0..20).map(meet)).await;
}

/// The uuids of the clusters to which the region's servers say they belong.
async fn clusters(region: &Region) -> BTreeSet<String> {
    let caller = region.caller();
    until("every server says its cluster", async || {
        let Ok(Reply::Agent(AgentReply::Members(members))) = call(&caller, &region.name, Request::Agent(AgentRequest::Members)).await
        else {
            return None;
        };
        members.members.iter().map(|member| member.tags.get("cluster").cloned()).collect::<Option<BTreeSet<String>>>()
    })
    .await
}

/// A server that was away while the log was cut, and an empty one that comes new, get the state by snapshot; the new one gets a vote.
#[tokio::test(flavor = "multi_thread")]
async fn snapshots_bring_servers_up_to_date() {
    let setup = Setup { log: LogLimits { n_entries_max: 40, n_entries_kept: 5, ..Default::default() }, ..Setup::new(3) };
    let mut region = Region::start_with("west", setup).await;
    region.await_voters(3).await;
    let away = (region.leader().await + 1) % 3;
    region.members[away].stop().await;
    let caller = region.caller();
    let leader = region.leader().await;
    let snapshots = |member: &Member| -> BTreeSet<String> {
        let directory = member.config.data_dir.join("raft/snapshots");
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| !name.ends_with("tmp")).collect()
    };
    // The log is cut some time after a snapshot: when the server that is away was tried again in vain. A few snapshots later it surely is.
    for round in 0..4 {
        let before = snapshots(&region.members[leader]);
        for number in 0..50 {
            register(&caller, "west", &job(&format!("job-{round}-{number}"), 0)).await.expect("registered");
        }
        until("another snapshot", async || (!snapshots(&region.members[leader]).is_subset(&before)).then_some(())).await;
    }
    assert!(snapshots(&region.members[away]).is_empty(), "the one that was away has made no snapshot itself");
    region.members[away].start().await;
    region.add(&Setup { bootstrap_expect: 3, ..Setup::new(0) }).start().await;
    for number in [away, 3] {
        let member = &region.members[number];
        let caller = member.caller();
        until("the last job", async || knows_job(&caller, "west", "job-3-49").await.then_some(())).await;
        assert!(knows_job(&caller, "west", "job-0-0").await);
        assert!(!snapshots(member).is_empty(), "server {number} has got a snapshot");
    }
    region.await_voters(4).await;
    region.stop().await;
}

/// Servers that leave are let go, one after the other, the leader too, and the rest goes on working down to a single one.
#[tokio::test(flavor = "multi_thread")]
async fn leaving_down_to_one() {
    let mut region = Region::start("west", 3).await;
    region.await_voters(3).await;
    let leader = region.leader().await;
    region.members[leader].leave().await;
    region.await_leader().await;
    region.await_voters(2).await;
    register(&region.caller(), "west", &job("two", 0)).await.expect("written by two");
    let follower = {
        let leader = region.leader().await;
        (0..3).find(|number| *number != leader && region.members[*number].server.is_some()).expect("a follower")
    };
    region.members[follower].leave().await;
    region.await_leader().await;
    region.await_voters(1).await;
    register(&region.caller(), "west", &job("one", 0)).await.expect("written by one");
    region.stop().await;
}

/// A failed server stays a member until a person says that it is gone; one whose disk was lost is replaced by itself.
#[tokio::test(flavor = "multi_thread")]
async fn failed_and_replaced_servers() {
    let mut region = Region::start("west", 3).await;
    region.await_voters(3).await;
    let leader = region.leader().await;
    let (failed, replaced) = ((leader + 1) % 3, (leader + 2) % 3);

    let before: BTreeSet<String> = region.await_voters(3).await.into_iter().collect();
    region.members[replaced].stop().await;
    region.members[replaced].lose_disk();
    region.members[replaced].move_away();
    region.members[replaced].config.retry_join = vec![region.members[leader].gossip_address()];
    region.members[replaced].start().await;
    let new = region.members[replaced].config.rpc_bind.to_string();
    let caller = region.members[leader].caller();
    until("the new one in the place of the old one", async || {
        let voters: BTreeSet<String> = region.await_voters(3).await.into_iter().collect();
        (voters.contains(&new) && voters != before).then_some(())
    })
    .await;

    region.members[failed].stop().await;
    let name = format!("west-{}.west", failed + 1);
    until("failed", async || (member_status(&caller, "west", &name).await == "failed").then_some(())).await;
    region.await_voters(3).await;
    let leave = Request::Agent(AgentRequest::ForceLeave { name: name.clone(), prune: false });
    call(&caller, "west", leave).await.expect("told");
    region.await_voters(2).await;
    assert_eq!(member_status(&caller, "west", &name).await, "left");
    register(&caller, "west", &job("two", 0)).await.expect("written by two");

    // It was not gone after all.
    region.members[failed].start().await;
    region.await_voters(3).await;
    region.stop().await;
}

/// All servers come back at other addresses, and two of three at once restart: the region goes on.
#[tokio::test(flavor = "multi_thread")]
async fn restarts_at_other_addresses() {
    let mut region = Region::start("west", 3).await;
    register(&region.caller(), "west", &job("before", 0)).await.expect("registered");
    region.await_voters(3).await;
    region.stop_all().await;
    region.members.iter_mut().for_each(Member::move_away);
    region.members[0].start().await;
    let seed = region.members[0].gossip_address();
    for member in &mut region.members[1..] {
        member.config.retry_join = vec![seed.clone()];
        member.start().await;
    }
    region.await_leader().await;
    let caller = region.caller();
    until("what was written before", async || knows_job(&caller, "west", "before").await.then_some(())).await;
    let addresses: BTreeSet<String> = region.members.iter().map(|member| member.config.rpc_bind.to_string()).collect();
    until("the new addresses", async || (addresses == region.await_voters(3).await.into_iter().collect()).then_some(())).await;

    let leader = region.leader().await;
    for number in [(leader + 1) % 3, leader] {
        region.members[number].stop().await;
    }
    region.start_all().await;
    region.await_leader().await;
    let caller = region.caller();
    until("a write", async || register(&caller, "west", &job("after", 0)).await.ok()).await;
    region.stop().await;
}

/// A server of another region with the same pool is never taken in, whatever it expects.
#[tokio::test(flavor = "multi_thread")]
async fn other_regions_stay_out() {
    let (west, east) = (Region::start("west", 1).await, Region::start("east", 1).await);
    east.join(&west).await;
    register(&west.caller(), "west", &job("web", 0)).await.expect("registered");
    west.await_voters(1).await;
    east.await_voters(1).await;
    assert!(!knows_job(&east.caller(), "east", "web").await);
    west.stop().await;
    east.stop().await;
}
