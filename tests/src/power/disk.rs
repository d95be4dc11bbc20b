//! A disk whose power can be cut: an ext4 file system in an image file, mounted through a loop device.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::chaos::Dice;

/// Far more than a server writes between some dozens of cuts; the file has holes where nothing was written.
const SIZE: &str = "256M";

// EXT4_IOC_SHUTDOWN: from now on, nothing more reaches the device, and whatever still asks for that gets an error.
nix::ioctl_read!(shut_down, b'X', 125, u32);

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// All that was not synced: EXT4_GOING_FLAGS_NOLOGFLUSH.
    Unsynced = 2,
    /// The journal still gets the names and sizes that are due, but their content is lost: EXT4_GOING_FLAGS_LOGFLUSH.
    Content = 1,
}

/// From here on, what this thread mounts is seen by it and by what it starts alone, and ends with them.
///
/// # Errors
/// What is missing.
pub fn apart() -> Result<(), String> {
    unshare(CloneFlags::CLONE_NEWNS)
        .and_then(|()| mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>))
        .map_err(|error| format!("missing privilege: to mount file systems (root, CAP_SYS_ADMIN): {error}"))
}

/// Unmounted when dropped.
pub struct Disk {
    image: PathBuf,
    place: PathBuf,
}

impl Disk {
    /// A new file system in `folder`, mounted at its `data`.
    ///
    /// # Errors
    /// What is missing.
    pub fn new(folder: &Path) -> Result<Disk, String> {
        let disk = Disk { image: folder.join("disk.ext4"), place: folder.join("data") };
        std::fs::create_dir_all(&disk.place).map_err(|error| format!("{}: {error}", disk.place.display()))?;
        let made = run(Command::new("mkfs.ext4").args(["-q", "-F", "-J", "size=8"]).arg(&disk.image).arg(SIZE));
        made.map_err(|problem| format!("missing: mkfs.ext4 that works (apt-get install e2fsprogs): {problem}"))?;
        disk.mount().map_err(|problem| {
            let is_forbidden = problem.contains("ermission denied") || problem.contains("not permitted");
            format!("missing{}: a loop mount: {problem}", if is_forbidden { " privilege" } else { "" })
        })?;
        Ok(disk)
    }

    /// Where it is mounted.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// The system writes some of what is due by itself, as it may at any time: parts of some files.
    pub fn write_some(&self, dice: &mut Dice) {
        for path in files(&self.place) {
            let Ok(file) = File::open(&path) else { continue };
            let length = file.metadata().map_or(0, |metadata| metadata.len());
            let (begin, end) = (dice.between(0, length), dice.between(0, length));
            if dice.percent(50) {
                let (begin, length) = (begin.min(end).cast_signed(), begin.abs_diff(end).cast_signed());
                let flags = libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
                // SAFETY: the descriptor is open, no memory is involved.
                unsafe { libc::sync_file_range(file.as_raw_fd(), begin, length, flags) };
            }
        }
    }

    /// # Errors
    /// The file system does not know how.
    pub fn cut(&self, loss: Loss) -> Result<(), String> {
        let root = File::open(&self.place).map_err(|error| format!("{}: {error}", self.place.display()))?;
        let mut flags = loss as u32;
        // SAFETY: the descriptor is open; the kernel reads the number.
        let cut = unsafe { shut_down(root.as_raw_fd(), &raw mut flags) };
        cut.map(drop).map_err(|error| format!("EXT4_IOC_SHUTDOWN: {error}"))
    }

    /// Mounted again, after the journal was played; nobody may be using it. With `is_checked`, the file system is whole.
    ///
    /// # Errors
    /// It is not, or cannot be mounted.
    pub fn come_back(&self, is_checked: bool) -> Result<(), String> {
        self.unmount()?;
        self.mount()?;
        if is_checked {
            self.unmount()?;
            run(Command::new("e2fsck").arg("-fn").arg(&self.image))?;
            self.mount()?;
        }
        Ok(())
    }

    fn mount(&self) -> Result<(), String> {
        run(Command::new("mount").args(["-t", "ext4", "-o", "loop"]).args([&self.image, &self.place]))
    }

    fn unmount(&self) -> Result<(), String> {
        run(Command::new("umount").arg(&self.place))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.unmount();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(self::files(&entry.path())),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
    files
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let run = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    let said = [run.stdout, run.stderr].concat();
    run.status.success().then_some(()).ok_or_else(|| format!("{name}: {}", String::from_utf8_lossy(&said).trim()))
}
