//! AMD devices, through the files of the kernel's amdgpu driver; no library is needed.
//!
//! Formats: the kernel's Documentation/gpu/amdgpu/thermal.rst, and kgd_pp_interface.h for `gpu_metrics`.

mod compute_processes;
mod device;
mod dpm_clocks;
mod folder;
mod gpu_metrics;

pub use device::AmdgpuTelemetry;
