//! The calling side of one connection: who waits for which answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

use super::drive::Side;
use super::error::CallError;
use super::flow::Outflow;
use super::frame::{CHUNK_BYTES_MAX, Frame, HEAD_BYTES_MAX, NO_DEADLINE, Opening, Origin, Violation};
use super::hello::Peer;
use super::limits::Limits;
use super::lock;
use super::outbox::{Closed, Outbox};
use super::stream::{Assembly, Body, BodyStream, ByteStream, Feed, send_item, send_parts};

/// One connection to one server, shared by everybody who calls it.
pub struct Channel {
    /// As it was dialed, for error texts.
    address: String,
    peer: Peer,
    limits: Arc<Limits>,
    outbox: Arc<Outbox>,
    calls: Mutex<Calls>,
    /// As many as the peer works on at once.
    permits: Arc<Semaphore>,
    next_id: AtomicU64,
}

struct Calls {
    open: HashMap<u64, Call>,
    /// Why no more calls are taken: the peer said goodbye, or the connection is over.
    ended: Option<String>,
    last_used: Instant,
}

struct Call {
    state: State,
    /// The credit of an upload.
    outflow: Option<Arc<Outflow>>,
    _permit: OwnedSemaphorePermit,
}

enum State {
    Waiting { reply: oneshot::Sender<Result<Answer, CallError>>, assembly: Option<Assembly> },
    Streaming(Feed),
}

#[derive(Debug)]
pub enum Answer {
    Message(Body),
    Stream(Bytes, ByteStream),
}

/// How long a call may take: until then, and what the caller had asked for.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    pub until: Instant,
    pub given: Duration,
}

impl Channel {
    pub fn new(address: String, peer: Peer, limits: Arc<Limits>) -> Self {
        let open_max = (peer.open_requests_max as usize).clamp(1, limits.open_requests_max.max(1));
        Self {
            address,
            peer,
            limits,
            outbox: Arc::new(Outbox::new()),
            calls: Mutex::new(Calls { open: HashMap::new(), ended: None, last_used: Instant::now() }),
            permits: Arc::new(Semaphore::new(open_max)),
            next_id: AtomicU64::new(1),
        }
    }

    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Whether new calls are taken.
    pub fn is_open(&self) -> bool {
        lock(&self.calls).ended.is_none()
    }

    /// Sends a request and waits for the beginning of its answer. Dropping the future cancels the request.
    pub async fn ask(
        self: &Arc<Self>,
        method: u16,
        body: Bytes,
        upload: Option<BodyStream>,
        deadline: Option<Deadline>,
    ) -> Result<Answer, CallError> {
        let size_max = if upload.is_some() { HEAD_BYTES_MAX } else { self.limits.message_bytes_max };
        if body.len() > size_max {
            let what = if upload.is_some() { "head of an upload" } else { "request" };
            return Err(CallError::Refused {
                address: self.address.clone(),
                text: format!("the {what} for method {method} has {} bytes, the most is {size_max}", body.len()),
            });
        }
        let sent = AtomicBool::new(false);
        let asking = self.send_and_wait(method, body, upload, deadline, &sent);
        let Some(Deadline { until, given }) = deadline else { return asking.await };
        match timeout_at(until, asking).await {
            // Whichever side noticed first, the caller is told what he had asked for.
            Ok(Err(CallError::Timeout { address, .. })) => Err(CallError::Timeout { address, after: given }),
            Ok(outcome) => outcome,
            Err(_) if sent.load(Ordering::Relaxed) => Err(CallError::Timeout { address: self.address.clone(), after: given }),
            Err(_) => Err(self.unreachable(format!("the connection was too busy to send the request within {given:?}"))),
        }
    }

