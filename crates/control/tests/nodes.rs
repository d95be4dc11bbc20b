//! Whose work a node or a report concerns.

use model::{AllocId, AllocUpdate, Allocation, ClientStatus, EvalStatus, EvalTrigger, Evaluation, IdSource};
use state::{Command, Placement, Plan};
use testkit::World;

fn place(world: &mut World, job: &str, node: &str) -> AllocId {
    let alloc = Allocation {
        id: AllocId(world.new_id()),
        namespace: model::DEFAULT_NAMESPACE.into(),
        job_id: job.into(),
        name: model::alloc_name(job, "app", 0).into(),
        task_group: "app".into(),
        node_id: testkit::node_id(node),
        ..Allocation::default()
    };
    let id = alloc.id;
    let plan = Plan { placements: vec![Placement { alloc, job_version: 0 }], time: world.now, ..Plan::default() };
    world.apply(&Command::ApplyPlan(Box::new(plan)));
    id
}

fn world() -> World {
    let mut world = World::with_nodes(&["n1", "n2"]);
    for (id, priority) in [("web", 50), ("db", 80), ("idle", 50)] {
        world.register(testkit::job(id).priority(priority).build());
    }
    world
}

/// A node's change concerns each job that runs there, once, with the job's own priority.
#[test]
fn jobs_of_a_node() {
    let mut world = world();
    for (job, node) in [("web", "n1"), ("web", "n1"), ("db", "n1"), ("idle", "n2")] {
        place(&mut world, job, node);
    }
    let over = place(&mut world, "idle", "n1");
    world.report(&[over], ClientStatus::Complete);
    let evals = control::node_evals(&world.store, testkit::node_id("n1"), &mut IdSource::new(1));
    let named: Vec<_> = evals.iter().map(|eval| (eval.job_id.as_str(), eval.priority, eval.triggered_by, eval.node_id)).collect();
    let node = testkit::node_id("n1");
    assert_eq!(named, [("db", 80, EvalTrigger::NodeUpdate, node), ("web", 50, EvalTrigger::NodeUpdate, node)]);
    assert_ne!(evals[0].id, evals[1].id);
}

/// What was told to stop and has not ended concerns its job too: when the node is down, nobody else notices that it is over.
#[test]
fn stopping_on_a_node() {
    let mut world = world();
    let id = place(&mut world, "web", "n1");
    world.stop("web");
    let stop = state::AllocStop { id, description: String::new(), client_status: None, followup_eval_id: model::EvalId::NIL };
    world.apply(&Command::ApplyPlan(Box::new(Plan { stops: vec![stop], ..Plan::default() })));
    let jobs = |world: &World| -> Vec<String> {
        let evals = control::node_evals(&world.store, testkit::node_id("n1"), &mut IdSource::new(1));
        evals.iter().map(|eval| eval.job_id.to_string()).collect()
    };
    assert_eq!(jobs(&world), ["web"]);
    world.report(&[id], ClientStatus::Complete);
    assert_eq!(jobs(&world), [""; 0]);
}

/// A failure is looked at once per job, when it is news, and when the allocation and the job are still wanted.
#[test]
fn failures() {
    let mut world = world();
    let ids: Vec<AllocId> = ["web", "web", "db", "idle"].map(|job| place(&mut world, job, "n1")).to_vec();
    world.report(&ids[2..3], ClientStatus::Failed);
    world.stop("idle");
    let update = |id: &AllocId| AllocUpdate { id: *id, client_status: ClientStatus::Failed, ..AllocUpdate::default() };
    let mut updates: Vec<AllocUpdate> = ids.iter().map(update).collect();
    updates.push(update(&AllocId(world.new_id())));
    let evals = control::report_evals(&world.store, &updates, &mut IdSource::new(1));
    let named: Vec<_> = evals.iter().map(|eval| (eval.job_id.as_str(), eval.triggered_by)).collect();
    assert_eq!(named, [("web", EvalTrigger::AllocFailure)]);
}

