//! The `host` device: a SIMT emulator that runs the kernels' own sources, compiled as C++.
//!
//! Every GPU thread is a coroutine; barriers and wave operations are rendezvous points. What is undefined on
//! a GPU (divergent barriers, accesses outside of buffers, races on shared memory) is a fault that names
//! kernel, block and thread, never a hang.

mod access_check;
mod block_runner;
mod block_state;
mod callback_table;
mod device;
mod fault;
mod host_information;
mod image;
mod kernel_callbacks;
mod kernel_loader;
mod kernel_table;
mod kernel_wrapper;
mod launch;
mod memory;
mod options;
mod ordering;
mod race_detector;
mod runtime_compiler;
mod sanitizer_callbacks;
mod shared_memory;
mod step_count;
mod thread_state;

pub use device::HostDevice;
pub(super) use host_information::survey;
pub use options::{HostOptions, ParseScheduleError, Schedule};
