//! What goes into the machine and what comes out of it.

use std::net::SocketAddr;

use model::RegionId;

use crate::identity::ServerIdentity;
use crate::member::Member;
use crate::memory::Memory;
use crate::record::Record;
use crate::sync::{SyncRequest, SyncResponse};

/// What happens to the machine.
#[derive(Debug)]
pub enum Input {
    /// The time of [`crate::Gossip::next_timer`] has come.
    Tick,
    /// Arrived on the gossip socket.
    Datagram { from: SocketAddr, bytes: Vec<u8> },
    /// Join the pools of these servers. Each is answered by [`Output::Joined`].
    Join { addresses: Vec<SocketAddr> },
    /// Tell the others and go. Ends with [`Output::Left`], until then go on as before.
    Leave,
    /// From [`Memory::members`], after a start.
    Remembered(Vec<ServerIdentity>),
    /// The answer to [`Output::Sync`].
    SyncAnswered { peer: SocketAddr, response: SyncResponse },
    /// There was none, and why.
    SyncFailed { peer: SocketAddr, reason: String },
}

/// What is to be done.
#[derive(Debug)]
pub enum Output {
    /// Send a datagram from the gossip socket.
    Send { to: SocketAddr, bytes: Vec<u8> },
    /// Send the request over a reliable connection (TCP to the gossip address), then hand in [`Input::SyncAnswered`] or
    /// [`Input::SyncFailed`]. Do not wait for it in the loop; give up after a few seconds.
    Sync { to: SocketAddr, request: Box<SyncRequest> },
    /// The end of a join: the name of the server there, or why it did not work, in words.
    Joined { address: SocketAddr, result: Result<String, String> },
    /// A member is new, or its status or description is.
    MemberChanged(Box<Member>),
    /// A member is not shown any more; this is how it was last shown.
    MemberRemoved(Box<Member>),
    /// A record is new or newer, own ones included.
    RecordChanged(Record),
    /// A record is gone, because the others have forgotten it or because its author's name belongs to another cluster.
    RecordForgotten { author: RegionId, key: Vec<u8> },
    /// Somebody is kept out. For the operator.
    Refused { who: String, reason: String },
    /// Something is odd and goes on. For the operator.
    Notice(String),
    /// Store this, replacing what was stored before.
    Remember(Memory),
    /// The others have been told; the machine does nothing more.
    Left,
    /// The pool holds this server for dead and it cannot return. Start it again with a higher generation.
    Defunct,
}

/// How often something went wrong that is not worth a line each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams that could not be read.
    pub malformed: u64,
    /// Datagrams of another pool or of a refused server.
    pub turned_away: u64,
    /// Timers that came so late that the process cannot have run.
    pub pauses: u64,
}
