//! A process that outlives the tests by a moment and cleans up behind them, however they end.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::program::root;

/// Cleans up when this is dropped, or when the process of the tests ends in any way.
pub struct Guardian(Child);

impl Guardian {
    /// Takes down the cluster in `folder`, which may not be there yet.
    ///
    /// # Panics
    /// The process cannot be started.
    pub fn of(folder: &Path) -> Guardian {
        let script = root().join("scripts/cluster");
        Guardian::start("cat >/dev/null; \"$0\" down --dir \"$1\"; rm -rf \"$1\"", &[script.as_os_str(), folder.as_os_str()])
    }

    /// Kills the agent with that process id and its tasks, which all have `folder` in their arguments or their environment. Not when it is
    /// dismissed.
    ///
    /// # Panics
    /// The process cannot be started.
    pub fn of_agent(pid: u32, folder: &Path) -> Guardian {
        let script = "read word && exit; grep -qF \"$1/\" /proc/$0/cmdline && kill -9 $0; \
            for task in $(grep -lzF \"NOMAD_ALLOC_DIR=$1/\" /proc/[0-9]*/environ | cut -d/ -f3); do kill -9 $task; done; rm -rf \"$1\"";
        Guardian::start(script, &[OsStr::new(&pid.to_string()), folder.as_os_str()])
    }

    /// Kills every process that has `folder` in its arguments or its environment, and removes the folder, unless there are histories in it that
    /// somebody wants to see, or it is dismissed.
    ///
    /// # Panics
    /// The process cannot be started.
    pub fn of_campaign(folder: &Path) -> Guardian {
        let script = "read word; for turn in 1 2 3; do \
            for process in $(grep -lF \"$0\" /proc/[0-9]*/cmdline /proc/[0-9]*/environ | cut -d/ -f3 | sort -u); do \
            [ $process = $$ ] || kill -9 $process; done; done; [ -n \"$word\" ] || ls \"$0\"/history-* || rm -rf \"$0\"";
        Guardian::start(script, &[folder.as_os_str()])
    }

    /// Removes network devices of this machine, and then a network namespace with everything that runs in it.
    ///
    /// # Panics
    /// The process cannot be started.
    pub fn of_network(namespace: &str, devices: &[&str]) -> Guardian {
        let script =
            "cat >/dev/null; for device in \"$@\"; do ip link del $device; done; ip netns pids $0 | xargs -r kill -9; ip netns del $0";
        let words: Vec<&OsStr> = std::iter::once(&namespace).chain(devices).map(OsStr::new).collect();
        Guardian::start(script, &words)
    }

    /// There is nothing left to clean up.
    pub fn dismiss(&mut self) {
        if let Some(input) = self.0.stdin.as_mut() {
            let _ = input.write_all(b"dismissed\n");
        }
    }

    /// `script` finds its words as `$0`, `$1` …; its standard input ends when nobody holds the other end any more.
    fn start(script: &str, words: &[&OsStr]) -> Guardian {
        let process = Command::new("/bin/sh")
            .args(["-c", script])
            .args(words)
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
