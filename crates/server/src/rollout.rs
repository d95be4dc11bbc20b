//! Submitting a multi-region job, and answering other regions about it. What is decided stands in `multiregion::submission`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use model::{Job, Phase, RegionName, Rollout, RolloutHeader, RolloutId, Uuid};
use multiregion::submission::{Answer, Answers, Decision, Verdict, Vote, answer as own_answer, count, decide, listed, stop};
use rpc::caller::Caller;
use rpc::message::{Call, Failure, Hops, Prepared, RegisterJob, Reply, Request, RolloutReply, RolloutRequest, WriteReply, WriteValue};
use state::{Command, Outcome};
use tracing::{info, warn};

use crate::admit;
use crate::core::{Core, now};
use crate::forward::Front;

/// A region that does not answer within this time is not reached.
const REGION_TIMEOUT: Duration = Duration::from_secs(10);
/// A proposal that is not decided by then is withdrawn.
const DECISION_TIMEOUT: Duration = Duration::from_secs(30);
/// Regions that voted for a younger proposal are asked again after this time: they hear of its withdrawal by gossip.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Answers another region.
pub async fn answer(core: &Arc<Core>, request: RolloutRequest) -> Result<RolloutReply, Failure> {
    match request {
        RolloutRequest::Prepare { job, listed: _ } => Ok(RolloutReply::Prepared(to_wire(core, prepare(core, &job)))),
        RolloutRequest::Propose { header, job, submission } => {
            if let Some(job) = &job {
                let refusal = admission(core, job);
                if !refusal.is_empty() {
                    return Ok(RolloutReply::Rejected { reason: refusal });
                }
            }
            let applied = core.propose(Command::StageRollout { header, source: job, submission, time: now() }).await?;
            Ok(match applied.outcome {
                Outcome::Busy { winner } => RolloutReply::Busy { winner },
                Outcome::Refused(reason) => RolloutReply::Rejected { reason },
                Outcome::Done | Outcome::Registered { .. } => RolloutReply::Voted,
            })
        }
        RolloutRequest::Withdraw { id, key: _, reason } => {
            let command =
                Command::UnstageRollout { cause_region: id.origin.clone(), id, phase: Phase::Withdrawn, cause: reason, time: now() };
            core.propose(command).await?;
            Ok(RolloutReply::Done)
        }
        RolloutRequest::Fetch { id } => {
            let view = core.view();
            Ok(RolloutReply::Fetched(view.rollout(&id).map(|rollout| (Arc::clone(&rollout.header), rollout.source.clone()))))
        }
        RolloutRequest::Push { records: _ } => Err(Failure::bad_request("records travel by gossip")),
        RolloutRequest::Stop { header, purge } => stop_here(core, &header, purge).await,
    }
}

// ---- prepare

fn prepare(core: &Core, job: &Job) -> Answer {
    own_answer(&core.view(), job, admission(core, job))
}

/// Why this region would not take the specification; empty when it would. A region that is no longer listed has nothing to object.
fn admission(core: &Core, source: &Job) -> String {
    match multiregion::effective_job(source, &core.region) {
        Some(effective) => admit::check(&core.view(), &effective).errors.join("; "),
        None => String::new(),
    }
}

fn to_wire(core: &Core, answer: Answer) -> (Prepared, Vec<RegionName>) {
    let prepared = Prepared {
        region: core.config.region.clone(),
        head: answer.head,
        head_phase: answer.head_phase,
        version: answer.version,
        spec_hash: answer.spec_hash,
        lamport: answer.lamport,
        refusal: answer.refusal,
        drifted: answer.drifted,
    };
    (prepared, answer.head_regions)
}

fn from_wire(prepared: Prepared, head_regions: Vec<RegionName>) -> Answer {
    Answer {
        head: prepared.head,
        head_phase: prepared.head_phase,
        version: prepared.version,
        spec_hash: prepared.spec_hash,
        lamport: prepared.lamport,
        head_regions,
        drifted: prepared.drifted,
        refusal: prepared.refusal,
    }
}

