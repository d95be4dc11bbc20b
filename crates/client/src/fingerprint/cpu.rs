//! Processors.

use std::collections::BTreeMap;
use std::fs;

/// MHz of a core when the machine does not say, as some virtual machines do not.
const FREQUENCY_GUESS: u64 = 1000;

/// What the processors are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cpu {
    pub cores: u64,
    /// MHz of one core.
    pub frequency: u64,
    pub model: String,
}

impl Cpu {
    pub fn measure() -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let most = fs::read_to_string("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq");
        let most = most.ok().and_then(|text| text.trim().parse::<u64>().ok()).map(|khz| khz / 1000);
        let usable = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
        Self::read(&info, most, usable)
    }

    fn read(info: &str, most: Option<u64>, usable: u64) -> Self {
        let value = |key: &str| info.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(':').map(str::trim));
        let current = value("cpu MHz").and_then(|text| text.parse::<f64>().ok()).map(|mhz| mhz as u64);
        let cores = info.lines().filter(|line| line.starts_with("processor")).count() as u64;
        Self {
            cores: if cores == 0 { usable } else { cores },
            frequency: most.or(current).filter(|mhz| *mhz > 0).unwrap_or(FREQUENCY_GUESS),
            model: value("model name").or_else(|| value("CPU part")).unwrap_or("unknown").to_owned(),
        }
    }

    /// MHz of all cores.
    pub fn total_compute(&self) -> u64 {
        self.cores * self.frequency
    }

    pub fn describe(&self, compute: u64, reserved: u64, n_reservable: usize, attributes: &mut BTreeMap<String, String>) {
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            other => other,
        };
        for (name, value) in [
            ("cpu.arch", arch.to_owned()),
            ("cpu.frequency", self.frequency.to_string()),
            ("cpu.modelname", self.model.clone()),
            ("cpu.numcores", self.cores.to_string()),
            ("cpu.reservablecores", n_reservable.to_string()),
            ("cpu.totalcompute", compute.to_string()),
            ("cpu.usablecompute", compute.saturating_sub(reserved).to_string()),
        ] {
            attributes.insert(name.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: what the machine says, and what is read from it.
    #[test]
    fn processors() {
        let two = "processor\t: 0\nmodel name\t: Xeon @ 2.3\ncpu MHz\t\t: 2300.123\n\nprocessor\t: 1\nmodel name\t: Xeon @ 2.3\n";
        let cpu = |cores: u64, frequency: u64, model: &str| Cpu { cores, frequency, model: model.to_owned() };
        assert_eq!(Cpu::read(two, None, 9), cpu(2, 2300, "Xeon @ 2.3"));
        assert_eq!(Cpu::read(two, Some(3500), 9), cpu(2, 3500, "Xeon @ 2.3"));
        assert_eq!(Cpu::read("", None, 4), cpu(4, 1000, "unknown"));
        assert_eq!(Cpu::read("processor : 0\nCPU part : 0xd0c\n", None, 4), cpu(1, 1000, "0xd0c"));
    }
}
