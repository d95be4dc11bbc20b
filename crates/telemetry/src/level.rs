//! How urgent a line of the log is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The least urgent line that is wanted. Append-only: it is sent by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// A word that is no level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLevel(pub String);

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not a log level: write TRACE, DEBUG, INFO, WARN or ERROR", self.0)
    }
}

impl std::error::Error for UnknownLevel {}

impl LogLevel {
    /// Whether a line of `level` is at least as urgent.
    pub fn takes(self, level: tracing::Level) -> bool {
        // tracing orders by how much is said, not by urgency.
        level <= self.to_tracing()
    }

    /// The same level as tracing has it.
    pub fn to_tracing(self) -> tracing::Level {
        match self {
            Self::Trace => tracing::Level::TRACE,
            Self::Debug => tracing::Level::DEBUG,
            Self::Info => tracing::Level::INFO,
            Self::Warn => tracing::Level::WARN,
            Self::Error => tracing::Level::ERROR,
        }
    }
}

impl FromStr for LogLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        match text.to_ascii_uppercase().as_str() {
            "TRACE" => Ok(Self::Trace),
            "DEBUG" => Ok(Self::Debug),
            "INFO" => Ok(Self::Info),
            "WARN" => Ok(Self::Warn),
            "ERROR" => Ok(Self::Error),
            _ => Err(UnknownLevel(text.to_owned())),
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_tracing().as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Levels are read in any case and take what is at least as urgent.
    #[test]
    fn levels() {
        for (text, level) in [("trace", LogLevel::Trace), ("DEBUG", LogLevel::Debug), ("Info", LogLevel::Info), ("warn", LogLevel::Warn)] {
            assert_eq!(text.parse(), Ok(level));
            assert_eq!(level.to_string(), text.to_uppercase());
        }
        let refusal = "loud".parse::<LogLevel>().unwrap_err().to_string();
        assert_eq!(refusal, "\"loud\" is not a log level: write TRACE, DEBUG, INFO, WARN or ERROR");
        assert!(LogLevel::Warn.takes(tracing::Level::ERROR) && LogLevel::Warn.takes(tracing::Level::WARN));
        assert!(!LogLevel::Warn.takes(tracing::Level::INFO));
    }
}
