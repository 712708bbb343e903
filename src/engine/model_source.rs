//! Where a model comes from.

use super::model_file::{ModelConfig, ModelFile, ModelFileError, ModelWeights};
use super::synthetic::SyntheticModel;

/// A model from files, or made up.
#[derive(Debug)]
pub enum ModelSource {
    File(ModelFile),
    Synthetic(SyntheticModel),
}

impl ModelSource {
    pub fn config(&self) -> &ModelConfig {
        match self {
            ModelSource::File(file) => file.config(),
            ModelSource::Synthetic(model) => model.config(),
        }
    }

    /// The weights where they lie. Files are refused that lack one or have another shape.
    pub fn weights(&self) -> Result<ModelWeights<'_>, ModelFileError> {
        match self {
            ModelSource::File(file) => file.weights(),
            ModelSource::Synthetic(model) => Ok(model.weights()),
        }
    }

    /// What tells models apart: `sha256:` over all weights, which reads them, or what a synthetic model was made from.
    pub fn identity(&self) -> Result<String, ModelFileError> {
        match self {
            ModelSource::File(file) => Ok(format!("sha256:{}", file.weights()?.sha256())),
            ModelSource::Synthetic(model) => Ok(model.identity()),
        }
    }
}
