//! What two members exchange over a reliable connection at each other's gossip address (TCP).
//!
//! Both directions carry the same parts, see [`Body`]. The bytes are one envelope of `model::codec`, at most [`MAX_SYNC_BYTES`]; how they are
//! framed on the stream is the transport's business.

use model::codec::{self, Kind};
use model::{RegionId, RegionName, Uuid};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::identity::{ServerIdentity, check_region_name};
use crate::member::{Farewell, MetaRecord, MetaVersion};
use crate::record::{Content, Item, MAX_KEY};
use crate::table::{Outline, RegionDigest};

const VERSION: u16 = 1;

/// Largest encoded request or response. Read no more than this from a stream.
pub const MAX_SYNC_BYTES: usize = 1 << 20;

/// Bytes of descriptions and records in one message. What is left over follows in the next round.
pub(crate) const CONTENT_BUDGET: usize = 384 * 1024;
/// Members listed in one message, about 110 bytes each.
pub(crate) const MAX_MEMBER_LINES: usize = 2500;
/// Lines of outlines, and wishes, in one message, up to 27 bytes each.
pub(crate) const MAX_OUTLINE_LINES: usize = 8192;

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) pool: String,
    pub(crate) identity: ServerIdentity,
    pub(crate) meta: MetaRecord,
}

impl Hello {
    pub(crate) fn claim(&self) -> RegionId {
        RegionId { name: self.identity.region.clone(), cluster: self.meta.meta.cluster_id }
    }

    fn check(&self) -> Result<(), String> {
        self.identity.check()?;
        self.meta.meta.check().map_err(|error| error.to_string())?;
        if self.meta.node != self.identity.node || self.meta.meta.region != self.identity.region {
            return Err("the sender describes another server than itself".to_owned());
        }
        Ok(())
    }
}

/// One member as the sender sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemberLine {
    pub(crate) identity: ServerIdentity,
    pub(crate) incarnation: u16,
    /// For so many milliseconds; `None` while it is alive.
    pub(crate) down_for_ms: Option<u64>,
    /// What its description says about its region's cluster; nil if there is none yet.
    pub(crate) cluster: Uuid,
    /// Zero when its description is not known.
    pub(crate) version: MetaVersion,
    pub(crate) farewell: Option<Farewell>,
}

impl MemberLine {
    /// Also if the time since it went down, which the sender counts by its own clock, is another.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let Self { identity, incarnation, down_for_ms, cluster, version, farewell } = self;
        *identity == other.identity
            && (*incarnation, *cluster, *version, *farewell) == (other.incarnation, other.cluster, other.version, other.farewell)
            && down_for_ms.is_some() == other.down_for_ms.is_some()
    }
}

/// Digests of authors on whom the two may differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Digests {
    /// All authors of the sender: who is not listed is not known there.
    pub(crate) complete: bool,
    pub(crate) regions: Vec<RegionDigest>,
}

/// Records of one author that the sender would like to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) author: RegionName,
    pub(crate) key_hashes: Vec<u64>,
}

/// The parts of a message; all may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Body {
    /// Fingerprint of the members as the sender sees them.
    pub(crate) membership: Option<u64>,
    pub(crate) members: Option<Vec<MemberLine>>,
    pub(crate) metas: Vec<MetaRecord>,
    pub(crate) wanted_metas: Vec<Uuid>,
    pub(crate) digests: Option<Digests>,
    pub(crate) outlines: Vec<Outline>,
    pub(crate) items: Vec<Item>,
    pub(crate) wanted_items: Vec<Wanted>,
}

impl Body {
    /// Nothing to say.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn check(&self) -> Result<(), String> {
        for line in self.members.iter().flatten() {
            line.identity.check()?;
        }
        let digests = self.digests.iter().flat_map(|digests| &digests.regions).map(|digest| &digest.author);
        let outlines = self.outlines.iter().map(|outline| &outline.author);
        for author in digests.chain(outlines).chain(self.items.iter().map(|item| &item.author)) {
            check_region_name(&author.name).map_err(|error| error.to_string())?;
        }
        if let Some(item) = self.items.iter().find(|item| item.key.len() > MAX_KEY) {
            return Err(format!("a key has {} bytes", item.key.len()));
        }
        let bodies = self.items.iter().map(|item| match &item.content {
            Content::Live(body) => body.len(),
            Content::Forgotten { .. } => 0,
        });
        // The author has refused longer ones; whoever sends one wants others to be unable to pass it on.
        match bodies.max() {
            Some(size) if size > usize::from(u16::MAX) => Err(format!("a record has {size} bytes")),
            _ => Ok(()),
        }
    }
}

/// What one member asks another, see [`crate::Output::Sync`] and [`crate::Gossip::handle_sync_request`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRequest {
    pub(crate) hello: Hello,
    pub(crate) body: Body,
}

impl SyncRequest {
    /// At most [`MAX_SYNC_BYTES`].
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        encode(self)
    }

    /// For bytes from the network: everything is checked.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let request: Self = decode(bytes)?;
        request.hello.check().and_then(|()| request.body.check()).map_err(Error::SyncContent)?;
        Ok(request)
    }

    /// Who asks.
    pub fn sender(&self) -> &ServerIdentity {
        &self.hello.identity
    }
}

/// The answer to a [`SyncRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncResponse(pub(crate) Answer);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    Accepted {
        hello: Box<Hello>,
        body: Box<Body>,
    },
    /// Why not, in words for people.
    Refused(String),
    /// The request came from the server that answers it.
    Yourself,
    /// The server goes, and takes nobody with it; in words for people who wanted to join it.
    Leaving(String),
}

impl SyncResponse {
    /// For a request that could not be read: tells the other side why.
    pub fn refusal(reason: impl Into<String>) -> Self {
        Self(Answer::Refused(reason.into()))
    }

    /// At most [`MAX_SYNC_BYTES`].
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        encode(self)
    }

    /// For bytes from the network: everything is checked.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let response: Self = decode(bytes)?;
        if let Answer::Accepted { hello, body } = &response.0 {
            hello.check().and_then(|()| body.check()).map_err(Error::SyncContent)?;
        }
        Ok(response)
    }

    /// Why the other side refused, if it did.
    pub fn refused(&self) -> Option<&str> {
        match &self.0 {
            Answer::Refused(reason) | Answer::Leaving(reason) => Some(reason),
            Answer::Accepted { .. } | Answer::Yourself => None,
        }
    }
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    let bytes = codec::encode(Kind::GossipSync, VERSION, value).map_err(Error::Sync)?;
    if bytes.len() > MAX_SYNC_BYTES {
        return Err(Error::SyncTooLarge { size: bytes.len(), limit: MAX_SYNC_BYTES });
    }
    Ok(bytes)
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    if bytes.len() > MAX_SYNC_BYTES {
        return Err(Error::SyncTooLarge { size: bytes.len(), limit: MAX_SYNC_BYTES });
    }
    codec::decode(Kind::GossipSync, VERSION, bytes).map_err(Error::Sync)
}
