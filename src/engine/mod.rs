//! The engine: models as people keep them, run as they run them, so that a kernel's change shows where users feel it.

pub mod device_model;
mod error;
pub mod host_model;
mod inference;
pub mod model_file;
mod model_source;
mod sampling;
pub mod synthetic;
pub mod tokenizer;

pub use error::EngineError;
pub use inference::{
    Capacity, Engine, EngineDescription, EnginePath, FirstTokens, OperationSpan, Profile, RequestStages, check_prompts,
};
pub use model_source::ModelSource;
pub use sampling::Sampling;
