//! What the model and the simulation make of a region alike: what is due in its state, and what its nodes and its people say.

use model::{
    AllocDeploymentStatus, AllocUpdate, Allocation, ClientStatus, EvalStatus, Evaluation, JobKey, Phase, RegionName, Rollout, Time,
};
use state::{PhaseChange, Store};

/// An evaluation whose time has come.
pub fn due_eval(store: &Store, now: i64) -> Option<Evaluation> {
    store.open_evals().find(|eval| eval.status == EvalStatus::Pending && eval.wait_until.0 <= now).map(|eval| (**eval).clone())
}

/// Nodes confirm what was stopped.
pub fn confirmed_stops(store: &Store) -> Vec<AllocUpdate> {
    let stopping = store.allocs().filter(|alloc| alloc.server_terminal() && !alloc.client_status.is_terminal());
    stopping.map(|alloc| AllocUpdate { id: alloc.id, client_status: ClientStatus::Complete, ..Default::default() }).collect()
}

/// Whether it is known how a task turned out.
pub fn verdict(alloc: &Allocation) -> Option<bool> {
    alloc.deployment_status.as_ref().and_then(|status| status.healthy)
}

/// Tasks of a job that run.
pub fn live<'a>(store: &'a Store, key: &JobKey) -> impl Iterator<Item = &'a std::sync::Arc<Allocation>> {
    store.job_allocs(key).filter(|alloc| !alloc.is_terminal())
}

/// How a task turned out.
pub fn report(alloc: &Allocation, healthy: bool, now: i64) -> AllocUpdate {
    AllocUpdate {
        id: alloc.id,
        client_status: if healthy { ClientStatus::Running } else { ClientStatus::Failed },
        deployment_id: alloc.deployment_id,
        deployment_status: Some(AllocDeploymentStatus { healthy: Some(healthy), timestamp: Time(now), ..Default::default() }),
        ..Default::default()
    }
}

/// A person moves a rollout in one region. What is not allowed is refused by the state.
pub fn by_person(store: &Store, rollout: &Rollout, to: Phase, forced: bool, ids: &mut model::IdSource, now: i64) -> PhaseChange {
    let job = store.job(&rollout.header.job_key());
    PhaseChange {
        id: rollout.header.id.clone(),
        from: rollout.phase,
        to,
        cause: "a person".to_owned(),
        cause_region: RegionName::default(),
        forced,
        revert_to: None,
        stop_job: false,
        eval: job.map(|job| control::job_eval(job, model::EvalTrigger::DeploymentWatcher, ids)),
        time: now,
    }
}
