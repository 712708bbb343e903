//! A model on the CPU in f32: rayon and `gemm`, weights as they are stored. It is the reference that other devices are
//! held against, and is itself held against Hugging Face transformers.

mod attention;
mod available_memory;
#[cfg(target_arch = "x86_64")]
mod avx2_lanes;
mod engine;
mod error;
mod forward;
mod greedy;
mod key_value_cache;
mod lanes;
mod layer_vectors;
mod matrix_product;
mod norm;
mod panel_product;
mod product_rate;
mod projection;
mod rotation;
mod row_dot;
mod span_recorder;
mod stored_groups;

pub(super) use available_memory::available_bytes;
pub use error::HostModelError;
pub use forward::{HostModel, LogitRows};
