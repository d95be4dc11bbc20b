//! A server whose handler does what the tests need, and the other side by hand.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use model::Uuid;
use rpc::transport::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const ECHO: u16 = 1;
/// Answers with its body when released or cancelled.
pub const WAIT: u16 = 2;
/// Never answers, and does not care about cancellation.
pub const STUBBORN: u16 = 3;
pub const PANIC: u16 = 4;
pub const ERROR: u16 = 5;
/// Answers with as many bytes as the number in the body says.
pub const LARGE: u16 = 6;
/// Endless 64 KiB items, each beginning with its number.
pub const FLOOD: u16 = 7;
/// Items of the sizes in the body, then the end; a size of "error" breaks off.
pub const ITEMS: u16 = 8;
/// Sums up the bytes of an upload.
pub const SUM: u16 = 9;
/// Takes one item of an upload and waits to be released.
pub const SIP: u16 = 10;
/// Answers an upload before its end.
pub const ENOUGH: u16 = 11;
/// Says who asks.
pub const WHO: u16 = 12;

pub const LONG: Duration = Duration::from_secs(30);

/// Everything waits at most so long, so that a broken transport fails a test instead of hanging it.
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LONG, future).await.expect("took far too long")
}

pub fn limits() -> Limits {
    Limits { cancel_grace: Duration::from_millis(50), backoff_max: Duration::from_millis(100), ..Limits::default() }
}

pub fn identity(region: &str, cluster: u128) -> Identity {
    let identity = Identity::new(Uuid::new_v4(), region, 1);
    identity.set_cluster(Uuid::from_u128(cluster));
    identity
}

/// A number that tests wait for.
#[derive(Clone)]
pub struct Count(watch::Sender<usize>);

impl Default for Count {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Count {
    pub fn add(&self, change: isize) {
        self.0.send_modify(|count| *count = count.saturating_add_signed(change));
    }

    pub fn now(&self) -> usize {
        *self.0.borrow()
    }

    pub async fn reaches(&self, expected: usize) {
        within(self.0.subscribe().wait_for(|count| *count >= expected)).await.expect("the sender lives");
    }
}

/// Counts up when dropped.
pub struct CountDrop(pub Count);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.add(1);
    }
}

#[derive(Clone, Default)]
pub struct Seen {
    /// Requests a handler began with.
    pub started: Count,
    /// Requests whose handler saw that it was cancelled.
    pub cancelled: Count,
    /// Handlers and streams that are gone.
    pub dropped: Count,
    /// Items a stream produced, or an upload delivered.
    pub items: Count,
    pub released: CancellationToken,
    pub connections: Arc<std::sync::Mutex<HashSet<std::net::SocketAddr>>>,
}

pub struct Desk(pub Seen);

#[async_trait::async_trait]
impl Handler for Desk {
    async fn handle(&self, peer: &Arc<Peer>, method: u16, body: Bytes, mut context: CallContext) -> Reply {
        let seen = self.0.clone();
        seen.connections.lock().unwrap().insert(peer.address);
        seen.started.add(1);
        let text = String::from_utf8_lossy(&body).into_owned();
        match method {
            ECHO => Reply::Message(body),
            WAIT => tokio::select! {
                () = seen.released.cancelled() => Reply::Message(body),
                () = context.cancelled.cancelled() => { seen.cancelled.add(1); Reply::error(499, "cancelled") }
            },
            STUBBORN => {
                let _gone = CountDrop(seen.dropped.clone());
                std::future::pending().await
            }
            PANIC => panic!("as ordered"),
            ERROR => Reply::error(418, text),
            LARGE => Reply::Message(Bytes::from(vec![b'x'; text.parse().unwrap()])),
            FLOOD => {
                let gone = CountDrop(seen.dropped.clone());
                let items = futures::stream::iter(0u64..).map(move |number| {
                    let _ = &gone;
                    seen.items.add(1);
                    let mut item = vec![0; 64 << 10];
                    item[..8].copy_from_slice(&number.to_le_bytes());
                    Ok(Bytes::from(item))
                });
                Reply::stream(Bytes::from_static(b"flood"), items)
            }
            ITEMS => {
                let sizes: Vec<String> = text.split(' ').map(str::to_owned).collect();
                let items = futures::stream::iter(sizes).map(|size| match size.parse() {
                    Ok(size) => Ok(Bytes::from(vec![b'i'; size])),
                    Err(_) => Err(Failure::new(410, "the file vanished")),
                });
                Reply::stream(body, items)
            }
            SUM => {
                let mut upload = context.upload.take().expect("an upload");
                let mut sum = 0;
                while let Some(item) = upload.next().await {
                    match item {
                        Ok(item) => sum += item.len(),
                        Err(error) => return Reply::error(400, format!("after {sum} bytes: {error}")),
                    }
                }
                Reply::Message(Bytes::from(format!("{text} {sum}")))
            }
            SIP => {
                let mut upload = context.upload.take().expect("an upload");
                let _gone = CountDrop(seen.dropped.clone());
                let first = upload.next().await.map(|item| item.map(|item| item.len()));
                seen.items.add(1);
                tokio::select! {
                    () = seen.released.cancelled() => Reply::Message(Bytes::from(format!("{first:?}"))),
                    () = context.cancelled.cancelled() => { seen.cancelled.add(1); Reply::error(499, "cancelled") }
                }
            }
            ENOUGH => Reply::Message(Bytes::from_static(b"enough")),
            WHO => Reply::Message(Bytes::from(format!("{} {} {:?}", peer.region, peer.class, context.deadline.is_some()))),
            other => Reply::error(404, format!("no method {other}")),
        }
    }
}

