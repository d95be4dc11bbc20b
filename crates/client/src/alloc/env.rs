//! The environment of a task.

use std::collections::BTreeMap;

use model::{Allocation, Job, NetworkResource, Node, Task, TaskGroup};

use super::dirs::AllocDir;
use super::interpolate::Interpolator;

/// Credentials of the agent that tasks do not get, unless the option `env.denylist` names others.
const HOST_DENIED: [&str; 7] = [
    "CONSUL_TOKEN",
    "CONSUL_HTTP_TOKEN",
    "VAULT_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "GOOGLE_APPLICATION_CREDENTIALS",
];

/// Everything that a task's environment follows from.
pub(crate) struct Place<'a> {
    pub alloc: &'a Allocation,
    pub job: &'a Job,
    pub group: &'a TaskGroup,
    pub task: &'a Task,
    pub node: &'a Node,
    /// That of the agent: a multi-region job's own says "global".
    pub region: &'a str,
    pub dir: &'a AllocDir,
    pub host_env: &'a BTreeMap<String, String>,
}

/// What tasks inherit of the agent's environment.
pub(crate) fn host_env(denylist: Option<&String>, env: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let denied: Vec<&str> = match denylist {
        Some(list) => list.split(',').map(str::trim).collect(),
        None => HOST_DENIED.to_vec(),
    };
    // NOMAD_… in the agent's environment configures the agent and would contradict what the task is told.
    env.filter(|(name, _)| !name.starts_with("NOMAD_") && !denied.contains(&name.as_str())).collect()
}

/// `NOMAD_PARENT_CGROUP`: tasks stay in the agent's control group. `memberships` is the content of `/proc/self/cgroup`.
pub(crate) fn parent_cgroup(memberships: &str) -> Option<(String, String)> {
    // Version 2 has one hierarchy, number 0; the root has no name.
    let path = memberships.lines().find_map(|line| line.strip_prefix("0::/")).filter(|path| !path.is_empty())?;
    Some(("NOMAD_PARENT_CGROUP".to_owned(), path.to_owned()))
}

/// The environment, and what `${…}` in the task's other texts stands for.
pub(crate) fn build(place: &Place<'_>) -> (BTreeMap<String, String>, Interpolator) {
    let mut interpolator = Interpolator::of_node(place.node, place.region);
    let mut env = place.host_env.clone();
    identity(place, &mut env);
    resources(place, &mut env);
    networks(place, &mut env);
    interpolator.add_env(&env);
    for (key, value) in meta(place) {
        let value = interpolator.text(&value);
        let name = format!("NOMAD_META_{}", clean(&key));
        env.insert(name.to_uppercase(), value.clone());
        env.insert(name, value);
    }
    interpolator.add_env(&env);
    let own: Vec<(String, String)> =
        place.task.env.iter().map(|(name, value)| (clean(&interpolator.text(name)), interpolator.text(value))).collect();
    env.extend(own);
    interpolator.add_env(&env);
    (env, interpolator)
}

/// Task before group before job.
fn meta(place: &Place<'_>) -> BTreeMap<String, String> {
    let mut meta = place.job.meta.clone();
    meta.extend(place.group.meta.clone());
    meta.extend(place.task.meta.clone());
    meta
}

fn identity(place: &Place<'_>, env: &mut BTreeMap<String, String>) {
    let Place { alloc, job, task, node, dir, .. } = place;
    let mut set = |name: &str, value: String| env.insert(format!("NOMAD_{name}"), value);
    let task_dir = dir.task(&task.name);
    set("ALLOC_DIR", dir.shared().display().to_string());
    set("TASK_DIR", task_dir.local().display().to_string());
    set("SECRETS_DIR", task_dir.secrets().display().to_string());
    set("ALLOC_ID", alloc.id.to_string());
    set("SHORT_ALLOC_ID", alloc.id.short());
    set("ALLOC_NAME", alloc.name.to_string());
    if let Some(index) = alloc.index() {
        set("ALLOC_INDEX", index.to_string());
    }
    set("TASK_NAME", task.name.clone());
    set("GROUP_NAME", alloc.task_group.to_string());
    set("JOB_ID", job.id.to_string());
    set("JOB_NAME", job.name.clone());
    if !job.parent_id.is_empty() {
        set("JOB_PARENT_ID", job.parent_id.to_string());
    }
    set("DC", node.datacenter.clone());
    set("REGION", place.region.to_owned());
    set("NAMESPACE", alloc.namespace.to_string());
}

