//! Why an agent does not start.

use std::path::PathBuf;

/// Each variant is one step of starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("client configuration: {0}")]
    Config(String),
    #[error("client plugin configuration")]
    Plugin(#[from] drivers::ConfigError),
    #[error("the node's local state")]
    State(#[from] raftstore::Error),
    #[error("the node's local state holds what cannot be read")]
    Decode(#[from] model::codec::Error),
    #[error("creating {path}")]
    Directory { path: PathBuf, source: std::io::Error },
    #[error("listening for servers on {address}")]
    Listen { address: String, source: std::io::Error },
}

/// An error with all its causes, for logs and for people.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
