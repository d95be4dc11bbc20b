//! What leaves draining nodes next, as a table of small worlds.
//!
//! A world is a few lines: `job web 3` (count; `batch`, `system`, `sysbatch`, `stopped`, `migrate=N`), `web n1 healthy` (an allocation, its node
//! and how it is: `healthy`, `unhealthy`, `new`, `moving`, `stopping`, `done`, `failed`, `lost`, `unknown`), `n1 drain 60` (seconds until its
//! deadline; `never`; `ignore-system`), `n2 down`.
//! What is proposed is said as `web n1 x2` (two of web's allocations on n1 leave), `n1 over`, `n1 over at its deadline`, `wake 60`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use control::drain;
use model::{
    AllocId, Allocation, ClientStatus, DesiredTransition, DrainStrategy, EvalTrigger, IdSource, JobType, NodeStatus, Time, alloc_name,
};
use state::{AllocStop, Command, NodeDrain, Placement, Plan};
use testkit::{SECOND, World};

const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];

fn world(text: &str) -> World {
    let mut world = World::with_nodes(&NODES);
    let mut n_placed: BTreeMap<String, u64> = BTreeMap::new();
    let mut stopped = Vec::new();
    for line in text.split(';').map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["job", id, count, ref rest @ ..] => register(&mut world, id, count.parse().unwrap(), rest, &mut stopped),
            [node, "drain", deadline, ref rest @ ..] => drain_node(&mut world, node, deadline, rest.contains(&"ignore-system")),
            [node, "down"] => world.set_node_status(node, NodeStatus::Down),
            [node, "disconnected"] => world.set_node_status(node, NodeStatus::Disconnected),
            [job, node, how] => place(&mut world, job, node, how, n_placed.entry(job.to_owned()).or_default()),
            _ => panic!("{line:?}"),
        }
    }
    for job in stopped {
        world.stop(&job);
    }
    world
}

fn register(world: &mut World, id: &str, count: i64, rest: &[&str], stopped: &mut Vec<String>) {
    let mut job = testkit::job(id).count(count);
    for word in rest {
        job = match word.split_once('=') {
            Some(("migrate", n)) => job.edit_group(|group| group.migrate.as_mut().unwrap().max_parallel = n.parse().unwrap()),
            _ => match *word {
                "batch" => job.batch(),
                "system" => job.edit(|job| job.kind = JobType::System),
                "sysbatch" => job.batch().edit(|job| job.kind = JobType::Sysbatch),
                "stopped" => {
                    stopped.push(id.to_owned());
                    job
                }
                other => panic!("{other:?}"),
            },
        };
    }
    world.register(job.build());
}

fn drain_node(world: &mut World, name: &str, deadline: &str, ignore_system_jobs: bool) {
    let deadline = match deadline {
        "never" => 0,
        "now" => -1,
        seconds => seconds.parse::<i64>().unwrap() * SECOND,
    };
    let (force_deadline, started_at) = (Time(if deadline == 0 { 0 } else { world.now + deadline.max(0) }), Time(world.now));
    let command = NodeDrain {
        id: testkit::node_id(name),
        strategy: Some(DrainStrategy { deadline, ignore_system_jobs, force_deadline, started_at }),
        is_complete: false,
        mark_eligible: false,
        meta: BTreeMap::new(),
        event: None,
        evals: Vec::new(),
        time: world.now,
    };
    world.apply(&Command::SetNodeDrain(Box::new(command)));
}

