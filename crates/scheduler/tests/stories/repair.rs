//! Lost nodes, failed tasks, drains: what ran comes back.

use model::{ClientStatus, DesiredTransition, EvalStatus, EvalTrigger, NodeStatus, ReschedulePolicy, Time};
use testkit::{SECOND, job};

use crate::region::{Region, updates};
use crate::script::check;

/// The allocations of a node that is down are lost and replaced elsewhere at once, under their names.
#[test]
fn lost_node() {
    let mut region = Region::new(&["n1", "n2"]);
    region.roll_out(job("web").count(4).build());
    let lost: Vec<_> = region.world.live("web").into_iter().filter(|alloc| alloc.node_name == "n1").collect();
    assert!(!lost.is_empty());
    region.world.set_node_status("n1", NodeStatus::Down);
    let decision = region.evaluate("web");
    assert_eq!(updates(&decision, "app").place, lost.len() as u64);
    assert_eq!(region.indexes("web", 0), [0, 1, 2, 3]);
    for alloc in lost {
        let alloc = region.world.store.alloc(alloc.id).unwrap();
        assert_eq!((alloc.client_status, alloc.desired_description.as_str()), (ClientStatus::Lost, "alloc is lost since its node is down"));
        let next = region.world.store.alloc(alloc.next_allocation).unwrap();
        assert_eq!((&next.name, next.node_name.as_str()), (&alloc.name, "n2"));
    }
    assert_eq!(region.world.store.job_deployments(&region.world.key("web")).count(), 1, "repair makes no deployment");
    region.assert_settled("web");
}

/// Without room the lost ones wait, and come when a node comes, after those they replace.
#[test]
fn lost_without_room() {
    let mut region = Region::new(&["n1"]);
    region.roll_out(job("web").count(2).build());
    let lost = region.live_ids("web");
    region.world.set_node_status("n1", NodeStatus::Down);
    let decision = region.evaluate("web");
    assert_eq!((region.live("web"), decision.queued["app"]), (vec![], 2));
    region.assert_settled("web");
    assert_eq!(region.blocked("web").len(), 1);
    region.world.add_node(testkit::node("n2").build());
    let blocked = region.blocked("web")[0].clone();
    region.run(&blocked);
    assert_eq!(region.indexes("web", 0), [0, 1]);
    assert!(region.world.live("web").iter().all(|alloc| lost.contains(&alloc.previous_allocation)));
    assert_eq!(region.blocked("web"), []);
}

/// Of two versions that ran, each comes back, also when there was no room at first for what was lost of the older one.
#[test]
fn lost_versions_without_room() {
    const HALF: &str = "nodes a; job service count=2 roll=1; run; finish; nodes b; ineligible a; job service count=2 roll=1 env=2";
    let rows = [
        ("failed; down a b; nodes c", "0@c/1 1@c; 3 lost"),
        ("failed; ineligible b; down a; nodes c", "0@b/1 1@c; 2 lost"),
        ("failed; ineligible a; down b; nodes c", "0@c/1 1@a; 1 lost"),
    ];
    let rows: Vec<(String, &str)> = rows.iter().map(|(then, expected)| (format!("{HALF}; {then}"), *expected)).collect();
    check(&rows.iter().map(|(steps, expected)| (steps.as_str(), *expected)).collect::<Vec<_>>());
}

/// A node that is gone for good, and one whose allocation had been stopped already.
#[test]
fn gone_and_silent() {
    let mut region = Region::new(&["n1", "n2"]);
    region.roll_out(job("web").count(2).build());
    region.stop("web");
    region.world.set_node_status("n1", NodeStatus::Down);
    region.evaluate("web");
    for alloc in region.world.allocs("web") {
        let expected = if alloc.node_name == "n1" { ClientStatus::Lost } else { ClientStatus::Running };
        assert_eq!(alloc.client_status, expected, "nobody would ever say that those on n1 ended");
    }
    region.assert_settled("web");
    let reap = state::Reap { nodes: vec![testkit::node_id("n2")], ..Default::default() };
    region.world.apply(&state::Command::Reap(Box::new(reap)));
    region.evaluate("web");
    assert!(region.world.allocs("web").iter().all(|alloc| alloc.client_status == ClientStatus::Lost));
}

