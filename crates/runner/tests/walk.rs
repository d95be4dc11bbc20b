//! Random lives: whatever happens in whatever order, some things hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::*;
use runner::{Ended, Input, Machine, Output, Recovered, Settings, StartFailure};

const SECOND: i64 = 1_000_000_000;

/// Numbers that follow from a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn alloc(dice: &mut Dice) -> Allocation {
    use LifecycleHook::*;
    let hooks =
        [(Unset, false), (Unset, false), (Prestart, false), (Prestart, true), (Poststart, false), (Poststart, true), (Poststop, false)];
    let n_tasks = 1 + dice.below(5);
    let mut tasks: Vec<Task> = Vec::new();
    for n in 0..n_tasks {
        let (hook, sidecar) = if n == 0 { (Unset, false) } else { hooks[dice.below(7) as usize] };
        tasks.push(Task {
            name: format!("t{n}"),
            leader: n == 0 && dice.below(4) == 0,
            kill_timeout: 5 * SECOND,
            shutdown_delay: dice.below(3) as i64 * SECOND,
            lifecycle: (hook != Unset).then_some(TaskLifecycle { hook, sidecar }),
            ..Task::default()
        });
    }
    let restart_policy = RestartPolicy {
        attempts: dice.below(4) as i64,
        interval: 60 * SECOND,
        delay: 3 * SECOND,
        mode: if dice.below(3) == 0 { RestartMode::Delay } else { RestartMode::Fail },
        render_templates: false,
    };
    let update = UpdateStrategy { min_healthy_time: 5 * SECOND, healthy_deadline: 30 * SECOND, ..UpdateStrategy::default() };
    let group =
        TaskGroup { name: "g".to_owned(), tasks, restart_policy: Some(restart_policy), update: Some(update), ..TaskGroup::default() };
    let kind = if dice.below(2) == 0 { JobType::Service } else { JobType::Batch };
    Allocation {
        id: AllocId(Uuid::from_u128(1)),
        task_group: "g".into(),
        job: Some(Arc::new(Job { kind, task_groups: vec![group], ..Job::default() })),
        deployment_id: DeploymentId(Uuid::from_u128(1)),
        ..Allocation::default()
    }
}

/// What the node really does, and what it still has to answer.
#[derive(Default)]
struct Node {
    /// Newest start of each task, and whether it lives.
    live: BTreeMap<String, u64>,
    answers: Vec<Input>,
}

impl Node {
    fn obey(&mut self, machine: &mut Machine, dice: &mut Dice, seed: u64) {
        let mut saved_before_start = false;
        while let Some(output) = machine.poll() {
            match output {
                Output::Save { durable } => saved_before_start |= durable,
                Output::BuildDirs => {
                    let result = if dice.below(20) == 0 { Err("disk".to_owned()) } else { Ok(None) };
                    self.answers.push(Input::DirsBuilt(result));
                }
                Output::Start { task, attempt } => {
                    assert!(saved_before_start, "seed {seed}: {task} starts before that is written down");
                    assert!(!self.live.contains_key(&task), "seed {seed}: {task} starts while it lives");
                    assert!(!machine.is_finished(), "seed {seed}: {task} starts after the end");
                    let failed = dice.below(6) == 0;
                    if !failed {
                        self.live.insert(task.clone(), attempt);
                    }
                    let failure = StartFailure { message: "no".to_owned(), recoverable: dice.below(2) == 0, in_setup: false };
                    self.answers.push(Input::Started { task, attempt, result: if failed { Err(failure) } else { Ok(()) } });
                }
                Output::Recover { task, attempt } => {
                    let outcome = match self.live.get(&task) {
                        Some(live) if *live == attempt => Recovered::Running,
                        _ if dice.below(2) == 0 => Recovered::Ended(Ended { code: 1, ..Ended::default() }),
                        _ => Recovered::Lost("gone".to_owned()),
                    };
                    self.answers.push(Input::Recovered { task, attempt, outcome });
                }
                Output::Stop { task, attempt, .. } => {
                    assert_eq!(self.live.get(&task), Some(&attempt), "seed {seed}: {task} is stopped but does not live");
                    self.live.remove(&task);
                    self.answers.push(Input::Ended { task, attempt, ended: Ended { code: 130, signal: 2, ..Ended::default() } });
                }
                Output::Report(update) => {
                    let none_lives = self.live.is_empty() || !machine.is_finished();
                    assert!(none_lives, "seed {seed}: {} reported while {:?} live", update.client_status, self.live);
                }
            }
        }
    }

