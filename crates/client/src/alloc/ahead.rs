//! What has to end on this node before an allocation begins here. The region gives the room of what it stops to others at once; on the node the
//! old tasks may still be on their way out, and two of them cannot listen on one port or write the same files.

use model::Allocation;

use super::AllocHandle;
use crate::shared::Shared;

/// The allocation that this one replaces, and older ones that hold one of its host ports. All of them have been told to stop, or soon will be.
pub(super) fn ahead_of(shared: &Shared, alloc: &Allocation) -> Vec<AllocHandle> {
    let ports: Vec<(&str, i64)> = host_ports(alloc).collect();
    let is_ahead = |handle: &AllocHandle| {
        let other = handle.alloc();
        // Only for older ones: so no two ever wait for each other.
        let is_older = other.create_index < alloc.create_index;
        handle.id == alloc.previous_allocation || is_older && host_ports(&other).any(|port| ports.contains(&port))
    };
    let all = shared.allocs();
    all.values().filter(|handle| handle.id != alloc.id && !handle.is_finished() && is_ahead(handle)).cloned().collect()
}

/// Address and port of those that nobody else may have.
fn host_ports(alloc: &Allocation) -> impl Iterator<Item = (&str, i64)> {
    let resources = alloc.allocated_resources.iter();
    resources.flat_map(|resources| {
        let shared = resources.shared.ports.iter().filter(|port| !port.ignore_collision).map(|port| (port.host_ip.as_str(), port.value));
        let networks = resources.tasks.values().flat_map(|task| &task.networks);
        let of_tasks = networks.flat_map(|network| {
            let ports = network.reserved_ports.iter().chain(&network.dynamic_ports).filter(|port| !port.ignore_collision);
            ports.map(|port| (network.ip.as_str(), port.value))
        });
        shared.chain(of_tasks)
    })
}
