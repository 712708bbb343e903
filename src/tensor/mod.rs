//! Element types and host-side tensors: what travels between suites, devices and references;
//! and the blocks of quantised weights.

mod dtype;
mod half_bits;
mod host_tensor;
mod quant_block;
mod quant_format;
mod ulp;

pub use dtype::{DType, ParseDTypeError};
pub use half_bits::widen_half;
pub use host_tensor::HostTensor;
pub use quant_block::{GROUP, Group, QuantBlock};
pub use quant_format::{BlockVisitor, QuantFormat};
pub use ulp::{is_subnormal, ordered_bits, ulp_distance};