async fn ask(core: &Arc<Core>, region: &RegionName, request: RolloutRequest) -> Result<RolloutReply, String> {
    let call = Call { region: region.clone(), hops: Hops::default(), request: Request::Rollout(request) };
    match tokio::time::timeout(REGION_TIMEOUT, Front(Arc::clone(core)).call(call)).await {
        Err(_) => Err(format!("no answer within {} s", REGION_TIMEOUT.as_secs())),
        Ok(Err(failure)) => Err(failure.text),
        Ok(Ok(Reply::Rollout(reply))) => Ok(reply),
        Ok(Ok(_)) => Err("an answer of another kind".to_owned()),
    }
}

/// The rollout as another region knows it.
pub async fn fetch(core: &Arc<Core>, region: &RegionName, id: RolloutId) -> Result<Option<Arc<RolloutHeader>>, String> {
    match ask(core, region, RolloutRequest::Fetch { id }).await? {
        RolloutReply::Fetched(known) => Ok(known.map(|(header, _)| header)),
        _ => Err("an answer of another kind".to_owned()),
    }
}

/// Asks every region of the list, and those that the job's present rollouts have beyond it.
async fn ask_all(core: &Arc<Core>, job: &Arc<Job>) -> Answers {
    let mut answers: Answers = Vec::new();
    let mut open: Vec<RegionName> = listed(job);
    let mut asked: BTreeSet<RegionName> = BTreeSet::new();
    if !open.contains(&core.region) {
        open.push(core.region.clone());
    }
    while !open.is_empty() {
        asked.extend(open.iter().cloned());
        let heard = join_all(open.iter().map(|region| ask_one(core, region, job))).await;
        let round: Vec<(RegionName, Result<Answer, String>)> = std::mem::take(&mut open).into_iter().zip(heard).collect();
        for (_, answer) in &round {
            let beyond = answer.iter().flat_map(|answer| &answer.head_regions).filter(|region| !asked.contains(*region));
            for region in beyond {
                if !open.contains(region) {
                    open.push(region.clone());
                }
            }
        }
        answers.extend(round);
    }
    answers
}

async fn ask_one(core: &Arc<Core>, region: &RegionName, job: &Arc<Job>) -> Result<Answer, String> {
    if *region == core.region {
        return Ok(prepare(core, job));
    }
    match ask(core, region, RolloutRequest::Prepare { job: Arc::clone(job), listed: true }).await? {
        RolloutReply::Prepared((prepared, head_regions)) => Ok(from_wire(prepared, head_regions)),
        _ => Err("an answer of another kind".to_owned()),
    }
}

// ---- submit

/// Registers a multi-region job, as its origin. Goes on to its decision also when the user does not wait for it.
pub async fn submit(core: &Arc<Core>, register: RegisterJob) -> Result<WriteReply, Failure> {
    let core = Arc::clone(core);
    let deciding = tokio::spawn(async move { decide_and_commit(&core, register).await });
    deciding.await.map_err(|error| Failure::internal(format!("the submission ended: {error}")))?
}

async fn decide_and_commit(core: &Arc<Core>, register: RegisterJob) -> Result<WriteReply, Failure> {
    let job = &register.job;
    if !listed(job).contains(&core.region) {
        return Err(Failure::bad_request(format!("region {:?} is not in the job's list: submit it to one that is", core.region.as_str())));
    }
    let view = core.view();
    if let Some(wanted) = register.enforce_index {
        let present = view.job(&job.key()).map_or(0, |job| job.job_modify_index);
        if wanted != present {
            let text = if present == 0 {
                format!("Enforcing job modify index {wanted}: job does not exist")
            } else if wanted == 0 {
                "Enforcing job modify index 0: job already exists".to_owned()
            } else {
                format!("Enforcing job modify index {wanted}: job exists with conflicting job modify index: {present}")
            };
            return Err(Failure::internal(text));
        }
    }
    let answers = ask_all(core, job).await;
    match decide(job, &core.region, &answers, Uuid::new_v4(), "", now()) {
        Decision::Refuse(text) => Err(Failure::internal(text)),
        Decision::Unchanged(id) => unchanged(core, job, &id).await,
        Decision::Propose(header) => propose(core, &register, Arc::new(*header)).await,
    }
}

