//! The pool's member list over restarts, in a file of the data directory. Whoever loses it and has no other way to the pool must be joined again.

use std::path::Path;
use std::sync::Arc;

use gossip::Memory;
use raftstore::DataDir;
use tracing::warn;

const NAME: &str = "members";

/// The file. Both calls may take the time of a disk.
pub struct Memo {
    data_dir: Arc<DataDir>,
}

impl Memo {
    pub fn new(data_dir: Arc<DataDir>) -> Self {
        Self { data_dir }
    }

    /// What was stored last; nothing if there is nothing that can be used.
    pub fn load(&self) -> Option<Memory> {
        Self::read(self.data_dir.path())
    }

    /// The same, of a directory that need not be whole.
    pub fn read(directory: &Path) -> Option<Memory> {
        let bytes = std::fs::read(directory.join(NAME)).ok()?;
        Memory::decode(&bytes).inspect_err(|error| warn!(%error, "the remembered member list cannot be read and is not used")).ok()
    }

    pub fn store(&self, memory: &Memory) {
        let stored = memory.encode().map_err(|error| error.to_string());
        let stored = stored.and_then(|bytes| self.data_dir.replace(NAME, &bytes).map_err(|error| error.to_string()));
        if let Err(error) = stored {
            warn!(%error, "the member list was not stored");
        }
    }
}
