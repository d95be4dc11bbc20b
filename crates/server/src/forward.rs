//! A call comes in: it is answered here, or passed on, by each kind of hop at most once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::stream::{BoxStream, FuturesUnordered, StreamExt};
use model::RegionName;
use rand::seq::SliceRandom;
use rpc::caller::Caller;
use rpc::message::{
    AgentReply, AgentRequest, Call, Chunk, Failure, Hops, NodeReply, NodeRequest, NodeTarget, Read, ReadOptions, ReadReply, ReadValue,
    Reply, Request, Write,
};
use rpc::route::{Here, Route, no_path, route};
use rpc::transport::CallError;
use tracing::{Instrument, debug_span};

use crate::core::{Core, LEADER_HOLD, NO_LEADER};
use crate::{agent_calls, autopilot, instruments, members, monitor, node, places, plan, read, rollout, search, snapshot, write};

/// An answer that takes no waiting comes within this time, or not at all.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Default and largest wait of a blocking read, in nanoseconds.
pub const WAIT_MAX: i64 = 300_000_000_000;
/// How long to wait for news of a leader before the last known one is asked again.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// A neighbour that does not answer within this time knows nothing.
const NEIGHBOUR_TIMEOUT: Duration = Duration::from_secs(1);
/// Gossip brings a new member to everybody in a fraction of this time.
const NEWS_TIMEOUT: Duration = Duration::from_secs(5);
/// A leader that was replaced answers what it was asked before within this time, or not at all.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The server as everybody else in the process sees it.
#[derive(Clone)]
pub struct Front(pub Arc<Core>);

#[async_trait]
impl Caller for Front {
    fn region(&self) -> RegionName {
        self.0.region.clone()
    }

    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        let measured = &self.0.instruments;
        measured.rpc_request.increment();
        if matches!(call.request, Request::Read(..)) {
            measured.rpc_query.increment();
        }
        let span = debug_span!("rpc", request = self.0.next_call(), what = instruments::name(&call.request), region = %call.region);
        let answer = self.answer(call).instrument(span).await;
        if answer.is_err() {
            measured.rpc_request_error.increment();
        }
        answer
    }

    async fn stream(&self, call: Call) -> Result<BoxStream<'static, Result<Chunk, Failure>>, Failure> {
        self.0.instruments.rpc_request.increment();
        let answer = self.streamed(call).await;
        if answer.is_err() {
            self.0.instruments.rpc_request_error.increment();
        }
        answer
    }
}

impl Front {
    async fn answer(&self, mut call: Call) -> Result<Reply, Failure> {
        let core = &self.0;
        await_news_of(core, &call).await;
        let mut leadership = core.replica.watch_leadership();
        let mut without_leader_since = None;
        let mut refusal = None;
        loop {
            if core.shutdown.is_cancelled() {
                // Whoever passed it on finds the next leader.
                return Err(if call.hops.leader { Failure::internal(NO_LEADER) } else { going_down() });
            }
            // Before the decision: a leader that comes after it is noticed.
            leadership.mark_unchanged();
            let asked = Instant::now();
            let answer = match decide(core, &call) {
                Route::Refuse(failure) => return Err(failure),
                Route::Region(region) => return to_region(core, call, &region).await,
                // Whoever passed it on waits for the leader.
                Route::Here if call.hops.leader => return here(core, call).await,
                Route::Here => here(core, call.clone()).await,
                Route::NoLeader => Err(Failure::internal(NO_LEADER)),
                Route::Leader(address) => to_leader(core, &mut call, &address, &mut refusal).await,
            };
            match answer {
                // Nothing was done: an election is under way, most likely.
                Err(failure) if failure.text == NO_LEADER && !call.hops.leader => {
                    let waited = asked.elapsed();
                    if waited > LEADER_HOLD {
                        // A long poll whose leader went: the next one is asked for the rest of it.
                        without_leader_since = None;
                        shorten(&mut call.request, waited);
                    }
                    if without_leader_since.get_or_insert_with(Instant::now).elapsed() >= LEADER_HOLD {
                        return Err(refusal.unwrap_or(failure));
                    }
                    tokio::select! {
                        _ = tokio::time::timeout(ASK_AGAIN_AFTER, leadership.changed()) => {}
                        () = core.shutdown.cancelled() => {}
                    }
                }
                other => return other,
            }
        }
    }

