//! A model whose weights are made, not loaded.

use std::collections::HashMap;
use std::convert::Infallible;

use super::SyntheticError;
use super::generator::{Spread, fill};
use super::preset::Preset;
use crate::engine::host_model::available_bytes;
use crate::engine::model_file::{ModelConfig, ModelWeights, Naming, StoredTensor, TensorType, assemble_weights};
use crate::tensor::DType;

/// Norm weights lie this far around 1, biases around 0.
const SMALL_REACH: f32 = 0.1;

/// A published shape with made-up weights in host memory. Matrices have entries of standard deviation `1 / sqrt(inputs)`,
/// so that activations keep their size from layer to layer and logits spread by about 1.
#[derive(Debug)]
pub struct SyntheticModel {
    preset: &'static Preset,
    seed: u64,
    dtype: DType,
    config: ModelConfig,
    tensors: HashMap<String, MadeTensor>,
}

#[derive(Debug)]
struct MadeTensor {
    name: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl SyntheticModel {
    /// Makes the weights of the preset `name` in `dtype`; the same bytes for a name, a type and a seed on every machine.
    /// Fails if there is no such preset, the type is no float, or memory is short.
    pub fn new(name: &str, dtype: DType, seed: u64) -> Result<Self, SyntheticError> {
        let preset = Preset::find(name).ok_or_else(|| SyntheticError::NoSuchPreset { name: name.to_string() })?;
        if dtype == DType::U32 {
            return Err(SyntheticError::DType { dtype: dtype.to_string() });
        }
        let config = preset.config();
        let shapes = shapes(&config);
        let needed = shapes.iter().map(|(_, shape)| elements(shape) * dtype.size() as u64).sum();
        let available = available_bytes().unwrap_or(u64::MAX);
        if needed > available {
            return Err(SyntheticError::Memory { name: preset.name, needed, available });
        }
        let make = |(number, (name, shape)): (usize, (String, Vec<usize>))| {
            let mut bytes = vec![0; elements(&shape) as usize * dtype.size()];
            fill(&mut bytes, dtype, spread(&name, &shape), seed, number as u32);
            (name.clone(), MadeTensor { name, shape, bytes })
        };
        let tensors = shapes.into_iter().enumerate().map(make).collect();
        Ok(Self { preset, seed, dtype, config, tensors })
    }

    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    pub fn preset(&self) -> &'static Preset {
        self.preset
    }

    /// What tells synthetic models apart, without reading them.
    pub fn identity(&self) -> String {
        format!("synthetic:{}/{}/seed {}", self.preset.name, self.dtype, self.seed)
    }

    pub fn weights(&self) -> ModelWeights<'_> {
        let Ok(weights) = assemble_weights::<Infallible>(&self.config, Naming::HuggingFace, |name, _| {
            let tensor = &self.tensors[name];
            Ok(StoredTensor {
                name: &tensor.name,
                tensor_type: tensor_type(self.dtype),
                shape: &tensor.shape,
                bytes: &tensor.bytes,
            })
        });
        weights
    }
}

fn tensor_type(dtype: DType) -> TensorType {
    match dtype {
        DType::F16 => TensorType::F16,
        DType::BF16 => TensorType::BF16,
        DType::F32 | DType::U32 => TensorType::F32,
    }
}

fn elements(shape: &[usize]) -> u64 {
    shape.iter().map(|size| *size as u64).product()
}

/// Names and shapes of all weights, in the order in which a model is assembled.
fn shapes(config: &ModelConfig) -> Vec<(String, Vec<usize>)> {
    let mut shapes = Vec::new();
    let Ok(_) = assemble_weights::<Infallible>(config, Naming::HuggingFace, |name, shape| {
        shapes.push((name.to_string(), shape.to_vec()));
        Ok(StoredTensor { name: "", tensor_type: TensorType::F32, shape: &[], bytes: &[] })
    });
    shapes
}

fn spread(name: &str, shape: &[usize]) -> Spread {
    match *shape {
        [_, inputs] => Spread { center: 0.0, reach: (3.0 / inputs as f32).sqrt() },
        _ if name.ends_with(".bias") => Spread { center: 0.0, reach: SMALL_REACH },
        _ => Spread { center: 1.0, reach: SMALL_REACH },
    }
}

#[cfg(test)]
mod tests {
    use super::super::preset::PRESETS;
    use super::*;

    #[test]
    fn presets_have_as_many_parameters_as_the_models_they_are_named_after() {
        for preset in PRESETS {
            let count: u64 = shapes(&preset.config()).iter().map(|(_, shape)| elements(shape)).sum();
            assert_eq!(count, preset.parameters, "{} of {}", preset.name, preset.source);
        }
    }

    #[test]
    fn what_cannot_be_made_is_told() {
        let error = SyntheticModel::new("llama-9-1t", DType::F32, 0).unwrap_err().to_string();
        assert!(error.contains("`llama-9-1t`; there are llama-3.2-1b, "), "{error}");
        let error = SyntheticModel::new("tiny", DType::U32, 0).unwrap_err().to_string();
        assert!(error.contains("not made in u32"), "{error}");
    }
}
