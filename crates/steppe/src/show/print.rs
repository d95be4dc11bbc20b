//! Writing to standard output and standard error, also when nobody reads them any more.

use std::io::Write;

/// Prints a line on standard output.
macro_rules! say {
    ($($argument:tt)*) => { $crate::show::line(&format!($($argument)*)) };
}

/// Prints a line on standard error.
macro_rules! complain {
    ($($argument:tt)*) => { $crate::show::problem(&format!($($argument)*)) };
}

/// A line on standard output.
pub fn line(text: &str) {
    raw(format!("{text}\n").as_bytes());
}

/// Bytes on standard output, at once. When its reader is gone, as `head` is after ten lines, the command has nothing left to do.
pub fn raw(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}

/// A line on standard error.
pub fn problem(text: &str) {
    // There is no other place to say that this failed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
