//! What people do: submit, stop, scale, pause, fail, unblock. The refusals are those of the server.

use std::sync::Arc;

use model::{IdSource, Job, MultiregionStrategy, OnFailure, Overrides, Phase, Rollout, RolloutHeader, Unreachable};
use multiregion::submission;
use state::{Command, Outcome, RegisterJob};

use super::call::{Answered, Reply, Request};
use super::executor::{Owner, Sim};
use super::world::World;
use crate::region::by_person;

/// What a person asks of one region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Deed {
    StopEverywhere,
    StopHere { purge: bool },
    ScaleHere,
    Pause,
    Resume,
    Fail,
    Unblock,
}

/// One thing after the other, `pause` seconds apart at most, until the world comes to rest.
pub async fn people(sim: Sim, pause: u32) {
    loop {
        let is_over = sim.with(|world| {
            if !world.is_resting {
                let region = world.dice.below(world.groups.len());
                if let Some(request) = world.wanted(region) {
                    World::person(world, &sim, region, request);
                }
            }
            world.is_resting
        });
        if is_over {
            return;
        }
        sim.pause(pause).await;
    }
}

impl World {
    /// Somebody asks any server of the region.
    pub fn person(world: &mut Self, sim: &Sim, region: usize, request: Request) {
        let servers: Vec<usize> = world.groups[region].servers.iter().copied().filter(|at| world.servers[*at].runs()).collect();
        let Some(at) = world.dice.pick(&servers).copied() else { return };
        let (life, task) = (world.servers[at].life, sim.clone());
        let owner = Owner::Server { at, life };
        let asked = async move {
            let _ = task.front(at, request).await;
        };
        world.spawned.push((owner, Box::pin(asked)));
    }

    pub fn wanted(&mut self, region: usize) -> Option<Request> {
        Some(match self.dice.below(20) {
            0..10 => Request::Submit { job: self.submission(region)? },
            10 => Request::Deed(Deed::StopEverywhere),
            11 => Request::Deed(Deed::StopHere { purge: self.dice.percent(30) }),
            12 => Request::Deed(Deed::ScaleHere),
            13..15 => Request::Deed(Deed::Pause),
            15..17 => Request::Deed(Deed::Resume),
            17 => Request::Deed(Deed::Fail),
            18 => Request::Assert { overrides: self.overrides() },
            _ => Request::Deed(Deed::Unblock),
        })
    }

    /// A new specification, or the present one again.
    pub fn submission(&mut self, region: usize) -> Option<Arc<Job>> {
        let again = self.groups[region].truth.rollout_head(&self.key).and_then(|head| head.source.clone());
        let again = again.filter(|_| self.dice.percent(15));
        let job = again.unwrap_or_else(|| Arc::new(self.new_spec(region)));
        submission::listed(&job).contains(&self.groups[region].name).then_some(job)
    }

    fn new_spec(&mut self, region: usize) -> Job {
        self.n_specs += 1;
        let mut names: Vec<String> = self.groups.iter().map(|group| group.name.to_string()).collect();
        self.dice.shuffle(&mut names);
        // Any two lists have a region in common, or they would be two jobs.
        let (own, shared) = (self.groups[region].name.to_string(), self.groups[0].name.to_string());
        if self.dice.percent(25)
            && let Some(position) = names.iter().position(|name| *name != own && *name != shared)
        {
            names.remove(position);
        }
        let strategy = MultiregionStrategy {
            max_parallel: self.dice.below(3) as i64,
            on_failure: [OnFailure::FailRemaining, OnFailure::FailAll, OnFailure::FailLocal][self.dice.below(3)],
            unreachable: if self.dice.percent(30) { Unreachable::Defer } else { Unreachable::Reject },
        };
        let bad: Vec<&str> = names.iter().map(String::as_str).filter(|_| self.dice.percent(18)).collect();
        let bad = bad.join(",");
        let mut job = testkit::job("web").count(0).no_reschedule().max_parallel(2).meta("bad", &bad);
        // Sometimes tasks need not start anew.
        let what = if self.dice.percent(70) { self.n_specs } else { 0 };
        job = job.env("VERSION", &what.to_string()).priority(1 + (self.n_specs % 90) as i64);
        if self.dice.percent(50) {
            job = job.auto_revert();
        }
        let regions: Vec<&str> = names.iter().map(String::as_str).collect();
        let count = 1 + self.dice.below(2) as i64;
        job.multiregion(strategy, &regions)
            .edit(|job| {
                for listed in job.multiregion.iter_mut().flat_map(|multiregion| &mut multiregion.regions) {
                    listed.count = count;
                }
            })
            .build()
    }

    /// That a region has done its part, or takes none, or that it is all over.
    fn overrides(&mut self) -> Overrides {
        let about = self.dice.below(self.groups.len());
        let region = self.groups[about].name.clone();
        match self.dice.below(5) {
            0..2 => Overrides { released: [region].into(), ..Default::default() },
            2..4 => Overrides { excluded: [region].into(), ..Default::default() },
            _ => Overrides { aborted: true, ..Default::default() },
        }
    }
}

/// Only when the rollout has ended here or is held.
fn may_be_scaled(world: &World, at: usize) -> bool {
    let store = &world.servers[at].store;
    let open = store.rollout_staged(&world.key).or_else(|| store.rollout_head(&world.key)).filter(|rollout| !rollout.phase.is_terminal());
    open.is_none_or(|rollout| rollout.phase == Phase::Held)
}