pub struct TestServer {
    pub address: String,
    pub identity: Identity,
    pub seen: Seen,
    pub shutdown: CancellationToken,
    pub task: JoinHandle<()>,
}

impl TestServer {
    pub async fn start() -> Self {
        Self::start_with(identity("west", 1), limits()).await
    }

    pub async fn start_with(identity: Identity, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (seen, shutdown) = (Seen::default(), CancellationToken::new());
        let handler = Arc::new(Desk(seen.clone()));
        let task = tokio::spawn(serve_with(listener, identity.clone(), limits, handler, shutdown.clone()));
        Self { address, identity, seen, shutdown, task }
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        within(self.task).await.unwrap();
    }

    pub async fn echo(&self, pool: &Pool, body: &'static [u8]) -> Result<Bytes, CallError> {
        pool.call(&self.address, Class::Rpc, ECHO, Bytes::from_static(body), LONG).await
    }

    /// A connection whose other end is written by hand.
    pub async fn raw(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    /// … after a hello that was welcome.
    pub async fn raw_greeted(&self) -> TcpStream {
        let mut stream = self.raw().await;
        stream.write_all(&raw_hello(1, 1, "west", 1)).await.unwrap();
        let (verdict, _) = read_raw_hello(&mut stream).await;
        assert_eq!(verdict, 0);
        stream
    }
}

pub fn pool() -> Pool {
    Pool::new(identity("west", 1), limits())
}

/// The bytes of a hello for the rpc class.
pub fn raw_hello(protocol_min: u16, protocol_max: u16, region: &str, cluster: u128) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(protocol_min.to_le_bytes());
    body.extend(protocol_max.to_le_bytes());
    body.push(1);
    body.extend(7u128.to_be_bytes());
    body.extend(cluster.to_be_bytes());
    body.extend(1u32.to_le_bytes());
    body.extend((1u32 << 20).to_le_bytes());
    body.extend(1000u32.to_le_bytes());
    body.extend((region.len() as u16).to_le_bytes());
    body.extend(region.as_bytes());
    let mut bytes = b"steppe\r\n\0".to_vec();
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(body);
    bytes
}

/// The verdict and the text of what the other side says.
pub async fn read_raw_hello(stream: &mut TcpStream) -> (u8, String) {
    let mut start = [0; 13];
    within(stream.read_exact(&mut start)).await.unwrap();
    assert_eq!(&start[..8], b"steppe\r\n");
    let mut body = vec![0; u32::from_le_bytes(start[9..13].try_into().unwrap()) as usize];
    within(stream.read_exact(&mut body)).await.unwrap();
    (start[8], String::from_utf8_lossy(&body).into_owned())
}

/// The bytes of a frame.
pub fn raw_frame(id: u64, kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_le_bytes().to_vec();
    bytes.extend(id.to_le_bytes());
    bytes.push(kind);
    bytes.extend(payload);
    bytes
}

/// A request frame with a whole body and no deadline.
pub fn raw_request(id: u64, method: u16, body: &[u8]) -> Vec<u8> {
    let mut payload = u32::MAX.to_le_bytes().to_vec();
    payload.extend(method.to_le_bytes());
    payload.push(0);
    payload.extend(body);
    raw_frame(id, 1, &payload)
}

pub async fn read_raw_frame(stream: &mut TcpStream) -> (u64, u8, Vec<u8>) {
    let mut header = [0; 13];
    within(stream.read_exact(&mut header)).await.unwrap();
    let mut payload = vec![0; u32::from_le_bytes(header[..4].try_into().unwrap()) as usize];
    within(stream.read_exact(&mut payload)).await.unwrap();
    (u64::from_le_bytes(header[4..12].try_into().unwrap()), header[12], payload)
}

/// An accepting side by hand that is welcome and then does what `and_then` does.
pub async fn raw_server<F, T>(and_then: F) -> (String, JoinHandle<()>)
where
    F: FnOnce(TcpStream) -> T + Send + 'static,
    T: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_eq!(read_raw_hello(&mut stream).await.0, 0);
        stream.write_all(&raw_hello(1, 1, "west", 1)).await.unwrap();
        and_then(stream).await;
    });
    (address, task)
}

/// A body to upload that counts what was taken of it.
pub fn counted_upload(items: usize, size: usize) -> (Arc<AtomicUsize>, impl futures::Stream<Item = Result<Bytes, Failure>> + Send) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = taken.clone();
    let stream = futures::stream::iter(0..items).map(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(Bytes::from(vec![0; size]))
    });
    (taken, stream)
}
