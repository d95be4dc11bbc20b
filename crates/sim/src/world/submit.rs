//! A submission as its origin drives it: ask, propose, count, commit. As in the server, it is gone with the process, and goes on without
//! leadership until the log refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use model::{Job, Phase, RegionName, RolloutHeader, RolloutId};
use multiregion::submission::{self, Answer, Answers, Decision, Verdict, Vote, listed};
use state::{Command, Outcome};

use super::Flaw;
use super::call::{Answered, REGION_TIMEOUT, Reply, Request};
use super::executor::Sim;
use crate::model::Flaw as Broken;

/// Regions are not asked again after this time since the submission.
const DECISION_TIMEOUT: Duration = Duration::from_secs(18);
/// The user has an answer within this time, whatever happens.
const SUBMISSION_TIMEOUT: Duration = Duration::from_secs(28);
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(200);

pub fn as_vote(outcome: Outcome) -> Vote {
    match outcome {
        Outcome::Busy { winner } => Vote::Busy(winner),
        Outcome::MovedOn { winner } => Vote::MovedOn(winner),
        Outcome::Refused(reason) => Vote::No(reason),
        Outcome::Done | Outcome::Registered { .. } | Outcome::Launched { .. } => Vote::Yes,
    }
}

/// A proposal is being decided here for as long as this exists.
struct Submitting {
    sim: Sim,
    at: usize,
    life: u32,
    id: RolloutId,
}

impl Submitting {
    fn new(sim: &Sim, at: usize, id: &RolloutId) -> Self {
        let life = sim.with(|world| {
            world.servers[at].submitting.insert(id.clone());
            world.servers[at].life
        });
        Self { sim: sim.clone(), at, life, id: id.clone() }
    }
}

impl Drop for Submitting {
    fn drop(&mut self) {
        self.sim.try_with(|world| {
            let server = &mut world.servers[self.at];
            if server.life == self.life {
                server.submitting.remove(&self.id);
                // If it is still not decided, it is withdrawn.
                server.reconcile.give();
            }
        });
    }
}

impl Sim {
    pub async fn submit(&self, at: usize, job: Arc<Job>) -> Answered {
        self.with(|world| world.tell(|| format!("{}: submission of {:?}", world.servers[at].name, listed(&job))));
        let began = self.with(|world| world.now);
        let decided = self.timeout(SUBMISSION_TIMEOUT, self.decide_and_commit(at, &job, began + DECISION_TIMEOUT)).await;
        let decided = decided.unwrap_or_else(|| Err("the rollout was not decided in time".to_owned()));
        self.with(|world| world.tell(|| format!("{}: submission of {:?}: {decided:?}", world.servers[at].name, listed(&job))));
        decided
    }

    async fn decide_and_commit(&self, at: usize, job: &Arc<Job>, deadline: Duration) -> Answered {
        let own = self.with(|world| world.group_of(at).name.clone());
        if !listed(job).contains(&own) {
            return Err(format!("region {own:?} is not in the job's list"));
        }
        let answers = self.ask_all(at, &own, job).await;
        let (uuid, now) = self.with(|world| (world.dice.uuid(), world.unix()));
        let header = match submission::decide(job, &own, &answers, uuid, "", now) {
            Decision::Refuse { reason, .. } => return Err(reason),
            Decision::Unchanged(id) => {
                self.with(|world| world.history.check_unchanged(&id, &world.groups));
                return Ok(Reply::Done);
            }
            Decision::Propose(header) => Arc::new(*header),
        };
        let _submitting = Submitting::new(self, at, &header.id);
        self.propose_rollout(at, job, &header, deadline).await
    }

    /// Asks every region of the list, and those that the job's present rollouts have beyond it.
    async fn ask_all(&self, at: usize, own: &RegionName, job: &Arc<Job>) -> Answers {
        let mut answers: Answers = Vec::new();
        let began = self.with(|world| world.now);
        let mut open: Vec<RegionName> = listed(job);
        let mut asked: BTreeSet<RegionName> = BTreeSet::new();
        while !open.is_empty() {
            asked.extend(open.iter().cloned());
            if self.with(|world| world.now) > began + REGION_TIMEOUT {
                answers.extend(open.into_iter().map(|region| (region, Err("there was no time left to ask it".to_owned()))));
                break;
            }
            let heard = join_all(open.iter().map(|region| self.ask_one(at, own, region, job))).await;
            let round: Vec<(RegionName, Result<Answer, String>)> = std::mem::take(&mut open).into_iter().zip(heard).collect();
            for (_, answer) in &round {
                for region in answer.iter().flat_map(|answer| &answer.head_regions) {
                    if !asked.contains(region) && !open.contains(region) {
                        open.push(region.clone());
                    }
                }
            }
            answers.extend(round);
        }
        answers
    }

