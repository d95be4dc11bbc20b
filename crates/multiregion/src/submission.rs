//! Submission in two phases: what a region answers when it is asked, and what the origin makes of the answers.

use std::collections::BTreeSet;

use model::{
    DeploymentState, Job, JobKey, MultiregionStrategy, Phase, RegionName, Rollout, RolloutHeader, RolloutId, RolloutKind, Unreachable, Uuid,
};
use state::Store;

use crate::interpolate::{effective_job, spec_hash};

/// What is published about a rollout names its job, and has to fit into one datagram.
const NAME_BYTES_MAX: usize = 256;

/// What one region says about a specification before anything is changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The rollout that is the head of the job here.
    pub head: Option<RolloutId>,
    pub head_phase: Option<Phase>,
    /// The largest version number that the job ever had here, also if it was removed.
    pub version: Option<u64>,
    /// Hash of the specification of the head.
    pub spec_hash: String,
    /// The largest rollout number seen here.
    pub lamport: u64,
    /// The regions that the head still concerns, so that the origin knows whom the new list leaves out.
    pub head_regions: Vec<RegionName>,
    /// The list of the head, in its order. Only what a region answers itself has it.
    pub head_listed: Vec<RegionName>,
    /// The job here is not what the head rollout put here: stopped, reverted, scaled.
    pub drifted: bool,
    /// A proposal that this region has voted for, and that is not decided: nothing else can be rolled out until it is.
    pub busy: Option<RolloutId>,
    /// Why not; empty when it can be rolled out here.
    pub refusal: String,
}

/// What this region answers. `refusal`: what the caller's own checks found (namespace, node pool, permission); empty when nothing.
pub fn answer(view: &Store, job: &Job, refusal: String) -> Answer {
    let key = job.key();
    let identity = view.identity();
    let head = view.rollout_head(&key);
    let mut answer = Answer {
        head: head.map(|head| head.header.id.clone()),
        head_phase: head.map(|head| head.phase),
        version: view.newest_version(&key),
        spec_hash: head.map(|head| head.header.spec_hash.clone()).unwrap_or_default(),
        head_regions: head.map(|head| asked_beyond(view, head)).unwrap_or_default(),
        head_listed: head.map(|head| head.header.regions.clone()).unwrap_or_default(),
        lamport: identity.lamport,
        drifted: drifted(view, &key),
        busy: view.rollout_staged(&key).map(|staged| staged.header.id.clone()),
        refusal,
    };
    if view.is_fenced() {
        answer.refusal = state::FENCED.to_owned();
    }
    let n_bytes = key.namespace.len() + key.id.len();
    if answer.refusal.is_empty() && n_bytes > NAME_BYTES_MAX {
        answer.refusal = format!(
            "namespace and id of the job have {n_bytes} bytes together, a multi-region job may have {NAME_BYTES_MAX}: shorten the id"
        );
    }
    if answer.refusal.is_empty()
        && let Some(other_type) = view.job(&key).and_then(|present| present.other_type(job))
    {
        answer.refusal = other_type;
    }
    answer
}

/// The regions that may still have to do with the job: those of the rollout's list, and those that it leaves out unless they are known to
/// have taken it over. Until then an older rollout may be running there.
fn concerned(view: &Store, head: &Rollout) -> Vec<RegionName> {
    let phase = head.resume_to.unwrap_or(head.phase);
    let has_run = view.deployment(head.deployment_id).is_some_and(|deployment| deployment.task_groups.values().any(has_started));
    // Nobody runs before everybody has adopted.
    let all_have_adopted =
        matches!(phase, Phase::Running | Phase::Blocked | Phase::Held | Phase::Unblocking | Phase::Successful | Phase::Dropped);
    let left_out = head.header.dropped.iter().filter(|_| !all_have_adopted && !has_run);
    head.header.regions.iter().chain(left_out).cloned().collect()
}

/// An excluded region may be gone for good: it is asked only by those who list it.
fn asked_beyond(view: &Store, head: &Rollout) -> Vec<RegionName> {
    let mut regions = concerned(view, head);
    regions.retain(|region| !head.overrides.excluded.contains(region));
    regions
}

fn has_started(group: &DeploymentState) -> bool {
    group.placed_allocs > 0 || !group.require_progress_by.is_never()
}

/// The rollout that stops the job wherever `head` may have brought it. It has no barrier: each region stops when it hears of it.
pub fn stop(view: &Store, head: &Rollout, uuid: Uuid, author: &str, now: i64) -> RolloutHeader {
    let identity = view.identity();
    let mut concerned = concerned(view, head);
    if !concerned.contains(&identity.region) {
        // A person may ask a region that an earlier list left out: who asks takes part.
        concerned.push(identity.region.clone());
    }
    let (regions, dropped) = concerned.into_iter().partition(|region| head.header.regions.contains(region));
    RolloutHeader {
        id: RolloutId { lamport: identity.lamport.saturating_add(1), origin: identity.region.clone(), uuid },
        base: Some(head.header.id.clone()),
        kind: RolloutKind::Stop,
        spec_hash: String::new(),
        regions,
        dropped,
        deferred: Vec::new(),
        author: author.to_owned(),
        submit_time: now,
        ..(*head.header).clone()
    }
}

