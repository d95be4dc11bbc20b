//! Follows what a command has set in motion: an evaluation, then the deployment that it made.

use std::collections::BTreeMap;
use std::time::Duration;

use api::client::{Answer, Error};
use api::{AllocListStub, Client};
use model::{AllocId, ClientStatus, DeploymentStatus, EvalStatus, Evaluation};

use crate::commands::deployment_text;
use crate::context::{During, Outcome, Stop, query};
use crate::show::{self, Screen};

/// Longest wait of one question. What other regions do changes no index here, so a picture must not be older than this.
pub const WAIT: Duration = Duration::from_secs(2);

/// How long a server may fail to answer before following ends: an election takes a few seconds, a restart some more.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// All is placed and healthy, or there was nothing to wait for.
const GOOD: u8 = 0;
/// The evaluation or the deployment failed.
const FAILED: u8 = 1;
/// The evaluation ended without placing everything.
const NOT_PLACED: u8 = 2;

/// Whether a command waits for what it has set in motion, and how it shows ids.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Follow {
    /// Return at once instead of following the evaluation and the deployment.
    #[arg(long)]
    pub detach: bool,
    /// Ids in full.
    #[arg(long)]
    pub verbose: bool,
}

/// A headline of the monitor.
fn headline(text: &str) {
    say!("==> {}: {text}", show::time(show::now()));
}

/// A line of the monitor.
fn note(text: &str) {
    say!("    {}: {text}", show::time(show::now()));
}

