//! What waits to be written on a connection, and in which order it goes.
//!
//! Two queues: small things (requests, answers, cancels, credit) are urgent, pieces of large bodies and streams are bulk. A write takes what is
//! urgent first, and always at least one bulk piece, so neither starves. Within a queue the order is kept; nothing of one request is split over
//! both queues except what may overtake (cancel, credit). Bulk is bounded by a fair semaphore, which makes many streams take turns. Urgent is
//! bounded by [`Outbox::room`], for which whoever adds new work waits.

use std::collections::{HashSet, VecDeque};
use std::sync::Mutex;

use tokio::sync::{Notify, Semaphore};

use super::frame::{CHUNK_BYTES_MAX, Frame, Outgoing, encode};
use super::lock;

/// One write to the socket takes at most about this much that is urgent.
const WRITE_BYTES_MAX: usize = 128 << 10;
/// … and fills up to this with bulk: what comes after it waits so long.
const WRITE_BULK_BYTES: usize = CHUNK_BYTES_MAX;
/// Bulk pieces waiting at once: enough to keep the socket busy, little enough to turn quickly between streams.
const BULK_ROOM: usize = 4 * CHUNK_BYTES_MAX;
/// Above this nobody adds new work before the other side has read some.
const URGENT_BYTES_MAX: usize = 4 << 20;

/// The connection is over; nothing more is sent.
#[derive(Debug)]
pub struct Closed;

#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    /// There is something to write.
    ready: Notify,
    /// There is less to write than there was.
    room: Notify,
    bulk_room: Semaphore,
}

#[derive(Debug)]
struct State {
    urgent: VecDeque<Outgoing>,
    urgent_bytes: usize,
    bulk: VecDeque<Outgoing>,
    /// The newest ping not yet answered; older ones need no answer of their own.
    pong: Option<u64>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Open,
    /// What is in the queues is still written, nothing is added.
    Finishing,
    Closed,
}

/// What the writer got.
#[derive(Debug, PartialEq)]
pub enum Taken {
    Frames,
    Nothing,
    /// Everything was written and nothing will come.
    Finished,
}

impl Outbox {
    pub fn new() -> Self {
        let state = State { urgent: VecDeque::new(), urgent_bytes: 0, bulk: VecDeque::new(), pong: None, phase: Phase::Open };
        Self { state: Mutex::new(state), ready: Notify::new(), room: Notify::new(), bulk_room: Semaphore::new(BULK_ROOM) }
    }

    /// Queues a small frame. Never waits: see [`Outbox::room`].
    pub fn push(&self, frame: Frame) -> Result<(), Closed> {
        let outgoing = encode(frame);
        let mut state = lock(&self.state);
        if state.phase != Phase::Open {
            return Err(Closed);
        }
        state.urgent_bytes += outgoing.wire_bytes();
        state.urgent.push_back(outgoing);
        drop(state);
        self.ready.notify_one();
        Ok(())
    }

    /// Queues a piece of something large, when it is its turn.
    pub async fn push_bulk(&self, frame: Frame) -> Result<(), Closed> {
        let outgoing = encode(frame);
        self.bulk_room.acquire_many(bulk_cost(&outgoing)).await.map_err(|_| Closed)?.forget();
        let mut state = lock(&self.state);
        if state.phase != Phase::Open {
            return Err(Closed);
        }
        state.bulk.push_back(outgoing);
        drop(state);
        self.ready.notify_one();
        Ok(())
    }

    /// Answers a ping with the next write.
    pub fn pong(&self, id: u64) {
        lock(&self.state).pong = Some(id);
        self.ready.notify_one();
    }

    /// Takes back what of a request was not written yet, and tells the other side if its beginning was.
    pub fn cancel(&self, id: u64) {
        let mut state = lock(&self.state);
        let waiting = state.bulk.len();
        let mut unsent = false;
        let mut released = 0;
        state.bulk.retain(|outgoing| {
            let keep = outgoing.id != id;
            if !keep {
                unsent |= outgoing.opens_request;
                released += bulk_cost(outgoing) as usize;
            }
            keep
        });
        if state.bulk.len() != waiting {
            self.bulk_room.add_permits(released);
        }
        drop(state);
        if !unsent {
            // If the connection is over there is nobody to tell.
            let _ = self.push(Frame::Cancel { id });
        }
    }

