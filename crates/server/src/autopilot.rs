//! How the region looks after its own servers: who is well, since when, and the settings. What follows for the raft group stands in `members`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gossip::Status;
use model::AutopilotConfig;
use rpc::message::{Failure, RaftMember, ServerHealth, WriteReply, WriteValue};
use state::{Command, Outcome};

use crate::core::{Core, NO_LEADER, Stability, now};
use crate::members;

/// Who has not acknowledged anything for longer is not heard of by raft.
const SILENCE: Duration = Duration::from_secs(2);

/// `cas`: only if the present settings have this modify index.
pub async fn set(core: &Core, config: AutopilotConfig, cas: Option<u64>) -> Result<WriteReply, Failure> {
    let applied = core.propose(Command::SetAutopilot { config, cas }).await?;
    let is_changed = !matches!(&applied.outcome, Outcome::Refused(text) if text == state::AUTOPILOT_CHANGED);
    Ok(WriteReply { index: applied.index, value: WriteValue::Changed(is_changed) })
}

/// Keeps in mind since when each server of the group is as it is.
pub fn settle(core: &Core) {
    let look = |id: u64| (id, (looks_well(core, id), is_heard_of(core, id)));
    let seen: BTreeMap<u64, (bool, bool)> = core.replica.status().members.iter().map(|member| look(member.id)).collect();
    let (since, time) = (Instant::now(), now());
    let mut leading = core.leading();
    let Some(stability) = leading.as_mut().map(|leading| &mut leading.stability) else { return };
    stability.retain(|id, _| seen.contains_key(id));
    for (id, (is_healthy, is_there)) in seen {
        let known = stability.entry(id).or_insert(Stability { is_healthy, since, time, gone_since: None });
        if known.is_healthy != is_healthy {
            *known = Stability { is_healthy, since, time, ..*known };
        }
        known.gone_since = (!is_there).then(|| known.gone_since.unwrap_or(since));
    }
}

/// By the pool, or by raft.
fn is_heard_of(core: &Core, id: u64) -> bool {
    let is_active = core.pool.members().iter().any(|member| member.meta.server_id == id && member.status.is_active());
    is_active || core.replica.heard_of(id).is_some_and(|(.., ago)| ago < SILENCE)
}

/// Alive, and not too far behind.
fn looks_well(core: &Core, id: u64) -> bool {
    let is_alive =
        id == core.replica.id() || core.pool.members().iter().any(|member| member.meta.server_id == id && member.status == Status::Alive);
    is_alive && core.replica.lag_of(id).map_or(id == core.replica.id(), |lag| lag <= core.autopilot().max_trailing_logs)
}

/// How the region's servers are, as their leader sees it; others know nothing of it.
pub fn health(core: &Core) -> Result<Vec<ServerHealth>, Failure> {
    if !core.is_leader() {
        return Err(Failure::internal(NO_LEADER));
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
    Ok(ids.zip(members::group(core)).map(of).collect())
}
