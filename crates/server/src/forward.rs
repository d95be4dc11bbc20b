//! A call comes in: it is answered here, or passed on, by each kind of hop at most once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::stream::BoxStream;
use model::RegionName;
use rand::seq::SliceRandom;
use rpc::caller::Caller;
use rpc::message::{Call, Chunk, Failure, NodeReply, NodeRequest, NodeTarget, Read, ReadOptions, ReadReply, ReadValue, Reply, Request};
use rpc::route::{Here, Route, no_path, route};
use rpc::transport::CallError;

use crate::core::{Core, LEADER_HOLD, NO_LEADER};
use crate::{agent_calls, node, read, rollout, write};

/// An answer that takes no waiting comes within this time, or not at all.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Default and largest wait of a blocking read, in nanoseconds.
pub const WAIT_MAX: i64 = 300_000_000_000;

/// The server as everybody else in the process sees it.
#[derive(Clone)]
pub struct Front(pub Arc<Core>);

#[async_trait]
impl Caller for Front {
    fn region(&self) -> RegionName {
        self.0.region.clone()
    }

    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        let core = &self.0;
        let end = Instant::now() + LEADER_HOLD;
        loop {
            let result = match decide(core, &call) {
                Route::Here => here(core, call.clone()).await,
                Route::Refuse(failure) => return Err(failure),
                Route::NoLeader if call.hops.leader => return Err(Failure::internal(NO_LEADER)),
                Route::NoLeader => Err(Failure::internal(NO_LEADER)),
                Route::Leader(address) => {
                    let mut onward = call.clone();
                    onward.hops.leader = true;
                    match rpc::typed::call(&core.rpc, &address, &onward, timeout(&call)).await {
                        Ok(answer) => answer,
                        Err(error) if error.is_not_executed() => Err(Failure::internal(NO_LEADER)),
                        Err(error) => return Err(Failure::internal(format!("the leader of region {}: {error}", core.region))),
                    }
                }
                Route::Region(region) => return to_region(core, call, &region).await,
            };
            match result {
                // Nothing was done: an election is under way, most likely.
                Err(failure) if failure.text == NO_LEADER && !call.hops.leader && Instant::now() < end => {
                    let mut leadership = core.replica.watch_leadership();
                    let _ = tokio::time::timeout(Duration::from_millis(200), leadership.changed()).await;
                }
                other => return other,
            }
        }
    }

    async fn stream(&self, call: Call) -> Result<BoxStream<'static, Result<Chunk, Failure>>, Failure> {
        let core = &self.0;
        match decide(core, &call) {
            Route::Refuse(failure) => Err(failure),
            Route::Region(region) => {
                let mut onward = call.clone();
                onward.hops.region = true;
                let mut last = Failure::internal(format!("no server of region {region} could be reached"));
                for address in servers_of(core, &region)? {
                    match rpc::typed::stream(&core.rpc, &address, &onward).await {
                        Ok(answer) => return answer,
                        Err(error) => last = Failure::internal(error.to_string()),
                    }
                }
                Err(last)
            }
            _ => {
                let Request::OnNode(target, _) = &call.request else {
                    return Err(Failure::bad_request("only calls of nodes are streamed"));
                };
                let address = node_address(core, target).await?;
                let mut onward = call.clone();
                onward.hops.node = true;
                match rpc::typed::stream(&core.rpc, &address, &onward).await {
                    Ok(answer) => answer,
                    Err(error) => Err(no_node(&error)),
                }
            }
        }
    }
}

fn decide(core: &Core, call: &Call) -> Route {
    let regions = core.pool.regions();
    let leader = core.leader_address();
    route(call, &Here { region: &core.region, is_leader: core.is_leader(), leader: leader.as_deref(), regions: &regions })
}

async fn here(core: &Arc<Core>, call: Call) -> Result<Reply, Failure> {
    match call.request {
        Request::Read(options, what) => read_here(core, &options, &what).await.map(Reply::Read),
        Request::Write(what) => write::write(core, what).await.map(Reply::Write),
        Request::Node(request) => node::answer(core, request).await.map(Reply::Node),
        Request::Rollout(request) => rollout::answer(core, request).await.map(Reply::Rollout),
        Request::Agent(request) => agent_calls::answer(core, request).await.map(Reply::Agent),
        Request::OnNode(target, what) => {
            if call.hops.node {
                return Err(Failure::internal("this is a server, not the node: its address is out of date"));
            }
            let address = node_address(core, &target).await?;
            let mut hops = call.hops;
            hops.node = true;
            let onward = Call { region: call.region, hops, request: Request::OnNode(target, what) };
            match rpc::typed::call(&core.rpc, &address, &onward, CALL_TIMEOUT).await {
                Ok(answer) => answer,
                Err(error) => Err(no_node(&error)),
            }
        }
    }
}

/// How long the asked server may take.
fn timeout(call: &Call) -> Duration {
    let wait = match &call.request {
        Request::Read(options, _) if options.min_index > 0 => options.wait,
        Request::Node(NodeRequest::PullAllocs { wait, .. }) => *wait,
        _ => return CALL_TIMEOUT,
    };
    let wait = if wait <= 0 { WAIT_MAX } else { wait.min(WAIT_MAX) };
    CALL_TIMEOUT + Duration::from_nanos(wait as u64)
}

