//! `/v1/operator/raft/…` and `/v1/operator/autopilot/…`: the servers that keep the region's log together, and what a person may do about them.

use api::{
    AutopilotConfiguration, AutopilotServer, LeadershipTransferResponse, OperatorHealthReply, RaftConfigurationResponse, RaftIdAddress,
    RaftServer, Span,
};
use http::StatusCode;
use model::Time;
use rpc::message::{RaftMember, Read, ReadOptions, ReadValue, ServerHealth, Write, WriteValue};

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

pub(super) async fn autopilot_configuration(cx: Cx) -> Answer {
    match cx.verb() {
        Verb::Get => {
            let (_, ReadValue::Autopilot(config)) = cx.read_with(cx.options_now()?, Read::Autopilot).await? else {
                return Err(Refusal::mismatch());
            };
            cx.json(None, &AutopilotConfiguration::from(config))
        }
        Verb::Put => set_autopilot(cx).await,
        _ => Err(Refusal::new(StatusCode::NOT_FOUND, "Invalid method")),
    }
}

async fn set_autopilot(mut cx: Cx) -> Answer {
    let cas = cx.params.number::<u64>("cas")?;
    let wanted: AutopilotConfiguration = cx.decode().await?;
    for (name, is_wanted) in [
        ("EnableRedundancyZones", wanted.enable_redundancy_zones),
        ("DisableUpgradeMigration", wanted.disable_upgrade_migration),
        ("EnableCustomUpgrades", wanted.enable_custom_upgrades),
    ] {
        if is_wanted {
            return Err(Refusal::bad_request(format!(
                "{name}: there are no redundancy zones and no automatic upgrades here: leave it false"
            )));
        }
    }
    if wanted.last_contact_threshold.0 <= 0 {
        return Err(Refusal::bad_request("LastContactThreshold: it must be above zero, or no server would be healthy"));
    }
    if wanted.server_stabilization_time.0 < 0 {
        return Err(Refusal::bad_request("ServerStabilizationTime: a time is not negative"));
    }
    let (meta, WriteValue::Changed(is_changed)) = cx.write(Write::SetAutopilot { config: (&wanted).into(), cas }).await? else {
        return Err(Refusal::mismatch());
    };
    cx.json(Some(&meta), &is_changed)
}

pub(super) async fn autopilot_health(cx: Cx) -> Answer {
    if cx.verb() != Verb::Get {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "Invalid method"));
    }
    // Only the leader hears of all of them.
    let (_, ReadValue::AutopilotHealth(servers)) = cx.read_with(ReadOptions::default(), Read::AutopilotHealth).await? else {
        return Err(Refusal::mismatch());
    };
    let region = cx.region();
    let voters: Vec<&ServerHealth> = servers.iter().filter(|server| server.member.voter).collect();
    let n_healthy = voters.iter().filter(|server| server.healthy).count();
    let tolerance = n_healthy.saturating_sub(voters.len() / 2 + 1);
    let shown = |server: &ServerHealth| AutopilotServer {
        id: server.member.server_id.to_string(),
        name: format!("{}.{region}", server.member.name),
        address: server.member.address.clone(),
        serf_status: server.status.clone(),
        version: server.build.clone(),
        leader: server.member.leader,
        last_contact: Span(server.last_contact.max(0)),
        last_term: server.last_term,
        last_index: server.last_index,
        healthy: server.healthy,
        voter: server.member.voter,
        stable_since: Time(server.stable_since).to_string(),
    };
    let reply = OperatorHealthReply {
        healthy: !servers.is_empty() && servers.iter().all(|server| server.healthy),
        failure_tolerance: i64::try_from(tolerance).unwrap_or(i64::MAX),
        leader: servers.iter().find(|server| server.member.leader).map(|server| server.member.server_id.to_string()).unwrap_or_default(),
        voters: voters.iter().map(|server| server.member.server_id.to_string()).collect(),
        servers: servers.iter().map(shown).collect(),
    };
    let status = if reply.healthy { StatusCode::OK } else { StatusCode::TOO_MANY_REQUESTS };
    respond::json_with(status, cx.params.pretty(), None, &reply)
}
