//! Who is there: what both sides say first, and who is turned away.
//!
//! `[magic 8][verdict u8][len u32][body]`, little-endian. This much never changes, so that any two versions can at least tell each other no.
//! The body of a greeting may grow at its end: a reader ignores what it does not know.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use model::{RegionName, Uuid};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

/// The frames of `frame.rs`.
pub const PROTOCOL_MIN: u16 = 1;
pub const PROTOCOL_MAX: u16 = 1;

const MAGIC: &[u8; 8] = b"steppe\r\n";
const GREETING: u8 = 0;
const REFUSAL: u8 = 1;
/// A greeting is about 70 bytes and a refusal a few hundred.
const BODY_BYTES_MAX: usize = 4096;

/// What a connection is for. Each class has a socket of its own, so that a heartbeat never waits for data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Consensus within a region: entries and votes.
    Raft,
    /// Requests of agents and people, and long polls.
    Rpc,
    /// Snapshots, logs, files.
    Bulk,
    /// A raft leader's sign of life. On the connection of the entries it would wait with them for a packet that was lost, and a leader with
    /// much to send would be taken for dead.
    Heartbeat,
}

impl Class {
    /// Where only servers of one region meet.
    fn is_consensus(self) -> bool {
        matches!(self, Self::Raft | Self::Heartbeat)
    }

    fn from_wire(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Raft),
            1 => Some(Self::Rpc),
            2 => Some(Self::Bulk),
            3 => Some(Self::Heartbeat),
            _ => None,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raft => "raft",
            Self::Rpc => "rpc",
            Self::Bulk => "bulk",
            Self::Heartbeat => "heartbeat",
        })
    }
}

/// Who this agent says it is. Clones share the cluster.
#[derive(Clone, Debug)]
pub struct Identity {
    id: Uuid,
    region: RegionName,
    feature_level: u32,
    cluster: watch::Sender<Option<Uuid>>,
}

impl Identity {
    /// `id`: of the server or the node. `feature_level`: what this build can do, for the peers to know. The cluster is not known yet.
    pub fn new(id: Uuid, region: impl Into<RegionName>, feature_level: u32) -> Self {
        Self { id, region: region.into(), feature_level, cluster: watch::Sender::new(None) }
    }

    pub fn id(&self) -> Uuid {
        self.id
    }

    pub fn region(&self) -> &RegionName {
        &self.region
    }

    /// The uuid made when the region was bootstrapped, once it is known.
    pub fn cluster(&self) -> Option<Uuid> {
        *self.cluster.borrow()
    }

    /// From now on connections with another cluster of the same region name are refused, and those that exist are closed. Nil means unknown.
    pub fn set_cluster(&self, cluster: Uuid) {
        self.cluster.send_replace(Some(cluster).filter(|uuid| !uuid.is_nil()));
    }
}

/// The other side of a connection, as it introduced itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub address: SocketAddr,
    pub id: Uuid,
    pub region: RegionName,
    pub cluster: Option<Uuid>,
    pub class: Class,
    /// The version of the protocol both sides agreed on.
    pub protocol: u16,
    pub feature_level: u32,
    /// Bytes of one stream that the peer takes before it gives credit.
    pub(super) stream_window: u32,
    /// Requests the peer works on at once for one connection.
    pub(super) open_requests_max: u32,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (region {:?}, id {})", self.address, self.region.as_str(), self.id)
    }
}

/// What is said on top of the [`Identity`].
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub stream_window: u32,
    pub open_requests_max: u32,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Io(#[from] io::Error),
    /// They turned us away.
    #[error("{0}")]
    RefusedByPeer(String),
    /// We turned them away.
    #[error("{0}")]
    RefusedByUs(String),
    /// The port was mistaken for another one.
    #[error("{0}")]
    NotSteppe(String),
}

/// Says hello on a connection that was dialed.
pub async fn greet<R, W>(
    reader: &mut R,
    writer: &mut W,
    remote: SocketAddr,
    class: Class,
    identity: &Identity,
    terms: Terms,
) -> Result<Peer, Error>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    writer.write_all(&greeting(class, identity, terms)).await?;
    writer.flush().await?;
    let (protocol, theirs) = agree(read_hello(reader).await?)?;
    let peer = theirs.into_peer(remote, protocol);
    match objection(identity, &peer) {
        Some(text) => Err(Error::RefusedByUs(text)),
        None => Ok(peer),
    }
}

