//! What a caller may be told.

use std::net::SocketAddr;

/// Why a request to the pool was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("gossip configuration: {0}")]
    Config(String),
    #[error("identity of this server: {0}")]
    Identity(String),
    #[error("description of member {name:?}: {reason}")]
    Meta { name: String, reason: String },
    #[error("a record of {size} bytes does not fit a gossip packet, the limit is {limit}: shorten its body")]
    RecordTooLarge { size: usize, limit: usize },
    #[error("the key of a record has {size} bytes, the limit is {limit}")]
    KeyTooLarge { size: usize, limit: usize },
    #[error("region {region:?} has no cluster id yet: nothing can be published before it is bootstrapped")]
    NotBootstrapped { region: String },
    #[error("only records of region {ours} can be published here, this one is of {given}")]
    ForeignAuthor { given: String, ours: String },
    #[error("no member is called {name:?}; known are: {known}")]
    UnknownMember { name: String, known: String },
    #[error("{name:?} is this server: use leave")]
    OwnName { name: String },
    #[error("this server is leaving the pool")]
    Leaving,
    #[error("sync message of {size} bytes, the limit is {limit}")]
    SyncTooLarge { size: usize, limit: usize },
    #[error("sync message: {0}")]
    Sync(#[source] model::codec::Error),
    #[error("sync message: {0}")]
    SyncContent(String),
    #[error("remembered members: {0}")]
    Memory(#[source] model::codec::Error),
}

/// "server-1.west (10.0.0.1:4648)", or the address alone while the name is not known.
pub(crate) fn who(name: Option<&str>, address: SocketAddr) -> String {
    match name {
        Some(name) => format!("{name} ({address})"),
        None => format!("the server at {address}"),
    }
}