fn place(world: &mut World, job: &str, node: &str, how: &str, n: &mut u64) {
    let alloc = Allocation {
        id: AllocId(world.new_id()),
        namespace: model::DEFAULT_NAMESPACE.into(),
        job_id: job.into(),
        name: alloc_name(job, "app", *n).into(),
        task_group: "app".into(),
        node_id: testkit::node_id(node),
        ..Allocation::default()
    };
    *n += 1;
    let id = alloc.id;
    let placements = vec![Placement { alloc, job_version: 0 }];
    world.apply(&Command::ApplyPlan(Box::new(Plan { placements, time: world.now, ..Plan::default() })));
    match how {
        "new" => {}
        "healthy" => world.report_health(&[id], true),
        "unhealthy" => world.report_health(&[id], false),
        "running" => world.report(&[id], ClientStatus::Running),
        "moving" => {
            world.report_health(&[id], true);
            world.transition(&[id], &DesiredTransition { migrate: Some(true), ..Default::default() });
        }
        "stopping" => {
            world.report_health(&[id], true);
            let stop = AllocStop { id, description: String::new(), client_status: None, followup_eval_id: Default::default() };
            world.apply(&Command::ApplyPlan(Box::new(Plan { stops: vec![stop], time: world.now, ..Plan::default() })));
        }
        "done" => world.report(&[id], ClientStatus::Complete),
        "failed" => world.report(&[id], ClientStatus::Failed),
        "lost" => world.report(&[id], ClientStatus::Lost),
        "unknown" => world.report(&[id], ClientStatus::Unknown),
        other => panic!("{other:?}"),
    }
}

/// What a step proposes, in words.
fn told(world: &World, step: &drain::Step) -> Vec<String> {
    let name_of = |id| NODES.iter().copied().find(|name| testkit::node_id(name) == id).unwrap();
    let (mut told, mut evaluated, mut moved) = (Vec::new(), Vec::new(), BTreeSet::new());
    for command in &step.propose {
        match command {
            Command::SetTransitions { transitions, evals, time } => {
                assert_eq!(*time, world.now);
                let mut leave: BTreeMap<String, usize> = BTreeMap::new();
                for (id, transition) in transitions {
                    assert_eq!(transition.migrate, Some(true));
                    let alloc = world.store.alloc(*id).unwrap();
                    *leave.entry(format!("{} {}", alloc.job_id, name_of(alloc.node_id))).or_default() += 1;
                    moved.insert((alloc.job_id.to_string(), alloc.node_id));
                }
                evaluated.extend(evals.clone());
                told.extend(leave.into_iter().map(|(what, n)| if n == 1 { what } else { format!("{what} x{n}") }));
            }
            Command::SetNodeDrain(drain) => {
                assert!(drain.strategy.is_none() && drain.is_complete && !drain.mark_eligible);
                let event = drain.event.as_ref().unwrap();
                assert_eq!((event.message.as_str(), event.subsystem.as_str()), ("Node drain complete", "Drain"));
                let how = if event.details.contains_key("deadline_reached") { " at its deadline" } else { "" };
                told.push(format!("{} over{how}", name_of(drain.id)));
                // Who leaves at the deadline is looked at with the end of the drain.
                assert_eq!(drain.evals.is_empty(), how.is_empty());
                evaluated.extend(drain.evals.clone());
            }
            other => panic!("{other}"),
        }
    }
    for (job, _) in moved {
        assert!(evaluated.iter().any(|eval| eval.job_id == *job), "{job} is not evaluated");
    }
    assert!(evaluated.iter().all(|eval| eval.triggered_by == EvalTrigger::NodeDrain && !eval.node_id.is_nil()));
    told.sort();
    told.extend(step.wake_at.map(|at| format!("wake {}", (at - world.now) / SECOND)));
    told
}

#[track_caller]
fn check(text: &str, later: i64, want: &str) {
    let mut world = world(text);
    world.wait(later);
    let step = drain::step(&world.store, world.now, &mut IdSource::new(1));
    let want: Vec<&str> = want.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    assert_eq!(told(&world, &step), want, "{text}, {later} s later");
    for command in &step.propose {
        world.apply(command);
    }
}

