//! Bodies that come piece by piece.

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;

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

/// No frame is nearly as long; a stream without frames must not fill the memory.
const FRAME_LIMIT: usize = 16 << 20;

/// Frames of a file or log, without heartbeats.
#[derive(Debug)]
pub struct FrameStream {
    bytes: ByteStream,
    buffer: BytesMut,
}

impl FrameStream {
    pub(super) fn new(bytes: ByteStream) -> Self {
        Self { bytes, buffer: BytesMut::new() }
    }

    /// The next frame; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<StreamFrame>, Error> {
        loop {
            while let Some(frame) = next_frame(&mut self.buffer)? {
                if !frame.is_heartbeat() {
                    return Ok(Some(frame));
                }
            }
            if self.buffer.len() > FRAME_LIMIT {
                return Err(Error::Stream { reason: format!("a frame is longer than {FRAME_LIMIT} bytes") });
            }
            match self.bytes.next().await? {
                Some(piece) => self.buffer.extend_from_slice(&piece),
                None if self.buffer.iter().all(u8::is_ascii_whitespace) => return Ok(None),
                None => return Err(Error::Stream { reason: String::from_utf8_lossy(&self.buffer).trim().to_owned() }),
            }
        }
    }
}

/// Takes one frame off the front; `None` when it is not complete yet.
fn next_frame(buffer: &mut BytesMut) -> Result<Option<StreamFrame>, Error> {
    let mut frames = serde_json::Deserializer::from_slice(buffer).into_iter::<StreamFrame>();
    match frames.next() {
        None => Ok(None),
        Some(Ok(frame)) => {
            let used = frames.byte_offset();
            buffer.advance(used);
            Ok(Some(frame))
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
                while let Some(frame) = next_frame(&mut buffer).unwrap() {
                    frames.push(frame);
                }
            }
            assert_eq!(frames.len(), 3, "cut at {cut}");
            assert_eq!((frames[0].data.as_slice(), frames[0].offset), (b"hello".as_slice(), 5));
            assert!(frames[1].is_heartbeat());
            assert_eq!(frames[2].file_event, "file deleted");
        }
        let mut buffer = BytesMut::from(&b"unknown task"[..]);
        assert!(next_frame(&mut buffer).unwrap_err().to_string().contains("unknown task"));
    }
}
