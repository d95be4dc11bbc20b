//! Submitting a multi-region job, and answering other regions about it. What is decided stands in `multiregion::submission`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use gossip::Member;
use model::{
    Job, JobKey, OverrideBits, Overrides, Phase, RegionName, RegionRecord, Rollout, RolloutHeader, RolloutId, RolloutKind, Testimony, Uuid,
};
use multiregion::submission::{Answer, Answers, Decision, Verdict, Vote, answer as own_answer, count, decide, listed, moved_on, stop};
use rpc::caller::Caller;
use rpc::message::{Call, Failure, Hops, Prepared, RegisterJob, Reply, Request, RolloutReply, RolloutRequest, WriteReply, WriteValue};
use state::{Command, Outcome, View, Watch};
use tracing::{info, warn};

use crate::admit;
use crate::core::{Core, NO_LEADER, now};
use crate::forward::{Front, ensure_consistent};
use crate::{launch, plan, preserve, scheduler_config};

/// A region that does not answer within this time is not reached. Longer than it waits for a leader of its own.
const REGION_TIMEOUT: Duration = Duration::from_secs(8);
/// Regions are not asked again after this time since the submission.
const DECISION_TIMEOUT: Duration = Duration::from_secs(18);
/// The user has an answer within this time, whatever happens.
const SUBMISSION_TIMEOUT: Duration = Duration::from_secs(28);
/// How long a submission that lost against another one waits for that one to come here and be decided, to see whether it is the same.
const WINNER_TIMEOUT: Duration = Duration::from_secs(5);
/// Numbers above are nonsense, and would leave none for those that come after.
const NUMBER_MAX: u64 = u64::MAX / 2;
/// Servers of this feature level and above know all that a rollout needs.
const ROLLOUTS_SINCE: u32 = 1;
/// Regions that voted for a younger proposal are asked again after this time: they hear of its withdrawal by gossip.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Answers another region.
pub async fn answer(core: &Arc<Core>, request: RolloutRequest) -> Result<RolloutReply, Failure> {
    match request {
        RolloutRequest::Prepare { job, listed: _ } => Ok(RolloutReply::Prepared(to_wire(core, prepare(core, &job)))),
        RolloutRequest::Propose { header, job, submission } => {
            let refusal = match contradiction(&core.region, &header, job.as_deref()) {
                Some(contradiction) => contradiction,
                None => job.as_ref().map(|job| admission(core, job)).unwrap_or_default(),
            };
            if !refusal.is_empty() {
                return Ok(RolloutReply::Rejected { reason: refusal });
            }
            let applied = core.propose(Command::StageRollout { header, source: job, submission, time: now() }).await?;
            Ok(match applied.outcome {
                Outcome::Busy { winner } => RolloutReply::Busy { winner },
                Outcome::MovedOn { winner } => RolloutReply::MovedOn { winner },
                Outcome::Refused(reason) => RolloutReply::Rejected { reason },
                Outcome::Done | Outcome::Registered { .. } | Outcome::Launched { .. } => RolloutReply::Voted,
            })
        }
        RolloutRequest::Withdraw { id, key: _, reason } => {
            let command =
                Command::UnstageRollout { cause_region: id.origin.clone(), id, phase: Phase::Withdrawn, cause: reason, time: now() };
            core.propose(command).await?;
            Ok(RolloutReply::Done)
        }
        RolloutRequest::Fetch { id } => {
            // Votes are given up when this is not known here.
            ensure_consistent(core).await?;
            let view = core.view();
            Ok(RolloutReply::Fetched(view.rollout(&id).map(|rollout| (Arc::clone(&rollout.header), rollout.source.clone()))))
        }
        RolloutRequest::Testify { restored, incarnation } => {
            if restored == core.region {
                return Err(Failure::bad_request(format!("region {:?} asks itself what it had said", restored.as_str())));
            }
            core.execute(Command::HeedRegion { region: restored.clone(), incarnation }).await?;
            // In this order: whatever this region may still do because of older news is among these.
            let view = core.view();
            Ok(RolloutReply::Testimony(multiregion::restore::testify(&view, &core.pool.records(), &restored)))
        }
        RolloutRequest::Push { records } => {
            core.pool.take(records);
            Ok(RolloutReply::Done)
        }
        RolloutRequest::Stop { header, purge } if header.kind == RolloutKind::Stop => stop_here(core, &header, purge).await,
        RolloutRequest::Stop { header, .. } => Err(Failure::bad_request(format!("rollout {} does not stop its job", header.id))),
    }
}