    async fn send_and_wait(
        self: &Arc<Self>,
        method: u16,
        body: Bytes,
        upload: Option<BodyStream>,
        deadline: Option<Deadline>,
        sent: &AtomicBool,
    ) -> Result<Answer, CallError> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| self.unreachable("the connection was closed"))?;
        self.outbox.room().await;
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (reply, mut answer) = oneshot::channel();
        let outflow = upload.is_some().then(|| Arc::new(Outflow::new(self.peer.stream_window)));
        self.open(id, Call { state: State::Waiting { reply, assembly: None }, outflow: outflow.clone(), _permit: permit })?;
        let mut open = OpenCall { channel: self, id, cancel_on_drop: true };

        let request = |opening| Frame::Request { id, deadline_ms: remaining_ms(deadline), method, opening };
        let never_sent = |_: Closed| self.unreachable("the connection was closed before the request was sent");
        if upload.is_none() && body.len() <= CHUNK_BYTES_MAX {
            self.outbox.push(request(Opening::Whole(body))).map_err(never_sent)?;
            sent.store(true, Ordering::Relaxed);
        } else {
            let opening = if upload.is_some() {
                Opening::Stream { head: body.clone() }
            } else {
                Opening::Parts { total: u32::try_from(body.len()).unwrap_or(u32::MAX) }
            };
            self.outbox.push_bulk(request(opening)).await.map_err(never_sent)?;
            sent.store(true, Ordering::Relaxed);
            let rest = async {
                match (upload, outflow) {
                    (Some(stream), Some(credit)) => self.send_upload(id, stream, &credit).await,
                    _ => send_parts(&self.outbox, id, body).await,
                }
            };
            // An answer that comes early ends the sending; a connection that ends gives the answer its error.
            tokio::select! {
                biased;
                outcome = &mut answer => return open.settle(outcome),
                _ = rest => {}
            }
        }
        let outcome = answer.await;
        open.settle(outcome)
    }

    async fn send_upload(&self, id: u64, mut stream: BodyStream, credit: &Outflow) -> Result<(), Closed> {
        while let Some(item) = stream.next().await {
            let too_large = |item: &Bytes| item.len() > self.limits.message_bytes_max;
            match item {
                Ok(item) if too_large(&item) => {
                    let text = format!("an item of {} bytes is too large for a stream", item.len());
                    return self.outbox.push_bulk(Frame::EndError { id, code: 413, text }).await;
                }
                Ok(item) => send_item(&self.outbox, credit, id, item).await?,
                Err(failure) => return self.outbox.push_bulk(Frame::EndError { id, code: failure.code, text: failure.text }).await,
            }
        }
        self.outbox.push_bulk(Frame::End { id }).await
    }

    fn open(&self, id: u64, call: Call) -> Result<(), CallError> {
        let mut calls = lock(&self.calls);
        if let Some(reason) = &calls.ended {
            let error = self.unreachable(reason.clone());
            drop(calls);
            return Err(error);
        }
        calls.last_used = Instant::now();
        calls.open.insert(id, call);
        Ok(())
    }

    fn close(&self, id: u64) -> Option<Call> {
        lock(&self.calls).open.remove(&id)
    }

    /// Nobody waits for the answer any more.
    pub fn abandon(&self, id: u64) {
        if self.close(id).is_some() {
            self.outbox.cancel(id);
        }
    }

    /// The connection is over: everybody who waits is told.
    pub fn end(&self, reason: &str) {
        let unsent = self.outbox.close();
        let mut calls = lock(&self.calls);
        // What the peer said last explains more than that the connection broke.
        let reason = calls.ended.get_or_insert_with(|| reason.to_owned()).clone();
        let open = std::mem::take(&mut calls.open);
        drop(calls);
        self.permits.close();
        for (id, call) in open {
            if unsent.contains(&id) {
                call.fail(self.unreachable(reason.clone()));
            } else {
                call.fail(self.lost(reason.clone()));
            }
        }
    }

    fn on_response(self: &Arc<Self>, id: u64, opening: Opening) -> Result<(), Violation> {
        let mut calls = lock(&self.calls);
        let Some(call) = calls.open.get_mut(&id) else { return Ok(()) };
        let State::Waiting { assembly, .. } = &mut call.state else {
            return Err(Violation("a second answer to one request".to_owned()));
        };
        if assembly.is_some() {
            return Err(Violation("a second answer to one request".to_owned()));
        }
        match opening {
            Opening::Parts { total: 0 } => Err(Violation("an empty body in parts".to_owned())),
            Opening::Parts { total } if total as usize > self.limits.message_bytes_max => {
                let call = calls.open.remove(&id);
                drop(calls);
                self.outbox.cancel(id);
                if let Some(call) = call {
                    call.fail(self.lost(format!("its answer of {total} bytes is larger than {}", self.limits.message_bytes_max)));
                }
                Ok(())
            }
            Opening::Parts { total } => {
                *assembly = Some(Assembly::new(total));
                Ok(())
            }
            Opening::Whole(body) => {
                let call = calls.open.remove(&id);
                drop(calls);
                if let Some(call) = call {
                    call.succeed(Body::Whole(body));
                }
                Ok(())
            }
            Opening::Stream { head } => {
                let (feed, stream) = ByteStream::new(id, self.outbox.clone(), self.limits.stream_window, self.limits.message_bytes_max);
                let waiting = std::mem::replace(&mut call.state, State::Streaming(feed));
                call.outflow = None;
                drop(calls);
                if let State::Waiting { reply, .. } = waiting {
                    // Not under the lock: if nobody waits any more, the stream is dropped here, which takes it.
                    let _ = reply.send(Ok(Answer::Stream(head, stream.cancel_on_drop(self.clone()))));
                }
                Ok(())
            }
        }
    }

    fn on_chunk(&self, id: u64, more: bool, bytes: Bytes) -> Result<(), Violation> {
        let mut calls = lock(&self.calls);
        let Some(call) = calls.open.get_mut(&id) else { return Ok(()) };
        match &mut call.state {
            State::Streaming(feed) => feed.chunk(bytes, more),
            State::Waiting { assembly: Some(assembly), .. } => {
                let Some(body) = assembly.add(bytes)? else { return Ok(()) };
                let call = calls.open.remove(&id);
                drop(calls);
                if let Some(call) = call {
                    call.succeed(body);
                }
                Ok(())
            }
            State::Waiting { assembly: None, .. } => Err(Violation("a part of an answer before its beginning".to_owned())),
        }
    }

    fn on_error(&self, id: u64, origin: Origin, code: u16, text: String) {
        let Some(call) = self.close(id) else { return };
        let address = self.address.clone();
        call.fail(match origin {
            Origin::Handler => CallError::Remote { code, text },
            Origin::Refused => CallError::Refused { address, text },
            Origin::Broken => CallError::Lost { address, reason: text },
            Origin::Deadline => CallError::Timeout { address, after: Duration::ZERO },
        });
    }

    fn unreachable(&self, reason: impl Into<String>) -> CallError {
        CallError::Unreachable { address: self.address.clone(), reason: reason.into() }
    }

    fn lost(&self, reason: impl Into<String>) -> CallError {
        CallError::Lost { address: self.address.clone(), reason: reason.into() }
    }
}

