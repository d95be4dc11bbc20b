//! A region's snapshot as it leaves and comes back: a tar in gzip with `meta.json`, `state.bin` and `SHA256SUMS`.
//!
//! `state.bin` is the body of a snapshot as servers keep it; what it means is not known here.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Of the archive, not of what is in it.
const VERSION: u64 = 1;
const META: &str = "meta.json";
const STATE: &str = "state.bin";
const SUMS: &str = "SHA256SUMS";
/// The two small files are never larger.
const SMALL_BYTES_MAX: u64 = 1 << 20;

/// What an archive holds is at most so many times as large as the archive, beside a start: real ones shrink to a tenth or a thirtieth, made up
/// ones to a thousandth.
const EXPANSION_MAX: u64 = 100;
const EXPANSION_START: u64 = 16 << 20;

/// What an archive says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ArchiveMeta {
    pub version: u64,
    /// `term-index-milliseconds`
    #[serde(rename = "ID")]
    pub id: String,
    /// The last log entry in it.
    pub index: u64,
    pub term: u64,
    /// Bytes of the state.
    pub size: u64,
    pub region: String,
    /// The uuid of the cluster that the region was.
    pub cluster: String,
}

/// Why an archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("the archive cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("this is no snapshot of a region: {0}")]
    Content(String),
}

/// Writes an archive; gives the SHA-256 of all of it. Blocks.
///
/// # Errors
///
/// `state` cannot be read or ends early, or `to` cannot be written.
pub fn write(to: impl Write, meta: &ArchiveMeta, state: impl Read) -> io::Result<[u8; 32]> {
    let meta = ArchiveMeta { version: VERSION, ..meta.clone() };
    let mut tar = tar::Builder::new(GzEncoder::new(Hashing { inner: to, hasher: Sha256::new() }, Compression::fast()));
    let text = serde_json::to_vec_pretty(&meta)?;
    append(&mut tar, META, text.len() as u64, &text[..])?;
    let mut state = Hashing { inner: state.take(meta.size), hasher: Sha256::new() };
    append(&mut tar, STATE, meta.size, &mut state)?;
    let sums = format!("{}  {META}\n{}  {STATE}\n", hex(&Sha256::digest(&text)), hex(&state.hasher.finalize()));
    append(&mut tar, SUMS, sums.len() as u64, sums.as_bytes())?;
    let mut out = tar.into_inner()?.finish()?;
    out.flush()?;
    Ok(out.hasher.finalize().into())
}

fn append(tar: &mut tar::Builder<impl Write>, name: &str, length: u64, content: impl Read) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(length);
    header.set_mode(0o600);
    header.set_mtime(0);
    let n_read = Cell::new(0);
    tar.append_data(&mut header, name, Counted { inner: content, n: &n_read })?;
    if n_read.get() != length {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{name} has {} bytes instead of {length}", n_read.get())));
    }
    Ok(())
}

/// Reads an archive and checks it; its state goes to `state`. Blocks.
///
/// # Errors
///
/// It is no archive, or damaged.
pub fn read(from: impl Read, state: impl Write) -> Result<ArchiveMeta, ArchiveError> {
    let content = |text: String| ArchiveError::Content(text);
    let n_read = Cell::new(0);
    let packed = Counted { inner: from, n: &n_read };
    let mut archive = tar::Archive::new(Bounded { inner: GzDecoder::new(packed), n: 0, n_packed: &n_read });
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let (mut meta, mut sums) = (None, None);
    let mut state = Hashing { inner: state, hasher: Sha256::new() };
    // What is not gzip, or not a tar, is noticed here.
    // Raw: without names of any length, and without files that are mostly holes.
    let entries = archive.entries().map_err(|error| content(error.to_string()))?.raw(true);
    for entry in entries {
        let mut entry = entry.map_err(|error| content(error.to_string()))?;
        let name = entry.path().map_err(|error| content(error.to_string()))?.to_string_lossy().into_owned();
        if found.contains_key(&name) || name == SUMS && sums.is_some() {
            return Err(content(format!("it has {name} twice")));
        }
        match name.as_str() {
            STATE => {
                let n = io::copy(&mut entry, &mut state)?;
                if n != entry.size() {
                    return Err(content(format!("{STATE} ends too early")));
                }
                found.insert(name, hex(&std::mem::take(&mut state.hasher).finalize()));
            }
            META | SUMS if entry.size() > SMALL_BYTES_MAX => return Err(content(format!("{name} has {} bytes", entry.size()))),
            META => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                found.insert(name, hex(&Sha256::digest(&bytes)));
                let read: ArchiveMeta = serde_json::from_slice(&bytes).map_err(|error| content(format!("{META}: {error}")))?;
                meta = Some(read);
            }
            SUMS => {
                let mut text = String::new();
                entry.read_to_string(&mut text)?;
                sums = Some(text);
            }
            other => return Err(content(format!("it has a file {other:?}"))),
        }
    }
    state.inner.flush()?;
    // The end of gzip stands behind the end of the tar.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| content(error.to_string()))?;
    let missing = |name: &str| content(format!("it has no {name}"));
    let meta = meta.ok_or_else(|| missing(META))?;
    if meta.version != VERSION {
        return Err(content(format!("it is of version {}, and this program knows version {VERSION}", meta.version)));
    }
    let sums = sums.ok_or_else(|| missing(SUMS))?;
    let named: BTreeMap<&str, &str> = sums.lines().filter_map(|line| line.split_once("  ").map(|(sum, name)| (name, sum))).collect();
    for name in [META, STATE] {
        let sum = found.get(name).ok_or_else(|| missing(name))?;
        if named.get(name) != Some(&sum.as_str()) {
            return Err(content(format!("the checksum of {name} does not match")));
        }
    }
    Ok(meta)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

