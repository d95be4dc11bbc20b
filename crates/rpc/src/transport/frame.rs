//! Frames: what crosses a connection after the hello.
//!
//! `[len u32][id u64][kind u8][fields …][body …]`, little-endian; `len` counts what follows the kind. `id` names a request and is chosen by the
//! caller, ascending; an id that is not known (any more) is ignored by either side, because cancels and answers cross on the wire. A shape never
//! changes within a protocol version: a new one gets a new kind and a new version.

use bytes::{Buf, Bytes, BytesMut};

/// The largest `len`. Larger means that the other side does not speak this protocol, or means harm.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// A body above this is sent in parts of this size, so that something small never waits for more than this.
pub const CHUNK_BYTES_MAX: usize = 64 << 10;
/// A stream's first part travels in one frame.
pub const HEAD_BYTES_MAX: usize = CHUNK_BYTES_MAX;
/// Error texts are for people.
const TEXT_BYTES_MAX: usize = 32 << 10;
const HEADER_BYTES: usize = 4 + 8 + 1;
/// Smaller bodies are copied out of the read buffer, so that a waiting long poll does not keep the whole buffer alive.
const COPY_BELOW: usize = 16 << 10;

/// `deadline_ms` of a request that may take as long as it wants.
pub const NO_DEADLINE: u32 = u32::MAX;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// `deadline_ms`: how long the caller waits from now on; relative, because clocks differ.
    Request {
        id: u64,
        deadline_ms: u32,
        method: u16,
        opening: Opening,
    },
    Response {
        id: u64,
        opening: Opening,
    },
    /// Ends a request without an answer.
    Error {
        id: u64,
        origin: Origin,
        code: u16,
        text: String,
    },
    /// A piece of a body in parts, or of a stream. `more`: the item of the stream goes on in the next one.
    Chunk {
        id: u64,
        more: bool,
        bytes: Bytes,
    },
    /// The stream is complete.
    End {
        id: u64,
    },
    /// The stream breaks off here.
    EndError {
        id: u64,
        code: u16,
        text: String,
    },
    /// The caller does not want the answer any more.
    Cancel {
        id: u64,
    },
    Ping {
        id: u64,
    },
    Pong {
        id: u64,
    },
    /// The receiver of a stream has room for so much more.
    Credit {
        id: u64,
        bytes: u32,
    },
    /// No new requests, please: the sender is about to close the connection, and says why.
    Goodbye {
        text: String,
    },
}

/// How a request or a response begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// This is all.
    Whole(Bytes),
    /// The body follows in chunks, of so many bytes together.
    Parts { total: u32 },
    /// A stream follows in chunks, up to its end.
    Stream { head: Bytes },
}

/// Who says no, which tells the caller what it may conclude.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The handler answered with an error.
    Handler,
    /// The transport, before a handler saw the request.
    Refused,
    /// The handler broke down.
    Broken,
    /// The deadline passed.
    Deadline,
}

/// A frame that cannot be: the connection is closed with this text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(pub String);

mod kind {
    pub const REQUEST: u8 = 1;
    pub const RESPONSE: u8 = 2;
    pub const ERROR: u8 = 3;
    pub const CHUNK: u8 = 4;
    pub const CHUNK_MORE: u8 = 5;
    pub const END: u8 = 6;
    pub const END_ERROR: u8 = 7;
    pub const CANCEL: u8 = 8;
    pub const PING: u8 = 9;
    pub const PONG: u8 = 10;
    pub const CREDIT: u8 = 11;
    pub const GOODBYE: u8 = 12;
}

mod shape {
    pub const WHOLE: u8 = 0;
    pub const PARTS: u8 = 1;
    pub const STREAM: u8 = 2;
}

/// A frame ready to be written: its body is not copied before that.
#[derive(Debug)]
pub struct Outgoing {
    pub id: u64,
    /// The first frame of a request: if it was never written, the request was never sent.
    pub opens_request: bool,
    header: [u8; HEADER_BYTES + 11],
    header_len: u8,
    body: Bytes,
}

impl Outgoing {
    /// Bytes it takes on the wire.
    pub fn wire_bytes(&self) -> usize {
        usize::from(self.header_len) + self.body.len()
    }