/// Answers a hello on a connection that was accepted. A refusal is told to the peer before it is returned.
pub async fn receive<R, W>(reader: &mut R, writer: &mut W, remote: SocketAddr, identity: &Identity, terms: Terms) -> Result<Peer, Error>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let outcome = read_hello(reader).await.and_then(agree).and_then(|(protocol, theirs)| {
        let peer = theirs.into_peer(remote, protocol);
        objection(identity, &peer).map_or(Ok(peer), |text| Err(Error::RefusedByUs(text)))
    });
    match &outcome {
        Ok(peer) => {
            writer.write_all(&greeting(peer.class, identity, terms)).await?;
            writer.flush().await?;
        }
        Err(Error::RefusedByUs(text)) => turn_away(reader, writer, &refusal(text)).await?,
        Err(Error::NotSteppe(text)) => {
            let body = format!("{text}\n");
            let answer = format!(
                "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            turn_away(reader, writer, answer.as_bytes()).await?;
        }
        Err(Error::Io(_) | Error::RefusedByPeer(_)) => {}
    }
    outcome
}

/// Tells a connection that was accepted no, before it said anything.
pub async fn refuse<R, W>(reader: &mut R, writer: &mut W, text: &str) -> io::Result<()>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    turn_away(reader, writer, &refusal(text)).await
}

/// The text why a connection with `peer` must not be, if so.
pub fn objection(identity: &Identity, peer: &Peer) -> Option<String> {
    let region = identity.region.as_str();
    if peer.class.is_consensus() && peer.region != identity.region {
        return Some(format!(
            "a raft connection between region {:?} ({}) and region {region:?} ({}): consensus stays within a region; check the server addresses",
            peer.region.as_str(),
            peer.id,
            identity.id
        ));
    }
    let (ours, theirs) = (identity.cluster()?, peer.cluster?);
    if peer.region != identity.region || ours == theirs {
        return None;
    }
    Some(format!(
        "two clusters call themselves region {region:?}: {} ({}) belongs to cluster {theirs}, {} belongs to cluster {ours}. \
         Give one of the regions another name, or start that agent with an empty data directory to join the other cluster",
        peer.id, peer.address, identity.id
    ))
}

