//! The bytes of foca's messages, and what foca asks for while it handles something.
//!
//! Every header and member is length-prefixed, then encoded by `model::codec`: `[length u16 big endian][body]`.

use std::time::Duration;

use bytes::{Buf, BufMut};
use foca::{Header, Member, Message, Notification, OwnedNotification, Runtime, Timer};
use model::codec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::identity::ServerIdentity;

/// No header or member is larger, whoever wrote it.
const MAX_PART: usize = 1024;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("no room for {0} bytes")]
    NoRoom(usize),
    #[error("ends before its length")]
    Truncated,
    #[error("a part of {0} bytes is too large")]
    TooLarge(usize),
    #[error(transparent)]
    Bytes(#[from] codec::Error),
    #[error("{0}")]
    Identity(String),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SwimCodec;

fn put(value: &impl Serialize, mut buffer: impl BufMut) -> Result<(), CodecError> {
    let body = codec::to_body(value)?;
    if body.len() > MAX_PART {
        return Err(CodecError::TooLarge(body.len()));
    }
    // foca needs the buffer untouched when something does not fit.
    if buffer.remaining_mut() < body.len() + 2 {
        return Err(CodecError::NoRoom(body.len() + 2));
    }
    buffer.put_u16(body.len() as u16);
    buffer.put_slice(&body);
    Ok(())
}

fn get<T: DeserializeOwned>(mut buffer: impl Buf) -> Result<T, CodecError> {
    if buffer.remaining() < 2 {
        return Err(CodecError::Truncated);
    }
    let length = usize::from(buffer.get_u16());
    if length > MAX_PART {
        return Err(CodecError::TooLarge(length));
    }
    if buffer.remaining() < length {
        return Err(CodecError::Truncated);
    }
    Ok(codec::from_body(&buffer.copy_to_bytes(length))?)
}

/// A message without updates.
pub(crate) fn header_bytes(header: &Header<ServerIdentity>) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    put(header, &mut bytes)?;
    Ok(bytes)
}

fn check(identity: &ServerIdentity) -> Result<(), CodecError> {
    identity.check().map_err(CodecError::Identity)
}

impl foca::Codec<ServerIdentity> for SwimCodec {
    type Error = CodecError;

    fn encode_header(&mut self, header: &Header<ServerIdentity>, buffer: impl BufMut) -> Result<(), CodecError> {
        put(header, buffer)
    }

    fn decode_header(&mut self, buffer: impl Buf) -> Result<Header<ServerIdentity>, CodecError> {
        let header: Header<ServerIdentity> = get(buffer)?;
        check(&header.src)?;
        // Nil stands for "whoever gets this": only the destination of an announce may be that.
        if header.message != Message::Announce {
            check(&header.dst)?;
        }
        match &header.message {
            Message::PingReq { target: other, .. }
            | Message::IndirectPing { origin: other, .. }
            | Message::IndirectAck { target: other, .. }
            | Message::ForwardedAck { origin: other, .. } => check(other)?,
            Message::Ping(_)
            | Message::Ack(_)
            | Message::Announce
            | Message::Feed
            | Message::Gossip
            | Message::Broadcast
            | Message::TurnUndead => {}
        }
        Ok(header)
    }

    fn encode_member(&mut self, member: &Member<ServerIdentity>, buffer: impl BufMut) -> Result<(), CodecError> {
        put(member, buffer)
    }

    fn decode_member(&mut self, buffer: impl Buf) -> Result<Member<ServerIdentity>, CodecError> {
        let member: Member<ServerIdentity> = get(buffer)?;
        check(member.id())?;
        Ok(member)
    }
}

/// What foca asked for during one call.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) sends: Vec<(ServerIdentity, Vec<u8>)>,
    pub(crate) timers: Vec<(Timer<ServerIdentity>, Duration)>,
    pub(crate) notifications: Vec<OwnedNotification<ServerIdentity>>,
}

impl Runtime<ServerIdentity> for Effects {
    fn notify(&mut self, notification: Notification<'_, ServerIdentity>) {
        self.notifications.push(notification.to_owned());
    }

    fn send_to(&mut self, to: ServerIdentity, data: &[u8]) {
        self.sends.push((to, data.to_vec()));
    }

    fn submit_after(&mut self, timer: Timer<ServerIdentity>, after: Duration) {
        self.timers.push((timer, after));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use foca::Codec;
    use model::Uuid;

    fn identity(node: u128) -> ServerIdentity {
        ServerIdentity {
            node: Uuid::from_u128(node),
            address: "10.0.0.1:4648".parse().unwrap(),
            region: "west".into(),
            generation: 1_700_000_000_000,
        }
    }

    /// Headers and members read back, two in a row; identities stay small; nobody but an announce may name nobody.
    #[test]
    fn round_trip_and_refusals() {
        let mut codec = SwimCodec;
        let header = |message, dst| Header { src: identity(1), src_incarnation: 3, dst, message };
        let mut bytes = Vec::new();
        codec.encode_header(&header(Message::Ping(4), identity(2)), &mut bytes).unwrap();
        codec.encode_member(&Member::alive(identity(9)), &mut bytes).unwrap();
        let mut rest = &bytes[..];
        assert_eq!(codec.decode_header(&mut rest).unwrap(), header(Message::Ping(4), identity(2)));
        let before = rest.len();
        assert_eq!(codec.decode_member(&mut rest).unwrap(), Member::alive(identity(9)));
        assert!(rest.is_empty());
        assert!(before < 50, "an identity takes {before} bytes in every update");

        let nobody = ServerIdentity::whoever_answers_at("10.0.0.7:4648".parse().unwrap());
        let mut decodes = |message, src: &ServerIdentity, dst: &ServerIdentity| {
            let mut bytes = Vec::new();
            let header = Header { src: src.clone(), src_incarnation: 0, dst: dst.clone(), message };
            codec.encode_header(&header, &mut bytes).unwrap();
            codec.decode_header(&bytes[..]).is_ok()
        };
        assert!(decodes(Message::Announce, &identity(1), &nobody));
        assert!(!decodes(Message::Ping(1), &identity(1), &nobody));
        assert!(!decodes(Message::Announce, &nobody, &identity(1)));
        assert!(!decodes(Message::PingReq { target: nobody.clone(), probe_number: 1 }, &identity(1), &identity(2)));
    }

    /// What does not fit leaves the buffer untouched.
    #[test]
    fn no_room() {
        let mut buffer = Vec::new().limit(10);
        assert!(SwimCodec.encode_member(&Member::alive(identity(9)), &mut buffer).is_err());
        assert!(buffer.get_ref().is_empty());
    }
}