/// Whether what the region has differs from what the head rollout put here.
fn drifted(view: &Store, key: &JobKey) -> bool {
    let Some(head) = view.rollout_head(key) else { return false };
    let Some(present) = view.job(key) else { return true };
    let wanted = head.source.as_ref().and_then(|source| effective_job(source, &view.identity().region));
    present.stop || present.version != head.header.job_version || wanted.is_none_or(|wanted| !wanted.same_specification(present))
}

/// What the origin does with the answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Everything is as asked already: this rollout stands for it.
    Unchanged(RolloutId),
    /// Propose this.
    Propose(Box<RolloutHeader>),
    /// Nothing is changed anywhere; every region with its answer. `winner`: another rollout came first, and nothing else is in the way.
    Refuse { reason: String, winner: Option<RolloutId> },
}

/// A region and what it said, or why it could not be asked.
pub type Answers = Vec<(RegionName, Result<Answer, String>)>;

/// Decides on the answers of all regions of the list and of those that the present head has beyond it. `origin` is among them.
pub fn decide(job: &Job, origin: &RegionName, answers: &Answers, uuid: Uuid, author: &str, now: i64) -> Decision {
    let regions = listed(job);
    let may_defer = strategy(job).unreachable == Unreachable::Defer;
    let is_silent = |region: &RegionName, answer: &Result<Answer, String>| answer.is_err() && !(may_defer && region != origin);
    let is_refused = |answer: &Result<Answer, String>| answer.as_ref().is_ok_and(|answer| !answer.refusal.is_empty());
    let hinders = answers.iter().any(|(region, answer)| is_silent(region, answer) || is_refused(answer));
    let busy = answers.iter().find_map(|(_, answer)| answer.as_ref().ok()?.busy.clone());
    if hinders || busy.is_some() {
        let winner = busy.filter(|_| !hinders);
        return Decision::Refuse { reason: report("the rollout was refused, nothing was changed", answers), winner };
    }
    let heard: Vec<(&RegionName, &Answer)> = answers.iter().filter_map(|(region, answer)| Some((region, answer.as_ref().ok()?))).collect();
    let Some((_, own)) = heard.iter().find(|(region, _)| *region == origin) else {
        let reason = format!("region {origin:?} did not answer itself");
        return Decision::Refuse { reason, winner: None };
    };
    // The newest head is replaced. A region that never had the job, or was left behind by an older list, follows.
    let heads: BTreeSet<&RolloutId> = heard.iter().filter_map(|(_, answer)| answer.head.as_ref()).collect();
    let base = heads.iter().next_back().map(|head| (*head).clone());
    let hash = spec_hash(job);
    let is_ended_badly = |phase: Phase| matches!(phase, Phase::Failed | Phase::Cancelled | Phase::Stopped | Phase::Dropped);
    let unchanged = heard.iter().all(|(region, answer)| {
        // A region that the same list has left out before has nothing more to become.
        let is_as_asked = || answer.spec_hash == hash && !answer.drifted && answer.head_phase.is_some_and(|phase| !is_ended_badly(phase));
        answer.head == base && (!regions.contains(region) || is_as_asked())
    });
    if unchanged && let Some(base) = &base {
        return Decision::Unchanged(base.clone());
    }
    let lamport = heard.iter().map(|(_, answer)| answer.lamport).max().unwrap_or(own.lamport).saturating_add(1);
    let job_version = heard.iter().filter_map(|(_, answer)| answer.version).max().map_or(0, |version| version.saturating_add(1));
    let asked = || answers.iter().map(|(region, _)| region.clone());
    let dropped: Vec<RegionName> = asked().filter(|region| !regions.contains(region)).collect();
    let deferred: Vec<RegionName> = asked().zip(answers).filter(|(_, (_, answer))| answer.is_err()).map(|(region, _)| region).collect();
    if !deferred.is_empty()
        && let Err(why) = may_begin_without(&deferred, own, base.as_ref(), &regions)
    {
        return Decision::Refuse { reason: report(&format!("the rollout was refused, nothing was changed: {why}"), answers), winner: None };
    }
    Decision::Propose(Box::new(RolloutHeader {
        id: RolloutId { lamport, origin: origin.clone(), uuid },
        namespace: job.namespace.clone(),
        job_id: job.id.clone(),
        base,
        kind: RolloutKind::Run,
        job_version,
        spec_hash: hash,
        regions,
        dropped,
        deferred,
        strategy: strategy(job),
        author: author.to_owned(),
        submit_time: now,
    }))
}

