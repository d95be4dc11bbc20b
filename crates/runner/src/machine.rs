//! The machine: facts come in, `reconcile` decides.

use std::collections::VecDeque;
use std::sync::Arc;

use model::{
    AllocDeploymentStatus, AllocUpdate, Allocation, ClientStatus, Job, JobType, RAN_ITS_TIME, RestartPolicy, TaskGroup, TaskPhase, Time,
    format_duration,
};

use crate::health::{Criteria, Finding, Judgement, examine};
use crate::restart::{Ending, Verdict, dice};
use crate::saved::Saved;
use crate::task::{Actor, Doom, Role, Stage};
use crate::{Ended, Input, Output, Recovered, StartFailure, events};

/// What the node adds.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// No task may take longer to stop, nanoseconds.
    pub max_kill_timeout: i64,
    /// Spreads restarts; any number, different per allocation.
    pub seed: u64,
}

/// The allocation cannot be run at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable(pub String);

/// One allocation's life.
pub struct Machine {
    settings: Settings,
    alloc: Arc<Allocation>,
    job: Arc<Job>,
    dirs: Dirs,
    /// In the order of the group.
    actors: Vec<Actor>,
    judgement: Option<Judgement>,
    /// The node was silent, and tasks that are not found again yet have not been told that it is back.
    has_returned: bool,
    /// When the judgement wants to look again.
    judge_at: Option<i64>,
    /// All tasks begin anew as soon as the last one has ended.
    restarting_all: bool,
    /// Why the node itself ends it.
    cut: Option<String>,
    effects: VecDeque<Output>,
    outputs: VecDeque<Output>,
    last_saved: Option<Saved>,
    last_report: Option<AllocUpdate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dirs {
    Missing,
    Building,
    Built,
}

/// Why a task shall not run any more.
enum Why {
    AllocStopped,
    SiblingFailed(String),
    LeaderDead,
    MainsDead,
}

impl Machine {
    /// A new allocation.
    ///
    /// # Errors
    ///
    /// It comes without its job, or its job has no such group.
    pub fn new(now: i64, alloc: Arc<Allocation>, settings: Settings) -> Result<Self, Unusable> {
        let (job, actors) = {
            let (job, group) = parts(&alloc)?;
            (job.clone(), group.tasks.iter().map(Actor::new).collect())
        };
        let mut machine = Self::build(alloc, job, actors, settings);
        for actor in &mut machine.actors {
            actor.push(events::received(now));
        }
        machine.judgement = machine.begin_judgement(now);
        machine.settle(now);
        Ok(machine)
    }

    /// An allocation that an earlier agent had. Tasks that it had started are found again by [`Output::Recover`].
    ///
    /// # Errors
    ///
    /// As for [`Machine::new`].
    pub fn restore(now: i64, alloc: Arc<Allocation>, saved: Saved, settings: Settings) -> Result<Self, Unusable> {
        let (job, actors) = {
            let (job, group) = parts(&alloc)?;
            let actor = |task: &model::Task| match saved.tasks.get(&task.name) {
                Some(saved) => Actor::restore(task, saved),
                None => Actor::new(task),
            };
            (job.clone(), group.tasks.iter().map(actor).collect())
        };
        let mut machine = Self::build(alloc, job, actors, settings);
        machine.dirs = if saved.dirs_built { Dirs::Built } else { Dirs::Missing };
        machine.restarting_all = saved.restarting_all;
        machine.cut.clone_from(&saved.cut);
        machine.judgement = match saved.judgement.clone() {
            Some(judgement) if judgement.deployment_id == machine.alloc.deployment_id => Some(judgement),
            _ => machine.begin_judgement(now),
        };
        machine.last_saved = Some(saved);
        for index in 0..machine.actors.len() {
            machine.recover(index);
        }
        machine.settle(now);
        Ok(machine)
    }

    fn build(alloc: Arc<Allocation>, job: Arc<Job>, actors: Vec<Actor>, settings: Settings) -> Self {
        Self {
            settings,
            alloc,
            job,
            dirs: Dirs::Missing,
            actors,
            judgement: None,
            judge_at: None,
            restarting_all: false,
            cut: None,
            has_returned: false,
            effects: VecDeque::new(),
            outputs: VecDeque::new(),
            last_saved: None,
            last_report: None,
        }
    }