    pub fn is_congested(&self) -> bool {
        let state = lock(&self.state);
        state.urgent_bytes > URGENT_BYTES_MAX && state.phase == Phase::Open
    }

    /// Waits while the other side does not read what it already has to.
    pub async fn room(&self) {
        while self.is_congested() {
            let mut notified = std::pin::pin!(self.room.notified());
            notified.as_mut().enable();
            if self.is_congested() {
                notified.await;
            }
        }
    }

    /// Moves the next frames to write into `batch`.
    pub fn take(&self, batch: &mut Vec<Outgoing>) -> Taken {
        let mut state = lock(&self.state);
        let mut bytes = 0;
        if let Some(id) = state.pong.take() {
            batch.push(encode(Frame::Pong { id }));
        }
        while bytes < WRITE_BYTES_MAX
            && let Some(outgoing) = state.urgent.pop_front()
        {
            bytes += outgoing.wire_bytes();
            batch.push(outgoing);
        }
        let was_congested = state.urgent_bytes > URGENT_BYTES_MAX;
        state.urgent_bytes -= bytes;
        let has_room = was_congested && state.urgent_bytes <= URGENT_BYTES_MAX;
        let mut released = 0;
        while (released == 0 || bytes < WRITE_BULK_BYTES)
            && let Some(outgoing) = state.bulk.pop_front()
        {
            bytes += outgoing.wire_bytes();
            released += bulk_cost(&outgoing) as usize;
            batch.push(outgoing);
        }
        let phase = state.phase;
        drop(state);
        self.bulk_room.add_permits(released);
        if has_room {
            self.room.notify_waiters();
        }
        match (batch.is_empty(), phase) {
            (false, _) => Taken::Frames,
            (true, Phase::Open) => Taken::Nothing,
            (true, Phase::Finishing | Phase::Closed) => Taken::Finished,
        }
    }

    /// Returns when there may be something to take.
    pub async fn ready(&self) {
        self.ready.notified().await;
    }

    /// The writer stops when everything queued up to now is written.
    pub fn finish(&self) {
        let mut state = lock(&self.state);
        if state.phase == Phase::Open {
            state.phase = Phase::Finishing;
        }
        drop(state);
        self.bulk_room.close();
        self.room.notify_waiters();
        self.ready.notify_one();
    }

    /// Throws away what is queued; returns the requests of which nothing was written.
    pub fn close(&self) -> HashSet<u64> {
        let mut state = lock(&self.state);
        state.phase = Phase::Closed;
        let State { urgent, bulk, .. } = &mut *state;
        let unsent = urgent.drain(..).chain(bulk.drain(..)).filter(|outgoing| outgoing.opens_request).map(|outgoing| outgoing.id).collect();
        state.urgent_bytes = 0;
        drop(state);
        self.bulk_room.close();
        self.room.notify_waiters();
        self.ready.notify_one();
        unsent
    }
}

