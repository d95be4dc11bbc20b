//! What can go wrong with a directory, in words that name the place and the next step.

use std::io;
use std::path::{Path, PathBuf};

/// Why a directory, a store or a replica could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file operation failed; nothing was changed or the change is not known to be on disk.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried, as a verb: `read`, `create`.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },

    /// Another process holds the directory.
    #[error("the data directory {path} is in use by {holder}; stop that agent, or give this one another data_dir")]
    Locked {
        /// The directory.
        path: PathBuf,
        /// "process 4711" or "another agent" when the process is not known.
        holder: String,
    },

    /// The directory holds files, but no header of ours.
    #[error(
        "{path} is not a data directory of Steppe: it holds {example:?} but no header; choose an empty directory as data_dir, or move its files away"
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// One of the files found there.
        example: String,
    },

    /// The directory was written by another version.
    #[error("the data directory {path} has format {found}, this agent reads format {known}; {remedy}")]
    Format {
        /// The directory.
        path: PathBuf,
        /// The format in the header.
        found: u32,
        /// The format of this program.
        known: u32,
        /// What a person can do.
        remedy: &'static str,
    },

    /// The directory belongs to another region or another kind of agent.
    #[error("the data directory {path} belongs to a {found}, but this agent is a {wanted}; {remedy}")]
    Mismatch {
        /// The directory.
        path: PathBuf,
        /// What the header says.
        found: String,
        /// What the configuration says.
        wanted: String,
        /// What a person can do.
        remedy: &'static str,
    },

    /// Stored bytes do not say what they must.
    #[error("{place} is damaged: {what}; {remedy}")]
    Corrupt {
        /// The file or the record.
        place: String,
        /// What was expected and what was found.
        what: String,
        /// What a person can do.
        remedy: &'static str,
    },

    /// An earlier write failed, so nothing more is written or acknowledged.
    #[error("the store refuses further work after a failed write: {0}")]
    Poisoned(String),

    /// The store was closed.
    #[error("the store is closed")]
    Closed,

    /// The disk is full.
    #[error("no room on this server's disk for more entries")]
    NoRoom,

    /// Bytes from another server that cannot be understood.
    #[error("a raft message of kind {kind} cannot be read: {what}")]
    Message {
        /// The message's kind, see [`crate::wire`].
        kind: u8,
        /// What was wrong with it.
        what: String,
    },

    /// The settings contradict each other.
    #[error("the raft settings are not usable: {0}")]
    Settings(String),

    /// Raft itself stopped; the process must end, since it can neither lead nor follow.
    #[error("raft stopped: {0}")]
    Fatal(String),
}

/// What to do with a server's directory that cannot be trusted any more.
pub(crate) const REJOIN: &str = "move the directory away and start the server with an empty data_dir: it joins again under a new id and gets the state from its peers. \
     If it is the only server of its region, bring back a copy of the directory instead: with an empty one the region begins anew";

impl Error {
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>, source: io::Error) -> Error {
        Error::Io { action, path: path.as_ref().to_path_buf(), source }
    }

    /// The same words once more.
    pub(crate) fn again(&self) -> Error {
        match self {
            Error::Corrupt { place, what, remedy } => Error::Corrupt { place: place.clone(), what: what.clone(), remedy },
            other => Error::Fatal(other.to_string()),
        }
    }

    pub(crate) fn corrupt(place: impl Into<String>, what: impl Into<String>) -> Error {
        Error::Corrupt { place: place.into(), what: what.into(), remedy: REJOIN }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        match error {
            Error::Io { ref source, .. } => io::Error::new(source.kind(), error.to_string()),
            other => io::Error::other(other.to_string()),
        }
    }
}