impl Sim {
    /// At the leader, on its own view.
    pub async fn deed(&self, at: usize, deed: Deed) -> Answered {
        if deed == Deed::StopEverywhere {
            return self.stop_everywhere(at).await;
        }
        let command = self.with(|world| {
            let (now, mut ids) = (world.unix(), world.dice.ids());
            let store = &world.servers[at].store;
            match deed {
                Deed::StopEverywhere => None,
                Deed::StopHere { purge } => {
                    let eval = control::job_eval(store.job(&world.key)?, model::EvalTrigger::JobDeregister, &mut ids);
                    Some(Command::DeregisterJob { key: world.key.clone(), purge, eval: Some(Box::new(eval)), time: now })
                }
                Deed::ScaleHere => scaled(world, at, &mut ids, now),
                Deed::Pause | Deed::Resume | Deed::Fail | Deed::Unblock => {
                    let head = store.rollout_head(&world.key)?;
                    let change = by_person(store, head, target(head, deed)?, deed == Deed::Unblock, &mut ids, now);
                    Some(Command::SetRolloutPhase(Box::new(change)))
                }
            }
        });
        let command = command.ok_or("nothing to do")?;
        self.propose(at, command).await.map(|_| Reply::Done)
    }

    pub async fn assert(&self, at: usize, overrides: Overrides) -> Answered {
        let command = self.with(|world| {
            let (now, store) = (world.unix(), &world.servers[at].store);
            let rollout = store.rollout_staged(&world.key).or_else(|| store.rollout_head(&world.key))?;
            let header = &rollout.header;
            let is_known = |region| header.everybody().any(|known| known == region);
            let all_known = overrides.released.iter().chain(&overrides.excluded).all(is_known);
            if !all_known || header.kind == model::RolloutKind::Stop || overrides.aborted && rollout.phase == Phase::Voted {
                return None;
            }
            Some(Command::OverrideRollout { id: header.id.clone(), overrides, time: now })
        });
        let command = command.ok_or("that cannot be said of the rollout")?;
        self.propose(at, command).await.map(|_| Reply::Done)
    }

    /// A stop has no barrier: it is decided where it is asked for, and told to the others.
    async fn stop_everywhere(&self, at: usize) -> Answered {
        let header = self.with(|world| {
            let (now, uuid) = (world.unix(), world.dice.uuid());
            let store = &world.servers[at].store;
            let head = store.rollout_head(&world.key)?;
            let present = store.rollout_staged(&world.key).into_iter().chain([head]);
            let same = present.into_iter().find(|rollout| rollout.header.kind == model::RolloutKind::Stop);
            Some(same.map_or_else(|| Arc::new(submission::stop(store, head, uuid, "", now)), |stop| Arc::clone(&stop.header)))
        });
        let header = header.ok_or("nothing to stop")?;
        match self.stop_here(at, &header).await? {
            Outcome::Done | Outcome::Registered { .. } => {}
            other => return Err(format!("{other:?}")),
        }
        let own = self.with(|world| world.group_of(at).name.clone());
        let others: Vec<_> = header.participants().filter(|region| **region != own).cloned().collect();
        futures::future::join_all(others.iter().map(|region| self.ask(at, region, Request::Stop { header: Arc::clone(&header) }))).await;
        Ok(Reply::Done)
    }

    pub async fn stop_here(&self, at: usize, header: &Arc<RolloutHeader>) -> Result<Outcome, String> {
        let stage =
            Command::StageRollout { header: Arc::clone(header), source: None, submission: None, time: self.with(|world| world.unix()) };
        let outcome = self.propose(at, stage).await?;
        let adoption = self.with(|world| {
            let (now, mut ids) = (world.unix(), world.dice.ids());
            let store = &world.servers[at].store;
            let staged = store.rollout(&header.id).filter(|rollout| rollout.phase == Phase::Voted)?;
            Some(multiregion::adopt(store, staged, &store.identity().region, now, &mut ids))
        });
        if let Some(command) = adoption.filter(|_| matches!(outcome, Outcome::Done | Outcome::Registered { .. })) {
            // The reconciler may have been faster: then this one is refused, and all is well.
            self.propose(at, command).await?;
        }
        Ok(outcome)
    }
}

fn scaled(world: &World, at: usize, ids: &mut IdSource, now: i64) -> Option<Command> {
    let present = world.servers[at].store.job(&world.key).filter(|job| !job.stop && may_be_scaled(world, at))?;
    let mut job = (**present).clone();
    for group in &mut job.task_groups {
        group.count += 1;
    }
    let eval = control::job_eval(&job, model::EvalTrigger::JobScaling, ids);
    let enforce_index = Some(present.job_modify_index);
    let register = RegisterJob { job: Arc::new(job), submission: None, enforce_index, eval: Some(eval), time: now };
    Some(Command::RegisterJob(Box::new(register)))
}

/// Where a person moves a rollout from where it is.
fn target(head: &Rollout, deed: Deed) -> Option<Phase> {
    let phase = head.phase;
    match deed {
        Deed::Pause => matches!(phase, Phase::Running | Phase::Adopted).then_some(Phase::Paused),
        Deed::Resume => head.resume_to.filter(|_| phase == Phase::Paused),
        Deed::Fail => (!phase.is_terminal()).then_some(Phase::Failed),
        Deed::Unblock => matches!(phase, Phase::Blocked | Phase::Held).then_some(Phase::Successful),
        Deed::StopEverywhere | Deed::StopHere { .. } | Deed::ScaleHere => None,
    }
}
