//! How a region begins: its servers, who know each other through the gossip pool, agree on one of them to found the raft group.
//!
//! The one with the lowest raft id among those that it sees founds, and needs the promise of all whom it wants in the group. They may see
//! different servers, so each promises itself to one founder at a time. Two founders with a server in common thus cannot both succeed: a
//! promise ends when its founder gives up, or by time, and a founder whose first promise is old does not use them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use futures::future::join_all;
use gossip::{Member, Status};
use raftstore::ServerNode;
use rpc::transport::{Class, Peer, Reply};
use tracing::{debug, info, warn};

use crate::core::Core;
use crate::members::{as_node, of_region};
use crate::transport::METHOD_FOUND;

/// A promise is given for this long.
const PROMISE: Duration = Duration::from_secs(30);
/// All promises are gathered within this time, or not used: far less than they hold.
const GATHERED_WITHIN: Duration = Duration::from_secs(5);
const ASK_TIMEOUT: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// A founder wants a promise.
const ASK: u8 = 1;
/// A founder gives it back.
const RELEASE: u8 = 2;
/// The leader of a group that exists wants to take the server in.
const JOIN: u8 = 3;

/// To whom this server has promised itself.
#[derive(Default)]
pub struct Founding(Mutex<Option<Promise>>);

struct Promise {
    to: Whom,
    until: Instant,
}

/// Who may get a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whom {
    Founder(u64),
    /// A group that exists, whoever leads it: a promise to one leader holds for the next one, who may come a moment later.
    Group(u128),
}

impl Founding {
    fn promise(&self) -> MutexGuard<'_, Option<Promise>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(&self, to: Whom, now: Instant) -> bool {
        let mut promise = self.promise();
        if promise.as_ref().is_some_and(|given| given.to != to && now < given.until) {
            return false;
        }
        *promise = Some(Promise { to, until: now + PROMISE });
        true
    }

    /// Whether a founding is under way, or a group that exists takes this server in.
    pub fn is_promised(&self, now: Instant) -> bool {
        self.promise().as_ref().is_some_and(|given| now < given.until)
    }

    fn release(&self, founder: u64) {
        let mut promise = self.promise();
        if promise.as_ref().is_some_and(|given| given.to == Whom::Founder(founder)) {
            *promise = None;
        }
    }
}

