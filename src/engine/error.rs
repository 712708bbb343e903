//! Why an engine did not answer.

use super::device_model::DeviceModelError;
use super::host_model::HostModelError;
use super::model_file::ModelFileError;

/// A request that an engine did not answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Model(#[from] ModelFileError),

    #[error(transparent)]
    Host(#[from] HostModelError),

    #[error(transparent)]
    Device(#[from] DeviceModelError),

    #[error("{prompts} prompts do not fit an engine for 1 to {sequences}; give one per sequence")]
    Batch { prompts: usize, sequences: usize },

    #[error("prompts of {lengths:?} tokens do not run together; give at least one token to each, and the same number")]
    Lengths { lengths: Vec<usize> },

    #[error("there is nothing to continue; run a prompt first")]
    NoPrompt,

    #[error("{parameter} {value} is out of range; give {rule}")]
    Sampling { parameter: &'static str, value: String, rule: &'static str },

    #[error(
        "the logits of sequence {sequence}, token {step}, hold {found}; the weights or the computation are broken, compare with another engine"
    )]
    BrokenLogits { sequence: usize, step: u64, found: &'static str },
}
