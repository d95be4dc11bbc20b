use model::{JobStatus, NamespaceSpec, NodePool, SchedulerConfiguration};
use state::{Command, Outcome, SCHEDULER_CHANGED};
use testkit::World;

fn namespace(name: &str) -> NamespaceSpec {
    NamespaceSpec { name: name.into(), ..Default::default() }
}

fn refusal(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Refused(text) => text,
        _ => "",
    }
}

#[test]
fn a_namespace_goes_when_nothing_in_it_is_left_to_do() {
    // made, made again without a change, kept by a job that runs, deleted when the job is dead; the built-in one never
    let mut world = World::with_nodes(&["n1"]);
    world.apply(&Command::UpsertNamespaces { namespaces: vec![namespace("dev")] });
    let made = world.store.namespace(&"dev".into()).map(|namespace| namespace.modify_index);
    world.apply(&Command::UpsertNamespaces { namespaces: vec![namespace("dev")] });
    assert_eq!(world.store.namespace(&"dev".into()).map(|namespace| namespace.modify_index), made);
    let mut job = testkit::job("web").build();
    job.namespace = "dev".into();
    let key = job.key();
    let eval = world.register(job);
    let delete = |name: &str| Command::DeleteNamespaces { names: vec![name.into()] };
    let kept = world.try_apply(&delete("dev")).outcome;
    assert_eq!(refusal(&kept), "namespace \"dev\" has non-terminal jobs, such as \"web\": stop them first");
    world.apply(&Command::DeregisterJob { key: key.clone(), purge: false, eval: None, time: world.now });
    super::kit::finish(&mut world, eval.id);
    assert_eq!(world.store.job(&key).map(|job| job.status), Some(JobStatus::Dead));
    world.apply(&delete("dev"));
    assert!(world.store.namespace(&"dev".into()).is_none());
    assert_eq!(refusal(&world.try_apply(&delete("dev")).outcome), "namespace \"dev\" not found");
    assert_eq!(refusal(&world.try_apply(&delete("default")).outcome), "default namespace can not be deleted");
}

#[test]
fn a_node_pool_goes_when_nobody_uses_it() {
    // it comes with its first node, is kept by it, and goes without; the built-in ones never
    let mut world = World::with_nodes(&["n1"]);
    let mut node = world.store.nodes().next().map(|node| (**node).clone()).unwrap_or_default();
    let id = node.id;
    node.node_pool = "gpu".into();
    world.apply(&Command::RegisterNode { node: std::sync::Arc::new(node), event: None, evals: Vec::new(), time: world.now });
    assert!(world.store.node_pool("gpu").is_some());
    let delete = |name: &str| Command::DeleteNodePools { names: vec![name.into()] };
    let kept = world.try_apply(&delete("gpu")).outcome;
    assert_eq!(refusal(&kept), "node pool \"gpu\" has nodes, such as \"n1\": remove them first");
    world.apply(&Command::Reap(Box::new(state::Reap { nodes: vec![id], ..Default::default() })));
    world.apply(&delete("gpu"));
    assert!(world.store.node_pool("gpu").is_none());
    for (name, text) in [("gpu", "node pool \"gpu\" not found"), ("all", "node pool \"all\" can not be deleted")] {
        assert_eq!(refusal(&world.try_apply(&delete(name)).outcome), text);
    }
    // what is described again keeps its place
    world.apply(&Command::UpsertNodePools {
        pools: vec![NodePool { name: "default".into(), description: "mine".into(), ..Default::default() }],
    });
    assert_eq!(world.store.node_pools().len(), 2);
}

#[test]
fn how_a_region_schedules_is_set_where_nobody_was_faster() {
    // the first, with and without a check; another one, on the present and on an earlier version of it
    let mut world = World::new();
    let mut set = |node_limit: u64, cas: Option<u64>| {
        let applied = world.try_apply(&Command::SetScheduler { config: SchedulerConfiguration { node_limit, ..Default::default() }, cas });
        let config = world.store.scheduler();
        (applied.outcome == Outcome::Refused(SCHEDULER_CHANGED.to_owned()), config.node_limit, config.create_index, config.modify_index)
    };
    assert_eq!(set(3, Some(7)), (true, 0, 0, 0));
    assert_eq!(set(3, Some(0)), (false, 3, 3, 3));
    assert_eq!(set(5, Some(2)), (true, 3, 3, 3));
    assert_eq!(set(5, Some(3)), (false, 5, 3, 5));
}