    async fn streamed(&self, call: Call) -> Result<BoxStream<'static, Result<Chunk, Failure>>, Failure> {
        let core = &self.0;
        await_news_of(core, &call).await;
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
                let target = match &call.request {
                    Request::OnNode(target, _) => target,
                    Request::Agent(AgentRequest::Monitor { server, options }) => {
                        return monitor::open(core, &call, server, *options).await;
                    }
                    _ => return Err(Failure::bad_request("only logs, and calls of nodes, are streamed")),
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

fn going_down() -> Failure {
    Failure::new(503, "the server is shutting down")
}

/// A region that joined just now is known to the server that took it in, and not yet to the others, one of which may have to pass the call on.
/// If another server of this region knows it, the news are waited for; a region that nobody knows is refused at once.
async fn await_news_of(core: &Core, call: &Call) {
    let is_known = || call.region == core.region || core.pool.regions().contains(&call.region);
    if is_known() || call.hops.region || !a_neighbour_knows(core, &call.region).await {
        return;
    }
    let news = async {
        loop {
            let changed = core.pool.next_members();
            if is_known() {
                return;
            }
            changed.await;
        }
    };
    tokio::select! {
        _ = tokio::time::timeout(NEWS_TIMEOUT, news) => {}
        () = core.shutdown.cancelled() => {}
    }
}

async fn a_neighbour_knows(core: &Core, region: &RegionName) -> bool {
    let members = core.pool.members();
    let is_neighbour = |member: &&gossip::Member| {
        member.status.is_active() && member.meta.region == core.region && member.meta.server_id != core.replica.id()
    };
    let call = Call { region: core.region.clone(), hops: Hops::default(), request: Request::Agent(AgentRequest::Regions) };
    let mut answers: FuturesUnordered<_> = members
        .iter()
        .filter(is_neighbour)
        .map(|member| {
            let (address, call) = (member.meta.rpc_address.to_string(), call.clone());
            async move { rpc::typed::call(&core.rpc, &address, &call, NEIGHBOUR_TIMEOUT).await }
        })
        .collect();
    while let Some(answer) = answers.next().await {
        if let Ok(Ok(Reply::Agent(AgentReply::Regions(known)))) = answer
            && known.iter().any(|known| known == region.as_str())
        {
            return true;
        }
    }
    false
}

fn decide(core: &Core, call: &Call) -> Route {
    let is_leader = core.is_leader();
    let is_ours = call.region == core.region;
    let leader = if is_ours && !is_leader { core.leader_address() } else { None };
    let regions = if is_ours { Vec::new() } else { core.pool.regions() };
    route(call, &Here { region: &core.region, is_leader, leader: leader.as_deref(), regions: &regions })
}

/// A leader that certainly did nothing is none. `refusal`: its words, if it had any.
async fn to_leader(core: &Core, call: &mut Call, address: &str, refusal: &mut Option<Failure>) -> Result<Reply, Failure> {
    let timeout = timeout(call);
    let only_waits = wait_of(&mut call.request).is_some();
    call.hops.leader = true;
    let answer = tokio::select! {
        answer = rpc::typed::call(&core.rpc, address, call, timeout) => Some(answer),
        // Who asks for another leader waits for one.
        () = replaced(core), if !matches!(call.request, Request::Write(Write::TransferLeadership { .. })) => None,
        () = core.shutdown.cancelled(), if only_waits => return Err(going_down()),
    };
    call.hops.leader = false;
    let Some(answer) = answer else {
        // Reading again does no harm.
        return Err(Failure::internal(match call.request {
            Request::Read(..) | Request::Node(NodeRequest::PullAllocs { .. } | NodeRequest::Heartbeat { .. }) => NO_LEADER.to_owned(),
            _ => format!(
                "region {} has another leader, and the one before did not say whether it did what was asked: look before you try again",
                core.region
            ),
        }));
    };
    let of_leader = |error: &CallError| Failure::internal(format!("the leader of region {}: {error}", core.region));
    match answer {
        Ok(answer) => answer,
        Err(error) if error.is_not_executed() => {
            *refusal = matches!(error, CallError::Refused { .. }).then(|| of_leader(&error));
            Err(Failure::internal(NO_LEADER))
        }
        Err(error) => Err(of_leader(&error)),
    }
}

/// Returns when another server leads than now, and the present leader had time for its last words: one that stands still answers nobody, and
/// its connections stay open.
async fn replaced(core: &Core) {
    let mut leadership = core.replica.watch_leadership();
    let Some(present) = core.leader_id() else { return std::future::pending().await };
    let another = leadership.wait_for(|now| now.leader.is_some_and(|leader| leader != present)).await.is_ok();
    if !another {
        // Raft has stopped, and so does this server.
        return std::future::pending().await;
    }
    tokio::time::sleep(LAST_WORDS).await;
}

async fn here(core: &Arc<Core>, call: Call) -> Result<Reply, Failure> {
    let _running = core.instruments.requests.of(&call.request).start();
    match call.request {
        Request::Read(options, what) => read_here(core, &options, &what).await.map(Reply::Read),
        Request::Write(what) => write::write(core, what).await.map(Reply::Write),
        Request::Node(request) => node::answer(core, request).await.map(Reply::Node),
        Request::Rollout(request) => rollout::answer(core, request).await.map(Reply::Rollout),
        Request::Agent(request) => agent_calls::answer(core, request).await.map(Reply::Agent),
        Request::Snapshot(request) => snapshot::answer(core, request).await.map(Reply::Snapshot),
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

/// The time that a request wants to be waited for something new, if it does; in nanoseconds.
fn wait_of(request: &mut Request) -> Option<&mut i64> {
    match request {
        Request::Read(options, _) if options.min_index > 0 => Some(&mut options.wait),
        Request::Node(NodeRequest::PullAllocs { wait, .. }) => Some(wait),
        _ => None,
    }
}

/// A wait as it is meant: between nothing and [`WAIT_MAX`].
pub fn meant(wait: i64) -> Duration {
    let wait = if wait <= 0 { WAIT_MAX } else { wait.min(WAIT_MAX) };
    Duration::from_nanos(wait.unsigned_abs())
}

/// A part of the wait is over.
fn shorten(request: &mut Request, by: Duration) {
    if let Some(wait) = wait_of(request) {
        let rest = meant(*wait).saturating_sub(by);
        // 0 would be taken for the default.
        *wait = i64::try_from(rest.as_nanos()).unwrap_or(WAIT_MAX).max(1);
    }
}

/// How long the asked server may take.
fn timeout(call: &mut Call) -> Duration {
    wait_of(&mut call.request).map_or(CALL_TIMEOUT, |wait| CALL_TIMEOUT + meant(*wait))
}

async fn to_region(core: &Core, mut call: Call, region: &RegionName) -> Result<Reply, Failure> {
    let timeout = timeout(&mut call);
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

/// Makes sure that what is read here now contains everything that was acknowledged before.
pub async fn ensure_consistent(core: &Core) -> Result<(), Failure> {
    let _running = core.instruments.barrier.start();
    match tokio::time::timeout(LEADER_HOLD, core.replica.ensure_linearizable(raftstore::Freshness::Quorum)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(raftstore::ReadError::NotLeader { .. } | raftstore::ReadError::NoQuorum)) | Err(_) => Err(Failure::internal(NO_LEADER)),
        Ok(Err(other)) => Err(Failure::internal(other.to_string())),
    }
}

async fn read_here(core: &Core, options: &ReadOptions, what: &Read) -> Result<ReadReply, Failure> {
    let mut leadership = core.replica.watch_leadership();
    if !options.stale {
        ensure_consistent(core).await?;
    }
    let reply = |index, value| {
        let silence = core.leader_silence().as_millis();
        ReadReply { index, last_contact: u64::try_from(silence).unwrap_or(u64::MAX), known_leader: core.leader_address().is_some(), value }
    };
    match what {
        Read::Leader => return Ok(reply(1, ReadValue::Text(core.leader_address().unwrap_or_default()))),
        Read::Peers => {
            let voters = core.replica.status().members.into_iter().filter(|member| member.voter);
            let addresses = voters.map(|member| core.address_of(member.id).unwrap_or(member.node.rpc_addr)).collect();
            return Ok(reply(1, ReadValue::Texts(addresses)));
        }
        Read::Autopilot => return Ok(reply(core.view().index(), ReadValue::Autopilot(core.autopilot()))),
        Read::AutopilotHealth => return Ok(reply(core.view().index(), ReadValue::AutopilotHealth(autopilot::health(core)?))),
        Read::UsersOf { place, authority } => {
            return Ok(reply(core.view().index(), ReadValue::Texts(places::users(core, place, authority))));
        }
        Read::CheckJob { job } => return Ok(reply(core.view().index(), ReadValue::Findings(plan::check(core, job)?))),
        Read::RaftGroup => return Ok(reply(1, ReadValue::RaftGroup(members::group(core)))),
        Read::Events { after, filter, gapless } => {
            let wait = if options.min_index == 0 { Duration::ZERO } else { meant(options.wait) };
            let (index, events) = tokio::select! {
                found = core.events.next(*after, filter, *gapless, wait) => found?,
                () = core.shutdown.cancelled() => return Err(going_down()),
            };
            return Ok(reply(index, ReadValue::Events(events)));
        }
        _ => {}
    }
    let watches = read::watches_of(what);
    let Some((first, others)) = watches.split_first() else {
        return Err(Failure::internal("this cannot be read"));
    };
    let wait = meant(options.wait);
    // A little more for some, so that those who wait together do not come back together.
    let deadline = tokio::time::Instant::now() + wait + wait.mul_f64(rand::random_range(0.0..=1.0 / 16.0));
    let mut places = Vec::new();
    if options.min_index > 0 {
        places.push(core.watches.place(first)?);
        // One reader, however much he waits for.
        places.extend(others.iter().map(|watch| core.watches.own_place(watch)));
    }
    loop {
        // From here on: what changes after the view was taken wakes him.
        let woken: Vec<_> = places.iter().map(|place| Box::pin(place.notify().notified())).collect();
        let view = core.view();
        let index = watches.iter().map(|watch| view.watch_index(watch)).max().unwrap_or_default();
        let is_news = options.min_index == 0 || index > options.min_index || tokio::time::Instant::now() >= deadline;
        if is_news {
            if let Read::Search { context, text, fuzzy, namespace } = what {
                let found = search::find(&view, &core.config.bounds.search, *context, text, *fuzzy, namespace.as_ref())?;
                return Ok(reply(index, ReadValue::Found(found)));
            }
            let records = if matches!(what, Read::Rollout { .. }) { core.pool.records() } else { Default::default() };
            let value = read::value(&view, &records, |record| core.pool.age(record), what);
            return Ok(reply(index, value));
        }
        drop(view);
        tokio::select! {
            _ = tokio::time::timeout_at(deadline, futures::future::select_all(woken)) => {}
            // Somebody else hears of what is new now; the rest of the wait is his.
            () = no_longer_leads(core, &mut leadership), if !options.stale => return Err(Failure::internal(NO_LEADER)),
            () = core.shutdown.cancelled() => return Err(if options.stale { going_down() } else { Failure::internal(NO_LEADER) }),
        }
    }
}

/// Returns when this server has lost leadership. `leadership`: from before it was known to have it.
pub async fn no_longer_leads(core: &Core, leadership: &mut tokio::sync::watch::Receiver<raftstore::Leadership>) {
    while core.is_leader() {
        if leadership.changed().await.is_err() {
            return;
        }
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
