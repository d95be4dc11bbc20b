//! Listing directories, and what is said about one file.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use model::Time;
use rpc::message::{Failure, FileInfo};

use super::open::{failure, open};
use crate::alloc::AllocDir;

/// Enough of a file to tell what it is.
const SNIFF: u64 = 512;

pub(crate) fn list(dir: &AllocDir, path: &str) -> Result<Vec<FileInfo>, Failure> {
    let opened = open(dir, path)?;
    let is_dir = opened.file.metadata().map_err(|error| failure(path, &error))?.is_dir();
    if !is_dir {
        return Err(Failure::bad_request(format!("{path} is not a directory")));
    }
    let entries = opened.entries().map_err(|error| failure(path, &error))?;
    let mut found: Vec<FileInfo> =
        entries.map(|(entry, metadata)| info(&entry.file_name().to_string_lossy(), &metadata, String::new())).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

pub(crate) fn stat(dir: &AllocDir, path: &str) -> Result<FileInfo, Failure> {
    let opened = open(dir, path)?;
    let metadata = opened.file.metadata().map_err(|error| failure(path, &error))?;
    let name = Path::new(path).file_name().map_or_else(|| "/".to_owned(), |name| name.to_string_lossy().into_owned());
    let content_type = if metadata.is_file() { content_type(opened.file) } else { String::new() };
    Ok(info(&name, &metadata, content_type))
}

fn info(name: &str, metadata: &Metadata, content_type: String) -> FileInfo {
    FileInfo {
        name: name.to_owned(),
        is_dir: metadata.is_dir(),
        size: i64::try_from(metadata.len()).unwrap_or(i64::MAX),
        file_mode: mode_text(metadata),
        mod_time: Time(metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec())),
        content_type,
    }
}

/// As existing clients show it: letters for what it is, then the permissions.
fn mode_text(metadata: &Metadata) -> String {
    let (kind, mode) = (metadata.file_type(), metadata.permissions().mode());
    let letters = [
        (kind.is_dir(), 'd'),
        (kind.is_symlink(), 'L'),
        (kind.is_block_device() || kind.is_char_device(), 'D'),
        (kind.is_fifo(), 'p'),
        (kind.is_socket(), 'S'),
        (mode & 0o4000 != 0, 'u'),
        (mode & 0o2000 != 0, 'g'),
        (kind.is_char_device(), 'c'),
        (mode & 0o1000 != 0, 't'),
    ];
    let mut text: String = letters.iter().filter(|(set, _)| *set).map(|(_, letter)| *letter).collect();
    if text.is_empty() {
        text.push('-');
    }
    for (bit, letter) in (0..9).rev().zip("rwxrwxrwx".chars()) {
        text.push(if mode & (1 << bit) != 0 { letter } else { '-' });
    }
    text
}

fn content_type(mut file: File) -> String {
    let mut start = Vec::new();
    if file.by_ref().take(SNIFF).read_to_end(&mut start).is_err() {
        return String::new();
    }
    let is_text = match std::str::from_utf8(&start) {
        Ok(text) => !text.contains('\0'),
        // A character cut in two at the end.
        Err(error) => error.error_len().is_none() && start.len() as u64 == SNIFF,
    };
    if is_text { "text/plain; charset=utf-8" } else { "application/octet-stream" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};

    /// Names in order, with modes, sizes and kinds.
    #[test]
    fn listing() {
        let base = tempfile::tempdir().unwrap();
        let dir = AllocDir { root: base.path().to_owned() };
        fs::create_dir(base.path().join("tmp")).unwrap();
        fs::set_permissions(base.path().join("tmp"), Permissions::from_mode(0o1777)).unwrap();
        fs::write(base.path().join("b.txt"), "hello").unwrap();
        fs::set_permissions(base.path().join("b.txt"), Permissions::from_mode(0o644)).unwrap();
        fs::write(base.path().join("a.bin"), [0, 159, 146]).unwrap();
        std::os::unix::fs::symlink("b.txt", base.path().join("link")).unwrap();
        let found = list(&dir, "/").unwrap();
        let names: Vec<&str> = found.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["a.bin", "b.txt", "link", "tmp"]);
        assert_eq!((found[1].file_mode.as_str(), found[1].size, found[1].is_dir), ("-rw-r--r--", 5, false));
        assert_eq!(found[2].file_mode, "Lrwxrwxrwx");
        assert_eq!((found[3].file_mode.as_str(), found[3].is_dir), ("dtrwxrwxrwx", true));
        assert_eq!(stat(&dir, "b.txt").unwrap().content_type, "text/plain; charset=utf-8");
        assert_eq!(stat(&dir, "a.bin").unwrap().content_type, "application/octet-stream");
        assert_eq!(stat(&dir, "link").unwrap().name, "link");
        assert_eq!(list(&dir, "b.txt").unwrap_err().text, "b.txt is not a directory");
    }
}
