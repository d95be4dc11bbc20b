//! Connections to other agents, made when they are needed: one per address and [`Class`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::channel::{Answer, Channel, Deadline};
use super::drive::{KeepAlive, drive};
use super::error::CallError;
use super::hello::{self, Class, Identity, Peer, Terms};
use super::limits::Limits;
use super::stream::{BodyStream, ByteStream};
use super::{lock, wire};
use crate::message::Failure;

/// More addresses than this are only kept while they are in use.
const SLOTS_KEPT: usize = 1024;

/// The calling side. Cheap to clone; the connections end with the last clone, or by [`Pool::close`].
///
/// An address is `host:port`. A request that certainly was not sent because the connection had just ended is sent again once, on a new one;
/// nothing else is repeated here.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    identity: Identity,
    limits: Arc<Limits>,
    /// By class, then by address.
    slots: [Mutex<HashMap<String, Arc<Slot>>>; 4],
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop_when_dropped: DropGuard,
}

type Dialed = Result<Arc<Channel>, CallError>;

/// Where there is a connection, will be one, or was none lately.
struct Slot {
    state: Mutex<State>,
}

enum State {
    Idle,
    Dialing(watch::Receiver<Option<Dialed>>),
    Ready(Arc<Channel>),
    Failed { error: CallError, until: Instant, failures: u32 },
}

