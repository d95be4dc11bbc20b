//! What people do: submit, stop, scale, pause, fail, unblock. The refusals are those of the server.

use std::sync::Arc;

use model::{IdSource, Job, MultiregionStrategy, OnFailure, Overrides, Phase, RegionName, Rollout, Unreachable};
use state::{Command, PhaseChange, RegisterJob};

use crate::network::Body;
use crate::world::World;

impl World {
    pub fn submit_something(&mut self) {
        let at = self.dice.below(self.regions.len());
        self.people_submit(at);
    }

    pub fn people_do_something(&mut self, at: usize) {
        match self.dice.below(20) {
            0..10 => self.people_submit(at),
            10 => self.people_stop_everywhere(at),
            11 => self.people_stop_here(at),
            12 => self.people_scale_here(at),
            13..15 => self.people_pause(at),
            15..17 => self.people_resume(at),
            17 => self.people_fail(at),
            18 => self.people_assert(at),
            _ => self.people_unblock(at),
        }
    }

    fn people_submit(&mut self, at: usize) {
        if self.regions[at].submission.is_some() {
            return;
        }
        let again = self.regions[at].store.rollout_head(&self.key).and_then(|head| head.source.clone()).filter(|_| self.dice.percent(15));
        let job = again.unwrap_or_else(|| Arc::new(self.new_spec(at)));
        if job.multiregion.iter().flat_map(|multiregion| &multiregion.regions).any(|listed| listed.name == self.regions[at].name.as_str()) {
            self.submit(at, job);
        }
    }

    fn new_spec(&mut self, at: usize) -> Job {
        self.n_specs += 1;
        let mut names: Vec<String> = self.regions.iter().map(|region| region.name.to_string()).collect();
        for n in (1..names.len()).rev() {
            names.swap(n, self.dice.below(n + 1));
        }
        // Any two lists have a region in common, or they would be two jobs.
        let (own, shared) = (self.regions[at].name.to_string(), self.regions[0].name.to_string());
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

    fn head(&self, at: usize) -> Option<Rollout> {
        self.regions[at].store.rollout_head(&self.key).map(|head| (**head).clone())
    }

    /// A stop has no barrier: it is decided where it is asked for, and told to the others.
    fn people_stop_everywhere(&mut self, at: usize) {
        let Some(head) = self.head(at) else { return };
        let store = &self.regions[at].store;
        if store.rollout_staged(&self.key).is_some() {
            return;
        }
        let uuid = self.dice.0.next_uuid();
        let header = Arc::new(multiregion::submission::stop(store, &head, uuid, "", self.now));
        if !header.participants().any(|region| *region == self.regions[at].name) {
            return;
        }
        let command = Command::StageRollout { header: Arc::clone(&header), source: None, submission: None, time: self.now };
        self.apply(at, &command);
        let Some(staged) = self.regions[at].store.rollout(&header.id).cloned() else { return };
        let command = multiregion::adopt(
            &self.regions[at].store,
            &staged,
            &self.regions[at].name,
            self.now,
            &mut IdSource::new(self.dice.0.next_u64()),
        );
        self.apply(at, &command);
        self.told.stopped += 1;
        for to in (0..self.regions.len()).filter(|to| *to != at) {
            if header.participants().any(|region| *region == self.regions[to].name) {
                self.send(at, to, Body::Stop { header: Arc::clone(&header) });
            }
        }
    }

    fn people_stop_here(&mut self, at: usize) {
        let Some(job) = self.regions[at].store.job(&self.key) else { return };
        let eval = control::job_eval(job, model::EvalTrigger::JobDeregister, &mut IdSource::new(self.dice.0.next_u64()));
        let purge = self.dice.percent(30);
        let command = Command::DeregisterJob { key: self.key.clone(), purge, eval: Some(Box::new(eval)), time: self.now };
        self.apply(at, &command);
        self.history.people_were_here(&self.regions[at]);
    }

    /// Only when the rollout has ended here or is held.
    fn people_scale_here(&mut self, at: usize) {
        let store = &self.regions[at].store;
        let open = store.rollout_staged(&self.key).or_else(|| store.rollout_head(&self.key)).filter(|rollout| !rollout.phase.is_terminal());
        if open.is_some_and(|rollout| rollout.phase != Phase::Held) {
            return;
        }
        let Some(present) = store.job(&self.key).filter(|job| !job.stop) else { return };
        let mut job = (**present).clone();
        for group in &mut job.task_groups {
            group.count += 1;
        }
        let eval = control::job_eval(&job, model::EvalTrigger::JobScaling, &mut IdSource::new(self.dice.0.next_u64()));
        let register = RegisterJob { job: Arc::new(job), submission: None, enforce_index: None, eval: Some(eval), time: self.now };
        self.apply(at, &Command::RegisterJob(Box::new(register)));
        self.history.people_were_here(&self.regions[at]);
    }

    /// Through the guard of the state: what is not allowed is refused there.
    fn people_set_phase(&mut self, at: usize, to: impl Fn(&Rollout) -> Option<Phase>, forced: bool) {
        let Some(head) = self.head(at) else { return };
        let Some(to) = to(&head) else { return };
        let eval = self.regions[at]
            .store
            .job(&self.key)
            .map(|job| control::job_eval(job, model::EvalTrigger::DeploymentWatcher, &mut IdSource::new(self.dice.0.next_u64())));
        let change = PhaseChange {
            id: head.header.id.clone(),
            from: head.phase,
            to,
            cause: "a person".to_owned(),
            cause_region: RegionName::default(),
            forced,
            revert_to: None,
            stop_job: false,
            eval,
            time: self.now,
        };
        self.apply(at, &Command::SetRolloutPhase(Box::new(change)));
    }

    fn people_pause(&mut self, at: usize) {
        self.people_set_phase(at, |head| matches!(head.phase, Phase::Running | Phase::Adopted).then_some(Phase::Paused), false);
    }

    pub fn people_resume(&mut self, at: usize) {
        self.people_set_phase(at, |head| head.resume_to.filter(|_| head.phase == Phase::Paused), false);
    }

    fn people_fail(&mut self, at: usize) {
        self.people_set_phase(at, |head| (!head.phase.is_terminal()).then_some(Phase::Failed), false);
    }

    /// That a region has done its part, or takes none, or that it is all over.
    fn people_assert(&mut self, at: usize) {
        let Some(head) = self.head(at) else { return };
        let about = self.dice.below(self.regions.len());
        let region = self.regions[about].name.clone();
        if !head.header.everybody().any(|known| *known == region) {
            return;
        }
        let overrides = match self.dice.below(5) {
            0..2 => Overrides { released: [region].into(), ..Default::default() },
            2..4 => Overrides { excluded: [region].into(), ..Default::default() },
            _ => Overrides { aborted: true, ..Default::default() },
        };
        self.history.people_asserted(&head.header.id, &overrides);
        self.told.overridden += 1;
        self.apply(at, &Command::OverrideRollout { id: head.header.id.clone(), overrides, time: self.now });
    }

    fn people_unblock(&mut self, at: usize) {
        self.people_set_phase(at, |head| matches!(head.phase, Phase::Blocked | Phase::Held).then_some(Phase::Successful), true);
    }
}