/// What a piece takes of the room; at most all of it.
fn bulk_cost(outgoing: &Outgoing) -> u32 {
    outgoing.wire_bytes().min(BULK_ROOM) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::frame::{Opening, decode};
    use bytes::{Bytes, BytesMut};

    fn request(id: u64, bytes: usize) -> Frame {
        Frame::Request { id, deadline_ms: 1, method: 1, opening: Opening::Whole(Bytes::from(vec![0; bytes])) }
    }

    fn chunk(id: u64) -> Frame {
        Frame::Chunk { id, more: false, bytes: Bytes::from(vec![0; CHUNK_BYTES_MAX]) }
    }

    fn take_all(outbox: &Outbox) -> Vec<Frame> {
        let (mut batch, mut buffer, mut frames) = (Vec::new(), BytesMut::new(), Vec::new());
        outbox.take(&mut batch);
        batch.iter().for_each(|outgoing| outgoing.write_to(&mut buffer));
        while let Some(frame) = decode(&mut buffer).unwrap() {
            frames.push(frame);
        }
        frames
    }

    #[tokio::test]
    async fn small_frames_overtake_bulk_and_bulk_still_moves() {
        // Bulk is queued first; each write takes the small ones before one piece of bulk, also when small ones alone would fill it.
        let outbox = Outbox::new();
        outbox.push_bulk(chunk(1)).await.unwrap();
        outbox.push_bulk(chunk(2)).await.unwrap();
        outbox.push(request(3, 10)).unwrap();
        assert_eq!(take_all(&outbox), [request(3, 10), chunk(1)]);
        (4..7).for_each(|id| outbox.push(request(id, 60_000)).unwrap());
        assert_eq!(take_all(&outbox), [request(4, 60_000), request(5, 60_000), request(6, 60_000), chunk(2)]);
        assert_eq!(outbox.take(&mut Vec::new()), Taken::Nothing);
    }

    #[tokio::test]
    async fn bulk_waits_for_its_turn() {
        // Only a few pieces are queued at once; a write makes room for the next.
        let outbox = Outbox::new();
        for _ in 0..3 {
            outbox.push_bulk(chunk(9)).await.unwrap();
        }
        let mut fourth = std::pin::pin!(outbox.push_bulk(chunk(9)));
        assert!(futures::poll!(&mut fourth).is_pending(), "256 KiB hold three pieces with their headers");
        take_all(&outbox);
        fourth.await.unwrap();
    }

    #[tokio::test]
    async fn a_cancelled_request_that_was_not_written_vanishes() {
        // Cancelled before the write: nothing crosses. After it: a cancel does, and the rest of the body does not.
        let parts = |id| Frame::Request { id, deadline_ms: 1, method: 1, opening: Opening::Parts { total: 100_000 } };
        let outbox = Outbox::new();
        outbox.push_bulk(parts(1)).await.unwrap();
        outbox.push_bulk(chunk(1)).await.unwrap();
        outbox.cancel(1);
        assert_eq!(take_all(&outbox), []);
        outbox.push_bulk(parts(2)).await.unwrap();
        assert_eq!(take_all(&outbox), [parts(2)]);
        outbox.push_bulk(chunk(2)).await.unwrap();
        outbox.cancel(2);
        assert_eq!(take_all(&outbox), [Frame::Cancel { id: 2 }]);
        assert_eq!(outbox.bulk_room.available_permits(), BULK_ROOM);
    }

    #[tokio::test]
    async fn closing_names_the_requests_that_were_never_sent() {
        // One request is taken by the writer, two are not.
        let outbox = Outbox::new();
        outbox.push(request(1, 1)).unwrap();
        take_all(&outbox);
        outbox.push(request(2, 1)).unwrap();
        outbox.push(Frame::Cancel { id: 1 }).unwrap();
        outbox.push_bulk(request(3, 1)).await.unwrap();
        assert_eq!(outbox.close(), HashSet::from([2, 3]));
        assert!(outbox.push(request(4, 1)).is_err() && outbox.push_bulk(chunk(4)).await.is_err());
    }

    #[tokio::test]
    async fn whoever_adds_work_waits_until_the_other_side_reads() {
        // More than the bound is queued: room() waits until enough was taken.
        let outbox = Outbox::new();
        (0..).take_while(|id| outbox.push(request(*id, 60_000)).is_ok() && !outbox.is_congested()).count();
        let mut room = std::pin::pin!(outbox.room());
        assert!(futures::poll!(&mut room).is_pending());
        take_all(&outbox);
        room.await;
    }

    #[tokio::test]
    async fn pings_are_answered_once_however_many_there_were() {
        // A peer that sends pings and reads nothing must not fill the memory.
        let outbox = Outbox::new();
        (0..1000).for_each(|id| outbox.pong(id));
        assert_eq!(take_all(&outbox), [Frame::Pong { id: 999 }]);
    }
}
