//! Kernel, operating system, memory and name of the machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use drivers::ALL_SIGNALS;

pub(crate) fn describe(attributes: &mut BTreeMap<String, String>) {
    let mut set = |name: &str, value: String| {
        if !value.is_empty() {
            attributes.insert(name.to_owned(), value);
        }
    };
    set("kernel.name", std::env::consts::OS.to_owned());
    set("kernel.arch", std::env::consts::ARCH.to_owned());
    set("kernel.version", line("/proc/sys/kernel/osrelease"));
    let release = fs::read_to_string("/etc/os-release").or_else(|_| fs::read_to_string("/usr/lib/os-release")).unwrap_or_default();
    let (name, version) = os(&release);
    set("os.name", name);
    set("os.version", version);
    set("os.signals", ALL_SIGNALS.map(|signal| signal.as_str()).join(","));
    set("os.cgroups.version", cgroups().to_owned());
    set("unique.hostname", line("/proc/sys/kernel/hostname"));
    let nodes = fs::read_dir("/sys/devices/system/node").map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
    let nodes: Vec<(u32, PathBuf)> = nodes.iter().filter_map(|entry| Some((numa_node(&entry.file_name())?, entry.path()))).collect();
    set("numa.node.count", nodes.len().max(1).to_string());
    for (number, path) in nodes {
        let cores = fs::read_to_string(path.join("cpulist")).unwrap_or_default();
        set(&format!("numa.node{number}.cores"), cores.trim().to_owned());
    }
}

pub(crate) fn memory_bytes() -> Option<u64> {
    crate::stats::memory().map(|memory| memory.total)
}

fn line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// `ID` and `VERSION_ID` of an os-release file.
fn os(release: &str) -> (String, String) {
    let value = |key: &str| {
        let found = release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        found.unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned()
    };
    let name = value("ID");
    (if name.is_empty() { "linux".to_owned() } else { name }, value("VERSION_ID"))
}

fn cgroups() -> &'static str {
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        "2"
    } else if Path::new("/sys/fs/cgroup").is_dir() {
        "1"
    } else {
        ""
    }
}

/// The number of a NUMA node by the name of its folder.
fn numa_node(name: &std::ffi::OsStr) -> Option<u32> {
    name.to_str()?.strip_prefix("node")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quoted or not, and absent.
    #[test]
    fn os_release() {
        let both = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(os("PRETTY_NAME=\"x\"\nID=debian\nVERSION_ID=\"12\"\n"), both("debian", "12"));
        assert_eq!(os("ID='alpine'\n"), both("alpine", ""));
        assert_eq!(os(""), both("linux", ""));
    }
}
