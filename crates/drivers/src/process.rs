//! What `/proc` says about processes. A process is named by its id *and* when it started, so a reused id is never mistaken for it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::ProcessUsage;

/// How often a process is looked at where the kernel cannot tell when it ends (before Linux 5.3).
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// One process, for as long as the machine is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pub pid: i32,
    /// Clock ticks since the machine started.
    pub start_time: u64,
}

/// One line of `/proc/<pid>/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessStat {
    pub pid: i32,
    pub state: char,
    pub parent: i32,
    pub session: i32,
    pub user_ticks: u64,
    pub system_ticks: u64,
    pub start_time: u64,
    pub rss_pages: u64,
}

impl ProcessId {
    pub fn of(pid: i32) -> Option<Self> {
        read_stat(pid).map(|stat| Self { pid, start_time: stat.start_time })
    }

    pub fn is_alive(&self) -> bool {
        read_stat(self.pid).is_some_and(|stat| stat.start_time == self.start_time && stat.is_alive())
    }

    /// Waits until the process has ended.
    pub async fn ended(&self) {
        let descriptor = Pid::from_raw(self.pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        // Only after opening is it certain that the descriptor is of this process.
        if !self.is_alive() {
            return;
        }
        if let Some(descriptor) = descriptor
            // SAFETY: the descriptor is owned by what watches it.
            && let Ok(watched) = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }
            && watched.readable().await.is_ok()
        {
            return;
        }
        while self.is_alive() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

impl ProcessStat {
    /// Neither gone nor waiting to be collected by its parent.
    pub fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }
}

pub(crate) fn read_stat(pid: i32) -> Option<ProcessStat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_stat(text: &str) -> Option<ProcessStat> {
    // The name in parentheses may itself contain spaces and parentheses.
    let (pid, rest) = text.split_once(' ')?;
    let (_, rest) = rest.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(ProcessStat {
        pid: pid.parse().ok()?,
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        user_ticks: number(11)?,
        system_ticks: number(12)?,
        start_time: number(19)?,
        rss_pages: number(21)?,
    })
}

/// All processes that can be seen.
pub(crate) fn all() -> Vec<ProcessStat> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| read_stat(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Children of `ancestor`, their children, and so on; without itself.
pub(crate) fn descendants(ancestor: i32, processes: &[ProcessStat]) -> Vec<ProcessStat> {
    let mut by_parent: BTreeMap<i32, Vec<&ProcessStat>> = BTreeMap::new();
    for process in processes {
        by_parent.entry(process.parent).or_default().push(process);
    }
    let mut found: Vec<ProcessStat> = Vec::new();
    let mut open = vec![ancestor];
    while let Some(parent) = open.pop() {
        // `remove` also ends the search should a snapshot taken over time contain a circle.
        for child in by_parent.remove(&parent).unwrap_or_default() {
            open.push(child.pid);
            found.push(*child);
        }
    }
    found
}

impl ProcessStat {
    pub fn usage(&self) -> ProcessUsage {
        let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096);
        ProcessUsage {
            rss: self.rss_pages * u64::try_from(page).unwrap_or(4096),
            swap: swap(self.pid).unwrap_or(0),
            user_ticks: self.user_ticks,
            system_ticks: self.system_ticks,
        }
    }
}

fn swap(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmSwap:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Clock ticks per second of the counters in [`ProcessUsage`].
pub fn ticks_per_second() -> u64 {
    nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten().and_then(|ticks| u64::try_from(ticks).ok()).unwrap_or(100)
}

/// Changes with every start of the machine.
pub fn boot_id() -> io::Result<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name with spaces and parentheses does not shift the fields.
    #[test]
    fn stat_lines() {
        let line = "42 (a) b (c)) S 7 42 41 0 -1 4194304 100 0 0 0 11 12 0 0 20 0 1 0 987654 1000000 250 18446744073709551615 1 1";
        let stat = parse_stat(line).unwrap();
        assert_eq!((stat.pid, stat.state, stat.parent, stat.session), (42, 'S', 7, 41));
        assert_eq!((stat.user_ticks, stat.system_ticks, stat.start_time, stat.rss_pages), (11, 12, 987654, 250));
        assert_eq!(parse_stat("42 (x"), None);
        assert_eq!(parse_stat(""), None);
    }

    /// This very process is alive under its own start time and not under another.
    #[test]
    fn identity() {
        let own = ProcessId::of(std::process::id() as i32).unwrap();
        assert!(own.is_alive());
        assert!(!ProcessId { start_time: own.start_time + 1, ..own }.is_alive());
    }

    /// Descendants are found at any depth, others are not, and a circle ends.
    #[test]
    fn trees() {
        let process = |pid: i32, parent: i32| ProcessStat {
            pid,
            state: 'S',
            parent,
            session: pid,
            user_ticks: 0,
            system_ticks: 0,
            start_time: 0,
            rss_pages: 0,
        };
        let all = [process(2, 1), process(3, 2), process(4, 3), process(5, 1), process(6, 7), process(7, 6)];
        let pids = |of: i32| {
            let mut pids: Vec<i32> = descendants(of, &all).iter().map(|p| p.pid).collect();
            pids.sort_unstable();
            pids
        };
        assert_eq!(pids(2), [3, 4]);
        assert_eq!(pids(1), [2, 3, 4, 5]);
        assert_eq!(pids(6), [6, 7]);
    }
}
