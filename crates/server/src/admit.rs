//! Admission: what must hold before a job becomes a command. Looks at a view and changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{DEFAULT_NODE_POOL, Job, Text, matches_glob};
use rpc::message::Findings;
use state::Store;

use crate::start::JobBounds;

/// Of a group that asks for a network and names no mode.
const DEFAULT_NETWORK_MODE: &str = "host";

/// Checks an effective job against what the region has.
pub fn check(view: &Store, job: &Job) -> Findings {
    let mut findings = Findings::default();
    namespace(view, job, &mut findings);
    // Nodes may come: what none of them can run now waits for one that can.
    findings.warnings.extend(nowhere(view, job));
    memory_max(view, job, &mut findings);
    findings.errors.extend(view.job(&job.key()).and_then(|present| present.other_type(job)));
    findings
}

/// The namespace, the node pool, and what the one says about the other and about what jobs may use.
fn namespace(view: &Store, job: &Job, findings: &mut Findings) {
    let (id, name) = (job.id.as_str(), job.namespace.as_str());
    let pool = pool_of(view, job);
    if view.node_pool(pool.as_str()).is_none() {
        let pools = view.node_pools();
        let known: BTreeSet<&str> = pools.iter().map(|pool| pool.name.as_str()).collect();
        findings.errors.push(format!("job {id:?} is in nonexistent node pool {:?}; known: {}", pool.as_str(), names(&known)));
    }
    let Some(namespace) = view.namespace(&job.namespace) else {
        let namespaces = view.namespaces();
        let known: BTreeSet<&str> = namespaces.iter().map(|namespace| namespace.name.as_str()).collect();
        findings.errors.push(format!("job {id:?} is in nonexistent namespace {name:?}; known: {}", names(&known)));
        return;
    };
    if namespace.node_pools.as_ref().is_some_and(|pools| !pools.allows(&pool)) {
        findings.errors.push(format!("jobs of namespace {name:?} may not use node pool {:?}", pool.as_str()));
    }
    let Some(capabilities) = &namespace.capabilities else { return };
    let refuses = |enabled: &[String], disabled: &[String], wanted: &str| {
        let is_in = |list: &[String]| list.iter().any(|known| known == wanted);
        !enabled.is_empty() && !is_in(enabled) || is_in(disabled)
    };
    for group in &job.task_groups {
        for network in group.all_networks() {
            let mode = if network.mode.is_empty() { DEFAULT_NETWORK_MODE } else { &network.mode };
            if refuses(&capabilities.enabled_network_modes, &capabilities.disabled_network_modes, mode) {
                findings.errors.push(format!("group {:?}: jobs of namespace {name:?} may not use network mode {mode:?}", group.name));
            }
        }
        for task in &group.tasks {
            if refuses(&capabilities.enabled_task_drivers, &capabilities.disabled_task_drivers, &task.driver) {
                let (task, driver) = (&task.name, &task.driver);
                let text = format!("task {task:?} of group {:?}: jobs of namespace {name:?} may not use driver {driver:?}", group.name);
                findings.errors.push(text);
            }
        }
    }
}

/// The pool that a job is for: that of its namespace, if it names none.
fn pool_of(view: &Store, job: &Job) -> Text {
    if !job.node_pool.is_empty() {
        return job.node_pool.as_str().into();
    }
    let namespace = view.namespace(&job.namespace);
    let default = namespace.as_ref().and_then(|namespace| namespace.node_pools.as_ref()).and_then(|pools| pools.default());
    default.unwrap_or(DEFAULT_NODE_POOL).into()
}

/// The job with what the region gives to who leaves it open: its node pool, and its priority; and with what its groups demand without saying so.
pub fn completed(view: &Store, bounds: &JobBounds, job: &Arc<Job>) -> Arc<Job> {
    let mut job = Arc::clone(job);
    if job.node_pool.is_empty() || job.priority == 0 {
        let priority = if job.priority == 0 { bounds.priority_default } else { job.priority };
        job = Arc::new(Job { node_pool: pool_of(view, &job).as_str().into(), priority, ..(*job).clone() });
    }
    for position in 0..job.task_groups.len() {
        let implied = job.task_groups[position].implied_constraints();
        if !implied.is_empty() {
            Arc::make_mut(&mut job).task_groups[position].constraints.extend(implied);
        }
    }
    job
}

