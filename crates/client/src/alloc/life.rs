//! The loop of one allocation: does what its `runner::Machine` says and tells it what happened.

use std::sync::Arc;
use std::time::Duration;

use drivers::{Exit, TaskDriver, TaskHandle, parse_signal};
use model::{AllocDeploymentStatus, Allocation, ClientStatus, DesiredStatus};
use runner::{Ended, Input, Machine, Output, Recovered, Saved, Settings, StartFailure, Unusable};
use tokio::sync::mpsc;
use tracing::{debug, error, info, warn};

use super::ahead::ahead_of;
use super::{AllocDir, AllocHandle, Command, Running, dirs, lock, migrate, payload, spec};
use crate::error::chain;
use crate::shared::Shared;
use crate::{measured, store, time};

pub(crate) struct Life {
    shared: Arc<Shared>,
    handle: AllocHandle,
    machine: Machine,
    commands: mpsc::UnboundedReceiver<Command>,
    /// Why nothing can be written down any more; nothing is started then.
    unwritable: Option<String>,
}

impl Life {
    pub fn new(
        shared: &Arc<Shared>,
        handle: AllocHandle,
        alloc: Arc<Allocation>,
        saved: Option<Saved>,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Result<Self, Unusable> {
        let settings = Settings {
            max_kill_timeout: i64::try_from(shared.config.max_kill_timeout.as_nanos()).unwrap_or(i64::MAX),
            // The low half of a random id is as good as dice.
            seed: handle.id.0.as_u64_pair().1,
        };
        let now = time::now();
        let machine = match saved {
            Some(saved) => Machine::restore(now, alloc, saved, settings)?,
            None => Machine::new(now, alloc, settings)?,
        };
        Ok(Self { shared: shared.clone(), handle, machine, commands, unwritable: None })
    }

    pub async fn run(mut self) {
        self.show_saved();
        loop {
            while let Some(output) = self.machine.poll() {
                self.act(output).await;
            }
            if self.machine.is_finished() {
                self.handle.set_finished();
            }
            let due = self.machine.wake_at();
            let pause = due.map(|at| Duration::from_nanos(u64::try_from(at.saturating_sub(time::now())).unwrap_or(0)));
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => return,
                },
                () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {
                    self.machine.handle(time::now(), Input::Tick);
                }
            }
        }
    }

    async fn obey(&mut self, command: Command) {
        let now = time::now();
        match command {
            Command::Updated(alloc) => self.updated(now, alloc),
            Command::Happened(input) => self.happened(now, input),
            Command::Restart { task, all_tasks, answer } => {
                let refusal = self.machine.restart_refusal(&task, all_tasks);
                if refusal.is_none() {
                    info!(alloc = %self.handle.id, task, all_tasks, "restart requested");
                    self.machine.handle(now, Input::Restart { task, all_tasks });
                }
                // Whoever asked may be gone.
                let _ = answer.send(refusal.map_or(Ok(()), Err));
            }
            Command::Signal { task, signal, answer } => {
                let result = self.signal(&task, &signal).await;
                let _ = answer.send(result);
            }
            Command::Cut(reason) => self.machine.handle(now, Input::Cut { reason }),
            Command::Report => self.shared.updates.push(self.machine.report()),
            Command::Halt => {
                let mut alloc = Allocation::clone(self.machine.alloc());
                alloc.desired_status = DesiredStatus::Stop;
                alloc.desired_transition.no_shutdown_delay = Some(true);
                self.machine.handle(now, Input::Updated(Arc::new(alloc)));
            }
        }
    }

    /// A region that was restored from a snapshot has forgotten what it was told: it is told again.
    fn updated(&mut self, now: i64, alloc: Arc<Allocation>) {
        let verdict = |status: &Option<AllocDeploymentStatus>| status.as_ref().and_then(|status| status.healthy);
        let (known, judged) = (alloc.client_status, verdict(&alloc.deployment_status));
        self.machine.handle(now, Input::Updated(alloc));
        let report = self.machine.report();
        let is_forgotten = known != report.client_status || verdict(&report.deployment_status).is_some_and(|own| judged != Some(own));
        let says_something = report.client_status != ClientStatus::Pending || known == ClientStatus::Unknown;
        if is_forgotten && !known.is_terminal() && says_something {
            self.shared.updates.push(report);
        }
    }

    fn happened(&mut self, now: i64, input: Input) {
        let id = self.handle.id;
        let gone = match &input {
            Input::Ended { task, ended, .. } => {
                info!(alloc = %id, task, code = ended.code, signal = ended.signal, message = ended.message, "task ended");
                measured::ended(&self.shared, self.machine.alloc(), task, ended);
                Some(task)
            }
            Input::Started { task, result: Err(failure), .. } => {
                info!(alloc = %id, task, error = failure.message, "task could not be started");
                Some(task)
            }
            Input::Started { task, .. } => {
                info!(alloc = %id, task, "task started");
                measured::started(&self.shared, self.machine.alloc(), task);
                None
            }
            Input::Recovered { task, outcome, .. } => {
                info!(alloc = %id, task, ?outcome, "task looked for");
                (*outcome != Recovered::Running).then_some(task)
            }
            _ => None,
        };
        if let Some(task) = gone {
            lock(&self.handle.inner.view).running.remove(task);
        }
        self.machine.handle(now, input);
    }

    async fn act(&mut self, output: Output) {
        debug!(alloc = %self.handle.id, ?output, "to do");
        match output {
            Output::Save { durable } => self.save(durable).await,
            Output::BuildDirs => self.build_dirs(),
            Output::Start { task, attempt } => {
                if attempt > 1 {
                    measured::restarted(&self.shared, self.machine.alloc(), &task);
                }
                self.start(task, attempt);
            }
            Output::Recover { task, attempt } => self.recover(task, attempt),
            Output::Stop { task, attempt, signal, timeout } => self.stop(task, attempt, &signal, timeout),
            Output::Report(update) => self.shared.updates.push(*update),
        }
    }

    async fn save(&mut self, durable: bool) {
        self.show_saved();
        let life = store::Life { saved: self.machine.saved(), collected: self.handle.is_collected() };
        match self.shared.store.remember_life(self.handle.id, &life, durable).await {
            Ok(()) => self.unwritable = None,
            Err(error) => {
                let error = chain(&error);
                error!(alloc = %self.handle.id, error, "how far the allocation has come could not be written down");
                self.unwritable = Some(error);
            }
        }
    }

    fn show_saved(&self) {
        lock(&self.handle.inner.view).saved = Some(self.machine.saved());
    }

    fn build_dirs(&self) {
        let (dir, alloc, handle) = (self.handle.dir.clone(), self.machine.alloc().clone(), self.handle.clone());
        let ahead = ahead_of(&self.shared, &alloc);
        let shared = self.shared.clone();
        self.shared.spawn(async move {
            if let Some(result) = build(&shared, &handle, dir, alloc, ahead).await {
                handle.send(Command::Happened(Input::DirsBuilt(result)));
            }
        });
    }

    fn start(&mut self, task: String, attempt: u64) {
        let refuse = |message: String, recoverable: bool| StartFailure { message, recoverable, in_setup: true };
        let prepared = match &self.unwritable {
            Some(problem) => Err(refuse(problem.clone(), true)),
            None => self.prepare(&task).map_err(|problem| refuse(problem, false)),
        };
        let (driver, spec) = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => {
                self.happened(time::now(), Input::Started { task, attempt, result: Err(failure) });
                return;
            }
        };
        let task_dir = self.handle.dir.task(&task);
        // The newer start is written down: nobody asks for the older one any more.
        if let Some(older) = attempt.checked_sub(1)
            && let Err(error) = dirs::remove(&task_dir.start(older))
        {
            debug!(%error, "an older start could not be removed");
        }
        let running = self.running(&task, driver, attempt);
        let handle = self.handle.clone();
        self.shared.spawn(async move {
            let result = running.driver.start(&running.handle, &spec).await;
            let started = result.is_ok();
            let result = result.map_err(|error| StartFailure { message: error.message, recoverable: error.recoverable, in_setup: false });
            handle.send(Command::Happened(Input::Started { task: task.clone(), attempt, result }));
            if started {
                attend(handle, running, task, attempt).await;
            }
        });
    }

    fn prepare(&self, task: &str) -> Result<(Arc<dyn TaskDriver>, drivers::TaskSpec), String> {
        let alloc = self.machine.alloc();
        let driver = spec::driver(&self.shared, alloc, task)?;
        let spec = spec::spec(&self.shared, &self.handle.dir, alloc, task)?;
        Ok((driver, spec))
    }

    fn recover(&mut self, task: String, attempt: u64) {
        let driver = match spec::driver(&self.shared, self.machine.alloc(), &task) {
            Ok(driver) => driver,
            Err(problem) => {
                self.happened(time::now(), Input::Recovered { task, attempt, outcome: Recovered::Lost(problem) });
                return;
            }
        };
        let running = self.running(&task, driver, attempt);
        let handle = self.handle.clone();
        self.shared.spawn(async move {
            let outcome = match running.driver.recover(&running.handle).await {
                drivers::Recovered::Running => Recovered::Running,
                drivers::Recovered::NeverStarted => Recovered::NeverStarted,
                drivers::Recovered::Exited(exit) => Recovered::Ended(ended(exit)),
                drivers::Recovered::Lost(reason) => Recovered::Lost(reason),
            };
            let found = outcome == Recovered::Running;
            handle.send(Command::Happened(Input::Recovered { task: task.clone(), attempt, outcome }));
            if found {
                attend(handle, running, task, attempt).await;
            }
        });
    }

    /// Puts the task where signals and statistics find it.
    fn running(&self, task: &str, driver: Arc<dyn TaskDriver>, attempt: u64) -> Running {
        let handle = TaskHandle { state_dir: self.handle.dir.task(task).start(attempt) };
        let running = Running { driver, handle };
        lock(&self.handle.inner.view).running.insert(task.to_owned(), running.clone());
        running
    }

    fn stop(&self, task: String, attempt: u64, signal: &str, timeout: i64) {
        let signal = match parse_signal(signal) {
            Ok(signal) => Some(signal),
            Err(_) if signal.is_empty() => None,
            Err(error) => {
                warn!(alloc = %self.handle.id, task, %error, "kill signal replaced by the driver's own");
                None
            }
        };
        let Some(running) = self.handle.running().remove(&task) else { return };
        let timeout = Duration::from_nanos(u64::try_from(timeout).unwrap_or(0));
        let handle = self.handle.clone();
        self.shared.spawn(async move {
            if let Err(error) = running.driver.stop(&running.handle, signal, timeout).await {
                let message = chain(&error);
                warn!(alloc = %handle.id, task, error = message, "task could not be stopped");
                handle.send(Command::Happened(Input::StopFailed { task, attempt, message }));
            }
        });
    }

    async fn signal(&mut self, task: &str, signal: &str) -> Result<(), String> {
        let parsed = parse_signal(signal).map_err(|error| error.to_string())?;
        let all = self.handle.running();
        if !task.is_empty() && !self.machine.tasks().any(|name| name == task) {
            return Err(format!("Could not find task named: {task}"));
        }
        let targets: Vec<(&String, &Running)> = all.iter().filter(|(name, _)| task.is_empty() || *name == task).collect();
        if targets.is_empty() {
            return Err("Task not running".to_owned());
        }
        for (name, running) in targets {
            self.machine.handle(time::now(), Input::Signaled { task: name.clone(), signal: parsed.to_string() });
            running.driver.signal(&running.handle, parsed).await.map_err(|error| format!("signalling task {name:?}: {}", chain(&error)))?;
        }
        Ok(())
    }
}