/// Whether a rollout may begin without those that are away, and why not. Two that replace the same rollout must have somebody in common, who
/// votes for one of them only: so more than half of its list take part, or half of it with its first. Before the first rollout there is nothing
/// to go by but the new list, and no half will do.
fn may_begin_without(away: &[RegionName], own: &Answer, base: Option<&RolloutId>, regions: &[RegionName]) -> Result<(), String> {
    if own.head.as_ref() != base {
        return Err("this region does not have the present rollout, so it does not know who must take part".to_owned());
    }
    let list = if base.is_some() { &own.head_listed[..] } else { regions };
    let n_there = list.iter().filter(|region| !away.contains(region)).count();
    let has_first = base.is_some() && list.first().is_some_and(|first| !away.contains(first));
    if 2 * n_there > list.len() || 2 * n_there == list.len() && has_first {
        return Ok(());
    }
    let half = if base.is_some() { ", or half of them with the first," } else { "" };
    Err(format!(
        "{n_there} of its {} regions can be asked, and more than half{half} must take part to go on without the others",
        list.len()
    ))
}

/// What one region says to a proposal.
#[derive(Clone, Debug, PartialEq)]
pub enum Vote {
    Yes,
    /// It will not, and why.
    No(String),
    /// It has voted for this other one, which is not decided.
    Busy(RolloutId),
    /// It has adopted this other one meanwhile.
    MovedOn(RolloutId),
    /// Why it could not be asked.
    Silent(String),
}

/// What the origin makes of the votes.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Adopt: that is the decision.
    Commit,
    /// These regions have voted for a younger proposal, which its origin withdraws when it hears of this one: ask them again, for as long as
    /// the user can wait.
    AskAgain(Vec<RegionName>),
    /// Withdraw: why, with every region's answer, and the older proposal that won if there is one.
    Withdraw { reason: String, winner: Option<RolloutId> },
}

/// Counts the votes of all participants but the origin. Of several proposals at once the oldest is never withdrawn for the others' sake, so
/// exactly one wins. `patient`: there is time to ask again.
pub fn count(id: &RolloutId, votes: &[(RegionName, Vote)], patient: bool) -> Verdict {
    if votes.iter().all(|(_, vote)| *vote == Vote::Yes) {
        return Verdict::Commit;
    }
    let waits_for = |vote: &Vote| matches!(vote, Vote::Busy(other) if other > id);
    if patient && votes.iter().all(|(_, vote)| *vote == Vote::Yes || waits_for(vote)) {
        return Verdict::AskAgain(votes.iter().filter(|(_, vote)| waits_for(vote)).map(|(region, _)| region.clone()).collect());
    }
    let winner = votes.iter().find_map(|(_, vote)| match vote {
        Vote::Busy(other) | Vote::MovedOn(other) => Some(other.clone()),
        _ => None,
    });
    let answers: Answers = votes.iter().map(|(region, vote)| (region.clone(), vote.as_answer())).collect();
    Verdict::Withdraw { reason: report("the rollout was refused, nothing was changed", &answers), winner }
}

impl Vote {
    fn as_answer(&self) -> Result<Answer, String> {
        Ok(match self {
            Self::Silent(problem) => return Err(problem.clone()),
            Self::Yes => Answer::default(),
            Self::No(reason) => Answer { refusal: reason.clone(), ..Default::default() },
            Self::Busy(winner) => Answer { busy: Some(winner.clone()), ..Default::default() },
            Self::MovedOn(winner) => Answer { refusal: moved_on(winner), ..Default::default() },
        })
    }
}

/// The regions of the job's list, in its order.
pub fn listed(job: &Job) -> Vec<RegionName> {
    job.multiregion.iter().flat_map(|multiregion| &multiregion.regions).map(|region| RegionName::from(region.name.as_str())).collect()
}

fn strategy(job: &Job) -> MultiregionStrategy {
    job.multiregion.as_ref().and_then(|multiregion| multiregion.strategy.clone()).unwrap_or_default()
}

/// Why a region cannot vote.
pub fn busy(winner: &RolloutId) -> String {
    format!("another rollout of the job is being decided: {winner}")
}

/// Why a region cannot vote any more.
pub fn moved_on(winner: &RolloutId) -> String {
    format!("another rollout of the job came first: {winner}")
}

/// Every region with its answer, for the user.
pub fn report(what: &str, answers: &Answers) -> String {
    let lines: Vec<String> = answers
        .iter()
        .map(|(region, answer)| match answer {
            Err(problem) => format!("\t* {region}: no answer: {problem}"),
            Ok(answer) if !answer.refusal.is_empty() => format!("\t* {region}: {}", answer.refusal),
            Ok(Answer { busy: Some(winner), .. }) => format!("\t* {region}: {}", busy(winner)),
            Ok(_) => format!("\t* {region}: ok"),
        })
        .collect();
    format!("{what}:\n{}", lines.join("\n"))
}
