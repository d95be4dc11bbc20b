//! Devices: which ones a task may get, and which ones it gets.

mod value;

use std::borrow::Cow;

use model::{AllocatedDeviceResource, AllocatedResources, Constraint, Node, NodeDeviceResource, RequestedDevice, TaskGroup};

use crate::constraint::Operator;
use crate::score::{affinity_constraint, sum};
use value::Value;

/// What the tasks of a group ask for.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeviceAsks {
    asks: Vec<DeviceAsk>,
    /// Of all affinities.
    sum: f64,
}

#[derive(Clone, Debug)]
struct DeviceAsk {
    task: String,
    /// Type; vendor and type; vendor, type and model.
    name: Vec<String>,
    count: usize,
    conditions: Vec<Condition>,
    affinities: Vec<(Condition, f64)>,
}

/// Devices of one model on a node, and how many allocations have each: more than one only while a plan is on its way.
#[derive(Clone, Debug)]
pub(crate) struct DeviceRoom {
    vendor: String,
    kind: String,
    name: String,
    instances: Vec<Instance>,
}

#[derive(Clone, Debug)]
struct Instance {
    id: String,
    is_healthy: bool,
    n_uses: u32,
}

impl DeviceRoom {
    pub(crate) fn of_node(node: &Node) -> Vec<Self> {
        let devices = node.node_resources.iter().flat_map(|resources| &resources.devices);
        devices
            .map(|device| Self {
                vendor: device.vendor.clone(),
                kind: device.kind.clone(),
                name: device.name.clone(),
                instances: device
                    .instances
                    .iter()
                    .map(|instance| Instance { id: instance.id.clone(), is_healthy: instance.healthy, n_uses: 0 })
                    .collect(),
            })
            .collect()
    }

    fn is_of(&self, given: &AllocatedDeviceResource) -> bool {
        self.vendor == given.vendor && self.kind == given.kind && self.name == given.name
    }
}

/// The allocation comes or goes.
pub(crate) fn count(rooms: &mut [DeviceRoom], resources: &AllocatedResources, comes: bool) {
    for given in resources.tasks.values().flat_map(|task| &task.devices) {
        for room in rooms.iter_mut().filter(|room| room.is_of(given)) {
            for instance in room.instances.iter_mut().filter(|instance| given.device_ids.contains(&instance.id)) {
                instance.n_uses = if comes { instance.n_uses.saturating_add(1) } else { instance.n_uses.saturating_sub(1) };
            }
        }
    }
}

impl DeviceAsks {
    pub(crate) fn new(group: &TaskGroup) -> Self {
        let mut asks = Vec::new();
        for task in &group.tasks {
            let devices = task.resources.iter().flat_map(|resources| &resources.devices);
            asks.extend(devices.map(|device| DeviceAsk::new(&task.name, device)));
        }
        let weights = asks.iter().flat_map(|ask: &DeviceAsk| &ask.affinities).map(|(_, weight)| weight.abs());
        let sum = sum(weights);
        Self { asks, sum }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.asks.is_empty()
    }

    /// Whether the node has healthy devices enough, given or not.
    pub(crate) fn could_be_met(&self, node: &Node) -> bool {
        self.is_empty() || self.choose(node, &DeviceRoom::of_node(node)).is_some()
    }

    pub(crate) fn can_be_met(&self, node: &Node, rooms: &[DeviceRoom]) -> bool {
        self.is_empty() || self.choose(node, rooms).is_some()
    }

    /// `None` when no device is preferred to another, or there are none.
    pub(crate) fn score(&self, node: &Node, rooms: &[DeviceRoom]) -> Option<f64> {
        if self.sum == 0.0 {
            return None;
        }
        let chosen = self.choose(node, rooms)?;
        Some(sum(chosen.iter().map(|chosen| chosen.weight)) / self.sum)
    }

    /// What each request gets, with its task.
    pub(crate) fn grant(&self, node: &Node, rooms: &[DeviceRoom]) -> Option<Vec<(String, AllocatedDeviceResource)>> {
        let chosen = self.choose(node, rooms)?;
        let grant = |(ask, chosen): (&'_ DeviceAsk, &Chosen)| {
            let room = &rooms[chosen.room];
            let device_ids = chosen.instances.iter().map(|instance| room.instances[*instance].id.clone()).collect();
            let devices =
                AllocatedDeviceResource { vendor: room.vendor.clone(), kind: room.kind.clone(), name: room.name.clone(), device_ids };
            (ask.task.clone(), devices)
        };
        Some(self.asks.iter().zip(&chosen).map(grant).collect())
    }

