//! Why a model did not run on the host.

/// A forward pass that cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum HostModelError {
    #[error("there are no tokens; give at least one")]
    NoTokens,

    #[error("token {token} is not one of the {vocab} of the vocabulary; give ids from 0 to {}", vocab - 1)]
    NoSuchToken { token: u32, vocab: usize },

    #[error("position {wanted} is beyond the {positions} that there is room for; give fewer tokens")]
    TooLong { wanted: usize, positions: usize },

    #[error("the model has {context_length} positions, not {positions}; give fewer tokens")]
    BeyondContext { positions: usize, context_length: usize },

    #[error("{what} needs {needed} bytes, and {available} are available; give fewer tokens or free memory")]
    Memory { what: &'static str, needed: u64, available: u64 },

    #[error(
        "a logit of position {position} is {value}; the weights or the computation are broken, compare with another engine"
    )]
    NotFinite { position: usize, value: f32 },
}
