//! Names of signals.

use nix::sys::signal::Signal;

/// A text that names no signal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown signal {given:?}; known are: {known}")]
pub struct UnknownSignal {
    pub given: String,
    known: String,
}

/// Every signal that can be sent to a task, as the node attribute `os.signals` lists them.
pub const ALL_SIGNALS: [Signal; 30] = [
    Signal::SIGABRT,
    Signal::SIGALRM,
    Signal::SIGBUS,
    Signal::SIGCHLD,
    Signal::SIGCONT,
    Signal::SIGFPE,
    Signal::SIGHUP,
    Signal::SIGILL,
    Signal::SIGINT,
    Signal::SIGIO,
    Signal::SIGKILL,
    Signal::SIGPIPE,
    Signal::SIGPROF,
    Signal::SIGPWR,
    Signal::SIGQUIT,
    Signal::SIGSEGV,
    Signal::SIGSTOP,
    Signal::SIGSYS,
    Signal::SIGTERM,
    Signal::SIGTRAP,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGURG,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGVTALRM,
    Signal::SIGWINCH,
    Signal::SIGXCPU,
    Signal::SIGXFSZ,
];

/// `SIGINT`, `int` or `2`.
///
/// # Errors
///
/// The text names no signal.
pub fn parse_signal(text: &str) -> Result<Signal, UnknownSignal> {
    let name = text.trim().to_ascii_uppercase();
    let full = match name.as_str() {
        "SIGIOT" | "IOT" => "SIGABRT".to_owned(),
        "SIGPOLL" | "POLL" => "SIGIO".to_owned(),
        name if name.starts_with("SIG") => name.to_owned(),
        name => format!("SIG{name}"),
    };
    let by_number = name.parse::<i32>().ok();
    ALL_SIGNALS
        .into_iter()
        .find(|signal| signal.as_str() == full || Some(*signal as i32) == by_number)
        .ok_or_else(|| UnknownSignal { given: text.to_owned(), known: ALL_SIGNALS.map(Signal::as_str).join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names with and without prefix, numbers, and nonsense.
    #[test]
    fn names() {
        for (text, want) in [
            ("SIGINT", Some(Signal::SIGINT)),
            ("term", Some(Signal::SIGTERM)),
            ("9", Some(Signal::SIGKILL)),
            ("SIGIOT", Some(Signal::SIGABRT)),
            ("SIGFOO", None),
            ("", None),
            ("0", None),
        ] {
            assert_eq!(parse_signal(text).ok(), want, "{text}");
        }
        assert!(parse_signal("x").unwrap_err().to_string().contains("SIGHUP"));
    }
}
