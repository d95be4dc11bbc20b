//! What a server says of itself in `agent-info` (`/v1/agent/self`, `stats`): sections of names and values, all texts.

use std::collections::BTreeMap;

use gossip::Status;
use raftstore::Role;

use crate::core::Core;
use crate::members;

/// The sections `nomad`, `raft` and `serf`.
pub fn sections(core: &Core) -> BTreeMap<String, BTreeMap<String, String>> {
    let sections = [("nomad", own(core)), ("raft", raft(core)), ("serf", gossip(core))];
    sections.into_iter().map(|(name, values)| (name.to_owned(), values)).collect()
}

fn named<const N: usize>(values: [(&str, String); N]) -> BTreeMap<String, String> {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn own(core: &Core) -> BTreeMap<String, String> {
    named([
        ("bootstrap", (core.config.bootstrap_expect == 1).to_string()),
        ("known_regions", core.pool.regions().len().to_string()),
        ("leader", core.is_leader().to_string()),
        ("leader_addr", core.leader_address().unwrap_or_default()),
    ])
}

fn raft(core: &Core) -> BTreeMap<String, String> {
    let status = core.replica.status();
    let leadership = &status.leadership;
    let state = match leadership.role {
        Role::Leader | Role::Elected => "Leader",
        Role::Follower => "Follower",
        Role::Candidate => "Candidate",
        Role::Learner => "Nonvoter",
        Role::Stopped => "Shutdown",
    };
    let last_contact = match (leadership.role, leadership.leader) {
        (Role::Leader | Role::Elected, _) => "0".to_owned(),
        (_, None) => "never".to_owned(),
        _ => format!("{}ms", core.leader_silence().as_millis()),
    };
    let group = members::group(core);
    let member = |member: &rpc::message::RaftMember| {
        let suffrage = if member.voter { "Voter" } else { "Nonvoter" };
        format!("{{Suffrage:{suffrage} ID:{} Address:{}}}", member.server_id, member.address)
    };
    let configuration: Vec<String> = group.iter().map(member).collect();
    let n_voters = status.members.iter().filter(|member| member.voter).count();
    let votes = status.members.iter().any(|member| member.voter && member.id == status.id);
    named([
        ("applied_index", status.applied_index.to_string()),
        ("commit_index", status.committed_index.to_string()),
        ("fsm_pending", status.committed_index.saturating_sub(status.applied_index).to_string()),
        ("last_contact", last_contact),
        ("last_log_index", status.last_index.to_string()),
        ("last_snapshot_index", status.snapshot_index.to_string()),
        ("latest_configuration", format!("[{}]", configuration.join(" "))),
        ("num_peers", n_voters.saturating_sub(usize::from(votes)).to_string()),
        ("protocol_version", "3".to_owned()),
        ("state", state.to_owned()),
        ("term", leadership.term.to_string()),
    ])
}

fn gossip(core: &Core) -> BTreeMap<String, String> {
    let members = core.pool.members();
    let count = |status: Status| members.iter().filter(|member| member.status == status).count().to_string();
    named([
        ("encrypted", "false".to_owned()),
        ("failed", count(Status::Failed)),
        ("left", count(Status::Left)),
        ("members", members.len().to_string()),
    ])
}