/// Founds the region's raft group when as many servers as expected are there and none of them belongs to a group yet. Ends when this server
/// belongs to one, founded by itself or by another.
pub async fn found(core: Arc<Core>) {
    let (mut told, mut told_disagreement) = (String::new(), String::new());
    loop {
        if core.replica.is_initialized().await.unwrap_or(true) {
            return;
        }
        let away = cluster_away(&of_region(&core));
        if let Some(member) = away.filter(|name| *name != told) {
            warn!(%member, "waiting to be taken into the region's raft group: it exists, but its servers are away (or gone: see server force-leave)");
            told = member;
        }
        let others = disagreement(core.config.bootstrap_expect, &of_region(&core)).unwrap_or_default();
        if others != told_disagreement {
            let own = core.config.bootstrap_expect;
            if !others.is_empty() {
                warn!(own, %others, "servers of one region have different values of bootstrap_expect: only servers with the same value found it together");
            }
            told_disagreement = others;
        }
        if let Some(founders) = founders(&core) {
            if promised_by_all(&core, &founders).await {
                let names: Vec<&str> = founders.values().map(|node| node.name.as_str()).collect();
                info!(servers = %names.join(", "), "founding the raft group of region {}", core.region);
                match core.replica.initialize(founders).await {
                    Ok(()) => continue,
                    Err(error) => warn!(%error, "founding failed, trying again"),
                }
            }
            // Of several who tried at once one shall find the others free.
            tokio::time::sleep(LOOK_AGAIN.mul_f64(rand::random_range(0.0..3.0))).await;
        }
        tokio::select! {
            () = core.pool.members_changed() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
}

/// A server of a cluster that exists, if no other server of it is there.
fn cluster_away(servers: &[Member]) -> Option<String> {
    let mut of_cluster = servers.iter().filter(|member| member.status != Status::Left && !member.meta.cluster_id.is_nil()).peekable();
    let name = of_cluster.peek()?.full_name();
    of_cluster.all(|member| !member.status.is_active()).then_some(name)
}

/// Servers that could found the region with this one, but expect another number of them.
fn disagreement(own: u32, servers: &[Member]) -> Option<String> {
    let is_free = |member: &&Member| member.status == Status::Alive && member.meta.cluster_id.is_nil();
    let others = servers.iter().filter(is_free).filter(|member| ![0, own].contains(&member.meta.bootstrap_expect));
    let words: Vec<String> = others.map(|member| format!("{} expects {}", member.full_name(), member.meta.bootstrap_expect)).collect();
    (own != 0 && !words.is_empty()).then(|| words.join(", "))
}

/// Who founds the group together, if this server is the one to begin.
fn founders(core: &Core) -> Option<BTreeMap<u64, ServerNode>> {
    let expect = core.config.bootstrap_expect;
    let servers = of_region(core);
    // A cluster that exists is joined, even if all of its servers are away at the moment: a second one would be refused when they return.
    let exists = servers.iter().any(|member| member.status != Status::Left && !member.meta.cluster_id.is_nil());
    if expect == 0 || exists {
        return None;
    }
    let founders: BTreeMap<u64, ServerNode> = servers
        .iter()
        .filter(|member| member.status == Status::Alive && member.meta.bootstrap_expect == expect)
        .map(|member| (member.meta.server_id, as_node(member)))
        .collect();
    let begins = founders.keys().next() == Some(&core.replica.id());
    (begins && founders.len() >= expect as usize).then_some(founders)
}

async fn promised_by_all(core: &Core, founders: &BTreeMap<u64, ServerNode>) -> bool {
    let own = core.replica.id();
    let began = Instant::now();
    if !core.founding.give(Whom::Founder(own), began) {
        debug!("not founding the raft group: promised to another founder");
        return false;
    }
    let others = || founders.iter().filter(|(id, _)| **id != own).map(|(_, node)| node);
    let answers = join_all(others().map(|node| promised_by(core, node))).await;
    // Looked at again under the promise: a cluster that was met before it is seen now, and one that comes later waits for the new uuid.
    let still_meant = self::founders(core).as_ref() == Some(founders);
    if still_meant && answers.into_iter().all(|promised| promised) && began.elapsed() < GATHERED_WITHIN {
        return true;
    }
    core.founding.release(own);
    join_all(others().map(|node| send(core, node, RELEASE, &[]))).await;
    false
}

async fn promised_by(core: &Core, node: &ServerNode) -> bool {
    match send(core, node, ASK, &[]).await {
        Ok(answer) if answer.first() == Some(&1) => true,
        Ok(_) => {
            info!(server = %node.name, "does not take part in founding the raft group now: it belongs to one, or has promised itself to another founder");
            false
        }
        Err(error) => {
            info!(server = %node.name, %error, "cannot be asked to found the raft group, trying again");
            false
        }
    }
}

/// Whether a server that belongs to no cluster yet, as far as the pool knows, can be taken into this one's group: it may just have become part
/// of another one, and must then not get this one's log.
pub async fn can_join(core: &Core, node: &ServerNode) -> Result<bool, rpc::transport::CallError> {
    // A group of which it is not known yet which one it is has but this leader.
    let group = core.view().identity().cluster;
    let whom = if group.is_nil() { Vec::new() } else { group.as_u128().to_le_bytes().to_vec() };
    Ok(send(core, node, JOIN, &whom).await?.first() == Some(&1))
}

async fn send(core: &Core, node: &ServerNode, what: u8, group: &[u8]) -> Result<Bytes, rpc::transport::CallError> {
    let mut body = BytesMut::with_capacity(9 + group.len());
    body.put_u64_le(core.replica.id());
    body.put_u8(what);
    body.put_slice(group);
    core.rpc.call(&node.rpc_addr, Class::Rpc, METHOD_FOUND, body.freeze(), ASK_TIMEOUT).await
}

/// Answers another server that wants to found the group. Body: its raft id, and what it wants; then, if it leads one, which.
pub async fn answer(core: &Core, peer: &Peer, body: &[u8]) -> Reply {
    let Some((founder, [what, group @ ..])) = body.split_first_chunk::<8>() else {
        return Reply::error(400, "not a message about founding");
    };
    let founder = u64::from_le_bytes(*founder);
    let whom = group.try_into().map_or(Whom::Founder(founder), |group| Whom::Group(u128::from_le_bytes(group)));
    if peer.region != core.region || raftstore::raft_id(peer.id.as_u128()) != founder {
        return Reply::error(
            400,
            format!("the server {peer} cannot found the raft group of region {:?} as {founder}", core.region.as_str()),
        );
    }
    match *what {
        ASK => {
            let belongs = core.replica.is_initialized().await.unwrap_or(true);
            let promised = !belongs && core.founding.give(Whom::Founder(founder), Instant::now());
            Reply::Message(Bytes::from(vec![u8::from(promised)]))
        }
        JOIN => {
            let members = core.replica.status().members;
            let belongs_elsewhere = !members.is_empty() && members.iter().all(|member| member.id != founder);
            let joins = !belongs_elsewhere && core.founding.give(whom, Instant::now());
            Reply::Message(Bytes::from(vec![u8::from(joins)]))
        }
        RELEASE => {
            core.founding.release(founder);
            Reply::Message(Bytes::new())
        }
        other => Reply::error(400, format!("unknown message {other} about founding")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One founder at a time; a promise ends when its founder gives up, or by time.
    #[test]
    fn promises() {
        let founding = Founding::default();
        let start = Instant::now();
        assert!(founding.give(Whom::Founder(1), start));
        assert!(!founding.give(Whom::Founder(2), start));
        assert!(founding.give(Whom::Founder(1), start), "the same again");
        founding.release(2);
        assert!(!founding.give(Whom::Founder(2), start), "released by somebody else");
        founding.release(1);
        assert!(founding.give(Whom::Founder(2), start));
        assert!(!founding.give(Whom::Founder(1), start + PROMISE - Duration::from_millis(1)));
        assert!(founding.give(Whom::Founder(1), start + PROMISE));
        // Whoever leads a group gets what its leader before was promised, and a founder does not take it back for another.
        let later = start + PROMISE * 2;
        assert!(founding.give(Whom::Group(7), later) && founding.give(Whom::Group(7), later));
        founding.release(7);
        assert!(!founding.give(Whom::Group(8), later) && !founding.give(Whom::Founder(1), later));
    }

    /// Who cannot found the region with a server that expects three is named; members of a cluster, waiting and absent servers are no problem.
    #[test]
    fn disagreements() {
        let expecting = |id: u64, expect: u32, change: &dyn Fn(&mut Member)| {
            let mut member = crate::members::tests::server(id, &format!("server-{id}"), Status::Alive);
            member.meta.bootstrap_expect = expect;
            change(&mut member);
            member
        };
        let same: &dyn Fn(&mut Member) = &|_| ();
        assert_eq!(disagreement(3, &[expecting(1, 3, same), expecting(2, 3, same), expecting(3, 0, same)]), None);
        let three = [
            expecting(1, 3, same),
            expecting(2, 5, same),
            expecting(3, 1, &|member| member.meta.cluster_id = model::Uuid::from_u128(7)),
            expecting(4, 5, &|member| member.status = Status::Failed),
            expecting(5, 1, same),
        ];
        assert_eq!(disagreement(3, &three).as_deref(), Some("server-2.west expects 5, server-5.west expects 1"));
        assert_eq!(disagreement(0, &three), None, "it founds nothing");
    }
}