    pub fn write_to(&self, buffer: &mut BytesMut) {
        buffer.extend_from_slice(self.header.get(..usize::from(self.header_len)).unwrap_or(&self.header));
        buffer.extend_from_slice(&self.body);
    }
}

/// Bytes of a header under construction; never more than its array holds, by the shapes below.
struct Header {
    bytes: [u8; HEADER_BYTES + 11],
    len: usize,
}

impl Header {
    fn new(id: u64, kind: u8) -> Self {
        let mut header = Self { bytes: [0; HEADER_BYTES + 11], len: 4 };
        header.put(&id.to_le_bytes()).put(&[kind]);
        header
    }

    fn put(&mut self, field: &[u8]) -> &mut Self {
        self.bytes[self.len..self.len + field.len()].copy_from_slice(field);
        self.len += field.len();
        self
    }

    fn finish(mut self, id: u64, opens_request: bool, body: Bytes) -> Outgoing {
        let len = u32::try_from(self.len - HEADER_BYTES + body.len()).unwrap_or(u32::MAX);
        self.bytes[..4].copy_from_slice(&len.to_le_bytes());
        Outgoing { id, opens_request, header: self.bytes, header_len: self.len as u8, body }
    }
}

/// The bytes of a frame. Whoever builds a frame keeps its body within [`CHUNK_BYTES_MAX`]; texts are cut to size here.
pub fn encode(frame: Frame) -> Outgoing {
    let bare = |id, kind| Header::new(id, kind).finish(id, false, Bytes::new());
    match frame {
        Frame::Request { id, deadline_ms, method, opening } => {
            let mut header = Header::new(id, kind::REQUEST);
            header.put(&deadline_ms.to_le_bytes()).put(&method.to_le_bytes());
            let body = put_opening(&mut header, opening);
            header.finish(id, true, body)
        }
        Frame::Response { id, opening } => {
            let mut header = Header::new(id, kind::RESPONSE);
            let body = put_opening(&mut header, opening);
            header.finish(id, false, body)
        }
        Frame::Error { id, origin, code, text } => {
            let mut header = Header::new(id, kind::ERROR);
            header.put(&[origin as u8]).put(&code.to_le_bytes());
            header.finish(id, false, cut(text))
        }
        Frame::Chunk { id, more, bytes } => Header::new(id, if more { kind::CHUNK_MORE } else { kind::CHUNK }).finish(id, false, bytes),
        Frame::End { id } => bare(id, kind::END),
        Frame::EndError { id, code, text } => {
            let mut header = Header::new(id, kind::END_ERROR);
            header.put(&code.to_le_bytes());
            header.finish(id, false, cut(text))
        }
        Frame::Cancel { id } => bare(id, kind::CANCEL),
        Frame::Ping { id } => bare(id, kind::PING),
        Frame::Pong { id } => bare(id, kind::PONG),
        Frame::Credit { id, bytes } => {
            let mut header = Header::new(id, kind::CREDIT);
            header.put(&bytes.to_le_bytes());
            header.finish(id, false, Bytes::new())
        }
        Frame::Goodbye { text } => Header::new(0, kind::GOODBYE).finish(0, false, cut(text)),
    }
}

fn put_opening(header: &mut Header, opening: Opening) -> Bytes {
    match opening {
        Opening::Whole(body) => {
            header.put(&[shape::WHOLE]);
            body
        }
        Opening::Parts { total } => {
            header.put(&[shape::PARTS]).put(&total.to_le_bytes());
            Bytes::new()
        }
        Opening::Stream { head } => {
            header.put(&[shape::STREAM]);
            head
        }
    }
}

fn cut(mut text: String) -> Bytes {
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text.push('…');
    }
    Bytes::from(text)
}

/// Takes the next frame from the front of `buffer`; `None` when it is not complete yet, after making room for the rest of it.
pub fn decode(buffer: &mut BytesMut) -> Result<Option<Frame>, Violation> {
    let mut header: &[u8] = buffer;
    let Ok(len) = header.try_get_u32_le() else { return Ok(None) };
    let len = len as usize;
    if len > FRAME_BYTES_MAX {
        return Err(Violation(format!("a frame of {len} bytes, the most is {FRAME_BYTES_MAX}: not a frame of this protocol")));
    }
    let (Ok(id), Ok(kind)) = (header.try_get_u64_le(), header.try_get_u8()) else { return Ok(None) };
    if buffer.len() < HEADER_BYTES + len {
        buffer.reserve(HEADER_BYTES + len - buffer.len());
        return Ok(None);
    }
    buffer.advance(HEADER_BYTES);
    let payload = if len < COPY_BELOW {
        let copy = Bytes::copy_from_slice(&buffer[..len]);
        buffer.advance(len);
        copy
    } else {
        buffer.split_to(len).freeze()
    };
    parse(id, kind, payload).map(Some)
}

