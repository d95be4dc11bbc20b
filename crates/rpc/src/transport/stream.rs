//! Bodies that come piece by piece.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::Stream;
use tokio::sync::mpsc;

use super::channel::Channel;
use super::error::CallError;
use super::flow::{Inflow, Outflow, cost};
use super::frame::{CHUNK_BYTES_MAX, Frame, Violation};
use super::outbox::{Closed, Outbox};
use crate::message::Failure;

/// A stream to send. An item arrives as it was sent, large or small; it may be as large as [`super::Limits::message_bytes_max`], and is better
/// around 64 KiB. An error ends the stream for the receiver.
pub type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, Failure>> + Send>>;

type Piece = Result<(Bytes, bool), CallError>;

/// A stream being received. Ends with `None` when the sender completed it, and after an error. What is not read holds the sender back.
/// Dropping the stream of an answer tells the sender to stop.
pub struct ByteStream {
    pieces: Option<mpsc::UnboundedReceiver<Piece>>,
    /// The beginning of an item that came in several chunks.
    partial: BytesMut,
    item_bytes_max: usize,
    consumed: u32,
    id: u64,
    flow: Arc<Inflow>,
    outbox: Arc<Outbox>,
    /// Where to cancel.
    channel: Option<Arc<Channel>>,
}

/// The other end of a [`ByteStream`], held by the reader of the connection.
pub struct Feed {
    pieces: mpsc::UnboundedSender<Piece>,
    flow: Arc<Inflow>,
}

impl ByteStream {
    pub(super) fn new(id: u64, outbox: Arc<Outbox>, window: u32, item_bytes_max: usize) -> (Feed, Self) {
        // Not bounded itself: the window bounds what can be in it.
        let (sender, pieces) = mpsc::unbounded_channel();
        let flow = Arc::new(Inflow::new(window));
        let feed = Feed { pieces: sender, flow: flow.clone() };
        let stream = Self { pieces: Some(pieces), partial: BytesMut::new(), item_bytes_max, consumed: 0, id, flow, outbox, channel: None };
        (feed, stream)
    }

    /// A stream without items.
    pub fn empty() -> Self {
        let (_, mut stream) = Self::new(0, Arc::new(Outbox::new()), 0, 0);
        stream.pieces = None;
        stream
    }

    pub(super) fn cancel_on_drop(mut self, channel: Arc<Channel>) -> Self {
        self.channel = Some(channel);
        self
    }

    /// The next item, as by `StreamExt::next`.
    pub async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Reads the stream to its end and joins the items, at most `bytes_max` of them.
    pub async fn collect_bytes(mut self, bytes_max: usize) -> Result<Bytes, CallError> {
        let mut all = BytesMut::new();
        while let Some(item) = self.next().await {
            let item = item?;
            if all.len() + item.len() > bytes_max {
                return Err(CallError::Remote { code: 413, text: format!("the stream has more than {bytes_max} bytes") });
            }
            all.extend_from_slice(&item);
        }
        Ok(all.freeze())
    }

    /// Gives credit for a piece that was taken out.
    fn give_back(&mut self, bytes: usize) {
        if let Some(bytes) = self.flow.consume(&mut self.consumed, cost(bytes)) {
            let _ = self.outbox.push(Frame::Credit { id: self.id, bytes });
        }
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes, CallError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            let Some(pieces) = &mut this.pieces else { return Poll::Ready(None) };
            let (bytes, more) = match ready!(pieces.poll_recv(context)) {
                Some(Ok(piece)) => piece,
                end => {
                    // Nothing to cancel any more.
                    this.pieces = None;
                    this.channel = None;
                    return Poll::Ready(end.and_then(Result::err).map(Err));
                }
            };
            this.give_back(bytes.len());
            if !more && this.partial.is_empty() {
                return Poll::Ready(Some(Ok(bytes)));
            }
            if this.partial.len() + bytes.len() > this.item_bytes_max {
                this.pieces = None;
                let text = format!("an item of a stream has more than {} bytes", this.item_bytes_max);
                return Poll::Ready(Some(Err(CallError::Remote { code: 413, text })));
            }
            this.partial.extend_from_slice(&bytes);
            if !more {
                return Poll::Ready(Some(Ok(this.partial.split().freeze())));
            }
        }
    }
}

impl Drop for ByteStream {
    fn drop(&mut self) {
        if let Some(channel) = self.channel.take() {
            channel.abandon(self.id);
        }
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteStream").field("id", &self.id).field("ended", &self.pieces.is_none()).finish_non_exhaustive()
    }
}

impl Feed {
    pub fn chunk(&self, bytes: Bytes, more: bool) -> Result<(), Violation> {
        if !self.flow.charge(cost(bytes.len())) {
            return Err(Violation("a stream went beyond its credit".to_owned()));
        }
        // A receiver that is gone has cancelled; its chunks are still on their way.
        let _ = self.pieces.send(Ok((bytes, more)));
        Ok(())
    }

    /// The stream breaks off. Without this, dropping the feed ends it well.
    pub fn fail(self, error: CallError) {
        let _ = self.pieces.send(Err(error));
    }
}

/// Sends one item of the stream `id`, in as many chunks as it takes, when there is credit and when it is its turn.
pub async fn send_item(outbox: &Outbox, credit: &Outflow, id: u64, mut item: Bytes) -> Result<(), Closed> {
    loop {
        let bytes = item.split_to(item.len().min(CHUNK_BYTES_MAX));
        credit.pay(cost(bytes.len())).await;
        let more = !item.is_empty();
        outbox.push_bulk(Frame::Chunk { id, more, bytes }).await?;
        if !more {
            return Ok(());
        }
    }
}

/// Sends the parts of a body that was announced as such.
pub async fn send_parts(outbox: &Outbox, id: u64, mut body: Bytes) -> Result<(), Closed> {
    while !body.is_empty() {
        let bytes = body.split_to(body.len().min(CHUNK_BYTES_MAX));
        let more = !body.is_empty();
        outbox.push_bulk(Frame::Chunk { id, more, bytes }).await?;
    }
    Ok(())
}

/// A body as it arrived.
#[derive(Debug)]
pub enum Body {
    Whole(Bytes),
    Parts(Vec<Bytes>),
}

impl Body {
    /// Copies the parts together. For the task that wants the body: a large one would keep the reader of the connection from other frames.
    pub fn join(self) -> Bytes {
        match self {
            Self::Whole(body) => body,
            Self::Parts(parts) => {
                let mut body = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
                parts.iter().for_each(|part| body.extend_from_slice(part));
                body.freeze()
            }
        }
    }
}

/// A body that arrives in parts.
#[derive(Debug)]
pub struct Assembly {
    total: usize,
    left: usize,
    parts: Vec<Bytes>,
}

impl Assembly {
    pub fn new(total: u32) -> Self {
        // The announced size is not believed before it has arrived.
        Self { total: total as usize, left: total as usize, parts: Vec::new() }
    }

    /// The whole body, once this was the last part of it.
    pub fn add(&mut self, part: Bytes) -> Result<Option<Body>, Violation> {
        let Some(left) = self.left.checked_sub(part.len()) else {
            return Err(Violation(format!("a body is larger than the {} bytes that were announced", self.total)));
        };
        // Else a body of tiny parts would take many times its size.
        if left > 0 && part.len() < CHUNK_BYTES_MAX {
            return Err(Violation(format!("a part of {} bytes that is not the last", part.len())));
        }
        self.left = left;
        self.parts.push(part);
        Ok((left == 0).then(|| Body::Parts(std::mem::take(&mut self.parts))))
    }
}
