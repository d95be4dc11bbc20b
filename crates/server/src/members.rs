//! Who belongs to the region's raft group: the leader keeps it in line with the region's servers in the gossip pool.
//!
//! New servers are taken in, first without a vote, until they have the log. Those that leave, or are said to have left, are let go; so are
//! those that were replaced by a server of the same name with an empty disk. Addresses follow. Failed ones are let go after a while, if the
//! settings of the autopilot allow it and enough are left: of three voters none is, because the other two could lose no more than before, and
//! the third could not help them when it is back. No step is taken after which the servers that are there would not be a majority.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use gossip::{Member, Status};
use model::{AutopilotConfig, Uuid};
use raftstore::{ProposeError, ServerNode};
use rpc::message::{Failure, RaftMember, WriteReply, WriteValue};
use tracing::{debug, info, warn};

use crate::autopilot;
use crate::core::{Core, Stability};
use crate::founding;

/// How often the members are looked at when nothing says that they changed.
const TICK: Duration = Duration::from_secs(2);
/// A learner is looked at this often, to give it a vote soon.
const TICK_LEARNING: Duration = Duration::from_millis(200);
/// A change that is not committed by then is left to itself; it is looked at again later.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(10);
/// A learner that is not further behind than this gets a vote.
const LAG_MAX: u64 = 64;
/// No dead server is let go when fewer voters would be left.
const VOTERS_LEFT: usize = 3;
/// Another server takes over within this time, or does not.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(5);

/// The server as raft's membership knows it.
pub fn as_node(member: &Member) -> ServerNode {
    ServerNode {
        name: member.meta.name.clone(),
        rpc_addr: member.meta.rpc_address.to_string(),
        http_addr: member.meta.http_address.to_string(),
        server_id: member.identity.node.as_u128(),
    }
}

/// The servers of this region that the pool shows.
pub fn of_region(core: &Core) -> Vec<Member> {
    core.pool.members().iter().filter(|member| member.meta.region == core.region).cloned().collect()
}

/// Goes on for as long as this server leads.
pub async fn keep(core: Arc<Core>) {
    let mut told = Told::default();
    loop {
        let (done, learning) = core.instruments.reconcile.time(align(&core, &mut told)).await;
        if done {
            // One step at a time: the next is decided on what this one made.
            continue;
        }
        tokio::select! {
            () = core.pool.members_changed() => {}
            () = tokio::time::sleep(if learning { TICK_LEARNING } else { TICK }) => {}
        }
    }
}

/// What was last done and said, so that neither is repeated without end.
#[derive(Default)]
struct Told {
    step: Option<Step>,
    problem: String,
}

/// The region's raft group as this server knows it.
pub fn group(core: &Core) -> Vec<RaftMember> {
    let leader = core.leader_address().and_then(|_| core.leader_id());
    let shown = |member: raftstore::Member| RaftMember {
        server_id: Uuid::from_u128(member.node.server_id),
        address: core.address_of(member.id).unwrap_or(member.node.rpc_addr),
        name: member.node.name,
        leader: leader == Some(member.id),
        voter: member.voter,
    };
    core.replica.status().members.into_iter().map(shown).collect()
}

/// The member with this server id or rpc address, with its raft id.
fn named(core: &Core, server: &str) -> Result<(u64, RaftMember), Failure> {
    let ids = core.replica.status().members.into_iter().map(|member| member.id);
    let mut members = ids.zip(group(core));
    let found = members.find(|(_, member)| member.server_id.to_string() == server || member.address == server);
    found.ok_or_else(|| {
        let known = group(core).into_iter().map(|member| format!("{} {} at {}", member.name, member.server_id, member.address));
        let known: Vec<String> = known.collect();
        Failure::bad_request(format!(
            "no server of region {} has the id or address {server:?}; known are: {}",
            core.region,
            known.join(", ")
        ))
    })
}

