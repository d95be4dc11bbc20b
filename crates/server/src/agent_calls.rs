//! Calls about the agent itself and the pool as it sees it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use gossip::Member;
use rpc::message::{AgentReply, AgentRequest, Failure, MemberInfo, Members};

use crate::core::Core;

pub async fn answer(core: &Core, request: AgentRequest) -> Result<AgentReply, Failure> {
    match request {
        AgentRequest::Members => Ok(AgentReply::Members(Members {
            server_name: core.config.name.clone(),
            server_region: core.config.region.clone(),
            server_dc: core.config.datacenter.clone(),
            members: core.pool.members().iter().map(info).collect(),
        })),
        AgentRequest::Join { addresses } => join(core, addresses).await,
        AgentRequest::ForceLeave { name, prune } => {
            core.pool.force_leave(name, prune).await.map_err(Failure::internal)?;
            Ok(AgentReply::Done)
        }
        AgentRequest::Regions => Ok(AgentReply::Regions(core.pool.regions().iter().map(ToString::to_string).collect())),
        AgentRequest::Health => {
            let ok = core.leader_address().is_some();
            let message = if ok { "ok".to_owned() } else { crate::core::NO_LEADER.to_owned() };
            Ok(AgentReply::Health { ok, message })
        }
        AgentRequest::Monitor { .. } => Err(Failure::bad_request("a log has no end: it is answered by a stream only")),
    }
}

async fn join(core: &Core, addresses: Vec<String>) -> Result<AgentReply, Failure> {
    let mut errors = Vec::new();
    let mut resolved: Vec<SocketAddr> = Vec::new();
    for address in &addresses {
        match resolve(address).await {
            Ok(found) => resolved.push(found),
            Err(error) => errors.push(error),
        }
    }
    let mut count = 0;
    for (address, result) in core.pool.join(resolved).await {
        match result {
            Ok(_) => count += 1,
            Err(reason) => errors.push(format!("{address}: {reason}")),
        }
    }
    Ok(AgentReply::Joined { count, errors })
}

/// `host:port` or `host`, of a gossip socket.
pub async fn resolve(address: &str) -> Result<SocketAddr, String> {
    const GOSSIP_PORT: u16 = 4648;
    let with_port = match address.rsplit_once(':') {
        // One colon is never part of an address of version 6.
        Some((host, port)) if port.parse::<u16>().is_err() && (!host.contains(':') || host.ends_with(']')) => {
            return Err(format!("{address}: \"{port}\" is not a port"));
        }
        Some((host, port)) if port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']')) => address.to_owned(),
        _ if address.contains(':') && !address.starts_with('[') => format!("[{address}]:{GOSSIP_PORT}"),
        _ => format!("{address}:{GOSSIP_PORT}"),
    };
    let mut found = tokio::net::lookup_host(&with_port).await.map_err(|error| format!("{address}: {error}"))?;
    found.next().ok_or_else(|| format!("{address}: no such host"))
}

fn info(member: &Member) -> MemberInfo {
    let meta = &member.meta;
    let mut tags: BTreeMap<String, String> = meta.tags.clone();
    let rpc = meta.rpc_address;
    for (key, value) in [
        ("role", "nomad".to_owned()),
        ("region", meta.region.to_string()),
        ("dc", meta.datacenter.clone()),
        ("id", member.identity.node.to_string()),
        ("raft_id", meta.server_id.to_string()),
        ("rpc_addr", rpc.ip().to_string()),
        ("port", rpc.port().to_string()),
        ("http_addr", meta.http_address.to_string()),
        ("expect", meta.bootstrap_expect.to_string()),
        ("build", meta.build.clone()),
        ("vsn", meta.protocol.to_string()),
        ("raft_vsn", "3".to_owned()),
    ] {
        tags.insert(key.to_owned(), value);
    }
    if meta.bootstrap_expect == 1 {
        tags.insert("bootstrap".to_owned(), "1".to_owned());
    }
    if !meta.cluster_id.is_nil() {
        tags.insert("cluster".to_owned(), meta.cluster_id.to_string());
    }
    MemberInfo {
        name: member.full_name(),
        addr: member.identity.address.ip().to_string(),
        port: member.identity.address.port(),
        tags,
        status: member.status.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::resolve;

    /// Rows: what a person names; the address, or what is wrong with it.
    #[tokio::test]
    async fn addresses() {
        for (given, want) in [
            ("127.0.0.1", Ok("127.0.0.1:4648")),
            ("127.0.0.1:7", Ok("127.0.0.1:7")),
            ("::1", Ok("[::1]:4648")),
            ("[::1]", Ok("[::1]:4648")),
            ("[::1]:7", Ok("[::1]:7")),
            ("127.0.0.1:99999", Err("127.0.0.1:99999: \"99999\" is not a port")),
            ("127.0.0.1:http", Err("127.0.0.1:http: \"http\" is not a port")),
            ("[::1]:x", Err("[::1]:x: \"x\" is not a port")),
        ] {
            let found = resolve(given).await;
            assert_eq!(found.map(|address| address.to_string()), want.map(str::to_owned).map_err(str::to_owned), "{given}");
        }
    }
}
