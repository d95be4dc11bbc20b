//! How the region looks after its own servers: who is well, since when, and the settings. What follows for the raft group stands in `members`.

use std::collections::BTreeMap;
use std::time::Instant;

use gossip::Status;
use model::AutopilotConfig;
use rpc::message::{Failure, RaftMember, ServerHealth, WriteReply, WriteValue};
use state::{Command, Outcome};

use crate::core::{Core, Stability, now};
use crate::members;

/// `cas`: only if the present settings have this modify index.
pub async fn set(core: &Core, config: AutopilotConfig, cas: Option<u64>) -> Result<WriteReply, Failure> {
    let applied = core.propose(Command::SetAutopilot { config, cas }).await?;
    let is_changed = !matches!(&applied.outcome, Outcome::Refused(text) if text == state::AUTOPILOT_CHANGED);
    Ok(WriteReply { index: applied.index, value: WriteValue::Changed(is_changed) })
}

/// Keeps in mind since when each server of the group is as healthy or not as it is.
pub fn settle(core: &Core) {
    let seen: BTreeMap<u64, bool> = core.replica.status().members.iter().map(|member| (member.id, looks_well(core, member.id))).collect();
    let (since, time) = (Instant::now(), now());
    let mut leading = core.leading();
    let Some(stability) = leading.as_mut().map(|leading| &mut leading.stability) else { return };
    stability.retain(|id, _| seen.contains_key(id));
    for (id, is_healthy) in seen {
        let known = stability.entry(id).or_insert(Stability { is_healthy, since, time });
        if known.is_healthy != is_healthy {
            *known = Stability { is_healthy, since, time };
        }
    }
}

/// Alive, and not too far behind.
fn looks_well(core: &Core, id: u64) -> bool {
    let is_alive =
        id == core.replica.id() || core.pool.members().iter().any(|member| member.meta.server_id == id && member.status == Status::Alive);
    is_alive && core.replica.lag_of(id).map_or(id == core.replica.id(), |lag| lag <= core.autopilot().max_trailing_logs)
}

/// How the region's servers are, as their leader sees it; on another server nothing is known.
pub fn health(core: &Core) -> Vec<ServerHealth> {
    if !core.is_leader() {
        return Vec::new();
    }
    settle(core);
    let config = core.autopilot();
    let pool = core.pool.members();
    let stability = core.leading().as_ref().map(|leading| leading.stability.clone()).unwrap_or_default();
    let ids = core.replica.status().members.into_iter().map(|member| member.id);
    let of = |(id, member): (u64, RaftMember)| {
        let known = pool.iter().find(|known| known.meta.server_id == id);
        let heard = core.replica.heard_of(id);
        let last_contact = heard.map_or(-1, |(.., ago)| i64::try_from(ago.as_nanos()).unwrap_or(i64::MAX));
        let is_near = id == core.replica.id() || (0..=config.last_contact_threshold).contains(&last_contact);
        ServerHealth {
            status: known.map_or("none", |known| known.status.as_str()).to_owned(),
            build: known.map_or_else(String::new, |known| known.meta.build.clone()),
            last_contact,
            last_term: heard.map_or(0, |(term, ..)| term),
            last_index: heard.map_or(0, |(_, index, _)| index),
            healthy: is_near && looks_well(core, id),
            stable_since: stability.get(&id).map_or(0, |stability| stability.time),
            member,
        }
    };
    ids.zip(members::group(core)).map(of).collect()
}
