//! `/v1/operator/raft/configuration`: the region's voters, with what the pool says of them.

use api::{RaftConfigurationResponse, RaftServer};
use rpc::message::{MemberInfo, Read, ReadValue};

use super::agent::pool;
use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::Answer;

/// Version of the protocol between the servers of a region, as clients know it: the newest.
const RAFT_PROTOCOL: &str = "3";

pub(super) async fn raft_configuration(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let options = cx.options_now()?;
    let (meta, ReadValue::Texts(addresses)) = cx.read_with(options.clone(), Read::Peers).await? else { return Err(Refusal::mismatch()) };
    let (_, ReadValue::Text(leader)) = cx.read_with(options, Read::Leader).await? else { return Err(Refusal::mismatch()) };
    let members = pool(&cx, cx.region()).await?.members;
    let servers = addresses.into_iter().map(|address| {
        let member = members.iter().find(|member| rpc_address(member) == address);
        let tag = |name: &str| member.and_then(|member| member.tags.get(name)).cloned();
        RaftServer {
            id: tag("id").unwrap_or_else(|| address.clone()),
            node: member.map_or("(unknown)".to_owned(), |member| member.name.clone()),
            leader: address == leader,
            voter: true,
            raft_protocol: tag("raft_vsn").unwrap_or_else(|| RAFT_PROTOCOL.to_owned()),
            address,
        }
    });
    cx.json(None, &RaftConfigurationResponse { servers: servers.collect(), index: meta.index })
}

/// `host:port`, whether the tags keep them together or apart.
fn rpc_address(member: &MemberInfo) -> String {
    let tag = |name: &str| member.tags.get(name).map(String::as_str).unwrap_or_default();
    let host = tag("rpc_addr");
    if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        host.to_owned()
    } else {
        format!("{host}:{}", tag("port"))
    }
}