/// What its node stopped because no server answered has a successor, also when the servers never missed the node; other ends are no news.
#[test]
fn stopped_by_the_node() {
    let mut world = World::with_nodes(&["n1"]);
    let cut = |job: testkit::JobBuilder| job.edit_disconnect(|disconnect| disconnect.stop_on_client_after = Some(5)).build();
    world.register(cut(testkit::job("cut")));
    world.register(cut(testkit::job("work").batch()));
    world.register(testkit::job("plain").build());
    let ids: Vec<AllocId> = ["cut", "work", "plain"].map(|job| place(&mut world, job, "n1")).to_vec();
    let update = |id: &AllocId| AllocUpdate { id: *id, client_status: ClientStatus::Complete, ..AllocUpdate::default() };
    let updates: Vec<AllocUpdate> = ids.iter().map(update).collect();
    let asked = |world: &World| -> Vec<(String, EvalTrigger)> {
        let evals = control::report_evals(&world.store, &updates, &mut IdSource::new(1));
        evals.iter().map(|eval| (eval.job_id.to_string(), eval.triggered_by)).collect()
    };
    assert_eq!(asked(&world), [("cut".to_owned(), EvalTrigger::AllocStop)]);
    world.report(&ids, ClientStatus::Complete);
    assert_eq!(asked(&world), [], "that is known");
}

/// Every change of a node concerns the jobs that run on each one, if it is in their datacenter and pool: also a node that is not known yet.
#[test]
fn jobs_for_every_node() {
    let mut world = World::with_nodes(&["n1"]);
    let pool = |name: &str| testkit::job(name).system();
    for job in [
        pool("everywhere"),
        pool("once").sysbatch(),
        pool("north").datacenters(&["north-*"]),
        pool("gpu").node_pool("gpu"),
        pool("all").node_pool("all"),
        pool("stopped"),
        testkit::job("web"),
    ] {
        world.register(job.build());
    }
    world.stop("stopped");
    let named = |evals: Vec<Evaluation>| -> Vec<String> {
        assert!(evals.iter().all(|eval| eval.triggered_by == EvalTrigger::NodeUpdate && eval.status == EvalStatus::Pending));
        evals.iter().map(|eval| eval.job_id.to_string()).collect()
    };
    let mut ids = IdSource::new(1);
    assert_eq!(named(control::node_evals(&world.store, testkit::node_id("n1"), &mut ids)), ["all", "everywhere", "once"]);
    for (node, want) in [
        (testkit::node("new"), &["all", "everywhere", "once"][..]),
        (testkit::node("new").datacenter("north-1"), &["all", "everywhere", "north", "once"]),
        (testkit::node("new").pool("gpu"), &["all", "gpu"]),
    ] {
        let mut found = named(control::registration_evals(&world.store, &node.build(), &mut ids));
        found.sort();
        assert_eq!(found, want);
    }
    // A node that changes concerns what it had and what it may have now, once each.
    place(&mut world, "web", "n1");
    place(&mut world, "once", "n1");
    let moved = testkit::node("n1").pool("gpu").build();
    let mut found = named(control::registration_evals(&world.store, &moved, &mut ids));
    found.sort();
    assert_eq!(found, ["all", "everywhere", "gpu", "once", "web"]);
}

/// A silent node is only disconnected while a group of its work asks to wait, until the time of the last one is over.
#[test]
fn disconnected_or_down() {
    use model::NodeStatus::{Disconnected, Down};
    let mut world = World::with_nodes(&["n1", "n2"]);
    world.register(testkit::job("web").build());
    world.register(testkit::job("patient").lost_after(60).build());
    let node = testkit::node_id("n1");
    assert_eq!(control::silent_status(&world.store, node), Down);
    place(&mut world, "web", "n1");
    assert_eq!(control::silent_status(&world.store, node), Down);
    let id = place(&mut world, "patient", "n1");
    assert_eq!(control::silent_status(&world.store, node), Disconnected);
    assert_eq!(control::silent_status(&world.store, testkit::node_id("n2")), Down);
    assert_eq!(control::given_up(&world.store), []);
    world.set_node_status("n1", Disconnected);
    assert_eq!(control::given_up(&world.store), [], "the scheduler has still to look");
    let eval = world.new_eval("patient", EvalTrigger::MaxDisconnectTimeout);
    let unknown =
        state::AllocStop { id, description: String::new(), client_status: Some(ClientStatus::Unknown), followup_eval_id: eval.id };
    world.apply(&Command::ApplyPlan(Box::new(Plan { stops: vec![unknown], ..Plan::default() })));
    assert_eq!(world.store.alloc(id).expect("an allocation").client_status, ClientStatus::Unknown);
    assert_eq!(control::given_up(&world.store), [], "its time is not over");
    let over = Evaluation { status: EvalStatus::Complete, ..eval };
    world.apply(&Command::UpsertEvals { evals: vec![over], time: world.now });
    assert_eq!(control::given_up(&world.store), [node]);
}

