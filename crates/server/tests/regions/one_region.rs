//! One region: jobs are placed, writes survive leaders and restarts, nodes come and go.

use std::sync::Arc;

use crate::common::*;
use model::{EvalStatus, EvalTrigger, Job, JobKey, NodeStatus};
use rpc::message::{NodeRequest, Read, ReadValue, Request, Write, WriteValue};

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

/// What three servers say of themselves: one leads, all know each other, and what is written shows.
#[tokio::test(flavor = "multi_thread")]
async fn what_servers_say_of_themselves() {
    let region = Region::start("west", 3).await;
    let leader = region.leader().await;
    let stats = |at: usize| region.members[at].server.as_ref().expect("started").stats()();
    until("three voters everywhere", async || (0..3).all(|at| stats(at)["raft"]["num_peers"] == "2").then_some(())).await;
    register(&region.caller(), "west", &job("first", 1)).await.expect("registered");
    let (address, index) = (stats(leader)["nomad"]["leader_addr"].clone(), stats(leader)["raft"]["applied_index"].clone());
    assert_ne!(address, "");
    for at in 0..3 {
        let of_leader = at == leader;
        until("it has applied the write", async || {
            (stats(at)["raft"]["applied_index"].parse::<u64>().ok() >= index.parse().ok()).then_some(())
        })
        .await;
        let stats = stats(at);
        let shown = |section: &str, name: &str| stats[section][name].as_str();
        assert_eq!((shown("nomad", "leader"), shown("nomad", "leader_addr")), (if of_leader { "true" } else { "false" }, address.as_str()));
        assert_eq!((shown("raft", "state"), shown("serf", "members")), (if of_leader { "Leader" } else { "Follower" }, "3"));
        assert_eq!((shown("serf", "failed"), shown("nomad", "known_regions")), ("0", "1"));
        assert_eq!(shown("raft", "latest_configuration").matches("{Suffrage:Voter ID:").count(), 3, "{stats:?}");
        assert_eq!(shown("raft", "last_contact") == "0", of_leader, "{stats:?}");
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

/// An allocation is stopped and another one placed: anywhere, or as after a failure, away from its node.
#[tokio::test(flavor = "multi_thread")]
async fn stopped_allocations_are_replaced() {
    let region = Region::start("west", 1).await;
    let caller = region.caller();
    let nodes = [FakeNode::start(region.switchboard(), "west", &[]), FakeNode::start(region.switchboard(), "west", &[])];
    await_nodes(&region, nodes.len()).await;
    register(&caller, "west", &job("web", 1)).await.expect("registered");
    for reschedule in [false, true] {
        until("running", async || (running(&caller, "west", "web").await.len() == 1).then_some(())).await;
        let all = allocs(&caller, "west", "web").await;
        let (before, _) = all.iter().find(|(alloc, _)| !alloc.is_terminal()).expect("one runs").clone();
        let stop = Write::StopAlloc { id: before.id, no_shutdown_delay: false, reschedule };
        write(&caller, "west", stop).await.expect("stopped");
        let after = until("another one", async || {
            let all = allocs(&caller, "west", "web").await;
            let after = all.into_iter().find(|(alloc, _)| alloc.previous_allocation == before.id && !alloc.is_terminal());
            after.map(|(alloc, _)| alloc)
        })
        .await;
        let attempts = after.reschedule_tracker.iter().flat_map(|tracker| &tracker.events).count();
        assert_eq!(attempts, usize::from(reschedule));
        assert!(!reschedule || after.node_id != before.node_id, "it is placed on the other node");
    }
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
    for part in ["1 error occurred", "gpu", "default"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    // What nodes that are yet to come may have is only pointed out.
    let found = read(&caller, "west", Read::CheckJob { job: Arc::new(wrong) }).await.expect("an answer");
    let ReadValue::Findings(found) = found else { panic!("{found:?}") };
    assert_eq!((found.errors.len(), found.warnings.len()), (1, 2), "{found:?}");
    let text = found.warning_text();
    for part in ["2 warnings:", "mars-1", "west-1", "docker", "raw_exec"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    let unknown = read(&caller, "mars", Read::Leader).await.expect_err("refused").text;
    assert!(unknown.contains("No path to region") && unknown.contains("west"), "{unknown}");
    assert!(matches!(read(&caller, "west", Read::Job { key: JobKey::new("default", "web") }).await, Ok(ReadValue::Job(None))));
    region.stop().await;
}

/// A node that registers is not ready before its first heartbeat: until then nothing is placed on it.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_node_becomes_ready() {
    let region = Region::start("west", 1).await;
    let caller = region.caller();
    let node = testkit::node("n1").build();
    let ask = async |request| call(&caller, "west", Request::Node(request)).await.expect("an answer");
    let status = async || match read(&caller, "west", Read::Node { id: node.id }).await {
        Ok(ReadValue::Node(Some(node))) => (node.status, node.events.iter().map(|event| event.message.clone()).collect::<Vec<_>>()),
        other => panic!("not a node: {other:?}"),
    };
    for _ in 0..2 {
        ask(NodeRequest::Register(Arc::new(node.clone()))).await;
        assert_eq!(status().await, (NodeStatus::Initializing, vec!["Node registered".to_owned()]));
    }
    let mut every = job("every", 1);
    every.kind = model::JobType::System;
    every.datacenters = vec!["*".to_owned()];
    register(&caller, "west", &every).await.expect("registered");
    until("the evaluation, and one that waits", async || match read(&caller, "west", Read::JobEvals { key: every.key() }).await {
        Ok(ReadValue::Evals(evals)) if evals.iter().any(|eval| eval.status == EvalStatus::Blocked) => Some(()),
        _ => None,
    })
    .await;
    assert_eq!(allocs(&caller, "west", "every").await.len(), 0, "nothing is placed on it yet");
    ask(NodeRequest::Heartbeat { node_id: node.id, secret: node.secret_id }).await;
    assert_eq!(status().await, (NodeStatus::Ready, vec!["Node registered".to_owned()]));
    until("an allocation", async || (allocs(&caller, "west", "every").await.len() == 1).then_some(())).await;
    ask(NodeRequest::Register(Arc::new(node.clone()))).await;
    assert_eq!(status().await.0, NodeStatus::Ready, "it stays so when it registers again");
    region.stop().await;
}

/// What the servers are configured with counts for jobs: priorities, versions that are kept, and the text they came from.
#[tokio::test(flavor = "multi_thread")]
async fn bounds_of_jobs() {
    let jobs =
        server::JobBounds { priority_default: 30, priority_max: 200, tracked_versions: 2, source_bytes_max: 5, ..Default::default() };
    let region = Region::start_with("west", Setup { jobs, ..Setup::new(1) }).await;
    let caller = region.caller();
    let key = JobKey::new("default", "web");
    let submit = async |count, priority, source: &str, eval_priority| {
        let submission = Some(model::JobSubmission { source: source.to_owned(), ..Default::default() });
        let job = Arc::new(Job { priority, ..job("web", count) });
        let register = rpc::message::RegisterJob {
            job,
            submission,
            enforce_index: None,
            preserve_counts: false,
            preserve_resources: false,
            eval_priority,
        };
        let answer = write(&caller, "west", Write::RegisterJob(Box::new(register))).await;
        match answer.map_err(|failure| failure.text)?.value {
            WriteValue::Job { warnings, .. } => Ok(warnings),
            other => panic!("not a job: {other:?}"),
        }
    };
    // Rows: a count, a priority, a source, the priority of the evaluation; what is warned of, or why it is refused.
    let too_high = "1 error occurred:\n\t* Job priority must be between 1 and 200, not 201 (server.job_max_priority)";
    let too_urgent = "the priority of an evaluation must be between 1 and 200, not 201 (server.job_max_priority)";
    let too_long = "1 warning:\n\n* the source of the job has 6 bytes and is not kept: server.job_max_source_size allows 5";
    for (count, priority, source, eval_priority, expected) in [
        (1, 0, "short", 0, Ok("")),
        (2, 200, "longer", 150, Ok(too_long)),
        (3, 201, "", 0, Err(too_high)),
        (3, 0, "", 201, Err(too_urgent)),
        (4, 200, "", 0, Ok("")),
    ] {
        let answer: Result<String, String> = submit(count, priority, source, eval_priority).await;
        assert_eq!(answer.as_deref().map_err(|text| text.trim()), expected, "{count}");
    }
    let ReadValue::JobVersions(versions) = read(&caller, "west", Read::JobVersions { key: key.clone() }).await.expect("versions") else {
        panic!("not versions")
    };
    assert_eq!(versions.iter().map(|job| (job.version, job.priority)).collect::<Vec<_>>(), [(2, 200), (1, 200)], "two are kept");
    let source = read(&caller, "west", Read::JobSubmission { key, version: 1 }).await.expect("an answer");
    assert!(matches!(source, ReadValue::JobSubmission(None)), "{source:?}");
    let mut other = job("other", 1);
    other.priority = 0;
    register(&caller, "west", &other).await.expect("registered");
    let known = read(&caller, "west", Read::Job { key: JobKey::new("default", "other") }).await.expect("a job");
    assert!(matches!(&known, ReadValue::Job(Some(job)) if job.priority == 30), "{known:?}");
    region.stop().await;
}

/// Stopping a job that is not there gives an evaluation, which ends; what is over can no longer be changed, in the words that clients know.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_or_over() {
    let region = Region::start("west", 1).await;
    let caller = region.caller();
    let _node = FakeNode::start(region.switchboard(), "west", &[]);
    await_nodes(&region, 1).await;
    let stop = Write::DeregisterJob {
        key: JobKey::new("default", "nope"),
        purge: true,
        global: true,
        eval_priority: 70,
        no_shutdown_delay: false,
    };
    let answer = write(&caller, "west", stop).await.expect("stopped").value;
    let WriteValue::Job { eval_id: id, .. } = answer else { panic!("{answer:?}") };
    let eval = until("the evaluation to end", async || match read(&caller, "west", Read::Eval { id }).await {
        Ok(ReadValue::Eval(Some(eval))) if eval.status != EvalStatus::Pending => Some(eval),
        _ => None,
    })
    .await;
    assert_eq!((eval.status, eval.triggered_by, eval.priority), (EvalStatus::Complete, EvalTrigger::JobDeregister, 70));
    register(&caller, "west", &job("web", 1)).await.expect("registered");
    let over = until("a deployment that ended", async || {
        match read(&caller, "west", Read::JobLatestDeployment { key: JobKey::new("default", "web") }).await {
            Ok(ReadValue::Deployment(Some(deployment))) if !deployment.is_active() => Some(deployment.id),
            _ => None,
        }
    })
    .await;
    for (act, verb) in [
        (Write::FailDeployment { id: over }, "fail"),
        (Write::PauseDeployment { id: over, pause: true }, "pause"),
        (Write::PauseDeployment { id: over, pause: false }, "resume"),
        (Write::PromoteDeployment { id: over, groups: Vec::new() }, "promote"),
    ] {
        let text = write(&caller, "west", act).await.expect_err("refused").text;
        assert_eq!(text, format!("can't {verb} terminal deployment: {over} is successful"));
    }
    region.stop().await;
}

/// A group is scaled with a reason that is kept; a note without a count is kept, too, and changes nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn scaling() {
    let region = Region::start("west", 1).await;
    let caller = region.caller();
    let _node = FakeNode::start(region.switchboard(), "west", &[]);
    await_nodes(&region, 1).await;
    register(&caller, "west", &job("web", 1)).await.expect("registered");
    let key = JobKey::new("default", "web");
    let scale = |group: &str, count: Option<i64>, message: &str| Write::ScaleJob {
        key: key.clone(),
        group: group.to_owned(),
        count,
        message: message.to_owned(),
        error: count.is_none(),
        meta: String::new(),
        enforce_index: None,
    };
    until("a deployment that ended", async || match read(&caller, "west", Read::JobLatestDeployment { key: key.clone() }).await {
        Ok(ReadValue::Deployment(Some(deployment))) if !deployment.is_active() => Some(()),
        _ => None,
    })
    .await;
    let group = job("web", 1).task_groups[0].name.clone();
    let WriteValue::Job { eval_id, .. } = write(&caller, "west", scale(&group, Some(3), "busy")).await.expect("scaled").value else {
        panic!("no evaluation")
    };
    until("three running", async || (running(&caller, "west", "web").await.len() == 3).then_some(())).await;
    let WriteValue::Job { eval_id: none, .. } = write(&caller, "west", scale(&group, None, "stuck")).await.expect("noted").value else {
        panic!("no answer")
    };
    assert!(none.is_nil() && !eval_id.is_nil());
    let unknown = write(&caller, "west", scale("nope", None, "")).await.expect_err("refused");
    assert_eq!((unknown.code, unknown.text.contains(&group)), (400, true), "{}", unknown.text);
    let Ok(ReadValue::JobScaling(events)) = read(&caller, "west", Read::JobScaling { key: key.clone() }).await else { panic!("no events") };
    let got: Vec<_> = events[&group].iter().map(|event| (event.message.as_str(), event.count, event.previous_count, event.error)).collect();
    assert_eq!(got, [("stuck", None, 3, true), ("busy", Some(3), 1, false)]);
    assert_eq!((events[&group][0].eval_id, events[&group][1].eval_id), (none, eval_id));
    region.stop().await;
}
