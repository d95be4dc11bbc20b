//! The end of a file or log, and what is added to it.

use std::time::Duration;

use api::client::{FileRange, FrameStream, Origin};

use crate::context::{During, Stop};

/// Bytes of a line, about: how far before the end the last lines begin.
const BYTES_PER_LINE: u64 = 120;
/// Lines shown by `-tail` without `-n`.
const LINES: u64 = 10;
/// A stream that is silent for this long has reached the end of what was there.
const SILENCE: Duration = Duration::from_millis(500);

#[derive(clap::Args, Clone, Debug, Default)]
pub struct Tail {
    /// Go on as it grows.
    #[arg(long = "f")]
    pub follow: bool,
    /// Only the end.
    #[arg(long)]
    tail: bool,
    /// Only the end: how many lines.
    #[arg(long = "n")]
    lines: Option<i64>,
    /// Only the end: how many bytes.
    #[arg(long = "c")]
    bytes: Option<i64>,
}

impl Tail {
    /// Not simply all that is there.
    pub fn is_wanted(&self) -> bool {
        self.follow || self.only_end()
    }

    fn only_end(&self) -> bool {
        self.tail || positive(self.lines).is_some() || positive(self.bytes).is_some()
    }

    pub fn range(&self) -> FileRange {
        if !self.only_end() {
            return FileRange { follow: self.follow, ..Default::default() };
        }
        let lines = positive(self.lines).unwrap_or(LINES);
        let offset = positive(self.bytes).unwrap_or_else(|| lines.saturating_mul(BYTES_PER_LINE).min(i64::MAX as u64));
        FileRange { offset, origin: Origin::End, follow: self.follow }
    }

    /// Hands the bytes of the stream to `sink`, cut to what is wanted.
    pub async fn print(&self, mut frames: FrameStream, mut sink: impl FnMut(&[u8])) -> Result<(), Stop> {
        let cut = self.only_end() && positive(self.bytes).is_none();
        let mut last_lines = LastLines::new(cut, positive(self.lines).unwrap_or(LINES), self.range().offset);
        loop {
            let next = if self.follow && last_lines.holds_something() {
                match tokio::time::timeout(SILENCE, frames.next()).await {
                    Ok(next) => next,
                    Err(_) => {
                        sink(&last_lines.finish());
                        continue;
                    }
                }
            } else {
                frames.next().await
            };
            match next.during("reading file")? {
                Some(frame) => sink(&last_lines.take(frame.data)),
                None => break,
            }
        }
        sink(&last_lines.finish());
        Ok(())
    }
}

/// -1 stands for a flag that is not given.
fn positive(number: Option<i64>) -> Option<u64> {
    number.and_then(|number| u64::try_from(number).ok())
}

/// Cuts what begins at about the right place down to the last lines.
struct LastLines {
    /// Collected until the former end is reached; `None`: everything goes through.
    held: Option<Vec<u8>>,
    n_lines: usize,
    /// So many bytes were asked for: when they are there, the end was reached.
    n_bytes: usize,
}

impl LastLines {
    fn new(active: bool, n_lines: u64, n_bytes: u64) -> Self {
        let small = |n| usize::try_from(n).unwrap_or(usize::MAX);
        Self { held: active.then(Vec::new), n_lines: small(n_lines), n_bytes: small(n_bytes) }
    }

    fn holds_something(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.is_empty())
    }

    fn take(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        let Some(held) = &mut self.held else { return bytes };
        held.extend_from_slice(&bytes);
        if held.len() >= self.n_bytes { self.finish() } else { Vec::new() }
    }

    /// The last lines of what is held. From here on everything goes through.
    fn finish(&mut self) -> Vec<u8> {
        let Some(held) = self.held.take() else { return Vec::new() };
        if self.n_lines == 0 {
            return Vec::new();
        }
        let body = held.strip_suffix(b"\n").unwrap_or(&held);
        let breaks = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
        let start = breaks.map(|(at, _)| at + 1).nth(self.n_lines - 1).unwrap_or(0);
        held.get(start..).unwrap_or_default().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: how many lines are wanted, the pieces that come, what is printed in the end.
    #[test]
    fn last_lines() {
        for (n, pieces, want) in [
            (2, vec!["a\nb\nc\n"], "b\nc\n"),
            (2, vec!["a\nb", "\nc"], "b\nc"),
            (5, vec!["a\nb\n"], "a\nb\n"),
            (1, vec!["a\n\n"], "\n"),
            (0, vec!["a\n"], ""),
            (1, vec![], ""),
        ] {
            let mut lines = LastLines::new(true, n, 1000);
            let mut out = Vec::new();
            for piece in &pieces {
                out.extend(lines.take(piece.as_bytes().to_vec()));
            }
            out.extend(lines.finish());
            assert_eq!(String::from_utf8(out).unwrap(), want, "{pieces:?}");
        }
    }

    /// When as many bytes came as were asked for, the end was reached, and what comes later is new.
    #[test]
    fn new_lines_go_through() {
        let mut lines = LastLines::new(true, 1, 4);
        assert_eq!(lines.take(b"a\nb".to_vec()), b"");
        assert_eq!(lines.take(b"\n".to_vec()), b"b\n");
        assert_eq!(lines.take(b"c\nd\n".to_vec()), b"c\nd\n");
    }

    /// Rows: flags; where reading begins, and whether it begins at the end.
    #[test]
    fn ranges() {
        let tail = |follow, tail, lines, bytes| Tail { follow, tail, lines, bytes };
        for (flags, offset, origin) in [
            (tail(false, false, None, None), 0, Origin::Start),
            (tail(true, false, Some(-1), Some(-1)), 0, Origin::Start),
            (tail(false, true, None, None), 1200, Origin::End),
            (tail(true, true, Some(2), None), 240, Origin::End),
            (tail(false, false, None, Some(7)), 7, Origin::End),
            (tail(false, true, Some(i64::MAX), None), i64::MAX as u64, Origin::End),
        ] {
            assert_eq!(flags.range(), FileRange { offset, origin, follow: flags.follow }, "{flags:?}");
        }
    }
}