/// For a server that is gone for good without having left. One that is there would be taken in again at once.
pub async fn remove_peer(core: &Core, server: &str) -> Result<WriteReply, Failure> {
    let (id, member) = named(core, server)?;
    let group = Group::now(core);
    if id == group.own {
        return Err(Failure::bad_request(format!(
            "{} leads: let another server lead first (operator raft transfer-leadership)",
            member.name
        )));
    }
    if group.is_active(id) {
        return Err(Failure::bad_request(format!(
            "{} is alive and would be taken in again: stop its agent, which leaves with leave_on_terminate, or remove it when it is gone",
            member.name
        )));
    }
    if !group.may_go(id) {
        return Err(Failure::bad_request(format!(
            "without {} the servers that are there would be no majority: bring others back first",
            member.name
        )));
    }
    match tokio::time::timeout(CHANGE_TIMEOUT, core.replica.remove(id)).await {
        Ok(Ok(())) => info!(server = %member.name, "a person took it out of the raft group"),
        Ok(Err(error)) => return Err(Failure::internal(error.to_string())),
        Err(_) => return Err(Failure::internal(format!("not committed within {} s; it may still happen", CHANGE_TIMEOUT.as_secs()))),
    }
    Ok(WriteReply { index: core.view().index(), value: WriteValue::Done })
}

/// Answered when the other server leads.
pub async fn transfer_leadership(core: &Core, server: &str) -> Result<WriteReply, Failure> {
    let (id, to) = named(core, server)?;
    let (_, from) = named(core, &core.identity.id().to_string())?;
    if !to.voter {
        return Err(Failure::bad_request(format!("{} has no vote yet", to.name)));
    }
    if !Group::now(core).is_active(id) {
        return Err(Failure::bad_request(format!("{} is not alive", to.name)));
    }
    core.replica.transfer_leadership(id, TRANSFER_TIMEOUT).await.map_err(|error| Failure::internal(error.to_string()))?;
    info!(to = %to.name, "a person let another server lead");
    Ok(WriteReply { index: core.view().index(), value: WriteValue::Leadership { from, to } })
}

/// Takes the next step, if there is one; tells whether something was changed, and whether somebody is still learning.
async fn align(core: &Core, told: &mut Told) -> (bool, bool) {
    autopilot::settle(core);
    let group = Group::now(core);
    let learning = group.known.values().any(|member| !member.voter && group.is_active(member.id));
    let has_caught_up = |id| core.replica.lag_of(id).is_some_and(|lag| lag <= LAG_MAX);
    let Some(step) = group.next(has_caught_up) else { return (false, learning) };
    let problem = match tokio::time::timeout(CHANGE_TIMEOUT, take(core, &step)).await {
        Ok(Ok(())) => {
            told.problem.clear();
            info!(change = ?step, "raft group changed");
            let is_new = told.step.as_ref() != Some(&step);
            told.step = Some(step);
            return (is_new, learning);
        }
        Ok(Err(error)) => format!("{step:?}: {error}"),
        Err(_) => format!("{step:?}: not committed within {} s", CHANGE_TIMEOUT.as_secs()),
    };
    if told.problem == problem {
        debug!(%problem, "the raft group is not changed");
    } else {
        warn!(%problem, "the raft group is not changed, trying again");
        told.problem = problem;
    }
    (false, learning)
}

async fn take(core: &Core, step: &Step) -> Result<(), ProposeError> {
    match step.clone() {
        Step::TakeIn(id, node) => match founding::can_join(core, &node).await {
            Ok(true) => core.replica.add_learner(id, node, false).await,
            Ok(false) => Err(ProposeError::Refused("it belongs to another raft group, or is about to".to_owned())),
            Err(error) => Err(ProposeError::Refused(error.to_string())),
        },
        Step::GiveVote(id) => core.replica.promote(BTreeSet::from([id])).await,
        Step::ChangeAddress(id, node) => core.replica.update_address(id, node).await,
        Step::LetGo(id, _) => core.replica.remove(id).await,
    }
}

/// One change of the raft group; raft allows one at a time.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// Without a vote.
    TakeIn(u64, ServerNode),
    GiveVote(u64),
    ChangeAddress(u64, ServerNode),
    /// And why.
    LetGo(u64, &'static str),
}