/// A failed allocation is placed anew at once, later by an evaluation of its own, or never, as its policy says.
#[test]
fn failed_now_later_never() {
    let fail = |job: testkit::JobBuilder| {
        let mut region = Region::new(&["n1", "n2"]);
        region.roll_out(job.count(2).build());
        let failed = region.world.live("web")[0].clone();
        region.world.report(&[failed.id], ClientStatus::Failed);
        (region, failed)
    };

    let (mut region, failed) = fail(job("web").reschedule_after(0));
    let decision = region.evaluate("web");
    assert_eq!(updates(&decision, "app").reschedule_now, 1);
    let old = region.world.store.alloc(failed.id).unwrap().clone();
    assert_eq!(old.desired_description, "alloc was rescheduled because it failed");
    let new = region.world.store.alloc(old.next_allocation).unwrap().clone();
    assert_eq!((&new.name, new.previous_allocation), (&old.name, old.id));
    assert_ne!(new.node_id, old.node_id, "the node where it failed has a penalty");
    let event = new.reschedule_tracker.as_ref().unwrap().events[0].clone();
    assert_eq!((event.prev_alloc_id, event.prev_node_id, event.reschedule_time), (old.id, old.node_id, region.world.now));

    let (mut region, failed) = fail(job("web").reschedule_after(30));
    let decision = region.evaluate("web");
    assert_eq!((updates(&decision, "app").reschedule_later, updates(&decision, "app").ignore), (1, 2));
    let follow_up = region.waiting("web")[0].clone();
    assert_eq!((follow_up.triggered_by, follow_up.wait_until), (EvalTrigger::AllocFailure, Time(region.world.now + 30 * SECOND)));
    assert_eq!(follow_up.status_description, "created for delayed rescheduling");
    assert_eq!(region.world.store.alloc(failed.id).unwrap().followup_eval_id, follow_up.id);
    region.assert_settled("web");
    assert_eq!(region.waiting("web").len(), 1, "it is not made twice");
    region.world.wait(30);
    region.run(&follow_up);
    assert_eq!(region.indexes("web", 0), [0, 1]);
    assert_eq!(region.world.eval(follow_up.id).status, EvalStatus::Complete);
    region.assert_settled("web");

    let (mut region, _) = fail(job("web").no_reschedule());
    region.assert_settled("web");
    assert_eq!(region.indexes("web", 0), [1]);
}

/// Attempts that fail again take longer, until those that the policy allows are used up.
#[test]
fn attempts_run_out() {
    let policy = ReschedulePolicy { attempts: 2, interval: 3600 * SECOND, delay: 10 * SECOND, ..Default::default() };
    let mut region = Region::new(&["n1", "n2", "n3"]);
    region.roll_out(job("web").reschedule(policy).build());
    let mut nodes = vec![];
    for attempt in 0..3 {
        let alloc = region.world.live("web")[0].clone();
        nodes.push(alloc.node_id);
        region.world.report(&[alloc.id], ClientStatus::Failed);
        region.evaluate("web");
        assert_eq!(region.waiting("web").len(), usize::from(attempt < 2), "attempt {attempt}");
        region.world.wait(10);
        if let Some(follow_up) = region.waiting("web").first().cloned() {
            region.run(&follow_up);
        }
    }
    assert_eq!(region.live("web"), []);
    nodes.sort();
    nodes.dedup();
    assert_eq!(nodes.len(), 3, "each attempt went to another node");
    let failed = region.world.allocs("web").into_iter().find(|alloc| alloc.next_allocation.is_nil()).unwrap();
    region.world.transition(&[failed.id], &DesiredTransition { force_reschedule: Some(true), ..Default::default() });
    region.evaluate("web");
    assert_eq!(region.indexes("web", 0), [0], "a person may force one more");
}

