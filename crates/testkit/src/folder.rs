//! A folder of a test that starts processes.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A temporary folder. When the test fails, the processes that work in it or were told of it end with it; a test that passes ends its own.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// # Panics
    /// There is no room for it.
    #[expect(clippy::new_without_default, reason = "it makes something on disk")]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder for a test"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn has(&self, process: &Path) -> bool {
        let folder = self.path().as_os_str().as_bytes();
        let tells = |file: &str| fs::read(process.join(file)).is_ok_and(|text| text.windows(folder.len()).any(|part| part == folder));
        fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(self.path())) || tells("cmdline") || tells("environ")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        // One may start another while it is looked for.
        for _ in 0..3 {
            let processes: Vec<PathBuf> = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
            for process in processes {
                let pid = process.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<i32>().ok());
                if let Some(pid) = pid.filter(|_| self.has(&process)) {
                    // It may have ended by itself.
                    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// A failing test takes its processes along, by whatever they are known; others live on.
    #[test]
    fn failing() {
        let mut other = Command::new("sleep").arg("60").spawn().unwrap();
        let (sender, children) = std::sync::mpsc::channel();
        let failing = std::thread::spawn(move || {
            let folder = Folder::new();
            let sleep = || {
                let mut command = Command::new("sh");
                command.args(["-c", "sleep 60; true"]);
                command
            };
            sender.send(sleep().current_dir(folder.path()).spawn().unwrap()).unwrap();
            sender.send(sleep().env("FOLDER", folder.path()).spawn().unwrap()).unwrap();
            sender.send(sleep().arg(folder.path()).spawn().unwrap()).unwrap();
            panic!("on purpose");
        });
        assert!(failing.join().is_err());
        for mut child in children {
            assert!(!child.wait().unwrap().success());
        }
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
