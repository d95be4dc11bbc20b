//! A region that follows another in its namespaces and node pools: it reads them there, waiting for news, and takes over what differs.
//!
//! A task of the leader. Nothing is kept: after a restart, a new leader or a partition it begins with the whole lists again. As long as the
//! authoritative region cannot be read, everything stays as it is.

use std::sync::Arc;
use std::time::Duration;

use model::{NamespaceSpec, NodePool, RegionName, Text};
use rpc::caller::Caller;
use rpc::message::{Call, Hops, PlacesChange, Read, ReadOptions, ReadValue, Reply, Request, Write};
use state::{Command, Outcome, Table, Watch};
use tracing::{debug, info};

use crate::core::Core;
use crate::forward::Front;
use crate::places;

/// An authoritative region that could not be read is read again after this time.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// What was in use here may no longer be: it is looked at again after this time.
const SLOW_TICK: Duration = Duration::from_secs(10);

pub async fn run(core: Arc<Core>) {
    let authority = places::authority(&core);
    if authority == core.region {
        return std::future::pending().await;
    }
    tokio::join!(namespaces(&core, &authority), node_pools(&core, &authority));
}

/// What is read of the authoritative region, over and over.
struct Source<'a> {
    core: &'a Arc<Core>,
    authority: &'a RegionName,
    read: Read,
    index: u64,
    /// Said for the last time; `None`: to be silent.
    is_reached: Option<bool>,
}

impl Source<'_> {
    /// The next value. Returns only when there is one.
    async fn next(&mut self) -> ReadValue {
        loop {
            let options = ReadOptions { min_index: self.index, ..ReadOptions::default() };
            let call = Call { region: self.authority.clone(), hops: Hops::default(), request: Request::Read(options, self.read.clone()) };
            match Front(Arc::clone(self.core)).call(call).await {
                Ok(Reply::Read(reply)) => {
                    self.say(true, "");
                    // At least 1: with 0 nothing would be waited for. One that was restored may have gone back.
                    self.index = reply.index.max(1);
                    return reply.value;
                }
                Ok(_) => self.say(false, "an answer of another kind"),
                Err(failure) => self.say(false, &failure.text),
            }
            self.index = 0;
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    fn say(&mut self, is_reached: bool, reason: &str) {
        if self.is_reached.is_some_and(|said| said != is_reached) {
            self.is_reached = Some(is_reached);
            match is_reached {
                true => info!(region = %self.authority, "following the authoritative region"),
                false => info!(region = %self.authority, %reason, "the authoritative region cannot be read: what is known of it stays"),
            }
        }
    }
}

async fn namespaces(core: &Arc<Core>, authority: &RegionName) {
    let mut source = Source { core, authority, read: Read::Namespaces { prefix: String::new() }, index: 0, is_reached: Some(false) };
    let mut theirs: Option<Vec<Arc<NamespaceSpec>>> = None;
    loop {
        if let Some(known) = &theirs {
            take_over(core, control::follow_namespaces(&core.view(), known)).await;
        }
        tokio::select! {
            value = source.next() => if let ReadValue::Namespaces(namespaces) = value { theirs = Some(namespaces) },
            () = tokio::time::sleep(SLOW_TICK), if theirs.is_some() => {}
        }
    }
}

async fn node_pools(core: &Arc<Core>, authority: &RegionName) {
    // One of the two says whether the region is reached.
    let mut source = Source { core, authority, read: Read::NodePools { prefix: String::new() }, index: 0, is_reached: None };
    let mut theirs: Option<Vec<Arc<NodePool>>> = None;
    loop {
        let place = core.watches.own_place(&Watch::Table(Table::NodePools));
        // Before the state is looked at.
        let woken = place.notify().notified();
        if let Some(known) = &theirs {
            let (commands, unknown) = control::follow_node_pools(&core.view(), known);
            take_over(core, commands).await;
            for name in unknown {
                tell(core, authority, name).await;
            }
        }
        tokio::select! {
            value = source.next() => if let ReadValue::NodePools(pools) = value { theirs = Some(pools) },
            () = woken, if theirs.is_some() => {}
            () = tokio::time::sleep(SLOW_TICK), if theirs.is_some() => {}
        }
    }
}

/// A node here is in a pool that the authoritative region does not know. It comes back with its next news.
async fn tell(core: &Arc<Core>, authority: &RegionName, pool: Text) {
    let write = Write::Places { change: PlacesChange::EnsureNodePool(pool.clone()), passed_on_by: Some(core.region.clone()) };
    let call = Call { region: authority.clone(), hops: Hops::default(), request: Request::Write(write) };
    match Front(Arc::clone(core)).call(call).await {
        Ok(_) => info!(%pool, region = %authority, "told the authoritative region of a node pool"),
        Err(failure) => debug!(%pool, region = %authority, %failure, "the authoritative region was not told of a node pool"),
    }
}

async fn take_over(core: &Core, commands: Vec<Command>) {
    for command in commands {
        let name = command.name();
        match core.propose(command).await {
            Ok(applied) => match applied.outcome {
                // Used again meanwhile.
                Outcome::Refused(reason) => debug!(%reason, "kept what the authoritative region has deleted"),
                _ => debug!(command = name, "taken over from the authoritative region"),
            },
            Err(failure) => debug!(%failure, "what the authoritative region has was not taken over, trying again"),
        }
    }
}