    /// For each request in turn the devices of one model that meet it best; earlier requests come first.
    fn choose(&self, node: &Node, rooms: &[DeviceRoom]) -> Option<Vec<Chosen>> {
        let devices = node.node_resources.as_ref().map(|resources| resources.devices.as_slice()).unwrap_or_default();
        let mut taken: Vec<(usize, usize)> = Vec::new();
        let mut all = Vec::with_capacity(self.asks.len());
        for ask in &self.asks {
            let mut best: Option<Chosen> = None;
            for (position, (device, room)) in devices.iter().zip(rooms).enumerate().filter(|(_, (device, _))| ask.is_met_by(device)) {
                let free = (0..room.instances.len()).filter(|instance| {
                    let it = &room.instances[*instance];
                    it.is_healthy && it.n_uses == 0 && !taken.contains(&(position, *instance))
                });
                let instances: Vec<usize> = free.take(ask.count).collect();
                let weight = sum(ask.affinities.iter().filter(|(wish, _)| wish.holds(device)).map(|(_, weight)| *weight));
                if instances.len() == ask.count && best.as_ref().is_none_or(|best| weight > best.weight) {
                    best = Some(Chosen { room: position, instances, weight });
                }
            }
            let chosen = best?;
            taken.extend(chosen.instances.iter().map(|instance| (chosen.room, *instance)));
            all.push(chosen);
        }
        Some(all)
    }

    /// Whether the allocation has devices that some request could use.
    pub(crate) fn wants_of(&self, resources: &AllocatedResources) -> bool {
        let given = || resources.tasks.values().flat_map(|task| &task.devices);
        self.asks.iter().any(|ask| given().any(|given| ask.is_named(&given.vendor, &given.kind, &given.name)))
    }
}

/// What one request gets, before it is written down.
struct Chosen {
    room: usize,
    instances: Vec<usize>,
    weight: f64,
}

impl DeviceAsk {
    fn new(task: &str, device: &RequestedDevice) -> Self {
        Self {
            task: task.to_owned(),
            name: device.name.splitn(3, '/').map(str::to_owned).collect(),
            count: usize::try_from(device.count).unwrap_or(usize::MAX),
            conditions: device.constraints.iter().map(Condition::new).collect(),
            affinities: device
                .affinities
                .iter()
                .map(|affinity| (Condition::new(&affinity_constraint(affinity)), affinity.weight as f64))
                .collect(),
        }
    }

    fn is_named(&self, vendor: &str, kind: &str, name: &str) -> bool {
        match self.name.as_slice() {
            [wanted] => wanted == kind,
            [wanted_vendor, wanted] => wanted_vendor == vendor && wanted == kind,
            [wanted_vendor, wanted, wanted_name] => wanted_vendor == vendor && wanted == kind && wanted_name == name,
            _ => false,
        }
    }

    fn is_met_by(&self, device: &NodeDeviceResource) -> bool {
        self.is_named(&device.vendor, &device.kind, &device.name) && self.conditions.iter().all(|condition| condition.holds(device))
    }
}

/// One condition on a model of devices.
#[derive(Clone, Debug)]
struct Condition {
    left: Target,
    operator: Operator,
    right: Target,
}

#[derive(Clone, Debug)]
enum Target {
    Literal(Value),
    Vendor,
    Type,
    Model,
    Ids,
    Attribute(String),
    /// `${…}` that devices do not have.
    Unknown,
}

impl Target {
    fn parse(text: &str) -> Self {
        let Some(inner) = text.strip_prefix("${").and_then(|text| text.strip_suffix('}')) else { return Self::Literal(Value::parse(text)) };
        if let Some(name) = inner.strip_prefix("device.attr.") {
            return Self::Attribute(name.to_owned());
        }
        match inner {
            "device.vendor" => Self::Vendor,
            "device.type" => Self::Type,
            "device.model" => Self::Model,
            "device.ids" => Self::Ids,
            _ => Self::Unknown,
        }
    }

    fn resolve<'a>(&'a self, device: &NodeDeviceResource) -> Option<Cow<'a, Value>> {
        let text = |text: &str| Some(Cow::Owned(Value::parse(text)));
        match self {
            Self::Literal(value) => Some(Cow::Borrowed(value)),
            Self::Vendor => text(&device.vendor),
            Self::Type => text(&device.kind),
            Self::Model => text(&device.name),
            Self::Ids => {
                let ids: Vec<&str> = device.instances.iter().map(|instance| instance.id.as_str()).collect();
                text(&ids.join(","))
            }
            Self::Attribute(name) => device.attributes.get(name).map(|attribute| Cow::Owned(Value::of(attribute))),
            Self::Unknown => None,
        }
    }
}

impl Condition {
    fn new(constraint: &Constraint) -> Self {
        Self {
            left: Target::parse(&constraint.l_target),
            operator: Operator::parse(&constraint.operand),
            right: Target::parse(&constraint.r_target),
        }
    }