/// Why a proposal cannot be what its origin means.
fn contradiction(me: &RegionName, header: &RolloutHeader, job: Option<&Job>) -> Option<String> {
    let is_of_job = job.is_some_and(|job| {
        job.key() == header.job_key() && listed(job) == header.regions && multiregion::spec_hash(job) == header.spec_hash
    });
    if header.kind != RolloutKind::Run || !is_of_job {
        return Some(format!("rollout {} does not fit its specification", header.id));
    }
    if header.id.origin == *me {
        return Some(format!("rollout {} claims to come from this region", header.id));
    }
    if !header.participants().any(|region| *region == header.id.origin) {
        return Some(format!("rollout {} comes from region {:?}, which takes no part in it", header.id, header.id.origin.as_str()));
    }
    let is_nonsense = header.id.lamport > NUMBER_MAX || header.job_version > NUMBER_MAX;
    is_nonsense.then(|| format!("rollout {} has impossible numbers", header.id))
}

// ---- prepare

fn prepare(core: &Core, job: &Job) -> Answer {
    own_answer(&core.view(), job, admission(core, job))
}

/// Why this region would not take the specification; empty when it would. A region that is no longer listed has nothing to object.
fn admission(core: &Core, source: &Job) -> String {
    let Some(effective) = multiregion::effective_job(source, &core.region) else { return String::new() };
    let view = core.view();
    if let Err(failure) = scheduler_config::admits(&view) {
        return failure.text;
    }
    let mut findings = plan::findings(core, &view, &effective);
    // Where nothing of it could run the rollout would wait for its deadline and fail: better to know before it begins.
    findings.errors.extend(admit::nowhere(&view, &effective));
    findings.errors.join("; ")
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
        busy: answer.busy,
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
        head_listed: Vec::new(),
        drifted: prepared.drifted,
        busy: prepared.busy,
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

/// What a rollout is, and the specification if it has one.
pub type Fetched = (Arc<RolloutHeader>, Option<Arc<Job>>);

/// The rollout as another region knows it.
pub async fn fetch(core: &Arc<Core>, region: &RegionName, id: RolloutId) -> Result<Option<Fetched>, String> {
    match ask(core, region, RolloutRequest::Fetch { id }).await? {
        RolloutReply::Fetched(known) => Ok(known),
        _ => Err("an answer of another kind".to_owned()),
    }
}

/// What another region tells about this one, which was restored.
pub async fn testimony(core: &Arc<Core>, region: &RegionName, incarnation: u64) -> Result<Testimony, String> {
    match ask(core, region, RolloutRequest::Testify { restored: core.region.clone(), incarnation }).await? {
        RolloutReply::Testimony(testimony) => Ok(testimony),
        _ => Err("an answer of another kind".to_owned()),
    }
}

/// Says news to a region at once, so that nobody's turn waits for a round of gossip, which says the same again to whoever missed it.
pub async fn push(core: &Arc<Core>, region: &RegionName, records: Vec<RegionRecord>) -> Result<(), String> {
    ask(core, region, RolloutRequest::Push { records }).await.map(|_| ())
}

/// Asks every region of the list, and those that the job's present rollouts have beyond it.
async fn ask_all(core: &Arc<Core>, job: &Arc<Job>) -> Answers {
    let mut answers: Answers = Vec::new();
    let began = Instant::now();
    let mut open: Vec<RegionName> = listed(job);
    let mut asked: BTreeSet<RegionName> = BTreeSet::new();
    if !open.contains(&core.region) {
        open.push(core.region.clone());
    }
    while !open.is_empty() {
        asked.extend(open.iter().cloned());
        if began.elapsed() > REGION_TIMEOUT {
            // Rounds are bounded together, not only each.
            answers.extend(open.into_iter().map(|region| (region, Err("there was no time left to ask it".to_owned()))));
            break;
        }
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
    if let Some(older) = too_old(&core.pool.members(), region) {
        return Ok(Answer { refusal: older, ..Answer::default() });
    }
    if *region == core.region {
        return Ok(prepare(core, job));
    }
    match ask(core, region, RolloutRequest::Prepare { job: Arc::clone(job), listed: true }).await? {
        RolloutReply::Prepared((prepared, head_regions)) => Ok(from_wire(prepared, head_regions)),
        _ => Err("an answer of another kind".to_owned()),
    }
}

/// Why a region cannot take part: any of its servers may have to lead it, and is too old to know what a rollout needs.
fn too_old(members: &[Member], region: &RegionName) -> Option<String> {
    let is_old =
        |member: &&Member| member.meta.region == *region && member.status.is_active() && member.meta.feature_level < ROLLOUTS_SINCE;
    let names: Vec<String> = members.iter().filter(is_old).map(Member::full_name).collect();
    (!names.is_empty()).then(|| format!("{} cannot take part in rollouts of this version: update it first", names.join(", ")))
}

// ---- submit

/// Registers a multi-region job, as its origin. Goes on to its decision also when the user does not wait for it.
pub async fn submit(core: &Arc<Core>, register: RegisterJob) -> Result<WriteReply, Failure> {
    let task = Arc::clone(core);
    let deciding = core.tasks.spawn(async move {
        tokio::select! {
            decided = tokio::time::timeout(SUBMISSION_TIMEOUT, decide_and_commit(&task, &register)) => decided.unwrap_or_else(|_| Err(undecided())),
            () = task.shutdown.cancelled() => Err(left_behind()),
        }
    });
    deciding.await.map_err(|error| Failure::internal(format!("the submission ended: {error}")))?
}

fn undecided() -> Failure {
    let seconds = SUBMISSION_TIMEOUT.as_secs();
    Failure::internal(format!("the rollout was not decided within {seconds} s; it is withdrawn, unless the job's status says otherwise"))
}

/// Not the words that make a caller ask again: another submission would find this one undecided.
fn left_behind() -> Failure {
    Failure::internal(
        "this region's leader changed while the rollout was being decided; it is withdrawn, unless the job's status says otherwise",
    )
}

async fn decide_and_commit(core: &Arc<Core>, register: &RegisterJob) -> Result<WriteReply, Failure> {
    let began = Instant::now();
    // The specification before anything is put in per region: that is what all of them get.
    let registered = core.view().rollout_head(&register.job.key()).and_then(|head| head.source.clone());
    let job = Arc::new(preserve::kept(register, (*register.job).clone(), registered.as_ref()));
    let job = admit::completed(&core.view(), &core.config.bounds.jobs, &job);
    let register = &RegisterJob { job, ..register.clone() };
    let job = &register.job;
    if !listed(job).contains(&core.region) {
        return Err(Failure::bad_request(format!("region {:?} is not in the job's list: submit it to one that is", core.region.as_str())));
    }
    let view = core.view();
    enforce_index(&view, job, register.enforce_index)?;
    let head = view.rollout_head(&job.key()).map(|head| head.header.id.clone());
    drop(view);
    let answers = ask_all(core, job).await;
    let decided = match decide(job, &core.region, &answers, Uuid::new_v4(), "", now()) {
        Decision::Refuse { reason, winner } => Err(Failure::new(if winner.is_some() { 409 } else { 500 }, reason)),
        Decision::Unchanged(id) => return unchanged(core, job, &id).await,
        Decision::Propose(header) => propose(core, register, &Arc::new(*header), began + DECISION_TIMEOUT).await,
    };
    match decided {
        // Two who ask for the same at once are both served by the one that came first.
        Err(failure) if failure.code == 409 => match same_by_other(core, job, head).await {
            Some(id) => unchanged(core, job, &id).await,
            None => Err(failure),
        },
        decided => decided,
    }
}

fn enforce_index(view: &View, job: &Job, wanted: Option<u64>) -> Result<(), Failure> {
    let present = view.job(&job.key()).map_or(0, |job| job.job_modify_index);
    let Some(wanted) = wanted.filter(|wanted| *wanted != present) else { return Ok(()) };
    Err(Failure::internal(if present == 0 {
        format!("Enforcing job modify index {wanted}: job does not exist")
    } else if wanted == 0 {
        "Enforcing job modify index 0: job already exists".to_owned()
    } else {
        format!("Enforcing job modify index {wanted}: job exists with conflicting job modify index: {present}")
    }))
}

/// Waits until the rollout that came first is decided here; returns it if it stands for this very specification. `before`: the head when this
/// submission began.
async fn same_by_other(core: &Core, job: &Job, before: Option<RolloutId>) -> Option<RolloutId> {
    let (key, hash) = (job.key(), multiregion::spec_hash(job));
    let deadline = tokio::time::Instant::now() + WINNER_TIMEOUT;
    let place = core.watches.place(&Watch::Rollout(key.clone())).ok()?;
    loop {
        let changed = place.notify().notified();
        let view = core.view();
        let head = view.rollout_head(&key).filter(|head| Some(&head.header.id) != before.as_ref());
        if view.rollout_staged(&key).or(head).is_some_and(|winner| winner.header.spec_hash != hash) {
            return None;
        }
        if let (None, Some(head)) = (view.rollout_staged(&key), head) {
            let stands = !matches!(head.phase, Phase::Failed | Phase::Cancelled | Phase::Stopped);
            return stands.then(|| head.header.id.clone());
        }
        drop(view);
        tokio::time::timeout_at(deadline, changed).await.ok()?;
    }
}

/// The same specification again: the rollout that stands for it goes on; the region looks at the job once more.
async fn unchanged(core: &Core, job: &Job, id: &RolloutId) -> Result<WriteReply, Failure> {
    info!(rollout = %id, "the specification is unchanged, no new rollout");
    let view = core.view();
    let present = view.job(&job.key()).ok_or_else(|| Failure::not_found("job not found"))?;
    let job_modify_index = present.job_modify_index;
    let evals: Vec<_> = launch::eval_of(present, model::EvalTrigger::JobRegister, &mut core.ids()).into_iter().collect();
    let eval_id = evals.first().map(|eval| eval.id).unwrap_or_default();
    let applied = core.execute(Command::UpsertEvals { evals, time: now() }).await?;
    let value = WriteValue::Job { eval_id, job_modify_index, warnings: String::new(), unreached: Vec::new() };
    Ok(WriteReply { index: applied.index, value })
}

/// A proposal is being decided here for as long as this exists.
struct Submitting<'a> {
    core: &'a Core,
    id: &'a RolloutId,
}

impl<'a> Submitting<'a> {
    fn new(core: &'a Core, id: &'a RolloutId) -> Self {
        core.submitting().insert(id.clone());
        Self { core, id }
    }
}

impl Drop for Submitting<'_> {
    fn drop(&mut self) {
        self.core.submitting().remove(self.id);
        // If it is still not decided, it is withdrawn.
        self.core.signals.reconcile.notify_one();
    }
}

