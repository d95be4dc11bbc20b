//! Which nodes may run a group at all, however full they are.

use std::collections::BTreeSet;

use model::{ALL_NODE_POOL, Constraint, DEFAULT_NODE_POOL, Job, Node, TaskGroup, matches_glob};

use crate::ask::host_address;
use crate::constraint::{Condition, Target};
use crate::device::DeviceAsks;

/// Shown in metrics.
pub(crate) const MISSING_DRIVERS: &str = "missing drivers";
const MISSING_NETWORK: &str = "missing network";
const MISSING_DEVICES: &str = "missing devices";
const DISTINCT_HOSTS: &str = "distinct_hosts";
const DISTINCT_PROPERTY: &str = "distinct_property";

/// Whose allocations must not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Job,
    Group,
}

/// At most `limit` allocations on nodes with one value of `property`.
#[derive(Clone, Debug)]
pub(crate) struct DistinctProperty {
    pub label: String,
    pub property: Target,
    pub limit: u64,
    pub scope: Scope,
}

/// Everything a group demands of a node that does not depend on what runs there.
#[derive(Clone, Debug)]
pub(crate) struct Checks {
    datacenters: Vec<String>,
    /// With the default filled in.
    pub node_pool: String,
    checks: Vec<Check>,
    /// Some check may differ between nodes of one computed class.
    pub is_unique: bool,
    pub distinct_hosts: Option<Scope>,
    pub distinct_properties: Vec<DistinctProperty>,
}

#[derive(Clone, Debug)]
enum Check {
    Condition(Condition),
    Drivers(BTreeSet<String>),
    NetworkMode(String),
    HostNetwork { name: String, label: String },
    Devices(DeviceAsks),
}

impl Check {
    fn label(&self) -> &str {
        match self {
            Self::Condition(condition) => &condition.label,
            Self::Drivers(_) => MISSING_DRIVERS,
            Self::NetworkMode(_) => MISSING_NETWORK,
            Self::HostNetwork { label, .. } => label,
            Self::Devices(_) => MISSING_DEVICES,
        }
    }

    fn holds(&self, node: &Node, region: &str) -> bool {
        match self {
            Self::Condition(condition) => condition.holds(node, region),
            Self::Drivers(drivers) => drivers.iter().all(|driver| has_driver(node, driver)),
            Self::NetworkMode(mode) => has_network_mode(node, mode),
            Self::HostNetwork { name, .. } => host_address(node, name).is_some(),
            Self::Devices(asks) => asks.could_be_met(node),
        }
    }
}

impl Checks {
    pub(crate) fn new(job: &Job, group: &TaskGroup) -> Self {
        let mut this = Self {
            datacenters: job.datacenters.clone(),
            node_pool: if job.node_pool.is_empty() { DEFAULT_NODE_POOL.to_owned() } else { job.node_pool.clone() },
            checks: Vec::new(),
            is_unique: false,
            distinct_hosts: None,
            distinct_properties: Vec::new(),
        };
        for constraint in &job.constraints {
            this.add_constraint(constraint, Scope::Job);
        }
        for constraint in &group.constraints {
            this.add_constraint(constraint, Scope::Group);
        }
        // Those of jobs that were stored before they were written into jobs.
        for constraint in &group.implied_constraints() {
            this.add_constraint(constraint, Scope::Group);
        }
        for constraint in group.tasks.iter().flat_map(|task| &task.constraints) {
            this.add_constraint(constraint, Scope::Group);
        }
        let drivers: BTreeSet<String> = group.tasks.iter().map(|task| task.driver.clone()).collect();
        this.checks.push(Check::Drivers(drivers));
        let devices = DeviceAsks::new(group);
        if !devices.is_empty() {
            this.checks.push(Check::Devices(devices));
        }
        this.add_networks(group);
        this
    }

    fn add_constraint(&mut self, constraint: &Constraint, scope: Scope) {
        match constraint.operand.as_str() {
            DISTINCT_HOSTS => {
                let is_off = matches!(constraint.r_target.trim().to_ascii_lowercase().as_str(), "false" | "f" | "0");
                if !is_off && self.distinct_hosts != Some(Scope::Job) {
                    self.distinct_hosts = Some(scope);
                }
            }
            DISTINCT_PROPERTY => {
                let label = format!("{DISTINCT_PROPERTY} {} {}", constraint.l_target, constraint.r_target).trim().to_owned();
                let limit = constraint.r_target.trim().parse().unwrap_or(1);
                let property = Target::parse(&constraint.l_target);
                self.distinct_properties.push(DistinctProperty { label, property, limit, scope });
            }
            _ => {
                let condition = Condition::new(constraint);
                self.is_unique |= condition.is_unique();
                self.checks.push(Check::Condition(condition));
            }
        }
    }

    fn add_networks(&mut self, group: &TaskGroup) {
        for network in group.all_networks() {
            if !network.is_of_host() {
                self.checks.push(Check::NetworkMode(network.mode.clone()));
            }
            for port in network.reserved_ports.iter().chain(&network.dynamic_ports) {
                let label = if port.host_network.is_empty() {
                    MISSING_NETWORK.to_owned()
                } else {
                    format!("missing host network {:?} for port {:?}", port.host_network, port.label)
                };
                self.checks.push(Check::HostNetwork { name: port.host_network.clone(), label });
            }
            // Addresses are not part of the computed class.
            self.is_unique = true;
        }
    }

    /// In one of the job's datacenters and in its node pool: other nodes are not even looked at.
    pub(crate) fn in_scope(&self, node: &Node) -> bool {
        self.in_pool(node) && self.in_datacenters(node)
    }

    pub(crate) fn in_pool(&self, node: &Node) -> bool {
        let pool = if node.node_pool.is_empty() { DEFAULT_NODE_POOL } else { &node.node_pool };
        self.node_pool == ALL_NODE_POOL || self.node_pool == pool
    }

    /// Those that the job names outright.
    pub(crate) fn named_datacenters(&self) -> impl Iterator<Item = &String> {
        self.datacenters.iter().filter(|pattern| !pattern.contains('*'))
    }

    fn in_datacenters(&self, node: &Node) -> bool {
        self.datacenters.is_empty() || self.datacenters.iter().any(|pattern| matches_glob(pattern, &node.datacenter))
    }

    /// The first check that does not hold, as a position in `labels`.
    pub(crate) fn first_failure(&self, node: &Node, region: &str) -> Option<u16> {
        self.checks.iter().zip(0..).find(|(check, _)| !check.holds(node, region)).map(|(_, position)| position)
    }

    /// Names of all checks, then of `distinct_hosts`, then of each `distinct_property`.
    pub(crate) fn labels(&self) -> Vec<String> {
        let mut labels: Vec<String> = self.checks.iter().map(|check| check.label().to_owned()).collect();
        labels.push(DISTINCT_HOSTS.to_owned());
        labels.extend(self.distinct_properties.iter().map(|distinct| distinct.label.clone()));
        labels
    }

    pub(crate) fn distinct_hosts_label(&self) -> u16 {
        self.checks.len() as u16
    }
}

fn has_driver(node: &Node, driver: &str) -> bool {
    match node.drivers.get(driver) {
        Some(info) => info.detected && info.healthy,
        None => node.attributes.get(&format!("driver.{driver}")).is_some_and(|value| matches!(value.as_str(), "1" | "true")),
    }
}

fn has_network_mode(node: &Node, mode: &str) -> bool {
    node.node_resources.as_ref().is_some_and(|resources| resources.node_networks.iter().any(|network| network.mode == mode))
}