impl Pool {
    pub fn new(identity: Identity, limits: Limits) -> Self {
        let stop = CancellationToken::new();
        let shared = Shared {
            identity,
            limits: Arc::new(limits),
            slots: Default::default(),
            tasks: TaskTracker::new(),
            _stop_when_dropped: stop.clone().drop_guard(),
            stop,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Asks and waits for the answer. Dropping the future cancels the request.
    ///
    /// # Errors
    /// See [`CallError`]; [`CallError::is_not_executed`] tells whether asking again is safe.
    pub async fn call(&self, address: &str, class: Class, method: u16, body: Bytes, deadline: Duration) -> Result<Bytes, CallError> {
        match self.ask(address, class, method, body, Some(deadline)).await? {
            Answer::Message(body) => Ok(body.join()),
            Answer::Stream(..) => Err(unexpected_stream(address, method)),
        }
    }

    /// Asks for a stream: returns its head and the rest as it comes. There is no deadline; the answer may take as long as the connection lives.
    /// Dropping the future or the stream cancels the request. A handler that answers with a message gives a head and an empty stream.
    ///
    /// # Errors
    /// As for [`Pool::call`], and in place of an item when the stream breaks off.
    pub async fn call_stream(&self, address: &str, class: Class, method: u16, body: Bytes) -> Result<(Bytes, ByteStream), CallError> {
        match self.ask(address, class, method, body, None).await? {
            Answer::Message(body) => Ok((body.join(), ByteStream::empty())),
            Answer::Stream(head, stream) => Ok((head, stream)),
        }
    }

    /// Sends `head` (at most 64 KiB) and then a stream, and waits for the answer, which may come before the end of the stream and then ends it.
    /// An error item breaks the stream off for the handler, whose answer is still waited for.
    ///
    /// # Errors
    /// As for [`Pool::call`]; nothing is sent again.
    pub async fn upload<S>(
        &self,
        address: &str,
        class: Class,
        method: u16,
        head: Bytes,
        stream: S,
        deadline: Duration,
    ) -> Result<Bytes, CallError>
    where
        S: Stream<Item = Result<Bytes, Failure>> + Send + 'static,
    {
        let deadline = deadline_from_now(deadline);
        let channel = self.connected(address, class, deadline).await?;
        let stream: BodyStream = Box::pin(stream);
        match channel.ask(method, head, Some(stream), deadline).await? {
            Answer::Message(body) => Ok(body.join()),
            Answer::Stream(..) => Err(unexpected_stream(address, method)),
        }
    }

    /// Makes sure that there is a connection, and tells who is at the other end.
    ///
    /// # Errors
    /// [`CallError::Unreachable`] or [`CallError::Refused`].
    pub async fn connect(&self, address: &str, class: Class) -> Result<Peer, CallError> {
        Ok(self.channel(address, class).await?.peer().clone())
    }

    /// Ends all connections; who still waits for an answer gets [`CallError::Lost`]. Returns when no task is left.
    pub async fn close(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    async fn ask(&self, address: &str, class: Class, method: u16, body: Bytes, deadline: Option<Duration>) -> Result<Answer, CallError> {
        let deadline = deadline.and_then(deadline_from_now);
        let channel = self.connected(address, class, deadline).await?;
        match channel.ask(method, body.clone(), None, deadline).await {
            Err(CallError::Unreachable { .. }) if !channel.is_open() => {}
            outcome => return outcome,
        }
        // The connection was not used for a while and ended just now.
        let channel = self.connected(address, class, deadline).await?;
        channel.ask(method, body, None, deadline).await
    }

    async fn connected(&self, address: &str, class: Class, deadline: Option<Deadline>) -> Dialed {
        let Some(Deadline { until, given }) = deadline else { return self.channel(address, class).await };
        match tokio::time::timeout_at(until, self.channel(address, class)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(unreachable(address, format!("no connection within {given:?}"))),
        }
    }

    async fn channel(&self, address: &str, class: Class) -> Dialed {
        if self.shared.stop.is_cancelled() {
            return Err(unreachable(address, "this agent is shutting down"));
        }
        let slot = self.slot(address, class);
        let mut dialing = {
            let mut state = lock(&slot.state);
            let failures = match &*state {
                State::Ready(channel) if channel.is_open() => return Ok(channel.clone()),
                State::Failed { error, until, .. } if Instant::now() < *until => return Err(error.clone()),
                State::Dialing(outcome) => Err(outcome.clone()),
                State::Failed { failures, .. } => Ok(*failures),
                State::Ready(_) | State::Idle => Ok(0),
            };
            match failures {
                Err(outcome) => outcome,
                Ok(failures) => {
                    let outcome = self.start_dialing(slot.clone(), address, class, failures);
                    *state = State::Dialing(outcome.clone());
                    outcome
                }
            }
        };
        let closed = || Err(unreachable(address, "this agent is shutting down"));
        match dialing.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or_else(closed),
            Err(_) => closed(),
        }
    }

    fn slot(&self, address: &str, class: Class) -> Arc<Slot> {
        let [raft, rpc, bulk, heartbeat] = &self.shared.slots;
        let mut slots = lock(match class {
            Class::Raft => raft,
            Class::Rpc => rpc,
            Class::Bulk => bulk,
            Class::Heartbeat => heartbeat,
        });
        if let Some(slot) = slots.get(address) {
            return slot.clone();
        }
        if slots.len() >= SLOTS_KEPT {
            slots.retain(|_, slot| slot.is_in_use());
        }
        let slot = Arc::new(Slot { state: Mutex::new(State::Idle) });
        slots.insert(address.to_owned(), slot.clone());
        slot
    }

    /// In a task of its own, so that a caller who goes away does not take the connection with him.
    fn start_dialing(&self, slot: Arc<Slot>, address: &str, class: Class, failures: u32) -> watch::Receiver<Option<Dialed>> {
        let (tell, outcome) = watch::channel(None);
        let address = address.to_owned();
        let (identity, limits) = (self.shared.identity.clone(), self.shared.limits.clone());
        let (tasks, stop) = (self.shared.tasks.clone(), self.shared.stop.clone());
        self.shared.tasks.spawn(async move {
            let dialed = tokio::select! {
                dialed = dial(&address, class, &identity, &limits) => dialed,
                () = stop.cancelled() => Err(unreachable(&address, "this agent is shutting down")),
            };
            let dialed = dialed.map(|(wire, peer)| {
                let channel = Arc::new(Channel::new(address, peer, limits.clone()));
                tasks.spawn(run(channel.clone(), wire, identity, limits.clone(), stop));
                channel
            });
            *lock(&slot.state) = match &dialed {
                Ok(channel) => State::Ready(channel.clone()),
                Err(error) => {
                    let until = Instant::now() + pause(&limits, failures);
                    State::Failed { error: error.clone(), until, failures: failures.saturating_add(1) }
                }
            };
            tell.send_replace(Some(dialed));
        });
        outcome
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("identity", &self.shared.identity).finish_non_exhaustive()
    }
}

impl Slot {
    fn is_in_use(&self) -> bool {
        match &*lock(&self.state) {
            State::Idle => false,
            State::Dialing(_) => true,
            State::Ready(channel) => channel.is_open(),
            State::Failed { until, .. } => Instant::now() < *until,
        }
    }
}

async fn dial(address: &str, class: Class, identity: &Identity, limits: &Limits) -> Result<(wire::Wire, Peer), CallError> {
    let refused = |text: String| {
        tracing::warn!(%address, %class, reason = %text, "connection refused");
        CallError::Refused { address: address.to_owned(), text }
    };
    let mut wire = match timeout(limits.dial_timeout, wire::connect(address)).await {
        Ok(Ok(wire)) => wire,
        Ok(Err(error)) => return Err(unreachable(address, error.to_string())),
        Err(_) => return Err(unreachable(address, format!("no connection within {:?}", limits.dial_timeout))),
    };
    let greeting = hello::greet(&mut wire.reader, &mut wire.writer, wire.remote, class, identity, terms(limits));
    match timeout(limits.hello_timeout, greeting).await {
        Ok(Ok(peer)) => Ok((wire, peer)),
        Ok(Err(hello::Error::Io(error))) => Err(unreachable(address, error.to_string())),
        Ok(Err(error)) => Err(refused(error.to_string())),
        Err(_) => Err(unreachable(address, format!("connected, but it did not say hello within {:?}", limits.hello_timeout))),
    }
}

async fn run(channel: Arc<Channel>, wire: wire::Wire, identity: Identity, limits: Arc<Limits>, stop: CancellationToken) {
    let keep_alive = KeepAlive { interval: limits.ping_interval, misses_max: limits.ping_misses_max };
    let reason = tokio::select! {
        reason = drive(wire.reader, wire.writer, channel.outbox().clone(), channel.clone(), keep_alive) => reason,
        text = hello::objection_arises(&identity, channel.peer()) => {
            tracing::warn!(peer = %channel.peer(), reason = %text, "connection ended");
            text
        }
        () = stop.cancelled() => "this agent is shutting down".to_owned(),
    };
    tracing::debug!(peer = %channel.peer(), class = %channel.peer().class, %reason, "connection is over");
    channel.end(&reason);
}

pub fn terms(limits: &Limits) -> Terms {
    let open_requests_max = u32::try_from(limits.open_requests_max).unwrap_or(u32::MAX);
    Terms { stream_window: super::flow::window(limits.stream_window), open_requests_max }
}

/// Doubles with every failure; random, so that those who lost the same server do not come back at the same moment.
fn pause(limits: &Limits, failures: u32) -> Duration {
    let longest = limits.backoff_min.saturating_mul(1 << failures.min(16)).min(limits.backoff_max);
    longest.mul_f64(rand::random_range(0.5..=1.0))
}

/// `None` for a time so far away that it cannot be said.
fn deadline_from_now(given: Duration) -> Option<Deadline> {
    Instant::now().checked_add(given).map(|until| Deadline { until, given })
}

fn unreachable(address: &str, reason: impl Into<String>) -> CallError {
    CallError::Unreachable { address: address.to_owned(), reason: reason.into() }
}

fn unexpected_stream(address: &str, method: u16) -> CallError {
    let reason = format!("method {method} answered with a stream, which this call does not take");
    CallError::Lost { address: address.to_owned(), reason }
}
