//! A process that outlives the tests by a moment and takes their cluster down, however they end.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::program::root;

/// Takes a cluster down when this is dropped, or when the process of the tests ends in any way.
pub struct Guardian(Child);

impl Guardian {
    /// Watches over the cluster in `folder`, which may not be there yet.
    ///
    /// # Panics
    /// The process cannot be started.
    pub fn of(folder: &Path) -> Guardian {
        // its standard input ends when nobody holds the other end any more
        let script = "cat >/dev/null; \"$0\" down --dir \"$1\"; rm -rf \"$1\"";
        let process = Command::new("/bin/sh")
            .args(["-c", script])
            .arg(root().join("scripts/cluster"))
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C at the tests must not end it
            .process_group(0)
            .spawn();
        Guardian(process.expect("a shell"))
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
