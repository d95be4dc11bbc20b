//! Calls: who answers them, how long they wait, and what is said to wrong ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::*;
use model::{AllocId, AllocUpdate, JobKey, MultiregionRegion, Node, NodeId, OnFailure, RolloutHeader, RolloutId, RolloutKind, Uuid};
use rpc::caller::Caller;
use rpc::message::{
    AgentReply, AgentRequest, Call, Failure, Hops, NodeCall, NodeRequest, NodeTarget, Read, ReadOptions, ReadReply, ReadValue, Reply,
    Request, RolloutReply, RolloutRequest,
};

fn key(job: &str) -> JobKey {
    JobKey::new("default", job)
}

async fn read_with(caller: &Arc<dyn Caller>, options: ReadOptions, what: Read) -> Result<ReadReply, Failure> {
    match call(caller, "west", Request::Read(options, what)).await? {
        Reply::Read(reply) => Ok(reply),
        other => panic!("not a read: {other:?}"),
    }
}

/// Position of a server that runs and does not lead.
async fn follower(region: &Region) -> usize {
    let leader = region.leader().await;
    (0..region.members.len()).find(|number| *number != leader && region.members[*number].server.is_some()).expect("a follower")
}

/// A read that waits through a follower hears of the change although the leader it waits at goes away.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_reads_outlive_their_leader() {
    let mut region = Region::start("west", 3).await;
    region.await_voters(3).await;
    let (leader, follower) = (region.leader().await, follower(&region).await);
    let caller = region.members[follower].caller();
    let at = read_with(&caller, ReadOptions::default(), Read::Job { key: key("web") }).await.expect("read").index;
    assert!(at >= 1, "{at}");
    let min_index = at.max(100);
    let options = move |stale| ReadOptions { stale, min_index, wait: 60_000_000_000 };
    let wait = |stale| {
        let caller = Arc::clone(&caller);
        tokio::spawn(async move { read_with(&caller, options(stale), Read::Jobs { namespace: None, prefix: String::new() }).await })
    };
    let (consistent, stale) = (wait(false), wait(true));
    // Both wait, at different servers.
    tokio::time::sleep(Duration::from_millis(100)).await;
    region.members[leader].stop().await;
    assert!(!consistent.is_finished() && !stale.is_finished());
    let began = Instant::now();
    let mut number = 0;
    while !consistent.is_finished() || !stale.is_finished() {
        number += 1;
        let _ = register(&caller, "west", &job(&format!("job-{number}"), 0)).await;
        assert!(began.elapsed() < Duration::from_secs(30), "the waiting reads were not woken");
    }
    for waited in [consistent, stale] {
        let reply = waited.await.expect("not panicked").expect("answered");
        assert!(matches!(&reply.value, ReadValue::Jobs(jobs) if !jobs.is_empty()) && reply.index > 100, "{reply:?}");
    }
    region.stop().await;
}

/// Without a majority: writes and consistent reads say so after some seconds, stale reads are answered at once and say how old they are.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_majority() {
    let mut region = Region::start("west", 3).await;
    register(&region.caller(), "west", &job("web", 0)).await.expect("registered");
    region.await_voters(3).await;
    let last = follower(&region).await;
    let caller = region.members[last].caller();
    until("the job everywhere", async || knows_job(&caller, "west", "web").await.then_some(())).await;
    for number in (0..3).filter(|number| *number != last) {
        region.members[number].stop().await;
    }
    let began = Instant::now();
    let failure = register(&caller, "west", &job("other", 0)).await.expect_err("no leader");
    let took = began.elapsed();
    assert!(failure.text == "No cluster leader" && failure.code == 500, "{failure:?}");
    assert!(took > Duration::from_secs(4) && took < Duration::from_secs(12), "{took:?}");
    let began = Instant::now();
    let stale = ReadOptions { stale: true, ..Default::default() };
    let reply = read_with(&caller, stale.clone(), Read::Job { key: key("web") }).await.expect("a stale read");
    assert!(matches!(&reply.value, ReadValue::Job(Some(_))), "{reply:?}");
    assert!(!reply.known_leader && reply.last_contact >= 4_000 && reply.last_contact < 60_000, "{reply:?}");
    let leader = read_with(&caller, stale, Read::Leader).await.expect("a stale read");
    assert!(matches!(&leader.value, ReadValue::Text(address) if address.is_empty()), "{leader:?}");
    assert!(began.elapsed() < Duration::from_secs(3));
    match call(&caller, "west", Request::Agent(AgentRequest::Health)).await {
        Ok(Reply::Agent(AgentReply::Health { ok: false, message })) => assert_eq!(message, "No cluster leader"),
        other => panic!("{other:?}"),
    }
    // One more is enough: it goes on where it stopped.
    let other = (0..3).find(|number| *number != last).expect("another");
    region.members[other].start().await;
    region.await_leader().await;
    register(&region.caller(), "west", &job("other", 0)).await.expect("registered");
    region.stop().await;
}

