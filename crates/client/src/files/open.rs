//! Opening by a path that somebody sent. The kernel resolves it beneath the allocation's directory, so no link and no `..` leads out, also not
//! when the task changes links at the same moment.

use std::fs::{self, DirEntry, File, Metadata};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use rpc::message::Failure;

use crate::alloc::{AllocDir, HIDDEN, SHARED};

/// A file or directory of an allocation, open for reading.
pub(crate) struct Opened {
    pub file: File,
    /// From the allocation's directory, after all links.
    pub path: PathBuf,
}

impl Opened {
    /// What is in the directory, without following links. What went away in between is not there.
    pub fn entries(&self) -> io::Result<impl Iterator<Item = (DirEntry, Metadata)> + use<>> {
        // Through the descriptor, so that it is the directory that was checked.
        let entries = fs::read_dir(format!("/proc/self/fd/{}", self.file.as_raw_fd()))?;
        Ok(entries.flatten().filter_map(|entry| fs::symlink_metadata(entry.path()).ok().map(|metadata| (entry, metadata))))
    }
}

pub(crate) fn open(dir: &AllocDir, path: &str) -> Result<Opened, Failure> {
    open_path(dir, Path::new(path))
}

/// As [`open`], of a name that need not be text.
pub(super) fn open_path(dir: &AllocDir, path: &Path) -> Result<Opened, Failure> {
    let relative = normal(path)?;
    let path = &*path.to_string_lossy();
    refuse_hidden(&relative)?;
    let root = File::open(&dir.root).map_err(|error| failure(path, &error))?;
    let file = match beneath(&root, &relative) {
        // An absolute link may still lead to a place inside: look where it leads, and go there without links.
        Err(Errno::EXDEV) => {
            let inside = inside(&dir.root, &relative).map_err(|error| failure(path, &error))?.ok_or_else(escapes)?;
            beneath(&root, &inside)
        }
        other => other,
    };
    let file = file.map_err(|errno| if errno == Errno::EXDEV { escapes() } else { failure(path, &errno.into()) })?;
    // Where it really is, as the kernel sees it.
    let place = |file: &File| std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let (base, real) = (place(&root), place(&file));
    let (base, real) = (base.map_err(|error| failure(path, &error))?, real.map_err(|error| failure(path, &error))?);
    let real = real.strip_prefix(&base).map_err(|_| escapes())?.to_owned();
    refuse_hidden(&real)?;
    Ok(Opened { file, path: real })
}

fn beneath(root: &File, path: &Path) -> Result<File, Errno> {
    // Not blocking: opening a fifo must not wait for its writer.
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    openat2(root, path, OpenHow::new().flags(flags).resolve(resolve)).map(File::from)
}

/// The path without links, from the root; `None`: outside.
fn inside(root: &Path, path: &Path) -> io::Result<Option<PathBuf>> {
    let (root, real) = (root.canonicalize()?, root.join(path).canonicalize()?);
    Ok(real.strip_prefix(&root).ok().map(Path::to_owned))
}

/// Relative, without `.` and `..`; a `..` that would lead out is refused instead of being cut off.
pub(crate) fn normal(path: &Path) -> Result<PathBuf, Failure> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                if !normal.pop() {
                    return Err(escapes());
                }
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    Ok(normal)
}

/// `<task>/secrets` and `<task>/private`, and what is in them.
fn refuse_hidden(path: &Path) -> Result<(), Failure> {
    let mut components = path.components().map(|component| component.as_os_str());
    let (first, second) = (components.next(), components.next());
    let is_hidden = first.is_some_and(|first| first != SHARED) && second.is_some_and(|second| HIDDEN.iter().any(|name| second == *name));
    if is_hidden {
        return Err(Failure::new(403, "the secrets and private directories of a task are not shown: Permission denied"));
    }
    Ok(())
}

fn escapes() -> Failure {
    Failure::bad_request("Path escapes the alloc directory")
}

pub(crate) fn failure(path: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => Failure::not_found(format!("{path}: no such file or directory")),
        io::ErrorKind::NotADirectory => Failure::not_found(format!("{path}: not a directory")),
        io::ErrorKind::PermissionDenied => Failure::new(403, format!("{path}: Permission denied")),
        _ => Failure::internal(format!("{path}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// Each row: a path somebody sends, and where it leads or why it does not.
    #[test]
    fn paths() {
        let base = tempfile::tempdir().unwrap();
        let dir = AllocDir { root: base.path().join("id") };
        for path in ["alloc/logs", "alloc/data/secrets", "web/local", "web/secrets", "web/private"] {
            fs::create_dir_all(dir.root.join(path)).unwrap();
        }
        for path in ["alloc/logs/out", "alloc/data/secrets/fine", "web/secrets/token", "../outside"] {
            fs::write(dir.root.join(path), "x").unwrap();
        }
        let link = |to: &str, from: &str| symlink(to, dir.root.join("web/local").join(from)).unwrap();
        link("../../alloc/logs/out", "inside");
        link(&dir.root.join("alloc/logs/out").display().to_string(), "absolute");
        link("../../../outside", "outside");
        link("/etc/passwd", "passwd");
        link("../secrets/token", "token");
        link("/proc/self/root", "proc");
        nix::unistd::mkfifo(&dir.root.join("web/local/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();

        let escapes = "400 Path escapes the alloc directory";
        let hidden = "403 the secrets and private directories of a task are not shown: Permission denied";
        for (path, want) in [
            ("", ""),
            ("/", ""),
            ("alloc/logs/out", "alloc/logs/out"),
            ("/alloc/./logs/../logs/out", "alloc/logs/out"),
            ("web/local/inside", "alloc/logs/out"),
            ("web/local/absolute", "alloc/logs/out"),
            ("alloc/data/secrets/fine", "alloc/data/secrets/fine"),
            ("web/local/fifo", "web/local/fifo"),
            ("..", escapes),
            ("alloc/../../outside", escapes),
            ("web/local/outside", escapes),
            ("web/local/passwd", escapes),
            ("web/local/proc", escapes),
            ("web/local/proc/etc/passwd", escapes),
            ("web/secrets", hidden),
            ("web/secrets/token", hidden),
            ("web/private", hidden),
            ("web/local/token", hidden),
            ("web/nosuch", "404 web/nosuch: no such file or directory"),
            ("alloc/logs/out/x", "404 alloc/logs/out/x: not a directory"),
        ] {
            let got = match open(&dir, path) {
                Ok(opened) => opened.path.display().to_string(),
                Err(failure) => format!("{} {}", failure.code, failure.text),
            };
            assert_eq!(got, want, "{path}");
        }
    }
}
