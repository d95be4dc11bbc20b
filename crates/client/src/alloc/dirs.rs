//! The directories of an allocation:
//!
//! ```text
//! <alloc_dir>/<id>/alloc/{data,logs,tmp}                      shared by its tasks
//! <alloc_dir>/<id>/<task>/{local,secrets,private,tmp}         private holds what the drivers keep
//! ```
//!
//! `secrets` is a folder on disk like the others, readable by the task's user only where that is the agent's: no memory is mounted, which would
//! take root and would stay behind when an agent is killed for good.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use model::{AllocId, Task};
use nix::fcntl::OFlag;

/// The directory that tasks share.
pub(crate) const SHARED: &str = "alloc";
/// Where data on its way here is, and where it is when all of it has come.
pub(super) const INCOMING: &str = ".incoming";
pub(super) const WHOLE: &str = ".whole";
/// Directories of a task that are for it alone.
pub(crate) const HIDDEN: [&str; 2] = ["secrets", "private"];

/// Where an allocation lives.
#[derive(Clone, Debug)]
pub(crate) struct AllocDir {
    pub root: PathBuf,
}

/// Where a task lives.
pub(crate) struct TaskDir {
    pub root: PathBuf,
}

impl AllocDir {
    pub fn new(alloc_dir: &Path, id: AllocId) -> Self {
        Self { root: alloc_dir.join(id.to_string()) }
    }

    pub fn shared(&self) -> PathBuf {
        self.root.join(SHARED)
    }

    pub fn logs(&self) -> PathBuf {
        self.shared().join("logs")
    }

    pub fn task(&self, name: &str) -> TaskDir {
        TaskDir { root: self.root.join(name) }
    }

    /// Makes all of them. What is there stays.
    pub fn build(&self, tasks: &[Task]) -> Result<(), String> {
        make(&self.root, 0o755)?;
        make(&self.shared(), 0o777)?;
        for name in ["data", "logs", "tmp"] {
            make(&self.shared().join(name), 0o777)?;
        }
        for task in tasks {
            if !is_plain(&task.name) {
                return Err(format!("task name {:?} cannot be the name of a directory", task.name));
            }
            let dir = self.task(&task.name).root;
            // Secrets of a task that runs as another user must be within its reach.
            let secrets = if task.user.is_empty() { 0o700 } else { 0o777 };
            make(&dir, 0o777)?;
            for (name, mode) in [("local", 0o777), ("secrets", secrets), ("private", 0o700), ("tmp", 0o1777)] {
                make(&dir.join(name), mode)?;
            }
        }
        Ok(())
    }

    pub fn remove(&self) -> io::Result<()> {
        remove(&self.root)
    }
}

/// A directory with all that is in it, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl TaskDir {
    pub fn local(&self) -> PathBuf {
        self.root.join("local")
    }

    pub fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    /// What the driver keeps of one start.
    pub fn start(&self, attempt: u64) -> PathBuf {
        self.root.join("private").join(format!("start-{attempt}"))
    }
}

/// Whether a task of this name has a directory of its own.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && ![".", "..", SHARED, INCOMING, WHOLE].contains(&name) && !name.contains(['/', '\0'])
}

/// As [`directory`], with an error that says which.
pub(super) fn make(path: &Path, mode: u32) -> Result<(), String> {
    directory(path, mode).map_err(|error| format!("failed to make directory {}: {error}", path.display()))
}

/// Makes a directory, or takes the one that is there, with exactly this mode, whatever the umask. A link in its place is not followed: a task may
/// have put it there.
pub(super) fn directory(path: &Path, mode: u32) -> io::Result<()> {
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    let flags = (OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits();
    let found = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    // By what was opened; a descriptor of only the path cannot be asked to do it itself.
    fs::set_permissions(format!("/proc/self/fd/{}", found.as_raw_fd()), Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The layout and the modes of the interface; a name that leaves the directory is refused.
    #[test]
    fn layout() {
        let base = tempfile::tempdir().unwrap();
        let dir = AllocDir::new(base.path(), "5456bd7a-9fc0-c0dd-6131-cbee77f57577".parse().unwrap());
        let task = Task { name: "web".to_owned(), ..Task::default() };
        for _ in 0..2 {
            dir.build(std::slice::from_ref(&task)).unwrap();
        }
        for (path, mode) in [
            ("", 0o755),
            ("alloc", 0o777),
            ("alloc/data", 0o777),
            ("alloc/logs", 0o777),
            ("alloc/tmp", 0o777),
            ("web", 0o777),
            ("web/local", 0o777),
            ("web/secrets", 0o700),
            ("web/private", 0o700),
            ("web/tmp", 0o1777),
        ] {
            let metadata = fs::metadata(dir.root.join(path)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{path}");
        }
        // What a task has put in the place of a directory is neither changed nor written into.
        let outside = base.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::set_permissions(&outside, Permissions::from_mode(0o700)).unwrap();
        fs::remove_dir(dir.root.join("alloc/tmp")).unwrap();
        std::os::unix::fs::symlink(&outside, dir.root.join("alloc/tmp")).unwrap();
        assert!(dir.build(std::slice::from_ref(&task)).is_err());
        assert_eq!(fs::metadata(&outside).unwrap().permissions().mode() & 0o7777, 0o700);
        fs::remove_dir(&outside).unwrap();
        fs::remove_file(dir.root.join("alloc/tmp")).unwrap();
        for name in ["", ".", "..", "a/b", "alloc", ".incoming", ".whole"] {
            let bad = Task { name: name.to_owned(), ..Task::default() };
            assert_eq!(dir.build(&[bad]), Err(format!("task name {name:?} cannot be the name of a directory")));
        }
        dir.remove().unwrap();
        dir.remove().unwrap();
        assert!(!dir.root.exists());
    }
}