/// Each row: the world, and what happens at once.
#[test]
fn first_steps() {
    for (text, want) in [
        // Nobody drains.
        ("", ""),
        ("job web 3; web n1 healthy; web n2 healthy; web n3 healthy", ""),
        ("job web 3; web n1 healthy; n1 down", ""),
        // Nothing is there to leave.
        ("n1 drain 60", "n1 over"),
        ("n1 drain never", "n1 over"),
        ("n1 drain now", "n1 over"),
        ("n1 drain 60; n2 drain 60", "n1 over, n2 over"),
        ("job web 1; web n1 done; web n1 failed; web n1 lost; n1 drain 60", "n1 over"),
        ("job web 1; web n2 healthy; n1 drain 60", "n1 over"),
        // Services leave one by one, or as many as the group allows.
        ("job web 3; web n1 healthy; web n2 healthy; web n3 healthy; n1 drain 60", "web n1, wake 60"),
        ("job web 3; web n1 healthy; web n1 healthy; web n1 healthy; n1 drain 60", "web n1, wake 60"),
        ("job web 3 migrate=2; web n1 healthy; web n1 healthy; web n1 healthy; n1 drain 60", "web n1 x2, wake 60"),
        ("job web 3 migrate=9; web n1 healthy; web n1 healthy; web n1 healthy; n1 drain 60", "web n1 x3, wake 60"),
        ("job web 3 migrate=0; web n1 healthy; web n1 healthy; web n1 healthy; n1 drain 60", "wake 60"),
        ("job web 3 migrate=0; web n1 healthy; n1 drain never", ""),
        ("job web 1; web n1 healthy; n1 drain never", "web n1"),
        // What is moving counts until its replacement is healthy.
        ("job web 3; web n1 moving; web n1 healthy; web n1 healthy; n1 drain 60", "wake 60"),
        ("job web 3 migrate=2; web n1 moving; web n1 healthy; web n1 healthy; n1 drain 60", "web n1, wake 60"),
        ("job web 3; web n1 stopping; web n1 healthy; web n1 healthy; web n2 new; n1 drain 60", "wake 60"),
        ("job web 3; web n1 done; web n1 healthy; web n1 healthy; web n2 new; n1 drain 60", "wake 60"),
        ("job web 3; web n1 done; web n1 healthy; web n1 healthy; web n2 running; n1 drain 60", "wake 60"),
        ("job web 3; web n1 done; web n1 healthy; web n1 healthy; web n2 unhealthy; n1 drain 60", "wake 60"),
        ("job web 3; web n1 done; web n1 healthy; web n1 healthy; web n2 healthy; n1 drain 60", "web n1, wake 60"),
        ("job web 3; web n1 stopping; web n2 healthy; web n2 healthy; web n3 healthy; n1 drain 60", "wake 60"),
        // What waits for a place elsewhere counts, too.
        ("job web 3; web n1 healthy; web n2 healthy; n1 drain 60", "wake 60"),
        ("job web 3; web n1 healthy; web n2 failed; web n3 healthy; n1 drain 60", "wake 60"),
        // More than are wanted: all that are too many may go.
        ("job web 1; web n1 healthy; web n1 healthy; web n2 healthy; n1 drain 60", "web n1 x2, wake 60"),
        // One that was never healthy is the first to go; nothing is lost by it.
        ("job web 3; web n1 unhealthy; web n1 healthy; web n2 healthy; n1 drain 60", "web n1, wake 60"),
        ("job web 1; web n1 unhealthy; n1 drain 60", "web n1, wake 60"),
        ("job web 3; web n1 new; web n1 new; web n1 new; n1 drain 60", "web n1, wake 60"),
        ("job web 2; web n1 unhealthy; web n2 healthy; n1 drain 60; n2 drain 60", "web n1, wake 60"),
        // A group is one, on however many nodes it drains.
        ("job web 3; web n1 healthy; web n2 healthy; web n3 healthy; n1 drain 60; n2 drain 90", "web n1, wake 60"),
        ("job web 3 migrate=2; web n1 healthy; web n2 healthy; web n3 healthy; n1 drain 60; n2 drain 90", "web n1, web n2, wake 60"),
        // Jobs do not wait for each other.
        ("job a 2; job b 2; a n1 healthy; a n2 healthy; b n1 healthy; b n2 healthy; n1 drain 60", "a n1, b n1, wake 60"),
        ("job a 2; job b 2; a n1 moving; a n1 healthy; b n1 healthy; b n2 healthy; n1 drain 60", "b n1, wake 60"),
        // Batch work is left to finish; it holds system jobs back.
        ("job sum 2 batch; sum n1 running; sum n1 running; n1 drain 60", "wake 60"),
        ("job sum 2 batch; sum n1 running; n1 drain never", ""),
        ("job sum 1 batch; job web 1; sum n1 running; web n1 healthy; n1 drain 60", "web n1, wake 60"),
        ("job sum 1 batch; job log 1 system; sum n1 running; log n1 running; n1 drain 60", "wake 60"),
        ("job sum 1 batch; sum n1 done; n1 drain 60", "n1 over"),
        // System jobs stop last, all at once.
        ("job web 1; job log 1 system; web n1 healthy; log n1 running; n1 drain 60", "web n1, wake 60"),
        ("job web 1; job log 1 system; web n1 stopping; log n1 running; n1 drain 60", "wake 60"),
        ("job web 1; job log 1 system; web n1 done; log n1 running; n1 drain 60", "log n1, wake 60"),
        ("job log 1 system; job once 1 sysbatch; log n1 running; once n1 running; n1 drain 60", "log n1, once n1, wake 60"),
        ("job log 1 system; log n1 moving; n1 drain 60", "wake 60"),
        ("job log 1 system; log n1 running; n1 drain 60 ignore-system", "n1 over"),
        ("job web 1; job log 1 system; web n1 healthy; log n1 running; n1 drain 60 ignore-system", "web n1, wake 60"),
        // Of a job that is stopped nothing has to be kept.
        ("job web 3 stopped; web n1 healthy; web n1 healthy; web n1 healthy; n1 drain 60", "web n1 x3, wake 60"),
        // A node that is away hears of nothing: the scheduler says what is lost.
        ("job web 1; web n1 healthy; n1 drain 60; n1 down", "wake 60"),
        ("job web 1; web n1 unknown; n1 drain 60; n1 disconnected", "wake 60"),
        ("job web 1; web n1 lost; n1 drain 60; n1 down", "n1 over"),
        // What runs on a node that is away serves nobody.
        ("job web 2; web n1 healthy; web n2 healthy; n1 drain 60; n2 down", "wake 60"),
    ] {
        check(text, 0, want);
    }
}