fn resources(place: &Place<'_>, env: &mut BTreeMap<String, String>) {
    let Some(given) = place.alloc.allocated_resources.as_ref().and_then(|all| all.tasks.get(&place.task.name)) else { return };
    env.insert("NOMAD_CPU_LIMIT".to_owned(), given.cpu.cpu_shares.to_string());
    env.insert("NOMAD_MEMORY_LIMIT".to_owned(), given.memory.memory_mb.to_string());
    if given.memory.memory_max_mb > 0 {
        env.insert("NOMAD_MEMORY_MAX_LIMIT".to_owned(), given.memory.memory_max_mb.to_string());
    }
    if !given.cpu.reserved_cores.is_empty() {
        let cores: Vec<String> = given.cpu.reserved_cores.iter().map(u16::to_string).collect();
        env.insert("NOMAD_CPU_CORES".to_owned(), cores.join(","));
    }
}

fn networks(place: &Place<'_>, env: &mut BTreeMap<String, String>) {
    let Some(given) = &place.alloc.allocated_resources else { return };
    // On the host's own network nothing maps ports: a task binds the host's.
    let mapped = place.group.networks.iter().any(|network| !matches!(network.mode.as_str(), "" | "host"));
    let mut set = |name: &str, label: &str, value: String| env.insert(format!("NOMAD_{name}_{}", clean(label)), value);
    for port in &given.shared.ports {
        let inside = if mapped && port.to > 0 { port.to } else { port.value };
        let address = host_port(&port.host_ip, port.value);
        set("IP", &port.label, port.host_ip.clone());
        set(family(&port.host_ip), &port.label, port.host_ip.clone());
        set("PORT", &port.label, inside.to_string());
        set("ADDR", &port.label, address.clone());
        set("HOST_IP", &port.label, port.host_ip.clone());
        set("HOST_PORT", &port.label, port.value.to_string());
        set("HOST_ADDR", &port.label, address);
        set("ALLOC_PORT", &port.label, inside.to_string());
    }
    // Ports that tasks asked for themselves: the task's own, and those of the others under their names.
    for (task, resources) in &given.tasks {
        for (label, ip, value) in resources.networks.iter().flat_map(ports) {
            let label = if *task == place.task.name { label } else { format!("{task}_{label}") };
            set("IP", &label, ip.clone());
            set("PORT", &label, value.to_string());
            set("ADDR", &label, host_port(&ip, value));
        }
    }
}

fn ports(network: &NetworkResource) -> impl Iterator<Item = (String, String, i64)> {
    network.reserved_ports.iter().chain(&network.dynamic_ports).map(|port| (port.label.clone(), network.ip.clone(), port.value))
}

fn family(ip: &str) -> &'static str {
    if ip.contains(':') { "IPv6" } else { "IPv4" }
}

fn host_port(ip: &str, port: i64) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

