//! A member as people and the rest of the server see it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use model::{RegionName, Uuid};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::identity::{ServerIdentity, check_region_name};

const MAX_TEXT: usize = 64;
const MAX_TAGS: usize = 256;

/// What a server says about itself. Everybody holds the newest version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberMeta {
    /// "server-1", without the region. At most 64 bytes, like the other texts here.
    pub name: String,
    pub region: RegionName,
    /// Of the region's cluster; nil before it is bootstrapped.
    pub cluster_id: Uuid,
    pub datacenter: String,
    /// In the region's Raft.
    pub server_id: u64,
    pub rpc_address: SocketAddr,
    pub http_address: SocketAddr,
    pub gossip_address: SocketAddr,
    /// How many servers the region waits for; 0 when it does not bootstrap itself.
    pub bootstrap_expect: u32,
    /// The version of the program.
    pub build: String,
    /// Of the messages it understands.
    pub protocol: u32,
    /// Of the commands and records it understands.
    pub feature_level: u32,
    /// Anything else, at most 256 bytes altogether.
    pub tags: BTreeMap<String, String>,
}

impl MemberMeta {
    /// "server-1.west".
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.name, self.region)
    }

    /// Refuses what would not fit or could not be shown.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |reason: String| Err(Error::Meta { name: self.name.clone(), reason });
        if self.name.is_empty() || self.name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return refuse("the name must not be empty or contain spaces".to_owned());
        }
        for (field, text) in [("name", &self.name), ("datacenter", &self.datacenter), ("build", &self.build)] {
            if text.len() > MAX_TEXT {
                return refuse(format!("{field} has {} bytes, the limit is {MAX_TEXT}", text.len()));
            }
        }
        let tags: usize = self.tags.iter().map(|(key, value)| key.len() + value.len() + 2).sum();
        if tags > MAX_TAGS {
            return refuse(format!("the tags have {tags} bytes, the limit is {MAX_TAGS}"));
        }
        check_region_name(&self.region)
    }
}

/// Grows with every change of a member's description, also over restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MetaVersion {
    /// The server's generation when it started.
    pub generation: u64,
    pub change: u64,
}

/// A description with its owner and version, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MetaRecord {
    pub(crate) node: Uuid,
    pub(crate) version: MetaVersion,
    pub(crate) meta: MemberMeta,
}

impl MetaRecord {
    /// Bytes on the wire, about, never less.
    pub(crate) fn size(&self) -> usize {
        let meta = &self.meta;
        let tags: usize = meta.tags.iter().map(|(key, value)| key.len() + value.len() + 4).sum();
        meta.name.len() + meta.region.len() + meta.datacenter.len() + meta.build.len() + tags + 192
    }
}

/// Somebody says that a server goes, or is gone, on purpose: the server itself, or an operator by force-leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Farewell {
    /// Of the server that goes; if it comes back, it has a higher one.
    pub(crate) generation: u64,
    /// Not to be shown any more.
    pub(crate) prune: bool,
}

/// In the words of `server members`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Alive,
    /// It has said that it goes, or was told to, and still answers.
    Leaving,
    Left,
    Failed,
}

impl Status {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Leaving => "leaving",
            Self::Left => "left",
            Self::Failed => "failed",
        }
    }

    /// Whether it takes part.
    pub fn is_active(&self) -> bool {
        matches!(self, Self::Alive | Self::Leaving)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A server of the pool with what it says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub identity: ServerIdentity,
    pub meta: MemberMeta,
    pub version: MetaVersion,
    pub status: Status,
    /// When it was first seen in this life, or seen down; in the time handed to the machine.
    pub since: Duration,
}

impl Member {
    /// "server-1.west".
    pub fn full_name(&self) -> String {
        self.meta.full_name()
    }
}