/// What is heard of again is looked at, whatever became of it; failures of jobs that run on every node are not tried again.
#[test]
fn returned() {
    let mut world = world();
    world.register(testkit::job("agent").system().build());
    let ids: Vec<AllocId> = ["web", "db", "agent", "idle"].map(|job| place(&mut world, job, "n1")).to_vec();
    let eval = world.new_eval("web", EvalTrigger::MaxDisconnectTimeout);
    for id in [ids[0], ids[1]] {
        let unknown =
            state::AllocStop { id, description: String::new(), client_status: Some(ClientStatus::Unknown), followup_eval_id: eval.id };
        world.apply(&Command::ApplyPlan(Box::new(Plan { stops: vec![unknown], ..Plan::default() })));
    }
    let update = |id: AllocId, client_status| AllocUpdate { id, client_status, ..AllocUpdate::default() };
    let updates = [
        update(ids[0], ClientStatus::Running),
        update(ids[1], ClientStatus::Failed),
        update(ids[2], ClientStatus::Failed),
        update(ids[3], ClientStatus::Running),
    ];
    let evals = control::report_evals(&world.store, &updates, &mut IdSource::new(1));
    let named: Vec<_> = evals.iter().map(|eval| (eval.job_id.as_str(), eval.triggered_by)).collect();
    assert_eq!(named, [("db", EvalTrigger::Reconnect), ("web", EvalTrigger::Reconnect)]);
}

/// Room on a node wakes what may fit there: by class, or what no class describes; room anywhere wakes all. What is not blocked stays as it is.
#[test]
fn unblocking() {
    let mut world = world();
    world.add_node(testkit::node("n3").class("large").build());
    let class = |name: &str| world.store.node(testkit::node_id(name)).expect("a node").computed_class.clone();
    let (small, large) = (class("n1"), class("n3"));
    assert_ne!(small, large);
    let eval = |id: u128, fits: &[(&str, bool)], escaped: bool| Evaluation {
        id: model::EvalId(model::Uuid::from_u128(id)),
        namespace: "default".into(),
        job_id: "web".into(),
        status: EvalStatus::Blocked,
        class_eligibility: fits.iter().map(|(class, fits)| ((*class).to_owned(), *fits)).collect(),
        escaped_computed_class: escaped,
        ..Evaluation::default()
    };
    let evals = vec![
        eval(1, &[(&small, true), (&large, false)], false),
        eval(2, &[(&small, false)], false),
        eval(3, &[(&small, false), (&large, false)], true),
        Evaluation { status: EvalStatus::Complete, ..eval(4, &[], false) },
    ];
    world.apply(&Command::UpsertEvals { evals, time: world.now });
    for (changed, want) in [(Some("n1"), &[1, 3][..]), (Some("n3"), &[2, 3]), (None, &[1, 2, 3]), (Some("unknown"), &[1, 2, 3])] {
        let woken = control::unblock(&world.store, changed.map(testkit::node_id));
        let ids: Vec<u128> = woken.iter().map(|eval| eval.id.0.as_u128()).collect();
        assert_eq!(ids, want, "{changed:?}");
        assert!(woken.iter().all(|eval| eval.status == EvalStatus::Pending));
    }
}
