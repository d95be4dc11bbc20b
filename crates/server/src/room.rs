//! Room on the disks of the region's servers: the leader takes no writes that could not be kept.
//!
//! Each server knows how its own disk is (see `raftstore`); the leader asks the others. Without room of its own it lets one lead that has
//! some. Where a majority has none, writes are refused in words until there is room again; reads go on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use raftstore::Member;
use raftstore::wire::kind;
use rpc::message::Failure;
use rpc::transport::Class;
use rpc::typed::METHOD_RAFT;

use crate::core::Core;
use crate::leader;

/// How often the others are asked.
const TICK: Duration = Duration::from_secs(1);
/// Who does not answer by then is not known to be short of room.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);
/// HTTP's word for it.
const INSUFFICIENT_STORAGE: u16 = 507;

/// Goes on for as long as this server leads.
pub async fn keep(core: Arc<Core>) {
    loop {
        look(&core).await;
        tokio::time::sleep(TICK).await;
    }
}

/// Why nothing is written at present, if so.
pub fn refuse(core: &Core) -> Result<(), Failure> {
    if !core.is_leader() {
        // It refuses what it is asked in other words.
        return Ok(());
    }
    let without = match core.replica.has_room() {
        true => core.leading().as_ref().and_then(|leading| leading.without_room.clone()),
        false => Some(core.config.name.clone()),
    };
    without.map_or(Ok(()), |servers| {
        Err(Failure::new(
            INSUFFICIENT_STORAGE,
            format!(
                "no room on the disk of {servers}: nothing is written in region {} until there is, free some; reads go on",
                core.region
            ),
        ))
    })
}

async fn look(core: &Core) {
    let own = core.replica.id();
    let voters: Vec<Member> = core.replica.status().members.into_iter().filter(|member| member.voter).collect();
    let others = voters.iter().filter(|member| member.id != own);
    let answers = join_all(others.map(async |member| (member.id, ask(core, member.id).await))).await;
    let those = |answer: bool| answers.iter().filter(move |(_, known)| *known == Some(answer)).map(|(id, _)| *id);
    if !core.replica.has_room() {
        let heirs: BTreeSet<u64> = those(true).collect();
        leader::hand_over(core, |id| heirs.contains(&id)).await;
    }
    let without: BTreeSet<u64> = those(false).collect();
    let is_enough = voters.len() - without.len() > voters.len() / 2;
    let names: Vec<&str> = voters.iter().filter(|member| without.contains(&member.id)).map(|member| member.node.name.as_str()).collect();
    if let Some(leading) = core.leading().as_mut() {
        leading.without_room = (!is_enough).then(|| names.join(" and "));
    }
}

async fn ask(core: &Core, server: u64) -> Option<bool> {
    let address = core.address_of(server)?;
    let body = Bytes::copy_from_slice(&server.to_le_bytes());
    let answer = core.rpc.call(&address, Class::Heartbeat, METHOD_RAFT + u16::from(kind::ROOM), body, ASK_TIMEOUT).await;
    answer.ok().map(|answer| answer.first() == Some(&1))
}