/// The raft group beside the pool.
struct Group {
    own: u64,
    cluster: Uuid,
    /// Of the raft group.
    known: BTreeMap<u64, raftstore::Member>,
    /// Of the region, as the pool shows them.
    servers: Vec<Member>,
    autopilot: AutopilotConfig,
    /// Of the raft group, those that have been healthy for long enough to vote.
    stable: BTreeSet<u64>,
    /// Those that have not been there for long enough to be given up.
    dead: BTreeSet<u64>,
}

impl Group {
    fn now(core: &Core) -> Self {
        let autopilot = core.autopilot();
        let needed = Duration::from_nanos(autopilot.server_stabilization_time.max(0).unsigned_abs());
        let stability = core.leading().as_ref().map(|leading| leading.stability.clone()).unwrap_or_default();
        let those = |test: &dyn Fn(&Stability) -> bool| stability.iter().filter(|(_, known)| test(known)).map(|(id, _)| *id).collect();
        Self {
            own: core.replica.id(),
            cluster: core.view().identity().cluster,
            known: core.replica.status().members.into_iter().map(|member| (member.id, member)).collect(),
            servers: of_region(core),
            stable: those(&|known| known.is_healthy && known.since.elapsed() >= needed),
            dead: those(&|known| known.gone_since.is_some_and(|since| since.elapsed() >= needed)),
            autopilot,
        }
    }

    fn next(&self, has_caught_up: impl Fn(u64) -> bool) -> Option<Step> {
        self.change_address()
            .or_else(|| self.let_go())
            .or_else(|| self.give_vote(has_caught_up))
            .or_else(|| self.replaced())
            .or_else(|| self.dead_server())
            .or_else(|| self.take_in())
    }

    fn status(&self, id: u64) -> Option<Status> {
        self.servers.iter().find(|member| member.meta.server_id == id).map(|member| member.status)
    }

    fn is_active(&self, id: u64) -> bool {
        id == self.own || self.status(id).is_some_and(|status| status.is_active())
    }

    /// Whether those of `voters` who are there are a majority of them.
    fn would_work(&self, voters: &BTreeSet<u64>) -> bool {
        voters.iter().filter(|id| self.is_active(**id)).count() > voters.len() / 2
    }

    fn voters(&self) -> BTreeSet<u64> {
        self.known.values().filter(|member| member.voter).map(|member| member.id).collect()
    }

    fn change_address(&self) -> Option<Step> {
        let alive = self.servers.iter().filter(|member| member.status == Status::Alive);
        alive.map(|member| (member.meta.server_id, as_node(member))).find_map(|(id, node)| {
            let changed = self.known.get(&id).is_some_and(|present| present.node != node);
            changed.then_some(Step::ChangeAddress(id, node))
        })
    }

    /// Those who are there must be a majority before and after it: both have to agree.
    fn may_go(&self, id: u64) -> bool {
        let voters = self.voters();
        let mut others = voters.clone();
        let votes = others.remove(&id);
        id != self.own && (!votes || self.would_work(&voters) && self.would_work(&others))
    }

    /// Already while a server is leaving: it may be needed to agree to that.
    fn let_go(&self) -> Option<Step> {
        let gone = |id: &u64| matches!(self.status(*id), Some(Status::Leaving | Status::Left));
        self.known.keys().copied().filter(gone).find(|id| self.may_go(*id)).map(|id| Step::LetGo(id, "it leaves"))
    }

    fn give_vote(&self, has_caught_up: impl Fn(u64) -> bool) -> Option<Step> {
        let learners = self.known.values().filter(|member| !member.voter && self.status(member.id) == Some(Status::Alive));
        let mut ready = learners.map(|member| member.id).filter(|id| self.stable.contains(id) && has_caught_up(*id));
        ready.find(|id| self.would_work(&self.voters().into_iter().chain([*id]).collect())).map(Step::GiveVote)
    }

