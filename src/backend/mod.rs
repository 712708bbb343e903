//! Devices behind one trait: HIP (AMD), CUDA (NVIDIA) and the host SIMT emulator.
//!
//! Nothing above this module knows which vendor it runs on. Vendor libraries are loaded at run time; a
//! missing one is an ordinary answer, never a panic and never a link error.

mod allocation_ledger;
mod buffer;
mod code_object;
mod cuda_backend;
mod device;
mod discovery;
mod error;
mod gpu;
mod hip_backend;
mod host_backend;
mod info;
mod kernel;
mod kernel_attributes;
mod kernel_cache;
mod kernel_scan;
mod kernel_source;
mod matrix_library;
mod module_compiler;
mod runtime_compiler;
mod selection;
mod shared_library;
pub mod telemetry;

pub use allocation_ledger::{AllocationLedger, LiveAllocation};
pub use buffer::{Buffer, BufferStorage};
pub use code_object::{
    AmdCodeObjects, AmdKernel, AmdOccupancy, CodeObjectError, amd_device_on_paper, amd_occupancy, amd_wave_size,
    known_amd_architectures,
};
pub use device::{Device, Download, Event, FENCE_BYTES, FENCE_PATTERN, FenceViolation, Graph};
pub use discovery::{Attempt, BackendSurvey, matrix_library_attempts, survey};
pub use error::BackendError;
pub use hip_backend::compile_with_hiprtc;
pub use host_backend::{HostDevice, HostOptions, ParseScheduleError, Schedule};
pub use info::{BackendKind, DeviceInfo};
pub use kernel::{Argument, Kernel, KernelId, LaunchDimensions, MatrixTiles};
pub use kernel_attributes::KernelAttributes;
pub use kernel_scan::ScanError;
pub use kernel_source::{KernelInclude, KernelLibrary, KernelLibraryError, KernelModule, KernelOrigin};
pub use matrix_library::{MatrixElement, MatrixLibrary, MatrixOperand, MatrixProductShape, PreparedProduct};
pub use selection::{DeviceChoice, DeviceRequest, OpenOptions, PassedOver, Selection, open};