/// Waits for the end of a task.
async fn attend(handle: AllocHandle, running: Running, task: String, attempt: u64) {
    let exit = running.driver.wait(&running.handle).await;
    handle.send(Command::Happened(Input::Ended { task, attempt, ended: ended(exit) }));
}

fn ended(exit: Exit) -> Ended {
    Ended { code: exit.code, signal: exit.signal, oom_killed: exit.oom_killed, message: exit.message }
}

/// Waits for those ahead, and makes the directories with what comes from an earlier allocation; returns what there is to say about that, or what
/// went wrong. `None`: the allocation has ended meanwhile, and nobody needs them.
async fn build(
    shared: &Arc<Shared>,
    handle: &AllocHandle,
    dir: AllocDir,
    alloc: Arc<Allocation>,
    ahead: Vec<AllocHandle>,
) -> Option<Result<Option<String>, String>> {
    for other in ahead {
        info!(alloc = %handle.id, other = %other.id, "waiting for the end of another allocation");
        tokio::select! {
            () = other.finished() => {}
            () = handle.finished() => return None,
        }
    }
    let hold = handle.hold().await;
    if handle.is_finished() {
        return None;
    }
    let said = migrate::inherit(shared, handle, &alloc).await;
    if let Some(said) = &said {
        info!(alloc = %handle.id, "{said}");
    }
    let owner = handle.clone();
    let work = move || {
        let _hold = hold;
        if owner.is_finished() {
            return None;
        }
        owner.set_built();
        let tasks = alloc.group().map(|group| group.tasks.as_slice()).unwrap_or_default();
        let job = alloc.job.as_deref();
        let built = dir.build(tasks).and_then(|()| job.map_or(Ok(()), |job| payload::write(&dir, job, tasks)));
        Some(built.map(|()| said))
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Some(Err(error.to_string())))
}
