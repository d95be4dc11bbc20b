//! What a caller is told when there is no answer.

use std::time::Duration;

/// Why a call has no answer. The variants differ in what is known about the other side: after [`CallError::Unreachable`] and
/// [`CallError::Refused`] nothing was done there, after [`CallError::Lost`] and [`CallError::Timeout`] nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There was no connection, or it broke before the request was sent. Nothing was done; another server may be asked.
    #[error("cannot reach {address}: {reason}")]
    Unreachable { address: String, reason: String },
    /// The connection broke, or the handler did, after the request was sent. Whether it was carried out is unknown.
    #[error("lost {address} before it answered: {reason}")]
    Lost { address: String, reason: String },
    /// No answer within the deadline. Whether the request was carried out is unknown.
    #[error("no answer from {address} within {after:?}")]
    Timeout { address: String, after: Duration },
    /// The handler said no.
    #[error("{text}")]
    Remote { code: u16, text: String },
    /// The connection or the request was turned away before a handler saw it: another cluster, another version, too large, too many, going down.
    #[error("{address} refused: {text}")]
    Refused { address: String, text: String },
}

impl CallError {
    /// Whether it is certain that no handler saw the request, so that sending it again, or elsewhere, cannot do it twice.
    pub fn is_not_executed(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Refused { .. })
    }
}
