//! A disk of a few megabytes that can be filled, for one agent after the other.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A file system in memory at the place of a folder, seen only by those who are started by [`SmallDisk::words`]. It is gone when this is
/// dropped, or the process of the tests ends in any way, as soon as they have ended, too.
pub struct SmallDisk {
    /// Who keeps it until its input ends.
    keeper: Child,
    is_root: bool,
    /// The folder, as this process can see it.
    inside: PathBuf,
}

impl SmallDisk {
    /// With so many MiB, at `folder`, which is made.
    ///
    /// # Errors
    /// What this machine does not allow.
    pub fn at(folder: &Path, mebibytes: u32) -> Result<SmallDisk, String> {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let is_root = nix::unistd::geteuid().is_root();
        let mut command = Command::new("unshare");
        command.arg("--mount").args((!is_root).then_some("--map-root-user"));
        command.args(["sh", "-c", "mount -t tmpfs -o size=$1m none \"$0\" && echo mounted && exec cat >&2"]);
        command.arg(folder).arg(mebibytes.to_string());
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut keeper = started.map_err(|error| format!("unshare: {error}"))?;
        let mut said = [0; 7];
        let heard = keeper.stdout.as_mut().map(|output| output.read_exact(&mut said));
        if !matches!(heard, Some(Ok(()))) {
            let mut why = String::new();
            keeper.stderr.as_mut().map(|errors| errors.read_to_string(&mut why));
            let _ = keeper.wait();
            return Err(format!("no file system of its own: {}", why.trim()));
        }
        let inside = PathBuf::from(format!("/proc/{}/root{}", keeper.id(), folder.display()));
        Ok(SmallDisk { keeper, is_root, inside })
    }

    /// The words before a program that let it see this disk.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec!["nsenter".to_owned(), format!("--target={}", self.keeper.id()), "--mount".to_owned()];
        if !self.is_root {
            words.extend(["--user".to_owned(), "--preserve-credentials".to_owned()]);
        }
        words
    }

    /// Takes all the room that is left.
    ///
    /// # Panics
    /// It goes on for ever.
    pub fn fill(&self) {
        let mut ballast = File::options().create(true).append(true).open(self.ballast()).expect("a file");
        // Smaller and smaller pieces, until there is no room for a page.
        let mut piece = vec![0; 1 << 20];
        while piece.len() >= 4096 {
            if ballast.write_all(&piece).is_err() {
                piece.truncate(piece.len() / 2);
            }
        }
    }

    /// Gives that room back.
    ///
    /// # Panics
    /// It was not filled.
    pub fn clear(&self) {
        fs::remove_file(self.ballast()).expect("it was filled");
    }

    fn ballast(&self) -> PathBuf {
        self.inside.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
