//! Facts about the machine that tell two runs apart. The host's name is not one of them: reports get shared.

use std::fs;

use serde::{Deserialize, Serialize};

/// The machine around the device. Empty or 0 where the system does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub cpu: String,
    /// Hardware threads this process may use.
    pub cores: usize,
    pub memory_bytes: u64,
    /// Distribution and its version.
    pub os: String,
    /// Operating system kernel and its version.
    pub kernel: String,
}

impl Machine {
    /// Reads /proc and /etc/os-release.
    pub fn detect() -> Self {
        let cpu_info = read("/proc/cpuinfo");
        let memory = value_of(&read("/proc/meminfo"), "MemTotal", ':');
        let kibibytes: u64 = memory.trim_end_matches("kB").trim().parse().unwrap_or(0);
        Self {
            cpu: value_of(&cpu_info, "model name", ':'),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: kibibytes * 1024,
            os: value_of(&read("/etc/os-release"), "PRETTY_NAME", '=').trim_matches('"').to_string(),
            kernel: format!("{} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim()),
        }
    }
}

/// These files are information for people: a system without them simply says less.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The value after `key` and `separator` on the first line that starts with the key.
fn value_of(text: &str, key: &str, separator: char) -> String {
    let line = text.lines().find(|line| line.starts_with(key));
    line.and_then(|line| line.split_once(separator)).map_or(String::new(), |(_, value)| value.trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_key() {
        assert_eq!(value_of("a: 1\nMemTotal:   16 kB\n", "MemTotal", ':'), "16 kB");
        assert_eq!(value_of("a: 1", "b", ':'), "");
    }
}
