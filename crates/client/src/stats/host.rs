//! Statistics of the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use nix::sys::statvfs::statvfs;
use serde_json::{Value, json};

use crate::fingerprint::Cpu;
use crate::shared::Shared;
use crate::time;

/// Percentages over less time than this say nothing.
const SPAN_LEAST: Duration = Duration::from_millis(100);

/// Counters of all processors at one moment.
#[derive(Clone, Debug)]
pub(crate) struct CpuSample {
    at: Instant,
    cpus: Vec<CpuTimes>,
}

/// Clock ticks since the machine started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct CpuTimes {
    name: String,
    user: u64,
    system: u64,
    idle: u64,
    total: u64,
}

/// A mounted filesystem on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub device: String,
    pub point: PathBuf,
}

/// Bytes and shares of a filesystem.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct DiskUsage {
    pub size: u64,
    pub used: u64,
    pub available: u64,
    pub used_percent: f64,
    pub inodes_used_percent: f64,
}

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub total: u64,
    pub available: u64,
    pub free: u64,
}

/// The body of `/v1/client/stats`.
pub(crate) async fn host_stats(shared: &Shared) -> String {
    let (before, after) = cpu_samples(shared).await;
    let mut cpus = Vec::new();
    let mut ticks_consumed = 0.0;
    for load in cpu_loads(&before, &after) {
        ticks_consumed += load.total_ticks;
        cpus.push(json!({
            "CPU": load.cpu,
            "User": load.user,
            "System": load.system,
            "Idle": load.idle,
            "TotalPercent": load.total_percent,
            "TotalTicks": load.total_ticks,
        }));
    }
    let memory = memory().unwrap_or_default();
    let alloc_dir = &shared.config.alloc_dir;
    let disks: Vec<Value> =
        mounts().iter().filter_map(|mount| Some(disk(&mount.device, &mount.point, disk_usage(&mount.point)?))).collect();
    let stats = json!({
        "Memory": {
            "Total": memory.total,
            "Available": memory.available,
            "Used": memory.total.saturating_sub(memory.available),
            "Free": memory.free,
        },
        "CPU": cpus,
        "DiskStats": disks,
        "AllocDirStats": disk("", Path::new(""), disk_usage(alloc_dir).unwrap_or_default()),
        "DeviceStats": null,
        "Uptime": uptime(),
        "Timestamp": time::now(),
        "CPUTicksConsumed": ticks_consumed,
    });
    stats.to_string()
}

fn disk(device: &str, point: &Path, usage: DiskUsage) -> Value {
    json!({
        "Device": device,
        "Mountpoint": point.display().to_string(),
        "Size": usage.size,
        "Used": usage.used,
        "Available": usage.available,
        "UsedPercent": usage.used_percent,
        "InodesUsedPercent": usage.inodes_used_percent,
    })
}

/// How busy a processor was between two samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CpuLoad {
    /// `cpu0`
    pub cpu: String,
    /// Percent of the time.
    pub user: f64,
    pub system: f64,
    pub idle: f64,
    pub total_percent: f64,
    /// MHz.
    pub total_ticks: f64,
}

fn cpu_loads(before: &CpuSample, after: &CpuSample) -> Vec<CpuLoad> {
    let frequency = Cpu::measure().frequency as f64;
    let of = |cpu: &CpuTimes| {
        let earlier = before.cpus.iter().find(|earlier| earlier.name == cpu.name).cloned().unwrap_or_default();
        let span = cpu.total.saturating_sub(earlier.total).max(1) as f64;
        let percent = |now: u64, then: u64| now.saturating_sub(then) as f64 / span * 100.0;
        let idle = percent(cpu.idle, earlier.idle);
        let total_percent = (100.0 - idle).clamp(0.0, 100.0);
        CpuLoad {
            cpu: cpu.name.clone(),
            user: percent(cpu.user, earlier.user),
            system: percent(cpu.system, earlier.system),
            idle,
            total_percent,
            total_ticks: total_percent / 100.0 * frequency,
        }
    };
    after.cpus.iter().map(of).collect()
}

/// How busy the processors were since this was asked before; the first time, since the machine started.
pub(crate) fn cpu_figures(shared: &Shared) -> Vec<CpuLoad> {
    let after = CpuSample { at: Instant::now(), cpus: cpu_times(&fs::read_to_string("/proc/stat").unwrap_or_default()) };
    let mut last = shared.samples.cpus_of_probe.lock().unwrap_or_else(PoisonError::into_inner);
    let before = last.replace(after.clone()).unwrap_or(CpuSample { at: after.at, cpus: Vec::new() });
    cpu_loads(&before, &after)
}