/// Names that every shell takes.
fn clean(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.') { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use model::*;

    fn text(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// The names of the interface with the values of a placed task; own variables win and may refer to them.
    #[test]
    fn names() {
        let task = Task {
            name: "server".to_owned(),
            env: text(&[
                ("GREETING", "hi from ${node.region} ${NOMAD_ALLOC_INDEX} ${NOMAD_META_owner}"),
                ("my-var", "1"),
                ("PATH", "/opt"),
            ]),
            meta: text(&[("level", "task")]),
            ..Task::default()
        };
        let group = TaskGroup {
            name: "app".to_owned(),
            tasks: vec![task.clone()],
            meta: text(&[("level", "group"), ("from-group", "g ${attr.kernel.name}")]),
            ..TaskGroup::default()
        };
        let job = Job {
            id: "web".into(),
            name: "The Web".to_owned(),
            region: "global".to_owned(),
            meta: text(&[("level", "job"), ("owner", "ann")]),
            ..Job::default()
        };
        let mapping = |label: &str, value: i64, to: i64, host_ip: &str| AllocatedPortMapping {
            label: label.to_owned(),
            value,
            to,
            host_ip: host_ip.to_owned(),
            ignore_collision: false,
        };
        let own = AllocatedTaskResources {
            cpu: AllocatedCpuResources { cpu_shares: 50, reserved_cores: vec![0, 3] },
            memory: AllocatedMemoryResources { memory_mb: 32, memory_max_mb: 64 },
            ..AllocatedTaskResources::default()
        };
        let admin = NetworkResource {
            ip: "10.0.0.5".to_owned(),
            dynamic_ports: vec![Port { label: "admin".to_owned(), value: 25000, ..Port::default() }],
            ..NetworkResource::default()
        };
        let side = AllocatedTaskResources { networks: vec![admin], ..AllocatedTaskResources::default() };
        let alloc = Allocation {
            id: "5456bd7a-9fc0-c0dd-6131-cbee77f57577".parse().unwrap(),
            name: "web.app[2]".into(),
            namespace: "default".into(),
            task_group: "app".into(),
            allocated_resources: Some(Arc::new(AllocatedResources {
                tasks: [("server".to_owned(), own), ("side".to_owned(), side)].into(),
                shared: AllocatedSharedResources {
                    ports: vec![mapping("http", 23456, 8080, "10.0.0.5"), mapping("v6", 80, 0, "fd00::1")],
                    ..AllocatedSharedResources::default()
                },
                ..AllocatedResources::default()
            })),
            ..Allocation::default()
        };
        let node = Node { datacenter: "west-1".to_owned(), attributes: text(&[("kernel.name", "linux")]), ..Node::default() };
        let host_env = text(&[("PATH", "/bin"), ("HOME", "/root")]);
        let dir = AllocDir { root: "/a/id".into() };
        let place =
            Place { alloc: &alloc, job: &job, group: &group, task: &task, node: &node, region: "west", dir: &dir, host_env: &host_env };
        let (env, _) = build(&place);
        let want = text(&[
            ("GREETING", "hi from west 2 ann"),
            ("HOME", "/root"),
            ("NOMAD_ADDR_http", "10.0.0.5:23456"),
            ("NOMAD_ADDR_side_admin", "10.0.0.5:25000"),
            ("NOMAD_ADDR_v6", "[fd00::1]:80"),
            ("NOMAD_ALLOC_DIR", "/a/id/alloc"),
            ("NOMAD_ALLOC_ID", "5456bd7a-9fc0-c0dd-6131-cbee77f57577"),
            ("NOMAD_ALLOC_INDEX", "2"),
            ("NOMAD_ALLOC_NAME", "web.app[2]"),
            ("NOMAD_ALLOC_PORT_http", "23456"),
            ("NOMAD_ALLOC_PORT_v6", "80"),
            ("NOMAD_CPU_CORES", "0,3"),
            ("NOMAD_CPU_LIMIT", "50"),
            ("NOMAD_DC", "west-1"),
            ("NOMAD_GROUP_NAME", "app"),
            ("NOMAD_HOST_ADDR_http", "10.0.0.5:23456"),
            ("NOMAD_HOST_ADDR_v6", "[fd00::1]:80"),
            ("NOMAD_HOST_IP_http", "10.0.0.5"),
            ("NOMAD_HOST_IP_v6", "fd00::1"),
            ("NOMAD_HOST_PORT_http", "23456"),
            ("NOMAD_HOST_PORT_v6", "80"),
            ("NOMAD_IP_http", "10.0.0.5"),
            ("NOMAD_IP_side_admin", "10.0.0.5"),
            ("NOMAD_IP_v6", "fd00::1"),
            ("NOMAD_IPv4_http", "10.0.0.5"),
            ("NOMAD_IPv6_v6", "fd00::1"),
            ("NOMAD_JOB_ID", "web"),
            ("NOMAD_JOB_NAME", "The Web"),
            ("NOMAD_MEMORY_LIMIT", "32"),
            ("NOMAD_MEMORY_MAX_LIMIT", "64"),
            ("NOMAD_META_FROM_GROUP", "g linux"),
            ("NOMAD_META_LEVEL", "task"),
            ("NOMAD_META_OWNER", "ann"),
            ("NOMAD_META_from_group", "g linux"),
            ("NOMAD_META_level", "task"),
            ("NOMAD_META_owner", "ann"),
            ("NOMAD_NAMESPACE", "default"),
            ("NOMAD_PORT_http", "23456"),
            ("NOMAD_PORT_side_admin", "25000"),
            ("NOMAD_PORT_v6", "80"),
            ("NOMAD_REGION", "west"),
            ("NOMAD_SECRETS_DIR", "/a/id/server/secrets"),
            ("NOMAD_SHORT_ALLOC_ID", "5456bd7a"),
            ("NOMAD_TASK_DIR", "/a/id/server/local"),
            ("NOMAD_TASK_NAME", "server"),
            ("PATH", "/opt"),
            ("my_var", "1"),
        ]);
        assert_eq!(env, want);
    }

    /// The control group of version 2 by its name; the root has none, and version 1 has one for each controller.
    #[test]
    fn control_groups() {
        let name = |text: &str| parent_cgroup(text).map(|(_, name)| name);
        assert_eq!(name("0::/system.slice/steppe.service\n"), Some("system.slice/steppe.service".to_owned()));
        assert_eq!(name("0::/\n"), None);
        assert_eq!(name("4:memory:/user\n1:cpu:/user\n"), None);
    }

    /// The agent's credentials and settings do not reach tasks.
    #[test]
    fn inherited() {
        let agent = text(&[("PATH", "/bin"), ("VAULT_TOKEN", "x"), ("NOMAD_REGION", "y"), ("SECRET", "z")]);
        assert_eq!(host_env(None, agent.clone().into_iter()), text(&[("PATH", "/bin"), ("SECRET", "z")]));
        let list = "SECRET, PATH".to_owned();
        assert_eq!(host_env(Some(&list), agent.into_iter()), text(&[("VAULT_TOKEN", "x")]));
    }
}