/// Asks again while nobody answers, or the answer is that there is no leader: what is followed goes on meanwhile.
pub async fn patiently<T, F: Future<Output = Result<Answer<T>, Error>>>(ask: impl Fn() -> F) -> Result<Answer<T>, Error> {
    let mut since = None;
    loop {
        match ask().await {
            Err(error) if error.is_connection() || error.status().is_some_and(|status| status >= 500) => {
                let since = *since.get_or_insert_with(std::time::Instant::now);
                if since.elapsed() > PATIENCE {
                    return Err(error);
                }
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
}

/// Follows an evaluation and those that come after it, then the deployment. The exit code says how it went.
pub async fn evaluation(client: &Client, eval_id: &str, verbose: bool) -> Outcome {
    let mut id = eval_id.to_owned();
    loop {
        let eval = one_evaluation(client, &id, verbose).await?;
        let placed = eval.failed_tg_allocs.is_empty() && eval.status != EvalStatus::Blocked;
        if eval.status == EvalStatus::Complete && !eval.deployment_id.is_nil() {
            return deployment(client, &eval.deployment_id.to_string(), verbose, WAIT).await;
        }
        if let Some(next) = eval.next_eval.some() {
            let wait = if eval.wait > 0 { format!(" in {}", show::duration(eval.wait)) } else { String::new() };
            headline(&format!("Monitoring next evaluation \"{}\"{wait}", show::id(next, verbose)));
            id = next.to_string();
            continue;
        }
        return Ok(match eval.status {
            EvalStatus::Failed | EvalStatus::Canceled => FAILED,
            _ if placed => GOOD,
            _ => NOT_PLACED,
        });
    }
}

/// Follows one evaluation to its end, or to where it waits for capacity.
async fn one_evaluation(client: &Client, id: &str, verbose: bool) -> Result<Evaluation, Stop> {
    let short = show::id(id, verbose);
    headline(&format!("Monitoring evaluation \"{short}\""));
    let mut seen = Seen { verbose, ..Default::default() };
    let now = query();
    let mut index = 0;
    let eval = loop {
        let question = if index == 0 { query() } else { query().after(index, WAIT) };
        let answer = patiently(|| client.evaluation(id, &question)).await.during("reading evaluation")?;
        index = answer.index;
        let eval = answer.value;
        seen.evaluation(&eval);
        let allocs = patiently(|| client.evaluation_allocations(id, &now)).await.during("reading allocations")?.value;
        seen.allocations(&eval, &allocs);
        if eval.is_terminal() || eval.status == EvalStatus::Blocked {
            break eval;
        }
    };
    let finished = format!("Evaluation \"{short}\" finished with status \"{}\"", eval.status);
    if eval.failed_tg_allocs.is_empty() {
        let why = if eval.status == EvalStatus::Failed { format!(": {}", eval.status_description) } else { String::new() };
        headline(&format!("{finished}{why}"));
        return Ok(eval);
    }
    headline(&format!("{finished} but failed to place all allocations:"));
    for line in show::failed_groups(&eval.failed_tg_allocs, verbose) {
        // Groups carry the time, their reasons stand below them.
        if line.starts_with(' ') { say!("    {line}") } else { note(&line) }
    }
    if let Some(blocked) = eval.blocked_eval.some() {
        note(&format!("Evaluation \"{}\" waiting for additional capacity to place remainder", show::id(blocked, verbose)));
    }
    Ok(eval)
}

/// What was already told about an evaluation.
#[derive(Default)]
struct Seen {
    verbose: bool,
    begun: bool,
    in_deployment: bool,
    status: EvalStatus,
    allocs: BTreeMap<AllocId, ClientStatus>,
}

impl Seen {
    fn evaluation(&mut self, eval: &Evaluation) {
        if !self.begun {
            self.begun = true;
            match eval.node_id.some() {
                Some(node) => note(&format!("Evaluation triggered by node \"{}\"", show::id(node, self.verbose))),
                None => note(&format!("Evaluation triggered by job {:?}", eval.job_id)),
            }
        }
        if !self.in_deployment && !eval.deployment_id.is_nil() {
            self.in_deployment = true;
            note(&format!("Evaluation within deployment: \"{}\"", show::id(eval.deployment_id, self.verbose)));
        }
    }

    fn allocations(&mut self, eval: &Evaluation, allocs: &[AllocListStub]) {
        let mut sorted: Vec<&AllocListStub> = allocs.iter().collect();
        sorted.sort_by(|a, b| (a.create_index, &a.name).cmp(&(b.create_index, &b.name)));
        for alloc in sorted {
            let id = show::id(alloc.id, self.verbose);
            match self.allocs.insert(alloc.id, alloc.client_status) {
                None => {
                    let how = if alloc.create_index >= eval.create_index { "created" } else { "modified" };
                    let node = show::id(alloc.node_id, self.verbose);
                    note(&format!("Allocation \"{id}\" {how}: node \"{node}\", group {:?}", alloc.task_group));
                }
                Some(before) if before != alloc.client_status => {
                    let why = &alloc.client_description;
                    let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
                    note(&format!("Allocation \"{id}\" status changed: \"{before}\" -> \"{}\"{why}", alloc.client_status));
                }
                Some(_) => {}
            }
        }
        if eval.status != self.status {
            note(&format!("Evaluation status changed: \"{}\" -> \"{}\"", self.status, eval.status));
            self.status = eval.status;
        }
    }
}

/// Shows a deployment until it ends; in place on a terminal.
pub async fn deployment(client: &Client, id: &str, verbose: bool, wait: Duration) -> Outcome {
    headline(&format!("Monitoring deployment \"{}\"", show::id(id, verbose)));
    let mut screen = Screen::stdout();
    let mut index = 0;
    loop {
        let question = if index == 0 { query() } else { query().after(index, wait) };
        let answer = patiently(|| client.deployment(id, &question)).await.during("fetching deployment")?;
        index = answer.index;
        let deployment = answer.value;
        let text = deployment_text(client, &deployment, verbose).await;
        if screen.show(show::now(), &text, &text).is_err() {
            return Ok(FAILED);
        }
        if !deployment.is_active() {
            return Ok(if deployment.status == DeploymentStatus::Successful { GOOD } else { FAILED });
        }
    }
}
