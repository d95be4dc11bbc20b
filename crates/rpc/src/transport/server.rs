//! The answering side: accepts connections and hands their requests to a [`Handler`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::drive::{KeepAlive, drive};
use super::hello::{self, Identity, Peer};
use super::limits::Limits;
use super::places::{Full, Places};
use super::pool::terms;
use super::serving::Serving;
use super::stream::{BodyStream, ByteStream};
use super::wire;
use crate::message::Failure;

/// Answers requests. Each runs in a task of its own; a panic fails that request only.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// `body` is the request, or the head of an upload, whose rest is in `context.upload`.
    ///
    /// When the caller gives up, disconnects, or the deadline passes, `context.cancelled` fires; a second later
    /// ([`Limits::cancel_grace`]) the future is dropped. What must not stop half-way belongs into a task of its own.
    async fn handle(&self, peer: &Arc<Peer>, method: u16, body: Bytes, context: CallContext) -> Reply;

    /// A connection has begun.
    fn connected(&self, _peer: &Peer) {}

    /// It has ended, in whatever way.
    fn disconnected(&self, _peer: &Peer) {}
}

/// Tells a handler how long a connection lasts.
struct Connected {
    peer: Arc<Peer>,
    handler: Arc<dyn Handler>,
}

impl Connected {
    fn begin(peer: &Arc<Peer>, handler: &Arc<dyn Handler>) -> Self {
        handler.connected(peer);
        Self { peer: peer.clone(), handler: handler.clone() }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.handler.disconnected(&self.peer);
    }
}

/// What a handler may want to know about a request besides its body.
#[derive(Debug)]
pub struct CallContext {
    /// When the caller stops waiting; `None`: it waits as long as it takes.
    pub deadline: Option<Instant>,
    /// Fires when the answer is not wanted any more.
    pub cancelled: CancellationToken,
    /// What the caller uploads after the body.
    pub upload: Option<ByteStream>,
}

/// What a handler answers.
pub enum Reply {
    /// At most [`Limits::message_bytes_max`].
    Message(Bytes),
    /// Becomes [`super::CallError::Remote`].
    Error { code: u16, text: String },
    /// `head` (at most 64 KiB) goes out at once, the items as they come and as fast as they are read.
    Stream { head: Bytes, body: BodyStream },
}

impl Reply {
    pub fn error(code: u16, text: impl Into<String>) -> Self {
        Self::Error { code, text: text.into() }
    }

    pub fn stream<S>(head: Bytes, body: S) -> Self
    where
        S: Stream<Item = Result<Bytes, Failure>> + Send + 'static,
    {
        Self::Stream { head, body: Box::pin(body) }
    }
}

impl From<Failure> for Reply {
    fn from(failure: Failure) -> Self {
        Self::Error { code: failure.code, text: failure.text }
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Message(body) => write!(f, "Message({} bytes)", body.len()),
            Self::Error { code, text } => write!(f, "Error({code}, {text:?})"),
            Self::Stream { head, .. } => write!(f, "Stream({} bytes, …)", head.len()),
        }
    }
}

/// Serves with the default [`Limits`]; see [`serve_with`].
pub async fn serve(listener: TcpListener, identity: Identity, handler: Arc<dyn Handler>, shutdown: CancellationToken) {
    serve_with(listener, identity, Limits::default(), handler, shutdown).await;
}

/// Accepts connections until `shutdown` fires. Then no request is taken any more, those that run are cancelled, their answers are sent, and the
/// function returns when no task is left. Dropping it does the same without waiting.
pub async fn serve_with(listener: TcpListener, identity: Identity, limits: Limits, handler: Arc<dyn Handler>, shutdown: CancellationToken) {
    let stop = shutdown.child_token();
    let _stop_when_dropped = stop.clone().drop_guard();
    let limits = Arc::new(limits);
    let connections = TaskTracker::new();
    let places = Arc::new(Places::new(limits.connections_per_address_max, limits.connections_max));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => {
                let place = places.enter(remote.ip());
                let (identity, limits) = (identity.clone(), limits.clone());
                let (handler, stop) = (handler.clone(), stop.clone());
                connections.spawn(async move {
                    let full = place.as_ref().err().map(refusal);
                    serve_connection(stream, remote, full, identity, limits, handler, stop).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Usually too many open files, which passes when connections end; or a peer that left before it was accepted.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// What is told to whom there is no place for.
fn refusal(full: &Full) -> String {
    match full {
        Full::All(n) => format!("there are {n} connections already, limits.rpc_max_conns"),
        Full::Address(n) => format!("there are {n} connections from this address already, limits.rpc_max_conns_per_client"),
    }
}

async fn serve_connection(
    stream: TcpStream,
    remote: SocketAddr,
    full: Option<String>,
    identity: Identity,
    limits: Arc<Limits>,
    handler: Arc<dyn Handler>,
    stop: CancellationToken,
) {
    let mut wire = match wire::accept(stream, remote) {
        Ok(wire) => wire,
        Err(error) => return tracing::debug!(%remote, %error, "connection failed"),
    };
    let greeting = async {
        if let Some(text) = full {
            hello::refuse(&mut wire.reader, &mut wire.writer, &text).await?;
            return Err(hello::Error::RefusedByUs(text));
        }
        hello::receive(&mut wire.reader, &mut wire.writer, remote, &identity, terms(&limits)).await
    };
    let peer = tokio::select! {
        outcome = timeout(limits.hello_timeout, greeting) => match outcome {
            Ok(Ok(peer)) => Arc::new(peer),
            Ok(Err(error @ (hello::Error::RefusedByUs(_) | hello::Error::NotSteppe(_)))) => {
                return tracing::warn!(%remote, reason = %error, "connection refused");
            }
            Ok(Err(error)) => return tracing::debug!(%remote, %error, "connection ended before it began"),
            Err(_) => return tracing::debug!(%remote, "no hello came in time"),
        },
        () = stop.cancelled() => return,
    };
    tracing::debug!(%peer, class = %peer.class, "connected");

    let connected = Connected::begin(&peer, &handler);
    let serving = Arc::new(Serving::new(peer.clone(), handler, limits.clone()));
    let keep_alive = KeepAlive { interval: limits.ping_interval, misses_max: limits.ping_misses_max };
    let reason = tokio::select! {
        reason = drive(wire.reader, wire.writer, serving.outbox().clone(), serving.clone(), keep_alive) => reason,
        reason = wind_down(&serving, &identity, &limits, &stop) => reason,
    };
    drop(connected);
    tracing::debug!(%peer, class = %peer.class, %reason, "connection is over");
    serving.end(&reason).await;
}

/// Waits for a reason of this side to end the connection, and ends it in good order: `drive` returns when all is written.
async fn wind_down(serving: &Arc<Serving>, identity: &Identity, limits: &Limits, stop: &CancellationToken) -> String {
    let reason = tokio::select! {
        () = stop.cancelled() => "the agent is shutting down".to_owned(),
        text = hello::objection_arises(identity, serving.peer()) => {
            tracing::warn!(peer = %serving.peer(), reason = %text, "connection ended");
            text
        }
    };
    serving.refuse_new(&reason);
    serving.cancel_all();
    // Handlers are dropped after the grace, and streams at once; the rest of the time is for a peer that reads slowly.
    let _ = timeout(limits.cancel_grace * 2, serving.wait_for_requests()).await;
    serving.outbox().finish();
    tokio::time::sleep(limits.cancel_grace).await;
    reason
}
