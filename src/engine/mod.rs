//! The engine: models as people keep them, run as they run them, so that a kernel's change shows where users feel it.

pub mod host_model;
pub mod model_file;
pub mod tokenizer;