    /// Lets a task end by itself.
    fn end_one(&mut self, dice: &mut Dice) -> Option<Input> {
        let at = dice.below(self.live.len().max(1) as u64) as usize;
        let (task, attempt) = self.live.iter().nth(at).map(|(task, attempt)| (task.clone(), *attempt))?;
        // Only what was told as started can be told as ended.
        let untold = self.answers.iter().any(|answer| match answer {
            Input::Started { task: name, .. } | Input::Recovered { task: name, .. } => *name == task,
            _ => false,
        });
        if untold {
            return None;
        }
        self.live.remove(&task);
        Some(Input::Ended { task, attempt, ended: Ended { code: dice.below(2) as i32, ..Ended::default() } })
    }
}

/// Tasks start, end, fail, are restarted, stopped and lost, the agent comes and goes: no task runs twice, every start is written down first,
/// and once the region wants it stopped, everything ends.
#[test]
fn invariants() {
    for seed in 1..60u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let settings = Settings { max_kill_timeout: 30 * SECOND, seed };
        let mut now = 1_700_000_000 * SECOND;
        let mut alloc = Arc::new(alloc(&mut dice));
        let mut machine = Machine::new(now, alloc.clone(), settings).unwrap();
        let mut node = Node::default();
        node.obey(&mut machine, &mut dice, seed);
        for step in 0..600 {
            now += dice.below(2 * SECOND as u64) as i64;
            if step == 400 {
                alloc = Arc::new(Allocation { desired_status: DesiredStatus::Stop, ..Allocation::clone(&alloc) });
                machine.handle(now, Input::Updated(alloc.clone()));
            }
            match dice.below(30) {
                0 => machine.handle(now, Input::Restart { task: String::new(), all_tasks: dice.below(2) == 0 }),
                1 => machine.handle(now, Input::Restart { task: "t0".to_owned(), all_tasks: false }),
                2 => {
                    // Killed and started again; what was on its way is lost with it.
                    let saved = machine.saved();
                    node.answers.clear();
                    machine = Machine::restore(now, alloc.clone(), saved, settings).unwrap();
                }
                3..=5 => {
                    if let Some(ended) = node.end_one(&mut dice) {
                        machine.handle(now, ended);
                    }
                }
                6..=20 if !node.answers.is_empty() => {
                    let at = dice.below(node.answers.len() as u64) as usize;
                    machine.handle(now, node.answers.remove(at));
                }
                _ => machine.handle(now, Input::Tick),
            }
            node.obey(&mut machine, &mut dice, seed);
        }
        for _ in 0..100 {
            now += 5 * SECOND;
            while let Some(answer) = node.answers.pop() {
                machine.handle(now, answer);
                node.obey(&mut machine, &mut dice, seed);
            }
            // Cleaning up takes its time, but ends by itself.
            while let Some(ended) = node.end_one(&mut dice) {
                machine.handle(now, ended);
                node.obey(&mut machine, &mut dice, seed);
            }
            machine.handle(now, Input::Tick);
            node.obey(&mut machine, &mut dice, seed);
        }
        assert!(machine.is_finished() && node.live.is_empty(), "seed {seed}: {:?}", machine.report());
        assert!(machine.report().client_status.is_terminal());
        assert_eq!(machine.wake_at(), None, "seed {seed}");
    }
}
