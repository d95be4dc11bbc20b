//! One pool of all servers of all regions: who is there, what they say about themselves, and the records that regions publish.
//!
//! Decides which servers are members and in which state (SWIM, by foca), which of two versions of a member's description or of a
//! [`Record`] is newer, whom to tell, what two members must exchange so that both know the same, and that two clusters never share one
//! region name in a pool. On top of SWIM it doubts itself before others (`health`), wants suspicions confirmed (`suspicion`), probes over TCP
//! where datagrams do not get through (`probe`) and keeps most news in the region (`peers`). A machine without I/O: datagrams, answers and
//! the time go into [`Gossip::handle`], everything to be done comes out of [`Gossip::poll`].
//!
//! Deliberately does not know what a record means (its key and body are bytes), what a region's state is, and nothing of sockets, disks,
//! clocks or encryption. It is the only crate that knows foca.
//!
//! Start reading at [`Gossip`], then [`Input`] and [`Output`]; `exchange` holds the anti-entropy, `knowledge` what is merged and how, and
//! `tests/sockets.rs` is the loop that joins the machine to real sockets.

mod broadcast;
mod config;
mod error;
mod exchange;
#[cfg(test)]
mod golden;
mod hash;
mod health;
mod identity;
mod io;
mod knowledge;
mod leave;
mod machine;
mod member;
mod memory;
mod packet;
mod peers;
mod pool;
mod probe;
mod record;
mod roster;
mod route;
mod seeds;
mod suspicion;
mod swim;
mod sync;
mod table;
mod timers;

pub use config::Config;
pub use error::Error;
pub use identity::{ServerIdentity, check_region_name};
pub use io::{Counters, Input, Output};
pub use machine::Gossip;
pub use member::{Member, MemberMeta, MetaVersion, Status};
pub use memory::Memory;
pub use record::{Freshness, Record};
pub use sync::{MAX_SYNC_BYTES, SyncRequest, SyncResponse};
pub use table::{Digest, RegionDigest};