/// The same specification again: the rollout that stands for it goes on; the region looks at the job once more.
async fn unchanged(core: &Core, job: &Job, id: &RolloutId) -> Result<WriteReply, Failure> {
    info!(rollout = %id, "the specification is unchanged, no new rollout");
    let view = core.view();
    let present = view.job(&job.key()).ok_or_else(|| Failure::not_found("job not found"))?;
    let eval = control::job_eval(present, model::EvalTrigger::JobRegister, &mut core.ids());
    let eval_id = eval.id;
    let applied = core.execute(Command::UpsertEvals { evals: vec![eval], time: now() }).await?;
    let job_modify_index = present.job_modify_index;
    let value = WriteValue::Job { eval_id, job_modify_index, warnings: String::new(), unreached: Vec::new() };
    Ok(WriteReply { index: applied.index, value })
}

async fn propose(core: &Arc<Core>, register: &RegisterJob, header: Arc<RolloutHeader>) -> Result<WriteReply, Failure> {
    core.submitting().insert(header.id.clone());
    let result = stage_and_vote(core, register, &header).await;
    core.submitting().remove(&header.id);
    result
}

async fn stage_and_vote(core: &Arc<Core>, register: &RegisterJob, header: &Arc<RolloutHeader>) -> Result<WriteReply, Failure> {
    let source = Some(Arc::clone(&register.job));
    let stage =
        Command::StageRollout { header: Arc::clone(header), source: source.clone(), submission: register.submission.clone(), time: now() };
    core.execute(stage).await?;
    let peers: Vec<RegionName> = header.participants().filter(|region| **region != core.region).cloned().collect();
    let deadline = Instant::now() + DECISION_TIMEOUT;
    let mut votes: Vec<(RegionName, Vote)> = Vec::new();
    let mut asked = peers.clone();
    loop {
        let request = RolloutRequest::Propose { header: Arc::clone(header), job: source.clone(), submission: register.submission.clone() };
        let heard = join_all(asked.iter().map(|region| ask(core, region, request.clone()))).await;
        votes.extend(asked.into_iter().zip(heard.into_iter().map(as_vote)));
        match count(&header.id, &votes, Instant::now() < deadline) {
            Verdict::Commit => return commit(core, header).await,
            Verdict::AskAgain(regions) => {
                votes.retain(|(region, _)| !regions.contains(region));
                asked = regions;
                tokio::time::sleep(ASK_AGAIN_AFTER).await;
            }
            Verdict::Withdraw { reason, winner } => {
                withdraw(core, header, &peers, &reason).await;
                return Err(Failure::new(if winner.is_some() { 409 } else { 500 }, reason));
            }
        }
    }
}

fn as_vote(reply: Result<RolloutReply, String>) -> Vote {
    match reply {
        Ok(RolloutReply::Voted) => Vote::Yes,
        Ok(RolloutReply::Rejected { reason }) => Vote::No(reason),
        Ok(RolloutReply::Busy { winner }) => Vote::Busy(winner),
        Ok(_) => Vote::Silent("an answer of another kind".to_owned()),
        Err(problem) => Vote::Silent(problem),
    }
}

/// The origin's own vote: one log entry, the decision.
async fn commit(core: &Core, header: &RolloutHeader) -> Result<WriteReply, Failure> {
    let view = core.view();
    let staged = view.rollout(&header.id).ok_or_else(|| Failure::internal("the staged rollout is gone"))?;
    if staged.phase == Phase::Withdrawn {
        return Err(Failure::new(409, format!("the rollout was withdrawn, nothing was changed: {}", staged.cause)));
    }
    let command = multiregion::adopt(&view, staged, &core.region, now(), &mut core.ids());
    let eval_id = match &command {
        Command::AdoptRollout(adoption) => adoption.eval.as_ref().map(|eval| eval.id).unwrap_or_default(),
        _ => model::EvalId::NIL,
    };
    let applied = core.execute(command).await?;
    info!(rollout = %header.id, job = %header.job_key(), version = header.job_version, "rollout committed");
    let value = WriteValue::Job { eval_id, job_modify_index: applied.index, warnings: String::new(), unreached: Vec::new() };
    Ok(WriteReply { index: applied.index, value })
}

