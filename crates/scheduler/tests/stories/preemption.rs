//! Less important work is pushed aside: what of it is written down, and what becomes of it.

use model::{ClientStatus, DesiredStatus, EvalStatus, EvalTrigger, PreemptionConfig, SchedulerConfiguration};
use scheduler::schedule;
use state::Command;
use testkit::{JobBuilder, job, node};

use crate::region::{Region, updates};

/// Nodes of 1000 MHz; services push others aside.
fn region(nodes: &[&str]) -> Region {
    let mut region = Region::new(&[]);
    for name in nodes {
        region.world.add_node(node(name).resources(1000, 8000).build());
    }
    let preemption = PreemptionConfig { service: true, ..PreemptionConfig::default() };
    let config = SchedulerConfiguration { preemption, ..SchedulerConfiguration::default() };
    region.world.apply(&Command::SetScheduler { config, cas: None });
    region
}

fn low() -> JobBuilder {
    job("low").priority(20).count(2).resources(400, 100)
}

/// The plan says who goes for whom, in all places where people and programs look for it; the job that lost something is looked at again, and
/// gets its place back when there is room.
#[test]
fn everything_is_written_down() {
    let mut region = region(&["n1"]);
    region.register(low().build());
    region.start_all("low");
    let mut eval = region.world.register(job("high").priority(70).resources(500, 100).build());
    eval.annotate_plan = true;
    let decision = region.run(&eval);

    let high = region.world.live("high")[0].clone();
    let evicted: Vec<_> = region.world.allocs("low").into_iter().filter(|alloc| alloc.desired_status == DesiredStatus::Evict).collect();
    assert_eq!(evicted.len(), 1, "one is enough");
    assert_eq!(high.preempted_allocations, [evicted[0].id]);
    assert_eq!(evicted[0].preempted_by_allocation, high.id);
    assert_eq!(evicted[0].desired_description, format!("Preempted by alloc ID {}", high.id));
    assert_eq!((updates(&decision, "app").place, updates(&decision, "app").preemptions), (1, 1));
    let done = region.world.eval(eval.id);
    let annotations = done.plan_annotations.clone().unwrap();
    assert_eq!(annotations.desired_tg_updates["app"].preemptions, 1);
    assert_eq!(annotations.preempted_allocs.iter().map(|alloc| alloc.id).collect::<Vec<_>>(), [evicted[0].id]);
    assert_eq!((annotations.preempted_allocs[0].job_id.as_str(), annotations.preempted_allocs[0].task_group.as_str()), ("low", "app"));
    let shown = &high.metrics.as_ref().unwrap().score_meta_data[0];
    assert!(shown.scores["preemption"] > 0.99, "{shown:?}");
    assert_eq!(shown.norm_score, (shown.scores["binpack"] + shown.scores["preemption"]) / 2.0);

    let key = region.world.key("low");
    let of_low = region.world.store.job_evals(&key);
    let woken: Vec<_> = of_low.filter(|eval| eval.triggered_by == EvalTrigger::Preemption).cloned().collect();
    assert_eq!(woken.iter().map(|eval| (eval.status, eval.priority)).collect::<Vec<_>>(), [(EvalStatus::Pending, 20)]);
    let decision = region.run(&woken[0]);
    assert_eq!((decision.queued["app"], region.live("low").len()), (1, 1));
    region.world.report(&[evicted[0].id], ClientStatus::Complete);
    region.stop("high");
    let blocked = region.blocked("low")[0].clone();
    region.run(&blocked);
    assert_eq!(region.live("low").len(), 2);
}

/// Jobs of one priority do not push each other in circles.
#[test]
fn no_circles() {
    let mut region = region(&["n1"]);
    region.register(low().build());
    region.register(job("high").priority(70).count(2).resources(500, 100).build());
    assert_eq!((region.live("low").len(), region.live("high").len()), (0, 2));
    for _ in 0..3 {
        region.evaluate("low");
        region.evaluate("high");
    }
    assert_eq!((region.live("low").len(), region.live("high").len()), (0, 2));
    region.assert_settled("high");
}

/// An update that needs more room takes its own first, then that of others.
#[test]
fn updates_push_others_aside() {
    let mut region = region(&["n1"]);
    region.register(job("high").priority(70).resources(200, 100).build());
    region.register(low().build());
    region.start_all("high");
    region.register(job("high").priority(70).resources(600, 100).build());
    assert_eq!((region.indexes("high", 1), region.live("low").len()), (vec![0], 1));
}

/// Plans that follow each other before the first is committed never give the room of one victim twice.
#[test]
fn plans_on_their_way() {
    let mut region = region(&["n1", "n2"]);
    region.register(job("low").priority(20).count(2).resources(900, 100).constraint("", "distinct_hosts", "").build());
    region.start_all("low");
    let evals: Vec<_> =
        ["one", "two", "three"].map(|id| region.world.register(job(id).priority(70).resources(700, 100).build())).into_iter().collect();
    let mut ahead = region.world.store.clone();
    let mut plans = Vec::new();
    for eval in &evals {
        let decision = schedule(&ahead, eval, region.world.now, 7);
        ahead.reserve(&decision.plan);
        plans.push(decision.plan);
    }
    for plan in plans {
        region.world.apply(&Command::ApplyPlan(Box::new(plan)));
        crate::properties::assert_no_overcommit(&region, 0);
    }
    assert_eq!(region.live("one").len() + region.live("two").len() + region.live("three").len(), 2);
    assert_eq!(region.live("low").len(), 0);
}

/// A job that wants all at once pushes nobody aside for a part.
#[test]
fn all_or_nobody() {
    let mut region = region(&["n1"]);
    region.register(low().build());
    let decision = region.register(job("high").priority(70).count(3).resources(400, 100).edit(|job| job.all_at_once = true).build());
    assert_eq!((region.live("low").len(), region.live("high").len()), (2, 0));
    assert!(decision.plan.preemptions.is_empty() && decision.queued["app"] == 3);
}
