//! Jobs that launch others, in one region and in several.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::common::*;
use model::{Job, JobKey, JobStatus, JobType, OnFailure, ParameterizedJobConfig, PeriodicConfig};
use rpc::caller::Caller;
use rpc::message::{DispatchJob, Failure, Read, ReadValue, Write, WriteValue};

fn batch(job: Job) -> Job {
    let mut job = job;
    job.kind = JobType::Batch;
    for group in &mut job.task_groups {
        group.update = None;
    }
    job
}

fn every_second() -> Option<PeriodicConfig> {
    Some(PeriodicConfig { enabled: true, specs: vec!["* * * * * * *".to_owned()], ..Default::default() })
}

async fn children(caller: &Arc<dyn Caller>, region: &str, parent: &str) -> Vec<Arc<Job>> {
    let read = read(caller, region, Read::Jobs { namespace: None, prefix: format!("{parent}/") }).await;
    let Ok(ReadValue::Jobs(jobs)) = read else { panic!("no jobs: {read:?}") };
    jobs.into_iter().map(|(job, _)| job).collect()
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, Failure>) -> String {
    answer.expect_err("refused").text
}

/// A periodic job of two regions is registered in both without an evaluation, and each of them launches children of its own.
#[tokio::test]
async fn each_region_launches_its_own_children() {
    let (west, east) = (Region::start("west", 1).await, Region::start("east", 1).await);
    east.join(&west).await;
    let _nodes = [FakeNode::start(west.switchboard(), "west", &[]), FakeNode::start(east.switchboard(), "east", &[])];
    await_nodes(&west, 1).await;
    await_nodes(&east, 1).await;
    let mut tick = batch(multi("tick", "1", OnFailure::default(), &[("west", 1), ("east", 2)]));
    tick.periodic = every_second();
    let caller = west.caller();
    let eval = register(&caller, "west", &tick).await.expect("registered");
    assert!(eval.is_nil(), "{eval}");
    for (region, count) in [("west", 1), ("east", 2)] {
        let launched = until("children", async || Some(children(&caller, region, "tick").await).filter(|all| all.len() >= 2)).await;
        for child in launched {
            assert_eq!((child.region.as_str(), &child.multiregion, child.parent_id.as_str()), (region, &None, "tick"));
            assert_eq!(child.task_groups[0].count, count);
        }
        let key = JobKey::new("default", "tick");
        let parent = read(&caller, region, Read::JobAllocs { key, all: true }).await;
        assert!(matches!(&parent, Ok(ReadValue::Allocs(allocs)) if allocs.is_empty()), "{parent:?}");
    }
    west.stop().await;
    east.stop().await;
}

/// A parent has no evaluations: not at its registration, its end, its start or when somebody asks for one. What it is it stays, until it is
/// purged.
#[tokio::test]
async fn parents() {
    let region = Region::start("west", 1).await;
    let caller = region.caller();
    let _node = FakeNode::start(region.switchboard(), "west", &[]);
    await_nodes(&region, 1).await;
    let plain = batch(job("work", 1));
    let parameterized = Job { parameterized_job: Some(ParameterizedJobConfig::default()), ..plain.clone() };
    let periodic = Job { periodic: every_second(), ..plain.clone() };
    assert!(register(&caller, "west", &parameterized).await.expect("registered").is_nil());
    let key = JobKey::new("default", "work");
    for (job, expected) in [
        (&plain, "is parameterized and cannot become not parameterized"),
        (&periodic, "is not periodic and cannot become periodic"),
        (&Job { dispatched: true, ..parameterized.clone() }, "Dispatched of a job is written by the region"),
    ] {
        let text = refusal(register(&caller, "west", job).await);
        assert!(text.contains(expected), "{text}");
    }
    let text = refusal(write(&caller, "west", Write::EvaluateJob { key: key.clone(), force_reschedule: false }).await);
    assert!(text.contains("evaluate one of its children"), "{text}");
    let text = refusal(write(&caller, "west", Write::ForceLaunch { key: key.clone() }).await);
    assert!(text.contains("is not periodic"), "{text}");
    let dispatch = |key: &JobKey| {
        let (payload, meta) = (b"x".to_vec(), Default::default());
        let (idempotency_token, id_prefix) = (String::new(), String::new());
        Write::DispatchJob(Box::new(DispatchJob { key: key.clone(), payload, meta, idempotency_token, id_prefix, priority: 70 }))
    };
    let dispatched = write(&caller, "west", dispatch(&key)).await.expect("a child").value;
    let WriteValue::Dispatched { id, job_create_index, eval_id, eval_create_index } = dispatched else { panic!("{dispatched:?}") };
    assert!(!eval_id.is_nil() && eval_create_index == job_create_index, "{eval_id} {eval_create_index} {job_create_index}");
    let child = JobKey { id, ..key.clone() };
    let Ok(ReadValue::Job(Some(job))) = read(&caller, "west", Read::Job { key: child.clone() }).await else { panic!("no child") };
    assert_eq!((job.priority, job.status == JobStatus::Dead, &*job.payload.0), (70, false, &b"x"[..]));
    let text = refusal(write(&caller, "west", dispatch(&child)).await);
    assert!(text.contains("is not parameterized"), "{text}");
    let stop = |purge| Write::DeregisterJob { key: key.clone(), purge, global: false, eval_priority: 0, no_shutdown_delay: false };
    let stopped = write(&caller, "west", stop(false)).await.expect("stopped").value;
    assert!(matches!(&stopped, WriteValue::Job { eval_id, .. } if eval_id.is_nil()), "{stopped:?}");
    assert!(refusal(write(&caller, "west", dispatch(&key)).await).contains("is stopped and cannot be dispatched"));
    // Stopped, it stays what it is; purged, its name is free, and its child is still there.
    let text = refusal(register(&caller, "west", &periodic).await);
    assert!(text.contains("purge it first"), "{text}");
    write(&caller, "west", stop(true)).await.expect("gone");
    assert!(register(&caller, "west", &periodic).await.expect("registered").is_nil());
    let forced = write(&caller, "west", Write::ForceLaunch { key: key.clone() }).await.expect("launched").value;
    assert!(matches!(&forced, WriteValue::Job { eval_id, .. } if !eval_id.is_nil()), "{forced:?}");
    write(&caller, "west", stop(true)).await.expect("gone");
    let ids: BTreeSet<String> = children(&caller, "west", "work").await.iter().map(|job| job.id.to_string()).collect();
    assert!(ids.contains(child.id.as_str()) && ids.len() >= 2, "{ids:?}");
    region.stop().await;
}

/// A dry run of a parent places nothing, and says whether a child would find room.
#[tokio::test]
async fn dry_runs() {
    let region = Region::start("west", 1).await;
    let caller = region.caller();
    let _node = FakeNode::start(region.switchboard(), "west", &[]);
    await_nodes(&region, 1).await;
    for (memory, fits) in [(32, true), (1 << 40, false)] {
        let mut tick = Job { periodic: every_second(), ..batch(job("tick", 1)) };
        tick.task_groups[0].tasks[0].resources.as_mut().expect("resources").memory_mb = memory;
        let planned = write(&caller, "west", Write::PlanJob { job: Arc::new(tick), diff: true }).await.expect("a plan").value;
        let WriteValue::Plan(plan) = planned else { panic!("{planned:?}") };
        assert_eq!((plan.desired_updates.len(), plan.failed_tg_allocs.is_empty()), (0, fits), "{memory} MB");
        assert!(plan.new.is_parent());
    }
    assert_eq!(children(&caller, "west", "tick").await.len(), 0);
    region.stop().await;
}