/// Each row: the world, seconds that pass, and what happens then.
#[test]
fn deadlines() {
    for (text, later, want) in [
        ("job web 3; web n1 healthy; web n1 healthy; web n1 moving; n1 drain 60", 59, "wake 1"),
        ("job web 3; web n1 healthy; web n1 healthy; web n1 moving; n1 drain 60", 60, "n1 over at its deadline, web n1 x2"),
        ("job web 3; web n1 moving; n1 drain 60", 60, "n1 over at its deadline"),
        ("job web 3; web n1 stopping; n1 drain 60", 61, "n1 over at its deadline"),
        ("job web 3 migrate=0; web n1 healthy; n1 drain 60", 99, "n1 over at its deadline, web n1"),
        ("job sum 2 batch; sum n1 running; sum n1 running; n1 drain 60", 60, "n1 over at its deadline, sum n1 x2"),
        ("job log 1 system; job sum 1 batch; log n1 running; sum n1 running; n1 drain 60", 60, "log n1, n1 over at its deadline, sum n1"),
        (
            "job log 1 system; job sum 1 batch; log n1 running; sum n1 running; n1 drain 60 ignore-system",
            60,
            "n1 over at its deadline, sum n1",
        ),
        ("job log 1 system; log n1 running; n1 drain 60 ignore-system", 60, "n1 over"),
        ("n1 drain 60", 60, "n1 over"),
        // By force: the deadline is now.
        ("job web 3; web n1 healthy; web n1 healthy; n1 drain now", 0, "n1 over at its deadline, web n1 x2"),
        ("job sum 1 batch; sum n1 running; n1 drain now", 0, "n1 over at its deadline, sum n1"),
        // No deadline never comes.
        ("job sum 1 batch; sum n1 running; n1 drain never", 1_000_000, ""),
        // Deadlines within five seconds are one.
        (
            "job sum 2 batch; sum n1 running; sum n2 running; n1 drain 60; n2 drain 65",
            60,
            "n1 over at its deadline, n2 over at its deadline, sum n1, sum n2",
        ),
        ("job sum 2 batch; sum n1 running; sum n2 running; n1 drain 60; n2 drain 66", 60, "n1 over at its deadline, sum n1, wake 6"),
        ("job sum 2 batch; sum n1 running; sum n2 running; n1 drain 60; n2 drain 63", 59, "wake 1"),
        // A node that is away is given up at its deadline like any other.
        ("job web 1; web n1 unknown; n1 drain 60; n1 down", 60, "n1 over at its deadline, web n1"),
    ] {
        check(text, later, want);
    }
}