fn parse(id: u64, kind: u8, mut payload: Bytes) -> Result<Frame, Violation> {
    let short = |_| Violation(format!("a frame of kind {kind} is too short"));
    let frame = match kind {
        kind::REQUEST => {
            let deadline_ms = payload.try_get_u32_le().map_err(short)?;
            let method = payload.try_get_u16_le().map_err(short)?;
            Frame::Request { id, deadline_ms, method, opening: parse_opening(payload)? }
        }
        kind::RESPONSE => Frame::Response { id, opening: parse_opening(payload)? },
        kind::ERROR => {
            let origin = match payload.try_get_u8().map_err(short)? {
                0 => Origin::Handler,
                1 => Origin::Refused,
                2 => Origin::Broken,
                3 => Origin::Deadline,
                other => return Err(Violation(format!("an error of the unknown origin {other}"))),
            };
            let code = payload.try_get_u16_le().map_err(short)?;
            Frame::Error { id, origin, code, text: text(&payload) }
        }
        kind::CHUNK => Frame::Chunk { id, more: false, bytes: payload },
        kind::CHUNK_MORE => Frame::Chunk { id, more: true, bytes: payload },
        kind::END => Frame::End { id },
        kind::END_ERROR => {
            let code = payload.try_get_u16_le().map_err(short)?;
            Frame::EndError { id, code, text: text(&payload) }
        }
        kind::CANCEL => Frame::Cancel { id },
        kind::PING => Frame::Ping { id },
        kind::PONG => Frame::Pong { id },
        kind::CREDIT => Frame::Credit { id, bytes: payload.try_get_u32_le().map_err(short)? },
        kind::GOODBYE => Frame::Goodbye { text: text(&payload) },
        other => return Err(Violation(format!("a frame of the unknown kind {other}"))),
    };
    Ok(frame)
}

