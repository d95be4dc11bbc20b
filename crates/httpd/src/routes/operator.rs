//! `/v1/operator/raft/…`: the servers that keep the region's log together, and what a person may do about them.

use api::{LeadershipTransferResponse, RaftConfigurationResponse, RaftIdAddress, RaftServer};
use http::StatusCode;
use rpc::message::{RaftMember, Read, ReadValue, Write, WriteValue};

use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::{self, Answer};

/// Version of the protocol between the servers of a region, as clients know it: the newest.
const RAFT_PROTOCOL: &str = "3";

pub(super) async fn raft_configuration(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let (meta, ReadValue::RaftGroup(members)) = cx.read_with(cx.options_now()?, Read::RaftGroup).await? else {
        return Err(Refusal::mismatch());
    };
    let region = cx.region();
    let shown = |member: RaftMember| RaftServer {
        id: member.server_id.to_string(),
        node: format!("{}.{region}", member.name),
        address: member.address,
        leader: member.leader,
        voter: member.voter,
        raft_protocol: RAFT_PROTOCOL.to_owned(),
    };
    cx.json(None, &RaftConfigurationResponse { servers: members.into_iter().map(shown).collect(), index: meta.index })
}

pub(super) async fn raft_peer(cx: Cx) -> Answer {
    if cx.verb() != Verb::Delete {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "Invalid method"));
    }
    if cx.params.get("address").is_some() {
        return Err(Refusal::bad_request("address is no longer taken here: name the server by its id"));
    }
    let server = match cx.params.text("id") {
        "" => return Err(Refusal::bad_request("Must specify an ?id with the peer's ID")),
        id => id.to_owned(),
    };
    let (meta, _) = cx.write(Write::RemovePeer { server }).await?;
    respond::empty(Some(&meta))
}

pub(super) async fn transfer_leadership(cx: Cx) -> Answer {
    cx.only(Verb::Put)?;
    let server = match (cx.params.text("id"), cx.params.text("address")) {
        ("", "") => return Err(Refusal::bad_request("Must specify ?id with the peer's ID, or ?address with its address")),
        (id, "") => id.to_owned(),
        ("", address) => address.to_owned(),
        _ => return Err(Refusal::bad_request("Must specify only one of id or address")),
    };
    let (meta, WriteValue::Leadership { from, to }) = cx.write(Write::TransferLeadership { server }).await? else {
        return Err(Refusal::mismatch());
    };
    let noop = from.server_id == to.server_id;
    let shown = |member: RaftMember| RaftIdAddress { address: member.address, id: member.server_id.to_string() };
    cx.json(Some(&meta), &LeadershipTransferResponse { from: shown(from), to: shown(to), noop, err: None })
}