    /// A server whose disk was lost comes back as another one. Its name is unique in the region, so the former one is no more.
    fn replaced(&self) -> Option<Step> {
        let is_replaced = |old: &raftstore::Member| {
            let successor = |new: &raftstore::Member| {
                new.voter && new.id != old.id && new.node.name == old.node.name && self.status(new.id) == Some(Status::Alive)
            };
            !self.is_active(old.id) && self.known.values().any(successor)
        };
        let old = self.known.values().filter(|old| is_replaced(old)).map(|old| old.id).find(|id| self.may_go(*id))?;
        Some(Step::LetGo(old, "a server with an empty disk has its name now"))
    }

    fn dead_server(&self) -> Option<Step> {
        if !self.autopilot.cleanup_dead_servers {
            return None;
        }
        let voters_left = usize::try_from(self.autopilot.min_quorum).unwrap_or(usize::MAX).max(VOTERS_LEFT);
        let is_dead = |member: &&raftstore::Member| self.dead.contains(&member.id) && !self.is_active(member.id);
        let may_go = |member: &&raftstore::Member| self.may_go(member.id) && (!member.voter || self.voters().len() > voters_left);
        let mut dead = self.known.values().filter(is_dead).filter(may_go);
        dead.next().map(|member| Step::LetGo(member.id, "it has failed"))
    }