fn names(known: &BTreeSet<&str>) -> String {
    known.iter().copied().collect::<Vec<_>>().join(", ")
}

/// What no node of the region has, and the job cannot do without; nothing while there are no nodes at all.
pub fn nowhere(view: &Store, job: &Job) -> Vec<String> {
    if view.n_nodes() == 0 {
        return Vec::new();
    }
    datacenters(view, job).into_iter().chain(drivers(view, job)).chain(network_modes(view, job)).collect()
}

fn datacenters(view: &Store, job: &Job) -> Option<String> {
    let known: BTreeSet<&str> = view.nodes().map(|node| node.datacenter.as_str()).collect();
    let unknown: Vec<&str> =
        job.datacenters.iter().map(String::as_str).filter(|wanted| !known.iter().any(|name| matches_glob(wanted, name))).collect();
    (!unknown.is_empty()).then(|| format!("no node is in datacenter {:?}; known: {}", unknown.join("\", \""), names(&known)))
}

fn drivers(view: &Store, job: &Job) -> Vec<String> {
    let known: BTreeSet<&str> =
        view.nodes().flat_map(|node| node.drivers.iter()).filter(|(_, driver)| driver.detected).map(|(name, _)| name.as_str()).collect();
    let tasks = job.task_groups.iter().flat_map(|group| group.tasks.iter().map(move |task| (group, task)));
    let missing = tasks.filter(|(_, task)| !known.contains(task.driver.as_str()));
    missing
        .map(|(group, task)| {
            format!("task {:?} of group {:?}: no node has the driver {:?}; known: {}", task.name, group.name, task.driver, names(&known))
        })
        .collect()
}

fn network_modes(view: &Store, job: &Job) -> Vec<String> {
    let wanted = |group: &model::TaskGroup| -> BTreeSet<String> {
        group.all_networks().filter(|network| !network.is_of_host()).map(|network| network.mode.clone()).collect()
    };
    let wanted: Vec<_> = job.task_groups.iter().map(|group| (group, wanted(group))).filter(|(_, modes)| !modes.is_empty()).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let offered = view.nodes().filter_map(|node| node.node_resources.as_ref()).flat_map(|resources| &resources.node_networks);
    let known: BTreeSet<&str> = ["host"].into_iter().chain(offered.map(|network| network.mode.as_str())).collect();
    let missing = wanted.iter().flat_map(|(group, modes)| modes.iter().map(move |mode| (group, mode)));
    missing
        .filter(|(_, mode)| !known.contains(mode.as_str()))
        .map(|(group, mode)| format!("group {:?}: no node offers the network mode {mode:?}; known: {}", group.name, names(&known)))
        .collect()
}

