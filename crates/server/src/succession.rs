//! A leader whose process has ended is replaced at once, without the time after which a silent one is missed.
//!
//! A process that ends closes its connections, and then nobody listens where it was: the machine refuses. A server that sees both asks the
//! others for their votes. Those have heard of the leader a moment ago and would wait, as they promised it; whoever sees the same with its own
//! eyes is free of that promise, and nobody else. A machine that fails, or a network, refuses nothing: there the time decides as ever.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use crate::core::Core;

/// For a process that is about to end to be gone: it closes one thing after the other.
const ENDING: Duration = Duration::from_millis(300);
/// Between two looks at it.
const PACE: Duration = Duration::from_millis(5);
/// Who does not answer at all by then has not refused.
const DIAL_TIMEOUT: Duration = Duration::from_millis(200);
/// From one server's turn to the next one's, so that they do not all ask for themselves: an election takes less.
const TURN: Duration = Duration::from_millis(60);

/// Which servers are connected to this one.
#[derive(Default)]
pub struct Succession {
    /// Connections by raft id.
    connections: Mutex<HashMap<u64, usize>>,
    /// Somebody's last connection has ended.
    lost: Notify,
}

impl Succession {
    fn connections(&self) -> MutexGuard<'_, HashMap<u64, usize>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn connected(&self, server: u64) {
        *self.connections().entry(server).or_default() += 1;
    }

    pub fn disconnected(&self, server: u64) {
        let mut connections = self.connections();
        let Some(count) = connections.get_mut(&server) else { return };
        *count -= 1;
        if *count == 0 {
            connections.remove(&server);
            self.lost.notify_one();
        }
    }

    fn is_connected(&self, server: u64) -> bool {
        self.connections().contains_key(&server)
    }
}

/// Goes on for as long as the server.
pub async fn run(core: Arc<Core>) {
    loop {
        core.succession.lost.notified().await;
        let Some(leader) = core.leader_id().filter(|leader| *leader != core.replica.id()) else { continue };
        if has_ended(&core, leader, ENDING).await {
            succeed(&core, leader).await;
        }
    }
}

/// Whether this server sees that the leader's process has ended.
pub async fn leader_has_ended(core: &Core) -> bool {
    match core.leader_id() {
        Some(leader) => leader != core.replica.id() && has_ended(core, leader, ENDING).await,
        None => true,
    }
}

async fn has_ended(core: &Core, server: u64, patience: Duration) -> bool {
    let Some(address) = core.address_of(server) else { return false };
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if !core.succession.is_connected(server) {
            match timeout(DIAL_TIMEOUT, TcpStream::connect(&address)).await {
                Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => return true,
                // Its machine may still be about to close it.
                Ok(Ok(_)) => {}
                _ => return false,
            }
        }
        sleep(PACE).await;
    }
    false
}

/// Asks to be elected, when it is this server's turn.
async fn succeed(core: &Core, leader: u64) {
    let mut heirs: Vec<u64> =
        core.replica.status().members.iter().filter(|member| member.voter && member.id != leader).map(|member| member.id).collect();
    heirs.sort_unstable();
    let Some(turn) = heirs.iter().position(|heir| *heir == core.replica.id()) else { return };
    let mut leadership = core.replica.watch_leadership();
    let term = leadership.borrow_and_update().term;
    sleep(TURN * u32::try_from(turn).unwrap_or(u32::MAX)).await;
    // Somebody else may have asked, or lead already.
    let present = leadership.borrow().clone();
    if present.term != term || present.leader != Some(leader) {
        return;
    }
    info!(leader, "the leader's process has ended: asking to be elected");
    if let Err(error) = core.replica.elect_at_once().await {
        warn!(%error, "no election");
    }
}
