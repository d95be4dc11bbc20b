//! The answering side of one connection: which requests are open, and how each is carried out.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::drive::Side;
use super::error::CallError;
use super::flow::Outflow;
use super::frame::{CHUNK_BYTES_MAX, Frame, HEAD_BYTES_MAX, NO_DEADLINE, Opening, Origin, Violation};
use super::hello::Peer;
use super::limits::Limits;
use super::lock;
use super::outbox::{Closed, Outbox};
use super::server::{CallContext, Handler, Reply};
use super::stream::{Assembly, Body, BodyStream, ByteStream, Feed, send_item, send_parts};

pub struct Serving {
    peer: Arc<Peer>,
    handler: Arc<dyn Handler>,
    limits: Arc<Limits>,
    outbox: Arc<Outbox>,
    requests: Mutex<Requests>,
    /// Handlers, also those whose request was cancelled and which have not ended yet.
    tasks: TaskTracker,
    /// Bytes of request bodies.
    held: Arc<AtomicUsize>,
}

struct Requests {
    open: HashMap<u64, Request>,
    /// Why no new ones are taken.
    refused_because: Option<String>,
}

enum Request {
    /// The body is not complete yet.
    Arriving {
        method: u16,
        deadline: Option<Instant>,
        assembly: Assembly,
        held: Held,
    },
    Running {
        cancelled: CancellationToken,
        upload: Option<Feed>,
        outflow: Option<Arc<Outflow>>,
    },
}

/// Counts a request body for as long as it exists.
struct Held {
    bytes: usize,
    held: Arc<AtomicUsize>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A request that is ready for its handler.
struct Job {
    id: u64,
    method: u16,
    body: Body,
    context: CallContext,
    _held: Held,
}

impl Serving {
    pub fn new(peer: Arc<Peer>, handler: Arc<dyn Handler>, limits: Arc<Limits>) -> Self {
        Self {
            peer,
            handler,
            limits,
            outbox: Arc::new(Outbox::new()),
            requests: Mutex::new(Requests { open: HashMap::new(), refused_because: None }),
            tasks: TaskTracker::new(),
            held: Arc::default(),
        }
    }

    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// From now on new requests are turned away with `reason`, and the peer is told to go elsewhere.
    pub fn refuse_new(&self, reason: &str) {
        lock(&self.requests).refused_because.get_or_insert_with(|| reason.to_owned());
        let _ = self.outbox.push(Frame::Goodbye { text: reason.to_owned() });
    }

    pub fn cancel_all(&self) {
        for request in lock(&self.requests).open.values() {
            if let Request::Running { cancelled, .. } = request {
                cancelled.cancel();
            }
        }
    }

