//! A model on a device: weights, cache and activations in its memory, every operation one that `verify` checks.
//!
//! A pass is strung together once for a shape, over memory that is taken when the model is made, and replayed as a graph
//! where the device has such. Of a step only the token's id comes back to the host.

mod all_positions;
mod attention_block;
mod composer;
mod device_matrix;
mod device_memory;
mod device_weights;
mod engine;
mod error;
mod model;
mod passes;
mod products;
mod program;
mod projection;
mod prompts;
mod requirements;
mod settings;
mod steps;
mod upload;

pub use error::DeviceModelError;
pub use model::DeviceModel;
pub use program::Program;
pub use settings::{ProductChoice, Settings};
