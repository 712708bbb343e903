//! What the host device says of itself.

use std::fs;

use super::shared_memory::SHARED_BYTES_LIMIT;
use super::{HostOptions, Schedule};
use crate::backend::{BackendKind, BackendSurvey, DeviceInfo};

/// Threads one block may have, as on every AMD and NVIDIA GPU.
pub(super) const MAX_THREADS_PER_BLOCK: u32 = 1024;

/// Launch plans follow this number. It is the same on every machine, whatever its cores, so that the launches are too, and
/// with them verdicts and step counts.
const MULTIPROCESSORS: u32 = 4;

/// The emulator needs nothing that could be missing: it always has its one device.
pub fn survey() -> BackendSurvey {
    BackendSurvey {
        backend: BackendKind::Host,
        runtime: Some(format!("emulator, kernels compiled by {}", env!("HIPGAUGE_HOST_COMPILER_VERSION"))),
        devices: vec![describe(&HostOptions::default(), env!("HIPGAUGE_HOST_COMPILER_VERSION"))],
        absence: None,
        attempts: Vec::new(),
    }
}

/// The device's properties; `compiler` compiled its kernels.
pub(super) fn describe(options: &HostOptions, compiler: &str) -> DeviceInfo {
    DeviceInfo {
        id: "host".to_string(),
        backend: BackendKind::Host,
        name: field_of("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_string()),
        architecture: format!("emulated-wave{}", options.wave_size),
        wave_size: options.wave_size,
        multiprocessors: MULTIPROCESSORS,
        l2_bytes: cache_bytes(2),
        last_level_bytes: cache_bytes(3),
        memory_bytes: memory_bytes(),
        shared_bytes_per_block: SHARED_BYTES_LIMIT,
        max_threads_per_block: MAX_THREADS_PER_BLOCK,
        driver_version: format!("hipgauge emulator {}", env!("CARGO_PKG_VERSION")),
        runtime_version: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_string(),
        compiler: compiler.to_string(),
        emulated: true,
        details: vec![
            ("memory_check".to_string(), options.memory_check.to_string()),
            ("schedule".to_string(), Schedule::to_string(&options.schedule)),
        ],
    }
}

/// The first value of a `key : value` file.
fn field_of(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.split(':').next().is_some_and(|name| name.trim() == key))?;
    line.split_once(':').map(|(_, value)| value.trim().to_string())
}

/// Physical memory; 16 GiB where the system does not say.
fn memory_bytes() -> u64 {
    let kibibytes = field_of("/proc/meminfo", "MemTotal").and_then(|value| value.split(' ').next()?.parse().ok());
    kibibytes.map_or(16 << 30, |kibibytes: u64| kibibytes << 10)
}

/// Size of the first core's cache of that level; 0 where the system does not say.
fn cache_bytes(level: u32) -> u64 {
    let directory = "/sys/devices/system/cpu/cpu0/cache";
    let read = |entry: &str, file: &str| fs::read_to_string(format!("{directory}/{entry}/{file}")).ok();
    let entries = ["index0", "index1", "index2", "index3", "index4"];
    let of_level = |entry: &&&str| read(entry, "level").is_some_and(|text| text.trim() == level.to_string());
    let size = entries.iter().find(of_level).and_then(|entry| read(entry, "size")).unwrap_or_default();
    let kibibytes = size.trim().strip_suffix('K').and_then(|number| number.parse::<u64>().ok());
    kibibytes.map_or(0, |kibibytes| kibibytes << 10)
}
