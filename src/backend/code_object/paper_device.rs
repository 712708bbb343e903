//! A GPU that is not there, to plan launches for whose code is only read.

use crate::backend::{BackendKind, DeviceInfo};

/// Threads of a wave that compilers use for an architecture when they are not told: 64 before gfx10, 32 from there on.
pub fn amd_wave_size(architecture: &str) -> u32 {
    if architecture.starts_with("gfx9") { 64 } else { 32 }
}

/// A device of an architecture with waves of so many threads. The other numbers decide how many blocks a launch has,
/// and nothing is launched.
pub fn amd_device_on_paper(architecture: &str, wave_size: u32) -> DeviceInfo {
    DeviceInfo {
        id: "hip:0".to_string(),
        backend: BackendKind::Hip,
        name: "a GPU on paper".to_string(),
        architecture: architecture.to_string(),
        wave_size,
        multiprocessors: 128,
        l2_bytes: 4 << 20,
        last_level_bytes: 0,
        memory_bytes: 64 << 30,
        shared_bytes_per_block: 64 << 10,
        max_threads_per_block: 1024,
        driver_version: String::new(),
        runtime_version: String::new(),
        compiler: String::new(),
        emulated: false,
        details: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_are_those_of_the_code_objects() {
        let sizes = ["gfx906", "gfx90a", "gfx942", "gfx950", "gfx1030", "gfx1100", "gfx1201"].map(amd_wave_size);
        assert_eq!(sizes, [64, 64, 64, 64, 32, 32, 32]);
        assert_eq!(amd_device_on_paper("gfx1100", 32).architecture, "gfx1100");
    }
}