async fn propose(core: &Arc<Core>, register: &RegisterJob, header: &Arc<RolloutHeader>, deadline: Instant) -> Result<WriteReply, Failure> {
    let _submitting = Submitting::new(core, &header.id);
    let source = Some(Arc::clone(&register.job));
    let stage =
        Command::StageRollout { header: Arc::clone(header), source: source.clone(), submission: register.submission.clone(), time: now() };
    core.execute(stage).await?;
    let decided = vote(core, register, header, deadline).await;
    decided.map_err(|failure| if failure.text == NO_LEADER { left_behind() } else { failure })
}

async fn vote(core: &Arc<Core>, register: &RegisterJob, header: &Arc<RolloutHeader>, deadline: Instant) -> Result<WriteReply, Failure> {
    let peers: Vec<RegionName> = header.participants().filter(|region| **region != core.region).cloned().collect();
    let mut votes: Vec<(RegionName, Vote)> = Vec::new();
    let mut asked = peers.clone();
    loop {
        let job = Some(Arc::clone(&register.job));
        let request = RolloutRequest::Propose { header: Arc::clone(header), job, submission: register.submission.clone() };
        let heard = join_all(asked.iter().map(|region| ask(core, region, request.clone()))).await;
        votes.extend(asked.into_iter().zip(heard.into_iter().map(as_vote)));
        still_staged(&core.view(), header)?;
        match count(&header.id, &votes, Instant::now() < deadline) {
            Verdict::Commit => return commit(core, header).await,
            Verdict::AskAgain(regions) => {
                votes.retain(|(region, _)| !regions.contains(region));
                asked = regions;
                tokio::time::sleep(ASK_AGAIN_AFTER).await;
            }
            Verdict::Withdraw { reason, winner } => {
                withdraw(core, header, peers, &reason).await;
                return Err(Failure::new(if winner.is_some() { 409 } else { 500 }, reason));
            }
        }
    }
}

