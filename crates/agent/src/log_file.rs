//! A log file that starts anew when it is old or large, and keeps as many of its predecessors as it is told to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::config::Log;

/// The file's name when the configuration names a folder; log shippers look for it.
const NAME_IN_FOLDER: &str = "nomad.log";

/// When a file is put aside.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub after: Duration,
    /// Bytes; zero for no limit.
    pub bytes: u64,
    /// Files put aside that are kept: 0 for all, -1 for none.
    pub max_files: i64,
}

/// A file put aside is called `<name>-<nanoseconds since 1970>.<extension>`.
pub struct LogFile {
    path: PathBuf,
    limits: Limits,
    file: File,
    opened: Instant,
    written: u64,
}

impl LogFile {
    /// The file that the configuration asks for, opened; `None` when it asks for none.
    ///
    /// # Errors
    /// The file, or the folder it is in, cannot be made; with the path in its text.
    pub fn open(log: &Log) -> io::Result<Option<LogFile>> {
        let Some(name) = &log.file else { return Ok(None) };
        let path = if name.ends_with('/') { Path::new(name).join(NAME_IN_FOLDER) } else { PathBuf::from(name) };
        let limits = Limits { after: log.rotate_after, bytes: log.rotate_bytes, max_files: log.rotate_max_files };
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(named)?;
        }
        let (file, written) = append_to(&path).map_err(named)?;
        Ok(Some(LogFile { path, limits, file, opened: Instant::now(), written }))
    }

    fn is_due(&self, more: usize) -> bool {
        let large = self.limits.bytes > 0 && self.written > 0 && self.written + more as u64 > self.limits.bytes;
        let old = !self.limits.after.is_zero() && self.opened.elapsed() >= self.limits.after;
        large || old
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.opened = Instant::now();
        let stamp = SystemTime::now().duration_since(UNIX_EPOCH).map(|age| age.as_nanos()).unwrap_or_default();
        let (stem, extension) = self.name_parts();
        fs::rename(&self.path, self.path.with_file_name(format!("{stem}-{stamp}{extension}")))?;
        (self.file, self.written) = append_to(&self.path)?;
        self.prune()
    }

    /// Removes the oldest of the files put aside beyond the number to keep.
    fn prune(&self) -> io::Result<()> {
        let keep = match self.limits.max_files {
            0 => return Ok(()),
            n => usize::try_from(n).unwrap_or(0),
        };
        let (stem, extension) = self.name_parts();
        let mut aside: Vec<(u128, PathBuf)> = Vec::new();
        for entry in fs::read_dir(self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))? {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let stamp = name.strip_prefix(&format!("{stem}-")).and_then(|rest| rest.strip_suffix(&extension));
            if let Some(stamp) = stamp.and_then(|stamp| stamp.parse().ok()) {
                aside.push((stamp, path));
            }
        }
        aside.sort();
        for (_, path) in aside.iter().take(aside.len().saturating_sub(keep)) {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// `steppe` and `.log`.
    fn name_parts(&self) -> (String, String) {
        let part = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
        let extension = part(self.path.extension()).map(|extension| format!(".{extension}")).unwrap_or_default();
        (part(self.path.file_stem()).unwrap_or_default(), extension)
    }
}

impl Write for LogFile {
    /// One call is one or more whole lines, so a line is never cut by a rotation.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        if self.is_due(lines.len()) {
            // what cannot be put aside is written on: a log that grows is better than one that ends
            let _ = self.rotate();
        }
        let n = self.file.write(lines)?;
        self.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn append_to(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let written = file.metadata()?.len();
    Ok((file, written))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes ten lines of ten bytes and returns the names and sizes of all files, the current one last.
    fn write_lines(bytes: u64, max_files: i64) -> Vec<u64> {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Log {
            file: Some(format!("{}/logs/", folder.path().display())),
            rotate_bytes: bytes,
            rotate_max_files: max_files,
            ..Log::default()
        };
        let mut file = LogFile::open(&log).expect("opened").expect("asked for");
        for _ in 0..10 {
            file.write_all(b"123456789\n").expect("written");
        }
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder.path().join("logs")).expect("a folder").map(|entry| entry.expect("readable").path()).collect();
        // "nomad-1….log" sorts before "nomad.log"
        files.sort();
        files.iter().map(|path| path.metadata().expect("readable").len()).collect()
    }

    #[test]
    fn a_file_is_put_aside_when_it_is_full_and_the_oldest_go() {
        // limits and how many files of which sizes they leave
        for (bytes, max_files, expected) in [
            (0, 0, vec![100]),
            (40, 0, vec![40, 40, 20]),
            (45, 0, vec![40, 40, 20]),
            (40, 1, vec![40, 20]),
            (40, -1, vec![20]),
            (5, 2, vec![10, 10, 10]),
        ] {
            assert_eq!(write_lines(bytes, max_files), expected, "{bytes} bytes, {max_files} files");
        }
    }

    #[test]
    fn an_old_file_is_put_aside_and_an_existing_one_is_written_on() {
        // an age of almost nothing, then a second opening of the same file
        let folder = tempfile::tempdir().expect("a folder");
        let file = format!("{}/a.log", folder.path().display());
        let log = Log { file: Some(file.clone()), rotate_after: Duration::from_nanos(1), ..Log::default() };
        LogFile::open(&log).expect("opened").expect("asked for").write_all(b"one\n").expect("written");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);
        let log = Log { file: Some(file.clone()), ..Log::default() };
        LogFile::open(&log).expect("opened").expect("asked for").write_all(b"two\n").expect("written");
        assert_eq!(fs::read_to_string(&file).expect("readable"), "one\ntwo\n");
    }
}
