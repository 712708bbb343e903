//! NVIDIA's management library, loaded at run time.

mod device;
mod functions;
mod library;
mod reasons;

pub use device::NvmlTelemetry;
