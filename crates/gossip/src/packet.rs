//! The datagram around everything: version, checksum, pool, and the sender's cluster. Encryption will seal and open here.
//!
//! ```text
//! envelope of model::codec [kind u8][pool u64][cluster uuid][payload]      little endian
//! ```

use model::Uuid;
use model::codec::{self, Kind};

use crate::hash;

const VERSION: u16 = 1;
const FIELDS: usize = 1 + 8 + 16;

/// Bytes that a packet adds to its payload.
#[cfg(test)]
pub(crate) const OVERHEAD: usize = codec::HEADER + FIELDS;

/// What the payload is. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Content {
    /// A message of foca.
    Swim = 1,
    /// Broadcasts sent straight to a member, see [`crate::broadcast::Direct`].
    Direct = 2,
}

/// An opened packet.
#[derive(Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) content: Content,
    pub(crate) pool: u64,
    /// The cluster of the sender's region, nil before it is bootstrapped.
    pub(crate) cluster: Uuid,
    pub(crate) payload: &'a [u8],
}

/// The pool's label in 8 bytes.
pub(crate) fn pool_hash(label: &str) -> u64 {
    hash::bytes(label.as_bytes())
}

pub(crate) fn seal(content: Content, pool: u64, cluster: Uuid, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(FIELDS + payload.len());
    body.push(content as u8);
    body.extend_from_slice(&pool.to_le_bytes());
    body.extend_from_slice(cluster.as_bytes());
    body.extend_from_slice(payload);
    codec::wrap(Kind::GossipPacket, VERSION, &body)
}

/// `Ok(None)` for a kind of content that a later version may send.
pub(crate) fn open(bytes: &[u8]) -> Result<Option<Packet<'_>>, codec::Error> {
    let (_, body) = codec::unwrap(Kind::GossipPacket, VERSION, bytes)?;
    let short = || codec::Error::Short { given: bytes.len() };
    let (content, rest) = body.split_first().ok_or_else(short)?;
    let (pool, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
    let (cluster, payload) = rest.split_first_chunk::<16>().ok_or_else(short)?;
    let content = match content {
        1 => Content::Swim,
        2 => Content::Direct,
        _ => return Ok(None),
    };
    Ok(Some(Packet { content, pool: u64::from_le_bytes(*pool), cluster: Uuid::from_bytes(*cluster), payload }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sealed opens again; anything cut or changed does not.
    #[test]
    fn seal_and_open() {
        let cluster = Uuid::from_u128(77);
        let bytes = seal(Content::Direct, pool_hash("steppe"), cluster, b"payload");
        assert_eq!(bytes.len(), 7 + OVERHEAD);
        let packet = open(&bytes).unwrap().unwrap();
        assert_eq!((packet.content, packet.cluster, packet.payload), (Content::Direct, cluster, &b"payload"[..]));
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert!(open(&bad).is_err(), "byte {at}");
            assert!(open(&bytes[..at]).is_err(), "cut at {at}");
        }
        assert!(open(&codec::wrap(Kind::GossipPacket, VERSION, &[9; 40])).unwrap().is_none());
    }
}