fn memory_max(view: &Store, job: &Job, findings: &mut Findings) {
    let pool = pool_of(view, job);
    if view.scheduler().oversubscribes_in(view.node_pool(pool.as_str()).as_deref()) {
        return;
    }
    let asks = |task: &&model::Task| task.resources.as_ref().is_some_and(|resources| resources.memory_max_mb != 0);
    for group in &job.task_groups {
        for task in group.tasks.iter().filter(asks) {
            findings.warnings.push(format!(
                "task {:?} of group {:?}: memory_max has no effect, because memory oversubscription is off in node pool {pool:?}",
                task.name, group.name
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{NamespaceCapabilities, NamespaceNodePoolConfiguration, NamespaceSpec, NetworkResource, NodePool};
    use state::Command;
    use testkit::World;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    /// A region with the pools gpu and cpu, and a namespace that forbids things.
    fn world() -> World {
        let mut world = World::with_nodes(&["one"]);
        let pools = ["gpu", "cpu"].map(|name| NodePool { name: name.into(), ..Default::default() });
        world.apply(&Command::UpsertNodePools { pools: pools.to_vec() });
        let capabilities = NamespaceCapabilities {
            disabled_task_drivers: texts(&["mock_driver"]),
            enabled_network_modes: texts(&["bridge"]),
            ..Default::default()
        };
        let pools = NamespaceNodePoolConfiguration { default: "gpu".into(), denied: texts(&["c*"]), ..Default::default() };
        let dev = NamespaceSpec { name: "dev".into(), capabilities: Some(capabilities), node_pools: Some(pools), ..Default::default() };
        world.apply(&Command::UpsertNamespaces { namespaces: vec![dev] });
        world
    }

    /// Rows: namespace, node pool, driver, network mode, and what is wrong with such a job.
    #[test]
    fn namespaces_and_node_pools() {
        let world = world();
        for (namespace, pool, driver, mode, expected) in [
            ("default", "", "raw_exec", "host", ""),
            ("default", "all", "raw_exec", "host", ""),
            ("default", "cpu", "mock_driver", "host", ""),
            ("default", "tpu", "raw_exec", "host", "job \"web\" is in nonexistent node pool \"tpu\"; known: all, cpu, default, gpu"),
            ("prod", "", "raw_exec", "host", "job \"web\" is in nonexistent namespace \"prod\"; known: default, dev"),
            ("dev", "", "raw_exec", "bridge", ""),
            ("dev", "gpu", "raw_exec", "bridge", ""),
            ("dev", "cpu", "raw_exec", "bridge", "jobs of namespace \"dev\" may not use node pool \"cpu\""),
            ("dev", "", "raw_exec", "host", "group \"app\": jobs of namespace \"dev\" may not use network mode \"host\""),
            ("dev", "", "raw_exec", "", "group \"app\": jobs of namespace \"dev\" may not use network mode \"host\""),
            ("dev", "", "mock_driver", "bridge", "may not use driver \"mock_driver\""),
        ] {
            let mut job = testkit::job("web").build();
            (job.namespace, job.node_pool) = (namespace.into(), pool.into());
            for group in &mut job.task_groups {
                group.networks = vec![NetworkResource { mode: mode.into(), ..Default::default() }];
                group.tasks.iter_mut().for_each(|task| task.driver = driver.into());
            }
            let mut findings = Findings::default();
            super::namespace(&world.store, &job, &mut findings);
            let got = findings.errors.join("; ");
            assert!(got.contains(expected) && got.is_empty() == expected.is_empty(), "{namespace} {pool} {driver} {mode}: {got}");
        }
    }

    /// Rows: the signals that end the tasks of a group, and what the group demands for that of a node, however often it is registered.
    #[test]
    fn signals_of_tasks() {
        let world = world();
        for (signals, expected) in [
            ("", ""),
            ("term", "${attr.os.signals} set_contains SIGTERM"),
            ("15", ""),
            ("SIGUSR2 int SIGINT", "${attr.os.signals} set_contains SIGINT,SIGUSR2"),
        ] {
            let mut job = testkit::job("web").build();
            let task = job.task_groups[0].tasks[0].clone();
            let tasks = signals.split(' ').map(|signal| model::Task { kill_signal: signal.to_owned(), ..task.clone() });
            job.task_groups[0].tasks = tasks.collect();
            let once = completed(&world.store, &JobBounds::default(), &Arc::new(job));
            let again = completed(&world.store, &JobBounds::default(), &once);
            let shown = |constraint: &model::Constraint| format!("{} {} {}", constraint.l_target, constraint.operand, constraint.r_target);
            let constraints: Vec<String> = again.task_groups[0].constraints.iter().map(shown).collect();
            assert_eq!(constraints.join("; "), expected, "{signals}");
        }
    }

    /// What no node offers is said when the job is registered: it waits then for a node that does.
    #[test]
    fn missing_network_modes() {
        let world = World::with_nodes(&["one"]);
        let mut job = testkit::job("web").build();
        for (mode, expected) in
            [("", ""), ("host", ""), ("bridge", "group \"app\": no node offers the network mode \"bridge\"; known: host")]
        {
            job.task_groups[0].networks = vec![NetworkResource { mode: mode.into(), ..Default::default() }];
            assert_eq!(nowhere(&world.store, &job).join("; "), expected, "{mode}");
        }
    }

    /// A job that names no node pool gets that of its namespace.
    #[test]
    fn pools_of_jobs() {
        let world = world();
        for (namespace, pool, expected) in
            [("default", "", "default"), ("dev", "", "gpu"), ("dev", "default", "default"), ("prod", "", "default")]
        {
            let mut job = testkit::job("web").build();
            (job.namespace, job.node_pool) = (namespace.into(), pool.into());
            assert_eq!(completed(&world.store, &JobBounds::default(), &Arc::new(job)).node_pool, expected, "{namespace} {pool}");
        }
    }
}