    /// Takes in what happened. Time never goes back for a machine: an earlier `now` only delays.
    pub fn handle(&mut self, now: i64, input: Input) {
        match input {
            Input::Tick => {}
            Input::Updated(alloc) => self.updated(now, alloc),
            Input::DirsBuilt(result) => self.dirs_built(now, result),
            Input::Started { task, attempt, result } => self.on(&task, attempt, |machine, index| machine.started(now, index, result)),
            Input::Recovered { task, attempt, outcome } => {
                self.on(&task, attempt, |machine, index| machine.recovered(now, index, outcome));
            }
            Input::Ended { task, attempt, ended } => self.on(&task, attempt, |machine, index| machine.ended(now, index, &ended)),
            Input::StopFailed { task, attempt, message } => {
                self.on(&task, attempt, |machine, index| machine.actors[index].push(events::kill_failed(now, &message)));
            }
            Input::Restart { task, all_tasks } => self.restart(now, &task, all_tasks),
            Input::Cut { reason } => self.cut(now, reason),
            Input::Signaled { task, signal } => {
                if let Some(actor) = self.actors.iter_mut().find(|actor| actor.name == task) {
                    actor.push(events::signaling(now, &signal));
                }
            }
        }
        self.settle(now);
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When a [`Input::Tick`] is due, if nothing happens before.
    pub fn wake_at(&self) -> Option<i64> {
        let of_actor = |actor: &Actor| match actor.stage {
            Stage::Backoff { until } | Stage::Delayed { until, .. } => Some(until),
            _ => None,
        };
        let run_ends_at = self.run_ends_at().filter(|_| !self.is_unwanted() && !self.is_finished());
        self.actors.iter().filter_map(of_actor).chain(self.judge_at).chain(run_ends_at).min()
    }

    /// What must be written down.
    pub fn saved(&self) -> Saved {
        Saved {
            dirs_built: self.dirs == Dirs::Built,
            tasks: self.actors.iter().map(|actor| (actor.name.clone(), actor.saved())).collect(),
            judgement: self.judgement.clone(),
            restarting_all: self.restarting_all,
            cut: self.cut.clone(),
        }
    }

    pub fn alloc(&self) -> &Arc<Allocation> {
        &self.alloc
    }

    /// No task runs or will run.
    pub fn is_finished(&self) -> bool {
        self.actors.iter().all(Actor::is_dead)
    }

    /// The number of the start under which a task runs now.
    pub fn running_attempt(&self, task: &str) -> Option<u64> {
        let actor = self.actors.iter().find(|actor| actor.name == task)?;
        matches!(actor.stage, Stage::Running | Stage::Delayed { .. } | Stage::Stopping { .. }).then_some(actor.attempt)
    }

    /// Names of the tasks, in the order of the group.
    pub fn tasks(&self) -> impl Iterator<Item = &str> {
        self.actors.iter().map(|actor| actor.name.as_str())
    }

    /// Why [`Input::Restart`] would do nothing; `None` when it will.
    pub fn restart_refusal(&self, task: &str, all_tasks: bool) -> Option<String> {
        if !task.is_empty() {
            return match self.actors.iter().find(|actor| actor.name == task) {
                None => Some(format!("Could not find task named: {task}")),
                Some(actor) if actor.stage != Stage::Running => Some("Task not running".to_owned()),
                Some(_) => None,
            };
        }
        if self.is_finished() || self.is_unwanted() {
            return Some("restart of an alloc that should not run".to_owned());
        }
        let none_runs = !self.actors.iter().any(|actor| actor.stage == Stage::Running);
        (none_runs && !all_tasks).then(|| "Task not running".to_owned())
    }

    // ---- facts

    fn on(&mut self, task: &str, attempt: u64, then: impl FnOnce(&mut Self, usize)) {
        if let Some(index) = self.actors.iter().position(|actor| actor.name == task && actor.attempt == attempt) {
            then(self, index);
        }
    }

    fn updated(&mut self, now: i64, alloc: Arc<Allocation>) {
        let Ok((job, _)) = parts(&alloc) else { return };
        self.job = job.clone();
        let same_deployment = alloc.deployment_id == self.alloc.deployment_id;
        // Also when a report that was on its way has told the region since that it runs.
        let silence = alloc.last_silence();
        if silence.is_some() && silence != self.alloc.last_silence() && !alloc.server_terminal() {
            // Tasks that an agent has not found again yet are told of it then.
            self.has_returned = self.actors.iter().any(|actor| matches!(actor.stage, Stage::Recovering { .. }));
            for actor in self.actors.iter_mut().filter(|actor| actor.stage == Stage::Running) {
                actor.push(events::reconnected(now));
            }
        }
        self.alloc = alloc;
        if !same_deployment {
            self.judgement = self.begin_judgement(now);
        } else if let Some(judgement) = &mut self.judgement
            && judgement.verdict.is_none()
            && let Some(status) = &self.alloc.deployment_status
            && let Some(healthy) = status.healthy
        {
            // A person said so.
            judgement.verdict = Some((healthy, status.timestamp.0));
        }
        if self.skips_delay() {
            for actor in &mut self.actors {
                if let Stage::Delayed { until, .. } = &mut actor.stage {
                    *until = now;
                    actor.push(events::skipping_shutdown_delay(now));
                }
            }
        }
    }

    fn dirs_built(&mut self, now: i64, result: Result<Option<String>, String>) {
        if self.dirs != Dirs::Building {
            return;
        }
        match result {
            Ok(said) => {
                self.dirs = Dirs::Built;
                if let Some(text) = &said {
                    self.actors.iter_mut().for_each(|actor| actor.push(events::setup(now, text)));
                }
            }
            Err(error) => {
                for actor in &mut self.actors {
                    actor.push(events::setup_failure(now, &error));
                    actor.dies(now, true);
                }
            }
        }
    }

    fn started(&mut self, now: i64, index: usize, result: Result<(), StartFailure>) {
        let actor = &mut self.actors[index];
        let Stage::Starting { doom } = actor.stage else { return };
        match (result, doom) {
            (Ok(()), None) => actor.runs(now),
            (Ok(()), Some(doom)) => {
                actor.runs(now);
                self.stop(now, index, doom);
            }
            (Err(failure), doom) => {
                let event = if failure.in_setup { events::setup_failure } else { events::driver_failure };
                actor.push(event(now, &failure.message));
                match doom {
                    Some(doom) => self.stopped(now, index, doom),
                    None if failure.recoverable => self.judge_end(now, index, Ending::Failure),
                    None => self.judge_end(now, index, Ending::Unrecoverable),
                }
            }
        }
    }

    fn recovered(&mut self, now: i64, index: usize, outcome: Recovered) {
        let actor = &mut self.actors[index];
        let Stage::Recovering { doom } = actor.stage else { return };
        match outcome {
            Recovered::Running => {
                actor.stage = Stage::Running;
                if actor.state.state != TaskPhase::Running {
                    // It started, and then the agent died before it could say so.
                    actor.runs(now);
                }
                if self.has_returned {
                    actor.push(events::reconnected(now));
                }
                if let Some(doom) = doom {
                    self.stop(now, index, doom);
                }
            }
            Recovered::NeverStarted => match doom {
                Some(doom) => self.stopped(now, index, doom),
                None => actor.stage = Stage::Backoff { until: now },
            },
            Recovered::Ended(ended) => {
                if !actor.was_started() {
                    actor.runs(now);
                }
                actor.stage = doom.map_or(Stage::Running, |doom| Stage::Stopping { doom });
                self.ended(now, index, &ended);
            }
            Recovered::Lost(reason) => {
                actor.push(events::restore_failed(now, &reason));
                match doom {
                    Some(doom) => self.stopped(now, index, doom),
                    None => self.judge_end(now, index, Ending::Failure),
                }
            }
        }
    }

    fn ended(&mut self, now: i64, index: usize, ended: &Ended) {
        let actor = &mut self.actors[index];
        match actor.stage {
            Stage::Running => {
                actor.push(events::terminated(now, ended));
                self.judge_end(now, index, if ended.success() { Ending::Success } else { Ending::Failure });
            }
            Stage::Delayed { doom, .. } | Stage::Stopping { doom } => {
                actor.push(events::terminated(now, ended));
                self.stopped(now, index, doom);
            }
            _ => {}
        }
    }

    fn restart(&mut self, now: i64, task: &str, all_tasks: bool) {
        if self.restart_refusal(task, all_tasks).is_some() {
            return;
        }
        let (doom, reason) = match (task.is_empty(), all_tasks) {
            (false, _) => (Doom::Restart, "User requested task to restart"),
            (true, false) => (Doom::Restart, "User requested running tasks to restart"),
            (true, true) => (Doom::Reset, "User requested all tasks to restart"),
        };
        for index in 0..self.actors.len() {
            let actor = &mut self.actors[index];
            if !task.is_empty() && actor.name != task {
                continue;
            }
            match &mut actor.stage {
                Stage::Running => {
                    actor.push(events::restart_signaled(now, reason));
                    self.stop(now, index, doom);
                }
                Stage::Dead | Stage::Backoff { .. } if doom == Doom::Reset => {
                    actor.push(events::restart_signaled(now, reason));
                    actor.state.failed = false;
                    actor.state.finished_at = Time::NEVER;
                    actor.returns(now, Stage::Waiting);
                }
                Stage::Starting { doom: open } | Stage::Recovering { doom: open } if doom == Doom::Reset => *open = Some(doom),
                _ => {}
            }
        }
        self.restarting_all |= doom == Doom::Reset;
    }

    /// The first reason stays.
    fn cut(&mut self, now: i64, reason: String) {
        if self.is_unwanted() || self.is_finished() {
            return;
        }
        for actor in self.actors.iter_mut().filter(|actor| !actor.is_dead() && actor.role != Role::Poststop) {
            actor.push(events::cut(now, &reason));
        }
        self.cut = Some(reason);
    }

    fn recover(&mut self, index: usize) {
        let actor = &mut self.actors[index];
        let doom = match actor.stage {
            Stage::Starting { doom } | Stage::Recovering { doom } => doom,
            Stage::Running => None,
            Stage::Delayed { doom, .. } | Stage::Stopping { doom } => Some(doom),
            Stage::Waiting | Stage::Backoff { .. } | Stage::Dead => return,
        };
        actor.stage = Stage::Recovering { doom };
        self.effects.push_back(Output::Recover { task: actor.name.clone(), attempt: actor.attempt });
    }

    // ---- consequences for one task

    /// Nobody asked it to end: does it start again?
    fn judge_end(&mut self, now: i64, index: usize, ending: Ending) {
        let policy = self.policy(index);
        let seed = self.settings.seed.wrapping_add(self.actors[index].attempt).wrapping_add((index as u64) << 32);
        let again_on_success = self.runs_for_ever(self.actors[index].role);
        let is_unwanted = self.is_unwanted();
        let actor = &mut self.actors[index];
        if is_unwanted {
            actor.dies(now, false);
            return;
        }
        match actor.tracker.ended(now, ending, again_on_success, &policy, dice(seed)) {
            Verdict::Restart { delay, reason } => {
                actor.push(events::restarting(now, delay, &reason));
                actor.returns(now, Stage::Backoff { until: now.saturating_add(delay) });
            }
            Verdict::Done => actor.dies(now, false),
            Verdict::Fail { reason } => {
                actor.push(events::not_restarting(now, &reason));
                actor.dies(now, true);
            }
        }
    }

    /// It was asked to end, and did.
    fn stopped(&mut self, now: i64, index: usize, doom: Doom) {
        let actor = &mut self.actors[index];
        match doom {
            Doom::Die => {
                actor.push(events::killed(now));
                actor.dies(now, false);
            }
            Doom::Restart => {
                actor.push(events::restarting(now, 0, ""));
                actor.returns(now, Stage::Backoff { until: now });
            }
            Doom::Reset => actor.returns(now, Stage::Waiting),
        }
    }

    /// Begins to stop a running task, after its delay.
    fn stop(&mut self, now: i64, index: usize, doom: Doom) {
        let Some(group) = group(&self.job, &self.alloc) else { return };
        let whole = if self.is_unwanted() { group.shutdown_delay.unwrap_or(0) } else { 0 };
        let own = group.task(&self.actors[index].name).map_or(0, |task| task.shutdown_delay);
        let delay = whole.max(0).saturating_add(own.max(0));
        let skips = self.skips_delay();
        let actor = &mut self.actors[index];
        if delay > 0 && !skips {
            actor.push(events::shutdown_delay(now, delay));
            actor.stage = Stage::Delayed { until: now.saturating_add(delay), doom };
            return;
        }
        if delay > 0 {
            actor.push(events::skipping_shutdown_delay(now));
        }
        self.kill(now, index, doom);
    }

    fn kill(&mut self, now: i64, index: usize, doom: Doom) {
        let Some(group) = group(&self.job, &self.alloc) else { return };
        let actor = &mut self.actors[index];
        let task = group.task(&actor.name);
        let timeout = task.map_or(0, |task| task.kill_timeout).clamp(0, self.settings.max_kill_timeout.max(0));
        let signal = task.map_or_else(String::new, |task| task.kill_signal.clone());
        actor.push(events::killing(now, timeout));
        actor.stage = Stage::Stopping { doom };
        self.effects.push_back(Output::Stop { task: actor.name.clone(), attempt: actor.attempt, signal, timeout });
    }

    fn start(&mut self, index: usize) {
        let actor = &mut self.actors[index];
        actor.attempt += 1;
        actor.stage = Stage::Starting { doom: None };
        self.effects.push_back(Output::Start { task: actor.name.clone(), attempt: actor.attempt });
    }

    // ---- decisions

    /// Looks at everything and decides what to do now.
    fn reconcile(&mut self, now: i64) {
        if let Some(limit) = self.max_run_duration().filter(|_| self.run_ends_at().is_some_and(|end| end <= now)) {
            self.cut(now, format!("{RAN_ITS_TIME}{}", format_duration(limit)));
        }
        if self.dirs == Dirs::Missing && !self.is_unwanted() && !self.is_finished() {
            self.dirs = Dirs::Building;
            for actor in &mut self.actors {
                actor.push(events::setup(now, "Building Task Directory"));
            }
            self.effects.push_back(Output::BuildDirs);
        }
        // The end of one task may decide about the next, but every task changes only forward.
        loop {
            let before: Vec<Stage> = self.actors.iter().map(|actor| actor.stage.clone()).collect();
            for index in 0..self.actors.len() {
                if let Some(why) = self.why_stop(index) {
                    self.end(now, index, why);
                }
                self.due(now, index);
            }
            if self.actors.iter().map(|actor| &actor.stage).eq(before.iter()) {
                break;
            }
        }
        self.judge(now);
    }

    /// `None`: the task may run.
    fn why_stop(&self, index: usize) -> Option<Why> {
        let actor = &self.actors[index];
        if actor.role == Role::Poststop || actor.is_dead() {
            return None;
        }
        let leader = self.actors.iter().find(|other| other.leader);
        if self.is_unwanted() {
            // The leader goes first.
            let waits = leader.is_some_and(|leader| !leader.is_dead() && !actor.leader);
            return (!waits).then_some(Why::AllocStopped);
        }
        let counts = |other: &&Actor| other.role != Role::Poststop && other.name != actor.name;
        if let Some(failed) = self.actors.iter().filter(counts).find(|other| other.has_failed()) {
            return Some(Why::SiblingFailed(failed.name.clone()));
        }
        if leader.is_some_and(|leader| leader.is_dead() && !actor.leader) {
            return Some(Why::LeaderDead);
        }
        (actor.role != Role::Main && self.mains_dead()).then_some(Why::MainsDead)
    }

    fn end(&mut self, now: i64, index: usize, why: Why) {
        let actor = &mut self.actors[index];
        let already = match &mut actor.stage {
            Stage::Delayed { doom, .. } | Stage::Stopping { doom } => *doom == Doom::Die,
            Stage::Starting { doom } | Stage::Recovering { doom } => *doom == Some(Doom::Die),
            _ => false,
        };
        if already {
            return;
        }
        match why {
            Why::AllocStopped => {}
            Why::SiblingFailed(name) => actor.push(events::sibling_failed(now, &name)),
            Why::LeaderDead => actor.push(events::leader_dead(now)),
            Why::MainsDead => actor.push(events::mains_dead(now)),
        }
        match &mut actor.stage {
            Stage::Waiting | Stage::Backoff { .. } => actor.dies(now, false),
            Stage::Running => self.stop(now, index, Doom::Die),
            Stage::Delayed { doom, .. } | Stage::Stopping { doom } => *doom = Doom::Die,
            Stage::Starting { doom } | Stage::Recovering { doom } => *doom = Some(Doom::Die),
            Stage::Dead => {}
        }
    }

    /// What is due for a task that may run.
    fn due(&mut self, now: i64, index: usize) {
        match self.actors[index].stage {
            Stage::Delayed { until, doom } if until <= now => self.kill(now, index, doom),
            Stage::Backoff { until } if until <= now && self.dirs == Dirs::Built => self.start(index),
            Stage::Waiting => match self.turn(self.actors[index].role) {
                Turn::Now => self.start(index),
                Turn::Never => self.actors[index].dies(now, false),
                Turn::Later => {}
            },
            _ => {}
        }
    }

    fn turn(&mut self, role: Role) -> Turn {
        if self.restarting_all {
            if self.actors.iter().any(Actor::is_busy) {
                return Turn::Later;
            }
            self.restarting_all = false;
        }
        let mut actors = self.actors.iter();
        let open = match role {
            Role::Prestart { .. } => true,
            Role::Main => actors.all(|other| match other.role {
                Role::Prestart { sidecar: false } => other.is_dead() && !other.state.failed,
                Role::Prestart { sidecar: true } => other.stage == Stage::Running,
                _ => true,
            }),
            Role::Poststart { .. } => {
                actors.filter(|other| other.role == Role::Main).all(|other| other.stage == Stage::Running || other.is_dead())
            }
            Role::Poststop => {
                if !self.mains_dead() {
                    return Turn::Later;
                }
                // There is nothing to clean up after what never ran.
                if !actors.any(Actor::was_started) {
                    return Turn::Never;
                }
                true
            }
        };
        if open && self.dirs == Dirs::Built { Turn::Now } else { Turn::Later }
    }

    /// Gives the verdict when it is due.
    fn judge(&mut self, now: i64) {
        self.judge_at = None;
        if self.is_unwanted() {
            return;
        }
        let criteria = group(&self.job, &self.alloc).and_then(|group| Criteria::of(group, self.job.kind, self.alloc.deployment_id));
        let (Some(judgement), Some(criteria)) = (&mut self.judgement, criteria) else { return };
        let unsure = self.actors.iter().any(|actor| matches!(actor.stage, Stage::Recovering { .. }));
        if judgement.verdict.is_some() || unsure {
            return;
        }
        match examine(now, judgement.since, criteria, &self.actors) {
            Finding::Open { at } => self.judge_at = Some(at),
            Finding::Healthy => judgement.verdict = Some((true, now)),
            Finding::Unhealthy(offenders) => {
                judgement.verdict = Some((false, now));
                for (name, why) in offenders {
                    if let Some(actor) = self.actors.iter_mut().find(|actor| actor.name == name) {
                        actor.push(events::unhealthy(now, &why));
                    }
                }
            }
        }
    }

    /// Reconciles, and queues what follows: first write down, then act, then tell.
    fn settle(&mut self, now: i64) {
        self.reconcile(now);
        let saved = self.saved();
        if self.last_saved.as_ref() != Some(&saved) {
            let durable = self.effects.iter().any(|effect| matches!(effect, Output::Start { .. } | Output::BuildDirs));
            self.outputs.push_back(Output::Save { durable });
            self.last_saved = Some(saved);
        }
        self.outputs.append(&mut self.effects);
        let report = self.report();
        if self.last_report.as_ref() != Some(&report) {
            self.outputs.push_back(Output::Report(Box::new(report.clone())));
            self.last_report = Some(report);
        }
    }

    // ---- views

    /// What the region is told.
    pub fn report(&self) -> AllocUpdate {
        let (client_status, description) = self.client_status();
        let canary = self.alloc.is_canary();
        let verdict = self.judgement.as_ref().and_then(|judgement| judgement.verdict);
        let deployment_id = self.judgement.as_ref().map(|judgement| judgement.deployment_id).unwrap_or_default();
        AllocUpdate {
            id: self.alloc.id,
            client_status,
            client_description: description.into(),
            task_states: self.actors.iter().map(|actor| (actor.name.clone(), actor.state.clone())).collect(),
            deployment_id,
            deployment_status: verdict.map(|(healthy, at)| AllocDeploymentStatus {
                healthy: Some(healthy),
                timestamp: Time(at),
                canary,
                modify_index: 0,
            }),
            network_status: None,
        }
    }

    fn client_status(&self) -> (ClientStatus, &str) {
        // Cleaning up decides nothing about the work.
        if self.actors.iter().any(|actor| actor.role != Role::Poststop && actor.has_failed()) {
            return (ClientStatus::Failed, "Failed tasks");
        }
        let words = self.cut.as_deref().unwrap_or("All tasks have completed");
        let any = |phase: TaskPhase| self.actors.iter().any(|actor| actor.state.state == phase);
        if any(TaskPhase::Running) {
            (ClientStatus::Running, "Tasks are running")
        } else if any(TaskPhase::Pending) {
            (ClientStatus::Pending, "No tasks have started")
        } else {
            (ClientStatus::Complete, words)
        }
    }

    /// Its tasks are not to run any more: the region says so, or the node.
    fn is_unwanted(&self) -> bool {
        self.alloc.server_terminal() || self.cut.is_some()
    }

    fn max_run_duration(&self) -> Option<i64> {
        let is_finite = matches!(self.job.kind, JobType::Batch | JobType::Sysbatch);
        group(&self.job, &self.alloc)?.max_run_duration.filter(|limit| is_finite && *limit > 0)
    }

    /// When it has run for as long as it may, counted from its creation.
    fn run_ends_at(&self) -> Option<i64> {
        self.max_run_duration().map(|limit| self.alloc.create_time.saturating_add(limit))
    }

    fn mains_dead(&self) -> bool {
        self.actors.iter().filter(|actor| actor.role == Role::Main).all(Actor::is_dead)
    }

    fn skips_delay(&self) -> bool {
        self.alloc.desired_transition.no_shutdown_delay == Some(true)
    }

    fn runs_for_ever(&self, role: Role) -> bool {
        match role {
            Role::Main => matches!(self.job.kind, JobType::Service | JobType::System),
            role => role.is_sidecar(),
        }
    }

    fn policy(&self, index: usize) -> RestartPolicy {
        let Some(group) = group(&self.job, &self.alloc) else { return RestartPolicy::default() };
        let own = group.task(&self.actors[index].name).and_then(|task| task.restart_policy.clone());
        own.or_else(|| group.restart_policy.clone()).unwrap_or_default()
    }

    fn begin_judgement(&self, now: i64) -> Option<Judgement> {
        let deployment_id = self.alloc.deployment_id;
        let group = group(&self.job, &self.alloc)?;
        Criteria::of(group, self.job.kind, deployment_id)?;
        Some(Judgement { deployment_id, since: now, verdict: None })
    }
}

/// Whether a waiting task starts.
enum Turn {
    Now,
    Later,
    Never,
}

fn group<'a>(job: &'a Job, alloc: &Allocation) -> Option<&'a TaskGroup> {
    job.group(&alloc.task_group)
}

fn parts(alloc: &Allocation) -> Result<(&Arc<Job>, &TaskGroup), Unusable> {
    let job = alloc.job.as_ref().ok_or_else(|| Unusable("the allocation came without its job".to_owned()))?;
    let group = group(job, alloc);
    group.map(|group| (job, group)).ok_or_else(|| Unusable(format!("job {:?} has no group {:?}", job.id.as_str(), alloc.task_group)))
}