struct Counted<'n, R> {
    inner: R,
    n: &'n Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.n.set(self.n.get() + n as u64);
        Ok(n)
    }
}

/// Fails when what comes out is out of proportion to what went in.
struct Bounded<'n, R> {
    inner: R,
    n: u64,
    n_packed: &'n Cell<u64>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.n += n as u64;
        if self.n > EXPANSION_START + EXPANSION_MAX * self.n_packed.get() {
            return Err(io::Error::other(format!("it holds more than {EXPANSION_MAX} times its own size")));
        }
        Ok(n)
    }
}

/// Hashes what goes through.
struct Hashing<T> {
    inner: T,
    hasher: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..n).unwrap_or_default());
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(size: usize) -> ArchiveMeta {
        ArchiveMeta { id: "2-7-1".to_owned(), index: 7, term: 2, size: size as u64, region: "west".to_owned(), ..Default::default() }
    }

    fn archive(state: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let sum = write(&mut bytes, &meta(state.len()), state).unwrap();
        assert_eq!(sum, <[u8; 32]>::from(Sha256::digest(&bytes)), "the checksum is of the whole archive");
        bytes
    }

    /// What was put in comes out.
    #[test]
    fn round_trip() {
        for state in [&b""[..], b"state", &[7; 300_000]] {
            let mut out = Vec::new();
            let found = read(&archive(state)[..], &mut out).unwrap();
            assert_eq!((found, out.as_slice()), (ArchiveMeta { version: 1, ..meta(state.len()) }, state));
        }
        let short = write(io::sink(), &meta(10), &b"short"[..]).unwrap_err();
        assert!(short.to_string().contains("5 bytes instead of 10"), "{short}");
    }

    /// What a small archive unpacks to is bounded, whether it says so in the state, in a name, or in holes.
    #[test]
    fn bombs() {
        let packed = |header: &tar::Header, length: u64| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(header.as_bytes()).unwrap();
            io::copy(&mut io::repeat(0).take(length), &mut encoder).unwrap();
            encoder.finish().unwrap()
        };
        let header = |name: &str, kind: tar::EntryType, size: u64| {
            let mut header = tar::Header::new_gnu();
            header.set_path(name).unwrap();
            header.set_entry_type(kind);
            header.set_size(size);
            header.set_cksum();
            header
        };
        let large = 64 << 20;
        let mut holes = header(STATE, tar::EntryType::GNUSparse, 0);
        holes.as_gnu_mut().unwrap().set_real_size(1 << 40);
        holes.set_cksum();
        for (bytes, reason) in [
            (packed(&header(STATE, tar::EntryType::Regular, large), large), "more than 100 times its own size"),
            (packed(&header("a", tar::EntryType::GNULongName, large), large), "it has a file"),
            (packed(&header("a", tar::EntryType::XHeader, large), large), "it has a file"),
            (packed(&holes, 2048), "it has no meta.json"),
        ] {
            let mut out = Vec::new();
            let error = read(&bytes[..], &mut out).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert!(out.len() as u64 <= EXPANSION_START + EXPANSION_MAX * bytes.len() as u64, "{} bytes", out.len());
        }
    }

    /// Whatever is changed or missing is noticed.
    #[test]
    fn damage() {
        let whole = archive(&[7; 3_000]);
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            let mut out = Vec::new();
            // A flag or time in the head of gzip or tar says nothing about the content.
            if let Ok(found) = read(&bytes[..], &mut out) {
                assert_eq!((found.index, out.as_slice()), (7, &[7; 3_000][..]), "byte {at}");
            }
        }
        for length in [0, 1, 20, whole.len() / 2, whole.len() - 20, whole.len() - 9, whole.len() - 1] {
            assert!(read(&whole[..length], io::sink()).is_err(), "{length} bytes");
        }
        let error = read(&b"not an archive"[..], io::sink()).unwrap_err().to_string();
        assert!(error.starts_with("this is no snapshot of a region"), "{error}");
    }
}
