//! What agents send each other: frames, and the messages in them.

use bytes::BytesMut;
use model::codec::{self, Kind};
use rpc::message::{Call, Chunk, Reply};
use rpc::transport::frame::{self, Frame};
use rpc::typed::MESSAGE_VERSION;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::OPEN_LISTS;
use crate::{Target, steps};

pub const TARGET: Target = Target {
    name: "message",
    run,
    // Room is made for a frame that has begun (1 MiB at most).
    allowance: OPEN_LISTS + (2 << 20),
    input_max: 4096,
    seeds,
};

const FRAMES: u8 = 0;
const CALL: u8 = 1;
const REPLY: u8 = 2;
const CHUNK: u8 = 3;
const ENVELOPE: u8 = 4;
/// With the shapes of the version before.
const OLDER: u8 = 0x80;

fn run(input: &[u8]) {
    for (kind, bytes) in steps::split(input) {
        let version = if kind & OLDER == 0 { MESSAGE_VERSION } else { 1 };
        match kind & 7 {
            FRAMES => frames(bytes),
            CALL => message::<Call>(version, bytes),
            REPLY => message::<Reply>(version, bytes),
            CHUNK => message::<Chunk>(version, bytes),
            ENVELOPE => drop(codec::decode_shapes::<Call>(Kind::Message, bytes)),
            _ => {}
        }
    }
}

fn frames(bytes: &[u8]) {
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(read)) = frame::decode(&mut buffer) {
        let mut written = BytesMut::new();
        frame::encode(read.clone()).write_to(&mut written);
        // Texts that are too long are cut when they are sent.
        if let Frame::Error { text, .. } | Frame::EndError { text, .. } | Frame::Goodbye { text } = &read
            && text.len() > 16 << 10
        {
            continue;
        }
        let again = frame::decode(&mut written).ok().flatten();
        let is_same = match &again {
            Some(again) => *again == read || matches!(read, Frame::Goodbye { .. }),
            None => false,
        };
        assert!(is_same, "{read:?} was read again as {again:?}");
    }
}

fn message<T: Serialize + DeserializeOwned>(version: u16, body: &[u8]) {
    let Ok(message) = codec::decode_shapes::<T>(Kind::Message, &codec::wrap(Kind::Message, version, body)) else { return };
    let bytes = codec::to_body(&message).expect("a message has bytes");
    let again: T = codec::from_body(&bytes).expect("what is sent is read");
    assert_eq!(codec::to_body(&again).ok(), Some(bytes), "the same after a second journey");
}

fn seeds() -> Vec<Vec<u8>> {
    fn of<T: Serialize + DeserializeOwned>(kind: u8, n: u64) -> Vec<Vec<u8>> {
        let bodies = (0..n).filter_map(|seed| codec::to_body(&testkit::any::<T>(seed)).ok());
        bodies.filter(|body| body.len() < 2000).map(|body| steps::join([(kind, &body[..])])).collect()
    }
    let mut seeds = [of::<Call>(CALL, 200), of::<Reply>(REPLY, 100), of::<Chunk>(CHUNK, 3)].concat();
    let frames: [&[u8]; 6] = [
        b"\x09\0\0\0\x02\x01\0\0\0\0\0\0\x01\x05\0\0\0\x0B\x0A\0hi",
        b"\x05\0\0\0\x01\0\0\0\0\0\0\0\x03\x01\x94\x01no",
        b"\x04\0\0\0\x09\0\0\0\0\0\0\0\x0B\x01\0\0\0",
        b"\x02\0\0\0\x01\0\0\0\0\0\0\0\x05hi",
        b"\x05\0\0\0\x01\0\0\0\0\0\0\0\x02\x01\x04\0\0\0",
        b"\0\0\0\0\x01\0\0\0\0\0\0\0\x09",
    ];
    seeds.push(steps::join([(FRAMES, &frames.concat()[..])]));
    seeds.extend(frames.iter().map(|frame| steps::join([(FRAMES, *frame)])));
    seeds
}