async fn to_region(core: &Core, call: Call, region: &RegionName) -> Result<Reply, Failure> {
    let timeout = timeout(&call);
    let mut onward = call;
    onward.hops.region = true;
    let mut last = None;
    for address in servers_of(core, region)? {
        match rpc::typed::call(&core.rpc, &address, &onward, timeout).await {
            Ok(answer) => return answer,
            Err(error) if error.is_not_executed() => last = Some(error),
            Err(error) => return Err(Failure::internal(format!("region {region}: {error}"))),
        }
    }
    let reason = last.map(|error| format!(": {error}")).unwrap_or_default();
    Err(Failure::internal(format!("no server of region {region} could be reached{reason}")))
}

/// In random order, so that load and failures spread.
fn servers_of(core: &Core, region: &RegionName) -> Result<Vec<String>, Failure> {
    let mut servers: Vec<String> = core.pool.servers_of(region).iter().map(ToString::to_string).collect();
    if servers.is_empty() {
        return Err(no_path(region, &core.pool.regions()));
    }
    servers.shuffle(&mut rand::rng());
    Ok(servers)
}

fn no_node(error: &CallError) -> Failure {
    Failure::internal(format!("No path to node: {error}"))
}

/// Where the node is that a call is about.
async fn node_address(core: &Arc<Core>, target: &NodeTarget) -> Result<String, Failure> {
    let view = core.view();
    let node_id = match target {
        NodeTarget::Node(id) => *id,
        NodeTarget::Alloc(id) => match view.alloc(*id) {
            Some(alloc) => alloc.node_id,
            // This server may be behind.
            None => match read_of(core, Read::Alloc { id: *id }).await? {
                ReadValue::Alloc(Some(alloc)) => alloc.node_id,
                _ => return Err(Failure::not_found(format!("Unknown allocation \"{id}\""))),
            },
        },
    };
    let node = match view.node(node_id) {
        Some(node) => Arc::clone(node),
        None => match read_of(core, Read::Node { id: node_id }).await? {
            ReadValue::Node(Some(node)) => node,
            _ => return Err(Failure::not_found(format!("Unknown node \"{node_id}\""))),
        },
    };
    node.rpc_addr().map(str::to_owned).ok_or_else(|| Failure::internal(format!("No path to node: node {} gives no address", node.name)))
}

async fn read_of(core: &Arc<Core>, what: Read) -> Result<ReadValue, Failure> {
    let call = Call { region: core.region.clone(), hops: Default::default(), request: Request::Read(ReadOptions::default(), what) };
    match Front(Arc::clone(core)).call(call).await? {
        Reply::Read(reply) => Ok(reply.value),
        _ => Err(Failure::internal("an answer of another kind")),
    }
}

async fn read_here(core: &Core, options: &ReadOptions, what: &Read) -> Result<ReadReply, Failure> {
    if !options.stale {
        core.replica.ensure_linearizable(raftstore::Freshness::Quorum).await.map_err(|error| match error {
            raftstore::ReadError::NotLeader { .. } => Failure::internal(NO_LEADER),
            other => Failure::internal(other.to_string()),
        })?;
    }
    let status = core.replica.status();
    let known_leader = status.leadership.leader.is_some();
    let reply = |index, value| ReadReply { index, last_contact: 0, known_leader, value };
    match what {
        Read::Leader => {
            return Ok(reply(1, ReadValue::Text(core.leader_address().unwrap_or_default())));
        }
        Read::Peers => {
            let voters = status.members.into_iter().filter(|member| member.voter).map(|member| member.node.rpc_addr).collect();
            return Ok(reply(1, ReadValue::Texts(voters)));
        }
        _ => {}
    }
    let Some(watch) = read::watch_of(what) else {
        return Err(Failure::internal("this cannot be read"));
    };
    let wait = if options.wait <= 0 { WAIT_MAX } else { options.wait.min(WAIT_MAX) };
    // A little more for some, so that those who wait together do not come back together.
    let wait = Duration::from_nanos((wait + rand::random_range(0..=wait / 16)) as u64);
    let deadline = tokio::time::Instant::now() + wait;
    loop {
        let place = core.watches.place(&watch);
        let woken = place.notify().notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        let view = core.view();
        let index = view.watch_index(&watch);
        if options.min_index == 0 || index > options.min_index || tokio::time::Instant::now() >= deadline {
            let records = if matches!(what, Read::Rollout { .. }) { core.pool.records() } else { Default::default() };
            let value = read::value(&view, &records, |record| core.pool.age(record), what);
            return Ok(reply(index, value));
        }
        let _ = tokio::time::timeout_at(deadline, woken).await;
    }
}

/// Where nodes are told to look for servers: the rpc addresses of this region's.
pub fn region_servers(core: &Core) -> Vec<String> {
    let mut servers: Vec<String> = core.pool.servers_of(&core.region).iter().map(ToString::to_string).collect();
    servers.sort();
    servers
}

/// An answer to a node that only confirms.
pub fn done(index: u64) -> NodeReply {
    NodeReply::Done { index }
}
