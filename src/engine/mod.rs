//! The engine: models as people keep them, run as they run them, so that a kernel's change shows where users feel it.

mod error;
pub mod host_model;
mod inference;
pub mod model_file;
mod sampling;
pub mod tokenizer;

pub use error::EngineError;
pub use inference::{
    Capacity, Engine, EngineDescription, EnginePath, FirstTokens, OperationSpan, RequestStages, check_prompts,
};
pub use sampling::Sampling;