/// An older proposal takes precedence over one that is not decided; so does a new leader, who knows nothing of who decides it.
fn still_staged(view: &View, header: &RolloutHeader) -> Result<(), Failure> {
    let withdrawn = view.rollout(&header.id).filter(|rollout| matches!(rollout.phase, Phase::Withdrawn | Phase::Rejected));
    match withdrawn {
        Some(rollout) => Err(Failure::new(409, format!("the rollout was withdrawn, nothing was changed: {}", rollout.cause))),
        None => Ok(()),
    }
}

fn as_vote(reply: Result<RolloutReply, String>) -> Vote {
    match reply {
        Ok(RolloutReply::Voted) => Vote::Yes,
        Ok(RolloutReply::Rejected { reason }) => Vote::No(reason),
        Ok(RolloutReply::Busy { winner }) => Vote::Busy(winner),
        Ok(RolloutReply::MovedOn { winner }) => Vote::MovedOn(winner),
        Ok(_) => Vote::Silent("an answer of another kind".to_owned()),
        Err(problem) => Vote::Silent(problem),
    }
}

/// The origin's own vote: one log entry, the decision.
async fn commit(core: &Core, header: &RolloutHeader) -> Result<WriteReply, Failure> {
    let view = core.view();
    let staged = view.rollout(&header.id).ok_or_else(|| Failure::internal("the staged rollout is gone"))?;
    let command = multiregion::adopt(&view, staged, &core.region, now(), &mut core.ids());
    let eval_id = match &command {
        Command::AdoptRollout(adoption) => adoption.eval.as_ref().map(|eval| eval.id).unwrap_or_default(),
        _ => model::EvalId::NIL,
    };
    let applied = core.propose(command).await?;
    if let Outcome::Refused(reason) = &applied.outcome {
        still_staged(&core.view(), header)?;
        return Err(Failure::internal(reason.clone()));
    }
    info!(rollout = %header.id, job = %header.job_key(), version = header.job_version, "rollout committed");
    let value = WriteValue::Job { eval_id, job_modify_index: applied.index, warnings: String::new(), unreached: Vec::new() };
    Ok(WriteReply { index: applied.index, value })
}

