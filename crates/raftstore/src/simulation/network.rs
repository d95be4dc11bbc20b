//! A network that loses, delays and cuts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::disk::Disk;
use super::lock;
use super::world::{milliseconds, note, percent};
use crate::network::{Call, RaftTransport, TransportError};
use crate::wire::Handler;

#[derive(Default)]
struct Links {
    handlers: BTreeMap<u64, Arc<Handler>>,
    /// Nothing gets from the first to the second.
    cuts: BTreeSet<(u64, u64)>,
    lost: u64,
}

#[derive(Default)]
pub(super) struct Hub {
    links: Mutex<Links>,
}

impl Hub {
    pub(super) fn plug(&self, server: u64, handler: Handler) {
        lock(&self.links).handlers.insert(server, Arc::new(handler));
    }

    pub(super) fn unplug(&self, server: u64) {
        lock(&self.links).handlers.remove(&server);
    }

    /// Loses so many of a hundred messages.
    pub(super) fn lose(&self, percent: u64) {
        lock(&self.links).lost = percent;
    }

    pub(super) fn cut(&self, from: u64, to: u64) {
        lock(&self.links).cuts.insert((from, to));
    }

    pub(super) fn heal(&self) {
        lock(&self.links).cuts.clear();
    }

    fn is_lost(&self, from: u64, to: u64) -> bool {
        let links = lock(&self.links);
        links.cuts.contains(&(from, to)) || percent(links.lost)
    }

    /// Returns when the message is there: never, if it is lost.
    async fn carry(&self, from: u64, to: u64) {
        if self.is_lost(from, to) {
            std::future::pending::<()>().await;
        }
        let late = percent(5);
        tokio::time::sleep(milliseconds(if late { 300 } else { 10 })).await;
    }
}

/// The network as one server has it in one of its lives.
pub(super) struct End {
    pub server: u64,
    pub disk: Disk,
    pub hub: Arc<Hub>,
}

impl End {
    async fn exchange(&self, call: &Call) -> Result<Bytes, TransportError> {
        let (from, to, kind) = (self.server, call.target, call.kind);
        if self.disk.is_dead() {
            std::future::pending::<()>().await;
        }
        self.hub.carry(from, to).await;
        let handler = lock(&self.hub.links).handlers.get(&to).cloned();
        let handler = handler.ok_or_else(|| TransportError::Unreachable("not running".to_owned()))?;
        note(to, format_args!("hears {} of kind {kind} from {from}", digest(&call.body)));
        let body = call.body.clone();
        // It is done also when nobody waits for it any more.
        let answer = tokio::spawn(async move { handler.handle(kind, &body).await }).await;
        self.hub.carry(to, from).await;
        if self.disk.is_dead() {
            std::future::pending::<()>().await;
        }
        let unreachable = |error: &dyn std::fmt::Display| TransportError::Unreachable(error.to_string());
        let answer = answer.map_err(|error| unreachable(&error))?.map_err(|error| unreachable(&error))?;
        note(from, format_args!("is answered {} by {to}", digest(&answer)));
        Ok(answer)
    }
}

impl RaftTransport for End {
    async fn call(&self, call: Call) -> Result<Bytes, TransportError> {
        tokio::time::timeout(call.timeout, self.exchange(&call)).await.unwrap_or(Err(TransportError::Timeout))
    }
}

fn digest(body: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(body))
}
