//! Why a synthetic model was not made.

use super::preset::PRESETS;

/// A synthetic model that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SyntheticError {
    #[error("there is no synthetic model `{name}`; there are {}", names())]
    NoSuchPreset { name: String },

    #[error("weights are not made in {dtype}; give f32, f16 or bf16")]
    DType { dtype: String },

    #[error(
        "the weights of {name} need {needed} bytes, and {available} are available; free memory or take a smaller model"
    )]
    Memory { name: &'static str, needed: u64, available: u64 },
}

fn names() -> String {
    PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ")
}