async fn withdraw(core: &Arc<Core>, header: &RolloutHeader, peers: Vec<RegionName>, reason: &str) {
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
    // A courtesy, for which the user need not wait: the published record says the same.
    let (task, id, key) = (Arc::clone(core), header.id.clone(), header.job_key());
    core.tasks.spawn(async move {
        let asked = join_all(peers.iter().map(|region| {
            let request = RolloutRequest::Withdraw { id: id.clone(), key: key.clone(), reason: "withdrawn by its origin".to_owned() };
            ask(&task, region, request)
        }));
        tokio::select! {
            _ = asked => {}
            () = task.shutdown.cancelled() => {}
        }
    });
}

// ---- stop

/// Stops a job in all regions of its present rollout: a rollout of kind stop, without the barrier.
pub async fn stop_everywhere(core: &Arc<Core>, head: &Arc<Rollout>, purge: bool) -> Result<WriteReply, Failure> {
    let view = core.view();
    // Asked again, because somebody was not reached or the leader changed: the same stop, not another one.
    let staged = view.rollout_staged(&head.header.job_key());
    let present = staged.into_iter().chain([head]).find(|rollout| rollout.header.kind == RolloutKind::Stop);
    let header = present.map_or_else(|| Arc::new(stop(&view, head, Uuid::new_v4(), "", now())), |stop| Arc::clone(&stop.header));
    let others: Vec<RegionName> = header.participants().filter(|region| **region != core.region).cloned().collect();
    match stop_here(core, &header, purge).await? {
        RolloutReply::Busy { winner } => {
            return Err(Failure::new(409, format!("a rollout of the job is being decided: {winner}: stop it when it has begun")));
        }
        RolloutReply::MovedOn { winner } => return Err(Failure::new(409, format!("the job was not stopped: {}", moved_on(&winner)))),
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
        Outcome::MovedOn { winner } => return Ok(RolloutReply::MovedOn { winner }),
        Outcome::Refused(reason) => return Ok(RolloutReply::Rejected { reason }),
        Outcome::Done | Outcome::Registered { .. } | Outcome::Launched { .. } => {}
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

// ---- overrides

/// Writes down what a person asserts about the present rollout of a job; the other regions hear of it like of everything else.
pub async fn assert(core: &Core, key: &JobKey, overrides: Overrides) -> Result<WriteReply, Failure> {
    let view = core.view();
    let rollout = view.rollout_staged(key).or_else(|| view.rollout_head(key)).ok_or_else(|| Failure::not_found("rollout not found"))?;
    let header = &rollout.header;
    if header.kind == RolloutKind::Stop {
        return Err(Failure::bad_request(format!("rollout {} stops its job, which waits for nobody", header.id)));
    }
    let known: Vec<&str> = header.everybody().map(RegionName::as_str).collect();
    for region in overrides.released.iter().chain(&overrides.excluded) {
        match header.everybody().position(|known| known == region) {
            None => {
                return Err(Failure::bad_request(format!(
                    "region {:?} is no part of the rollout; known: {}",
                    region.as_str(),
                    known.join(", ")
                )));
            }
            Some(position) if position >= OverrideBits::REGIONS_MAX => {
                let max = OverrideBits::REGIONS_MAX;
                return Err(Failure::bad_request(format!("only the first {max} regions of a rollout can be released or excluded")));
            }
            Some(_) => {}
        }
    }
    let is_own_proposal = rollout.phase == Phase::Voted && header.id.origin == core.region;
    let command = match (overrides.aborted, rollout.phase == Phase::Voted) {
        // It is not decided: there is nothing to fail at yet.
        (true, true) if is_own_proposal => Command::UnstageRollout {
            id: header.id.clone(),
            phase: Phase::Withdrawn,
            cause: "aborted by a person".to_owned(),
            cause_region: RegionName::default(),
            time: now(),
        },
        (true, true) => {
            let origin = header.id.origin.as_str();
            return Err(Failure::bad_request(format!(
                "the rollout is being decided by region {origin:?}: abort it there, or exclude that region if it is gone for good"
            )));
        }
        _ => Command::OverrideRollout { id: header.id.clone(), overrides, time: now() },
    };
    let applied = core.execute(command).await?;
    Ok(WriteReply { index: applied.index, value: WriteValue::Done })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gossip::Status;

    /// One old server that is there keeps its region out, and is named; one that is gone does not, nor do those of other regions.
    #[test]
    fn old_servers() {
        let server = |id, region: &str, level, status| {
            let mut member = crate::members::tests::server(id, &format!("server-{id}"), status);
            member.meta.region = region.into();
            member.meta.feature_level = level;
            member
        };
        let pool = [
            server(1, "west", 1, Status::Alive),
            server(2, "west", 0, Status::Failed),
            server(3, "east", 7, Status::Alive),
            server(4, "east", 0, Status::Alive),
        ];
        assert_eq!(too_old(&pool, &"west".into()), None);
        let words = too_old(&pool, &"east".into()).expect("one is too old");
        assert!(words.starts_with("server-4.east cannot take part"), "{words}");
    }
}
