//! What compiled kernels say of themselves: read from code objects, with no driver and no GPU.

mod amd_object;
mod compiled;
mod elf_symbols;
mod error;
mod occupancy;
mod offline_compiler;
mod paper_device;

pub use amd_object::AmdKernel;
pub use compiled::{AmdCodeObjects, attributes_in};
pub use error::CodeObjectError;
pub use occupancy::{AmdOccupancy, amd_occupancy, known_amd_architectures};
pub use paper_device::{amd_device_on_paper, amd_wave_size};
