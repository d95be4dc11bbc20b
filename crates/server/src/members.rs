//! How the servers of a region find each other: through the gossip pool they found their raft group, or are taken into it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip::{Member, Status};
use raftstore::ServerNode;
use rpc::transport::Class;
use tracing::{info, warn};

use crate::core::Core;
use crate::transport::METHOD_FOUND;

/// How often the members are looked at when nothing says that they changed.
const TICK: Duration = Duration::from_secs(2);

/// The server as raft's membership knows it.
pub fn as_node(member: &Member) -> ServerNode {
    ServerNode {
        name: member.meta.name.clone(),
        rpc_addr: member.meta.rpc_address.to_string(),
        http_addr: member.meta.http_address.to_string(),
        server_id: member.identity.node.as_u128(),
    }
}

fn of_region(core: &Core) -> Vec<Member> {
    core.pool.members().iter().filter(|member| member.meta.region == core.region).cloned().collect()
}

/// Founds the region's raft group when as many servers as expected are there and none of them belongs to a group yet. Ends when this server
/// belongs to one, founded by itself or by another.
pub async fn found(core: Arc<Core>) {
    let expect = core.config.bootstrap_expect as usize;
    loop {
        if core.replica.is_initialized().await.unwrap_or(true) {
            return;
        }
        let servers: Vec<Member> = of_region(&core).into_iter().filter(|member| member.status == Status::Alive).collect();
        let bootstrapped = servers.iter().any(|member| !member.meta.cluster_id.is_nil());
        if expect > 0 && !bootstrapped && servers.len() >= expect {
            let mut founders: BTreeMap<u64, ServerNode> = servers
                .iter()
                .filter(|member| member.meta.bootstrap_expect as usize == expect)
                .map(|member| (member.meta.server_id, as_node(member)))
                .collect();
            let lowest = founders.keys().next() == Some(&core.replica.id());
            if founders.len() == expect && lowest && everybody_promises(&core, &founders).await {
                let names: Vec<String> = founders.values().map(|node| node.name.clone()).collect();
                info!(servers = %names.join(", "), "founding the raft group of region {}", core.region);
                if let Err(error) = core.replica.initialize(std::mem::take(&mut founders)).await {
                    warn!(%error, "founding failed");
                }
                return;
            }
        }
        tokio::select! {
            () = core.pool.members_changed() => {}
            () = tokio::time::sleep(Duration::from_millis(300)) => {}
        }
    }
}

/// Asks all founders, this server included, to promise themselves to this one.
async fn everybody_promises(core: &Core, founders: &BTreeMap<u64, ServerNode>) -> bool {
    let own = core.replica.id();
    {
        let mut promised = core.promised.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if promised.is_some_and(|other| other != own) {
            return false;
        }
        *promised = Some(own);
    }
    for node in founders.iter().filter(|(id, _)| **id != own).map(|(_, node)| node) {
        let body = Bytes::copy_from_slice(&own.to_le_bytes());
        match core.rpc.call(&node.rpc_addr, Class::Rpc, METHOD_FOUND, body, Duration::from_secs(2)).await {
            Ok(answer) if answer.first() == Some(&1) => {}
            Ok(_) => {
                info!(server = %node.name, "does not take part in founding the raft group: it has promised itself to another founder");
                return false;
            }
            Err(error) => {
                info!(server = %node.name, %error, "cannot be asked to found the raft group, trying again");
                return false;
            }
        }
    }
    true
}

/// The leader keeps raft's membership in line with the region's servers in the pool: new ones are taken in, those that left are let go,
/// addresses follow. Failed ones stay: whether they come back is for a person to say (`server force-leave`).
pub async fn keep(core: Arc<Core>) {
    loop {
        align(&core).await;
        tokio::select! {
            () = core.pool.members_changed() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

async fn align(core: &Core) {
    let cluster = core.view().identity().cluster;
    let known: BTreeMap<u64, raftstore::Member> = core.replica.status().members.into_iter().map(|member| (member.id, member)).collect();
    for member in of_region(core) {
        let id = member.meta.server_id;
        let node = as_node(&member);
        let result = match (member.status, known.get(&id)) {
            (Status::Alive, None) if member.meta.cluster_id.is_nil() || member.meta.cluster_id == cluster => {
                info!(server = %node.name, "joins the raft group");
                match core.replica.add_learner(id, node, true).await {
                    Ok(()) => core.replica.promote(BTreeSet::from([id])).await,
                    Err(error) => Err(error),
                }
            }
            (Status::Alive, Some(present)) if !present.voter => core.replica.promote(BTreeSet::from([id])).await,
            (Status::Alive, Some(present)) if present.node != node => {
                info!(server = %node.name, address = %node.rpc_addr, "has another address now");
                core.replica.update_address(id, node).await
            }
            (Status::Left, Some(_)) if id != core.replica.id() && known.len() > 1 => {
                info!(server = %node.name, "has left, taken out of the raft group");
                core.replica.remove(id).await
            }
            _ => Ok(()),
        };
        if let Err(error) = result {
            warn!(server = %member.full_name(), %error, "membership");
        }
    }
}