    /// Until all requests are answered or dropped. For when no new ones are taken.
    pub async fn wait_for_requests(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The connection is over: nothing more can be answered. Returns when no handler runs any more.
    pub async fn end(&self, reason: &str) {
        self.outbox.close();
        let open = {
            let mut requests = lock(&self.requests);
            requests.refused_because.get_or_insert_with(|| reason.to_owned());
            std::mem::take(&mut requests.open)
        };
        for request in open.into_values() {
            if let Request::Running { cancelled, upload, .. } = request {
                cancelled.cancel();
                if let Some(feed) = upload {
                    feed.fail(CallError::Lost { address: self.peer.address.to_string(), reason: reason.to_owned() });
                }
            }
        }
        self.wait_for_requests().await;
    }

    fn on_request(self: &Arc<Self>, id: u64, deadline_ms: u32, method: u16, opening: Opening) -> Result<(), Violation> {
        let deadline = match deadline_ms {
            NO_DEADLINE => None,
            ms => Instant::now().checked_add(Duration::from_millis(u64::from(ms))),
        };
        let size = match &opening {
            Opening::Whole(body) | Opening::Stream { head: body } => body.len(),
            Opening::Parts { total: 0 } => return Err(Violation("an empty body in parts".to_owned())),
            Opening::Parts { total } => *total as usize,
        };
        let mut requests = lock(&self.requests);
        if requests.open.contains_key(&id) {
            return Err(Violation(format!("the request id {id} is used twice")));
        }
        let held = match self.admit(&requests, size) {
            Ok(held) => held,
            Err(text) => {
                drop(requests);
                let _ = self.outbox.push(Frame::Error { id, origin: Origin::Refused, code: 0, text });
                return Ok(());
            }
        };
        let (body, upload) = match opening {
            Opening::Whole(body) => (body, None),
            Opening::Stream { head } => {
                (head, Some(ByteStream::new(id, self.outbox.clone(), self.limits.stream_window, self.limits.message_bytes_max)))
            }
            Opening::Parts { total } => {
                let assembly = Assembly::new(total);
                requests.open.insert(id, Request::Arriving { method, deadline, assembly, held });
                return Ok(());
            }
        };
        let (feed, upload) = upload.unzip();
        let cancelled = CancellationToken::new();
        requests.open.insert(id, Request::Running { cancelled: cancelled.clone(), upload: feed, outflow: None });
        drop(requests);
        let context = CallContext { deadline, cancelled, upload };
        self.start(Job { id, method, body: Body::Whole(body), context, _held: held });
        Ok(())
    }

    /// Whether one more request of so many bytes can be taken; the text says why not.
    fn admit(&self, requests: &Requests, size: usize) -> Result<Held, String> {
        if let Some(reason) = &requests.refused_because {
            return Err(reason.clone());
        }
        let limits = &self.limits;
        if self.tasks.len().max(requests.open.len()) >= limits.open_requests_max {
            return Err(format!("{} requests of this connection are open already", limits.open_requests_max));
        }
        if size > limits.message_bytes_max {
            return Err(format!("the request has {size} bytes, the most is {}", limits.message_bytes_max));
        }
        let held = Held { bytes: size, held: self.held.clone() };
        let together = self.held.fetch_add(size, Ordering::Relaxed) + size;
        if together > limits.request_bytes_held_max {
            return Err(format!(
                "the open requests of this connection have {together} bytes, the most is {}",
                limits.request_bytes_held_max
            ));
        }
        Ok(held)
    }

    fn on_chunk(self: &Arc<Self>, id: u64, more: bool, bytes: Bytes) -> Result<(), Violation> {
        let mut requests = lock(&self.requests);
        let Some(request) = requests.open.get_mut(&id) else { return Ok(()) };
        let (assembly, method, deadline) = match request {
            Request::Running { upload: Some(feed), .. } => return feed.chunk(bytes, more),
            Request::Running { upload: None, .. } => return Err(Violation("a part of a request that was complete".to_owned())),
            Request::Arriving { assembly, method, deadline, .. } => (assembly, *method, *deadline),
        };
        let Some(body) = assembly.add(bytes)? else { return Ok(()) };
        let cancelled = CancellationToken::new();
        let running = Request::Running { cancelled: cancelled.clone(), upload: None, outflow: None };
        let Request::Arriving { held, .. } = std::mem::replace(request, running) else { return Ok(()) };
        drop(requests);
        let context = CallContext { deadline, cancelled, upload: None };
        self.start(Job { id, method, body, context, _held: held });
        Ok(())
    }

    /// The upload is complete, or breaks off with `error`.
    fn on_end(&self, id: u64, error: Option<CallError>) -> Result<(), Violation> {
        let mut requests = lock(&self.requests);
        match requests.open.get_mut(&id) {
            None => Ok(()),
            Some(Request::Running { upload, .. }) => {
                if let (Some(feed), Some(error)) = (upload.take(), error) {
                    feed.fail(error);
                }
                Ok(())
            }
            Some(Request::Arriving { .. }) => Err(Violation("a request ended before it was complete".to_owned())),
        }
    }

    fn on_cancel(&self, id: u64) {
        let request = lock(&self.requests).open.remove(&id);
        if let Some(Request::Running { cancelled, upload, .. }) = request {
            cancelled.cancel();
            if let Some(feed) = upload {
                feed.fail(CallError::Lost { address: self.peer.address.to_string(), reason: "the upload was cancelled".to_owned() });
            }
        }
    }

    fn start(self: &Arc<Self>, job: Job) {
        let serving = self.clone();
        self.tasks.spawn(async move { serving.run(job).await });
    }

    async fn run(&self, job: Job) {
        let Job { id, method, body, context, _held } = job;
        let (cancelled, deadline) = (context.cancelled.clone(), context.deadline);
        let handling = AssertUnwindSafe(self.handler.handle(&self.peer, method, body.join(), context)).catch_unwind();
        let mut handling = std::pin::pin!(handling);
        let handled = tokio::select! {
            biased;
            handled = &mut handling => Some(handled),
            () = cancelled.cancelled() => timeout(self.limits.cancel_grace, &mut handling).await.ok(),
            () = wait_until(deadline) => {
                // Whatever the handler still says comes too late, and must not look like an answer in time.
                let _ = self.refuse(id, Origin::Deadline, 0, "the deadline passed".to_owned());
                cancelled.cancel();
                timeout(self.limits.cancel_grace, &mut handling).await.ok()
            }
        };
        // That the connection is over concerns nobody here.
        let _ = match handled {
            Some(Ok(reply)) => self.answer(id, reply, &cancelled).await,
            Some(Err(panic)) => self.refuse(id, Origin::Broken, 0, self.describe_panic(method, &*panic)),
            None => self.refuse(id, Origin::Broken, 0, "the request was cancelled".to_owned()),
        };
    }

    fn describe_panic(&self, method: u16, panic: &(dyn Any + Send)) -> String {
        let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let words = words.unwrap_or("no message");
        tracing::error!(method, peer = %self.peer, panic = words, "a request handler panicked");
        format!("the handler of method {method} panicked: {words}")
    }

    async fn answer(&self, id: u64, reply: Reply, cancelled: &CancellationToken) -> Result<(), Closed> {
        match reply {
            Reply::Error { code, text } => self.refuse(id, Origin::Handler, code, text),
            Reply::Message(body) if body.len() > self.limits.message_bytes_max => {
                let text = format!("the answer has {} bytes, the most is {}", body.len(), self.limits.message_bytes_max);
                self.refuse(id, Origin::Broken, 0, text)
            }
            Reply::Message(body) if body.len() <= CHUNK_BYTES_MAX => {
                if self.close(id) {
                    self.outbox.push(Frame::Response { id, opening: Opening::Whole(body) })?;
                }
                Ok(())
            }
            Reply::Message(body) => {
                let total = u32::try_from(body.len()).unwrap_or(u32::MAX);
                let sending = async {
                    self.outbox.push_bulk(Frame::Response { id, opening: Opening::Parts { total } }).await?;
                    send_parts(&self.outbox, id, body).await
                };
                let sent = self.unless_cancelled(id, cancelled, sending).await;
                self.close(id);
                sent
            }
            Reply::Stream { head, .. } if head.len() > HEAD_BYTES_MAX => {
                let text = format!("the head of the answer has {} bytes, the most is {HEAD_BYTES_MAX}", head.len());
                self.refuse(id, Origin::Broken, 0, text)
            }
            Reply::Stream { head, body } => {
                let Some(credit) = self.stream_credit(id) else { return Ok(()) };
                let sent = self.unless_cancelled(id, cancelled, self.send_stream(id, head, body, &credit)).await;
                self.close(id);
                sent
            }
        }
    }

    async fn send_stream(&self, id: u64, head: Bytes, mut body: BodyStream, credit: &Outflow) -> Result<(), Closed> {
        self.outbox.push_bulk(Frame::Response { id, opening: Opening::Stream { head } }).await?;
        loop {
            let failure = match AssertUnwindSafe(body.next()).catch_unwind().await {
                Ok(None) => return self.outbox.push_bulk(Frame::End { id }).await,
                Ok(Some(Ok(item))) if item.len() <= self.limits.message_bytes_max => {
                    send_item(&self.outbox, credit, id, item).await?;
                    continue;
                }
                Ok(Some(Ok(item))) => (500, format!("an item of {} bytes is too large for a stream", item.len())),
                Ok(Some(Err(failure))) => (failure.code, failure.text),
                Err(panic) => (500, self.describe_panic(0, &*panic)),
            };
            return self.outbox.push_bulk(Frame::EndError { id, code: failure.0, text: failure.1 }).await;
        }
    }

    /// Something long that stops at once when it is not wanted any more. If the caller still listens then, it is told.
    async fn unless_cancelled(
        &self,
        id: u64,
        cancelled: &CancellationToken,
        sending: impl Future<Output = Result<(), Closed>>,
    ) -> Result<(), Closed> {
        tokio::select! {
            biased;
            () = cancelled.cancelled() => {
                let reason = lock(&self.requests).refused_because.clone();
                self.refuse(id, Origin::Broken, 0, reason.unwrap_or_else(|| "the request was cancelled".to_owned()))
            }
            sent = sending => sent,
        }
    }

    fn stream_credit(&self, id: u64) -> Option<Arc<Outflow>> {
        match lock(&self.requests).open.get_mut(&id) {
            Some(Request::Running { outflow, .. }) => Some(outflow.insert(Arc::new(Outflow::new(self.peer.stream_window))).clone()),
            _ => None,
        }
    }

    fn refuse(&self, id: u64, origin: Origin, code: u16, text: String) -> Result<(), Closed> {
        if self.close(id) { self.outbox.push(Frame::Error { id, origin, code, text }) } else { Ok(()) }
    }

    /// Whether the caller was still interested.
    fn close(&self, id: u64) -> bool {
        lock(&self.requests).open.remove(&id).is_some()
    }
}

impl Side for Serving {
    const READS_ONLY_WITH_ROOM: bool = true;

    fn on_frame(self: &Arc<Self>, frame: Frame) -> Result<(), Violation> {
        match frame {
            Frame::Request { id, deadline_ms, method, opening } => self.on_request(id, deadline_ms, method, opening)?,
            Frame::Chunk { id, more, bytes } => self.on_chunk(id, more, bytes)?,
            Frame::End { id } => self.on_end(id, None)?,
            Frame::EndError { id, code, text } => self.on_end(id, Some(CallError::Remote { code, text }))?,
            Frame::Cancel { id } => self.on_cancel(id),
            Frame::Credit { id, bytes } => {
                if let Some(Request::Running { outflow: Some(outflow), .. }) = lock(&self.requests).open.get(&id) {
                    outflow.grant(bytes);
                }
            }
            Frame::Ping { id } => self.outbox.pong(id),
            Frame::Pong { .. } => {}
            Frame::Goodbye { text } => tracing::debug!(peer = %self.peer, %text, "the peer says goodbye"),
            Frame::Response { .. } | Frame::Error { .. } => return Err(Violation("the asking side answered something".to_owned())),
        }
        Ok(())
    }

    fn is_idle(&self) -> bool {
        // Who dialed decides when a connection is not needed any more.
        false
    }
}

async fn wait_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