/// Several that fail within a few seconds share one follow-up; a stray one has its own.
#[test]
fn follow_ups_are_batched() {
    let mut region = Region::new(&["n1", "n2"]);
    region.roll_out(job("web").count(4).reschedule_after(60).build());
    let ids = region.live_ids("web");
    for (id, wait) in ids.iter().zip([2, 2, 20, 0]) {
        region.world.report(&[*id], ClientStatus::Failed);
        region.world.wait(wait);
    }
    region.evaluate("web");
    let mut times: Vec<i64> = region.waiting("web").iter().map(|eval| (eval.wait_until.0 - region.world.now) / SECOND).collect();
    times.sort_unstable();
    assert_eq!(times, [36, 60]);
    region.world.wait(36);
    let first = region.waiting("web").into_iter().min_by_key(|eval| eval.wait_until).unwrap();
    region.run(&first);
    assert_eq!(region.live("web").len(), 3);
}

/// An allocation that somebody stops ends at once; its successor waits for room.
#[test]
fn migrate() {
    let mut region = Region::new(&["n1"]);
    region.roll_out(job("web").count(1).build());
    let alloc = region.world.live("web")[0].clone();
    let time = region.world.now;
    let eligibility = |name: &str, eligibility| state::Command::SetNodeEligibility {
        id: testkit::node_id(name),
        eligibility,
        event: None,
        evals: vec![],
        time,
    };
    region.world.apply(&eligibility("n1", model::Eligibility::Ineligible));
    region.world.transition(&[alloc.id], &DesiredTransition { migrate: Some(true), ..Default::default() });
    let decision = region.evaluate("web");
    assert_eq!(updates(&decision, "app").migrate, 1);
    let old = region.world.store.alloc(alloc.id).unwrap();
    assert_eq!((old.desired_description.as_str(), old.desired_status), ("alloc is being migrated", model::DesiredStatus::Stop));
    assert_eq!(region.live_ids("web"), []);
    region.world.add_node(testkit::node("n2").build());
    region.evaluate("web");
    let new = region.world.live("web")[0].clone();
    assert_eq!((new.node_name.as_str(), new.previous_allocation), ("n2", alloc.id));
    region.assert_settled("web");
}

/// An allocation that has to leave a node that is drained runs until its successor has a place. When the drain is over it stops also without
/// room elsewhere; it is placed when room comes up.
#[test]
fn drained() {
    let mut region = Region::new(&["n1"]);
    region.roll_out(job("web").count(1).build());
    let alloc = region.world.live("web")[0].clone();
    let drain = |strategy: Option<model::DrainStrategy>, time: i64| {
        state::Command::SetNodeDrain(Box::new(state::NodeDrain {
            id: testkit::node_id("n1"),
            is_complete: strategy.is_none(),
            strategy,
            mark_eligible: false,
            meta: Default::default(),
            event: None,
            evals: Vec::new(),
            time,
        }))
    };
    let time = region.world.now;
    region.world.apply(&drain(Some(Default::default()), time));
    region.world.transition(&[alloc.id], &DesiredTransition { migrate: Some(true), ..Default::default() });
    region.evaluate("web");
    assert_eq!(region.live_ids("web"), [alloc.id], "it has its time");
    region.world.apply(&drain(None, time));
    region.evaluate("web");
    let old = region.world.store.alloc(alloc.id).unwrap();
    assert_eq!((old.desired_description.as_str(), old.desired_status), ("alloc is being migrated", model::DesiredStatus::Stop));
    assert_eq!(region.live_ids("web"), []);
    region.world.add_node(testkit::node("n2").build());
    region.evaluate("web");
    assert_eq!(region.world.live("web")[0].node_name, "n2");
    region.assert_settled("web");
}

/// A group may ask not to be replaced while nobody knows what became of its node. The older field for that is not heeded any more.
#[test]
fn no_replacement_on_lost() {
    let mut region = Region::new(&["n1", "n2"]);
    let stays = model::DisconnectStrategy { replace: Some(false), ..Default::default() };
    region.roll_out(job("web").count(2).edit_group(|group| group.disconnect = Some(stays)).build());
    let before = region.live_ids("web");
    region.world.set_node_status("n1", NodeStatus::Down);
    region.evaluate("web");
    region.assert_settled("web");
    assert_eq!(region.live_ids("web"), before);
}
