//! Why a model did not run on a device.

use crate::backend::BackendError;
use crate::operation::{BindError, ContractError};
use crate::tensor::DType;

/// A model that does not fit a device, or a request that does not fit the model.
#[derive(Debug, thiserror::Error)]
pub enum DeviceModelError {
    #[error(
        "{device} has {total} bytes of memory, {live} of them in use, and the model needs {needed}: {weights} for weights, {cache} for keys and values ({sequences} x {positions} positions), {activations} for activations and workspaces; give fewer positions or sequences, a 16-bit --dtype or a smaller model"
    )]
    Memory {
        device: String,
        total: u64,
        live: u64,
        needed: u64,
        weights: u64,
        cache: u64,
        activations: u64,
        sequences: usize,
        positions: usize,
    },

    #[error("a model cannot compute in {0}; use f32, f16 or bf16")]
    ComputeType(DType),

    #[error("there must be room for at least one position of one sequence; give a prompt")]
    NoRoom,

    #[error("the model has {context_length} positions, not {positions}; give fewer tokens")]
    BeyondContext { positions: usize, context_length: usize },

    #[error("position {wanted} is beyond the {positions} that there is room for; give fewer tokens")]
    TooLong { wanted: usize, positions: usize },

    #[error("token {token} is not one of the {vocab} of the vocabulary; give ids from 0 to {}", vocab - 1)]
    NoSuchToken { token: u32, vocab: usize },

    #[error("there are no tokens; give at least one")]
    NoTokens,

    /// A shape that a kernel does not take.
    #[error(transparent)]
    Contract(#[from] ContractError),

    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl From<BindError> for DeviceModelError {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Contract(error) => Self::Contract(error),
            BindError::Backend(error) => Self::Backend(error),
        }
    }
}