/// Returns the objection once [`Identity::set_cluster`] makes `peer` an impossible one.
pub async fn objection_arises(identity: &Identity, peer: &Peer) -> String {
    let mut cluster = identity.cluster.subscribe();
    loop {
        if let Some(text) = objection(identity, peer) {
            return text;
        }
        if cluster.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[derive(Debug, PartialEq)]
struct Greeting {
    protocol_min: u16,
    protocol_max: u16,
    class: Class,
    id: Uuid,
    cluster: Uuid,
    feature_level: u32,
    terms_stream_window: u32,
    terms_open_requests_max: u32,
    region: String,
}

impl Greeting {
    fn into_peer(self, address: SocketAddr, protocol: u16) -> Peer {
        Peer {
            address,
            id: self.id,
            region: RegionName::from(self.region),
            cluster: Some(self.cluster).filter(|uuid| !uuid.is_nil()),
            class: self.class,
            protocol,
            feature_level: self.feature_level,
            stream_window: self.terms_stream_window,
            open_requests_max: self.terms_open_requests_max,
        }
    }
}

fn greeting(class: Class, identity: &Identity, terms: Terms) -> Bytes {
    let mut body = BytesMut::new();
    body.put_u16_le(PROTOCOL_MIN);
    body.put_u16_le(PROTOCOL_MAX);
    body.put_u8(class as u8);
    body.put_slice(identity.id.as_bytes());
    body.put_slice(identity.cluster().unwrap_or_default().as_bytes());
    body.put_u32_le(identity.feature_level);
    body.put_u32_le(terms.stream_window);
    body.put_u32_le(terms.open_requests_max);
    // Names of regions are short; a longer one would be refused for its missing rest, not misread.
    let region = identity.region.as_bytes();
    let region = region.get(..BODY_BYTES_MAX / 2).unwrap_or(region);
    body.put_u16_le(region.len() as u16);
    body.put_slice(region);
    envelope(GREETING, &body)
}

fn refusal(text: &str) -> Bytes {
    envelope(REFUSAL, text.get(..text.floor_char_boundary(BODY_BYTES_MAX)).unwrap_or(text).as_bytes())
}

fn envelope(verdict: u8, body: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(MAGIC.len() + 5 + body.len());
    bytes.put_slice(MAGIC);
    bytes.put_u8(verdict);
    bytes.put_u32_le(body.len() as u32);
    bytes.put_slice(body);
    bytes.freeze()
}

/// Reads up to the end of a greeting's body, whatever its version.
async fn read_hello<R: AsyncRead + Unpin + ?Sized>(reader: &mut R) -> Result<Bytes, Error> {
    let mut magic = [0u8; MAGIC.len()];
    reader.read_exact(&mut magic).await.map_err(closed_early)?;
    if &magic != MAGIC {
        return Err(not_steppe(&magic));
    }
    let verdict = reader.read_u8().await.map_err(closed_early)?;
    let len = reader.read_u32_le().await.map_err(closed_early)? as usize;
    if len > BODY_BYTES_MAX {
        return Err(Error::RefusedByUs(format!("the hello has {len} bytes, the most is {BODY_BYTES_MAX}")));
    }
    let mut body = vec![0u8; len];
    reader.read_exact(&mut body).await.map_err(closed_early)?;
    match verdict {
        GREETING => Ok(Bytes::from(body)),
        REFUSAL => Err(Error::RefusedByPeer(String::from_utf8_lossy(&body).into_owned())),
        other => Err(Error::RefusedByUs(format!("the hello begins with the unknown verdict {other}"))),
    }
}

fn closed_early(error: io::Error) -> Error {
    if error.kind() != io::ErrorKind::UnexpectedEof {
        return Error::Io(error);
    }
    Error::Io(io::Error::new(error.kind(), "the connection was closed before a hello came"))
}

fn not_steppe(start: &[u8]) -> Error {
    let methods: [&[u8]; 6] = [b"GET ", b"PUT ", b"POST", b"HEAD", b"DELE", b"OPTI"];
    if methods.iter().any(|method| start.starts_with(method)) {
        return Error::NotSteppe(
            "this is the port where Steppe's agents talk to each other; the HTTP interface has a port of its own (4646 by default)".into(),
        );
    }
    if start.starts_with(b"HTTP") {
        return Error::RefusedByUs("an HTTP server answers there, not the rpc port of a Steppe agent (4647 by default)".into());
    }
    if start.starts_with(&[0x16, 0x03]) {
        return Error::RefusedByUs("the peer speaks TLS, this port does not".into());
    }
    Error::RefusedByUs(format!("{:?} is not how a Steppe agent says hello", String::from_utf8_lossy(start)))
}

/// Reads a greeting and finds the version that both sides speak.
fn agree(mut body: Bytes) -> Result<(u16, Greeting), Error> {
    let short = |_| Error::RefusedByUs("the hello is too short".into());
    let protocol_min = body.try_get_u16_le().map_err(short)?;
    let protocol_max = body.try_get_u16_le().map_err(short)?;
    let protocol = protocol_max.min(PROTOCOL_MAX);
    // Before anything else is read, because only these two fields are common to all versions.
    if protocol < protocol_min.max(PROTOCOL_MIN) {
        return Err(Error::RefusedByUs(format!(
            "no common protocol version: one side speaks {protocol_min} to {protocol_max}, the other {PROTOCOL_MIN} to {PROTOCOL_MAX}; \
             upgrade the older agent"
        )));
    }
    let class = body.try_get_u8().map_err(short)?;
    let class = Class::from_wire(class).ok_or_else(|| Error::RefusedByUs(format!("the unknown connection class {class}")))?;
    let greeting = Greeting {
        protocol_min,
        protocol_max,
        class,
        id: Uuid::from_u128_le(body.try_get_u128_le().map_err(short)?),
        cluster: Uuid::from_u128_le(body.try_get_u128_le().map_err(short)?),
        feature_level: body.try_get_u32_le().map_err(short)?,
        terms_stream_window: body.try_get_u32_le().map_err(short)?,
        terms_open_requests_max: body.try_get_u32_le().map_err(short)?,
        region: {
            let len = usize::from(body.try_get_u16_le().map_err(short)?);
            let text = body.get(..len).ok_or_else(|| Error::RefusedByUs("the hello is too short".into()))?;
            String::from_utf8(text.to_vec()).map_err(|_| Error::RefusedByUs("the region name in the hello is not UTF-8".into()))?
        },
    };
    if greeting.region.is_empty() {
        return Err(Error::RefusedByUs("the hello names no region".into()));
    }
    Ok((protocol, greeting))
}

/// Writes the last words and reads until the peer has heard them: closing with unread data would destroy them on their way.
async fn turn_away<R, W>(reader: &mut R, writer: &mut W, words: &[u8]) -> io::Result<()>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    writer.write_all(words).await?;
    writer.flush().await?;
    writer.shutdown().await?;
    let mut rest = reader.take(64 << 10);
    tokio::io::copy(&mut rest, &mut tokio::io::sink()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { stream_window: 0x0100_0000, open_requests_max: 7 };

    fn identity(region: &str, cluster: u128) -> Identity {
        let identity = Identity::new(Uuid::from_u128(1), region, 3);
        identity.set_cluster(Uuid::from_u128(cluster));
        identity
    }

    /// What both sides get when `dialer` says hello to `acceptor`.
    async fn meet(class: Class, dialer: &Identity, acceptor: &Identity) -> (Result<Peer, String>, Result<Peer, String>) {
        let (left, right) = tokio::io::duplex(4096);
        let (mut left_reader, mut left_writer) = tokio::io::split(left);
        let (mut right_reader, mut right_writer) = tokio::io::split(right);
        let address = SocketAddr::from(([127, 0, 0, 1], 4647));
        let dial = async {
            let outcome = greet(&mut left_reader, &mut left_writer, address, class, dialer, TERMS).await;
            let _ = left_writer.shutdown().await;
            outcome.map_err(|error| error.to_string())
        };
        let accept = receive(&mut right_reader, &mut right_writer, address, acceptor, TERMS);
        let (dialed, accepted) = tokio::join!(dial, accept);
        (dialed, accepted.map_err(|error| error.to_string()))
    }

    #[tokio::test]
    async fn who_may_connect() {
        // Each row: class, dialer's region and cluster, acceptor's, and words of the refusal that both sides are told (none: welcome).
        let rows = [
            (Class::Rpc, ("west", 1), ("west", 1), None),
            (Class::Rpc, ("west", 0), ("west", 1), None),
            (Class::Rpc, ("west", 1), ("west", 0), None),
            (Class::Rpc, ("east", 2), ("west", 1), None),
            (Class::Raft, ("west", 1), ("west", 1), None),
            (Class::Rpc, ("west", 2), ("west", 1), Some("two clusters call themselves region \"west\"")),
            (Class::Bulk, ("west", 2), ("west", 1), Some("00000000-0000-0000-0000-000000000002")),
            (Class::Raft, ("east", 0), ("west", 1), Some("consensus stays within a region")),
            (Class::Heartbeat, ("west", 1), ("west", 1), None),
            (Class::Heartbeat, ("east", 0), ("west", 1), Some("consensus stays within a region")),
            (Class::Rpc, ("", 0), ("west", 1), Some("names no region")),
        ];
        for (class, dialer, acceptor, refusal) in rows {
            let (dialed, accepted) = meet(class, &identity(dialer.0, dialer.1), &identity(acceptor.0, acceptor.1)).await;
            match refusal {
                None => {
                    let peer = accepted.unwrap();
                    assert_eq!((peer.region.as_str(), peer.class, peer.protocol, peer.feature_level), (dialer.0, class, 1, 3));
                    assert_eq!(dialed.unwrap().region.as_str(), acceptor.0);
                }
                Some(words) => {
                    assert!(accepted.as_ref().is_err_and(|text| text.contains(words)), "{accepted:?} should say {words:?}");
                    assert_eq!(dialed, accepted);
                }
            }
        }
    }

    #[test]
    fn the_greeting_stays_what_it_is_and_may_grow() {
        // Golden bytes of protocol 1; bytes behind them are ignored.
        let bytes = greeting(Class::Bulk, &identity("west", 2), TERMS);
        let expected = b"steppe\r\n\0\x37\0\0\0\x01\0\x01\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\
            \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\x03\0\0\0\0\0\0\x01\x07\0\0\0\x04\0west";
        assert_eq!(&bytes[..], &expected[..]);
        let mut longer = BytesMut::from(&bytes[13..]);
        longer.put_slice(b"field of tomorrow");
        let (protocol, read) = agree(longer.freeze()).unwrap();
        assert_eq!((protocol, read.region.as_str(), read.id, read.cluster), (1, "west", Uuid::from_u128(1), Uuid::from_u128(2)));
        for cut in 0..bytes.len() - 13 {
            assert!(agree(bytes.slice(13..13 + cut)).is_err(), "{cut} bytes are too few");
        }
    }

    #[tokio::test]
    async fn a_cluster_learnt_later_ends_a_wrong_connection() {
        // The connection was fine while the own cluster was unknown.
        let ours = Identity::new(Uuid::from_u128(1), "west", 3);
        let (_, accepted) = meet(Class::Rpc, &identity("west", 2), &ours).await;
        let peer = accepted.unwrap();
        let mut arises = std::pin::pin!(objection_arises(&ours, &peer));
        assert!(futures::poll!(&mut arises).is_pending());
        ours.set_cluster(Uuid::from_u128(9));
        let text = tokio::time::timeout(std::time::Duration::from_secs(30), arises).await.unwrap();
        assert!(text.contains("two clusters"));
    }
}
