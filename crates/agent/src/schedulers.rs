//! The scheduler of this agent's server, in the words of the interface.

use std::sync::Arc;

use api::{AgentSchedulerWorkerConfigResponse, AgentSchedulerWorkerInfo, AgentSchedulerWorkersInfo};
use httpd::Schedulers;
use model::{JobType, Time};
use server::{Worker, WorkerChoice, WorkerDoing};

/// What collects garbage; it is always there.
const CORE: &str = "_core";

pub fn of(worker: Arc<Worker>, server_id: String) -> Schedulers {
    let (shown, configured) = (Arc::clone(&worker), Arc::clone(&worker));
    let id = server_id.clone();
    Schedulers {
        show: Arc::new(move || AgentSchedulerWorkersInfo { server_id: id.clone(), schedulers: show(&shown).into_iter().collect() }),
        config: Arc::new(move || {
            let choice = configured.choice();
            AgentSchedulerWorkerConfigResponse {
                server_id: server_id.clone(),
                num_schedulers: i64::from(choice.is_on),
                enabled_schedulers: words(&choice),
            }
        }),
        configure: Arc::new(move |n, kinds| chosen(n, kinds).map(|choice| worker.choose(choice))),
    }
}

fn show(worker: &Worker) -> Option<AgentSchedulerWorkerInfo> {
    let (choice, doing) = (worker.choice(), worker.doing());
    choice.is_on.then(|| AgentSchedulerWorkerInfo {
        id: worker.id.to_string(),
        enabled_schedulers: words(&choice),
        started: Time(worker.since()),
        status: if doing == WorkerDoing::Nothing { "Stopped" } else { "Started" }.to_owned(),
        workload_status: doing.as_str().to_owned(),
    })
}

fn words(choice: &WorkerChoice) -> Vec<String> {
    choice.kinds.iter().map(JobType::as_str).chain([CORE]).map(str::to_owned).collect()
}

/// What was asked for, or why it cannot be.
fn chosen(n: i64, kinds: &[String]) -> Result<WorkerChoice, String> {
    let is_on = is_on(n).map_err(|problem| format!("num_schedulers: {problem}"))?;
    let kinds = parse_kinds(kinds).map_err(|problem| format!("enabled_schedulers: {problem}"))?;
    Ok(WorkerChoice { is_on, kinds })
}

/// Whether so many schedulers are any.
pub fn is_on(n: i64) -> Result<bool, String> {
    if !(0..=1).contains(&n) {
        return Err(format!("{n}: a server has one scheduler, which plans many evaluations in a row: give 0 or 1"));
    }
    Ok(n == 1)
}

/// Types of jobs by their names.
pub fn parse_kinds(names: &[String]) -> Result<Vec<JobType>, String> {
    names.iter().filter(|name| *name != CORE).map(|name| name.parse().map_err(|error| format!("{error}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One scheduler or none, for types of jobs that exist; garbage is collected in any case.
    #[test]
    fn what_can_be_chosen() {
        let words = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect::<Vec<_>>();
        let choice = |is_on, kinds: &[JobType]| Ok(WorkerChoice { is_on, kinds: kinds.to_vec() });
        assert_eq!(chosen(1, &words(&["batch", "_core"])), choice(true, &[JobType::Batch]));
        assert_eq!(chosen(0, &[]), choice(false, &[]));
        assert!(chosen(4, &[]).is_err_and(|text| text.contains("give 0 or 1")));
        assert!(chosen(1, &words(&["fortune"])).is_err_and(|text| text.contains("\"fortune\"")));
    }
}