async fn withdraw(core: &Arc<Core>, header: &RolloutHeader, peers: &[RegionName], reason: &str) {
    let command = Command::UnstageRollout {
        id: header.id.clone(),
        phase: Phase::Withdrawn,
        cause: reason.to_owned(),
        cause_region: RegionName::default(),
        time: now(),
    };
    if let Err(failure) = core.propose(command).await {
        // The reconciler withdraws what nobody decides.
        warn!(rollout = %header.id, %failure, "not withdrawn yet");
        return;
    }
    // A courtesy: the published record says the same.
    let key = header.job_key();
    join_all(peers.iter().map(|region| {
        let request = RolloutRequest::Withdraw { id: header.id.clone(), key: key.clone(), reason: "withdrawn by its origin".to_owned() };
        ask(core, region, request)
    }))
    .await;
}

// ---- stop

/// Stops a job in all regions of its present rollout: a rollout of kind stop, without the barrier.
pub async fn stop_everywhere(core: &Arc<Core>, head: &Arc<Rollout>, purge: bool) -> Result<WriteReply, Failure> {
    let header = Arc::new(stop(&core.view(), head, Uuid::new_v4(), "", now()));
    let others: Vec<RegionName> = header.participants().filter(|region| **region != core.region).cloned().collect();
    match stop_here(core, &header, purge).await? {
        RolloutReply::Busy { winner } => {
            return Err(Failure::new(409, format!("a rollout of the job is being decided: {winner}: stop it when it has begun")));
        }
        RolloutReply::Rejected { reason } => return Err(Failure::new(409, format!("the job was not stopped: {reason}"))),
        _ => {}
    }
    let answers =
        join_all(others.iter().map(|region| ask(core, region, RolloutRequest::Stop { header: Arc::clone(&header), purge }))).await;
    let unreached: Vec<RegionName> = others
        .into_iter()
        .zip(answers)
        .filter_map(|(region, answer)| match answer {
            Ok(RolloutReply::Done) => None,
            Ok(other) => {
                warn!(%region, ?other, "did not stop the job");
                Some(region)
            }
            Err(problem) => {
                warn!(%region, %problem, "not reached, it stops the job when it learns of it");
                Some(region)
            }
        })
        .collect();
    let view = core.view();
    let eval_id = view
        .job_evals(&header.job_key())
        .filter(|eval| eval.triggered_by == model::EvalTrigger::JobDeregister)
        .max_by_key(|eval| eval.create_index)
        .map(|eval| eval.id)
        .unwrap_or_default();
    Ok(WriteReply {
        index: view.index(),
        value: WriteValue::Job { eval_id, job_modify_index: view.index(), warnings: String::new(), unreached },
    })
}

async fn stop_here(core: &Core, header: &Arc<RolloutHeader>, purge: bool) -> Result<RolloutReply, Failure> {
    let stage = Command::StageRollout { header: Arc::clone(header), source: None, submission: None, time: now() };
    match core.propose(stage).await?.outcome {
        Outcome::Busy { winner } => return Ok(RolloutReply::Busy { winner }),
        Outcome::Refused(reason) => return Ok(RolloutReply::Rejected { reason }),
        Outcome::Done | Outcome::Registered { .. } => {}
    }
    let view = core.view();
    if let Some(staged) = view.rollout(&header.id).filter(|rollout| rollout.phase == Phase::Voted) {
        let command = multiregion::adopt(&view, staged, &core.region, now(), &mut core.ids());
        // The reconciler may have been faster: then this one is refused, and all is well.
        core.propose(command).await?;
    }
    if purge {
        let view = core.view();
        if let Some(job) = view.job(&header.job_key()) {
            let eval = control::job_eval(job, model::EvalTrigger::JobDeregister, &mut core.ids());
            core.execute(Command::DeregisterJob { key: header.job_key(), purge: true, eval: Some(Box::new(eval)), time: now() }).await?;
        }
    }
    Ok(RolloutReply::Done)
}
