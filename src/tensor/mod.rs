//! Element types and host-side tensors: what travels between suites, devices and references.

mod dtype;
mod host_tensor;
mod ulp;

pub use dtype::{DType, ParseDTypeError};
pub use host_tensor::HostTensor;
pub use ulp::{is_subnormal, ordered_bits, ulp_distance};
