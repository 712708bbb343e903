//! NVIDIA GPUs through the CUDA driver and NVRTC, both loaded at run time.

mod cublaslt;
mod driver;
mod nvrtc;
mod open;
mod properties;
mod toolkit;

pub use cublaslt::attempts as matrix_library_attempts;
pub use open::{open, survey};
