//! What a device is, as its driver reports it.

use serde::{Deserialize, Serialize};

/// Which runtime drives a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendKind {
    Hip,
    Cuda,
    Host,
}

impl BackendKind {
    pub const fn name(self) -> &'static str {
        match self {
            BackendKind::Hip => "hip",
            BackendKind::Cuda => "cuda",
            BackendKind::Host => "host",
        }
    }
}

/// Properties of one device. Sizes are bytes; 0 where the driver does not say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// Stable name on this machine: `hip:0`, `cuda:0`, `host`.
    pub id: String,
    pub backend: BackendKind,
    /// Marketing name, or the CPU model for `host`.
    pub name: String,
    /// Instruction set: `gfx942`, `sm_90`, `emulated-wave64`.
    pub architecture: String,
    /// Threads that run in lockstep: 32 or 64.
    pub wave_size: u32,
    /// Compute units (AMD), streaming multiprocessors (NVIDIA); 4 on `host`, whatever its cores.
    pub multiprocessors: u32,
    pub l2_bytes: u64,
    /// Cache behind L2 (Infinity Cache on MI300); 0 if none.
    pub last_level_bytes: u64,
    pub memory_bytes: u64,
    /// Shared memory (LDS) one block may use without opting in.
    pub shared_bytes_per_block: u32,
    pub max_threads_per_block: u32,
    pub driver_version: String,
    pub runtime_version: String,
    /// Compiler of the kernels, with its version and options.
    pub compiler: String,
    /// Times on this device are the emulator's and must never be compared with a GPU's.
    pub emulated: bool,
    /// Anything else that tells two configurations apart: `HSA_OVERRIDE_GFX_VERSION`, partition mode,
    /// emulator schedule. Sorted by key.
    pub details: Vec<(String, String)>,
}

impl DeviceInfo {
    /// Of NVIDIA's GPUs, times ten: 90 for `sm_90`. `None` for others.
    pub fn compute_capability(&self) -> Option<u32> {
        self.architecture.strip_prefix("sm_")?.parse().ok()
    }
}