/// A server with waiting reads stops soon, tells them so, and answers nothing afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_what_waits() {
    let mut region = Region::start("west", 1).await;
    let caller = region.caller();
    let wait = |stale| {
        let caller = Arc::clone(&caller);
        let options = ReadOptions { stale, min_index: 1_000, wait: 60_000_000_000 };
        tokio::spawn(async move { read_with(&caller, options, Read::Job { key: key("web") }).await })
    };
    let waiting = [wait(false), wait(true)];
    tokio::time::sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    region.members[0].stop().await;
    let took = began.elapsed();
    assert!(took < Duration::from_millis(2_500), "{took:?}");
    for waited in waiting {
        waited.await.expect("not panicked").expect_err("ended");
    }
    let failure = register(&caller, "west", &job("web", 0)).await.expect_err("stopped");
    assert!(failure.code == 503 && failure.text.contains("shutting down"), "{failure:?}");
}

/// What cannot be, each with words of the answer; the server goes on.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests() {
    let region = Region::start("west", 1).await;
    let caller = region.caller();
    let node = FakeNode::start(region.switchboard(), "west", &[]);
    await_nodes(&region, 1).await;
    register(&caller, "west", &job("web", 1)).await.expect("registered");
    until("running", async || (running(&caller, "west", "web").await.len() == 1).then_some(())).await;
    let alloc = allocs(&caller, "west", "web").await[0].0.id;
    let (id, secret) = (NodeId(Uuid::new_v4()), Uuid::new_v4());
    let own = |edit: fn(&mut Node)| {
        let mut node =
            Node { id, secret_id: secret, name: "n".into(), datacenter: "dc".into(), node_pool: "default".into(), ..Default::default() };
        edit(&mut node);
        Request::Node(NodeRequest::Register(Arc::new(node)))
    };
    let ask = |request: Request| {
        let caller = &caller;
        async move { call(caller, "west", request).await }
    };
    ask(own(|_| ())).await.expect("registered");
    let mut stolen = Node { id: node.id, secret_id: secret, name: "thief".into(), ..Default::default() };
    stolen.node_pool = "default".into();
    let rows: Vec<(Request, u16, &str)> = vec![
        (own(|node| node.id = NodeId(Uuid::nil())), 400, "an id and a secret"),
        (own(|node| node.node_pool = "all".into()), 400, "\"all\""),
        (own(|node| node.node_pool = "a.b".into()), 400, "invalid name \"a.b\""),
        (Request::Node(NodeRequest::Register(Arc::new(stolen))), 500, "secret ID does not match"),
        (Request::Node(NodeRequest::Heartbeat { node_id: id, secret: Uuid::new_v4() }), 403, "does not match"),
        (
            Request::Node(NodeRequest::PullAllocs { node_id: NodeId(Uuid::new_v4()), secret, min_index: 0, wait: i64::MIN }),
            404,
            "node not found",
        ),
        (
            Request::Node(NodeRequest::PullAllocs { node_id: id, secret: Uuid::nil(), min_index: u64::MAX, wait: i64::MAX }),
            403,
            "does not match",
        ),
        (
            Request::Node(NodeRequest::UpdateAllocs {
                node_id: id,
                secret,
                updates: vec![AllocUpdate { id: alloc, ..Default::default() }],
            }),
            403,
            "does not belong",
        ),
        (Request::Node(NodeRequest::EmitEvents { node_id: NodeId(Uuid::new_v4()), secret, events: Vec::new() }), 404, "node not found"),
        (Request::OnNode(NodeTarget::Alloc(AllocId(Uuid::new_v4())), NodeCall::HostStats), 404, "Unknown allocation"),
        (Request::OnNode(NodeTarget::Node(NodeId(Uuid::new_v4())), NodeCall::HostStats), 404, "Unknown node"),
        (Request::OnNode(NodeTarget::Node(id), NodeCall::HostStats), 500, "No path to node"),
        (Request::Rollout(RolloutRequest::Stop { header: Arc::new(header(1)), purge: true }), 400, "does not stop"),
    ];
    for (request, code, words) in rows {
        let what = format!("{request:?}");
        let failure = ask(request).await.expect_err(&what);
        assert!(failure.code == code && failure.text.contains(words), "{what}: {failure:?}");
    }

    // Proposals that contradict themselves are rejected, and nothing is staged.
    let job = multi("multi", "1", OnFailure::FailAll, &[("west", 1), ("east", 1)]);
    let good = RolloutHeader { spec_hash: multiregion::spec_hash(&job), job_id: "multi".into(), ..header(1) };
    let rows: Vec<(RolloutHeader, Option<model::Job>, &str)> = vec![
        (good.clone(), None, "does not fit"),
        (RolloutHeader { kind: RolloutKind::Stop, ..good.clone() }, Some(job.clone()), "does not fit"),
        (RolloutHeader { job_id: "web".into(), ..good.clone() }, Some(job.clone()), "does not fit"),
        (RolloutHeader { spec_hash: "0".into(), ..good.clone() }, Some(job.clone()), "does not fit"),
        (RolloutHeader { regions: vec!["west".into()], ..good.clone() }, Some(job.clone()), "does not fit"),
        (RolloutHeader { id: RolloutId { origin: "west".into(), ..good.id.clone() }, ..good.clone() }, Some(job.clone()), "this region"),
        (RolloutHeader { id: RolloutId { origin: "mars".into(), ..good.id.clone() }, ..good.clone() }, Some(job.clone()), "takes no part"),
        (RolloutHeader { id: RolloutId { lamport: u64::MAX, ..good.id.clone() }, ..good.clone() }, Some(job.clone()), "impossible"),
        (RolloutHeader { job_version: u64::MAX, ..good.clone() }, Some(job.clone()), "impossible"),
    ];
    for (header, job, words) in rows {
        let propose = RolloutRequest::Propose { header: Arc::new(header), job: job.map(Arc::new), submission: None };
        match ask(Request::Rollout(propose)).await {
            Ok(Reply::Rollout(RolloutReply::Rejected { reason })) => assert!(reason.contains(words), "{reason}"),
            other => panic!("{words}: {other:?}"),
        }
    }
    let mut twice = job.clone();
    if let Some(multiregion) = &mut twice.multiregion {
        multiregion.regions.push(MultiregionRegion { name: "west".into(), ..Default::default() });
    }
    register(&caller, "west", &twice).await.expect_err("east is not there");
    assert!(matches!(read(&caller, "west", Read::Rollout { key: key("multi") }).await, Ok(ReadValue::Rollout(None))));

    // A call that was passed on goes no further.
    let mut astray =
        Call { region: "mars".into(), hops: Hops { region: true, ..Default::default() }, request: Request::Agent(AgentRequest::Regions) };
    let failure = caller.call(astray.clone()).await.expect_err("astray");
    assert!(failure.text.contains("out of date"), "{failure:?}");
    astray.region = "west".into();
    astray.hops = Hops { region: true, leader: true, node: true };
    caller.call(astray).await.expect("answered where it is");
    assert_eq!(running(&caller, "west", "web").await.len(), 1, "the server goes on");
    region.stop().await;
}

fn header(lamport: u64) -> RolloutHeader {
    RolloutHeader {
        id: RolloutId { lamport, origin: "east".into(), uuid: Uuid::from_u128(1) },
        namespace: "default".into(),
        job_id: "web".into(),
        base: None,
        kind: RolloutKind::Run,
        job_version: 0,
        spec_hash: String::new(),
        regions: vec!["west".into(), "east".into()],
        dropped: Vec::new(),
        deferred: Vec::new(),
        strategy: Default::default(),
        author: String::new(),
        submit_time: 0,
    }
}