fn parse_opening(mut payload: Bytes) -> Result<Opening, Violation> {
    let short = |_| Violation("an opening frame is too short".to_owned());
    match payload.try_get_u8().map_err(short)? {
        shape::WHOLE => Ok(Opening::Whole(payload)),
        shape::PARTS => Ok(Opening::Parts { total: payload.try_get_u32_le().map_err(short)? }),
        shape::STREAM => Ok(Opening::Stream { head: payload }),
        other => Err(Violation(format!("an opening frame of the unknown shape {other}"))),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..TEXT_BYTES_MAX + 4).unwrap_or(bytes)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes_of(frame: Frame) -> BytesMut {
        let mut buffer = BytesMut::new();
        encode(frame).write_to(&mut buffer);
        buffer
    }

    fn samples() -> Vec<Frame> {
        let body = Bytes::from_static(b"body");
        let large = Bytes::from(vec![7u8; CHUNK_BYTES_MAX]);
        vec![
            Frame::Request { id: 1, deadline_ms: 2, method: 3, opening: Opening::Whole(body.clone()) },
            Frame::Request { id: u64::MAX, deadline_ms: NO_DEADLINE, method: u16::MAX, opening: Opening::Parts { total: u32::MAX } },
            Frame::Request { id: 1, deadline_ms: 0, method: 0, opening: Opening::Stream { head: body.clone() } },
            Frame::Response { id: 1, opening: Opening::Whole(Bytes::new()) },
            Frame::Response { id: 1, opening: Opening::Parts { total: 100_000 } },
            Frame::Response { id: 1, opening: Opening::Stream { head: large.clone() } },
            Frame::Error { id: 1, origin: Origin::Handler, code: 404, text: "no such job".into() },
            Frame::Error { id: 1, origin: Origin::Refused, code: 0, text: "ä".repeat(1000) },
            Frame::Error { id: 1, origin: Origin::Broken, code: 0, text: String::new() },
            Frame::Error { id: 1, origin: Origin::Deadline, code: 1, text: String::new() },
            Frame::Chunk { id: 1, more: false, bytes: body },
            Frame::Chunk { id: 1, more: true, bytes: large },
            Frame::End { id: 1 },
            Frame::EndError { id: 1, code: 500, text: "file vanished".into() },
            Frame::Cancel { id: 1 },
            Frame::Ping { id: 1 },
            Frame::Pong { id: 1 },
            Frame::Credit { id: 1, bytes: 65_536 },
            Frame::Goodbye { text: "going down".into() },
        ]
    }

    #[test]
    fn every_frame_comes_back_however_it_is_cut() {
        // Each sample is read back from its bytes, given one at a time and then all at once.
        for frame in samples() {
            let all = bytes_of(frame.clone());
            let mut buffer = BytesMut::new();
            for (position, byte) in all.iter().enumerate() {
                buffer.extend_from_slice(&[*byte]);
                let complete = position + 1 == all.len();
                if complete || position < 64 {
                    assert_eq!(decode(&mut buffer).unwrap(), complete.then(|| frame.clone()), "after byte {position}");
                }
            }
            assert!(buffer.is_empty());
        }
        let mut stream = BytesMut::new();
        samples().into_iter().for_each(|frame| encode(frame).write_to(&mut stream));
        for frame in samples() {
            assert_eq!(decode(&mut stream).unwrap(), Some(frame));
        }
        assert_eq!(decode(&mut stream).unwrap(), None);
    }

    #[test]
    fn the_bytes_of_protocol_1_stay_what_they_are() {
        // Golden bytes: an agent of another build must understand them.
        let request = Frame::Request { id: 0x0102, deadline_ms: 5, method: 0x0A0B, opening: Opening::Whole(Bytes::from_static(b"hi")) };
        assert_eq!(&bytes_of(request)[..], b"\x09\0\0\0\x02\x01\0\0\0\0\0\0\x01\x05\0\0\0\x0B\x0A\0hi");
        let error = Frame::Error { id: 1, origin: Origin::Refused, code: 0x0194, text: "no".into() };
        assert_eq!(&bytes_of(error)[..], b"\x05\0\0\0\x01\0\0\0\0\0\0\0\x03\x01\x94\x01no");
        assert_eq!(&bytes_of(Frame::Credit { id: 9, bytes: 1 })[..], b"\x04\0\0\0\x09\0\0\0\0\0\0\0\x0B\x01\0\0\0");
    }

    #[test]
    fn impossible_frames_are_named() {
        // Each row is a frame by hand and a word of the complaint.
        let rows: [(&[u8], &str); 6] = [
            (b"GET / HTTP/1.1\r\n\r\n", "not a frame of this protocol"),
            (b"\0\0\0\0\0\0\0\0\0\0\0\0\x63", "unknown kind 99"),
            (b"\x01\0\0\0\0\0\0\0\0\0\0\0\x01\0", "too short"),
            (b"\x01\0\0\0\0\0\0\0\0\0\0\0\x02\x09", "unknown shape 9"),
            (b"\x03\0\0\0\0\0\0\0\0\0\0\0\x03\x09\0\0", "unknown origin 9"),
            (b"\0\0\0\0\0\0\0\0\0\0\0\0\x02", "too short"),
        ];
        for (bytes, complaint) in rows {
            let violation = decode(&mut BytesMut::from(bytes)).expect_err(complaint);
            assert!(violation.0.contains(complaint), "{violation} should say {complaint:?}");
        }
    }

    #[test]
    fn long_error_texts_are_cut_between_characters() {
        // 40,000 two-byte characters after an odd start do not fit.
        let frame = Frame::Goodbye { text: format!("x{}", "ä".repeat(40_000)) };
        let Some(Frame::Goodbye { text }) = decode(&mut bytes_of(frame)).unwrap() else { panic!("not a goodbye") };
        assert!(text.ends_with("ä…") && text.len() <= TEXT_BYTES_MAX + 3, "{} bytes", text.len());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            // Arbitrary bytes, also behind a plausible length, give a frame, a wait for more, or a complaint.
            let mut plausible = BytesMut::from(&[20u8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0][..]);
            plausible.extend_from_slice(&bytes);
            for mut buffer in [BytesMut::from(&bytes[..]), plausible] {
                while let Ok(Some(_)) = decode(&mut buffer) {}
            }
        }
    }
}
