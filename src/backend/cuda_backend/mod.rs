//! NVIDIA GPUs through the CUDA driver and NVRTC, both loaded at run time.

mod driver;
mod nvrtc;
mod open;
mod properties;

pub use open::{open, survey};
