//! What a server keeps on its disk, so that after a restart it finds the pool again.

use model::codec::{self, Kind};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::identity::ServerIdentity;

const VERSION: u16 = 1;

/// To be stored whenever [`crate::Output::Remember`] says so. After a start, hand `members` to [`crate::Input::Remembered`] and begin
/// with a generation above `generation`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Of this server.
    pub generation: u64,
    /// The other members that have not left.
    pub members: Vec<ServerIdentity>,
}

impl Memory {
    /// With version and checksum.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        codec::encode(Kind::GossipMemory, VERSION, self).map_err(Error::Memory)
    }

    /// The inverse of [`Memory::encode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        codec::decode(Kind::GossipMemory, VERSION, bytes).map_err(Error::Memory)
    }
}