    async fn ask_one(&self, at: usize, own: &RegionName, region: &RegionName, job: &Arc<Job>) -> Result<Answer, String> {
        if region == own {
            return Ok(self.with(|world| submission::answer(&world.servers[at].store, job, String::new())));
        }
        match self.ask(at, region, Request::Prepare { job: Arc::clone(job) }).await? {
            Reply::Prepared(answer) => {
                // The message between servers leaves it out: only the origin's own counts.
                Ok(Answer { head_listed: Vec::new(), ..*answer })
            }
            other => Err(format!("an answer of another kind: {other:?}")),
        }
    }

    async fn propose_rollout(&self, at: usize, job: &Arc<Job>, header: &Arc<RolloutHeader>, deadline: Duration) -> Answered {
        let (own, time) = self.with(|world| (world.group_of(at).name.clone(), world.unix()));
        let stage = Command::StageRollout { header: Arc::clone(header), source: Some(Arc::clone(job)), submission: None, time };
        match self.propose(at, stage).await? {
            Outcome::Done | Outcome::Registered { .. } | Outcome::Launched { .. } => {}
            other => return Err(format!("{other:?}")),
        }
        let peers: Vec<RegionName> = header.participants().filter(|region| **region != own).cloned().collect();
        let mut votes: BTreeMap<RegionName, Vote> = BTreeMap::new();
        let mut asked = peers.clone();
        loop {
            let heard = join_all(asked.iter().map(|region| self.ask_vote(at, region, header, job))).await;
            votes.extend(std::mem::take(&mut asked).into_iter().zip(heard));
            self.still_staged(at, header)?;
            let in_order: Vec<(RegionName, Vote)> =
                peers.iter().filter_map(|peer| Some((peer.clone(), votes.get(peer)?.clone()))).collect();
            let is_patient = self.with(|world| world.now) < deadline;
            match submission::count(&header.id, &in_order, is_patient) {
                Verdict::Commit => return self.commit_rollout(at, header).await,
                Verdict::AskAgain(regions) => {
                    asked = regions;
                    self.sleep(ASK_AGAIN_AFTER).await;
                }
                Verdict::Withdraw { reason, .. } => {
                    self.withdraw_rollout(at, header, peers, &reason).await;
                    return Err(reason);
                }
            }
        }
    }

    async fn ask_vote(&self, at: usize, region: &RegionName, header: &Arc<RolloutHeader>, source: &Arc<Job>) -> Vote {
        let request = Request::Propose { header: Arc::clone(header), source: Arc::clone(source) };
        match self.ask(at, region, request).await {
            _ if self.with(|world| world.has(Flaw::Protocol(Broken::TakesNoForYes))) => Vote::Yes,
            Ok(Reply::Voted(vote)) => vote,
            Ok(_) => Vote::Silent("an answer of another kind".to_owned()),
            Err(problem) => Vote::Silent(problem),
        }
    }

    /// An older proposal takes precedence over one that is not decided; so does a new leader, who knows nothing of who decides it.
    fn still_staged(&self, at: usize, header: &RolloutHeader) -> Result<(), String> {
        self.with(|world| match world.servers[at].store.rollout(&header.id) {
            Some(rollout) if matches!(rollout.phase, Phase::Withdrawn | Phase::Rejected) => Err("the rollout was withdrawn".to_owned()),
            _ => Ok(()),
        })
    }

    /// The origin's own vote: one log entry, the decision.
    async fn commit_rollout(&self, at: usize, header: &RolloutHeader) -> Answered {
        let command = self.with(|world| {
            let (now, mut ids) = (world.unix(), world.dice.ids());
            let store = &world.servers[at].store;
            let staged = store.rollout(&header.id)?;
            Some(multiregion::adopt(store, staged, &store.identity().region, now, &mut ids))
        });
        let command = command.ok_or("the staged rollout is gone")?;
        match self.propose(at, command).await? {
            Outcome::Refused(reason) => Err(reason),
            _ => Ok(Reply::Done),
        }
    }

    async fn withdraw_rollout(&self, at: usize, header: &RolloutHeader, peers: Vec<RegionName>, reason: &str) {
        let command = Command::UnstageRollout {
            id: header.id.clone(),
            phase: Phase::Withdrawn,
            cause: reason.to_owned(),
            cause_region: RegionName::default(),
            time: self.with(|world| world.unix()),
        };
        if self.propose(at, command).await.is_err() {
            // The reconciler withdraws what nobody decides.
            return;
        }
        // A courtesy: the published record says the same.
        let (task, id) = (self.clone(), header.id.clone());
        self.spawn_at(at, async move {
            join_all(peers.iter().map(|region| task.ask(at, region, Request::Withdraw { id: id.clone() }))).await;
        });
    }
}
