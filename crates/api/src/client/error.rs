//! What can go wrong when asking an agent.

use http::Method;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be one of an agent.
    #[error("invalid address {address:?}: {reason}")]
    Address { address: String, reason: String },
    #[error("the token contains characters that cannot be sent")]
    Token,
    /// The request could not be built.
    #[error("the request cannot be sent: {reason}")]
    Request { reason: String },
    /// No answer: no connection, or it broke.
    #[error("{} \"{url}\": {reason}", verb(method))]
    Connect { method: Method, url: String, reason: String },
    /// The server said no; `body` is its text.
    #[error("Unexpected response code: {status} ({body})")]
    Status { status: u16, body: String },
    /// The answer is not what the endpoint gives.
    #[error("the answer of {what} could not be read: {reason}")]
    Answer { what: String, reason: String },
    /// The answer broke off.
    #[error("the stream broke off: {reason}")]
    Stream { reason: String },
}

impl Error {
    /// The status code, if the server answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The server's own words, if it answered.
    pub fn body(&self) -> Option<&str> {
        match self {
            Self::Status { body, .. } => Some(body),
            _ => None,
        }
    }

    /// The server answered that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Nobody answered: another try, or another agent, may help.
    pub fn is_connection(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Stream { .. })
    }
}

/// `Get`, `Put`, `Delete`.
fn verb(method: &Method) -> String {
    let mut text = method.as_str().to_ascii_lowercase();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// Why no answer came, in words.
pub(super) fn connect_reason(error: &hyper_util::client::legacy::Error, address: &str) -> String {
    let host = address.trim_start_matches("http://");
    if let Some(io) = io_error(error) {
        let words = match io.kind() {
            std::io::ErrorKind::ConnectionRefused => "connection refused: no agent listens there".to_owned(),
            std::io::ErrorKind::TimedOut => "connection timed out".to_owned(),
            std::io::ErrorKind::ConnectionReset => "connection reset by the agent".to_owned(),
            _ => io.to_string(),
        };
        return format!("dial tcp {host}: {words}");
    }
    if error.is_connect() { format!("dial tcp {host}: {}", innermost(error)) } else { innermost(error) }
}

fn io_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a std::io::Error> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io);
        }
        current = error.source();
    }
    None
}

/// The text of the cause at the root.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}
