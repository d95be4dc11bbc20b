//! Files that are on disk when the call returns: content by fsync, names by fsync of the directory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use crate::error::Error;

/// Makes the names inside `directory` durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), Error> {
    let handle = File::open(directory).map_err(|e| Error::io("open directory", directory, e))?;
    handle.sync_all().map_err(|e| Error::io("sync directory", directory, e))
}

/// Creates `directory` and its missing parents, each durable in its parent.
pub(crate) fn create_directory(directory: &Path) -> Result<(), Error> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_directory(parent)?;
    }
    match fs::create_dir(directory) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => {}
        Err(e) => return Err(Error::io("create directory", directory, e)),
    }
    match parent {
        Some(parent) => sync_directory(parent),
        None => sync_directory(Path::new(".")),
    }
}

/// Replaces the file at `path` by `content`: after a crash at any moment it holds either the old or the new content.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), Error> {
    let temporary = path.with_extension("tmp");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).open(&temporary).map_err(|e| Error::io("create", &temporary, e))?;
    file.write_all(content).map_err(|e| Error::io("write", &temporary, e))?;
    file.sync_all().map_err(|e| Error::io("sync", &temporary, e))?;
    rename(&temporary, path)
}

/// Moves a file whose content is already synced, and makes the new name durable.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(|e| Error::io("rename to", to, e))?;
    match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        _ => sync_directory(Path::new(".")),
    }
}

/// Removes a file; that it is already gone is no error.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::io("remove", path, e)),
    }
}
