//! Bodies that come piece by piece.

use std::marker::PhantomData;

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::error::{Error, innermost};
use crate::body::StreamFrame;

/// Raw bytes. Dropping it closes the connection, which ends the stream at its source.
#[derive(Debug)]
pub struct ByteStream(Incoming);

impl ByteStream {
    pub(super) fn new(body: Incoming) -> Self {
        Self(body)
    }

    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match self.0.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(Error::Stream { reason: innermost(&error) }),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => continue,
                    Ok(data) => return Ok(Some(data)),
                    // Trailers say nothing here.
                    Err(_) => continue,
                },
            }
        }
    }

    /// All that is left.
    pub async fn read_to_end(&mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

/// No value is nearly as long; a stream without any must not fill the memory.
const VALUE_LIMIT: usize = 64 << 20;

/// JSON values one after another, without heartbeats, which are `{}`.
#[derive(Debug)]
pub struct JsonStream<T> {
    bytes: ByteStream,
    buffer: BytesMut,
    values: PhantomData<fn() -> T>,
}

/// Frames of a file or log.
pub type FrameStream = JsonStream<StreamFrame>;

impl<T: DeserializeOwned + Default + PartialEq> JsonStream<T> {
    pub(super) fn new(bytes: ByteStream) -> Self {
        Self { bytes, buffer: BytesMut::new(), values: PhantomData }
    }

    /// The next value; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<T>, Error> {
        loop {
            while let Some(value) = next_value(&mut self.buffer)? {
                if value != T::default() {
                    return Ok(Some(value));
                }
            }
            if self.buffer.len() > VALUE_LIMIT {
                return Err(Error::Stream { reason: format!("a part of the stream is longer than {VALUE_LIMIT} bytes") });
            }
            match self.bytes.next().await? {
                Some(piece) => self.buffer.extend_from_slice(&piece),
                None if self.buffer.iter().all(u8::is_ascii_whitespace) => return Ok(None),
                None => return Err(Error::Stream { reason: String::from_utf8_lossy(&self.buffer).trim().to_owned() }),
            }
        }
    }
}

/// Takes one value off the front; `None` when it is not complete yet.
fn next_value<T: DeserializeOwned>(buffer: &mut BytesMut) -> Result<Option<T>, Error> {
    let mut values = serde_json::Deserializer::from_slice(buffer).into_iter::<T>();
    match values.next() {
        None => Ok(None),
        Some(Ok(value)) => {
            let used = values.byte_offset();
            buffer.advance(used);
            Ok(Some(value))
        }
        Some(Err(error)) if error.is_eof() => Ok(None),
        // Servers append their error as plain text when a stream that has begun fails.
        Some(Err(_)) => Err(Error::Stream { reason: String::from_utf8_lossy(buffer).trim().to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames are found wherever the pieces of the connection end; what is no frame is an error with its text.
    #[test]
    fn frames_across_pieces() {
        let text = br#"{"Data":"aGVsbG8=","File":"alloc/logs/t.stdout.0","Offset":5}{}{"FileEvent":"file deleted"}"#;
        for cut in 0..=text.len() {
            let (first, second) = text.split_at(cut);
            let mut buffer = BytesMut::new();
            let mut frames = Vec::new();
            for piece in [first, second] {
                buffer.extend_from_slice(piece);
                while let Some(frame) = next_value::<StreamFrame>(&mut buffer).unwrap() {
                    frames.push(frame);
                }
            }
            assert_eq!(frames.len(), 3, "cut at {cut}");
            assert_eq!((frames[0].data.as_slice(), frames[0].offset), (b"hello".as_slice(), 5));
            assert_eq!(frames[1], StreamFrame::default());
            assert_eq!(frames[2].file_event, "file deleted");
        }
        let mut buffer = BytesMut::from(&b"unknown task"[..]);
        assert!(next_value::<StreamFrame>(&mut buffer).unwrap_err().to_string().contains("unknown task"));
    }
}