impl Side for Channel {
    // Answers are bounded by what was asked, streams by their credit.
    const READS_ONLY_WITH_ROOM: bool = false;

    fn on_frame(self: &Arc<Self>, frame: Frame) -> Result<(), Violation> {
        match frame {
            Frame::Response { id, opening } => self.on_response(id, opening)?,
            Frame::Chunk { id, more, bytes } => self.on_chunk(id, more, bytes)?,
            Frame::Error { id, origin, code, text } => self.on_error(id, origin, code, text),
            // Dropping the feed ends the stream. A call that waits for its answer instead gets an error, by its dropped sender.
            Frame::End { id } => drop(self.close(id)),
            Frame::EndError { id, code, text } => {
                if let Some(call) = self.close(id) {
                    call.fail(CallError::Remote { code, text });
                }
            }
            Frame::Credit { id, bytes } => {
                if let Some(outflow) = lock(&self.calls).open.get(&id).and_then(|call| call.outflow.as_ref()) {
                    outflow.grant(bytes);
                }
            }
            Frame::Ping { id } => self.outbox.pong(id),
            Frame::Pong { .. } => {}
            Frame::Goodbye { text } => {
                lock(&self.calls).ended.get_or_insert(text);
            }
            Frame::Request { .. } | Frame::Cancel { .. } => return Err(Violation("the answering side asked something".to_owned())),
        }
        Ok(())
    }

    fn is_idle(&self) -> bool {
        let calls = lock(&self.calls);
        calls.open.is_empty() && calls.last_used.elapsed() >= self.limits.idle_close
    }
}

impl Call {
    fn succeed(self, body: Body) {
        if let State::Waiting { reply, .. } = self.state {
            let _ = reply.send(Ok(Answer::Message(body)));
        }
    }

    fn fail(self, error: CallError) {
        match self.state {
            State::Waiting { reply, .. } => drop(reply.send(Err(error))),
            State::Streaming(feed) => feed.fail(error),
        }
    }
}

/// Cancels a call whose caller went away.
struct OpenCall<'a> {
    channel: &'a Channel,
    id: u64,
    cancel_on_drop: bool,
}

impl OpenCall<'_> {
    fn settle(&mut self, outcome: Result<Result<Answer, CallError>, oneshot::error::RecvError>) -> Result<Answer, CallError> {
        // A stream that was handed out cancels by itself.
        self.cancel_on_drop = false;
        outcome.unwrap_or_else(|_| Err(self.channel.lost("the answer ended before it began")))
    }
}

impl Drop for OpenCall<'_> {
    fn drop(&mut self) {
        if self.cancel_on_drop {
            self.channel.abandon(self.id);
        }
    }
}

/// What is left until the deadline, at least something: the caller watches the deadline itself.
fn remaining_ms(deadline: Option<Deadline>) -> u32 {
    let Some(deadline) = deadline else { return NO_DEADLINE };
    let left = deadline.until.saturating_duration_since(Instant::now()).as_millis();
    u32::try_from(left).unwrap_or(NO_DEADLINE - 1).clamp(1, NO_DEADLINE - 1)
}
