//! Captured output in numbered files: `<name>.0`, `<name>.1`, …; the lowest are deleted first.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Appends to the newest file of a stream and begins the next one when it is full.
pub(crate) struct RotatingFile {
    dir: PathBuf,
    /// `web.stdout`
    stem: String,
    max_files: u64,
    max_file_size: u64,
    index: u64,
    /// Bytes in the current file.
    length: u64,
    file: Option<File>,
}

impl RotatingFile {
    /// Goes on where an earlier start of the task left off.
    pub fn open(dir: &Path, stem: &str, max_files: u64, max_file_size: u64) -> io::Result<Self> {
        let index = indexes(dir, stem)?.last().copied().unwrap_or(0);
        let mut rotating = Self {
            dir: dir.to_owned(),
            stem: stem.to_owned(),
            max_files: max_files.max(1),
            max_file_size: max_file_size.max(1),
            index,
            length: 0,
            file: None,
        };
        rotating.open_current()?;
        Ok(rotating)
    }

    /// Writes all of it, over as many files as it takes.
    pub fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.file.is_none() {
                self.open_current()?;
            }
            if self.length >= self.max_file_size {
                self.index += 1;
                self.open_current()?;
                self.delete_oldest()?;
            }
            let room = usize::try_from(self.max_file_size - self.length).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            let Some(file) = &mut self.file else { continue };
            if let Err(error) = file.write_all(now) {
                // How much was written is unknown: look again next time.
                self.file = None;
                return Err(error);
            }
            self.length += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    fn open_current(&mut self) -> io::Result<()> {
        self.file = None;
        let path = self.dir.join(format!("{}.{}", self.stem, self.index));
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        self.length = file.metadata()?.len();
        self.file = Some(file);
        Ok(())
    }

    fn delete_oldest(&self) -> io::Result<()> {
        let indexes = indexes(&self.dir, &self.stem)?;
        let surplus = indexes.len().saturating_sub(usize::try_from(self.max_files).unwrap_or(usize::MAX));
        for index in indexes.iter().take(surplus) {
            match fs::remove_file(self.dir.join(format!("{}.{index}", self.stem))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Numbers of the files that exist, in order.
fn indexes(dir: &Path, stem: &str) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let index = name.to_str().and_then(|name| name.strip_prefix(stem)?.strip_prefix('.')?.parse::<u64>().ok());
        found.extend(index);
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: limits, writes (a `|` reopens as a restarted task would), and the files that remain.
    #[test]
    fn rotation() {
        let check = |max_files: u64, max_size: u64, writes: &[&str], want: &[(&str, &str)]| {
            let dir = tempfile::tempdir().unwrap();
            let open = || RotatingFile::open(dir.path(), "web.stdout", max_files, max_size).unwrap();
            let mut file = open();
            for text in writes {
                if *text == "|" {
                    file = open();
                } else {
                    file.write_all(text.as_bytes()).unwrap();
                }
            }
            let mut got: Vec<(String, String)> = fs::read_dir(dir.path())
                .unwrap()
                .map(|entry| entry.unwrap())
                .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
                .collect();
            got.sort();
            let want: Vec<(String, String)> = want.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            assert_eq!(got, want, "{max_files} files of {max_size}: {writes:?}");
        };
        check(3, 10, &[], &[("web.stdout.0", "")]);
        check(3, 10, &["hello\n", "you\n"], &[("web.stdout.0", "hello\nyou\n")]);
        check(3, 4, &["0123456789"], &[("web.stdout.0", "0123"), ("web.stdout.1", "4567"), ("web.stdout.2", "89")]);
        check(2, 4, &["0123456789ab", "c"], &[("web.stdout.2", "89ab"), ("web.stdout.3", "c")]);
        check(2, 4, &["01", "|", "23", "|", "4"], &[("web.stdout.0", "0123"), ("web.stdout.1", "4")]);
        check(1, 2, &["abcde"], &[("web.stdout.2", "e")]);
        check(0, 0, &["abc"], &[("web.stdout.2", "c")]);
    }
}
