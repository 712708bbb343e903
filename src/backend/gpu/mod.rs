//! What CUDA and HIP devices have in common, which is nearly everything: the two driver interfaces agree
//! call by call, so memory, launches, events, graphs and the watchdog are written once, over `GpuDriver`.

mod device;
mod download;
mod driver;
mod event;
mod graph;
mod matrix_descriptors;
mod matrix_library;
mod memory;
mod module;
mod stream;

pub use device::GpuDevice;
pub use driver::{DriverError, ErrorKind, GpuDriver, Handle, TensorMap};
pub use module::CodeObjectSource;