    fn holds(&self, device: &NodeDeviceResource) -> bool {
        let (left, right) = (self.left.resolve(device), self.right.resolve(device));
        match self.operator {
            Operator::IsSet => return left.is_some(),
            Operator::IsNotSet => return left.is_none(),
            Operator::NotEqual if left.is_none() || right.is_none() => return left.is_some() != right.is_some(),
            _ => {}
        }
        let (Some(left), Some(right)) = (left, right) else { return false };
        match self.operator {
            Operator::Equal => left.compare(&right).is_some_and(std::cmp::Ordering::is_eq),
            // Values that cannot be compared are not the same.
            Operator::NotEqual => left.compare(&right).is_none_or(std::cmp::Ordering::is_ne),
            Operator::Less => left.compare(&right).is_some_and(std::cmp::Ordering::is_lt),
            Operator::LessOrEqual => left.compare(&right).is_some_and(std::cmp::Ordering::is_le),
            Operator::Greater => left.compare(&right).is_some_and(std::cmp::Ordering::is_gt),
            Operator::GreaterOrEqual => left.compare(&right).is_some_and(std::cmp::Ordering::is_ge),
            _ => self.operator.holds_for(left.as_text(), right.as_text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{DeviceAttribute, NodeDevice};

    fn gpu() -> NodeDeviceResource {
        let int = |int, unit: &str| DeviceAttribute { int: Some(int), unit: unit.to_owned(), ..DeviceAttribute::default() };
        let text = |text: &str| DeviceAttribute { string: Some(text.to_owned()), ..DeviceAttribute::default() };
        let attributes = [
            ("memory", int(8, "GiB")),
            ("cores", int(2560, "")),
            ("clock", DeviceAttribute { float: Some(1.5), unit: "GHz".to_owned(), ..DeviceAttribute::default() }),
            ("driver", text("470.82.1")),
            ("features", text("nvenc,cuda")),
            ("ecc", DeviceAttribute { bool: Some(true), ..DeviceAttribute::default() }),
        ];
        NodeDeviceResource {
            vendor: "nvidia".to_owned(),
            kind: "gpu".to_owned(),
            name: "1080ti".to_owned(),
            instances: ["a", "b"].map(|id| NodeDevice { id: id.to_owned(), healthy: true, ..NodeDevice::default() }).to_vec(),
            attributes: attributes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        }
    }

    /// Conditions on a GPU, with units; what cannot be compared holds only as a difference.
    #[test]
    fn conditions() {
        let rows = [
            ("${device.vendor}", "=", "nvidia", true),
            ("${device.vendor}", "!=", "amd", true),
            ("${device.type}", "=", "gpu", true),
            ("${device.model}", "regexp", "^10[0-9]+", true),
            ("${device.ids}", "set_contains", "b", true),
            ("${device.ids}", "set_contains", "c", false),
            ("${device.attr.memory}", ">=", "4 GiB", true),
            ("${device.attr.memory}", ">=", "4GiB", true),
            ("${device.attr.memory}", "=", "8192 MiB", true),
            ("${device.attr.memory}", ">", "8 GB", true),
            ("${device.attr.memory}", "<", "9 GB", true),
            ("${device.attr.memory}", ">", "1 TiB", false),
            ("${device.attr.memory}", ">", "4", false),
            ("${device.attr.memory}", ">", "1 GHz", false),
            ("${device.attr.memory}", "!=", "8 GHz", true),
            ("${device.attr.memory}", "!=", "8 GiB", false),
            ("${device.attr.cores}", ">", "2000", true),
            ("${device.attr.cores}", "=", "2560", true),
            ("${device.attr.cores}", "<=", "2560.5", true),
            ("${device.attr.clock}", ">=", "1500 MHz", true),
            ("${device.attr.clock}", "<", "1.6GHz", true),
            ("${device.attr.driver}", "version", ">= 450", true),
            ("${device.attr.driver}", "semver", ">= 480.0.0", false),
            ("${device.attr.features}", "set_contains_any", "cuda,opencl", true),
            ("${device.attr.features}", "set_contains_all", "cuda,opencl", false),
            ("${device.attr.ecc}", "=", "true", true),
            ("${device.attr.ecc}", "!=", "true", false),
            ("${device.attr.missing}", "=", "1", false),
            ("${device.attr.missing}", "!=", "1", true),
            ("${device.attr.missing}", "<", "1", false),
            ("${device.attr.missing}", "is_set", "", false),
            ("${device.attr.missing}", "is_not_set", "", true),
            ("${device.attr.ecc}", "is_set", "", true),
            ("${node.class}", "is_set", "", false),
            ("${device.attr.cores}", "resembles", "1", false),
        ];
        for (left, operand, right, expected) in rows {
            let constraint = Constraint { l_target: left.to_owned(), operand: operand.to_owned(), r_target: right.to_owned() };
            assert_eq!(Condition::new(&constraint).holds(&gpu()), expected, "{left} {operand} {right}");
        }
    }

    /// A request names a type, a vendor and a type, or a model.
    #[test]
    fn names() {
        let rows = [
            ("gpu", true),
            ("nvidia/gpu", true),
            ("nvidia/gpu/1080ti", true),
            ("fpga", false),
            ("amd/gpu", false),
            ("nvidia/gpu/2080", false),
            ("nvidia", false),
            ("", false),
        ];
        for (name, expected) in rows {
            let request = RequestedDevice { name: name.to_owned(), count: 1, ..RequestedDevice::default() };
            assert_eq!(DeviceAsk::new("t", &request).is_met_by(&gpu()), expected, "{name}");
        }
    }
}