/// When a drain is cancelled, what was told to leave and has not left may stay; what somebody told to leave another node leaves it.
#[test]
fn cancelled() {
    let mut world = world("job web 3; web n1 moving; web n1 stopping; web n2 moving; n1 drain 600");
    let cancel = |id: &str| NodeDrain {
        id: testkit::node_id(id),
        strategy: None,
        is_complete: false,
        mark_eligible: true,
        meta: BTreeMap::new(),
        event: None,
        evals: Vec::new(),
        time: world.now,
    };
    let commands = ["n1", "n2"].map(|id| Command::SetNodeDrain(Box::new(cancel(id))));
    commands.iter().for_each(|command| _ = world.apply(command));
    let mut moving = Vec::new();
    for alloc in world.store.allocs().filter(|alloc| alloc.desired_transition.migrate == Some(true)) {
        moving.push((alloc.node_id, alloc.server_terminal()));
    }
    assert_eq!(moving, [(testkit::node_id("n2"), false)], "neither drains, and only one ever did");
}

/// A drain is played to its end: each round the node stops what was told to leave, a healthy replacement comes up, and never is more than one of
/// three missing.
#[test]
fn a_service_keeps_its_count() {
    let mut world = world("job web 3; web n1 healthy; web n1 healthy; web n1 healthy; n1 drain 600");
    let mut n_rounds = 0;
    loop {
        let step = drain::step(&world.store, world.now, &mut IdSource::new(n_rounds));
        if step.propose.is_empty() {
            let moving: Vec<Arc<Allocation>> =
                world.live("web").into_iter().filter(|alloc| alloc.desired_transition.migrate == Some(true)).collect();
            assert_eq!(moving.len(), 1, "round {n_rounds}");
            world.report(&[moving[0].id], ClientStatus::Complete);
            place(&mut world, "web", "n2", "new", &mut 0);
            let quiet = drain::step(&world.store, world.now, &mut IdSource::new(0));
            let moves = quiet.propose.iter().any(|command| matches!(command, Command::SetTransitions { .. }));
            assert!(!moves, "the replacement is not healthy yet: {:?}", quiet.propose);
            let new = world.live("web").into_iter().find(|alloc| alloc.client_status == ClientStatus::Pending).unwrap();
            world.report_health(&[new.id], true);
            n_rounds += 1;
            continue;
        }
        step.propose.iter().for_each(|command| _ = world.apply(command));
        let n_serving = world.live("web").iter().filter(|alloc| alloc.desired_transition.migrate != Some(true)).count();
        assert!(n_serving >= 2, "round {n_rounds}: {n_serving}");
        let node = world.store.node(testkit::node_id("n1")).unwrap();
        if node.drain_strategy.is_none() {
            assert_eq!(n_rounds, 3);
            assert_eq!(node.last_drain.as_ref().unwrap().status, model::DrainStatus::Complete);
            assert_eq!(node.scheduling_eligibility, model::Eligibility::Ineligible);
            return;
        }
    }
}
