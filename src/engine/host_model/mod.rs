//! A model on the CPU in f32: rayon and `gemm`, weights as they are stored. It is the reference that other devices are
//! held against, and is itself held against Hugging Face transformers.

mod attention;
mod available_memory;
mod engine;
mod error;
mod forward;
mod greedy;
mod key_value_cache;
mod layer_vectors;
mod matrix_product;
mod norm;
mod projection;
mod rotation;
mod span_recorder;

pub(super) use available_memory::available_bytes;
pub use error::HostModelError;
pub use forward::{HostModel, LogitRows};
