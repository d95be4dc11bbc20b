//! What has to end on this node before an allocation begins here. The region gives the room of what it stops to others at once; on the node the
//! old tasks may still be on their way out, and two of them cannot listen on one port, write the same files, or have a device for themselves.

use std::collections::BTreeSet;

use model::Allocation;

use super::AllocHandle;
use crate::shared::Shared;

/// What one allocation of a node has for itself.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Claim<'a> {
    /// Host address and port.
    Port(&'a str, i64),
    Core(u16),
    /// Vendor, type, name and id.
    Device(&'a str, &'a str, &'a str, &'a str),
}

/// The allocation that this one replaces, those that gave way to it, and older ones that hold something that it has for itself. All of them have
/// been told to stop, or soon will be.
pub(super) fn ahead_of(shared: &Shared, alloc: &Allocation) -> Vec<AllocHandle> {
    let wanted: BTreeSet<Claim> = claims(alloc).collect();
    let all = shared.allocs();
    let is_ahead = |handle: &AllocHandle| {
        let other = handle.alloc();
        handle.id == alloc.previous_allocation || alloc.preempted_allocations.contains(&handle.id) || is_ahead(&other, alloc, &wanted)
    };
    all.values().filter(|handle| handle.id != alloc.id && !handle.is_finished() && is_ahead(handle)).cloned().collect()
}

/// Only older ones: so no two ever wait for each other.
fn is_ahead(other: &Allocation, alloc: &Allocation, wanted: &BTreeSet<Claim>) -> bool {
    !wanted.is_empty() && other.create_index < alloc.create_index && claims(other).any(|claim| wanted.contains(&claim))
}

fn claims(alloc: &Allocation) -> impl Iterator<Item = Claim<'_>> {
    let resources = alloc.allocated_resources.iter();
    resources.flat_map(|resources| {
        let shared = resources.shared.ports.iter().filter(|port| !port.ignore_collision);
        let shared = shared.map(|port| Claim::Port(&port.host_ip, port.value));
        let of_tasks = resources.tasks.values().flat_map(|task| {
            let ports = task.networks.iter().flat_map(|network| {
                let ports = network.reserved_ports.iter().chain(&network.dynamic_ports).filter(|port| !port.ignore_collision);
                ports.map(|port| Claim::Port(&network.ip, port.value))
            });
            let cores = task.cpu.reserved_cores.iter().copied().map(Claim::Core);
            let devices = task
                .devices
                .iter()
                .flat_map(|device| device.device_ids.iter().map(|id| Claim::Device(&device.vendor, &device.kind, &device.name, id)));
            ports.chain(cores).chain(devices)
        });
        shared.chain(of_tasks)
    })
}

#[cfg(test)]
mod tests {
    use model::{AllocatedDeviceResource, AllocatedPortMapping, AllocatedResources, AllocatedTaskResources};

    use super::*;

    /// An allocation of that age with `port 80`, `core 3` or `device a`, or nothing for itself.
    fn alloc(age: u64, has: &str) -> Allocation {
        let mut resources = AllocatedResources::default();
        let mut task = AllocatedTaskResources::default();
        match has.split_once(' ') {
            Some(("port", value)) => {
                let value = value.parse().expect("a port");
                resources.shared.ports.push(AllocatedPortMapping { host_ip: "127.0.0.1".to_owned(), value, ..Default::default() });
            }
            Some(("core", number)) => task.cpu.reserved_cores.push(number.parse().expect("a core")),
            Some(("device", id)) => {
                task.devices.push(AllocatedDeviceResource {
                    kind: "gpu".to_owned(),
                    device_ids: vec![id.to_owned()],
                    ..Default::default()
                });
            }
            _ => {}
        }
        resources.tasks.insert("t".to_owned(), task);
        Allocation { create_index: age, allocated_resources: Some(resources.into()), ..Default::default() }
    }

    /// Nobody waits for younger ones, or for what others may have, too.
    #[test]
    fn who_is_ahead() {
        let rows = [
            ("port 80", 1, "port 80", true),
            ("port 80", 1, "port 81", false),
            ("port 80", 3, "port 80", false),
            ("port 80", 2, "port 80", false),
            ("core 3", 1, "core 3", true),
            ("core 3", 1, "core 4", false),
            ("device a", 1, "device a", true),
            ("device a", 1, "device b", false),
            ("core 80", 1, "port 80", false),
            ("", 1, "", false),
        ];
        for (other, age, wanted, expected) in rows {
            let (other, alloc) = (alloc(age, other), alloc(2, wanted));
            let claims: BTreeSet<Claim> = claims(&alloc).collect();
            assert_eq!(is_ahead(&other, &alloc, &claims), expected, "{wanted:?} behind {:?} of {age}", other.allocated_resources);
        }
    }
}
