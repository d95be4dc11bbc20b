//! Keeps a connection going: reads frames for its side, writes what is in its outbox, notices when the other side is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::frame::{Frame, Violation, decode};
use super::outbox::{Outbox, Taken};

const READ_BYTES: usize = 128 << 10;
/// A write buffer that grew beyond this is given back.
const WRITE_BUFFER_KEPT: usize = 512 << 10;

/// What is done with the frames of one end of a connection.
pub trait Side: Send + Sync + 'static {
    /// Must not wait.
    fn on_frame(self: &Arc<Self>, frame: Frame) -> Result<(), Violation>;

    /// Reading stops while the peer does not read the answers. Only for the side that answers: would both stop, neither went on.
    const READS_ONLY_WITH_ROOM: bool;

    /// Whether the connection may be closed for lack of use.
    fn is_idle(&self) -> bool;
}

#[derive(Clone, Copy, Debug)]
pub struct KeepAlive {
    pub interval: Duration,
    pub misses_max: u32,
}

/// Runs a connection until it is over, and says why. Dropping it ends the connection, too. The outbox is closed by the caller.
pub async fn drive<S, R, W>(mut reader: R, writer: W, outbox: Arc<Outbox>, side: Arc<S>, keep_alive: KeepAlive) -> String
where
    S: Side,
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let signs = Signs::default();
    // A set, because dropping it ends the writer.
    let mut writing = JoinSet::new();
    let written = signs.written.clone();
    let queue = outbox.clone();
    writing.spawn(async move { write(writer, &queue, &written).await });
    tokio::select! {
        biased;
        reason = read(&mut reader, &outbox, &side, &signs.read) => {
            // What was queued, such as the complaint about a frame, still goes out, if the other side takes it at once.
            outbox.finish();
            let _ = tokio::time::timeout(Duration::from_millis(200), writing.join_next()).await;
            reason
        }
        outcome = writing.join_next() => match outcome {
            Some(Ok(Err(error))) => format!("writing failed: {error}"),
            _ => "closed".to_owned(),
        },
        reason = watch(&signs, &outbox, &*side, keep_alive) => reason,
    }
}

/// Bytes that crossed, as signs of life.
#[derive(Default)]
struct Signs {
    read: AtomicU64,
    written: Arc<AtomicU64>,
}

async fn read<S: Side, R: AsyncRead + Unpin>(reader: &mut R, outbox: &Outbox, side: &Arc<S>, signs: &AtomicU64) -> String {
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    loop {
        loop {
            let frame = match decode(&mut buffer) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(violation) => return complain(outbox, &violation),
            };
            if let Err(violation) = side.on_frame(frame) {
                return complain(outbox, &violation);
            }
        }
        if S::READS_ONLY_WITH_ROOM {
            outbox.room().await;
        }
        if buffer.capacity() - buffer.len() < READ_BYTES / 4 {
            buffer.reserve(READ_BYTES);
        }
        match reader.read_buf(&mut buffer).await {
            Ok(0) => return "the other side closed the connection".to_owned(),
            Ok(count) => signs.fetch_add(count as u64, Ordering::Relaxed),
            Err(error) => return format!("reading failed: {error}"),
        };
    }
}

fn complain(outbox: &Outbox, violation: &Violation) -> String {
    let text = format!("the protocol was broken: {violation}");
    let _ = outbox.push(Frame::Goodbye { text: text.clone() });
    text
}

async fn write<W: AsyncWrite + Unpin>(mut writer: W, outbox: &Outbox, signs: &AtomicU64) -> std::io::Result<()> {
    let mut batch = Vec::new();
    let mut buffer = BytesMut::new();
    let mut is_busy = false;
    loop {
        match outbox.take(&mut batch) {
            Taken::Frames => {}
            Taken::Nothing => {
                outbox.ready().await;
                if is_busy {
                    // Others are about to queue something, too: let them, so that one write carries it all. Alone it would only be a detour.
                    tokio::task::yield_now().await;
                }
                continue;
            }
            Taken::Finished => return writer.shutdown().await,
        }
        is_busy = batch.len() > 1;
        buffer.reserve(batch.iter().map(|outgoing| outgoing.wire_bytes()).sum());
        batch.drain(..).for_each(|outgoing| outgoing.write_to(&mut buffer));
        while !buffer.is_empty() {
            let count = writer.write_buf(&mut buffer).await?;
            if count == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
            signs.fetch_add(count as u64, Ordering::Relaxed);
        }
        writer.flush().await?;
        if buffer.capacity() > WRITE_BUFFER_KEPT {
            buffer = BytesMut::new();
        }
    }
}

/// Asks for a sign of life when there was none, and returns when there is none, or no use, any more.
async fn watch<S: Side>(signs: &Signs, outbox: &Outbox, side: &S, keep_alive: KeepAlive) -> String {
    let mut ticks = tokio::time::interval(keep_alive.interval);
    // After a suspended machine wakes, the missed ticks must not count as missed signs of life all at once.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut seen = 0;
    let mut written = 0;
    let mut misses = 0;
    let mut pings = 0;
    loop {
        ticks.tick().await;
        if side.is_idle() {
            return "not used for a long time".to_owned();
        }
        let now = signs.read.load(Ordering::Relaxed);
        // While reading waits for the peer to take its answers, its taking them is the sign.
        let written_now = signs.written.load(Ordering::Relaxed);
        let taking = S::READS_ONLY_WITH_ROOM && outbox.is_congested() && written_now != written;
        written = written_now;
        if now != seen || taking {
            seen = now;
            misses = 0;
            continue;
        }
        if misses >= keep_alive.misses_max {
            return format!("no sign of life for {:?}", keep_alive.interval * (misses + 1));
        }
        misses += 1;
        pings += 1;
        let _ = outbox.push(Frame::Ping { id: pings });
    }
}