/// Two samples far enough apart: the last asker's and a new one.
async fn cpu_samples(shared: &Shared) -> (CpuSample, CpuSample) {
    let take = || CpuSample { at: Instant::now(), cpus: cpu_times(&fs::read_to_string("/proc/stat").unwrap_or_default()) };
    let earlier = shared.samples.cpus.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let before = earlier.unwrap_or_else(take);
    tokio::time::sleep(SPAN_LEAST.saturating_sub(before.at.elapsed())).await;
    let after = take();
    *shared.samples.cpus.lock().unwrap_or_else(PoisonError::into_inner) = Some(after.clone());
    (before, after)
}

/// The lines of single processors in `/proc/stat`.
fn cpu_times(stat: &str) -> Vec<CpuTimes> {
    let of_line = |line: &str| {
        let mut fields = line.split_whitespace();
        let name = fields.next().filter(|name| name.len() > 3 && name.starts_with("cpu"))?.to_owned();
        let times: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
        let time = |at: usize| times.get(at).copied().unwrap_or(0);
        // user nice system idle iowait irq softirq steal; guest times are within user.
        Some(CpuTimes {
            name,
            user: time(0) + time(1),
            system: time(2) + time(5) + time(6),
            idle: time(3) + time(4),
            total: times.iter().take(8).sum(),
        })
    };
    stat.lines().filter_map(of_line).collect()
}

/// Seconds since the machine started.
pub(crate) fn uptime() -> u64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    text.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0)
}

pub(crate) fn memory() -> Option<Memory> {
    read_memory(&fs::read_to_string("/proc/meminfo").ok()?)
}

fn read_memory(text: &str) -> Option<Memory> {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    let free = value("MemFree")?;
    Some(Memory { total: value("MemTotal")?, available: value("MemAvailable").unwrap_or(free), free })
}

/// Filesystems on devices, each device once.
pub(crate) fn mounts() -> Vec<Mount> {
    read_mounts(&fs::read_to_string("/proc/self/mounts").unwrap_or_default())
}

fn read_mounts(text: &str) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for line in text.lines() {
        let mut fields = line.split_whitespace();
        let (Some(device), Some(point)) = (fields.next(), fields.next()) else { continue };
        let is_root = point == "/";
        let is_device = device.starts_with("/dev/") && !device.starts_with("/dev/loop");
        if (is_device || is_root) && !mounts.iter().any(|mount| mount.device == device) {
            mounts.push(Mount { device: device.to_owned(), point: PathBuf::from(point.replace("\\040", " ")) });
        }
    }
    mounts
}

/// `None` when the path cannot be looked at.
pub(crate) fn disk_usage(path: &Path) -> Option<DiskUsage> {
    let stats = statvfs(path).ok()?;
    let block = stats.fragment_size();
    let (size, free, available) = (stats.blocks() * block, stats.blocks_free() * block, stats.blocks_available() * block);
    let used = size.saturating_sub(free);
    let percent = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 };
    let inodes = stats.files().saturating_sub(stats.files_free());
    Some(DiskUsage {
        size,
        used,
        available,
        // What is kept for the administrator counts neither as used nor as there.
        used_percent: percent(used, used + available),
        inodes_used_percent: percent(inodes, stats.files()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of the kernel are read as they are written.
    #[test]
    fn kernel_files() {
        let cpus = cpu_times("cpu  9 9 9 9\ncpu0 10 1 5 100 2 3 4 0 7 0\ncpu1 1\nintr 5\n");
        let first = CpuTimes { name: "cpu0".to_owned(), user: 11, system: 12, idle: 102, total: 125 };
        assert_eq!(cpus[0], first);
        assert_eq!(cpus.len(), 2);
        let memory = read_memory("MemTotal:  100 kB\nMemFree: 10 kB\nMemAvailable: 50 kB\n").unwrap();
        assert_eq!(memory, Memory { total: 102_400, available: 51_200, free: 10_240 });
        let mounts = read_mounts(
            "overlay / overlay rw 0 0\nproc /proc proc rw 0 0\n/dev/vda /data\\040x ext4 rw 0 0\n/dev/vda /again ext4 rw 0 0\n",
        );
        let mount = |device: &str, point: &str| Mount { device: device.to_owned(), point: point.into() };
        assert_eq!(mounts, [mount("overlay", "/"), mount("/dev/vda", "/data x")]);
        assert!(disk_usage(Path::new("/")).unwrap().size > 0);
        assert_eq!(disk_usage(Path::new("/no/such/path")), None);
    }
}