    fn take_in(&self) -> Option<Step> {
        let is_ours = |member: &&Member| member.meta.cluster_id.is_nil() || member.meta.cluster_id == self.cluster;
        let alive = self.servers.iter().filter(|member| member.status == Status::Alive).filter(is_ours);
        let mut new = alive.filter(|member| !self.known.contains_key(&member.meta.server_id));
        new.next().map(|member| Step::TakeIn(member.meta.server_id, as_node(member)))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use gossip::{MemberMeta, MetaVersion, ServerIdentity};

    fn address(id: u64) -> std::net::SocketAddr {
        format!("127.0.0.1:{}", 1000 + id).parse().expect("an address")
    }

    /// A server of region west that expects three and belongs to no cluster yet.
    pub fn server(id: u64, name: &str, status: Status) -> Member {
        let address = address(id);
        Member {
            identity: ServerIdentity { node: Uuid::from_u128(u128::from(id)), address, region: "west".into(), generation: 1 },
            meta: MemberMeta {
                name: name.into(),
                region: "west".into(),
                cluster_id: Uuid::nil(),
                datacenter: String::new(),
                server_id: id,
                rpc_address: address,
                http_address: address,
                gossip_address: address,
                bootstrap_expect: 3,
                build: String::new(),
                protocol: 1,
                feature_level: 1,
                tags: BTreeMap::new(),
            },
            version: MetaVersion::default(),
            status,
            since: Duration::ZERO,
        }
    }

    /// Server 1 leads. `pool`: "2=alive 3=failed"; a name behind a colon where it is not the id. `group`: "1 2 3+" with + for learners.
    fn check(pool: &str, group: &str, want: &str) {
        let mut dead = BTreeSet::new();
        let servers: Vec<Member> = pool
            .split_whitespace()
            .map(|word| {
                let (id, status) = word.split_once('=').expect("id=status");
                let (status, name) = status.split_once(':').unwrap_or((status, id));
                let status = match status {
                    "alive" => Status::Alive,
                    "leaving" => Status::Leaving,
                    "left" => Status::Left,
                    "failed" => Status::Failed,
                    "dead" => {
                        dead.insert(id.parse().expect("a number"));
                        Status::Failed
                    }
                    "foreign" => {
                        let mut foreign = server(id.parse().expect("a number"), name, Status::Alive);
                        foreign.meta.cluster_id = Uuid::from_u128(99);
                        return foreign;
                    }
                    other => panic!("{other}"),
                };
                server(id.parse().expect("a number"), name, status)
            })
            .collect();
        let known: BTreeMap<u64, raftstore::Member> = group
            .split_whitespace()
            .map(|word| {
                let (word, voter) = word.strip_suffix('+').map_or((word, true), |word| (word, false));
                let (id, name) = word.split_once(':').unwrap_or((word, word));
                let id: u64 = id.parse().expect("a number");
                let moved = name == "moved";
                let mut node = as_node(&server(id, if moved { "1" } else { name }, Status::Alive));
                if moved {
                    node.name = id.to_string();
                    node.rpc_addr = "elsewhere:1".into();
                }
                (id, raftstore::Member { id, node, voter })
            })
            .collect();
        let group_text = group;
        // Server 8 came just now.
        let stable = known.keys().copied().filter(|id| *id != 8).collect();
        let autopilot = AutopilotConfig::default();
        let group = Group { own: 1, cluster: Uuid::from_u128(7), known, servers, autopilot, stable, dead };
        // Server 9 has not caught up.
        let got = match group.next(|id| id != 9) {
            None => "-".to_owned(),
            Some(Step::TakeIn(id, _)) => format!("take in {id}"),
            Some(Step::GiveVote(id)) => format!("vote {id}"),
            Some(Step::ChangeAddress(id, _)) => format!("address {id}"),
            Some(Step::LetGo(id, _)) => format!("let go {id}"),
        };
        assert_eq!(got, want, "pool {pool}; group {group_text}");
    }

    /// New servers come in without a vote and get it when they have the log; never one of another cluster.
    #[test]
    fn coming() {
        check("1=alive 2=alive 3=alive", "1 2 3", "-");
        check("1=alive 2=alive 3=alive", "1 2", "take in 3");
        check("1=alive 2=alive 3=alive", "1 2 3+", "vote 3");
        check("1=alive 2=alive 9=alive", "1 2 9+", "-");
        check("1=alive 2=alive 8=alive", "1 2 8+", "-");
        check("1=alive 2=alive 3=foreign", "1 2", "-");
        check("1=alive 2=alive 3=leaving", "1 2", "-");
        check("1=alive 2=alive 3=failed", "1 2", "-");
        check("1=alive 2=alive 3=failed", "1 2 3+", "-");
        // With another vote, the two that are there would be half of four only.
        check("1=alive 2=failed 3=failed 4=alive", "1 2 3 4+", "-");
        check("1=alive 2=alive 3=failed 4=alive", "1 2 3 4+", "vote 4");
    }

    /// Who leaves is let go, unless the rest could not work without it; who failed stays.
    #[test]
    fn going() {
        check("1=alive 2=alive 3=failed", "1 2 3", "-");
        check("1=alive 2=alive 3=left", "1 2 3", "let go 3");
        check("1=alive 2=alive 3=leaving", "1 2 3", "let go 3");
        check("1=alive 2=leaving", "1 2", "let go 2");
        check("1=alive 2=failed 3=leaving", "1 2 3", "-");
        check("1=alive 2=failed 3=left", "1 2 3+", "let go 3");
        check("1=leaving 2=alive 3=alive", "1 2 3", "-");
        check("1=alive", "1 2", "-");
    }

    /// Who has failed long ago is let go where enough are left, and where the rest is a majority.
    #[test]
    fn dead() {
        check("1=alive 2=alive 3=dead", "1 2 3", "-");
        check("1=alive 2=alive 3=alive 4=dead", "1 2 3 4", "let go 4");
        check("1=alive 2=alive 3=alive 4=failed", "1 2 3 4", "-");
        check("1=alive 2=alive 3=alive 4=dead 5=dead", "1 2 3 4 5", "let go 4");
        check("1=alive 2=alive 3=dead 4=dead 5=dead", "1 2 3 4 5", "-");
        // Two of four cannot decide that there are three.
        check("1=alive 2=alive 3=dead 4=dead", "1 2 3 4", "-");
        check("1=alive 2=alive 3=dead", "1 2 3+", "let go 3");
    }

    /// A server that lost its disk takes the place of its former self.
    #[test]
    fn replacing() {
        check("1=alive 2=alive 4=alive:3", "1 2 3", "take in 4");
        check("1=alive 2=alive 4=alive:3", "1 2 3 4:3+", "vote 4");
        check("1=alive 2=alive 4=alive:3", "1 2 3 4:3", "let go 3");
        check("1=alive 2=alive 3=alive 4=alive:3", "1 2 3 4:3", "-");
    }

    /// Addresses follow first of all.
    #[test]
    fn moving() {
        check("1=alive 2=alive 3=left", "1 2:moved 3", "address 2");
    }
}
