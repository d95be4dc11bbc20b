//! A small file beside the database that remembers how far the log was durable, and for whom the server voted.
//!
//! sled recovers what it can read: a damaged piece of its file looks to it like the end of what was written before a crash, and all that
//! came after is gone without a word. A server that went on like this would have forgotten entries that it acknowledged and votes that it
//! gave. So whatever the database has must be at least what the witness saw.
//!
//! The witness never says too much: it is told after the barrier, and before entries are truncated. Only the latter is synced; otherwise a
//! power cut may leave an older word, which is true as well.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::files;

const NAME: &str = "witness";
const VERSION: u8 = 1;
/// All of the file: one write within one sector, so it is never half done.
const SIZE: usize = 256;

/// What the log must at least have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The last index.
    pub last: u64,
    /// The vote as it is stored; empty if there was none.
    pub vote: Vec<u8>,
}

pub(super) struct Witness {
    path: PathBuf,
    file: File,
}

impl Witness {
    /// Opens or creates the file in the log's directory, and returns what it saw; nothing if it is new or cannot be read.
    pub(super) fn open(directory: &Path) -> Result<(Witness, Option<Seen>), Error> {
        let path = directory.join(NAME);
        let failed = |action| {
            let path = path.clone();
            move |error| Error::io(action, path, error)
        };
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed("open"))?;
        let mut bytes = vec![0; SIZE];
        let seen = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => decode(&bytes),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => None,
            Err(error) => return Err(failed("read")(error)),
        };
        let witness = Witness { path, file };
        if seen.is_none() {
            witness.tell_durably(&Seen::default())?;
            files::sync_directory(directory)?;
        }
        Ok((witness, seen))
    }

    /// Notes what is durable now.
    pub(super) fn tell(&self, seen: &Seen) -> Result<(), Error> {
        self.file.write_all_at(&encode(seen), 0).map_err(|e| Error::io("write", &self.path, e))
    }

    /// The same, and no older word comes back.
    pub(super) fn tell_durably(&self, seen: &Seen) -> Result<(), Error> {
        self.tell(seen)?;
        self.file.sync_all().map_err(|e| Error::io("sync", &self.path, e))
    }
}

fn encode(seen: &Seen) -> Vec<u8> {
    let mut body = vec![VERSION];
    body.extend_from_slice(&seen.last.to_le_bytes());
    body.extend_from_slice(&seen.vote);
    let mut bytes = crc32fast::hash(&body).to_le_bytes().to_vec();
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes.resize(SIZE, 0);
    bytes
}

fn decode(bytes: &[u8]) -> Option<Seen> {
    let (checksum, rest) = bytes.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let body = rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let (last, vote) = body.strip_prefix(&[VERSION])?.split_first_chunk::<8>()?;
    Some(Seen { last: u64::from_le_bytes(*last), vote: vote.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told is there after an opening; what cannot be read is nothing, and is made anew.
    #[test]
    fn words_are_kept() {
        let home = tempfile::tempdir().expect("temporary directory");
        let open = || Witness::open(home.path()).expect("a file");
        let (witness, seen) = open();
        assert_eq!(seen, None);
        let told = Seen { last: 7, vote: vec![1; SIZE - 17] };
        witness.tell(&told).expect("told");
        assert_eq!(open().1, Some(told.clone()));
        let mut bytes = encode(&told);
        assert_eq!(bytes.len(), SIZE);
        bytes[20] ^= 1;
        std::fs::write(home.path().join(NAME), bytes).expect("written");
        assert_eq!(open().1, None);
        assert_eq!(open().1, Some(Seen::default()));
    }
}
